"""Two servers elsewhere, one of which hangs or is cut off: the other one goes on, and all is proved
at last."""

import os
import signal
from pathlib import Path

import pytest

from tests.elsewhere import far_company
from tests.sshd import NEEDS_SSHD

pytestmark = [NEEDS_SSHD, pytest.mark.long, pytest.mark.waits]


async def test_a_hung_management_socket_delays_nobody(folder: Path) -> None:
    async with far_company(folder, ("paris", "rome")) as far:
        company, (paris, rome) = far.company, far.servers
        await company.start()
        await company.approved("/requestvpn 2d paris")
        name = company.grants_of(company.anna)[-1]["common_name"]
        assert await paris.vpn.connect(name)
        os.kill(rome.pid, signal.SIGSTOP)
        try:
            await company.boris.says(f"/revoke {name}")
            said = await company.boris.hears("Not proved")
            assert "paris: proved" in said.text
            assert "rome: not proved" in said.text
            assert name not in paris.vpn.sessions
            # Meanwhile others come and go.
            await company.approved("/requestvpn 2d paris")
        finally:
            os.kill(rome.pid, signal.SIGCONT)
        company.look_again()
        assert "rome: proved" in (await company.boris.hears("Revoked")).text


async def test_a_server_that_was_away_is_caught_up_with(folder: Path) -> None:
    """With the list of before, and with files of those who are out."""
    async with far_company(folder, ("paris", "rome")) as far:
        company, (_, rome) = far.company, far.servers
        await company.start()
        await company.approved("/requestvpn 2d rome")
        name = company.grants_of(company.anna)[-1]["common_name"]
        assert await rome.vpn.connect(name)
        crl, own = rome.folder / "live/crl.pem", rome.folder / "live/ccd" / name
        before = crl.read_bytes()
        rome.wire.cut()
        await company.boris.says(f"/revoke {name}")
        assert "rome: not proved" in (await company.boris.hears("Not proved")).text
        crl.write_bytes(before)
        (own.parent / "anna-nobody-aaaaaaaa").write_bytes(own.read_bytes())
        rome.wire.mend()
        company.look_again()
        assert "rome: proved" in (await company.boris.hears("Revoked")).text
        assert name not in rome.vpn.sessions
        assert not own.exists()
        assert crl.read_bytes() != before
        # By the look of each minute at the latest.
        await company.boris.hears("anna-nobody-aaaaaaaa", timeout=90)
        assert not (own.parent / "anna-nobody-aaaaaaaa").exists()
