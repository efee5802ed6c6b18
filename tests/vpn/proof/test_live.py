"""LiveServer against a real OpenVPN server and real clients, between two network namespaces."""

from datetime import timedelta
from pathlib import Path

import pytest

from demo.errors import LabRefused
from tests.vpn.kit import SERVER_INSIDE, Company, closing, make_authority, make_spec, now
from tests.vpn.running import IN_THE_LAB, Running, run_server
from vpn.errors import NewerCrlInPlace
from vpn.proof.management import open_management
from vpn.values import CommonName, Protocol

pytestmark = IN_THE_LAB


@pytest.fixture
def company(running: Running) -> Company:
    return running.company


async def connected(company: Company) -> set[str]:
    async with open_management(company.host) as management:
        return {session.common_name for session in await management.status()}


async def test_an_admitted_person_gets_in_with_their_address(running: Running) -> None:
    issued = await running.company.admit()
    async with closing(await running.lab.connect(issued.profile)) as tunnel:
        assert tunnel.address == str(issued.address)
        assert await tunnel.ping(SERVER_INSIDE)


async def test_a_cut_ends_the_session_and_the_way_back(running: Running) -> None:
    company = running.company
    issued, bystander = await company.admit(), await company.admit()
    async with (
        closing(await running.lab.connect(issued.profile)) as tunnel,
        closing(await running.lab.connect(bystander.profile)),
    ):
        assert await tunnel.ping(SERVER_INSIDE)
        proof = await company.cut(issued)
        assert proof.proved, proof.findings
        assert proof.sessions_cut == 1
        assert proof.server == "main"
        assert proof.common_name == issued.target.common_name
        assert not await tunnel.ping(SERVER_INSIDE, timeout=1)
        names = await connected(company)
        assert bystander.target.common_name in names
        assert issued.target.common_name not in names
    assert await running.is_refused(issued, "certificate revoked")


async def test_several_are_cut_in_one_conversation(running: Running) -> None:
    company = running.company
    people = [await company.admit() for _ in range(3)]
    async with (
        closing(await running.lab.connect(people[0].profile)),
        closing(await running.lab.connect(people[2].profile)),
    ):
        for person in people:
            company.revoke(person)
        proofs = await company.live.cut(
            [person.target for person in people],
            crl_pem=company.crl(),
            issuers=[company.issuer],
            now=now,
        )
    assert [proof.proved for proof in proofs] == [True, True, True]
    assert [proof.sessions_cut for proof in proofs] == [1, 0, 1]
    assert len({proof.crl_number for proof in proofs}) == 1


async def test_the_first_lock_holds_alone(running: Running) -> None:
    """A certificate that no CRL names, and no file of its own."""
    issued = running.company.issue()
    with pytest.raises(LabRefused, match="AUTH_FAILED"):
        await running.lab.connect(issued.profile)


async def test_the_second_lock_holds_alone(running: Running) -> None:
    """A file of its own, and a CRL that names it: of the same size, in the same second."""
    company = running.company
    issued, other = await company.admit(), await company.admit()
    company.revoke(other)
    await company.publish()
    async with closing(await running.lab.connect(issued.profile)):
        pass
    company.revocations.pop()
    company.revoke(issued)
    await company.publish()
    assert await running.is_refused(issued, "certificate revoked")


async def test_an_older_crl_does_not_replace_a_newer_one(company: Company) -> None:
    older, newer = company.crl(), company.crl()
    number = await company.live.publish(newer, issuers=[company.issuer])
    with pytest.raises(NewerCrlInPlace, match=str(number)):
        await company.live.publish(older, issuers=[company.issuer])
    assert await company.host.read("live/crl.pem") == newer


FOREIGN = make_authority().sign_crl(number=10_000, revocations=(), now=now())


@pytest.mark.parametrize("content", [b"", b"nonsense", FOREIGN])
async def test_what_is_not_ours_is_replaced(company: Company, content: bytes) -> None:
    await company.host.replace("live/crl.pem", content, mode=0o644)
    number = await company.publish()
    status = await company.live.status(issuers=[company.issuer], now=now())
    assert (status.crl_number, status.findings) == (number, ())


async def test_the_status_of_a_server_that_is_well(running: Running) -> None:
    company = running.company
    issued = await company.admit()
    number = await company.publish()
    async with closing(await running.lab.connect(issued.profile)):
        async with open_management(company.host) as management:
            assert await management.pid() == running.pid
            (session,) = [
                session
                for session in await management.status()
                if session.common_name == issued.target.common_name
            ]
        status = await company.live.status(issuers=[company.issuer], now=now())
    assert session.virtual_address == str(issued.address)
    assert session.real_address.startswith("192.0.2.2:")
    assert session.bytes_received > 0
    assert abs(session.connected_since - now()) < timedelta(minutes=1)
    assert status.reachable
    assert status.sessions is not None
    assert status.sessions >= 1
    assert status.restart_pending is False
    assert status.crl_number == number
    assert status.crl_signed_at is not None
    assert status.crl_next_update is not None
    assert status.crl_signed_at < now() < status.crl_next_update
    assert status.certificate_end is not None
    assert status.findings == ()


async def test_a_name_that_is_not_connected_is_not_killed(company: Company) -> None:
    async with open_management(company.host) as management:
        assert await management.kill(CommonName("nobody-here")) == 0


async def test_a_deploy_sees_its_own_server(company: Company) -> None:
    report = await company.deploy()
    assert report.changed == ()
    assert not report.restart_needed
    assert report.commands == ()


async def test_tcp_carries_it_too(open_folder: Path) -> None:
    company = Company(make_spec(open_folder / "home", protocol=Protocol.TCP))
    async with run_server(company) as made:
        issued = await company.admit()
        async with closing(await made.lab.connect(issued.profile)) as tunnel:
            assert await tunnel.ping(SERVER_INSIDE)
            assert (await company.cut(issued)).proved
