"""What is found on a server, and what is proved of a revocation."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pki.serial import SerialNumber
from vpn.errors import (
    HostError,
    HostKeyChanged,
    KeyRefused,
    NoShell,
    SshLost,
    SshSilent,
    SshUnreachable,
)
from vpn.values import CommonName


class FindingCode(StrEnum):
    """Why something is not proved, or not well."""

    CCD_PRESENT = "ccd_present"  # the client's own file is still there
    CCD_NOT_REMOVED = "ccd_not_removed"
    CCD_MISSING = "ccd_missing"  # the folder of all clients' files
    CRL_MISSING = "crl_missing"
    CRL_UNREADABLE = "crl_unreadable"  # by the account that OpenVPN drops to
    CRL_DAMAGED = "crl_damaged"
    CRL_NOT_OURS = "crl_not_ours"  # of this CA, but written by another program, such as easy-rsa
    CRL_FOREIGN = "crl_foreign"  # of another CA: OpenVPN would let everybody in
    CRL_INCOMPLETE = "crl_incomplete"  # as we put it there, before there was a second CA
    CRL_EXPIRED = "crl_expired"
    CRL_NOT_YET_VALID = "crl_not_yet_valid"
    CRL_OLD = "crl_old"  # its number is lower than ours, or it lacks the serial
    CRL_NEWER = "crl_newer"  # a higher number lies there, and it lacks the serial
    CRL_PUT_BACK = "crl_put_back"  # one of ours, but not the file that we put there last
    CRL_NOT_WRITTEN = "crl_not_written"
    SESSION_LIVE = "session_live"
    MANAGEMENT_GONE = "management_gone"
    MANAGEMENT_SILENT = "management_silent"
    MANAGEMENT_NONSENSE = "management_nonsense"
    FORWARDING_FORBIDDEN = "forwarding_forbidden"  # by sshd, to the management socket
    LOCK_MISSING = "lock_missing"  # server.conf lacks what keeps revoked clients out
    CLOCK_DIFFERS = "clock_differs"  # of the server, from ours
    DISK_NEARLY_FULL = "disk_nearly_full"
    RESTART_PENDING = "restart_pending"  # what runs is not what we read
    HOST_ERROR = "host_error"
    BROKEN_OFF = "broken_off"  # the attempt itself, by a fault of ours
    # Of machines elsewhere, where nothing can be done or seen then:
    HOST_KEY_CHANGED = "host_key_changed"
    KEY_REFUSED = "key_refused"
    NO_SHELL = "no_shell"
    SSH_UNREACHABLE = "ssh_unreachable"
    SSH_SILENT = "ssh_silent"
    SSH_LOST = "ssh_lost"
    # Of adopted servers only:
    NO_MANAGEMENT = "no_management"  # sessions are neither seen nor ended
    MANAGEMENT_EXPOSED = "management_exposed"  # other machines reach it, so we do not talk to it
    CRL_NOT_USED = "crl_not_used"  # OpenVPN reads no CRL file there
    SECOND_LOOK_DUE = "second_look_due"  # who is in mid-handshake may still slip in
    OTHERS_NOT_LISTED = "others_not_listed"  # the CRL lacks profiles for other servers
    CONFIGURATION_CHANGED = "configuration_changed"  # other places than at the adoption


# With these lists in the place of ours OpenVPN may have let in whom ours would have refused.
LETS_IN = (
    FindingCode.CRL_MISSING,
    FindingCode.CRL_DAMAGED,  # among others several lists in one file
    FindingCode.CRL_NOT_OURS,
    FindingCode.CRL_FOREIGN,
    FindingCode.CRL_PUT_BACK,
)


_OF_THE_MACHINE: dict[type[HostError], FindingCode] = {
    HostKeyChanged: FindingCode.HOST_KEY_CHANGED,
    KeyRefused: FindingCode.KEY_REFUSED,
    NoShell: FindingCode.NO_SHELL,
    SshUnreachable: FindingCode.SSH_UNREACHABLE,
    SshSilent: FindingCode.SSH_SILENT,
    SshLost: FindingCode.SSH_LOST,
}
# The machine, not the server on it, has to be looked at.
MACHINE_SHUT = frozenset(_OF_THE_MACHINE.values())


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `detail` is one plain line for an operator, without secrets."""

    code: FindingCode
    detail: str = ""


def host_finding(error: HostError) -> Finding:
    """The error as something to be shown."""
    return Finding(_OF_THE_MACHINE.get(type(error), FindingCode.HOST_ERROR), str(error))


@dataclass(frozen=True, slots=True)
class Target:
    """A certificate that is to be shut out.

    Attributes:
        shares_name: another certificate that is to stay has a name that OpenVPN does not tell
            from this one (`vpn.names.look_alike`).
        crl_seen_at: `ServerProof.crl_seen_at` of the last attempt on this server.
    """

    common_name: CommonName
    serial: SerialNumber
    shares_name: bool = False
    crl_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServerProof:
    """What was seen on one server about one certificate.

    Attributes:
        proved: it is shut out, and no session of its name is left. Nothing was found then.
        crl_number: of the CRL that lies there, where it is ours.
        crl_seen_at: since when the CRL is known to lie there in force with this serial; to be
            kept, and given back with the next attempt. None where it is not.
        second_look_at: when an attempt can prove it, where this one came too early.
    """

    server: str
    common_name: CommonName
    proved: bool
    crl_number: int | None
    sessions_cut: int
    findings: tuple[Finding, ...]
    crl_seen_at: datetime | None = None
    second_look_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """A server as it answers now; None is 'not known'.

    Attributes:
        reachable: the management interface answered.
        clock_ahead: by how much its clock is ahead of ours.
        sessions: those whose certificate is known; a handshake in progress is none yet.
    """

    server: str
    reachable: bool
    crl_number: int | None
    crl_signed_at: datetime | None
    crl_next_update: datetime | None
    sessions: int | None
    restart_pending: bool | None
    certificate_end: datetime | None
    findings: tuple[Finding, ...]
    # Why it may let in who has a profile for another server, see `vpn.proof.others`.
    open_to_others: tuple[Finding, ...] = ()
    clock_ahead: timedelta | None = None
