"""Real servers on which OpenVPN has another name for a client than its certificate."""

import asyncio
from pathlib import Path

import pytest

from demo.errors import LabRefused
from tests.vpn.kit import CALLER, codes, now
from tests.vpn.operator_kit import USUAL, Operator, connected, is_refused, restart, running
from tests.vpn.running import IN_THE_LAB
from vpn.adopt.outlook import Connected, outlook, sessions_now, status_now
from vpn.host.local import LocalHost
from vpn.layout import Layout, NamedBy
from vpn.values import CommonName

pytestmark = IN_THE_LAB

INSIDE = "10.78.0.1"
HOST = LocalHost(Path("/"))
ASKS_FOR_NAMES = """\
script-security 3
auth-user-pass-verify /bin/true via-file
username-as-common-name
status status.log 1
"""


def typed(user: str) -> str:
    return f"<auth-user-pass>\n{user}\npassword\n</auth-user-pass>\n"


async def told(operator: Operator, layout: Layout, names: set[str]) -> Connected:
    """What the status file says, once it says this."""
    async with asyncio.timeout(60):
        while True:
            facts = (await operator.examine()).adoption.facts
            found = await status_now(HOST, layout, facts)
            if found is not None and set(found.names) == names:
                return found
            await asyncio.sleep(0.2)


async def test_who_is_called_by_a_user_name_stays_in_and_nobody_else_is_cut(
    open_folder: Path,
) -> None:
    operator = Operator(open_folder / "office", USUAL + ASKS_FOR_NAMES)
    anna, annas = operator.old_client("anna")
    _, bobs = operator.old_client("bob")
    async with running(operator) as lab:
        async with connected(lab, annas + typed("a.petrova")):
            plan = await operator.plan()
            seen = await told(operator, plan.examined.layout, {"a.petrova"})
        look = outlook(seen, plan, live={"anna", "bob"}, over=())
        assert (look.stay, look.strangers, look.adds_lock) == (("a.petrova",), (), False)
        assert ["password" in hurdle.detail for hurdle in look.new_profile] == [True]
        assert not look.new_profile[0].refuses

        applied = await operator.apply(["anna", "bob"])
        layout = applied.examined.layout
        assert (layout.named_by, layout.exclusive, layout.ccd) == (NamedBy.USER_NAME, False, None)
        live = operator.live_with(layout)
        await restart(operator, lab)
        new = operator.new_profile(applied.examined, "carl-k7f3qz2m")
        await live.admit(CommonName("carl-k7f3qz2m"), None)
        # Bob's user name is what Anna's certificate is called.
        async with (
            connected(lab, annas + typed("a.petrova")) as old,
            connected(lab, bobs + typed("anna")) as namesake,
            connected(lab, new + typed("carl")) as fresh,
        ):
            assert await old.ping(INSIDE)
            assert await fresh.ping(INSIDE)
            (proof,) = await operator.cut(live, anna)
            assert (proof.proved, proof.sessions_cut) == (False, 0)
            assert "lock_missing" in codes(proof)
            assert (await live.cut_strangers({"anna"})).names == ()
            assert {session.common_name for session in await live.sessions()} == {
                *("a.petrova", "anna", "carl")
            }
            assert namesake.running
        assert await is_refused(lab, annas + typed("a.petrova"), "certificate revoked")


@pytest.mark.parametrize("inside", [False, True])
async def test_who_is_called_by_a_number_stays_in(open_folder: Path, inside: bool) -> None:
    """Also where a file that is included says so, and somebody else adds the lines."""
    line = "x509-username-field serialNumber\n"
    operator = Operator(open_folder / "office", USUAL + ("config more.conf\n" if inside else line))
    operator.write("more.conf", line if inside else "")
    anna, annas = operator.old_client("anna")
    number = f"0x{anna.serial:X}"
    examined = await operator.examine()
    assert examined.layout.named_by is NamedBy.OTHER_FIELDS
    lines = [line for each in examined.advice if each.applied for line in each.lines]
    assert not any("ccd" in line for line in lines)
    operator.write("server.conf", operator.conf.read_text() + "".join(f"{x}\n" for x in lines))
    (operator.directory / "server-live").mkdir()
    operator.write("server-live/crl.pem", operator.crl().decode())
    examined = await operator.examine()
    live = operator.live_with(examined.layout)
    new = operator.new_profile(examined, "carl-k7f3qz2m")
    async with running(operator) as lab:
        await live.admit(CommonName("carl-k7f3qz2m"), None)
        async with connected(lab, annas) as old, connected(lab, new) as fresh:
            assert await old.ping(INSIDE)
            assert await fresh.ping(INSIDE)
            seen = await sessions_now(HOST, examined.layout, now())
    assert seen is not None
    assert number in seen.names
    look = outlook(seen, await operator.plan(), live={"anna"}, over=())
    assert (look.stay, look.strangers, look.new_profile) == (seen.names, (), ())


async def test_a_certificate_without_the_field_is_refused(open_folder: Path) -> None:
    """So no new profile is promised; who gets in today does so afterwards."""
    operator = Operator(open_folder / "office", USUAL + "x509-username-field emailAddress\n")
    plan = await operator.plan()
    (hurdle,) = outlook(None, plan, live=(), over=()).new_profile
    assert hurdle.refuses
    assert "emailAddress" in hurdle.detail
    assert plan.examined.adoption.server.closed == hurdle.detail
    profile = operator.new_profile(plan.examined)
    async with running(operator) as lab:
        assert await is_refused(lab, profile, "could not extract emailAddress")


async def test_a_client_without_a_certificate_stays_in(open_folder: Path) -> None:
    text = USUAL + ASKS_FOR_NAMES.replace("username-as-common-name\n", "")
    operator = Operator(open_folder / "office", f"{text}verify-client-cert none\n")
    _, annas = operator.old_client("anna")
    bare = "\n".join(annas.split("<cert>")[0].splitlines()) + "\n" + typed("anna")
    async with running(operator) as lab:
        applied = await operator.apply(["anna"])
        assert not applied.examined.layout.exclusive
        await restart(operator, lab)
        async with connected(lab, bare) as tunnel, connected(lab, annas + typed("x")) as other:
            assert await tunnel.ping(INSIDE)
            assert other.running


async def test_a_stranger_who_is_connected_is_seen_before_a_lock_shuts_them_out(
    open_folder: Path,
) -> None:
    """Of a router whose certificate is in no book; the management interface says so."""
    text = f"{USUAL}crl-verify crl.pem\nmanagement m.sock unix\nmanagement-client-user {CALLER}\n"
    operator = Operator(open_folder / "office", text)
    _, annas = operator.old_client("anna")
    _, routers = operator.old_client("router, Berlin")
    _, deads = operator.old_client("dead")
    async with running(operator) as lab:
        async with (
            connected(lab, annas),
            connected(lab, routers),
            connected(lab, deads),
        ):
            plan = await operator.plan()
            seen = await sessions_now(HOST, plan.examined.layout, now())
        look = outlook(seen, plan, live={"anna", "absent"}, over={"dead", "anna"})
        assert look.adds_lock
        assert look.stay == ("anna",)
        assert look.revoked == ("dead",)
        assert look.strangers == ("router, Berlin",)
        await operator.apply(["anna", *look.strangers])
        await restart(operator, lab)
        async with connected(lab, annas), connected(lab, routers) as tunnel:
            assert await tunnel.ping(INSIDE)
        with pytest.raises(LabRefused, match="AUTH_FAILED"):
            await lab.connect(deads)
