"""Common names of another CA on a real server: shut out, ended, and seen to be gone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from demo.errors import LabRefused
from demo.lab.network import NetLab
from tests.vpn.kit import CALLER, codes, now
from tests.vpn.operator_kit import USUAL, Operator, again, connected, is_refused, restart, running
from tests.vpn.running import IN_THE_LAB
from vpn.findings import Target
from vpn.layout import HAND_WINDOW_S
from vpn.names import ccd_file_name, name_in_sessions
from vpn.proof.live import LiveServer

pytestmark = IN_THE_LAB

INSIDE = "10.78.0.1"
LOCKED = (
    USUAL
    + "crl-verify crl.pem\nclient-config-dir ccd\nccd-exclusive\nmanagement m.sock unix\n"
    + f"management-client-user {CALLER}\n"
)
WINDOW = timedelta(seconds=HAND_WINDOW_S + 5)
NAMES = [
    "John Smith",
    "anna@corp.example",
    "Jürgen Müller",
    "q\"uo\\te's",
    "sl/ash",
    "../server.conf",
    "<a|b?*>",
    "tab\tx",
    "anna\0x",
    " ; signal SIGTERM",
]


class Office:
    """One server with both locks, and one management interface."""

    def __init__(self, operator: Operator, lab: NetLab, live: LiveServer) -> None:
        self.operator = operator
        self.lab = lab
        self.live = live

    def let_in(self, name: str, text: str = "") -> Path:
        file = ccd_file_name(name)
        return self.operator.write(f"ccd/{file}", text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(module_folder: Path) -> AsyncIterator[Office]:
    operator = Operator(module_folder / "office", LOCKED)
    operator.write("ccd/.keep", "")
    async with running(operator) as lab:
        yield Office(operator, lab, await operator.live())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_office(module_folder: Path) -> AsyncIterator[Office]:
    """Without the second lock."""
    text = LOCKED.replace("ccd-exclusive\n", "hand-window 20\n")
    operator = Operator(module_folder / "open", text)
    operator.write("ccd/.keep", "")
    async with running(operator) as lab:
        yield Office(operator, lab, await operator.live())


@pytest.mark.parametrize("name", NAMES)
async def test_any_name_is_cut(office: Office, name: str) -> None:
    target, profile = office.operator.old_client(name)
    file = office.let_in(name)
    async with connected(office.lab, profile):
        on = [session.common_name for session in await office.live.sessions()]
        assert on == [name_in_sessions(name)]
        (proof,) = await office.operator.cut(office.live, target)
    assert (proof.proved, proof.sessions_cut) == (True, 1), proof.findings
    assert not file.exists()
    assert office.operator.directory.joinpath("set-aside", file.name).exists()
    assert office.operator.conf.exists()


@pytest.mark.long
async def test_a_name_with_a_colon_is_halted_by_its_number(office: Office) -> None:
    target, profile = office.operator.old_client("a:b")
    other, others = office.operator.old_client("bystander")
    office.let_in("a:b")
    office.let_in("bystander")
    async with connected(office.lab, others), connected(office.lab, profile) as tunnel:
        proofs = await office.operator.cut(office.live, target, other)
        assert [(p.proved, p.sessions_cut) for p in proofs] == [(True, 1)] * 2
        assert await tunnel.wait_closed(5)
        assert "a:b" not in {session.common_name for session in await office.live.sessions()}


@pytest.mark.parametrize("name", [".", "DEFAULT"])
async def test_a_name_that_can_have_no_file_is_refused_anyway(office: Office, name: str) -> None:
    target, profile = office.operator.old_client(name)
    default = office.operator.write("ccd/DEFAULT", "")
    with pytest.raises(LabRefused, match="AUTH_FAILED"):
        await office.lab.connect(profile)
    (proof,) = await office.operator.cut(office.live, target)
    assert proof.proved
    assert default.exists()
    default.unlink()


async def next_second() -> None:
    await asyncio.sleep(1 - now().microsecond / 1_000_000)


class TestSharedNames:
    """Two certificates with one name: easy-rsa makes them with `unique_subject = no`."""

    async def test_the_other_one_goes_on(self, office: Office) -> None:
        operator, live, lab = office.operator, office.live, office.lab
        lost, losts = operator.old_client("twin")
        _, kept = operator.old_client("twin")
        file = office.let_in("twin", "# the twins'\n")
        shared = Target(lost.common_name, lost.serial, shares_name=True)
        async with connected(lab, losts):
            (first,) = await operator.cut(live, shared)
        assert (first.proved, codes(first)) == (False, ["second_look_due"])
        assert (first.sessions_cut, file.read_text()) == (1, "# the twins'\n")
        assert first.second_look_at is not None
        assert await is_refused(lab, losts, "certificate revoked")
        await next_second()  # OpenVPN tells beginnings in whole seconds
        async with connected(lab, kept) as tunnel:
            (second,) = await operator.cut(live, again(shared, first), later=WINDOW)
            # The other one's session began after the CRL was in place: it has passed it.
            assert (second.proved, second.sessions_cut) == (True, 0), second.findings
            assert second.crl_seen_at == first.crl_seen_at
            assert await tunnel.ping(INSIDE)

    async def test_a_session_from_before_counts_whosever_it_is(self, office: Office) -> None:
        operator, live, lab = office.operator, office.live, office.lab
        lost, _ = operator.old_client("pair")
        _, kept = operator.old_client("pair")
        office.let_in("pair")
        shared = Target(lost.common_name, lost.serial, shares_name=True)
        async with connected(lab, kept):
            (proof,) = await operator.cut(live, shared)
        assert proof.sessions_cut == 1

    async def test_of_two_files_that_are_one_the_other_name_keeps_it(self, office: Office) -> None:
        target, _ = office.operator.old_client("a/b")
        file = office.let_in("a_b")
        await office.operator.cut(
            office.live, Target(target.common_name, target.serial, shares_name=True)
        )
        assert file.exists()


class TestWithoutTheSecondLock:
    async def test_only_a_second_look_proves(self, open_office: Office) -> None:
        operator, live = open_office.operator, open_office.live
        target, profile = operator.old_client("anna office")
        file = open_office.let_in("anna office", 'push "route 10.99.0.0 255.255.0.0"\n')
        async with connected(open_office.lab, profile):
            (first,) = await operator.cut(live, target)
        assert (first.proved, codes(first)) == (False, ["second_look_due"])
        assert first.sessions_cut == 1
        assert first.crl_seen_at is not None
        assert first.second_look_at is not None
        assert first.second_look_at - first.crl_seen_at == timedelta(seconds=22)
        (early,) = await operator.cut(live, again(target, first), later=timedelta(seconds=10))
        assert codes(early) == ["second_look_due"]
        assert early.second_look_at == first.second_look_at
        (second,) = await operator.cut(live, again(target, early), later=timedelta(seconds=25))
        assert (second.proved, second.second_look_at) == (True, None)
        # Without ccd-exclusive a file is no lock, and what is the operator's stays.
        assert file.exists()

    async def test_what_was_seen_is_forgotten_when_the_crl_goes(self, open_office: Office) -> None:
        operator, live = open_office.operator, open_office.live
        target, _ = operator.old_client("bob")
        (first,) = await operator.cut(live, target)
        assert first.crl_seen_at is not None
        (proof,) = await live.cut(
            [again(target, first)],
            crl_pem=operator.authority.sign_crl(number=1, revocations=(), now=now()),
            issuers=[operator.authority.certificate],
            now=lambda: now() - timedelta(days=9),
        )
        assert proof.crl_seen_at is None

    async def test_our_own_file_goes(self, open_office: Office) -> None:
        target, _ = open_office.operator.old_client("anna-k7f3qz2m")
        file = open_office.let_in("anna-k7f3qz2m")
        await open_office.operator.cut(open_office.live, target)
        assert not file.exists()


async def test_a_restarted_server_needs_no_new_look(office: Office) -> None:
    await restart(office.operator, office.lab)
    (proof,) = await office.operator.cut(office.live, office.operator.certificate("x")[0])
    assert proof.proved
