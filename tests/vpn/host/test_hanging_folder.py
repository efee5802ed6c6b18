"""A server's folder on a mount that hangs: a file system in user space that nobody serves."""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.vpn.kit import Company, codes, make_spec, now
from vpn.errors import HostError
from vpn.host.local import LocalHost
from vpn.host.machine import process_started_at
from vpn.host.permissions import owner_of
from vpn.proof.live import LiveServer

_MNT_DETACH = 2
_ANSWER_S = 0.3
_LONGEST_S = 60


@contextmanager
def hanging(folder: Path) -> Iterator[None]:
    """Whoever looks in there waits, until the mount is ended."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        handle = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"There is no file system in user space here: {error.strerror}.")
    where = os.fsencode(folder)
    options = f"fd={handle},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"hanging", where, b"fuse", 0, options) != 0:
        os.close(handle)
        pytest.skip("This account may not mount a file system here.")
    # A loop that is held up would wait for ever.
    watch = threading.Timer(_LONGEST_S, _let_go, [handle])
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        _let_go(handle)
        libc.umount2(where, _MNT_DETACH)


def _let_go(handle: int) -> None:
    with suppress(OSError):
        os.close(handle)


async def test_a_folder_that_hangs_holds_up_nobody_else(open_folder: Path) -> None:
    stuck, well = (
        Company(make_spec(open_folder / "stuck")),
        Company(make_spec(open_folder / "well")),
    )
    for company in (stuck, well):
        await company.ready()
    issued = await stuck.admit()
    host = LocalHost(stuck.directory, answer_s=_ANSWER_S)
    live = LiveServer(stuck.spec, host, management_timeout_s=_ANSWER_S)
    with hanging(stuck.directory / "live"):
        for look in (host.read("live/crl.pem"), host.listdir("live/ccd"), host.stat("live/ccd")):
            with pytest.raises(HostError, match="gives no answer within"):
                await look
        # What still hangs there takes nothing from another server.
        assert await well.host.read("live/crl.pem") is not None
        # Nor from what the machine itself tells: all threads of the folder wait by now.
        with pytest.raises(HostError, match="gives no answer within"):
            await host.listdir("live")
        host.answer_s = _LONGEST_S / 2  # a slow machine starts a program slowly
        assert await owner_of(host, "root") == (0, 0)
        assert await process_started_at(host, os.getpid()) is not None
        host.answer_s = _ANSWER_S
        status = await live.status(issuers=[stuck.issuer], now=now())
        assert "host_error" in {finding.code for finding in status.findings}
        (proof,) = await live.cut(
            [issued.target], crl_pem=stuck.crl(), issuers=[stuck.issuer], now=now
        )
        assert not proof.proved
        assert {"ccd_not_removed", "crl_not_written"} <= set(codes(proof))
    assert (await stuck.host.stat("live/ccd")) is not None
