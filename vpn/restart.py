"""Whether a running server is what its files say."""

from collections.abc import Iterable

from vpn.errors import HostError
from vpn.host import ServerHost
from vpn.layout import DEPLOYED


async def changed_since_start(
    host: ServerHost, pid: int, paths: Iterable[str] = DEPLOYED.read_at_start
) -> tuple[str, ...]:
    """Those of the files that changed, or went, after the process began.

    Raises:
        HostError: the files could not be looked at, or the process's beginning cannot be seen:
            then nothing tells that it has read them.
    """
    started_at = await host.process_started_at(pid)
    if started_at is None:
        raise HostError(
            "It cannot be seen when OpenVPN was started;"
            " let the bot's account read /proc (mount it without hidepid)."
        )
    changed = []
    for path in paths:
        facts = await host.facts(path)
        if facts is None or facts.changed_at > started_at:
            changed.append(path)
    return tuple(changed)
