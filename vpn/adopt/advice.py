"""What keeps cuts on an adopted server from being proved, what is dangerous, and the mend."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from shlex import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from pki.key_ids import Issuers
from vpn.adopt.amend import AccountRights, amendments, no_second_lock
from vpn.configuration.adopted import Adoption
from vpn.configuration.server import ConfFacts, openings
from vpn.configuration.table import SAYS, Effect, effect_of
from vpn.layout import TcpPort, UnixSocket

_CLIENT_LOCK = "management-client-user"
_OLD_CIPHERS = ("BF-CBC", "DES", "CAST5", "RC2")
# Each lets another program have a say in who gets in, or has them typed in.
_NOTES = {
    "auth-user-pass-verify": "a script asks for a name and a password beside the certificate",
    "plugin": "a plugin may ask for more than the certificate",
    "tls-verify": "a script may refuse certificates",
    "tls-crypt-v2-verify": "a script looks at the tls-crypt-v2 keys before any certificate",
    "client-connect": "a script may refuse clients",
    "chroot": "the CRL and the clients' files are looked for below it",
}

_PREFIX = "name-prefix"
_COMPRESSES = "Compression weakens encryption; profiles have it because the server does."
_COMPRESSED: Mapping[tuple[str, ...], str] = {
    ("migrate",): "Clients with compression get in and are told to leave it; profiles have none.",
    ("stub-v2",): (
        "`compress stub-v2` compresses nothing. Profiles leave it out, since NetworkManager refuses"
        " it; clients get in with it and without."
    ),
}
_NAMING = ("username-as-common-name", "x509-username-field")
_NAMELESS = (
    " So the bot can tell nobody's session by their certificate: a revocation keeps them from"
    " coming back, but whoever is connected then stays until OpenVPN is restarted, and nothing is"
    " proved. Nor does it give fixed addresses."
)


class Weight(StrEnum):
    """How much a piece of advice matters."""

    UNPROVED = "unproved"  # no cut, or only a late one, can be proved
    DANGER = "danger"  # somebody could get in, or all could be shut out
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that the operator should know.

    Attributes:
        directive: what it is about, as in the configuration.
        detail: one plain sentence, or two.
        lines: what the configuration lacks; OpenVPN has to be restarted for them.
        commands: shell lines that mend it, for root.
        applied: `apply` adds the lines by itself.
    """

    directive: str
    weight: Weight
    detail: str
    lines: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    applied: bool = False


def advise(
    adoption: Adoption,
    rights: AccountRights,
    account: str,
    issuers: Issuers = (),
    *,
    now: datetime | None = None,
    absent: Sequence[tuple[str, str]] = (),
) -> tuple[Advice, ...]:
    """All there is to say about a server, what matters most first.

    Args:
        account: the one that the bot runs as.
        now: None where nothing is said of the certificate's end.
        absent: directives with the path of a file, relative to /, that is not there.
        issuers: the bot's CA, or both; it is not looked at where there is none.
    """
    everything = [
        *_missing(adoption, rights, account),
        *_management(adoption, rights, account),
        *_unreadable(adoption, rights, account),
        *_trust(adoption, issuers),
        *_dangers(adoption),
        *_absent(absent),
        *_over(adoption, now),
        *_prefix(adoption.facts),
        *_by_table(adoption.facts),
        *_notes(adoption.facts),
    ]
    order = list(Weight)
    return tuple(sorted(everything, key=lambda advice: order.index(advice.weight)))


def _missing(adoption: Adoption, rights: AccountRights, account: str) -> Iterator[Advice]:
    unnamed = no_second_lock(adoption.facts)
    if unnamed is not None and not adoption.server.layout.exclusive:
        yield Advice(
            "ccd-exclusive",
            Weight.UNPROVED,
            f"{unnamed}. With ccd-exclusive it would let nobody in by the bot's files, so --apply"
            " adds no second lock here.",
        )
    for amendment in amendments(adoption, rights, account):
        yield Advice(
            amendment.directive,
            Weight.UNPROVED,
            amendment.why,
            lines=amendment.lines,
            applied=True,
        )
    if adoption.facts.last("remote-cert-tls") != ("client",):
        yield Advice(
            "remote-cert-tls",
            Weight.DANGER,
            "A certificate that wasn't made for clients gets in, too. Add the line if every"
            " client's certificate says that it is a client's (easy-rsa's do).",
            lines=("remote-cert-tls client",),
        )


def _management(adoption: Adoption, rights: AccountRights, account: str) -> Iterator[Advice]:
    place, facts = adoption.server.layout.management, adoption.facts
    if isinstance(place, TcpPort):
        yield from _tcp(place, rights, account)
    if isinstance(place, UnixSocket):
        yield from _unix(facts, account)
    if facts.has("management-client"):
        yield Advice(
            "management-client",
            Weight.UNPROVED,
            "OpenVPN connects to a program of yours for its management, so the bot can't ask it.",
        )
    if facts.has("management-client-auth"):
        yield Advice(
            "management-client-auth",
            Weight.UNPROVED,
            "Another program stays connected to the management interface, which serves one at a"
            " time, so the bot can't ask it.",
        )


def _tcp(place: TcpPort, rights: AccountRights, account: str) -> Iterator[Advice]:
    if not place.is_loopback:
        yield Advice(
            "management",
            Weight.UNPROVED,
            f"The management interface at {place} can be reached from other machines; the bot"
            " doesn't talk to it. Put it on 127.0.0.1 with a password file, or on a unix socket.",
        )
    elif place.password_file is None:
        yield Advice(
            "management",
            Weight.DANGER,
            f"Every account of this machine may use the management interface at {place}; a unix"
            f" socket with '{_CLIENT_LOCK} {account}' is for the bot alone.",
        )
    elif rights.open_password:
        yield Advice(
            "management",
            Weight.UNPROVED,
            f"The bot's account {account} can't read the management password in"
            f" /{place.password_file}.",
            commands=rights.open_password,
        )


def _unix(facts: ConfFacts, account: str) -> Iterator[Advice]:
    allowed = facts.first_argument(_CLIENT_LOCK)
    if allowed is None and not facts.has("management-client-group"):
        yield Advice(
            _CLIENT_LOCK,
            Weight.DANGER,
            "Every account of this machine may use the management socket.",
            lines=(f"{_CLIENT_LOCK} {account}",),
        )
    elif allowed is not None and allowed != account:
        yield Advice(
            _CLIENT_LOCK,
            Weight.UNPROVED,
            f"The management socket is for {allowed} alone; the bot runs as {account}. If nothing"
            " of yours needs it, change the line.",
            lines=(f"{_CLIENT_LOCK} {account}",),
        )


def _unreadable(adoption: Adoption, rights: AccountRights, account: str) -> Iterator[Advice]:
    conf = f"/{adoption.server.layout.conf}"
    if rights.open_conf:
        yield Advice(
            "config",
            Weight.UNPROVED,
            f"The bot's account {account} can't read {conf}, so it can't see whether the locks"
            " are still there.",
            commands=rights.open_conf,
        )
    if rights.folder_writable:
        folder = conf.rpartition("/")[0]
        yield Advice(
            "config",
            Weight.DANGER,
            f"The bot's account {account} may write {folder}, and so replace the configuration:"
            " whoever may do that may run commands as root.",
            commands=(f"chown root {quote(folder)}", f"chmod go-w {quote(folder)}"),
        )
    if rights.shut_out is not None:
        yield Advice("user", Weight.DANGER, f"{rights.shut_out}.")


def _trust(adoption: Adoption, issuers: Issuers) -> Iterator[Advice]:
    if adoption.ca_pem is None or not issuers:
        return
    trusted = adoption.trusted or ()
    ours = [each for each in trusted if is_one_of(each, issuers)]
    if not ours:
        yield Advice(
            "ca",
            Weight.DANGER,
            "The server doesn't trust the bot's CA: no profile of the bot's will get in.",
        )
    if len(ours) < len(trusted):
        yield Advice(
            "ca",
            Weight.DANGER,
            "The server trusts other CAs, too; the bot can neither see nor end their certificates.",
        )


def trusts(adoption: Adoption, issuers: Issuers) -> bool | None:
    """Whether certificates of one of these CAs get in; None where that cannot be seen."""
    if adoption.trusted is None or adoption.facts.has("capath"):
        return None
    return any(is_one_of(each, issuers) for each in adoption.trusted)


def is_one_of(trusted: x509.Certificate, issuers: Issuers) -> bool:
    """Whether who is let in by `trusted` has a certificate of one of these CAs."""
    return any(_is_same_authority(trusted, issuer) for issuer in issuers)


def _is_same_authority(trusted: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Also where the CA's certificate was renewed with the same key."""
    if trusted.public_key() == issuer.public_key():
        return True
    try:
        issuer.verify_directly_issued_by(trusted)  # an intermediate CA below it
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _dangers(adoption: Adoption) -> Iterator[Advice]:
    facts, profile = adoption.facts, adoption.server.profile
    for problem in openings(facts):
        if problem.directive != "remote-cert-tls":
            more = _NAMELESS if problem.directive in _NAMING else ""
            yield Advice(problem.directive, Weight.DANGER, f"{problem.detail}.{more}")
    if not profile.is_marked:
        yield Advice(
            "cert",
            Weight.DANGER,
            "The server's certificate doesn't say that it is a server's, so profiles can only"
            " check its name: any holder of a certificate of that name could pose as the server.",
        )
    weak = [c for c in profile.ciphers if c.startswith(_OLD_CIPHERS)]
    if weak:
        yield Advice(
            "cipher",
            Weight.DANGER,
            f"{weak[0]} is broken, and today's OpenSSL doesn't have it any more.",
            lines=(f"data-ciphers AES-256-GCM:AES-128-GCM:{weak[0]}",),
        )
    if profile.tls_version_min != "1.2":
        yield Advice(
            "tls-version-max",
            Weight.DANGER,
            f"The server speaks TLS {profile.tls_version_min} at most; many clients refuse that.",
        )
    for what in profile.beyond_connect:
        yield Advice(what, Weight.DANGER, f"OpenVPN Connect has no {what}; phones can't use it.")


def _absent(absent: Sequence[tuple[str, str]]) -> Iterator[Advice]:
    for name, path in absent:
        yield Advice(
            name,
            Weight.DANGER,
            f"It names /{path}, which isn't there: without it OpenVPN doesn't start again.",
        )


def _over(adoption: Adoption, now: datetime | None) -> Iterator[Advice]:
    end = adoption.server.certificate_end
    if end is not None and now is not None and end <= now:
        yield Advice(
            "cert",
            Weight.DANGER,
            f"The server's certificate ended on {end:%Y-%m-%d}, so no client connects to it;"
            " --renew-certificate gives it a new one.",
        )


def _by_table(facts: ConfFacts) -> Iterator[Advice]:
    """What no other check here looks at, and what nobody knows."""
    passed_over = {
        word
        for directive in facts.directives
        if directive.name == "ignore-unknown-option"
        for word in directive.arguments
    }
    for name in dict.fromkeys(directive.name for directive in facts.directives):
        effect = effect_of(name)
        if name in SAYS:
            weight = Weight.UNPROVED if effect is Effect.ASKING else Weight.NOTE
            yield Advice(name, weight, f"{SAYS[name][0].upper()}{SAYS[name][1:]}.")
        elif effect is None and name not in passed_over:
            yield Advice(
                name,
                Weight.DANGER,
                "OpenVPN 2.6 has no such directive and doesn't start with it; what another version"
                " makes of it, nobody can tell here.",
            )


def _prefix(facts: ConfFacts) -> Iterator[Advice]:
    words = facts.last("verify-x509-name") or ()
    if words[1:] == (_PREFIX,):
        yield Advice(
            "verify-x509-name",
            Weight.DANGER,
            f"Only whoever has a certificate whose name begins with {words[0]!a} gets in; the"
            " bot's begin with the person's name. Without that line all of them get in.",
        )


def _notes(facts: ConfFacts) -> Iterator[Advice]:
    for name, what in _NOTES.items():
        if facts.has(name):
            yield Advice(name, Weight.NOTE, f"{name}: {what}.")
    if facts.has("comp-lzo") or facts.has("compress"):
        said = _COMPRESSED.get(facts.last("compress") or (), _COMPRESSES)
        yield Advice("compress", Weight.NOTE, said)
