"""What a CRL in place knows that the database does not."""

from dataclasses import replace

import pytest

from bot.access import grants, importing, takeover
from bot.access.importing import Certificate
from bot.access.restored import begin_again
from bot.access.takeover import CrlEntry
from storage.records import (
    ON_HOLD,
    ChatId,
    EndReason,
    ForeignRevocation,
    GrantId,
    GrantRevocation,
    GrantState,
    OutboxKind,
    OutboxState,
    Pause,
    PostedMessage,
    RequestState,
)
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    EMIL,
    HOUR,
    OPERATOR,
    PARIS,
    Paper,
    notice,
)

UNKNOWN = "7" + "f" * 39


async def take_over(paper: Paper, number: int, *listed: CrlEntry) -> None:
    await paper.do(takeover.take_over, BERLIN, number, listed)


async def foreign(paper: Paper) -> list[ForeignRevocation]:
    async with paper.database.reading() as tx:
        return list(await tx.crl.foreign())


@pytest.mark.parametrize("reason", list(EndReason))
async def test_a_live_grant_ends_as_it_did(paper: Paper, reason: EndReason) -> None:
    grant = await paper.active()
    date = paper.now - HOUR
    await take_over(paper, 7, CrlEntry(grant.serial, date, reason))
    found = await paper.grant(grant.id)
    assert (found.state, found.end_reason, found.revoked_at) == (GrantState.REVOKING, reason, date)
    async with paper.database.writing() as tx:
        assert [proof.grant_id for proof in await tx.proofs.unproved()] == [grant.id]
        assert await tx.crl.next_number() == 8
        (entry,) = await tx.crl.entries(None)
        assert entry == GrantRevocation(grant.serial, date, reason)
    assert await foreign(paper) == []


async def test_an_end_by_the_owner_that_was_one_by_the_time(paper: Paper) -> None:
    """A CRL has one reason for both."""
    grant = await paper.active()
    paper.now = grant.not_after
    await take_over(paper, 7, CrlEntry(grant.serial, grant.not_after, EndReason.BY_OWNER))
    assert (await paper.grant(grant.id)).end_reason is EndReason.ENDED


async def test_an_unknown_serial_is_kept_once(paper: Paper) -> None:
    entry = CrlEntry(UNKNOWN, paper.now - DAY, EndReason.REVOKED)
    await take_over(paper, 7, entry)
    first_seen = paper.now
    paper.now += HOUR
    await take_over(paper, 9, entry)
    kept = ForeignRevocation(UNKNOWN, entry.revoked_at, EndReason.REVOKED, first_seen)
    assert await foreign(paper) == [kept]


async def test_what_is_known_already_changes_nothing(paper: Paper) -> None:
    grant = await paper.active()
    entry = CrlEntry(grant.serial, paper.now, EndReason.REVOKED)
    await take_over(paper, 7, entry)
    await paper.forget()
    before = await paper.everything()
    await take_over(paper, 7, CrlEntry(grant.serial, paper.now, EndReason.LOST))
    await take_over(paper, 3)
    assert await paper.everything() == before
    assert await paper.noted() == []
    async with paper.database.writing() as tx:
        assert await tx.crl.next_number() == 8


async def test_who_counts_as_expired_is_listed_too(paper: Paper) -> None:
    """The books may be wrong about the end; the list that refuses the certificate is in force."""
    books = [Certificate("5", "anna", None, paper.now - DAY)]
    await paper.by(OPERATOR, importing.take_in, books)
    await take_over(paper, 7, CrlEntry("5", paper.now - HOUR, EndReason.REVOKED, "superseded"))
    [entry] = await foreign(paper)
    assert (entry.serial, entry.crl_reason) == ("5", "superseded")
    await take_over(paper, 8, CrlEntry("5", paper.now - HOUR, EndReason.REVOKED))
    assert await foreign(paper) == [entry]


async def test_it_is_in_the_trail(paper: Paper) -> None:
    grant = await paper.active()
    await paper.forget()
    listed = (
        CrlEntry(grant.serial, paper.now, EndReason.REVOKED),
        CrlEntry(UNKNOWN, paper.now, EndReason.LOST),
    )
    await take_over(paper, 7, *listed)
    end, taken = await paper.noted()
    assert (end.action, end.detail["reason"]) == ("grant.end", "revoked")
    assert (taken.action, taken.subject) == ("crl.take_over", "server:berlin")
    assert taken.detail == {
        "name": taken.detail["name"],
        "number": 7,
        "ended": [grant.common_name],
        "unknown": [UNKNOWN],
    }
    await take_over(paper, 8)  # a number alone is worth a row, too
    assert [row.action for row in await paper.noted()] == ["crl.take_over"]
    # And so is a list of another CA that stays in the file.
    await paper.do(takeover.take_over, BERLIN, 8, [], others=["Old CA"])
    (row,) = await paper.noted()
    assert (row.detail["number"], row.detail["others"]) == (8, ["Old CA"])


# --- what a list keeps out because it is for another server -------------------------------------


async def test_who_is_on_hold_is_not_revoked(paper: Paper) -> None:
    """Nor is a serial that nobody has yet."""
    grant = await paper.active()
    async with paper.database.writing() as tx:
        await tx.crl.add_spares([UNKNOWN])
    await paper.forget()
    on_hold = [
        CrlEntry(serial, paper.now - DAY, EndReason.REVOKED, crl_reason=ON_HOLD)
        for serial in (grant.serial, UNKNOWN)
    ]
    await take_over(paper, 0, *on_hold)
    assert await paper.grant(grant.id) == grant
    assert (await foreign(paper), await paper.noted(), await paper.heard()) == ([], [], [])


async def test_an_unknown_one_on_hold_stays_so(paper: Paper) -> None:
    """It may have been given out after the backup; nobody is told that it was revoked."""
    await paper.forget()
    await take_over(paper, 7, CrlEntry(UNKNOWN, paper.now, EndReason.REVOKED, crl_reason=ON_HOLD))
    (kept,) = await foreign(paper)
    assert (kept.serial, kept.crl_reason) == (UNKNOWN, ON_HOLD)
    (row,) = await paper.noted()
    assert (row.detail["unknown"], row.detail["on_hold"]) == ([], [UNKNOWN])


async def test_an_imported_one_on_hold_was_revoked_by_somebody(paper: Paper) -> None:
    grant = await paper.active()
    imported = replace(
        grant,
        id=GrantId("g-imported"),
        serial="beef",
        common_name="old",
        places=(),
        request_id=None,
        user_id=None,
        server=None,
        imported_at=paper.now,
    )
    async with paper.database.writing() as tx:
        await tx.grants.add(imported)
    await take_over(paper, 7, CrlEntry("beef", paper.now, EndReason.REVOKED, crl_reason=ON_HOLD))
    assert (await paper.grant(imported.id)).state is GrantState.REVOKING


async def test_after_a_restore_whom_their_own_server_keeps_on_hold_is_paused(
    two_servers: Paper,
) -> None:
    """Not whoever is kept out there because theirs is for another server, or is still to come."""
    paper = two_servers
    anna, elsewhere = await paper.active(ANNA), await paper.active(EMIL, PARIS)
    reserved = (await paper.approved(EMIL)).grant
    async with paper.database.writing() as tx:
        await tx.crl.add_spares([UNKNOWN])
    serials = (anna.serial, elsewhere.serial, reserved.serial, UNKNOWN)
    on_hold = [CrlEntry(serial, paper.now, crl_reason=ON_HOLD) for serial in serials]
    await paper.forget()
    for _ in range(2):  # and once
        await paper.do(takeover.take_over, BERLIN, 7, on_hold, restored=True)
    pauses = [(await paper.grant(one.id)).pause for one in (anna, elsewhere, reserved)]
    assert pauses == [Pause.PAUSING, None, None]
    values = {"name": "Anna Petrova", "server": BERLIN}
    told = [
        (said.chat, said.payload["values"])
        for said in await paper.heard()
        if said.payload.get("code") == "paused_since_backup"
    ]
    assert told == [(BORIS, values), (CLARA, values)]


async def test_serials_to_come_are_given_up_with_the_database(paper: Paper) -> None:
    """Another state of it may have given them to somebody."""
    async with paper.database.writing() as tx:
        await tx.crl.add_spares([UNKNOWN])
    await paper.by(OPERATOR, begin_again, made_at="")
    assert [one.serial for one in await foreign(paper)] == [UNKNOWN]
    assert (await paper.approved(EMIL)).grant.serial != UNKNOWN


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (EndReason.REVOKED, "revoked"),
        (EndReason.REMOVED, "removed"),
        (EndReason.REPLACED, "lost"),  # by a profile that nobody knows
        (EndReason.LOST, "lost"),
        (EndReason.UNDELIVERABLE, None),
    ],
)
async def test_owners_hear_of_it(paper: Paper, reason: EndReason, told: str | None) -> None:
    grant = await paper.active()
    await paper.forget()
    await take_over(paper, 7, CrlEntry(grant.serial, paper.now, reason))
    heard = [said.payload for said in await paper.heard()]
    assert [one["values"]["reason"] for one in heard] == ([] if told is None else [told])


async def test_admins_hear_who_was_shut_out(paper: Paper) -> None:
    await paper.forget()
    await paper.do(takeover.shut_out, BERLIN, ["anna-1", "emil-2"])
    assert await paper.heard() == [
        notice(admin, "strangers_cut", server=BERLIN, names="anna-1, emil-2")
        for admin in (BORIS, CLARA)
    ]
    (row,) = await paper.noted()
    assert (row.action, row.subject) == ("server.shut_out", "server:berlin")
    assert row.detail == {"name": "vpnbot", "names": ["anna-1", "emil-2"], "count": 2}
    # As many as are shown, and not one more: then it says so.
    await paper.do(takeover.shut_out, BERLIN, names := [f"n{n}" for n in range(20)])
    assert (await paper.heard())[0].payload["values"]["names"] == ", ".join(names)


async def test_a_message_has_an_end(paper: Paper) -> None:
    names = [f"{number:03}-{'x' * 60}" for number in range(500)]
    await paper.forget()
    await paper.do(takeover.shut_out, BERLIN, names)
    (said, _) = await paper.heard()
    assert len(said.payload["values"]["names"]) < 2000
    assert said.payload["values"]["names"].endswith("019-" + "x" * 60 + ", …")
    (row,) = await paper.noted()
    assert (row.detail["names"], row.detail["count"]) == (names[:20], 500)


async def test_a_server_that_was_looked_through(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.servers.mark_restored(paper.now)
    await paper.forget()
    await paper.do(takeover.looked_through, BERLIN, ["anna-1"])
    async with paper.database.reading() as tx:
        server = await tx.servers.get(BERLIN)
    assert server is not None
    assert server.restored_at is None
    (row,) = await paper.noted()
    assert (row.action, row.subject) == ("server.look_through", "server:berlin")
    assert row.detail == {"name": "vpnbot", "sessions": ["anna-1"], "count": 1}


# --- the first thing that a restored database hears -----------------------------------------------


async def test_what_was_on_its_way_is_in_doubt(paper: Paper) -> None:
    waits, sent = [(await paper.approved(user)).grant for user in (ANNA, EMIL)]
    assert await paper.do(grants.issued, sent)
    await paper.forget()
    await paper.by(OPERATOR, begin_again, made_at="2026-03-02T09:31:27+00:00")
    assert [(await paper.grant(g.id)).state for g in (waits, sent)] == [GrantState.ISSUED] * 2
    async with paper.database.reading() as tx:
        items = await tx.outbox.open(OutboxKind.DELIVER)
        assert [item.state for item in items] == [OutboxState.SENDING] * 2
        assert await tx.outbox.sending() == items
        assert [server.restored_at for server in await tx.servers.all()] == [paper.now]
    doubt, restore = await paper.noted()
    assert (doubt.action, doubt.subject) == ("grant.doubt", f"grant:{waits.id}")
    assert (restore.actor, restore.action) == ("system:olga", "backup.restore")
    assert restore.detail["made_at"] == "2026-03-02T09:31:27+00:00"


async def test_who_has_access_keeps_it(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, begin_again, made_at="")
    assert await paper.grant(grant.id) == grant


async def test_open_requests_are_closed_and_their_people_told(paper: Paper) -> None:
    """They were decided since, or not; one that has no server yet may have got one."""
    await paper.add_server(PARIS, "10.9.0.0/29")
    first = await paper.asked(ANNA, server=BERLIN)
    second = await paper.asked(ANNA, server=PARIS)
    decided = await paper.approved(EMIL)
    choosing = await paper.asked(EMIL, server=None)
    async with paper.database.writing() as tx:
        card = PostedMessage(ChatId(BORIS), 7, OutboxKind.CARD, str(first.id), paper.now)
        await tx.posted.remember(card)
    await paper.forget()
    await paper.by(OPERATOR, begin_again, made_at="2026-03-02T09:31:27+00:00")
    states = [(await paper.request(r.id)).state for r in (first, second, choosing)]
    assert states == [RequestState.CANCELLED] * 3
    assert (await paper.request(decided.request.id)).state is RequestState.APPROVED
    said = await paper.heard()
    assert [(s.chat, s.payload["message"]) for s in said if s.kind is OutboxKind.EDIT_CARD] == [
        (BORIS, 7)
    ]
    assert [s for s in said if s.kind is OutboxKind.NOTICE] == [
        *(notice(user, "request_outdated") for user in (ANNA, EMIL)),
        *(
            notice(admin, "restored", made_at="2026-03-02T09:31:27+00:00", count=3)
            for admin in (BORIS, CLARA)
        ),
    ]
    assert (await paper.asked(ANNA, server=BERLIN)).state is RequestState.PENDING
