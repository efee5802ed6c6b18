import os
import shutil
import socket
import stat
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from tests.vpn.kit import CALLER, Company, make_authority, make_spec, now
from vpn.deploy import (
    SERVER_CERTIFICATE_LIFETIME,
    SERVER_CERTIFICATE_RENEW_BEFORE,
    _commands,
    is_home_of,
)
from vpn.errors import DirectoryInUse, HostError, InvalidServer, PortInUse
from vpn.host.certificates import certificate_end
from vpn.values import Protocol

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
UNIT = "vpnbot-openvpn-main.service"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def company(open_folder: Path) -> Company:
    return Company(make_spec(open_folder / "home", listen_port=free_port()))


def tree(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
    }


def shut(folder: Path) -> None:
    folder.chmod(0o700)


@pytest.mark.parametrize("umask", [0o000, 0o077])
async def test_the_whole_folder(company: Company, umask: int) -> None:
    before = os.umask(umask)
    try:
        report = await company.deploy()
    finally:
        os.umask(before)
    assert tree(company.directory) == {
        "ca.crt": 0o644,
        "network-sets.sh": 0o755,
        "network.nft": 0o644,
        "network.sysctl": 0o644,
        "live": 0o755,
        "live/ccd": 0o755,
        "server.conf": 0o644,
        "server.crt": 0o644,
        "server.key": 0o600,
        "tls-crypt-v2.key": 0o600,
        "vpnbot-firewall-main.path": 0o644,
        "vpnbot-firewall-main.service": 0o644,
        UNIT: 0o644,
    }
    assert not report.restart_needed
    assert report.commands[-1].endswith(UNIT)


@NEEDS_ROOT
async def test_only_live_belongs_to_the_bots_account(open_folder: Path) -> None:
    company = Company(make_spec(open_folder / "home", listen_port=free_port(), account="nobody"))
    await company.deploy()
    owned = {
        str(path.relative_to(company.directory))
        for path in company.directory.rglob("*")
        if path.owner() == "nobody"
    }
    assert owned == {"live", "live/ccd"}


async def test_a_second_deploy_changes_nothing(company: Company) -> None:
    await company.deploy()
    report = await company.deploy()
    assert report.changed == ()
    assert company.server_certificates == 1


async def test_only_what_differs_is_written(company: Company) -> None:
    first = await company.deploy()
    company.spec = replace(company.spec, dns=(IPv4Address("10.99.0.53"),))
    (company.directory / "server.key").chmod(0o644)
    report = await company.deploy()
    assert report.changed == ("server.key", "server.conf")
    assert report.certificate_end == first.certificate_end
    assert stat.S_IMODE((company.directory / "server.key").stat().st_mode) == 0o600


@NEEDS_ROOT
async def test_files_that_others_own_are_taken_back(company: Company) -> None:
    await company.deploy()
    os.chown(company.directory / "server.conf", 65534, 65534)
    os.chown(company.directory, 65534, 65534)
    report = await company.deploy()
    assert report.changed == ("./", "server.conf")
    assert company.directory.owner() == (company.directory / "server.conf").owner() == CALLER


async def test_the_certificate_is_the_servers(company: Company) -> None:
    at = now()
    report = await company.deploy(at=at)
    end = await certificate_end(company.host)
    assert report.certificate_end == end
    assert abs(end - at - SERVER_CERTIFICATE_LIFETIME) < timedelta(seconds=2)
    certificate = x509.load_pem_x509_certificate((company.directory / "server.crt").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=server-main"


async def test_the_certificate_is_renewed_before_its_end(company: Company) -> None:
    start = now()
    first = await company.deploy(at=start)
    due = first.certificate_end - SERVER_CERTIFICATE_RENEW_BEFORE
    await company.deploy(at=due - timedelta(seconds=1))
    assert company.server_certificates == 1
    report = await company.deploy(at=due)
    assert company.server_certificates == 2
    assert report.changed == ("server.key", "server.crt")


@pytest.mark.parametrize("name", ["server.crt", "server.key"])
@pytest.mark.parametrize("damage", [b"", b"-----BEGIN nonsense", None])
async def test_a_damaged_identity_is_replaced(
    company: Company, name: str, damage: bytes | None
) -> None:
    await company.deploy()
    if damage is None:
        (company.directory / name).unlink()
    else:
        (company.directory / name).write_bytes(damage)
    report = await company.deploy()
    assert report.changed == ("server.key", "server.crt")


async def test_where_the_ca_ends_first_no_new_one_would_last_longer(company: Company) -> None:
    """Else each deploy of its last 60 days would ask for a restart."""
    end = company.authority.certificate.not_valid_after_utc
    first = await company.deploy(at=end - timedelta(days=59), until=end)
    again = await company.deploy(at=end - timedelta(days=9), until=end)
    assert first.certificate_end == again.certificate_end == end
    assert (again.changed, company.server_certificates) == ((), 1)


async def test_a_crash_between_key_and_certificate_is_mended(company: Company) -> None:
    await company.deploy()
    old_certificate = (company.directory / "server.crt").read_bytes()
    (company.directory / "server.crt").unlink()
    await company.deploy()
    (company.directory / "server.crt").write_bytes(old_certificate)
    await company.deploy()
    assert company.server_certificates == 3
    assert (company.directory / "server.crt").read_bytes() != old_certificate


async def test_another_cas_certificate_is_replaced(company: Company) -> None:
    await company.deploy()
    company.authority = make_authority()
    report = await company.deploy()
    assert report.changed == ("ca.crt", "server.key", "server.crt")


@pytest.mark.parametrize("as_client", [True, False])
async def test_a_certificate_for_something_else_is_replaced(
    company: Company, as_client: bool
) -> None:
    await company.deploy()
    issue = company.authority.issue_client if as_client else company.authority.issue_server
    other = issue(
        common_name="server-main" if as_client else "server-other",
        serial=company.issue().target.serial,
        not_before=now(),
        not_after=now() + SERVER_CERTIFICATE_LIFETIME,
    )
    (company.directory / "server.crt").write_text(other.certificate_pem)
    (company.directory / "server.key").write_text(other.private_key_pem)
    await company.deploy()
    assert company.server_certificates == 2


async def test_no_certificate_has_no_end(company: Company) -> None:
    assert await certificate_end(company.host) is None


async def test_a_shut_parent_is_named_before_anything_is_written(
    company: Company, open_folder: Path
) -> None:
    shut(open_folder)
    with pytest.raises(HostError, match=f"chmod o\\+x {open_folder}"):
        await company.deploy()
    assert tree(open_folder) == {}


async def test_another_programs_folder_is_left_alone(company: Company) -> None:
    company.directory.mkdir()
    (company.directory / "server.conf").write_text("theirs")
    with pytest.raises(DirectoryInUse, match="isn't empty"):
        await company.deploy()
    assert tree(company.directory) == {"server.conf": 0o644}
    assert (company.directory / "server.conf").read_text() == "theirs"


async def test_a_folder_that_has_lost_its_unit_is_still_this_servers(company: Company) -> None:
    report = await company.deploy()
    unit = next(path for path in report.changed if path.endswith(".service"))
    (company.directory / unit).unlink()
    assert (await company.deploy()).changed == (unit,)
    (company.directory / unit).unlink()
    with (company.directory / "server.conf").open("a") as conf:
        conf.write("# theirs\n")
    with pytest.raises(DirectoryInUse, match="isn't empty"):
        await company.deploy()


async def test_another_servers_folder_is_left_alone(company: Company) -> None:
    await company.deploy()
    company.spec = replace(company.spec, name="second")
    with pytest.raises(DirectoryInUse, match="'main'"):
        await company.deploy()


async def test_an_interrupted_first_deploy_goes_on(company: Company) -> None:
    company.directory.mkdir()
    (company.directory / ".vpnbot-0123456789abcdef").touch()
    await company.deploy()
    for name in ("server.conf", "server.crt", "server.key"):
        (company.directory / name).unlink()
    shutil.rmtree(company.directory / "live")
    report = await company.deploy()
    assert report.changed == ("live/", "live/ccd/", "server.key", "server.crt", "server.conf")


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_taken_port_is_named_before_anything_is_written(
    open_folder: Path, protocol: Protocol
) -> None:
    kind = socket.SOCK_DGRAM if protocol is Protocol.UDP else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("", 0))
        if protocol is Protocol.TCP:
            other.listen()
        port = other.getsockname()[1]
        company = Company(make_spec(open_folder / "home", protocol=protocol, listen_port=port))
        with pytest.raises(PortInUse, match=f"{port}/{protocol}"):
            await company.deploy()
    assert tree(open_folder) == {}


async def test_its_own_port_is_not_taken_but_another_is(company: Company) -> None:
    await company.deploy()
    with (
        socket.socket(socket.AF_UNIX) as management,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        management.bind(str(company.directory / "management.sock"))
        management.listen()
        own.bind(("", company.spec.listen_port))
        other.bind(("", 0))
        await company.deploy()
        company.spec = replace(company.spec, listen_port=other.getsockname()[1])
        with pytest.raises(PortInUse):
            await company.deploy()


async def test_a_new_unit_is_told_to_systemd(company: Company) -> None:
    await company.deploy()
    (company.directory / UNIT).write_text("old")
    with socket.socket(socket.AF_UNIX) as management:
        management.bind(str(company.directory / "management.sock"))
        management.listen()
        assert (await company.deploy()).commands[0] == "systemctl daemon-reload"


async def test_new_rules_cut_nobody(company: Company) -> None:
    """The unit of a server that runs loads them anew."""
    await company.deploy()
    (company.directory / "network.nft").write_text("old")
    with socket.socket(socket.AF_UNIX) as management:
        management.bind(str(company.directory / "management.sock"))
        management.listen()
        report = await company.deploy()
    assert report.changed == ("network.nft",)
    # The one that listens here began before its files: it would be restarted for these, too.
    assert report.commands == (f"systemctl restart {UNIT}",)
    rules = {"network.nft"}
    assert _commands(company.spec, rules, restart_needed=False) == [f"systemctl reload {UNIT}"]
    assert _commands(company.spec, {"server.conf"}, restart_needed=False) == []
    # One that was deployed before there were sets.
    path = "vpnbot-firewall-main.path"
    (line,) = _commands(company.spec, {path}, restart_needed=False)
    assert line.endswith(f"&& systemctl enable --now {company.directory}/{path}")


async def test_an_unknown_account_is_named_before_anything_is_written(
    open_folder: Path,
) -> None:
    spec = make_spec(open_folder / "home", account="no-such-account", listen_port=free_port())
    with pytest.raises(HostError, match="no-such-account"):
        await Company(spec).deploy()
    assert tree(open_folder) == {}


async def test_a_spec_that_was_never_checked_is_refused(company: Company) -> None:
    company.spec = replace(company.spec, account="root\nup /bin/sh")
    with pytest.raises(InvalidServer):
        await company.deploy()


async def test_the_key_is_not_shown(company: Company) -> None:
    await company.deploy()
    report = await company.deploy()
    assert "PRIVATE" not in repr(report)


@NEEDS_ROOT
async def test_a_folder_is_known_by_what_root_alone_could_have_left_there(
    company: Company,
) -> None:
    async def known(name: str = "main", issuer: x509.Certificate = company.issuer) -> bool:
        return await is_home_of(company.host, name, [issuer])

    home = company.directory
    assert not await known()
    await company.deploy()
    assert await known()
    assert not await known("other")
    assert not await known(issuer=make_authority().certificate)
    for path in (home, home / UNIT, home / "ca.crt"):
        os.chown(path, 1, -1)
        assert not await known()
        os.chown(path, 0, -1)
        mode = stat.S_IMODE(path.stat().st_mode)
        for shared in (mode | 0o002, mode | 0o020):
            path.chmod(shared)
            assert not await known()
        path.chmod(mode)
        assert await known()
    (home / UNIT).rename(home / "real")
    (home / UNIT).symlink_to("real")
    assert not await known()
