"""What root has on a server's machine to fill the sets of its firewall, see `address_sets`.

The bot writes lines, which are data: root's script believes none of them. It fills no set but those
that are declared in the server's table, with no address but of the server's networks.
"""

from ipaddress import IPv6Network

from vpn.configuration.address_sets import END, FAMILY
from vpn.configuration.forwarding import table_name
from vpn.layout import MEMBERS, SETS_SCRIPT
from vpn.values import ServerSpec

# 64 KiB each: with two sets for a person, and all digits of IPv6, a line has up to 90 bytes.
_BLOCKS = 64
_MOST_LINES = 100_000
_BITS = 16


def firewall_unit(name: str) -> str:
    """The systemd unit that fills the sets of the server with this name."""
    return f"vpnbot-firewall-{name}.service"


def firewall_path(name: str) -> str:
    """The systemd unit that starts it when the bot has written."""
    return f"vpnbot-firewall-{name}.path"


def render_sets_script(spec: ServerSpec) -> str:
    """A script of sh and awk for root; it knows its folder by its own place.

    (1) dd follows no link, waits for no pipe, and reads a bounded number of bytes. (2) What awk
    prints is made of numbers and of names that nft has listed, never of the text that was read.
    (3) nft takes all of it in one step, or nothing.

    All sets are filled anew each time: no packet sees them half-filled, and what has changed could
    be known only by having nft list what they hold, which takes it as long as to fill them.
    """
    first, last = int(spec.network[2]), int(spec.network[-2])
    return f"""\
#!/bin/sh
# OpenVPN server '{spec.name}', written by `vpnbot server deploy {spec.name}`: fills the sets of its
# firewall with who has access now. It needs root, and believes nothing of what it reads: lines of
# SET and ADDRESS, which the bot writes. Sets that the table does not have, and addresses that are
# not of the server's networks, are left out; a file that is not whole changes nothing.
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd "$(dirname "$0")"
table='{FAMILY} {table_name(spec.name)}'
sets=$(nft --terse list table $table 2>/dev/null) || {{
    echo "There is no table $table: the server's unit loads it." >&2; exit 0
}}
rules=$({{
    printf '%s\\n{END}\\n' "$sets"
    dd if={MEMBERS} iflag=nofollow,nonblock,fullblock bs=64K count={_BLOCKS} 2>/dev/null || true
}} | awk -v table="$table" '
    function refuse(why) {{
        print "{MEMBERS} " why "; the sets stay as they are." >"/dev/stderr"
        refused = 1
        exit 1
    }}
    # Numbers only, and so written again: an address within the network, or nothing.
    function four(text,    part, i, value) {{
        if (split(text, part, ".") != 4) return ""
        value = 0
        for (i = 1; i <= 4; i++) {{
            if (part[i] !~ /^(0|[1-9][0-9]*)$/ || length(part[i]) > 3 || part[i] > 255) return ""
            value = value * 256 + part[i]
        }}
        if (value < {first} || value > {last}) return ""
        return part[1] + 0 "." part[2] + 0 "." part[3] + 0 "." part[4] + 0
    }}
    function hex(text,    i, value) {{
        value = 0
        for (i = 1; i <= 4; i++)
            value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
        return value
    }}
    function six(text,    part, i) {{
        if (split(text, part, ":") != 8) return ""
        for (i = 1; i <= 8; i++) if (length(part[i]) != 4 || part[i] ~ /[^0-9a-f]/) return ""
{_within(spec.network6)}    }}
    !listed && $0 == "{END}" {{ listed = 1; next }}
    !listed {{
        if ($1 == "set" && $3 == "{{" && $2 ~ /^(group|user)6?-[a-z0-9_-]+$/) set = $2
        else if ($1 == "type" && set != "") kind[set] = $2
        else if ($1 == "}}") set = ""
        next
    }}
    ended || /[^a-z0-9_.: -]/ || ++count > {_MOST_LINES} {{
        refuse("has what does not belong there")
    }}
    $0 == "{END}" {{ ended = 1; next }}
    {{
        address = ""
        if (NF == 2 && $1 in kind) {{
            if (kind[$1] == "ipv4_addr") address = four($2)
            if (kind[$1] == "ipv6_addr") address = six($2)
        }}
        if (address == "") {{ left_out++; next }}
        if (!(($1, address) in known)) {{
            known[$1, address] = 1
            elements[$1] = elements[$1] (elements[$1] == "" ? "" : ", ") address
        }}
    }}
    END {{
        if (refused) exit 1
        if (!ended) refuse("is no ordinary file, or not whole")
        for (set in kind) {{
            print "flush set " table " " set
            if (elements[set] != "") print "add element " table " " set " {{ " elements[set] " }}"
        }}
        if (left_out)
            print left_out " lines left out: no set, or no address, of this server." >"/dev/stderr"
    }}
')
printf '%s\\n' "$rules" | nft --file -
"""


def _within(network: IPv6Network | None) -> str:
    """Lines of awk that give the address where it lies in the network, and is no server's own."""
    if network is None:
        return '        return ""\n'
    words = [int(word, _BITS) for word in network.network_address.exploded.split(":")]
    whole, rest = divmod(network.prefixlen, _BITS)
    tests = [f"hex(part[{i + 1}]) != {words[i]}" for i in range(whole)]
    if rest:
        step = 1 << (_BITS - rest)
        tests.append(f"int(hex(part[{whole + 1}]) / {step}) != {words[whole] // step}")
    tests += [f'text == "{own.exploded}"' for own in (network[0], network[1])]
    lines = "".join(f'        if ({test}) return ""\n' for test in tests)
    return f"{lines}        return text\n"


def render_firewall_unit(spec: ServerSpec, *, confinement: str) -> str:
    """The unit that runs the script.

    Args:
        confinement: the lines of [Service] that it shares with the server's own unit.
    """
    return f"""\
# OpenVPN server '{spec.name}', written by `vpnbot server deploy {spec.name}`.
[Unit]
Description=Sets of the firewall of OpenVPN server {spec.name} (vpnbot)
# Many are let in at once, and the last one counts.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/sh {spec.directory / SETS_SCRIPT}
TimeoutStartSec=60s
CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_OVERRIDE
{confinement}"""


def render_firewall_path(spec: ServerSpec) -> str:
    """The unit that waits for the bot to write."""
    return f"""\
# OpenVPN server '{spec.name}', written by `vpnbot server deploy {spec.name}`.
[Unit]
Description=Who has access on OpenVPN server {spec.name} (vpnbot)

[Path]
PathChanged={spec.directory / MEMBERS}
Unit={firewall_unit(spec.name)}

[Install]
WantedBy=multi-user.target
"""
