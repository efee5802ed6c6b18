"""Why there can be no lab: asked in processes of their own, with rights or programs taken away."""

import os
import subprocess
import sys

import pytest

from demo.lab.network import lab_missing

ASK = "from demo.lab.network import lab_missing; print(lab_missing())"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give rights away")


def asked(*prefix: str) -> str:
    command = [*prefix, sys.executable, "-c", ASK]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return run.stdout.strip()


@root_only
def test_without_root() -> None:
    # The import comes first: root's interpreter may lie where nobody else can read it.
    drop = ASK.replace("print", "import os; os.setuid(65534); print")
    run = subprocess.run([sys.executable, "-c", drop], check=True, capture_output=True, text=True)

    assert run.stdout.strip() == "Network namespaces need root."


@root_only
@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("true", "No such file or directory"),
        ("mknod -m 666 /dev/net/tun c 10 200", "Permission denied"),
    ],
)
def test_a_container_without_a_tun_device_that_may_be_used(device: str, reason: str) -> None:
    """`nodev` forbids what a container's list of devices forbids."""
    shadow = f'mount -t tmpfs -o nodev none /dev/net && {device} && exec "$@"'

    answer = asked("unshare", "--mount", "sh", "-ec", shadow, "sh")

    assert answer == f"/dev/net/tun can't be opened ({reason})."


@root_only
@pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or "")
def test_root_that_may_not_make_namespaces() -> None:
    answer = asked("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-all")

    assert answer == "This account may not make network namespaces here."


def test_the_answer_is_a_sentence() -> None:
    answer = lab_missing()

    assert answer is None or answer.endswith(".")
