"""What keeps a cut from being proved, each set up on purpose on a real server."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import pytest_asyncio

from tests.vpn.kit import DAY, Company, closing, codes, make_authority, make_spec, now
from tests.vpn.running import IN_THE_LAB, Running
from vpn.layout import UnixSocket
from vpn.proof.crl_look import digest_of
from vpn.proof.live import LiveServer
from vpn.proof.sessions import KILL_ROUNDS
from vpn.values import CommonName

pytestmark = IN_THE_LAB


async def test_nothing_found_is_a_proof(breakable: Running) -> None:
    company = breakable.company
    proof = await company.cut(await company.admit())
    assert (proof.proved, codes(proof)) == (True, [])


@pytest.mark.parametrize(
    ("days", "code"), [(-8, "crl_expired"), (2, "crl_not_yet_valid")], ids=["past", "future"]
)
async def test_a_crl_out_of_its_dates(breakable: Running, days: int, code: str) -> None:
    company = breakable.company
    issued = await company.admit()
    company.revoke(issued)
    proof = await company.cut(issued, crl_pem=company.crl(at=now() + days * DAY))
    assert (proof.proved, codes(proof)) == (False, [code])


async def test_a_crl_that_does_not_list_it(breakable: Running) -> None:
    company = breakable.company
    proof = await company.cut(await company.admit(), crl_pem=company.crl())
    assert (proof.proved, codes(proof)) == (False, ["crl_old"])


async def test_a_newer_crl_that_does_not_list_it(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    await company.live.publish(company.crl(number=1000), issuers=[company.issuer])
    proof = await company.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["crl_newer"])
    assert proof.crl_number == 1000


async def test_a_newer_crl_that_lists_it_is_a_proof(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    company.revoke(issued)
    await company.live.publish(company.crl(number=1000), issuers=[company.issuer])
    proof = await company.cut(issued)
    assert (proof.proved, proof.crl_number) == (True, 1000)


@pytest.mark.parametrize("foreign", [True, False])
async def test_a_crl_that_is_not_ours_is_not_written(breakable: Running, foreign: bool) -> None:
    company = breakable.company
    issued = await company.admit()
    pem = make_authority().sign_crl(number=1000, revocations=(), now=now())
    proof = await company.cut(issued, crl_pem=pem if foreign else pem[:-100])
    assert (proof.proved, codes(proof)) == (False, ["crl_old", "crl_not_written"])
    assert proof.crl_number == 1


def occupy(path: Path) -> None:
    """A folder that is not empty cannot be removed as a file, nor replaced by one."""
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "x").touch()


async def test_a_crl_that_cannot_be_replaced(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    async with closing(await breakable.lab.connect(issued.profile)):
        occupy(company.directory / "live/crl.pem")
        proof = await company.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["crl_not_written", "host_error"])
    assert proof.sessions_cut == 1  # the later steps were tried
    assert proof.crl_number is None


async def test_a_clients_file_that_stays(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    occupy(company.directory / "live/ccd" / issued.target.common_name)
    proof = await company.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["ccd_not_removed", "ccd_present"])


@pytest.mark.parametrize("shut", [".", "live"])
async def test_a_folder_that_shuts_openvpn_out(breakable: Running, shut: str) -> None:
    company = breakable.company
    issued = await company.admit()
    (company.directory / shut).chmod(0o700)
    proof = await company.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["crl_unreadable"])
    assert "chmod o+x" in proof.findings[0].detail


async def test_a_server_that_is_down(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    await breakable.stop()
    proof = await company.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["management_gone"])


async def test_a_socket_that_turns_us_away(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    change(company, "management-client-user root", "management-client-user daemon")
    await breakable.start()
    proof = await company.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["management_gone"])
    assert "management-client-user" in proof.findings[0].detail
    # What needs no conversation is seen all the same.
    assert await company.host.listener_pid("management.sock") == breakable.pid


def change(company: Company, old: str, new: str) -> None:
    conf = company.directory / "server.conf"
    text = conf.read_text()
    assert old in text
    conf.write_text(text.replace(old, new))


def impatient(company: Company) -> Company:
    company.live = LiveServer(company.spec, company.host, management_timeout_s=0.5)
    return company


async def test_a_socket_that_is_busy(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    _, writer = await company.host.connect(UnixSocket("management.sock"))
    proof = await impatient(company).cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["management_silent"])
    writer.close()
    await writer.wait_closed()
    company.live = LiveServer(company.spec, company.host)
    assert (await company.cut(issued)).proved


async def test_a_server_that_hangs(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    os.kill(breakable.pid, signal.SIGSTOP)
    try:
        proof = await impatient(company).cut(issued)
    finally:
        os.kill(breakable.pid, signal.SIGCONT)
    assert (proof.proved, codes(proof)) == (False, ["management_silent"])


async def test_a_configuration_that_waits_for_its_restart(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    change(company, "verb 3", "verb 4")
    proof = await company.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["restart_pending"])
    status = await company.live.status(issuers=[company.issuer], now=now())
    assert status.restart_pending is True
    report = await company.deploy()
    assert report.restart_needed
    assert report.changed == ("server.conf",)
    again = await company.deploy()
    assert again.restart_needed
    assert again.commands == ("systemctl restart vpnbot-openvpn-main.service",)
    await breakable.start()
    assert (await company.cut(issued)).proved
    assert not (await company.deploy()).restart_needed


async def test_an_old_file_moved_into_place_is_seen(breakable: Running) -> None:
    """Its modification time is that of the old file: `cp -p` and `mv` lie."""
    company = breakable.company
    issued = await company.admit()
    conf = company.directory / "server.conf"
    copy_with_times(conf)
    proof = await company.cut(issued)
    assert codes(proof) == ["restart_pending"]


def copy_with_times(path: Path) -> None:
    before = path.stat()
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


async def test_a_renewed_certificate_takes_nothing_from_a_proof(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    await company.host.remove("server.crt")
    assert (await company.deploy()).restart_needed
    assert (await company.cut(issued)).proved
    status = await company.live.status(issuers=[company.issuer], now=now())
    assert status.restart_pending is True


@pytest.mark.parametrize("line", ["ccd-exclusive", "crl-verify live/crl.pem"])
async def test_a_server_without_one_of_the_locks(breakable: Running, line: str) -> None:
    company = breakable.company
    issued = await company.admit()
    change(company, line, "")
    await breakable.start()
    proof = await company.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["lock_missing"])
    assert line in proof.findings[0].detail


async def test_a_server_conf_that_is_gone(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    await company.host.remove("server.conf")
    assert codes(await company.cut(issued)) == ["lock_missing", "restart_pending"]


async def test_a_crl_that_was_deleted_stays_in_force(breakable: Running) -> None:
    """So the status must not call it well, and a new one must be seen."""
    company = breakable.company
    issued, other = await company.admit(), await company.admit()
    await company.cut(issued)
    assert await breakable.is_refused(issued, "certificate revoked")
    await company.host.remove("live/crl.pem")
    await company.live.admit(issued.target.common_name, issued.address)
    assert await breakable.is_refused(issued, "certificate revoked")
    status = await company.live.status(issuers=[company.issuer], now=now())
    assert [finding.code for finding in status.findings] == ["crl_missing"]
    assert (await company.cut(other)).proved
    assert await breakable.is_refused(other, "certificate revoked")


async def test_links_in_the_place_of_folders(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    live = company.directory / "live"
    live.rename(company.directory / "aside")
    live.symlink_to("aside")
    proof = await company.cut(issued)
    assert not proof.proved
    assert codes(proof) == ["ccd_not_removed", "host_error", "crl_old", "crl_not_written"]
    for finding in proof.findings[:2]:
        assert f"{live} isn't a folder, or a link to one; remove it." in finding.detail


async def test_a_folder_that_is_gone(breakable: Running, open_folder: Path) -> None:
    company = breakable.company
    issued = await company.admit()
    company.directory.rename(open_folder / "elsewhere")
    proof = await company.cut(issued)
    assert not proof.proved
    assert codes(proof) == ["crl_not_written", "management_gone", "crl_missing", "lock_missing"]
    status = await company.live.status(issuers=[company.issuer], now=now())
    assert not status.reachable
    assert (status.sessions, status.restart_pending, status.certificate_end) == (None, None, None)


async def test_a_conf_with_other_faults_is_still_a_proof(breakable: Running) -> None:
    company = breakable.company
    issued = await company.admit()
    change(company, "verb 3", "duplicate-cn")
    await breakable.start()
    assert (await company.cut(issued)).proved
    status = await company.live.status(issuers=[company.issuer], now=now())
    assert [finding.detail.split(":")[0] for finding in status.findings] == ["duplicate-cn"]


# What a real server does not do at will comes from a script behind a real socket.

HEADER = (
    "HEADER\tCLIENT_LIST\tCommon Name\tReal Address\tVirtual Address\tBytes Received"
    "\tBytes Sent\tConnected Since (time_t)\tClient ID\r\n"
)


@asynccontextmanager
async def scripted(company: Company, *, pid: str, status: str) -> AsyncIterator[list[str]]:
    """In the place of the server; gives the questions as they come."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b">INFO:OpenVPN Management Interface Version 5\r\n")
        while question := (await reader.readline()).decode().strip():
            asked.append(question)
            word, _, name = question.partition(" ")
            killed = f"SUCCESS: common name '{name}' found, 1 client(s) killed\r\n"
            writer.write({"pid": pid, "status": status}.get(word, killed).encode())
        writer.close()

    server = await asyncio.start_unix_server(serve, company.directory / "management.sock")
    async with server:
        yield asked


@pytest_asyncio.fixture(loop_scope="module")
async def alone(open_folder: Path) -> Company:
    """A deployed server that does not run."""
    company = Company(make_spec(open_folder / "home"))
    await company.ready()
    return company


async def test_a_session_that_comes_back_each_time(alone: Company) -> None:
    issued = await alone.admit()
    row = f"CLIENT_LIST\t{issued.target.common_name}\tx\t\t0\t0\t0\t1\r\n"
    status = f"{HEADER}{row}END\r\n"
    async with scripted(alone, pid="SUCCESS: pid=0\r\n", status=status) as asked:
        proof = await alone.cut(issued)
    assert not proof.proved
    # A process whose beginning cannot be seen may run with anything.
    assert codes(proof) == ["session_live", "host_error"]
    assert proof.sessions_cut == KILL_ROUNDS
    assert asked.count("status 3") == KILL_ROUNDS


async def test_a_handshake_in_progress_is_nobody_yet(alone: Company) -> None:
    issued = await alone.admit()
    status = f"{HEADER}CLIENT_LIST\tUNDEF\tx\t\t0\t0\t0\t1\r\nEND\r\n"
    async with scripted(alone, pid="SUCCESS: pid=0\r\n", status=status):
        assert "session_live" not in codes(await alone.cut(issued))
        found = await alone.live.status(issuers=[alone.issuer], now=now())
    assert found.sessions == 0


async def test_a_folder_that_is_a_file(open_folder: Path) -> None:
    (open_folder / "home").touch()
    company = Company(make_spec(open_folder / "home"))
    status = await company.live.status(issuers=[company.issuer], now=now())
    assert {finding.code for finding in status.findings} == {"host_error", "management_gone"}
    assert not (await company.cut(company.issue())).proved


async def test_an_answer_that_openvpn_would_not_give(alone: Company) -> None:
    issued = await alone.admit()
    async with scripted(alone, pid="hello\r\n", status=""):
        proof = await alone.cut(issued)
    assert (proof.proved, codes(proof)) == (False, ["management_nonsense"])


async def test_a_conversation_that_breaks_off_after_the_kill(alone: Company) -> None:
    issued = await alone.admit()
    async with scripted(alone, pid="SUCCESS: pid=0\r\n", status="END\r\n"):
        proof = await alone.cut(issued)
    assert codes(proof) == ["management_nonsense", "host_error"]
    assert proof.sessions_cut == 1


@pytest.mark.parametrize("with_issuer", [True, False])
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "crl_missing"),
        (b"", "crl_damaged"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "crl_damaged"),
    ],
)
async def test_the_status_names_what_is_wrong_with_the_crl(
    alone: Company, content: bytes | None, code: str, with_issuer: bool
) -> None:
    if content is None:
        await alone.host.remove("live/crl.pem")
    else:
        await alone.host.replace("live/crl.pem", content, mode=0o644)
    issuers = [alone.issuer] if with_issuer else ()
    status = await alone.live.status(issuers=issuers, now=now())
    assert [finding.code for finding in status.findings] == [code, "management_gone"]
    assert status.crl_number is None


async def test_the_status_names_a_foreign_crl(alone: Company) -> None:
    pem = make_authority().sign_crl(number=7, revocations=(), now=now())
    await alone.host.replace("live/crl.pem", pem, mode=0o644)
    status = await alone.live.status(issuers=[alone.issuer], now=now())
    assert [finding.code for finding in status.findings] == ["crl_foreign", "management_gone"]
    unchecked = await alone.live.status(issuers=(), now=now())
    assert [finding.code for finding in unchecked.findings] == ["management_gone"]
    assert unchecked.crl_number == 7


@pytest.mark.parametrize(
    ("published", "found"), [(2, ["crl_put_back"]), (1, []), (0, []), (None, [])]
)
async def test_the_status_names_a_crl_that_was_put_back(
    alone: Company, published: int | None, found: list[str]
) -> None:
    status = await alone.live.status(issuers=[alone.issuer], now=now(), published=published)
    assert [finding.code for finding in status.findings] == [*found, "management_gone"]


async def test_the_status_names_a_file_that_was_changed(alone: Company) -> None:
    """The list of another CA may have gone from it."""
    path = alone.directory / "live/crl.pem"
    digest = digest_of(path.read_bytes())
    path.write_bytes(path.read_bytes() + b"\n")
    for published, found in ((1, ["crl_put_back"]), (0, [])):
        status = await alone.live.status(
            issuers=[alone.issuer], now=now(), published=published, digest=digest
        )
        assert [finding.code for finding in status.findings] == [*found, "management_gone"]


async def test_the_status_names_a_crl_that_nobody_can_read(alone: Company) -> None:
    (alone.directory / "live/crl.pem").chmod(0o600)
    (alone.directory / "live/ccd").chmod(0o700)
    status = await alone.live.status(issuers=[alone.issuer], now=now())
    assert [finding.code for finding in status.findings] == [
        "crl_unreadable",
        "management_gone",
        "host_error",
    ]
    assert status.crl_number == 1


async def test_an_address_of_elsewhere_is_not_given(alone: Company) -> None:
    issued = alone.issue()
    with pytest.raises(ValueError, match="isn't in"):
        await alone.live.admit(issued.target.common_name, IPv4Address("10.8.0.2"))
    with pytest.raises(ValueError, match="isn't a common name"):
        await alone.live.admit(CommonName("../server.conf"), issued.address)
