"""Whom nobody knows: their files go, their sessions end, and a real server lets them in no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.vpn.kit import SERVER_INSIDE, Company, closing, make_spec, now
from tests.vpn.proof.test_management import GREETING, HEADER, ROW
from tests.vpn.running import IN_THE_LAB, Running
from vpn.errors import HostError, ManagementNonsense
from vpn.findings import Finding, FindingCode
from vpn.names import out_of_use
from vpn.proof.client_files import client_files, set_files_aside
from vpn.proof.crl_look import digest_of
from vpn.proof.live import LiveServer, StrangersCut
from vpn.proof.sessions import Answer


class TestInTheLab:
    pytestmark = IN_THE_LAB

    async def test_a_stranger_is_out_and_stays_out(self, running: Running) -> None:
        company, lab = running.company, running.lab
        friend, stranger = await company.admit(), await company.admit()
        name = stranger.target.common_name
        async with (
            closing(await lab.connect(friend.profile)) as stays,
            closing(await lab.connect(stranger.profile)),
        ):
            assert await moved_aside(company.live, name) == ((name,), ())
            cut = await company.live.cut_strangers({name})
            assert cut == StrangersCut((name,), (), ())
            # Both clients share a network, so a ping of the other one would go by this tunnel.
            status = await company.live.status(issuers=[company.issuer], now=now())
            assert status.sessions == 1
            assert await stays.ping(SERVER_INSIDE)
        assert await running.is_refused(stranger, "client-config-dir authentication failed")
        # Whoever knocks is listed for a moment, without having got in.
        assert (await company.live.cut_strangers({name})).findings == ()


async def moved_aside(live: LiveServer, *names: str) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    return await set_files_aside(live.host, live.layout, names)


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
    """Or is never ended: a server may say of a kill that it was done, and do nothing."""
    async with saying(open_folder, row("ann-1") + row("UNDEF") + row("bob-2")) as live:
        cut = await live.cut_strangers({"ann-1"})
    assert (cut.names, cut.left) == ((), ("ann-1",))
    assert [finding.code for finding in cut.findings] == [FindingCode.SESSION_LIVE]


async def test_a_server_that_is_down(open_folder: Path) -> None:
    """Nobody can tell whether they are out."""
    cut = await Company(make_spec(open_folder)).live.cut_strangers({"ann-1"})
    assert (cut.names, cut.left) == ((), ("ann-1",))
    assert [finding.code for finding in cut.findings] == [
        FindingCode.MANAGEMENT_GONE,
        FindingCode.SESSION_LIVE,
    ]


async def test_nobody_is_cut_without_asking_anybody(open_folder: Path) -> None:
    live = Company(make_spec(open_folder)).live
    assert await live.cut_strangers(()) == StrangersCut((), (), ())


async def test_a_server_lists_twice_as_many_as_it_has_addresses(open_folder: Path) -> None:
    """And no more: then nothing that it says is believed."""
    rows = "".join(row(f"n{number}") for number in range(2048))
    async with saying(open_folder, rows) as live:
        assert len(await live.sessions()) == 2048
    async with saying(open_folder, rows + row("one-more")) as live:
        with pytest.raises(ManagementNonsense, match="more than 2048 clients"):
            await live.sessions()
        status = await live.status(issuers=(), now=now())
        assert (status.reachable, status.sessions) == (False, None)
        assert status.open_to_others == ()


async def test_how_far_a_servers_clock_is_ahead_is_told_where_it_says_its_time(
    open_folder: Path,
) -> None:
    at = now().replace(microsecond=0)
    for said, ahead in (
        (f"TIME\tx\t{int(at.timestamp()) + 90}\r\n", timedelta(seconds=90)),
        ("", None),
        ("TIME\tx\r\n", None),
        ("TIME\tx\tlater\r\n", None),
    ):
        async with saying(open_folder, said) as live:
            assert (await live.status(issuers=(), now=at)).clock_ahead == ahead


async def test_all_is_asked_by_one_way_there_and_back(open_folder: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING.encode())
        for _ in ("pid", "status"):
            await reader.readline()
        writer.write(f"SUCCESS: pid=4711\r\n{HEADER}END\r\n".encode())
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(serve, open_folder / "management.sock"):
        assert await Company(make_spec(open_folder)).live.ask() == Answer(4711, (), None)


class TestFiles:
    @pytest.fixture
    async def company(self, open_folder: Path) -> Company:
        company = Company(make_spec(open_folder / "home"))
        await company.ready()
        return company

    async def test_that_a_client_could_have(self, company: Company) -> None:
        ccd = company.directory / "live/ccd"
        for name in ("ann-1", "DEFAULT", ".hidden", "x" * 64, "y" * 65, out_of_use("bob-2")):
            (ccd / name).touch()
        names = await client_files(company.live.host, company.live.layout)
        assert set(names) == {"ann-1", "DEFAULT", ".hidden", "x" * 64}

    async def test_lie_beside_the_folder_afterwards(self, company: Company) -> None:
        ccd = company.directory / "live/ccd"
        for text in ("first", "second"):
            (ccd / "ann-1").write_text(text)
            assert await moved_aside(company.live, "ann-1", "gone") == (("ann-1", "gone"), ())
        assert not list(ccd.iterdir())
        assert (ccd.parent / "set-aside/ann-1").read_text() == "second"
        assert (ccd.parent / "set-aside").stat().st_mode & 0o777 == 0o700

    async def test_where_no_folder_can_be_made(self, company: Company) -> None:
        ccd = company.directory / "live/ccd"
        (ccd.parent / "set-aside").touch()
        (ccd / "ann-1").write_text("hers")
        assert (await moved_aside(company.live, "ann-1"))[0] == ("ann-1",)
        assert [path.read_text() for path in ccd.iterdir()] == ["hers"]
        assert await client_files(company.live.host, company.live.layout) == ()

    async def test_that_stay(self, company: Company) -> None:
        """One that cannot be moved does not keep the others."""
        ccd = company.directory / "live/ccd"
        for path in (ccd.parent / "set-aside/ann-1/x", ccd / out_of_use("ann-1") / "x"):
            path.mkdir(parents=True)
        (ccd / "ann-1").mkdir()
        (ccd / "bob-2").touch()
        moved, findings = await moved_aside(company.live, "ann-1", "bob-2")
        assert moved == ("bob-2",)
        assert [finding.code for finding in findings] == [FindingCode.CCD_NOT_REMOVED]

    async def test_of_a_server_that_is_not_there(self, open_folder: Path) -> None:
        live = Company(make_spec(open_folder / "nowhere")).live
        assert await client_files(live.host, live.layout) == ()

    async def test_in_a_place_that_is_no_folder(self, company: Company) -> None:
        ccd = company.directory / "live/ccd"
        ccd.rmdir()
        ccd.touch()
        with pytest.raises(HostError, match="isn't a folder"):
            await client_files(company.live.host, company.live.layout)


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
        assert await company.live.list_in_place([company.issuer], unless=digest) is None
        found = await company.live.list_in_place([company.issuer], unless=None)
        assert found is not None
        assert (found.number, found.problem) == (1, None)
        assert [entry.serial for entry in found.revocations] == [issued.target.serial]

    async def test_put_there_again(self, company: Company) -> None:
        pem = company.crl()
        for _ in range(2):
            assert await company.live.publish(pem, issuers=[company.issuer]) == 1

    async def test_none_or_not_ours(self, company: Company) -> None:
        path = company.directory / "live/crl.pem"
        other = Company(company.spec)
        for content in (None, b"", b"hello", company.crl()[:-90], other.crl()):
            if content is not None:
                path.write_bytes(content)
            found = await company.live.list_in_place([company.issuer], unless=None)
            assert found is not None
            assert (found.number, found.revocations) == (0, ())
            assert (found.problem is None) is bool(found.others)


async def test_whose_each_address_is_lies_there_and_is_left_alone_while_it_is_so(
    open_folder: Path,
) -> None:
    company = Company(make_spec(open_folder / "home"))
    await company.ready()
    live = replace(company.live, layout=replace(company.live.layout, bot_folders=("live",)))
    path = company.directory / "live/members"
    await live.note_members("10.77.0.2 anna\n")
    first = path.stat()
    same = (first.st_ino, first.st_mtime_ns)
    assert (path.read_text(), first.st_mode & 0o777) == ("10.77.0.2 anna\n", 0o644)
    await live.note_members("10.77.0.2 anna\n")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == same
    await live.note_members("10.77.0.2 anna\n", even_if_same=True)
    assert path.stat().st_ino != first.st_ino
    await live.note_members("10.77.0.2 bob\n")
    assert path.read_text() == "10.77.0.2 bob\n"
    elsewhere = replace(live, layout=replace(live.layout, bot_folders=()))
    await elsewhere.note_members("10.77.0.2 carl\n")
    assert path.read_text() == "10.77.0.2 bob\n"
