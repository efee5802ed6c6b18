"""A real server with a configuration of its operator's, before and after --apply."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.vpn.kit import CALLER, codes, now
from tests.vpn.operator_kit import USUAL, Operator, again, connected, is_refused, restart, running
from tests.vpn.running import IN_THE_LAB
from vpn.values import CommonName

pytestmark = IN_THE_LAB

INSIDE = "10.78.0.1"
TLS_AUTH = "tls-auth ta.key 0\n"
WITH_CRL = USUAL + TLS_AUTH + "crl-verify crl.pem\n"


def old_lines(operator: Operator) -> list[str]:
    return ["key-direction 1", f"<tls-auth>\n{operator.secret}</tls-auth>"]


async def test_without_a_change_a_crl_is_put_in_place_and_nothing_is_promised(
    open_folder: Path,
) -> None:
    operator = Operator(open_folder / "office", WITH_CRL)
    live = await operator.live()
    anna, annas = operator.old_client("Anna Office", *old_lines(operator))
    _, bobs = operator.old_client("bob", *old_lines(operator))
    async with running(operator) as lab:
        async with connected(lab, annas) as tunnel:
            assert await tunnel.ping(INSIDE)
            await operator.publish(live)
            (proof,) = await operator.cut(live, anna)
        assert (proof.proved, codes(proof)) == (False, ["no_management"])
        assert proof.crl_seen_at is None
        assert await is_refused(lab, annas, "certificate revoked")
        async with connected(lab, bobs) as tunnel:
            assert await tunnel.ping(INSIDE)
    status = await live.status(issuers=[operator.authority.certificate], now=now())
    assert (status.reachable, status.sessions) == (False, None)
    assert status.crl_number == proof.crl_number
    assert status.certificate_end is not None


async def test_applied_and_restarted_a_cut_is_proved(open_folder: Path) -> None:
    operator = Operator(open_folder / "office", USUAL + TLS_AUTH)
    anna, annas = operator.old_client("Anna Office", *old_lines(operator))
    bob, bobs = operator.old_client("bob", *old_lines(operator))
    carl, carls = operator.old_client("carl", *old_lines(operator))
    async with running(operator) as lab:
        applied = await operator.apply([anna.common_name, bob.common_name])
        live = operator.live_with(applied.examined.layout)
        # What runs is still the old configuration.
        (early,) = await operator.cut(live, carl)
        assert codes(early) == ["management_gone"]
        await restart(operator, lab)
        async with connected(lab, bobs) as stays, connected(lab, annas) as tunnel:
            assert await tunnel.ping(INSIDE)
            connected_now = {session.common_name for session in await live.sessions()}
            assert connected_now == {anna.common_name, bob.common_name}
            (proof,) = await operator.cut(live, anna)
            assert (proof.proved, codes(proof)) == (True, [])
            assert proof.sessions_cut == 1
            # Both clients share a network, so a ping would go by the other's tunnel.
            assert [session.common_name for session in await live.sessions()] == [bob.common_name]
            assert await stays.ping(INSIDE)
        assert await is_refused(lab, annas, "certificate revoked")
        assert await is_refused(lab, carls, "certificate revoked")
        (late,) = await operator.cut(live, again(carl, early))
        assert late.proved, late.findings


async def test_the_first_crl_carries_what_was_revoked_before(open_folder: Path) -> None:
    operator = Operator(open_folder / "office", WITH_CRL)
    anna, annas = operator.old_client("anna", *old_lines(operator))
    operator.revoke(anna)
    async with running(operator) as lab:
        await operator.publish(await operator.live())
        assert await is_refused(lab, annas, "certificate revoked")


async def test_a_new_profile_works_beside_the_old_ones(open_folder: Path) -> None:
    operator = Operator(open_folder / "office", WITH_CRL)
    _, bobs = operator.old_client("bob", *old_lines(operator))
    profile = operator.new_profile(await operator.examine())
    async with (
        running(operator) as lab,
        connected(lab, bobs) as old,
        connected(lab, profile) as new,
    ):
        assert await old.ping(INSIDE)
        assert await new.ping(INSIDE)
        assert old.address != new.address


async def test_a_restart_that_is_due_is_seen(open_folder: Path) -> None:
    operator = Operator(open_folder / "office", USUAL + TLS_AUTH)
    await operator.apply()
    async with running(operator) as lab:
        live = await operator.live()
        operator.conf.write_text(operator.conf.read_text() + "# changed\n")
        status = await live.status(issuers=[operator.authority.certificate], now=now())
        assert status.restart_pending is True
        (proof,) = await operator.cut(live, operator.certificate("bob")[0])
        assert codes(proof) == ["restart_pending"]
        assert lab.server_log()


@contextmanager
def acting_as(account: str) -> Iterator[None]:
    """Without root's rights, as the bot runs."""
    entry = pwd.getpwnam(account)
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


async def test_what_apply_makes_is_enough_for_the_bots_own_account(open_folder: Path) -> None:
    operator = Operator(open_folder / "office", USUAL + TLS_AUTH)
    anna, annas = operator.old_client("Anna Office", *old_lines(operator))
    applied = await operator.apply([anna.common_name], account="daemon")
    live = operator.live_with(applied.examined.layout)
    profile = operator.new_profile(applied.examined, "bob-k7f3qz2m")
    async with running(operator) as lab:
        with acting_as("daemon"):
            await live.admit(CommonName("bob-k7f3qz2m"), None)
            await operator.publish(live)
        async with connected(lab, annas), connected(lab, profile):
            with acting_as("daemon"):
                (proof,) = await operator.cut(live, anna)
                names = {session.common_name for session in await live.sessions()}
            assert (proof.proved, proof.sessions_cut) == (True, 1), proof.findings
            assert names == {"bob-k7f3qz2m"}


async def test_a_new_root_moves_the_crl_and_the_clients_files(open_folder: Path) -> None:
    text = (
        USUAL
        + "chroot jail\ncrl-verify /crl.pem\nclient-config-dir ccd\nccd-exclusive\n"
        + f"management m.sock unix\nmanagement-client-user {CALLER}\n"
    )
    operator = Operator(open_folder / "office", text)
    anna, annas = operator.old_client("anna")
    for name in ("jail/ccd/anna", "jail/tmp/x"):
        (operator.directory / name).parent.mkdir(parents=True, exist_ok=True)
        operator.write(name, "")
    operator.write("jail/crl.pem", operator.crl().decode())
    live = await operator.live()
    async with running(operator) as lab:
        async with connected(lab, annas):
            (proof,) = await operator.cut(live, anna)
        assert (proof.proved, proof.sessions_cut) == (True, 1), proof.findings
        assert await is_refused(lab, annas, "certificate revoked")
