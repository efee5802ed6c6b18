"""What the tests of adoption share."""

import os
import subprocess
from pathlib import Path

import pytest

ACCOUNT = "daemon"  # not root, and on every machine
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can apply.")
LOCKS = "crl-verify crl.pem\nclient-config-dir ccd\nccd-exclusive\n"
ROUTE = 'push "route 10.99.0.0 255.255.0.0"\n'


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_uid, _content(path))
        for path in folder.rglob("*")
    }


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def as_the_operator(command: str) -> None:
    subprocess.run(["sh", "-ec", command], check=True)
