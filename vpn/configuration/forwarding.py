"""What a server's machine has to do for its clients beside OpenVPN: forward, and masquerade.

Both are files of the server's folder, which are root's, and which the server's unit loads at its
start: so they are there after each boot, and gone when the server is stopped. Each server has a
table of its own, with the sets of who has which address (`address_sets`). Whatever else is to be
filtered for its clients belongs there, too, in files of root's that the rules include: `systemctl
reload` of the unit loads all of it anew, at once and without cutting a session.
"""

from collections.abc import Sequence

from vpn.configuration.address_sets import FAMILY, AddressSet, declared
from vpn.layout import FORWARDING, NETWORK_RULES, OWN_RULES, SETS_SCRIPT
from vpn.values import ServerSpec

# What earlier versions made, under the same name.
_FAMILY_BEFORE = "ip"
# Whoever loads rules at the boot may begin with `flush ruleset`: these come later.
_LOADED_BEFORE = "nftables.service ufw.service firewalld.service"


def table_name(name: str) -> str:
    """The nftables table of the server with this name."""
    return f"vpnbot-{name}"


def render_rules(spec: ServerSpec, sets: Sequence[AddressSet] = ()) -> str:
    """What `nft --file` reads: all of the table is replaced in one step, see nft(8)."""
    name = table_name(spec.name)
    table, before = f"table {FAMILY} {name}", f"table {_FAMILY_BEFORE} {name}"
    networks = [("ip", spec.network), *([("ip6", spec.network6)] if spec.network6 else [])]
    masquerade = "".join(
        f"        {family} saddr {network} {family} daddr != {network} masquerade\n"
        for family, network in networks
    )
    return f"""\
# OpenVPN server '{spec.name}', written by `vpnbot server deploy {spec.name}`, which writes it again
# and loses changes made here; rules of your own belong into {OWN_RULES}/NAME.nft beside it.
# The server's unit loads it.
add {before}
delete {before}
add {table}
delete {table}
{table} {{
{declared(sets)}    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
{masquerade}    }}
}}
include "{spec.directory / OWN_RULES}/*.nft"
"""


def render_forwarding(spec: ServerSpec) -> str:
    """What `sysctl --load` reads. At the stop it stays: others may need it by then."""
    six = "net.ipv6.conf.all.forwarding = 1\n" if spec.network6 else ""
    return (
        f"# OpenVPN server '{spec.name}': its clients go on from here.\n"
        f"net.ipv4.ip_forward = 1\n{six}"
    )


def unit_lines(name: str) -> tuple[str, str]:
    """Of a unit that starts in the server's folder: those of [Unit], and those of [Service]."""
    load = f"/usr/sbin/nft --file {NETWORK_RULES}"
    # Who has access counts once they are on; without it the sets are empty.
    fill = f"-/bin/sh {SETS_SCRIPT}"
    return (
        f"After={_LOADED_BEFORE}",
        "\n".join(
            (
                f"ExecStartPre=/usr/sbin/sysctl --quiet --load={FORWARDING}",
                f"ExecStartPre={load}",
                f"ExecStartPre={fill}",
                f"ExecReload=/usr/sbin/sysctl --quiet --load={FORWARDING}",
                f"ExecReload={load}",
                f"ExecReload={fill}",
                f"ExecStopPost=-/usr/sbin/nft delete table {FAMILY} {table_name(name)}",
            )
        ),
    )
