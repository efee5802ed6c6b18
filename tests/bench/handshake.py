"""`python -m tests.bench.handshake`: what a handshake costs a real server, by its CRL's length.

In processor time of the server's process, which has one thread: nobody's packets pass meanwhile.
OpenVPN 2.6 reads the whole list at each handshake, and at each renegotiation.
"""

import asyncio
import os
import shutil
import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.lab.network import NetLab, lab_missing
from pki.authority_files import load_authority
from pki.crl import Revocation, RevocationReason
from pki.serial import new_serial
from tests.bench.acts import document_after_approval
from tests.bench.process import processor_s
from tests.company import PASSPHRASE, company_with_openvpn

_LENGTHS = (0, 1_000, 10_000, 100_000)
_HANDSHAKES = 10


async def _measure(folder: Path) -> None:
    async with company_with_openvpn(folder) as (company, lab):
        await company.start()
        _, profile = await document_after_approval(company, company.boris)
        await company.stop()  # or it would put its own list back
        authority = load_authority(company.data / "ca", PASSPHRASE)
        now = datetime.now(UTC)
        for length in _LENGTHS:
            revoked = [_revoked(now) for _ in range(length)]
            pem = authority.sign_crl(number=1000 + length, revocations=revoked, now=now)
            _put(company.folder / "office/live/crl.pem", pem)
            took = await _handshakes(lab, profile, _server_in(company.folder / "office"))
            print(f"{length:7,} entries: {statistics.mean(took):5.0f} ms for each handshake")


def _revoked(now: datetime) -> Revocation:
    return Revocation(new_serial(os.urandom), now - timedelta(days=2), RevocationReason.SUPERSEDED)


async def _handshakes(lab: NetLab, profile: str, server: int) -> list[float]:
    took = []
    for _ in range(_HANDSHAKES):
        before = processor_s(server)
        tunnel = await lab.connect(profile)
        took.append(1000 * (processor_s(server) - before))
        await tunnel.close()
    return took


def _put(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o644)
    new.rename(path)


def _server_in(folder: Path) -> int:
    """The process that was started there."""
    for process in Path("/proc").iterdir():
        is_openvpn = process.name.isdigit() and (process / "comm").read_text() == "openvpn\n"
        if is_openvpn and (process / "cwd").resolve() == folder:
            return int(process.name)
    raise LookupError(folder)


def main() -> None:
    if (missing := lab_missing()) is not None:
        raise SystemExit(f"No real OpenVPN here: {missing}.")
    folder = Path(tempfile.mkdtemp(prefix="vpnbot-handshake-"))
    try:
        asyncio.run(_measure(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
