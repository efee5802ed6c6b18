"""The clients' own files in the client-config-dir: written, read, and set aside.

With `ccd-exclusive` nobody gets in without one. A certificate that the bot does not know cannot be
put on the CRL: so its file goes, and its sessions after that (`LiveServer.cut_strangers`). Where
OpenVPN's names are no certificates' (`Layout.named_by`), nothing is told by a file's name.
"""

from collections.abc import Collection
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from vpn.configuration.directives import Directive, parse_directives, quoted
from vpn.configuration.server import pushed_lines, render_ccd
from vpn.errors import HostError
from vpn.findings import Finding, FindingCode
from vpn.host.interface import ServerHost
from vpn.host.permissions import real_path
from vpn.layout import Layout, parent_of
from vpn.names import DEFAULT_FILE, may_be_a_clients, out_of_use
from vpn.values import AS_ALL, Pushed

# Beside an address of its own a client gets what all others get, unless that shuts it out.
_NOT_FROM_DEFAULT = ("ifconfig-push", "disable")
COMMENT = "# Let in by vpnbot.\n"
# Beside the client-config-dir.
SET_ASIDE = "set-aside"


async def client_file(
    host: ServerHost,
    layout: Layout,
    address: IPv4Address | None,
    network: IPv4Network | None,
    pushed: Pushed = AS_ALL,
) -> bytes | None:
    """A client's own file; None where the server needs none for this client.

    A file of its own takes a client away from the operator's DEFAULT file, so what that says
    for all goes into it, too, but for what is pushed to this client in its place.

    Raises:
        HostError: the DEFAULT file cannot be read.
        ValueError: the address is not one of the network's.
    """
    if layout.ccd is None:
        return None
    own = COMMENT
    if address is not None and network is not None:
        own = render_ccd(address, network)
    last = "".join(f"{line}\n" for line in pushed_lines(pushed))
    if not layout.adopted:
        return f"{own}{last}".encode()
    default = await default_lines(host, layout)
    shut = any(line.name == "disable" for line in default)
    if address is None and not layout.exclusive and not shut and not last:
        return None
    kept = [
        " ".join((line.name, *map(quoted, line.arguments))) + "\n"
        for line in default
        if line.name not in _NOT_FROM_DEFAULT
    ]
    return "".join([own, *kept, last]).encode("utf-8", "surrogateescape")


async def default_lines(host: ServerHost, layout: Layout) -> tuple[Directive, ...]:
    """What the operator's DEFAULT file says; nothing where there is none."""
    content = await host.read(f"{layout.ccd}/{DEFAULT_FILE}")
    return tuple(parse_directives((content or b"").decode("utf-8", "surrogateescape")))


async def fixed_addresses(host: ServerHost, layout: Layout) -> dict[str, frozenset[IPv4Address]]:
    """The addresses that the clients' files give away (`ifconfig-push`), by the file's name.

    A file that cannot be read is left out: the operator may keep it from the bot's account.

    Raises:
        HostError: the folder cannot be looked into.
    """
    if layout.ccd is None:
        return {}
    addresses = {}
    for name in await host.listdir(layout.ccd) or ():
        if not may_be_a_clients(name):
            continue  # of a write in progress, or set aside
        try:
            content = await read_client_file(host, f"{layout.ccd}/{name}")
        except HostError:
            continue
        if content is None:
            continue
        given = set()
        for directive in parse_directives(content.decode("utf-8", "surrogateescape")):
            # With topology net30 the second one is the server's end of the client's own network.
            for word in directive.arguments if directive.name == "ifconfig-push" else ():
                with suppress(AddressValueError):  # a name, or an alias
                    given.add(IPv4Address(word))
        addresses[name] = frozenset(given)
    return addresses


async def read_client_file(host: ServerHost, path: str) -> bytes | None:
    """One file as OpenVPN sees it, through a symlink of the operator's; None for a folder.

    Raises:
        HostError: it cannot be read.
    """
    real = await real_path(host, path)
    facts = await host.machine.stat(real)
    return None if facts is None or facts.is_folder else await host.machine.read(real)


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
    aside = f"{parent_of(str(layout.ccd))}/{SET_ASIDE}"
    try:
        if await host.stat(aside) is None:
            await host.make_folder(aside, mode=0o700)
        await host.rename(path, f"{aside}/{name}")
    except HostError:
        await host.rename(path, f"{layout.ccd}/{out_of_use(name)}")
