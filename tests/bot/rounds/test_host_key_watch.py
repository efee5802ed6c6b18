"""Another host key than the pinned one: admins hear of it, and of its end; all else waits."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.office import Office
from bot.rounds.keeper import Keeper
from tests.bot.rounds.keeping import audited, crl_path, minutes_go_by, notices
from tests.company import Company
from tests.machine import Machine
from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from vpn.configuration.profile import ProfileSettings
from vpn.host.ssh_link import _links
from vpn.layout import DEPLOYED

pytestmark = [pytest.mark.asyncio(loop_scope="module"), NEEDS_SSHD]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with run_sshd(tmp_path) as made:
        yield made


def impatient() -> None:
    """Whoever lost a connection tries again at once."""
    for links in _links.values():
        for link in links.values():
            link._not_before = 0.0


def without_client_files(company: Company) -> None:
    """As on a server of the operator's making that has no client-config-dir."""
    adopted = {
        "format": 1,
        "layout": replace(DEPLOYED, adopted=True, ccd=None, exclusive=False).to_json(),
        "profile": ProfileSettings().to_json(),
        "addresses": {"network": "10.8.0.0/24", "own": "10.8.0.1", "pool": None, "one_each": True},
        "taken": [],
        "common_name": "server",
        "certificate_end": None,
        "port": 1194,
        "protocol": "udp",
        "closed": None,
    }
    company.tamper("UPDATE servers SET adopted = ?", json.dumps(adopted))


@pytest.mark.parametrize("has_files", [pytest.param(True, marks=pytest.mark.long), False])
async def test_admins_hear_of_it_once_and_of_its_end(
    company: Company, office: Office, machine: Machine, keeper: Keeper, sshd: Sshd, has_files: bool
) -> None:
    target = sshd.target("root")
    ssh = {
        "address": str(target.address),
        "host_key": target.host_key,
        "key_file": str(sshd.key_file),
    }
    company.tamper("UPDATE servers SET ssh = ?", json.dumps(ssh))
    if not has_files:
        without_client_files(company)
    await minutes_go_by(keeper, machine)
    assert [code for code in await notices(office) if "host_key" in code] == []
    own = sshd.take_host_key()
    sshd.stop()
    sshd.new_host_key()
    sshd.start()
    in_place = crl_path(company).read_bytes()
    crl_path(company).write_bytes(b"something else")
    await minutes_go_by(keeper, machine, 3)
    assert (await notices(office)).count("host_key_changed") == 1
    assert crl_path(company).read_bytes() == b"something else"
    crl_path(company).write_bytes(in_place)
    sshd.stop()
    impatient()
    await minutes_go_by(keeper, machine)
    assert "host_key_agreed" not in await notices(office)
    sshd.put_host_key(own)
    sshd.start()
    impatient()
    await minutes_go_by(keeper, machine)
    assert (await notices(office)).count("host_key_agreed") == 1
    codes = [entry["code"] for entry in await audited(office, "server.host_key")]
    assert codes == ["host_key_changed", "host_key_agreed"]
