"""People who do what comes to their minds, a worker, and a judge who looks at each step."""

import string
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from bot.access.refusals import Refused
from tests.gate import updates
from tests.gate.case import Case, Deed, Laws, Shown, What
from tests.gate.expected import missing
from tests.gate.forbidden import broken_rules
from tests.gate.gate import Gate
from tests.gate.snapshot import LIVE, Eye, Request, Snapshot
from tests.gate.updates import Json
from tests.gate.words import misdirected

_REMEMBERED = 60
_PACE = 30
_MINUTE = timedelta(minutes=1)
ADMINS = (2001, 2002, 2003)
MEMBERS = (1001, 1002, 1003)
STRANGERS = (3001, 3002)
SECOND_ACCOUNT = 4001
ALL = (*ADMINS, *MEMBERS, *STRANGERS, SECOND_ACCOUNT)
SETTINGS = (
    Laws(ADMINS),
    Laws(ADMINS, approvals=2),
    Laws((2001, 2002)),
    Laws((2002, 2003, SECOND_ACCOUNT), approvals=2),
    Laws((2001, 2002, SECOND_ACCOUNT), approvals=2, default_duration=86_400),
    Laws(ADMINS, long_duration=3 * 86_400),
    Laws((*ADMINS, 1001), approvals=3),
    Laws((*ADMINS, SECOND_ACCOUNT), approvals=3),
    Laws((2003,), max_duration=86_400, default_duration=3600),
)
# Most of the time somebody types at a person's pace, now and then as a script would.
_PAUSES = (0, 0, 2, 3, 3, 5, 9, 30)
_DURATIONS = ("", "", "30m", "8h", "7d", "2w", "30d", "31d", "0d", "9x", "99999w", "7d 8h")
_PLACES = ("", "", "berlin", "paris", "Berlin", "rome")
_NAMES = ("Anna", "Boris", "Ann Na", "<b>x</b>", "\u202e", "2001", "@u2001", "")
_REASONS = ("", "customer visit", "/approve", "<i>", "berlin 30d", "\u202eabc")
_PLAIN = ("/start", "/help", "/myvpn", "/pending", "/grants", "/users", "/servers", "/audit")
_WORST = ("/revoke 1001", "/requestvpn 1h berlin", "/allow 3001 Eve", "/remove 1002", "/start")
_LETTERS = string.ascii_letters + string.digits + " :/-_@\u00e9\u202e\u0000\n"
_SECOND_TAPS = frozenset({"sv", "npy", "guy", "rgy", "rpy", "rmy", "np", "gu", "rg", "rp", "rm"})


@dataclass(frozen=True, slots=True)
class Button:
    """A button that was on a message once, and may be there still."""

    data: str
    chat: int

    @property
    def tap(self) -> str:
        return self.data.partition(":")[0]


@dataclass
class Town:
    gate: Gate
    eye: Eye
    happened: Counter[str]
    steps: int = 0
    pool: list[Button] = field(default_factory=list)
    shown: dict[str, frozenset[Shown]] = field(default_factory=dict)
    # What was sent: the update, what it was, and whether it was kept so that it acts only once.
    sent: list[tuple[Json, Deed, bool]] = field(default_factory=list)
    paces: dict[int, deque[datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = self.eye.look()

    # --- what people do

    async def asks(self, r: Random) -> None:
        duration, where = r.choice(_DURATIONS), r.choice(_PLACES)
        words = (where, duration) if r.random() < 0.3 else (duration, where)
        await self.types(self.anybody(r), " ".join(("/requestvpn", *words, r.choice(_REASONS))), r)

    async def asks_well(self, r: Random) -> None:
        where = r.choice(("berlin", "paris", ""))
        await self.types(r.choice(MEMBERS), f"/requestvpn {r.choice(('7d', '8h', ''))} {where}", r)

    async def allows(self, r: Random) -> None:
        text = f"/allow {r.choice((*ALL, 'x', 0, 2**60))} {r.choice(_NAMES)}"
        await self.types(self.anybody(r), text, r)

    async def allows_well(self, r: Random) -> None:
        whom = r.choice((*MEMBERS, *self.gate.laws.admins, SECOND_ACCOUNT))
        await self.types(r.choice(self.gate.laws.admins), f"/allow {whom} P{whom}", r)

    async def ends(self, r: Random) -> None:
        command = r.choice(("/remove", "/revoke", "/REVOKE@vpn_bot", "/revoke"))
        await self.types(self.anybody(r), f"{command} {r.choice(self._somebody())}", r)

    async def says(self, r: Random) -> None:
        free = "".join(r.choices(_LETTERS, k=r.randrange(12)))
        await self.types(self.anybody(r), r.choice((*_PLAIN, free, f"/{free}", "/revoke")), r)

    async def taps_anything(self, r: Random) -> None:
        """Any button that was ever sent: fresh, old, tapped before, or on somebody else's card."""
        if self.pool:
            button = r.choice(self.pool)
            await self.taps(r.choice((button.chat, self.anybody(r))), button.data, r)

    async def decides(self, r: Random) -> None:
        """One of the newest cards; mostly by one of those who have a say."""
        cards = [button for button in self.pool if button.tap in {"ap", "dn"}][-12:]
        yes = [button for button in cards if button.tap == "ap"]
        if cards:
            who = r.choice((*self.gate.laws.admins, *self.gate.laws.admins, self.anybody(r)))
            await self.taps(who, r.choice((yes or cards) if r.random() < 0.7 else cards).data, r)

    async def looks_at_own(self, r: Random) -> None:
        """The buttons to go on with come from here."""
        text = r.choice(("/myvpn", "/myvpn", "/revoke", f"/revoke {r.choice(self._somebody())}"))
        holders = [grant.user_id for grant in self.state.grants.values()] or list(MEMBERS)
        who = r.choice(self.gate.laws.admins if text.startswith("/r") else holders)
        await self.types(who, text, r)

    async def goes_on(self, r: Random) -> None:
        """The second tap of two, mostly by whom it was meant for."""
        buttons = [button for button in self.pool if button.tap in _SECOND_TAPS][-8:]
        if buttons:
            button = r.choice(buttons)
            await self.taps(r.choice((button.chat,) * 4 + (self.anybody(r),)), button.data, r)

    async def has_enough(self, r: Random) -> None:
        """Of an access that is there; mostly its owner, now and then an admin."""
        live = [grant for grant in self.state.grants.values() if grant.state in LIVE]
        if not live:
            return
        grant = r.choice(live[-4:])
        admin = r.choice(self.gate.laws.admins)
        who, tap, subject = r.choice(
            (
                (grant.user_id, "npy", grant.id),
                (grant.user_id, "npy", grant.id),
                (grant.user_id, "guy", grant.id),
                (self.anybody(r), r.choice(("npy", "guy", "rgy")), grant.id),
                (admin, "rgy", grant.id),
                (admin, r.choice(("rpy", "rmy")), grant.user_id),
            )
        )
        await self.taps(who, f"{tap}:{subject}", r)

    async def forges(self, r: Random) -> None:
        """Data with another letter in it, in a client that sends what it likes."""
        data = r.choice(self.pool[-30:]).data if self.pool else "ap:1:3600:00000000"
        at = r.randrange(len(data))
        new = r.choice("0123456789abcdef:gy")
        await self.taps(self.anybody(r), data[:at] + new + data[at + 1 :], r)

    async def wants_more(self, r: Random) -> None:
        """An admin with a client of their own: the card is real, the duration is not."""
        yes = [button for button in self.pool if button.tap == "ap"][-8:]
        if yes:
            tap, request, duration, digest = r.choice(yes).data.split(":")
            wished = r.choice((int(duration) * 2, int(duration) + 60, 30 * 86_400, 60, 0))
            data = f"{tap}:{request}:{wished}:{digest}"
            await self.taps(r.choice(self.gate.laws.admins), data, r)

    async def invents(self, r: Random) -> None:
        tap = r.choice(("rpy", "rmy", "rp", "rm", "dn", "cx", "guy", "npy", "rgy", "zz"))
        grants = list(self.state.grants) or ["g-none"]
        subject = r.choice((r.choice(ALL), r.randrange(20), r.choice(grants)))
        await self.taps(self.anybody(r), f"{tap}:{subject}", r)

    async def repeats(self, r: Random) -> None:
        """Telegram says something again, or a client sends the same once more."""
        if not self.sent:
            return
        update, deed, was_kept = r.choice(self.sent[-_REMEMBERED:])
        is_copy = r.random() < 0.5
        if is_copy:
            update = update | {"update_id": self._next_id()}
        self._waits(r)
        await self._take(update, replace(deed, again=was_kept and not is_copy))

    # --- what nobody can do anything with

    async def sends_what_does_not_count(self, r: Random) -> None:
        data = r.choice(self.pool[-30:]).data if self.pool else "no"
        who = self.anybody(r)
        update = updates.void(who, r.choice(_WORST), data, r.randrange(1000))
        await self._put(update, What.VOID, who)

    async def forwards(self, r: Random) -> None:
        who = self.anybody(r)
        self._waits(r)
        update = updates.forwarded(who, r.choice(_WORST), r.randrange(1000))
        await self._put(update, What.FORWARDED, who)

    async def speaks_in_a_group(self, r: Random) -> None:
        who = self.anybody(r)
        self._waits(r)
        update = updates.in_group(who, r.choice((*_WORST, "hello")), r.randrange(2))
        await self._put(update, What.IN_GROUP, who, group=update["message"]["chat"]["id"])

    async def has_another_username(self, r: Random) -> None:
        """For one message: with the next one it is as it was."""
        who = self.anybody(r)
        self._waits(r)
        sender = updates.user(who) | {"username": f"not_{who}"}
        update = {"message": updates.message(who, "/help", **{"from": sender})}
        await self._put(update, What.TYPED, who, text="/help")

    async def blocks_the_bot(self, r: Random) -> None:
        who = self.anybody(r)
        update = updates.membership(updates.chat(who), who, r.choice(("kicked", "member")))
        await self._put(update, What.STOPPED, who)

    # --- what happens by itself

    async def profiles_go_out(self, r: Random) -> None:
        await self.gate.deliver(r)
        await self._judge(Deed(What.DELIVERY, self.gate.at))

    async def servers_are_looked_at(self, _r: Random) -> None:
        await self.gate.prove()
        await self._judge(Deed(What.PROOF, self.gate.at))

    async def time_passes(self, r: Random) -> None:
        """Without a sweep the bot was down, and taps come before it has looked at the clock."""
        ends = [one.expires_at for one in self._pending()]
        if ends and r.random() < 0.5:
            self.gate.now += timedelta(microseconds=max(min(ends) - self.gate.at, 0))
        else:
            self.gate.now += timedelta(hours=r.choice((1, 1, 1, 2, 6, 25, 24 * 8)))
        if r.random() < 0.6:
            await self.gate.time_passes()
        await self._judge(Deed(What.TIME, self.gate.at))

    async def settings_change(self, r: Random) -> None:
        self.gate.settle(r.choice(SETTINGS))
        self.paces.clear()
        await self._judge(Deed(What.SETTINGS, self.gate.at))

    async def accounts_are_linked(self, r: Random) -> None:
        """Sometimes it comes out late: when they have said yes already."""
        said = [
            int(one.actor.rpartition(":")[2])
            for one in self.state.decisions[-3:]
            if one.actor.startswith("telegram:")
        ]
        asked = [one.user_id for one in self._pending()]
        account = r.choice((SECOND_ACCOUNT, *MEMBERS, *asked, *said))
        try:
            await self.gate.link(account, r.choice((*ALL, *said * 3)))
        except Refused:
            return
        await self._judge(Deed(What.LINK, self.gate.at))

    def _pending(self) -> list[Request]:
        return [one for one in self.state.requests.values() if one.state == "pending"]

    # --- how

    def anybody(self, r: Random) -> int:
        return r.choice((r.choice(ALL), r.choice(self.gate.laws.admins)))

    def _somebody(self) -> list[str]:
        """Whom people may mean."""
        known: list[str] = [*map(str, ALL), *(f"@u{user_id}" for user_id in ADMINS), "Nobody"]
        for grant in self.state.grants.values():
            known += [grant.id, f"serial:{grant.serial}", grant.common_name]
        return known + [person.name for person in self.state.people.values()]

    def _waits(self, r: Random) -> None:
        self.gate.now += timedelta(seconds=r.choice(_PAUSES), microseconds=1)

    async def types(self, who: int, text: str, r: Random) -> None:
        self._waits(r)
        await self._put({"message": updates.message(who, text)}, What.TYPED, who, text=text)

    async def taps(self, who: int, data: str, r: Random) -> None:
        self._waits(r)
        await self._put({"callback_query": updates.tap(who, data)}, What.TAPPED, who, text=data)

    def _next_id(self) -> int:
        return len(self.sent) + self.steps + 1

    async def _put(
        self, update: Json, what: What, who: int, *, text: str = "", group: int = 0
    ) -> None:
        deed = Deed(what, self.gate.at, who, text, group)
        await self._take(update | {"update_id": self._next_id()}, deed)

    async def _take(self, update: Json, deed: Deed) -> None:
        is_known = deed.person in self.gate.laws.admins or self.state.is_allowed(deed.person)
        acts = deed.what in {What.TYPED, What.TAPPED, What.FORWARDED}
        deed = replace(deed, at=self.gate.at, hurried=self._is_hurried(deed.person))
        if not deed.again:
            self.sent.append((update, deed, is_known and acts))
        await self.gate.takes(update)
        await self._judge(deed)

    def _is_hurried(self, who: int) -> bool:
        """Whether the limits may hold this one back; whether they must is for other tests."""
        pace = self.paces.setdefault(who, deque())
        pace.append(self.gate.now)
        while self.gate.now - pace[0] >= _MINUTE:
            pace.popleft()
        return len(pace) > _PACE

    async def _judge(self, deed: Deed) -> None:
        self.steps += 1
        before, after = self.state, self.eye.look()
        case = Case(before, after, deed, self.gate.laws, self.shown)
        found = [*broken_rules(case), *misdirected(case), *missing(case)]
        assert not found, (found, deed, self.gate.laws)
        self.state = after
        self.happened.update(_changes(before, after))
        for row in after.said:
            for data, shown in await self.gate.buttons(row, after):
                self.pool.append(Button(data, row.chat_id))
                if shown is not None:
                    self.shown[data] = self.shown.get(data, frozenset()) | {shown}


def _changes(before: Snapshot, after: Snapshot) -> Counter[str]:
    """What happened in a step, in words."""
    found: Counter[str] = Counter()
    for request_id, request in after.requests.items():
        old = before.requests.get(request_id)
        if old is None or old.state != request.state:
            found[f"request {request.state}"] += 1
    for grant_id, grant in after.grants.items():
        known = before.grants.get(grant_id)
        if known is None or known.state != grant.state:
            found[f"grant {grant.state} {grant.end_reason or ''}".strip()] += 1
    new = after.decisions[len(before.decisions) :]
    found["agreed"] += sum(
        one.verdict == "approve" and after.requests[one.request_id].state == "pending"
        for one in new
    )
    found["refused"] += sum(entry.action == "refused" for entry in after.trail)
    return found


# How often each is done, beside the others.
HABITS: dict[Callable[[Town, Random], object], int] = {
    Town.asks: 3,
    Town.asks_well: 5,
    Town.allows: 2,
    Town.allows_well: 4,
    Town.ends: 2,
    Town.says: 3,
    Town.taps_anything: 6,
    Town.decides: 14,
    Town.looks_at_own: 5,
    Town.goes_on: 6,
    Town.has_enough: 4,
    Town.forges: 4,
    Town.wants_more: 2,
    Town.invents: 3,
    Town.repeats: 6,
    Town.sends_what_does_not_count: 6,
    Town.forwards: 3,
    Town.speaks_in_a_group: 2,
    Town.has_another_username: 2,
    Town.blocks_the_bot: 2,
    Town.profiles_go_out: 12,
    Town.servers_are_looked_at: 4,
    Town.time_passes: 3,
    Town.settings_change: 2,
    Town.accounts_are_linked: 2,
}
