"""What a server's machine has to do for its clients beside OpenVPN: forward, and masquerade.

Both are files of the server's folder, which are root's, and which the server's unit loads at its
start: so they are there after each boot, and gone when the server is stopped. Each server has a
table of its own, which holds nothing else. Whatever else is to be filtered for its clients belongs
there, too: `systemctl reload` of the unit loads it anew, at once and without cutting a session.
"""

from vpn.layout import FORWARDING, NETWORK_RULES
from vpn.values import ServerSpec

FAMILY = "ip"
# Whoever loads rules at the boot may begin with `flush ruleset`: these come later.
_LOADED_BEFORE = "nftables.service ufw.service firewalld.service"


def table_name(name: str) -> str:
    """The nftables table of the server with this name."""
    return f"vpnbot-{name}"


def render_rules(spec: ServerSpec) -> str:
    """What `nft --file` reads: all of the table is replaced in one step, see nft(8)."""
    table = f"table {FAMILY} {table_name(spec.name)}"
    return f"""\
# OpenVPN server '{spec.name}', written by `vpnbot server deploy {spec.name}`, which writes it again
# and loses changes made here. The server's unit loads it.
add {table}
delete {table}
{table} {{
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {spec.network} ip daddr != {spec.network} masquerade
    }}
}}
"""


def render_forwarding(spec: ServerSpec) -> str:
    """What `sysctl --load` reads. At the stop it stays: others may need it by then."""
    return (
        f"# OpenVPN server '{spec.name}': its clients go on from here.\nnet.ipv4.ip_forward = 1\n"
    )


def unit_lines(name: str) -> tuple[str, str]:
    """Of a unit that starts in the server's folder: those of [Unit], and those of [Service]."""
    load = f"/usr/sbin/nft --file {NETWORK_RULES}"
    return (
        f"After={_LOADED_BEFORE}",
        "\n".join(
            (
                f"ExecStartPre=/usr/sbin/sysctl --quiet --load={FORWARDING}",
                f"ExecStartPre={load}",
                f"ExecReload=/usr/sbin/sysctl --quiet --load={FORWARDING}",
                f"ExecReload={load}",
                f"ExecStopPost=-/usr/sbin/nft delete table {FAMILY} {table_name(name)}",
            )
        ),
    )
