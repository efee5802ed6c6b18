"""Whoever is on a server, or has a file there, without being let in by anybody.

A certificate that the bot does not know cannot be put on the CRL, since its serial is not known
either. What shuts it out is the second lock: without a file of its own nobody gets in. So the files
go first, and the sessions after them. Who is a stranger is for the caller to say. Where OpenVPN's
names are no certificates' (`Layout.named_by`), nobody is.
"""

from collections.abc import Collection
from dataclasses import dataclass

from vpn.errors import HostError
from vpn.findings import Finding, FindingCode
from vpn.host import ServerHost
from vpn.layout import Layout
from vpn.names import may_be_a_clients, out_of_use
from vpn.sessions import ToCut, cut_sessions
from vpn.values import CommonName

# Beside the client-config-dir.
SET_ASIDE = "set-aside"


@dataclass(frozen=True, slots=True)
class StrangersCut:
    """What became of names that were to go.

    Attributes:
        names: their sessions were ended, and a look afterwards found none.
        left: they are connected after each kill.
        findings: with any of them somebody may be left.
    """

    names: tuple[str, ...]
    left: tuple[str, ...]
    findings: tuple[Finding, ...]


async def client_files(host: ServerHost, layout: Layout) -> tuple[str, ...]:
    """The names in the client-config-dir by which OpenVPN could let a client in.

    Raises:
        HostError: it cannot be looked into.
    """
    if layout.ccd is None or not layout.knows_names:
        return ()
    return tuple(filter(may_be_a_clients, await host.listdir(layout.ccd) or ()))


async def set_files_aside(
    host: ServerHost, layout: Layout, names: Collection[str]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Puts files of the client-config-dir where no client can use them, see `set_aside`.

    Returns:
        The names whose files went, and what went wrong with the others.
    """
    moved: list[str] = []
    findings: list[Finding] = []
    for name in sorted(names):
        try:
            await set_aside(host, layout, name)
        except HostError as error:
            findings.append(Finding(FindingCode.CCD_NOT_REMOVED, ascii(str(error))))
        else:
            moved.append(name)
    return tuple(moved), tuple(findings)


async def set_aside(host: ServerHost, layout: Layout, name: str) -> None:
    """Puts one file into a folder beside the client-config-dir: what is in it is not lost.

    Where the bot may make no folder there, it stays where it is, under a name that no client can
    have. Of one name only the last file is kept.

    Raises:
        HostError: it stays as it is.
    """
    path = f"{layout.ccd}/{name}"
    aside = f"{str(layout.ccd).rpartition('/')[0]}/{SET_ASIDE}"
    try:
        if await host.stat(aside) is None:
            await host.make_folder(aside, mode=0o700)
        await host.rename(path, f"{aside}/{name}")
    except HostError:
        await host.rename(path, f"{layout.ccd}/{out_of_use(name)}")


async def cut_strangers(
    host: ServerHost, layout: Layout, names: Collection[str], *, timeout_s: float, most: int
) -> StrangersCut:
    """Ends the sessions of these names, as `status` shows them, and looks that they are gone.

    Their files have to be gone before: who is in mid-handshake now is refused at its end then.
    """
    if not names or not layout.knows_names:
        return StrangersCut((), (), ())
    talk = await cut_sessions(
        host,
        [ToCut(CommonName(name)) for name in names],
        timeout_s=timeout_s,
        place=layout.management,
        most=most,
    )
    left = set(names) if talk.left is None else {str(target.common_name) for target in talk.left}
    findings = [
        *talk.findings,
        *(Finding(FindingCode.SESSION_LIVE, f"{name!a} is connected.") for name in sorted(left)),
    ]
    gone = (name for name in names if name not in left and talk.cut[name])
    return StrangersCut(tuple(sorted(gone)), tuple(sorted(left)), tuple(findings))
