"""Whoever is let in on a server although nobody knows them, for example after a restore.

A certificate that the bot does not know cannot be put on the CRL, since its serial is not known
either. What shuts it out is the second lock: without a file of its own nobody gets in.

On an adopted server the operator has files and certificates that the bot never heard of. There
only names of the form that we make count as strangers, or those that the caller knows to be over;
and without ccd-exclusive a stranger can come back: that is said. Where OpenVPN's names are no
certificates' (`Layout.named_by`), nobody can be told to be a stranger.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from vpn.errors import HostError
from vpn.findings import Finding, FindingCode
from vpn.host import ServerHost
from vpn.layout import Layout
from vpn.management import UNDEFINED
from vpn.names import is_ours, look_alike, name_in_sessions
from vpn.sessions import ToCut, ask_sessions, cut_sessions
from vpn.values import CommonName, valid_common_name


@dataclass(frozen=True, slots=True)
class StrangersCut:
    """Names whose sessions were ended; with any finding, somebody may be left."""

    names: tuple[str, ...]
    findings: tuple[Finding, ...]


async def remove_stranger_files(
    host: ServerHost,
    layout: Layout,
    known: Collection[str],
    *,
    over: Collection[str] | None = None,
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Removes the client files of all other names; gives those names, and what went wrong.

    Args:
        over: on an adopted server only these count.
    """
    removed: list[str] = []
    findings: list[Finding] = []
    if layout.ccd is None or not layout.knows_names:
        return (), ()
    try:
        names = await host.listdir(layout.ccd) or ()
    except HostError as error:
        return (), (Finding(FindingCode.HOST_ERROR, str(error)),)
    friends = {*known, *map(look_alike, known)}
    may_be_strange = _suspects(layout, over)
    # A dot begins what a write in progress has not put in place yet; no client can have it.
    strange = {name for name in names if name[0] != "." and may_be_strange(name)} - friends
    for name in sorted(strange):
        try:
            await host.remove(f"{layout.ccd}/{name}")
        except HostError as error:
            findings.append(Finding(FindingCode.CCD_NOT_REMOVED, str(error)))
        else:
            removed.append(name)
    return tuple(removed), tuple(findings)


def _suspects(layout: Layout, over: Collection[str] | None) -> Callable[[str], bool]:
    """Which of the names that are not known may be a stranger's."""
    if not layout.adopted:
        return lambda _: True
    return is_ours if over is None else over.__contains__


async def cut_strangers(
    host: ServerHost,
    layout: Layout,
    known: Collection[str],
    *,
    timeout_s: float,
    over: Collection[str] | None = None,
) -> StrangersCut:
    """Ends the sessions of all other names, and looks that they are gone.

    Their files have to be gone before: who is in mid-handshake now is refused at its end then.

    Args:
        over: on an adopted server only these count.
    """
    if not layout.knows_names:
        return StrangersCut((), ())
    answer = await ask_sessions(host, timeout_s=timeout_s, place=layout.management)
    if isinstance(answer, Finding):
        return StrangersCut((), (answer,))
    _, sessions = answer
    friends = {UNDEFINED, *map(name_in_sessions, known)}
    names = {session.common_name for session in sessions} - friends
    names = set(filter(_suspects(layout, over), names))
    ours = sorted(CommonName(name) for name in names if valid_common_name(name))
    findings = [_left(name) for name in sorted(names.difference(ours))]
    if ours:
        talk = await cut_sessions(
            host, [ToCut(name) for name in ours], timeout_s=timeout_s, place=layout.management
        )
        left = sorted(target.common_name for target in talk.left or ())
        findings += [*talk.findings, *(_left(name) for name in left)]
        if not layout.exclusive:
            findings += [_may_return(name) for name in ours]
    return StrangersCut(tuple(ours), tuple(findings))


def _left(name: str) -> Finding:
    return Finding(FindingCode.SESSION_LIVE, f"{name!r} is connected, and nobody knows it.")


def _may_return(name: str) -> Finding:
    detail = f"Without ccd-exclusive {name!r}, whom nobody knows, can connect again."
    return Finding(FindingCode.LOCK_MISSING, detail)
