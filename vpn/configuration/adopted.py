"""Reads the configuration of a server that already runs, and was not made by us.

Options and their defaults as in the manuals of OpenVPN 2.4 to 2.6.
"""

import posixpath
import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vpn.configuration.address_plan import AddressPlan, address_plan
from vpn.configuration.places import file_argument, inline_text, named_layout, named_path
from vpn.configuration.profile import ProfileSettings, TlsKey, framing
from vpn.configuration.server import COMMON_NAME, ConfFacts
from vpn.errors import NotAdoptable
from vpn.layout import Layout
from vpn.names import name_in_sessions
from vpn.values import Protocol

ReadFile = Callable[[PurePosixPath], bytes | None]

_FORMAT = 1
# The beginning of a common name of ours.
_LIKE_OURS = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
# Any client offers one of these two by itself; DEFAULT is 2.7's word for a list with both.
_OFFERED_BY_ALL = {"AES-256-GCM", "AES-128-GCM", "DEFAULT"}
_CIPHER_UNTIL_2_5 = "BF-CBC"
_OLD_TLS = ("1.0", "1.1")
_OLDEST_TLS_TODAY = "1.2"
# Both sides must have these alike, and no server pushes them.
_ALIKE = ("tun-mtu", "fragment")
_DEFAULT_MTU = ("tun-mtu", "1500")
# Fields that each certificate of the bot's has; the second is the certificate's own number.
_HAD_BY_ALL = frozenset({COMMON_NAME, "serialNumber"})
# What the bot's certificates say that they are for: `remote-cert-eku` and `remote-cert-ku`.
_CLIENT_USES = ("TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2")
_DIGITAL_SIGNATURE = 0x80
# In the name of a plugin: it asks for a password, or for one that is good once only.
_ASKING_PLUGINS = (
    *("auth", "pam", "ldap", "radius", "kerberos", "sql", "otp", "duo", "okta", "mfa", "2fa"),
    *("yubi", "privacyidea", "google", "login", "password"),
)


@dataclass(frozen=True, slots=True)
class AdoptedServer:
    """What has to be remembered of an adopted server. There are no secrets inside.

    Attributes:
        common_name: of the server's certificate, as clients see it; None where it is not known.
        certificate_end: when that certificate ends; None where it is not known. Root reads it at
            the adoption; afterwards the bot's account may not be able to.
        port: the one it listens on.
        closed: why no new profile of the bot's can work there; None where it may, see `with_files`.
    """

    layout: Layout
    profile: ProfileSettings
    addresses: AddressPlan
    common_name: str | None
    certificate_end: datetime | None
    port: int
    protocol: Protocol
    closed: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` reads it again."""
        return {
            "format": _FORMAT,
            "layout": self.layout.to_json(),
            "profile": self.profile.to_json(),
            "addresses": self.addresses.to_json(),
            "common_name": self.common_name,
            "certificate_end": self.certificate_end and self.certificate_end.isoformat(),
            "port": self.port,
            "protocol": self.protocol.value,
            "closed": self.closed,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "AdoptedServer":
        """Raises KeyError, TypeError or ValueError where it is not what `to_json` gave."""
        if values["format"] != _FORMAT:
            raise ValueError(f"An adopted server of format {values['format']} isn't known here.")
        return cls(
            layout=Layout.from_json(values["layout"]),
            profile=ProfileSettings.from_json(values["profile"]),
            addresses=AddressPlan.from_json(values["addresses"]),
            common_name=values["common_name"],
            certificate_end=certificate_end_of(values),
            port=values["port"],
            protocol=Protocol(values["protocol"]),
            closed=values.get("closed"),
        )


def certificate_end_of(values: dict[str, Any]) -> datetime | None:
    """`AdoptedServer.certificate_end` out of what `AdoptedServer.to_json` gave."""
    text = values["certificate_end"]
    return None if text is None else datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Adoption:
    """A configuration, read.

    Attributes:
        facts: its directives; inline keys are among them.
        ca_pem, certificate_pem: what the server trusts, and its own; None where not readable.
        tls_key: for tls-crypt-v2 the server's key, which wraps the clients'; for tls-auth and
            tls-crypt the key that all share. None where there is none, or it is not readable.
    """

    server: AdoptedServer
    facts: ConfFacts = field(repr=False)
    ca_pem: str | None
    certificate_pem: str | None
    tls_key: str | None = field(repr=False)

    @property
    def trusted(self) -> tuple[x509.Certificate, ...] | None:
        """The CAs in `ca_pem`; None where that cannot be read."""
        if self.ca_pem is None:
            return None
        try:
            return tuple(x509.load_pem_x509_certificates(self.ca_pem.encode()))
        except ValueError:
            return None


def inspect(
    facts: ConfFacts,
    conf_path: PurePosixPath,
    read_file: ReadFile,
    *,
    start_folder: PurePosixPath | None = None,
) -> Adoption:
    """What a server.conf says, with the files beside it that clients have to fit.

    Args:
        facts: with what its `config` lines include.
        conf_path: absolute.
        read_file: the content of a file at an absolute path; None where it cannot be had.
        start_folder: where OpenVPN is started; the configuration's own folder as a rule.

    Raises:
        NotAdoptable: it is not the configuration of a server with certificates.
    """
    _require_server(facts, conf_path)
    folder = _below_root(start_folder or conf_path.parent)
    layout = named_layout(facts, _below_root(conf_path), folder)

    def content(name: str) -> str | None:
        return _content(facts, name, folder, read_file)

    certificate_pem = content("cert") or _in_pkcs12(facts, folder, read_file)
    certificate = _certificate(certificate_pem)
    kind = next((kind for kind in (*TlsKey,)[::-1] if facts.has(kind)), None)
    profile = _profile(facts, kind, certificate)
    return Adoption(
        server=AdoptedServer(
            layout=layout,
            profile=profile,
            addresses=address_plan(facts, profile.device),
            common_name=_common_name(certificate),
            certificate_end=certificate.not_valid_after_utc if certificate else None,
            port=facts.port,
            protocol=facts.protocol,
        ),
        facts=facts,
        ca_pem=content("ca"),
        certificate_pem=certificate_pem,
        tls_key=content(kind) if kind else None,
    )


def with_files(server: AdoptedServer, facts: ConfFacts, *, writable: bool) -> AdoptedServer:
    """The same server, with what follows from whether the bot may write clients' files there.

    Without a file that OpenVPN finds no client has a fixed address, and with `ccd-exclusive` none
    gets in.
    """
    layout = server.layout
    finds = writable and layout.ccd is not None and layout.knows_names
    addresses = server.addresses if finds else replace(server.addresses, one_each=False)
    server = replace(server, addresses=addresses)
    return replace(server, closed=_closed(facts, server, finds=finds))


def _closed(facts: ConfFacts, server: AdoptedServer, *, finds: bool) -> str | None:
    """Why no new profile of the bot's can work there; None where it may."""
    layout, plan = server.layout, server.addresses
    if unfit := _refuses_ours(facts):
        return unfit
    if layout.exclusive and layout.knows_names and not finds:
        return (
            f"ccd-exclusive: OpenVPN refuses whoever has no file in /{layout.ccd}, and the bot may"
            " not write there."
        )
    is_theirs = layout.ccd is not None and not layout.knows_names
    by_others = is_theirs or facts.has("client-connect") or facts.has("plugin")
    if plan.pool is None and not plan.has_fixed and not by_others:
        return (
            "The server has no pool, and no file of the bot's gives an address there, so a client"
            " would get none."
        )
    return None


def _refuses_ours(facts: ConfFacts) -> str | None:
    """Why OpenVPN refuses all certificates of the bot's; None where it may let them in."""
    if _names_others(facts.last("verify-x509-name") or ()):
        return (
            "verify-x509-name: OpenVPN refuses every client whose certificate has another name,"
            " and those of the bot's have names of their own, in small letters."
        )
    if facts.has("peer-fingerprint"):
        return (
            "peer-fingerprint: OpenVPN refuses every certificate whose fingerprint isn't listed,"
            " and each profile has a new one."
        )
    if wanted := _wants_other_use(facts):
        return (
            f"{wanted}: OpenVPN refuses the bot's certificates, which are for clientAuth, with"
            " digitalSignature."
        )
    lacking = [field for field in facts.name_fields if field not in _HAD_BY_ALL]
    if lacking:
        return (
            f"x509-username-field: OpenVPN refuses a certificate without {' and '.join(lacking)},"
            " and the bot's have none."
        )
    return None


def _names_others(pinned: Sequence[str]) -> bool:
    """Whether no name of ours can be what `verify-x509-name` asks for, see openvpn(8)."""
    if not pinned:
        return False
    name, kind = pinned[0], pinned[1] if len(pinned) > 1 else "subject"
    # A prefix that a name of ours can begin with, such as `anna-`, is for some people.
    return kind != "name-prefix" or not _LIKE_OURS.fullmatch(name)


def _wants_other_use(facts: ConfFacts) -> str | None:
    """The directive that asks for a use that the bot's certificates are not for.

    Each line takes the place of what an earlier one asked, `remote-cert-tls` that of both others;
    of several key usages any will do (x509_verify_cert_ku() and x509_verify_cert_eku() in
    OpenVPN's ssl_verify_openssl.c).
    """
    wanted: dict[str, str] = {}
    for directive in facts.directives:
        words = directive.arguments
        match directive.name:
            case "remote-cert-tls":
                wanted.pop("ku", None)
                fits = words != ("server",)
                kind = "eku"
            case "remote-cert-eku":
                fits, kind = words[:1] in [(use,) for use in _CLIENT_USES], "eku"
            case "remote-cert-ku":
                fits, kind = not words or _DIGITAL_SIGNATURE in map(_hex, words), "ku"
            case _:
                continue
        wanted.pop(kind, None)
        if not fits:
            wanted[kind] = directive.name
    return next(iter(wanted.values()), None)


def _hex(word: str) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0


def _require_server(facts: ConfFacts, conf_path: PurePosixPath) -> None:
    is_server = (
        facts.has("server")
        or facts.has("server-bridge")
        or facts.last("mode") == ("server",)
        or facts.has("server-ipv6")
    )
    if facts.has("client") or facts.has("secret") or not is_server:
        raise NotAdoptable(
            f"{conf_path} isn't the configuration of an OpenVPN server with certificates"
            " (no server, server-bridge or 'mode server' line); name the right file."
        )


def _below_root(path: PurePosixPath) -> str:
    return posixpath.normpath(str(path)).lstrip("/")


def _content(facts: ConfFacts, name: str, folder: str, read_file: ReadFile) -> str | None:
    """The text that a directive names, wherever it stands."""
    file = file_argument(facts, name)
    if file is None:
        return inline_text(facts, name)
    content = read_file(PurePosixPath("/") / named_path(facts, folder, file))
    return None if content is None else content.decode("utf-8", "replace")


def _in_pkcs12(facts: ConfFacts, folder: str, read_file: ReadFile) -> str | None:
    """The server's certificate, where it lies with its key in a file without a passphrase."""
    file, block = file_argument(facts, "pkcs12"), inline_text(facts, "pkcs12")
    try:
        content = (
            b64decode(block or "")
            if file is None
            else read_file(PurePosixPath("/") / named_path(facts, folder, file))
        )
        certificate = load_pkcs12(content or b"", None).cert
    except ValueError:
        return None
    if certificate is None:
        return None
    return certificate.certificate.public_bytes(Encoding.PEM).decode()


def _certificate(pem: str | None) -> x509.Certificate | None:
    try:
        # easy-rsa writes the certificate out in words above its PEM.
        return None if pem is None else x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None


def _common_name(certificate: x509.Certificate | None) -> str | None:
    """The last one, as OpenVPN takes it (extract_x509_field_ssl())."""
    if certificate is None:
        return None
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return name_in_sessions(str(names[-1].value)) if names else None


def _profile(
    facts: ConfFacts, kind: TlsKey | None, certificate: x509.Certificate | None
) -> ProfileSettings:
    ciphers, negotiates = _ciphers(facts)
    named = facts.first_argument("dev-type") or facts.first_argument("dev") or "tun"
    device = "tap" if named.startswith("tap") else "tun"
    alike = [(name, *words) for name in _ALIKE if (words := facts.last(name)) is not None]
    oldest = facts.first_argument("tls-version-max")
    return ProfileSettings(
        tls_key=kind,
        key_direction=_client_direction(facts) if kind is TlsKey.AUTH else None,
        device=device,
        auth=facts.first_argument("auth"),
        ciphers=ciphers,
        negotiates=negotiates,
        compression=framing(_compression(facts), device),
        same_lines=tuple(line for line in alike if line != _DEFAULT_MTU),
        tls_version_min=oldest if oldest in _OLD_TLS else _OLDEST_TLS_TODAY,
        is_marked=certificate is None or _is_marked(certificate),
        asks_password=_asks_password(facts),
    )


def _client_direction(facts: ConfFacts) -> int | None:
    """The opposite of the server's: of tls-auth's second word, or of `key-direction`."""
    words = facts.last(TlsKey.AUTH) or ()
    text = words[1] if len(words) > 1 else facts.first_argument("key-direction")
    return {"0": 1, "1": 0}.get(text or "")


def _ciphers(facts: ConfFacts) -> tuple[tuple[str, ...], bool]:
    """What clients do not offer by themselves, and whether the server negotiates at all."""
    if facts.has("ncp-disable"):
        return ((facts.first_argument("cipher") or _CIPHER_UNTIL_2_5).upper(),), False
    listed = facts.first_argument("data-ciphers") or facts.first_argument("ncp-ciphers")
    if listed is None:
        return (), True
    # A question mark allows that the server's OpenSSL does not have it.
    names = tuple(name.lstrip("?").upper() for name in listed.split(":") if name)
    return (() if _OFFERED_BY_ALL & set(names) else names), True


def _compression(facts: ConfFacts) -> tuple[str, ...]:
    """The framing that every packet has. What the server pushes, clients learn by themselves."""
    directives = [d for d in facts.directives if d.name in {"comp-lzo", "compress"}]
    if not directives or directives[-1].arguments[:1] == ("migrate",):
        return ()  # `compress migrate` takes clients without
    return (directives[-1].name, *directives[-1].arguments)


def _is_marked(certificate: x509.Certificate) -> bool:
    """What `remote-cert-tls server` asks for: a key usage, and the extended usage of servers."""
    try:
        certificate.extensions.get_extension_for_class(x509.KeyUsage)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in usage


def _asks_password(facts: ConfFacts) -> bool:
    if facts.has("auth-user-pass-optional"):
        return False
    if facts.has("auth-user-pass-verify") or facts.has("management-client-auth"):
        return True
    plugins = [d.arguments[0] for d in facts.directives if d.name == "plugin" and d.arguments]
    names = [plugin.rpartition("/")[2].lower() for plugin in plugins]
    return any(sign in name for name in names for sign in _ASKING_PLUGINS)
