"""Whether a server's configuration keeps revoked clients out, and whether it is in force."""

import asyncio
from collections.abc import Sequence

from vpn.configuration.command_line import overruling, words_of
from vpn.configuration.places import conf_text, named_layout, resolved
from vpn.configuration.server import ConfProblem, conf_problems, inspect_conf, openings
from vpn.errors import HostError
from vpn.findings import Finding, FindingCode
from vpn.host.interface import ServerHost
from vpn.host.machine import changed_since_start
from vpn.layout import DECIDE_WHO_ENTERS, Layout
from vpn.values import ServerSpec

# What a proof rests on; with any of these changed, we would look in the wrong place.
_PLACES = {
    "crl": "crl-verify",
    "ccd": "client-config-dir",
    "exclusive": "ccd-exclusive",
    "management": "management",
    "reader": "user or group",
    "hand_window_s": "hand-window",
}
_SECOND_LOCK = (
    *("client-config-dir", "ccd-exclusive", "hand-window"),
    *("username-as-common-name", "x509-username-field"),
)


async def look_at_locks(spec: ServerSpec, host: ServerHost, layout: Layout) -> list[Finding]:
    """What the configuration lacks for a revoked client to be kept out.

    Raises:
        HostError: it could not be read.
    """
    return [p.finding for p in await _problems(spec, host, layout) if p.is_lock]


async def look_at_crl_lock(spec: ServerSpec, host: ServerHost, layout: Layout) -> list[Finding]:
    """What `look_at_locks` finds, but for what the second lock alone is about.

    A CRL goes by serials: it shuts out whatever name OpenVPN looks for a file under.

    Raises:
        HostError: it could not be read.
    """
    problems = await _problems(spec, host, layout)
    return [p.finding for p in problems if p.is_lock and p.directive not in _SECOND_LOCK]


async def look_at_configuration(
    spec: ServerSpec, host: ServerHost, layout: Layout
) -> list[Finding]:
    """Like `look_at_locks`, with what else is wrong in the configuration.

    Raises:
        HostError: it could not be read.
    """
    return [p.finding for p in await _problems(spec, host, layout)]


async def look_at_locks_in_force(host: ServerHost, layout: Layout, pid: int) -> list[Finding]:
    """Whether the process runs with the files that say who is let in, and with nothing else.

    An adopted server's CA often lies in a folder that is root's alone; that it trusts ours was
    seen at the adoption, and a process keeps the one that it has read.

    Raises:
        HostError: the files could not be looked at.
    """
    paths = (layout.conf,) if layout.adopted else DECIDE_WHO_ENTERS
    changed, words = await asyncio.gather(
        changed_since_start(host, pid, paths), words_of(host, pid)
    )
    return [*_pending(changed, layout), *_overruled(words, layout)]


async def look_at_restart(host: ServerHost, layout: Layout, pid: int) -> list[Finding]:
    """Whether the process runs with all the files that it reads at its start.

    Raises:
        HostError: the files could not be looked at.
    """
    paths = layout.read_at_start
    if layout.adopted:
        paths = tuple([path for path in paths if await _is_visible(host, path)])
    return _pending(await changed_since_start(host, pid, paths), layout)


async def _is_visible(host: ServerHost, path: str) -> bool:
    try:
        return await host.stat(path) is not None
    except HostError:
        return False


async def _problems(spec: ServerSpec, host: ServerHost, layout: Layout) -> list[ConfProblem]:
    content = await host.read(layout.conf)
    if content is None:
        mend = "adopt" if layout.adopted else "deploy"
        detail = f"There is no {layout.shown(layout.conf)}; {mend} the server."
        return [ConfProblem("config", detail, is_lock=True)]
    if layout.adopted:
        return await _adopted_problems(content, host, layout)
    # Latin-1 keeps every byte: a character that is no UTF-8 must not hide the rest of its line.
    text = content.decode("latin-1")
    return conf_problems(text, directory=spec.directory, account=spec.account)


async def _adopted_problems(content: bytes, host: ServerHost, layout: Layout) -> list[ConfProblem]:
    """The configuration as it is now against what was read at the adoption."""
    facts = inspect_conf(conf_text(content))
    now = await resolved(host, named_layout(facts, layout.named_conf, layout.start_folder))
    changed = [
        word for field, word in _PLACES.items() if getattr(now, field) != getattr(layout, field)
    ]
    if now.conf != layout.conf or await resolved(host, layout) != layout:
        changed.append("a symlink")
    conf = layout.shown(layout.named_conf)
    detail = "{} leads elsewhere than when {} was adopted; adopt the server again."
    moved = [
        ConfProblem(word, detail.format(word, conf), True, FindingCode.CONFIGURATION_CHANGED)
        for word in changed
    ]
    return list(dict.fromkeys([*moved, *openings(facts)]))


def _overruled(words: Sequence[str], layout: Layout) -> list[Finding]:
    names = overruling(words)
    if not names:
        return []
    detail = (
        f"OpenVPN runs with {' '.join(names)} on its command line, which counts more than"
        f" {layout.shown(layout.named_conf)}; put it there in its place, and restart OpenVPN."
    )
    return [Finding(FindingCode.LOCK_MISSING, detail)]


def _pending(paths: tuple[str, ...], layout: Layout) -> list[Finding]:
    if not paths:
        return []
    names = ", ".join(layout.shown(path) for path in paths)
    detail = f"OpenVPN hasn't been restarted since {names} changed; restart it."
    return [Finding(FindingCode.RESTART_PENDING, detail)]
