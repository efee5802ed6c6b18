"""Receipts on a real OpenVPN: 'Revoked' is said only when the client cannot get in any more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.network import lab_missing
from demo.lab.stand_in import StandIn
from demo.testing import DemoMessage, PersonChat
from tests.company import CROWD, PEOPLE, Company, company_with_openvpn, until
from tests.e2e.broken import CONDITIONS, Room, crl_of, server_is_down, stuck_crl
from tests.vpn.kit import DAY, make_authority, now
from vpn.deploy import CLOCK_TICK_S

_MISSING = lab_missing()
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(_MISSING is not None, reason=_MISSING or ""),
]

SERVER = "10.8.0.1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(module_folder: Path) -> AsyncIterator[Room]:
    """One company for the whole module; each test hires its own people, and mends what it broke."""
    people = (*PEOPLE, *CROWD)
    async with company_with_openvpn(module_folder, people=people) as (company, lab):
        await lab.stop_server()
        room = Room(company, lab)
        await room.start_server()
        await company.start()
        yield room
        await room.kill_server()


async def receipt(chat: PersonChat, common_name: str) -> DemoMessage:
    """The next receipt about a grant."""
    while True:
        message = await chat.hears(common_name)
        if message.text.startswith(("Revoked", "Not proved")):
            return message


def state_of(company: Company, common_name: str) -> str:
    ((state,),) = company.query("SELECT state FROM grants WHERE common_name = ?", common_name)
    return str(state)


async def newcomer(room: Room) -> tuple[PersonChat, str, str]:
    """Somebody with access; their profile, and its common name."""
    who = await room.company.hires()
    profile = await room.company.approved("/requestvpn 2d office", who)
    return who, profile, room.company.grants_of(who)[-1]["common_name"]


@pytest.mark.parametrize(
    ("broken", "words"), CONDITIONS, ids=[condition.__name__ for condition, _ in CONDITIONS]
)
async def test_not_proved_until_it_is_mended(room: Room, broken: object, words: str) -> None:
    company, boris = room.company, room.company.boris
    who, _, name = await newcomer(room)
    async with broken(room):  # type: ignore[operator]
        await boris.says(f"/revoke {company.name_of(who)}")
        first = await receipt(boris, name)
        assert first.text.startswith(f"Not proved yet: {company.name_of(who)} may still get in")
        assert words in first.text
        assert "office: not proved" in first.text
        assert "keep trying" in first.text
        assert state_of(company, name) == "revoking"
        await who.hears("took back your access")
    room.look_again()
    second = await receipt(boris, name)
    assert second.text.startswith("Revoked")
    assert "office: proved" in second.text
    assert state_of(company, name) == "revoked"


async def foreign_crl(_room: Room) -> bytes:
    """Of another CA: OpenVPN ignores it."""
    return make_authority().sign_crl(number=1000, revocations=(), now=now())


async def older_crl(room: Room) -> bytes:
    """Of ours: OpenVPN goes by it."""
    return await crl_of(room, now() - DAY)


@pytest.mark.parametrize(
    ("make", "words"),
    [(foreign_crl, "isn’t of our CA"), (older_crl, "doesn’t list this access")],
    ids=["foreign", "older"],
)
async def test_who_can_still_get_in_is_not_called_revoked(
    room: Room, make: Callable[[Room], Awaitable[bytes]], words: str
) -> None:
    """Another CRL lies where ours cannot be put."""
    company, lab, boris = room.company, room.lab, room.company.boris
    who, profile, name = await newcomer(room)
    async with stuck_crl(room, await make(room)):
        await boris.says(f"/revoke {name}")
        first = await receipt(boris, name)
        assert first.text.startswith("Not proved")
        assert words in first.text
        assert "address file couldn’t be removed" in first.text
        again = await company.vpnbot("revoke", name)
        assert (again.code, again.out.partition(":")[0]) == (1, "Not proved yet")

        room.look_later()
        tunnel = await lab.connect(profile)
        assert await tunnel.ping(SERVER)
        await boris.says("/grants")
        listing = await boris.hears("VPN profile")
        while name not in listing.text:
            listing = await boris.hears("VPN profile")
        assert "being revoked" in listing.text
        assert "not confirmed on office" in listing.text
        await who.says("/myvpn")
        await who.hears(f"{name} is being switched off")
    room.look_again()
    second = await receipt(boris, name)
    assert second.text.startswith("Revoked")
    assert "1 session was cut" in second.text
    assert not await tunnel.ping(SERVER, timeout=1)
    await tunnel.close()
    assert await room.refuses(profile)
    await boris.says("/grants")
    listing = await boris.hears("Nobody has access")
    assert name not in listing.text


@pytest.mark.long
async def test_locks_that_are_missing(room: Room) -> None:
    company, boris = room.company, room.company.boris
    who, _, name = await newcomer(room)
    conf = room.office / "server.conf"
    lines = conf.read_text().splitlines(keepends=True)
    locks = ("crl-verify", "ccd-exclusive")
    conf.write_text("".join(line for line in lines if not line.startswith(locks)))

    await boris.says(f"/revoke {company.name_of(who)}")
    first = await receipt(boris, name)
    assert first.text.startswith("Not proved")
    assert "lacks one of the two locks" in first.text
    assert "restart it" in first.text

    await room.kill_server()
    await room.start_server()
    ran = await company.vpnbot("revoke", name)
    assert (ran.code, ran.out.partition(":")[0]) == (1, "Not proved yet")
    assert "lacks one of the two locks" in ran.out
    assert "restart it" not in ran.out

    deployed = await company.done("server", "deploy", "office")
    assert "restart" in deployed.out
    status = await company.vpnbot("server", "status", "--json")
    assert [row["restart_pending"] for row in status.rows] == [True]
    ran = await company.vpnbot("revoke", name)
    assert (ran.code, ran.out.partition(":")[0]) == (1, "Not proved yet")
    assert "restart it" in ran.out
    assert "lacks" not in ran.out

    await room.kill_server()
    await room.start_server()
    room.look_again()
    assert (await receipt(boris, name)).text.startswith("Revoked")


# --- all the ways in which access ends ------------------------------------------------------------


async def test_every_end_has_the_same_receipt(room: Room) -> None:
    """Each is 'Not proved' while the server is down, and is followed up when it is back."""
    company, boris, clara = room.company, room.company.boris, room.company.clara
    tapped, removed, renewed, gave_up, ended, by_shell = [await newcomer(room) for _ in range(6)]
    async with server_is_down(room):
        await boris.says("/revoke")
        await boris.hears("Whose access do you want to end?")
        await boris.taps(f"Revoke {company.name_of(tapped[0])}")
        await boris.hears("on every server now?")
        await boris.taps("Revoke now")
        await boris.hears("The receipt follows")
        await boris.says(f"/remove {removed[0].person.id}")
        for who, button in ((renewed[0], "New profile"), (gave_up[0], "Revoke office")):
            await who.says("/myvpn")
            await who.hears("active")
            await who.taps(button)
            await who.hears("?")
            await who.taps("New profile now" if who is renewed[0] else "Revoke now")
        company.tamper("UPDATE grants SET not_after = 1 WHERE common_name = ?", ended[2])

        expected = [
            (boris, tapped[2], "Boris ended it"),
            (boris, removed[2], "Boris took its owner off the allowlist"),
            (renewed[0], renewed[2], "A new profile takes its place"),
            (gave_up[0], gave_up[2], "Its owner gave it up"),
            (boris, ended[2], "Its time was over"),
            (clara, ended[2], "Its time was over"),
        ]
        # Of an end that nobody ordered admins read where it is not proved for a while.
        waits = "kind = 'receipt' AND state = 'queued' AND payload LIKE '%if_unproved%'"
        await until(
            lambda: (
                company.query(f"SELECT count(*) FROM outbox WHERE {waits} AND due_at > created_at")
                == [(2,)]
            )
        )
        company.tamper(f"UPDATE outbox SET created_at = 1, due_at = 1 WHERE {waits}")
        for chat, name, why in expected:
            said = await receipt(chat, name)
            assert said.text.startswith("Not proved")
            assert why in said.text
            assert "nobody answers" in said.text
        # Whoever waits for words about the earlier one has heard this already: it names it.
        await until(lambda: sum(m.document is not None for m in renewed[0].messages) == 2)
        fresh = [m for m in renewed[0].messages if m.document][-1]
        assert "is being switched off" in fresh.text
        assert "no longer works" not in fresh.text
        ran = await company.vpnbot("revoke", str(by_shell[0].person.id))
        assert (ran.code, ran.out.partition(":")[0]) == (1, "Not proved yet")
        names = [each[2] for each in (tapped, removed, renewed, gave_up, ended, by_shell)]
        assert {state_of(company, name) for name in names} == {"revoking"}
        await boris.says("/grants")
        listing = await boris.hears("VPN profiles:")
        assert listing.text.count("not confirmed on office") == len(names)

    room.look_again()
    for chat, name, why in expected:
        said = await receipt(chat, name)
        assert said.text.startswith("Revoked")
        assert why in said.text
    await until(lambda: state_of(company, by_shell[2]) == "revoked")
    assert state_of(company, ended[2]) == "expired"
    assert {state_of(company, name) for name in names} == {"revoked", "expired"}
    await ended[0].hears("has reached its end")

    # A new profile is not the old one.
    assert fresh.document is not None
    tunnel = await room.lab.connect(fresh.document.content.decode())
    assert await tunnel.ping(SERVER)
    assert await room.refuses(renewed[1])
    assert await tunnel.ping(SERVER)
    await tunnel.close()


async def test_what_is_proved_is_said_server_by_server(room: Room) -> None:
    """Last, because from now on there are two servers."""
    company, boris = room.company, room.company.boris
    who, _, name = await newcomer(room)
    await company.add_server("paris", 47113)
    await boris.says(f"/revoke {company.name_of(who)}")
    first = await receipt(boris, name)
    assert first.text.startswith("Not proved")
    assert "office: proved" in first.text
    assert "paris: not proved" in first.text
    paris = StandIn()
    await asyncio.sleep(CLOCK_TICK_S)
    await paris.start(company.folder / "paris")
    try:
        room.look_again()
        second = await receipt(boris, name)
        assert second.text.startswith("Revoked")
        assert "office: proved" in second.text
        assert "paris: proved" in second.text
    finally:
        await paris.stop()
