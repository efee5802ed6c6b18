"""What is written into a server's folder, and what is read out of an existing server.conf."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import PurePosixPath

from vpn.configuration.directives import Directive, parse_directives
from vpn.configuration.forwarding import unit_lines
from vpn.configuration.sets_script import (
    firewall_path,
    firewall_unit,
    render_firewall_path,
    render_firewall_unit,
)
from vpn.findings import Finding, FindingCode
from vpn.layout import (
    CA_CERTIFICATE,
    CCD,
    CERTIFICATE,
    CONF,
    CRL,
    MANAGEMENT_SOCKET,
    PRIVATE_KEY,
    TLS_CRYPT_V2_KEY,
)
from vpn.values import AS_ALL, Protocol, Pushed, ServerSpec

COMMON_NAME = "CN"
# What OpenSSL's OBJ_txt2nid() takes for it.
_CN_TOO = {"commonName", "2.5.4.3"}
_EVERYTHING = IPv4Network("0.0.0.0/0")
HOMES = (PurePosixPath("/home"), PurePosixPath("/root"), PurePosixPath("/run/user"))
# What PrivateTmp= hides from a unit.
TEMPORARY = (PurePosixPath("/tmp"), PurePosixPath("/var/tmp"))  # noqa: S108


@dataclass(frozen=True, slots=True)
class ConfProblem:
    """Something in a server.conf that takes a promise away.

    Attributes:
        is_lock: whether a revoked client could get in because of it.
    """

    directive: str
    detail: str
    is_lock: bool = False
    code: FindingCode = FindingCode.LOCK_MISSING

    @property
    def finding(self) -> Finding:
        return Finding(self.code, self.detail)


@dataclass(frozen=True, slots=True)
class ConfFacts:
    """What a server.conf says; of a directive that is repeated, the last one counts."""

    directives: tuple[Directive, ...]

    def last(self, name: str) -> tuple[str, ...] | None:
        """The arguments of the directive's last occurrence, None where it is absent."""
        for directive in reversed(self.directives):
            if directive.name == name:
                return directive.arguments
        return None

    def has(self, name: str) -> bool:
        return self.last(name) is not None

    def first_argument(self, name: str) -> str | None:
        arguments = self.last(name)
        return arguments[0] if arguments else None

    @property
    def needs_certificate(self) -> bool:
        """Whether nobody is let in without one."""
        wanted = self.first_argument("verify-client-cert") in {None, "require"}
        return wanted and not self.has("client-cert-not-required")

    @property
    def name_fields(self) -> tuple[str, ...]:
        """The fields of a certificate that make a client's name (`x509-username-field`).

        As in add_option() of OpenVPN's options.c: each word takes the place of the word that
        stood there, a later line's too, and an attribute in small letters counts as in capitals.
        """
        fields = [COMMON_NAME]
        for directive in self.directives:
            words = directive.arguments if directive.name == "x509-username-field" else ()
            for place, word in enumerate(words):
                plain = word.upper() if word.islower() and not word.startswith("ext:") else word
                fields[place : place + 1] = [COMMON_NAME if plain in _CN_TOO else plain]
        return tuple(fields)

    @property
    def port(self) -> int:
        """The port it listens on."""
        text = self.first_argument("lport") or self.first_argument("port") or "1194"
        return int(text) if text.isdecimal() else 0

    @property
    def protocol(self) -> Protocol:
        text = self.first_argument("proto") or Protocol.UDP
        return Protocol.TCP if text.startswith(Protocol.TCP) else Protocol.UDP


def unit_name(name: str) -> str:
    """The systemd unit of the server with this name."""
    return f"vpnbot-openvpn-{name}.service"


def render_server_conf(spec: ServerSpec) -> str:
    """What `openvpn --config server.conf`, started in the server's folder, is to do.

    Each line is in OpenVPN 2.6's manual. There are no cipher lines: 2.4 and newer agree on
    AES-GCM by themselves.
    """
    lines = [
        f"# OpenVPN server '{spec.name}', written by `vpnbot server deploy {spec.name}`,",
        "# which writes it again and loses changes made here. It is read only at a start.",
        *_transport_lines(spec),
        "dev tun",
        "topology subnet",
        # nopool: an address comes from the client's own file or not at all.
        f"server {spec.network.network_address} {spec.network.netmask} nopool",
        # `server-ipv6` has a pool, and does not go with 'nopool'; this is what else it does.
        *([_ifconfig_ipv6(spec.network6)] if spec.network6 else []),
        f"ca {CA_CERTIFICATE}",
        f"cert {CERTIFICATE}",
        f"key {PRIVATE_KEY}",
        "dh none",
        f"tls-crypt-v2 {TLS_CRYPT_V2_KEY}",
        "tls-version-min 1.2",
        "remote-cert-tls client",
        f"crl-verify {CRL}",
        f"client-config-dir {CCD}",
        "ccd-exclusive",
        "keepalive 10 60",
        *_push_lines(Pushed(spec.routes, spec.dns)),
        "user nobody",
        "group nogroup",
        "persist-key",
        "persist-tun",
        f"management {MANAGEMENT_SOCKET} unix",
        # The socket answers everybody, whatever the umask; this is what protects it.
        f"management-client-user {spec.account}",
        "verb 3",
    ]
    return "\n".join(lines) + "\n"


def _transport_lines(spec: ServerSpec) -> list[str]:
    # 'udp' alone listens on IPv4 only; 'udp6' takes both, where the machine has IPv6.
    family = "6" if spec.remote.is_ipv6 else ""
    if spec.remote.protocol is Protocol.TCP:
        return [f"port {spec.listen_port}", f"proto tcp{family}-server"]
    return [f"port {spec.listen_port}", f"proto udp{family}", "explicit-exit-notify 1"]


def _ifconfig_ipv6(network: IPv6Network) -> str:
    return f"ifconfig-ipv6 {network[1]}/{network.prefixlen} {network[2]}"


def _push_lines(pushed: Pushed) -> list[str]:
    # OpenVPN's word for a DNS server is the same for both families.
    dns = (f'push "dhcp-option DNS {address}"' for address in pushed.dns)
    return [*map(_route_line, pushed.routes), *dns]


def _route_line(route: IPv4Network | IPv6Network) -> str:
    if isinstance(route, IPv6Network):
        return f'push "route-ipv6 {route}"'
    if route == _EVERYTHING:
        return 'push "redirect-gateway def1"'
    return f'push "route {route.network_address} {route.netmask}"'


def pushed_lines(pushed: Pushed) -> list[str]:
    """For one client's own file: first away with what all get, then what this one gets.

    `push-reset` would take the gateway and the topology, too. `push-remove` takes all that begins
    with its word (push_remove_option() in OpenVPN's push.c): with the space at its end 'route '
    leaves 'route-gateway' alone. Options pushed twice would both count.
    """
    own = [f"ifconfig-ipv6-push {pushed.address6}"] if pushed.address6 else []
    away = ["route ", "route-ipv6 ", "redirect-gateway"] if pushed.routes else []
    away += ["dhcp-option DNS"] if pushed.dns else []
    return [*own, *(f'push-remove "{option}"' for option in away), *_push_lines(pushed)]


def render_unit(spec: ServerSpec) -> str:
    """A systemd unit that starts the server in its folder.

    OpenVPN needs CAP_NET_ADMIN for the tun device, as nft and sysctl do for the network;
    CAP_SETUID, CAP_SETGID and CAP_SETPCAP to become nobody, CAP_NET_BIND_SERVICE for ports below
    1024, and CAP_DAC_OVERRIDE where the folder belongs to the person who deployed it.
    """
    directory = spec.directory
    order, forwarding = unit_lines(spec.name)
    return f"""\
# OpenVPN server '{spec.name}', written by `vpnbot server deploy {spec.name}`.
[Unit]
Description=OpenVPN server {spec.name} (vpnbot)
Documentation=man:openvpn(8)
After=network-online.target
{order}
Wants=network-online.target

[Service]
Type=notify
WorkingDirectory={directory}
{forwarding}
ExecStart=/usr/sbin/openvpn --suppress-timestamps --config {CONF}
Restart=on-failure
RestartSec=5s
KillMode=mixed
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SETGID CAP_SETUID \
CAP_SETPCAP CAP_DAC_OVERRIDE
LimitNPROC=10
DeviceAllow=/dev/net/tun rw
ReadWritePaths={directory}
{_confinement(directory)}
[Install]
WantedBy=multi-user.target
"""


def _confinement(directory: PurePosixPath) -> str:
    """Lines of [Service] for whatever root starts in a server's folder."""
    protect_home = "no" if any(home in directory.parents for home in HOMES) else "yes"
    private_tmp = "no" if any(folder in directory.parents for folder in TEMPORARY) else "yes"
    return f"""\
NoNewPrivileges=yes
DevicePolicy=closed
DeviceAllow=/dev/null rw
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp={private_tmp}
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
"""


def firewall_units(spec: ServerSpec) -> dict[str, str]:
    """The units that keep the sets of its firewall current, by their names."""
    return {
        firewall_unit(spec.name): render_firewall_unit(
            spec, confinement=_confinement(spec.directory)
        ),
        firewall_path(spec.name): render_firewall_path(spec),
    }


def host_commands(spec: ServerSpec) -> list[str]:
    """What its machine needs once, as shell lines to run as root, each safe to repeat."""
    return [f"{firewall_command(spec)} {spec.directory / unit_name(spec.name)}"]


def firewall_command(spec: ServerSpec) -> str:
    """Of this, what keeps the sets of its firewall current; a path cannot start what is no unit."""
    unit, path = firewall_unit(spec.name), firewall_path(spec.name)
    home = spec.directory
    return f"systemctl link {home / unit} && systemctl enable --now {home / path}"


def render_ccd(address: IPv4Address, network: IPv4Network, pushed: Pushed = AS_ALL) -> str:
    """A client's own file: its fixed address (manual: `ifconfig-push`, topology subnet).

    After it what is pushed to this client and not to all.

    Raises:
        ValueError: the address is not one of the network's.
    """
    if address not in network:
        raise ValueError(f"{address} isn't in {network}")
    lines = [f"ifconfig-push {address} {network.netmask}", *pushed_lines(pushed)]
    return "".join(f"{line}\n" for line in lines)


def inspect_conf(text: str) -> ConfFacts:
    """What a server.conf says."""
    return ConfFacts(tuple(parse_directives(text)))


# The two locks, and what must stand in the file for them.
_LOCKS = {
    "crl-verify": (CRL,),
    "client-config-dir": (CCD,),
    "ccd-exclusive": (),
}
# Each of these would open another way in, or take the file out of our sight.
_OPENINGS = {
    "config": "it includes another file, so this one doesn't tell the whole story",
    "username-as-common-name": "the name that is checked is no longer the certificate's",
    "x509-username-field": "the name that is checked is no longer the certificate's common name",
    "capath": "certificates of other CAs, without a CRL of ours, would be let in",
    "client-cert-not-required": "clients without a certificate would be let in",
}
_PLAIN_NAME = (COMMON_NAME,)
_MOVED_ROOT = {"chroot": "it moves the paths of both locks"}


def conf_problems(
    text: str, *, directory: PurePosixPath | None = None, account: str | None = None
) -> list[ConfProblem]:
    """What a server.conf lacks, or has too much, for our promises to hold.

    Args:
        directory: the server's folder; a `cd` to it is fine.
        account: who is to use the management socket; not looked at where None.
    """
    facts = inspect_conf(text)
    problems = []
    for name, wanted in _LOCKS.items():
        if facts.last(name) != wanted:
            what = "differs" if facts.has(name) else "is missing"
            line = " ".join((name, *wanted))
            problems.append(ConfProblem(name, f"{name} {what}; it must be: {line}", is_lock=True))
    problems += _openings(facts, _OPENINGS | _MOVED_ROOT)
    folder = facts.first_argument("cd")
    is_home = directory and folder and PurePosixPath(folder) == directory
    if facts.has("cd") and not is_home:
        problems.append(ConfProblem("cd", "cd: it moves the paths of both locks", is_lock=True))
    problems += _certificate_problems(facts)
    name = "management-client-user"
    if account is not None and facts.first_argument(name) != account:
        why = f"{name}: it must name {account}, the account that the bot runs as"
        problems.append(ConfProblem(name, why))
    return problems


def openings(facts: ConfFacts) -> list[ConfProblem]:
    """What takes a promise away in any server's configuration, wherever its files are."""
    return [*_openings(facts, _OPENINGS), *_certificate_problems(facts)]


def _openings(facts: ConfFacts, reasons: dict[str, str]) -> list[ConfProblem]:
    return [
        ConfProblem(name, f"{name}: {why}", is_lock=True)
        for name, why in reasons.items()
        if facts.has(name) and (name != "x509-username-field" or facts.name_fields != _PLAIN_NAME)
    ]


def _certificate_problems(facts: ConfFacts) -> list[ConfProblem]:
    problems = []
    if not facts.needs_certificate and not facts.has("client-cert-not-required"):
        problems.append(
            ConfProblem(
                "verify-client-cert",
                "verify-client-cert: clients without a certificate would be let in",
                is_lock=True,
            )
        )
    if facts.last("remote-cert-tls") != ("client",):
        problems.append(
            ConfProblem("remote-cert-tls", "remote-cert-tls: it must be: remote-cert-tls client")
        )
    if facts.has("peer-fingerprint") and not facts.has("ca"):
        problems.append(
            ConfProblem(
                "peer-fingerprint",
                "peer-fingerprint: whoever it names is let in, whatever the CRL says",
                is_lock=True,
            )
        )
    if facts.has("duplicate-cn"):
        problems.append(
            ConfProblem("duplicate-cn", "duplicate-cn: it must go; one profile would serve many")
        )
    return problems
