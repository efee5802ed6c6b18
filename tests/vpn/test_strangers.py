"""Whom nobody knows: their files go, their sessions end, and a real server lets them in no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.vpn.kit import SERVER_INSIDE, Company, closing, make_spec, now
from tests.vpn.running import IN_THE_LAB, Running
from tests.vpn.test_management import GREETING, HEADER, ROW
from vpn.crl_look import digest_of
from vpn.findings import FindingCode
from vpn.live import LiveServer


class TestInTheLab:
    pytestmark = IN_THE_LAB

    async def test_a_stranger_is_out_and_stays_out(self, running: Running) -> None:
        company, lab = running.company, running.lab
        friend, stranger = await company.admit(), await company.admit()
        known = {friend.target.common_name}
        async with (
            closing(await lab.connect(friend.profile)) as stays,
            closing(await lab.connect(stranger.profile)),
        ):
            removed, findings = await company.live.remove_stranger_files(known)
            assert (stranger.target.common_name in removed, findings) == (True, ())
            cut = await company.live.cut_strangers(known)
            assert (cut.names, cut.findings) == ((stranger.target.common_name,), ())
            # Both clients share a network, so a ping of the other one would go by this tunnel.
            status = await company.live.status(issuer=company.issuer, now=now())
            assert status.sessions == 1
            assert await stays.ping(SERVER_INSIDE)
        assert await running.is_refused(stranger, "client-config-dir authentication failed")
        # Whoever knocks is listed for a moment, without having got in.
        assert (await company.live.cut_strangers(known)).findings == ()


def row(name: str) -> str:
    return ROW.replace("ann-1", name)


@asynccontextmanager
async def saying(folder: Path, *statuses: str) -> AsyncIterator[LiveServer]:
    """A server whose management interface says this, one status after the other."""
    left = list(statuses)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING.encode())
        while line := (await reader.readline()).decode().strip():
            if line == "pid":
                writer.write(b"SUCCESS: pid=4711\r\n")
            elif line.startswith("kill "):
                name = line.removeprefix("kill ")
                killed = f"SUCCESS: common name '{name}' found, 1 client(s) killed\r\n"
                writer.write(killed.encode())
            else:
                status = left.pop(0) if len(left) > 1 else left[0]
                writer.write(f"{HEADER}{status}END\r\n".encode())
        writer.close()

    async with await asyncio.start_unix_server(serve, folder / "management.sock"):
        yield Company(make_spec(folder)).live


async def test_a_session_that_comes_back_after_each_kill(open_folder: Path) -> None:
    async with saying(open_folder, row("ann-1") + row("UNDEF") + row("bob-2")) as live:
        cut = await live.cut_strangers({"bob-2"})
    assert cut.names == ("ann-1",)
    assert [finding.code for finding in cut.findings] == [FindingCode.SESSION_LIVE]


async def test_a_name_that_cannot_be_killed(open_folder: Path) -> None:
    """Nothing of ours has such a name, so it could mean something else in a command."""
    async with saying(open_folder, row("Eve\\x20M") + row("ann-1"), row("Eve\\x20M")) as live:
        cut = await live.cut_strangers(())
    assert cut.names == ("ann-1",)
    (finding,) = cut.findings
    assert finding.code is FindingCode.SESSION_LIVE
    assert "Eve" in finding.detail


async def test_a_server_that_is_down(open_folder: Path) -> None:
    cut = await Company(make_spec(open_folder)).live.cut_strangers(())
    assert cut.names == ()
    assert [finding.code for finding in cut.findings] == [FindingCode.MANAGEMENT_GONE]


class TestFiles:
    @pytest.fixture
    async def company(self, open_folder: Path) -> Company:
        company = Company(make_spec(open_folder / "home"))
        await company.ready()
        return company

    async def test_of_others_stay(self, company: Company) -> None:
        ccd = company.directory / "live/ccd"
        for name in ("ann-1", "bob-2", "DEFAULT", ".vpnbot-0123"):
            (ccd / name).touch()
        removed, findings = await company.live.remove_stranger_files({"bob-2", "carl-3"})
        assert (removed, findings) == (("DEFAULT", "ann-1"), ())
        assert {path.name for path in ccd.iterdir()} == {"bob-2", ".vpnbot-0123"}

    async def test_that_stay(self, company: Company) -> None:
        """One that cannot be removed does not keep the others."""
        ccd = company.directory / "live/ccd"
        (ccd / "ann-1").mkdir()
        (ccd / "bob-2").touch()
        removed, findings = await company.live.remove_stranger_files(())
        assert removed == ("bob-2",)
        assert [finding.code for finding in findings] == [FindingCode.CCD_NOT_REMOVED]

    async def test_of_a_server_that_is_not_there(self, open_folder: Path) -> None:
        live = Company(make_spec(open_folder / "nowhere")).live
        assert await live.remove_stranger_files(()) == ((), ())

    async def test_in_a_place_that_is_no_folder(self, company: Company) -> None:
        ccd = company.directory / "live/ccd"
        ccd.rmdir()
        ccd.touch()
        removed, (finding,) = await company.live.remove_stranger_files(())
        assert (removed, finding.code) == ((), FindingCode.HOST_ERROR)


class TestCrlInPlace:
    @pytest.fixture
    async def company(self, open_folder: Path) -> Company:
        company = Company(make_spec(open_folder / "home"))
        await company.deploy()
        return company

    async def test_with_its_entries(self, company: Company) -> None:
        issued = company.issue()
        company.revoke(issued)
        await company.publish()
        digest = digest_of((company.directory / "live/crl.pem").read_bytes())
        assert await company.live.list_in_place(company.issuer, unless=digest) is None
        found = await company.live.list_in_place(company.issuer, unless=None)
        assert found is not None
        assert (found.number, found.problem) == (1, None)
        assert [entry.serial for entry in found.revocations] == [issued.target.serial]

    async def test_none_or_not_ours(self, company: Company) -> None:
        path = company.directory / "live/crl.pem"
        other = Company(company.spec)
        for content in (None, b"", b"hello", company.crl()[:-90], other.crl()):
            if content is not None:
                path.write_bytes(content)
            found = await company.live.list_in_place(company.issuer, unless=None)
            assert found is not None
            assert (found.number, found.revocations) == (0, ())
            assert (found.problem is None) is bool(found.others)
