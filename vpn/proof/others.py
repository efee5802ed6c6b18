"""Whether a server lets in who has a profile for another server of the same CA.

Two things can keep them out. With `ccd-exclusive` nobody gets in without a file of their own, and
they have none here. And the CRL of each server is its own: it can list, as 'on hold', certificates
that are for another server (`pki.crl`), which works where the operator's configuration has no
second lock, whatever tls key the person still has. One of the two is enough.
"""

from collections.abc import Collection
from dataclasses import dataclass

from pki.serial import SerialNumber
from vpn.errors import HostError
from vpn.findings import Finding, FindingCode
from vpn.host.interface import ServerHost
from vpn.layout import Layout
from vpn.proof.crl_look import CrlLook
from vpn.proof.locks import look_at_crl_lock, look_at_locks, look_at_locks_in_force
from vpn.values import ServerSpec


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The other servers of the same CA, as far as a server has to keep out who is theirs.

    Attributes:
        serials: their live certificates that its CRL can list.
        same_crl, same_ccd: those that read the same CRL, or the same clients' files.
    """

    serials: frozenset[SerialNumber]
    same_crl: tuple[str, ...] = ()
    same_ccd: tuple[str, ...] = ()


def not_listed(crl: CrlLook, others: Collection[SerialNumber]) -> tuple[Finding, ...]:
    """Why not all of these are on a CRL that is in force; nothing where they are."""
    if crl.facts is None or crl.findings:
        return crl.findings
    missing = len(set(others) - crl.facts.serials)
    if not missing:
        return ()
    detail = f"CRL {crl.facts.number} lacks {missing} profiles for other servers."
    return (Finding(FindingCode.OTHERS_NOT_LISTED, detail),)


async def open_to_others(
    spec: ServerSpec,
    host: ServerHost,
    layout: Layout,
    *,
    crl: CrlLook,
    pid: int | None,
    others: Neighbours,
) -> tuple[Finding, ...]:
    """Why these may get in, although their profiles are for another server.

    1. What the configuration says counts where the process runs with it. Where that cannot be
       asked, the file is believed of a server of ours, which had both locks from the beginning;
       not of an adopted one that was to have a management interface, and may wait for its restart.
    2. The second lock in its place is enough, if the clients' files are this server's alone; 3. and
       so is the first with each of them on the CRL, if that is.

    Args:
        pid: of the server; None where it cannot be asked.
    """
    try:
        if pid is not None:  # (1)
            pending = await look_at_locks_in_force(host, layout, pid)
            if pending:
                return tuple(pending)
        elif layout.adopted and layout.management is not None:
            detail = "Nobody can ask with which configuration OpenVPN runs there."
            return (Finding(FindingCode.MANAGEMENT_GONE, detail),)
        is_exclusive = layout.exclusive and not others.same_ccd
        if is_exclusive and not await look_at_locks(spec, host, layout):  # (2)
            return ()
        lock = await look_at_crl_lock(spec, host, layout)
    except HostError as error:
        return (Finding(FindingCode.HOST_ERROR, str(error)),)
    if others.same_crl:
        names = ", ".join(others.same_crl)
        detail = f"Its CRL is that of {names}, too, so it can't tell who to keep out."
        lock.append(Finding(FindingCode.OTHERS_NOT_LISTED, detail))
    return (*lock, *not_listed(crl, others.serials))  # (3)
