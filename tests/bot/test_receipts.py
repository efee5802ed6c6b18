"""A receipt begins with Revoked exactly when every server has proved the end."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.receipts import Receipt, finding_text, load_receipt
from bot.texts import receipts as words
from storage.database import Database
from storage.records import (
    LIVE_STATES,
    EndReason,
    Grant,
    GrantState,
    Proof,
    ServerName,
    UserId,
)
from storage.transaction import Transaction
from tests.bot.receipt_kit import LOOKED, receipt, seen, whole
from tests.storage.kit import (
    ANNA,
    BERLIN,
    NOW,
    PARIS,
    add_grant,
    make_grant,
    make_template,
    open_copy,
)
from vpn.findings import MACHINE_SHUT, FindingCode

SERVERS = (BERLIN, PARIS, ServerName("rome"))
PHONE = UserId(1009)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
async def database(template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_copy(template, tmp_path)
    yield opened
    await opened.close()


PROOFS = st.builds(
    seen,
    server=st.sampled_from(SERVERS),
    proved=st.booleans(),
    attempts=st.integers(0, 3),
    crl=st.none() | st.integers(1, 9),
    cut=st.none() | st.integers(0, 3),
    found=st.lists(
        st.tuples(st.sampled_from([*words.FINDINGS, "new_code"]), st.just("detail")), max_size=3
    ).map(tuple),
    at=st.none() | st.just(LOOKED),
)
OF_ONE_GRANT = st.lists(PROOFS, max_size=3, unique_by=lambda proof: proof.server)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    proofs=st.lists(OF_ONE_GRANT, min_size=1, max_size=3),
    for_owner=st.booleans(),
    reason=st.sampled_from(EndReason),
)
async def test_the_first_word_is_revoked_exactly_when_all_is_proved(
    database: Database, proofs: list[list[Proof]], for_owner: bool, reason: EndReason
) -> None:
    found = await receipt(database, *proofs, for_owner=for_owner, reason=reason)
    every = [proof for of_one in proofs for proof in of_one]
    proved = all(proof.proved for proof in every)

    first_word = whole(found).split()[0].strip(":")
    assert (first_word == "Revoked") == proved
    assert found.proved == found.settled == proved
    if not proved:
        assert found.blocks[0].startswith("Not proved yet")
        assert "Revoked" not in whole(found)
    # Nothing is kept back: each server is named.
    for server in {proof.server for proof in every}:
        assert sum(block.startswith(f"{server}: ") for block in found.blocks) == 1


def proved(server: str, crl: int, cut: str) -> str:
    lines = (
        f"{server}: proved",
        f"✓ CRL {crl} is in force, and OpenVPN can read it",
        "✓ the address file is gone",
        f"✓ {cut}",
        "✓ a look afterwards found nobody",
    )
    return "\n".join(lines)


async def test_a_proved_receipt_says_what_was_seen(database: Database) -> None:
    found = await receipt(database, [seen(crl=12, cut=1), seen(PARIS, crl=13, cut=2)])
    assert found.proved
    # What only an investigator needs is below.
    [head] = found.said
    assert head == (
        "Revoked: Anna Petrova can’t connect any more. Checked on all 2 servers, in 1.2 s. "
        "3 sessions were cut."
    )
    assert found.details == (
        f"anna-00000001, serial a{1:039x}. An admin ended it.",
        proved("berlin", 12, "1 session was cut"),
        proved("paris", 13, "2 sessions were cut"),
    )


async def test_several_grants_are_summed_up_by_server(database: Database) -> None:
    found = await receipt(database, [seen(crl=12, cut=1)], [seen(crl=13, cut=2)])
    assert found.blocks[0] == (
        "Revoked: Anna Petrova can’t connect any more, with any of 2 profiles. Checked on 1 "
        "server, in 1.2 s. 3 sessions were cut."
    )
    [berlin] = [block for block in found.blocks if block.startswith("berlin")]
    assert "CRL 13" in berlin
    assert "the 2 address files are gone" in berlin
    assert "3 sessions were cut" in berlin


async def test_one_server_that_is_not_proved_spoils_it(database: Database) -> None:
    unproved = seen(PARIS, proved=False, found=(("session_live", "x"), ("crl_old", "")))
    found = await receipt(database, [seen(), unproved])
    assert not found.proved
    assert found.blocks[0] == "Not proved yet: Anna Petrova may still get in on paris."
    # What is open comes first.
    assert found.blocks[3].startswith("berlin: proved")
    assert found.blocks[2] == (
        f"paris: not proved\n✗ {words.FINDINGS['session_live']}\n✗ {words.FINDINGS['crl_old']}"
    )
    assert "Checked" not in whole(found)


@pytest.mark.parametrize("code", sorted(MACHINE_SHUT))
async def test_of_a_machine_that_is_shut_nothing_else_is_said(
    database: Database, code: FindingCode
) -> None:
    """What could not be asked there is not said to be silent, nor a file to be in disorder."""
    follows = ("ccd_not_removed", "crl_not_written", "management_gone")
    found = tuple((each, "") for each in (*follows, code, "session_live"))
    told = await receipt(database, [seen(proved=False, found=found)])
    assert told.details[-1] == (
        f"berlin: not proved\n✗ {words.FINDINGS[code]}\n✗ {words.FINDINGS['session_live']}"
    )


async def test_technical_details_stay_out(database: Database) -> None:
    found = await receipt(
        database, [seen(proved=False, found=(("host_error", "/srv/vpn: [Errno 28]"),))]
    )
    assert "Errno" not in whole(found)


async def test_a_server_nobody_has_looked_at_is_said_so(database: Database) -> None:
    untried = seen(proved=False, attempts=0, at=None)
    found = await receipt(database, [untried])
    assert "berlin: not looked at yet." in found.blocks


async def test_where_no_server_is_left_there_is_nothing_to_prove(database: Database) -> None:
    found = await receipt(database, [])
    assert found.proved
    assert found.blocks[0] == ("Revoked: there is no server that could let Anna Petrova in.")


async def test_what_was_seen_long_ago_is_not_kept(database: Database) -> None:
    """Once the certificate is over no server takes it, whatever was seen there."""
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", NOW)
        ended = {"revoked_at": NOW, "end_reason": EndReason.REVOKED}
        grant = await add_grant(tx, 1, state=GrantState.REVOKED, **ended)
        found = await load_receipt(tx, [grant.id], grant.not_after)
    assert (found.proved, found.settled) == (True, True)
    assert (
        found.blocks[0] == "Revoked: Anna Petrova can’t connect any more: the certificate is over."
    )


@pytest.mark.parametrize(("proved", "first"), [(True, "Revoked: your"), (False, "Not proved yet")])
async def test_an_owner_reads_about_the_earlier_profile(
    database: Database, proved: bool, first: str
) -> None:
    found = await receipt(
        database, [seen(proved=proved)], reason=EndReason.REPLACED, for_owner=True
    )
    assert found.blocks[0].startswith(first)
    assert "your earlier profile" in found.blocks[0]


@pytest.mark.parametrize("reason", list(EndReason))
async def test_every_end_has_its_reason(database: Database, reason: EndReason) -> None:
    found = await receipt(database, [seen()], reason=reason)
    assert found.blocks[1].endswith(words.WHY[reason].format(Admin="An admin"))


@pytest.mark.parametrize(
    ("took", "text"),
    [
        (timedelta(milliseconds=40), "40 ms"),
        (timedelta(seconds=1), "1.0 s"),
        (timedelta(seconds=119.9), "119.9 s"),
        (timedelta(minutes=5), "5 min"),
    ],
)
async def test_how_long_it_took(database: Database, took: timedelta, text: str) -> None:
    found = await receipt(database, [seen(at=NOW + took)])
    assert found.said[0].endswith(f"any more. Checked on 1 server, in {text}.")


def test_a_finding_of_a_newer_version_is_shown_by_its_code() -> None:
    assert finding_text("session_live") == words.FINDINGS["session_live"]
    assert finding_text("brand_new") == "Something unexpected was found (brand_new)."


async def test_what_is_not_closed_is_not_proved(database: Database) -> None:
    """Without proofs that were asked for, nothing says that nobody gets in."""
    async with database.reading() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", NOW)
        grant = await add_grant(
            tx, 1, state=GrantState.REVOKING, revoked_at=NOW, end_reason=EndReason.REVOKED
        )
        found = await load_receipt(tx, [grant.id], NOW)
    assert not found.proved
    assert found.blocks[0].startswith("Not proved yet")


async def test_the_receipt_of_very_many_fits_into_a_message(database: Database) -> None:
    found = await receipt(database, *([seen()] for _ in range(200)))
    assert len(whole(found)) < 4096
    assert "… and 185 more" in whole(found)


async def dropped_receipt(
    database: Database, *others: Proof, servers: tuple[ServerName, ...], for_owner: bool = False
) -> Receipt:
    """After these servers were taken out without having proved anything."""
    async with database.reading() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", NOW)
        is_over = all(proof.proved for proof in others)
        state = GrantState.REVOKED if is_over else GrantState.REVOKING
        grant = await add_grant(tx, state=state, revoked_at=NOW, end_reason=EndReason.REVOKED)
        await tx.proofs.open(grant.id, [*servers, *(proof.server for proof in others)], NOW)
        for proof in others:
            await tx.proofs.record(replace(proof, grant_id=grant.id))
        for server in servers:
            await tx.proofs.drop_open(server, LOOKED)
        return await load_receipt(tx, [grant.id], NOW, for_owner=for_owner)


@pytest.mark.parametrize("others", [(), (seen(PARIS),)])
async def test_a_server_that_was_taken_out_proves_nothing(
    database: Database, others: tuple[Proof, ...]
) -> None:
    found = await dropped_receipt(database, *others, servers=(BERLIN,))
    # No look can change it any more.
    assert (found.proved, found.settled) == (False, True)
    assert found.blocks[0] == (
        "Not proved on berlin, which was taken out: Anna Petrova may still get in until OpenVPN "
        "is stopped there."
    )
    assert found.blocks[2] == "berlin: not proved before it was taken out. Stop OpenVPN there."
    assert [block.partition("\n")[0] for block in found.blocks[3:]] == [
        f"{proof.server}: proved" for proof in others
    ]
    assert "Revoked" not in whole(found)


async def test_what_others_can_still_prove_is_said_first(database: Database) -> None:
    found = await dropped_receipt(database, seen(PARIS, proved=False), servers=(BERLIN,))
    assert (found.proved, found.settled) == (False, False)
    assert found.blocks[0].startswith(
        "Not proved yet: Anna Petrova may still get in on berlin, paris."
    )


async def test_several_servers_that_were_taken_out(database: Database) -> None:
    servers = tuple(ServerName(f"s{number}") for number in range(1, 8))
    found = await dropped_receipt(database, servers=servers)
    assert found.blocks[0].startswith("Not proved on s1, s2, s3, s4, s5, …, which were taken out:")
    found = await dropped_receipt(database, servers=servers[:1], for_owner=True)
    assert found.blocks[0] == (
        "Not proved on s1, which was taken out: your earlier profile may still work there."
    )


@pytest.mark.parametrize("count", [20, 60])
async def test_the_receipt_of_very_many_servers_fits_into_a_message(
    database: Database, count: int
) -> None:
    found_there = tuple((code, "") for code in list(words.FINDINGS)[:6])
    proofs = [
        seen(ServerName(f"s{number:02}"), proved=number % 2 == 0, found=found_there)
        for number in range(count)
    ]
    found = await receipt(database, *([replace(proof) for proof in proofs] for _ in range(20)))
    assert len(whole(found)) < 4096
    heads = [block.partition("\n")[0] for block in found.blocks[2:-1]]
    assert heads
    # What is open comes first, and the others are counted.
    assert all(head.endswith(": not proved") for head in heads)
    rest = count - len(heads)
    assert found.blocks[-1] == (
        f"… and {rest} more servers, {count // 2 - len(heads)} of them not proved"
    )


async def test_proved_servers_that_do_not_fit_are_counted(database: Database) -> None:
    found = await receipt(database, [seen(ServerName(f"s{number:02}")) for number in range(40)])
    assert found.proved
    assert len(whole(found)) < 4096
    shown = sum(block.partition("\n")[0].endswith(": proved") for block in found.blocks)
    assert f"… and {40 - shown} more servers" in found.blocks


async def test_an_imported_one_waits_for_its_server(database: Database) -> None:
    """There must be a server that the certificate opens, and nobody has named it yet."""
    ended: dict[str, object] = {
        "revoked_at": NOW,
        "end_reason": EndReason.REVOKED,
        "imported_at": NOW,
    }
    async with database.reading() as tx:
        ended |= {"user_id": None, "server": None, "address": None, "state": GrantState.REVOKING}
        grant = make_grant(1, None, **ended)
        await tx.grants.add(grant)
        found = await load_receipt(tx, [grant.id], NOW)
    assert (found.proved, found.settled) == (False, False)
    assert found.blocks[0] == f"Not proved yet: {grant.common_name} may still get in."
    assert words.NO_SERVER_KNOWN in found.blocks


async def test_each_account_of_a_person_is_named(database: Database) -> None:
    over = {"state": GrantState.REVOKED, "revoked_at": NOW, "end_reason": EndReason.REVOKED}
    async with database.reading() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", NOW)
        await tx.people.allow(PHONE, "Anna (phone)", NOW)
        first, again = await add_grant(tx, 1, **over), await add_grant(tx, 2, **over)
        other = await add_grant(tx, 3, user_id=PHONE, **over)
        found = await load_receipt(tx, [first.id, again.id, other.id], NOW)
    assert "let Anna Petrova, Anna (phone) in" in found.blocks[0]


# --- what else lets them in -----------------------------------------------------------------------

OVER: dict[str, Any] = {
    "state": GrantState.REVOKED,
    "revoked_at": NOW,
    "end_reason": EndReason.REVOKED,
    "address": None,
}
ENDING = OVER | {"state": GrantState.REVOKING}
ACTIVE: dict[str, Any] = {"state": GrantState.ACTIVE}
IMPORTED = {"server": None, "address": None, "imported_at": NOW}


async def add(tx: Transaction, number: int, changes: dict[str, Any]) -> Grant:
    """Nobody asked for what was imported."""
    if "imported_at" not in changes:
        return await add_grant(tx, number, **changes)
    grant = make_grant(number, None, **changes)
    await tx.grants.add(grant)
    return grant


async def beside(
    database: Database, *others: dict[str, Any], ended: dict[str, Any] | None = None
) -> Receipt:
    """The receipt for one proved end, of somebody who has the others, too."""
    async with database.reading() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", NOW)
        await tx.people.allow(PHONE, "Anna (phone)", NOW)
        await tx.people.link(PHONE, ANNA)
        await tx.people.allow(UserId(1002), "Emil", NOW)
        grant = await add(tx, 1, OVER | (ended or {}))
        await tx.proofs.open(grant.id, [BERLIN], NOW)
        await tx.proofs.record(replace(seen(), grant_id=grant.id))
        for number, changes in enumerate(others, start=2):
            other = await add(tx, number, changes)
            if other.state not in LIVE_STATES:
                await tx.proofs.open(other.id, [PARIS], NOW)
            if other.state is GrantState.REVOKED:
                await tx.proofs.drop_open(PARIS, NOW)
        return await load_receipt(tx, [grant.id], NOW)


@pytest.mark.parametrize(
    ("other", "head", "line"),
    [
        (ACTIVE, "can still", "• anna-00000002, for berlin, until 2026-03-09 09:31 UTC"),
        ({}, "can still", "• anna-00000002, for berlin, until 2026-03-09 09:31 UTC"),
        (ACTIVE | {"user_id": PHONE}, "can still", "• anna-00000002, for berlin"),
        (ACTIVE | IMPORTED, "can still", "• anna-00000002, from before the takeover, until"),
        (ENDING, "may still", "• anna-00000002 has ended, but not provably on paris"),
        (OVER, "may still", "• anna-00000002 has ended, but not provably on paris"),
    ],
    ids=["active", "reserved", "other account", "imported", "unproved", "server taken out"],
)
async def test_nobody_is_called_out_who_has_something_left(
    database: Database, other: dict[str, Any], head: str, line: str
) -> None:
    found = await beside(database, other)
    assert found.proved
    assert found.blocks[0].startswith(
        "Revoked: this profile of Anna Petrova no longer works, but it’s not the only one."
    )
    first, second = found.blocks[1].splitlines()
    assert first == f"Anna Petrova {head} get in:"
    assert second.startswith(line)
    assert len(found.left) == 1


async def test_what_is_over_for_good_is_not_left(database: Database) -> None:
    ended = OVER | {"not_after": NOW}
    servers = ACTIVE | IMPORTED | {"user_id": None, "for_server": True}
    others = ACTIVE | {"user_id": UserId(1002)}
    found = await beside(database, ended, servers, others)
    assert found.left == ()
    assert found.blocks[0].startswith("Revoked: Anna Petrova can’t connect any more.")


async def test_a_name_that_is_nobodys_is_looked_for(database: Database) -> None:
    """Of certificates from before the takeover the name is all that is known."""
    bob = IMPORTED | {"common_name": "bob"}
    nobodys = bob | {"user_id": None}
    for ended, other in ((nobodys, nobodys), (nobodys, bob), (bob, nobodys)):
        found = await beside(database, ACTIVE | other, ended=ended)
        assert [one.grant.common_name for one in found.left] == ["bob"], (ended, other)
    # Somebody else's of that name is not theirs.
    found = await beside(database, ACTIVE | bob | {"user_id": UserId(1002)}, ended=bob)
    assert found.left == ()


async def test_very_much_that_is_left_is_counted(database: Database) -> None:
    found = await beside(database, *([ACTIVE | {"address": None}] * 8))
    assert found.blocks[1].splitlines()[-1] == "… and 3 more"
    assert len(found.left) == 8


@pytest.mark.parametrize(("still_open", "said"), [(2, "2 of 2"), (1, "1 of 2")])
async def test_how_many_may_still_let_them_in(
    database: Database, still_open: int, said: str
) -> None:
    found = await receipt(database, *([seen(proved=n >= still_open)] for n in range(2)))
    assert found.blocks[0] == (
        f"Not proved yet: Anna Petrova may still get in on berlin, with {said} profiles."
    )


async def test_whoever_has_a_new_profile_reads_of_the_earlier_one_only(database: Database) -> None:
    async with database.reading() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", NOW)
        old = await add_grant(tx, 1, **(OVER | {"end_reason": EndReason.REPLACED}))
        await tx.proofs.open(old.id, [BERLIN], NOW)
        await tx.proofs.record(replace(seen(), grant_id=old.id))
        await add_grant(tx, 2, **ACTIVE)
        found = await load_receipt(tx, [old.id], NOW, for_owner=True)
    assert found.blocks[0].startswith("Revoked: your earlier profile no longer works. Checked on")
    assert found.left == ()


async def test_old_certificates_of_nobody_are_asked_after(database: Database) -> None:
    """They have the holder's name; an employee does not read of them."""
    nobodys = ACTIVE | IMPORTED | {"user_id": None}
    named = [nobodys | {"common_name": name} for name in ("anna.petrova", "emil", "APetrova")]
    found = await beside(database, *named)
    assert [grant.common_name for grant in found.maybe] == ["anna.petrova", "APetrova"]
    assert found.left == ()
    assert found.blocks[1] == (
        "From before the takeover there are anna.petrova, APetrova, which belong to nobody. Are "
        "they Anna Petrova’s? They still let them in."
    )
    async with database.reading() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", NOW)
        await tx.grants.add(make_grant(1, None, **named[0]))
        ended = await add_grant(tx, 2, **OVER)
        quiet = await load_receipt(tx, [ended.id], NOW, for_admin=False)
    assert quiet.maybe == ()
    assert "takeover" not in whole(quiet)
