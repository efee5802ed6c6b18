"""What people do, as they would do it with a bot that is slow now and then."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.api.faults import Fault, drop_after
from demo.testing import PersonChat
from tests.company import until
from tests.crash.outcome import (
    actions,
    ccd_names,
    certificate_of,
    check_company,
    check_ended,
    check_live,
    check_request,
    crl_serials,
)
from tests.crash.stage import Stage


@dataclass(frozen=True, slots=True)
class Story:
    """Something that happens to one person, what comes before it, and how it has to end.

    `check` is told how often the bot died.
    """

    name: str
    before: Callable[[Stage, PersonChat], Coroutine[Any, Any, None]]
    tell: Callable[[Stage, PersonChat], Coroutine[Any, Any, None]]
    check: Callable[[Stage, PersonChat, int], Coroutine[Any, Any, None]]

    async def round(self, stage: Stage, *plan: int) -> list[str]:
        """Plays it with somebody new and a bot that dies as planned; gives the bot's steps."""
        chat = await stage.hire()
        await self.before(stage, chat)
        await stage.settle()
        steps = await stage.play(self.tell(stage, chat), *plan)
        await self.check(stage, chat, steps.count("killed"))
        check_company(stage)
        return steps


async def _nothing(_stage: Stage, _chat: PersonChat) -> None:
    """The story begins with a person on the allowlist."""


async def _asks(stage: Stage, chat: PersonChat) -> None:
    await chat.says("/requestvpn")
    await stage.hears(chat, "waits for the admins")
    for admin in (stage.company.boris, stage.company.clara):
        await stage.button(admin, f"{chat.person.first_name} asks", "Approve")


async def _decided(stage: Stage, chat: PersonChat, button: str) -> None:
    await chat.says("/requestvpn")
    boris = stage.company.boris
    card = await stage.button(boris, f"{chat.person.first_name} asks", button)
    await boris.taps(button, message=card)


async def _is_approved(stage: Stage, chat: PersonChat) -> None:
    await _decided(stage, chat, "Approve")
    await chat.receives_document()


async def _is_approved_and_lost(stage: Stage, chat: PersonChat) -> None:
    """The profile arrives, and the bot cannot know it."""
    stage.company.telegram.faults.append(Fault("sendDocument", 1, drop_after))
    await _is_approved(stage, chat)


async def _begins(stage: Stage, chat: PersonChat) -> None:
    """What was approved for later: its time comes."""
    soon = int((datetime.now(UTC) + timedelta(minutes=9)).timestamp() * 1_000_000)
    stage.company.tamper(
        "UPDATE requests SET starts_at = ? WHERE user_id = ?", soon, chat.person.id
    )
    await chat.receives_document()


async def _is_on_call(stage: Stage, chat: PersonChat) -> None:
    """In a group that gives up to eight hours without anybody's yes."""
    # There since the first round.
    stage.company.tamper(
        "INSERT OR IGNORE INTO groups (name, networks, routes, dns, servers, approvers, standing) "
        "VALUES ('oncall', '[]', '[]', '[]', '[]', '[]', 28800)",
        maybe=True,
    )
    await stage.company.boris.says(f"/group oncall add {chat.person.id}")
    await stage.hears(stage.company.boris, f"{chat.person.first_name} is in oncall now")


async def _gets_it_at_once(stage: Stage, chat: PersonChat) -> None:
    await chat.says("/requestvpn 1h")
    await chat.receives_document()
    for admin in (stage.company.boris, stage.company.clara):
        await stage.hears(admin, f"{chat.person.first_name} asks")


async def _check_at_once(stage: Stage, chat: PersonChat, deaths: int) -> None:
    await _check_approved(stage, chat, deaths)
    ((decided_by,),) = stage.company.query(
        "SELECT decided_by FROM requests WHERE user_id = ?", chat.person.id
    )
    assert decided_by == "group:oncall"


async def _is_scheduled(stage: Stage, chat: PersonChat) -> None:
    await chat.says("/requestvpn from tomorrow 9:00")
    boris = stage.company.boris
    card = await stage.button(boris, f"{chat.person.first_name} asks", "Approve")
    await boris.taps("Approve", message=card)
    await stage.hears(chat, "Boris approved your request")


async def _cannot_begin(stage: Stage, chat: PersonChat) -> None:
    """Its time comes while they are paused."""
    await stage.company.boris.says(f"/pause {chat.person.first_name}")
    await stage.hears(chat, "paused your VPN access")
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    stage.company.tamper("UPDATE requests SET starts_at = ? WHERE user_id = ?", now, chat.person.id)
    await stage.hears(chat, "your VPN access is paused, so I didn’t give it")


async def _is_denied(stage: Stage, chat: PersonChat) -> None:
    await _decided(stage, chat, "Deny")
    await stage.hears(chat, "Boris denied your request")


async def _is_connected(stage: Stage, chat: PersonChat) -> None:
    await _is_approved(stage, chat)
    await stage.settle()
    assert await stage.server.connect(_common_name(stage, chat))


async def _half_its_time_is_over(stage: Stage, chat: PersonChat) -> None:
    ago = int(timedelta(hours=13).total_seconds() * 1_000_000)
    back = "UPDATE requests SET asked_at = asked_at - ? WHERE user_id = ?"
    stage.company.tamper(back, ago, chat.person.id)
    for admin in (stage.company.boris, stage.company.clara):
        await stage.button(admin, "Still waiting", "Approve")


async def _is_revoked(stage: Stage, chat: PersonChat) -> None:
    await stage.company.boris.says(f"/revoke {chat.person.first_name}")
    await stage.hears(stage.company.boris, "Revoked")
    await stage.hears(chat, "took back your access")


async def _is_paused(stage: Stage, chat: PersonChat) -> None:
    await stage.company.boris.says(f"/pause {chat.person.first_name}")
    await stage.hears(stage.company.boris, f"Paused: {chat.person.first_name}")
    await stage.hears(chat, "paused your VPN access")


async def _was_paused(stage: Stage, chat: PersonChat) -> None:
    await _is_connected(stage, chat)
    await _is_paused(stage, chat)


async def _is_resumed(stage: Stage, chat: PersonChat) -> None:
    await stage.company.boris.says(f"/resume {chat.person.first_name}")
    await stage.hears(chat, "Your VPN access is back")
    await stage.hears(stage.company.boris, f"{chat.person.first_name} isn’t paused any more")


async def _is_asked(stage: Stage, chat: PersonChat) -> None:
    """A look has found the first use of their profile."""
    await _is_connected(stage, chat)
    stage.company.tamper(
        "INSERT INTO asked_uses (grant_id, kind, server, used_at, addresses, asked_at)"
        " SELECT id, 'first', server, not_before, '[\"198.51.100.7\"]', not_before FROM grants"
        " WHERE user_id = ?",
        chat.person.id,
    )
    stage.company.tamper(
        "INSERT INTO outbox (chat_id, kind, payload, state, attempts, due_at, created_at)"
        " SELECT ?, 'asked_use', json_object('use', max(id)), 'queued', 0, 0, 0 FROM asked_uses",
        chat.person.id,
    )


async def _says_not_me(stage: Stage, chat: PersonChat) -> None:
    question = await stage.button(chat, "Was this you?", "Not me")
    await chat.taps("Not me", message=question)
    await stage.hears(chat, "You said that this wasn’t you")
    await stage.hears(chat, "Revoked")
    for admin in (stage.company.boris, stage.company.clara):
        await stage.hears(admin, f"{chat.person.first_name} says: not me")


async def _is_connected_and_in_the_group(stage: Stage, chat: PersonChat) -> None:
    await _is_connected(stage, chat)
    stage.group.joins(chat.person.id)


async def _leaves_the_group(stage: Stage, chat: PersonChat) -> None:
    """Both admins are asked, and one of them says yes."""
    stage.group.leaves(chat.person.id)
    words = f"{chat.person.first_name} has left your group"
    for admin in (stage.company.clara, stage.company.boris):
        card = await stage.button(admin, words, "Remove")
    await stage.company.boris.taps("Remove", message=card)
    await stage.hears(stage.company.boris, "Revoked")
    await stage.hears(chat, "took you off the list")


async def _gets_a_new_profile(stage: Stage, chat: PersonChat) -> None:
    await chat.says("/myvpn")
    listing = await stage.button(chat, "active", "New profile")
    await chat.taps("New profile", message=listing)
    question = await stage.button(chat, "stops working", "New profile now")
    await chat.taps("New profile now", message=question)
    await chat.receives_document()


async def _gets_more_time(stage: Stage, chat: PersonChat) -> None:
    await chat.says("/myvpn")
    listing = await stage.button(chat, "active", "More time")
    await chat.taps("More time", message=listing)
    await stage.hears(chat, "It’s for more time")
    boris = stage.company.boris
    card = await stage.button(boris, f"{chat.person.first_name} asks for more time", "Approve")
    await boris.taps("Approve", message=card)
    await chat.receives_document()


_THEIRS = "grant_id IN (SELECT id FROM grants WHERE user_id = ?)"


async def _is_told_in_time(stage: Stage, chat: PersonChat) -> None:
    """A day's profile, half an hour before its end; nobody reads of it twice."""
    now = datetime.now(UTC)
    begun, end = (now + delta for delta in (timedelta(hours=-23), timedelta(minutes=30)))
    stage.company.tamper(
        "UPDATE grants SET not_before = ?, not_after = ? WHERE user_id = ?",
        int(begun.timestamp() * 1_000_000),
        int(end.timestamp() * 1_000_000),
        chat.person.id,
    )
    # Theirs alone: others were told in stories before, and have no part in this one.
    stage.company.tamper(f"UPDATE reminders SET due_at = 0 WHERE {_THEIRS}", chat.person.id)
    done = "SELECT count(*) FROM outbox WHERE kind = 'reminder' AND state = 'done' AND chat_id = ?"
    await until(lambda: stage.company.query(done, chat.person.id) == [(1,)])


async def _time_is_over(stage: Stage, chat: PersonChat) -> None:
    await _ended(stage, chat, timedelta())


async def _time_is_long_over(stage: Stage, chat: PersonChat) -> None:
    """As after a weekend without the bot: the CRL after the next one need not list it."""
    await _ended(stage, chat, timedelta(hours=1))


async def _ended(stage: Stage, chat: PersonChat, ago: timedelta) -> None:
    end = int((datetime.now(UTC) - ago).timestamp() * 1_000_000)
    stage.company.tamper("UPDATE grants SET not_after = ? WHERE user_id = ?", end, chat.person.id)
    await stage.hears(chat, "has reached its end")
    for admin in (stage.company.boris, stage.company.clara):
        await stage.hears(admin, "its time was up")


async def _check_asked(stage: Stage, chat: PersonChat, deaths: int) -> None:
    """Asked and not decided; the story ends with a denial, so that the company is at rest."""
    boris = stage.company.boris
    await boris.taps("Deny", message=_newest_card(stage, chat))
    await stage.hears(chat, "Boris denied your request")
    await stage.settle()
    await _check_denied(stage, chat, deaths)


async def _check_reminded(stage: Stage, chat: PersonChat, deaths: int) -> None:
    """Of all cards only the reminders are left, and those that nobody knows of."""
    boris = stage.company.boris
    words = f"{chat.person.first_name} asks"
    cards = [message for message in boris.messages if words in message.text]
    assert 1 <= len(cards) <= 1 + deaths
    await boris.taps("Deny", message=cards[-1])
    await stage.hears(chat, "Boris denied your request")
    await stage.settle()
    await check_request(stage, chat, deaths=deaths, verdict="denied", also=["request.remind"])


async def _check_denied(stage: Stage, chat: PersonChat, deaths: int) -> None:
    await check_request(stage, chat, deaths=deaths, verdict="denied")
    assert stage.company.grants_of(chat) == []


async def _check_begun(stage: Stage, chat: PersonChat, deaths: int) -> None:
    """Begun once, whatever happened, and by nobody before its time."""
    company = stage.company
    ((request, state, starts_at),) = company.query(
        "SELECT id, state, starts_at FROM requests WHERE user_id = ?", chat.person.id
    )
    assert state == "approved"
    assert actions(stage, f"request:{request}") == {
        "request.ask": 1,
        "request.approve": 1,
        "request.begin": 1,
    }
    check_live(stage, chat, profiles=1 + deaths)
    for grant in company.grants_of(chat):
        certificate = certificate_of(chat, grant["serial"])
        if certificate is not None:
            begins = int(certificate.not_valid_before_utc.timestamp())
            assert begins == starts_at // 1_000_000


async def _check_not_begun(stage: Stage, chat: PersonChat, _deaths: int) -> None:
    ((request, state),) = stage.company.query(
        "SELECT id, state FROM requests WHERE user_id = ?", chat.person.id
    )
    assert state == "cancelled"
    assert actions(stage, f"request:{request}") == {
        "request.ask": 1,
        "request.approve": 1,
        "request.cancel": 1,
    }
    assert stage.company.grants_of(chat) == []
    await stage.company.boris.says(f"/resume {chat.person.first_name}")
    await stage.hears(chat, "Your VPN access is back")
    await stage.settle()


async def _check_approved(stage: Stage, chat: PersonChat, deaths: int) -> None:
    await check_request(stage, chat, deaths=deaths, verdict="approved")
    check_live(stage, chat, profiles=1 + deaths)
    assert await stage.server.connect(_common_name(stage, chat))


async def _check_replaced(stage: Stage, chat: PersonChat, deaths: int) -> None:
    assert stage.company.telegram.faults == []
    await check_request(stage, chat, deaths=deaths, verdict="approved")
    check_live(stage, chat, profiles=2 + deaths)
    first = stage.company.grants_of(chat)[0]
    assert (first["state"], first["end_reason"]) == ("revoked", "lost")


async def _check_revoked(stage: Stage, chat: PersonChat, deaths: int) -> None:
    await _check_over(stage, chat, deaths, "revoked")
    receipts = _receipts(stage.company.boris, stage, chat)
    assert 1 <= len(receipts) <= 1 + deaths


async def _check_stolen(stage: Stage, chat: PersonChat, deaths: int) -> None:
    await _check_over(stage, chat, deaths, "revoked")
    assert stage.company.grants_of(chat)[0]["end_reason"] == "stolen"


async def _check_left(stage: Stage, chat: PersonChat, deaths: int) -> None:
    """Asked about once, whatever was killed, and decided once."""
    await _check_over(stage, chat, deaths, "revoked")
    assert stage.company.grants_of(chat)[0]["end_reason"] == "removed"
    asked = stage.company.query("SELECT state FROM leavings WHERE user_id = ?", chat.person.id)
    assert asked == [("removed",)]
    for admin in (stage.company.boris, stage.company.clara):
        about = [one for one in admin.messages if f"{chat.person.first_name} has left" in one.text]
        # One that was sent by a bot that was killed before it could note that is one too many.
        assert len(about) <= deaths


async def _check_expired(stage: Stage, chat: PersonChat, deaths: int) -> None:
    """An ordinary end whose proof comes soon is no news; the admins' cards say that it is over."""
    await _check_over(stage, chat, deaths, "expired")
    for admin in (stage.company.boris, stage.company.clara):
        assert _receipts(admin, stage, chat) == []


async def _check_over(stage: Stage, chat: PersonChat, deaths: int, state: str) -> None:
    await check_request(stage, chat, deaths=deaths, verdict="approved")
    check_ended(stage, chat, profiles=1, state=state)
    name = stage.company.grants_of(chat)[0]["common_name"]
    assert name not in stage.server.sessions
    assert not await stage.server.connect(name)


async def _check_paused(stage: Stage, chat: PersonChat, deaths: int) -> None:
    """Out by both locks; then they come back, so that the company is at rest."""
    [(name, serial, pause)] = stage.company.query(
        "SELECT common_name, serial, pause FROM grants WHERE user_id = ?", chat.person.id
    )
    assert pause == "paused"
    assert serial in crl_serials(stage)
    assert name not in ccd_names(stage.company.folder / "office")
    assert name not in stage.server.sessions
    assert not await stage.server.connect(name)
    await _is_resumed(stage, chat)
    await stage.settle()
    await _check_resumed(stage, chat, deaths)


async def _check_resumed(stage: Stage, chat: PersonChat, deaths: int) -> None:
    await check_request(stage, chat, deaths=deaths, verdict="approved")
    check_live(stage, chat, profiles=1)
    assert await stage.server.connect(_common_name(stage, chat))


async def _check_renewed(stage: Stage, chat: PersonChat, deaths: int) -> None:
    await check_request(stage, chat, deaths=deaths, verdict="approved")
    check_live(stage, chat, profiles=2 + deaths)
    old = stage.company.grants_of(chat)[0]
    assert (old["state"], old["end_reason"]) == ("revoked", "replaced")
    assert not await stage.server.connect(old["common_name"])


async def _check_extended(stage: Stage, chat: PersonChat, deaths: int) -> None:
    """Of each of the two approvals one lives, and the earlier profile is what it was."""
    await stage.settle()
    asked = stage.company.query(
        "SELECT id, extends, state FROM requests WHERE user_id = ? ORDER BY id", chat.person.id
    )
    (first, _, _), (second, extends, _) = asked
    assert (extends, [state for _, _, state in asked]) == (first, ["approved", "approved"])
    live = stage.company.query(
        "SELECT request_id FROM grants WHERE user_id = ? AND state = 'active' ORDER BY 1",
        chat.person.id,
    )
    assert live == [(first,), (second,)]
    old, *_ = grants = stage.company.grants_of(chat)
    assert (old["state"], len(grants) <= 2 + deaths) == ("active", True)
    for grant in grants:
        is_live = grant["state"] == "active"
        assert await stage.server.connect(grant["common_name"]) == is_live


async def _check_told_in_time(stage: Stage, chat: PersonChat, deaths: int) -> None:
    await check_request(stage, chat, deaths=deaths, verdict="approved")
    check_live(stage, chat, profiles=1)
    said = [message for message in chat.messages if "Your access to office ends in" in message.text]
    # Whoever was killed while sending it leaves it at that.
    assert len(said) == 1 or (deaths and not said)
    left = f"SELECT * FROM reminders WHERE due_at = 0 AND {_THEIRS}"
    assert stage.company.query(left, chat.person.id) == []
    ends = "UPDATE grants SET not_after = ? WHERE user_id = ?"
    stage.company.tamper(ends, _a_week_from_now(), chat.person.id)


def _a_week_from_now() -> int:
    """So that the profile does not end in the middle of another story."""
    return int((datetime.now(UTC) + timedelta(days=7)).timestamp() * 1_000_000)


def _common_name(stage: Stage, chat: PersonChat) -> str:
    (live,) = [grant for grant in stage.company.grants_of(chat) if grant["state"] == "active"]
    return str(live["common_name"])


def _newest_card(stage: Stage, chat: PersonChat) -> Any:
    words = f"{chat.person.first_name} asks"
    cards = [message for message in stage.company.boris.messages if words in message.text]
    return cards[-1]


def _receipts(admin: PersonChat, stage: Stage, chat: PersonChat) -> list[str]:
    """The answers whose first word is Revoked, about this person."""
    names = [grant["common_name"] for grant in stage.company.grants_of(chat)]
    return [
        message.text
        for message in admin.messages
        if message.text.split()[0].rstrip(":.,") == "Revoked"
        and any(name in message.text for name in names)
    ]


REQUEST = Story("request", _nothing, _asks, _check_asked)
REMIND = Story("reminder", _asks, _half_its_time_is_over, _check_reminded)
DENY = Story("deny", _nothing, _is_denied, _check_denied)
APPROVE = Story("approve and deliver", _nothing, _is_approved, _check_approved)
AT_ONCE = Story("given at once", _is_on_call, _gets_it_at_once, _check_at_once)
SCHEDULE = Story("schedule and begin", _is_scheduled, _begins, _check_begun)
NOT_BEGUN = Story("not begun", _is_scheduled, _cannot_begin, _check_not_begun)
REVOKE = Story("revoke", _is_connected, _is_revoked, _check_revoked)
PAUSE = Story("pause", _is_connected, _is_paused, _check_paused)
RESUME = Story("resume", _was_paused, _is_resumed, _check_resumed)
NOT_ME = Story("not me", _is_asked, _says_not_me, _check_stolen)
LEAVE = Story("leaver", _is_connected_and_in_the_group, _leaves_the_group, _check_left)
RENEW = Story("new profile", _is_connected, _gets_a_new_profile, _check_renewed)
MORE_TIME = Story("more time", _is_approved, _gets_more_time, _check_extended)
SOON_OVER = Story("soon over", _is_approved, _is_told_in_time, _check_told_in_time)
EXPIRE = Story("expiry", _is_connected, _time_is_over, _check_expired)
EXPIRE_LATE = Story("late expiry", _is_connected, _time_is_long_over, _check_expired)
LOSE = Story("lost answer", _nothing, _is_approved_and_lost, _check_replaced)
