"""What the tests of a host share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vpn.host.interface import ServerHost

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534
# The host with its home in this folder.
HostAt = Callable[[Path], ServerHost]
