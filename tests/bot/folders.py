"""Folders that every account can pass through, and what lies in them."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.company import Company
from vpn.layout import DEPLOYED, UnixSocket


@contextmanager
def open_folder() -> Iterator[Path]:
    """Outside of pytest's own, which each start of pytest closes to other accounts."""
    folder = Path(tempfile.mkdtemp(prefix="vpnbot-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def adopt(company: Company) -> None:
    """The same server, as if its operator had written the configuration."""
    root = str(company.folder / "office").removeprefix("/")
    layout = replace(
        DEPLOYED,
        conf=f"{root}/server.conf",
        crl=f"{root}/live/crl.pem",
        ccd=f"{root}/live/ccd",
        management=UnixSocket(f"{root}/management.sock"),
        certificate=f"{root}/server.crt",
    )
    adopted = {"layout": layout.to_json(), "certificate_end": None}
    company.tamper("UPDATE servers SET adopted = ?", json.dumps(adopted))
