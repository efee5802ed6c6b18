"""Servers on different machines that lie at one path there, as distributions have it."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.company import Company, Ran, furnish_by_copy, open_company
from tests.sshd import NEEDS_SSHD, Sshd, new_account, run_sshd
from tests.vpn.operator_kit import beside_ours, static_key

pytestmark = [pytest.mark.long, NEEDS_SSHD]


async def test_each_machine_has_its_own(folder: Path) -> None:
    """And on one machine nobody takes another's."""
    async with open_company(folder) as company:
        await furnish_by_copy(company)
        with ExitStack() as stack:
            account = stack.enter_context(new_account()).pw_name
            machines = []
            for name in ("one", "two"):
                (folder / name).mkdir()
                machines.append(stack.enter_context(run_sshd(folder / name)))
            home = folder / "srv"
            office = ("server", "add")
            place = ("--directory", str(home), "--remote", "127.0.0.1:1195/udp")
            for name, sshd in zip(("berlin", "paris"), machines, strict=True):
                await company.done(*office, name, *place, *way(sshd, account))
            ran = await company.vpnbot(*office, "rome", *place, *way(machines[1], account))
            assert (ran.code, "is the folder of paris" in ran.err) == (1, True), ran

            oslo = folder / "openvpn"
            oslo.mkdir()
            for file in ("ca.crt", "server.crt", "server.key", "live/crl.pem"):
                shutil.copy(folder / "office" / file, oslo)
            (oslo / "ta.key").write_text(static_key())
            for number, (name, sshd) in enumerate(zip(("oslo", "bern"), machines, strict=True)):
                # What lies at this path on that machine.
                own = beside_ours(1200 + number).replace("10.81.", f"10.{90 + number}.")
                (oslo / "server.conf").write_text(own)
                ran = await adopts(company, name, sshd, account, oslo)
                assert ran.code == 0, ran
            ran = await adopts(company, "pisa", machines[1], account, oslo)
            assert (ran.code, "is adopted already, as bern" in ran.err) == (1, True), ran
            rows = (await company.done("server", "list", "--json")).rows
            at = {row["name"]: row["directory"] for row in rows}
            assert at["berlin"] == at["paris"] == str(home)
            assert at["oslo"] == at["bern"]


def way(sshd: Sshd, account: str) -> tuple[str, ...]:
    login = f"{account}@127.0.0.1:{sshd.port}"
    return ("--ssh", login, "--host-key", sshd.fingerprint)


async def adopts(company: Company, name: str, sshd: Sshd, account: str, place: Path) -> Ran:
    port = "1201" if name != "oslo" else "1200"
    return await company.vpnbot(
        *("server", "adopt", name, "--config", str(place / "server.conf")),
        *("--remote", f"127.0.0.1:{port}/udp", "--ssh", f"root@127.0.0.1:{sshd.port}"),
        *("--ssh-key", str(sshd.key_file), "--host-key", sshd.fingerprint, "--account", account),
    )
