"""Looks at a server of an operator's own, as it is."""

import shlex
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath

from pki.key_ids import Issuers
from vpn.adopt.advice import Advice, advise
from vpn.adopt.amend import AccountRights, OwnPlaces, own_places
from vpn.configuration.adopted import Adoption, inspect, with_files
from vpn.configuration.command_line import overruling, running
from vpn.configuration.places import read_facts, resolved, wanted_files
from vpn.errors import HostError, NotAdoptable
from vpn.host.interface import BY_OTHERS, ROOT, ServerHost
from vpn.host.permissions import may_pass, may_read, may_write, real_path, shut_out
from vpn.layout import Layout, UnixSocket, parent_of


@dataclass(frozen=True, slots=True)
class Examined:
    """A server as it is, with the symlinks on the way to its files followed."""

    adoption: Adoption
    rights: AccountRights
    advice: tuple[Advice, ...]

    @property
    def layout(self) -> Layout:
        return self.adoption.server.layout

    @property
    def writable_folders(self) -> tuple[str, ...]:
        """Those that the bot writes to, as far as its account may: of the CRL and the clients."""
        crl, ccd = self.layout.crl, self.layout.ccd
        folders = {parent_of(crl)} if crl and self.rights.crl_writable else set()
        if ccd and self.rights.ccd_writable:
            folders.add(ccd)
        return tuple(sorted(folders))


async def examine(
    host: ServerHost,
    conf_path: PurePosixPath,
    *,
    account: str,
    issuers: Issuers = (),
    start_folder: PurePosixPath | None = None,
    now: datetime | None = None,
) -> Examined:
    """Reads a server's configuration and the files that it names; changes nothing.

    Args:
        host: its paths begin at /.
        conf_path: absolute.
        account: the one that the bot runs as.
        issuers: the bot's CA, or both, to see whether the server trusts it.
        start_folder: where OpenVPN is started; the configuration's own folder as a rule.

    Raises:
        HostError: the configuration cannot be read.
        NotAdoptable: there is none, or it is no server's.
    """
    folder = start_folder or conf_path.parent
    found = await host.stat(_relative(conf_path))
    if found is not None and found.is_folder:
        raise NotAdoptable(f"{conf_path} is a folder; name the server's configuration in it.")
    facts = await read_facts(host, _relative(conf_path), _relative(folder))
    if facts is None:
        raise NotAdoptable(f"There is no {conf_path}; name the server's configuration.")
    await _require_whole(host, conf_path)
    wanted: list[PurePosixPath] = []
    inspect(facts, conf_path, wanted.append, start_folder=start_folder)
    files = {path: await _content(host, path) for path in wanted}
    adoption = inspect(facts, conf_path, files.get, start_folder=start_folder)
    layout = with_bot_folders(await resolved(host, adoption.server.layout))
    rights = await _rights(host, layout, account)
    server = replace(adoption.server, layout=layout)
    adoption = replace(adoption, server=with_files(server, facts, writable=rights.ccd_writable))
    wanted_here = wanted_files(facts, _relative(folder))
    absent = [(name, path) for name, path in wanted_here if await _is_absent(host, path)]
    advice = advise(adoption, rights, account, issuers, now=now, absent=absent)
    return Examined(adoption, rights, advice)


async def _require_whole(host: ServerHost, conf_path: PurePosixPath) -> None:
    """Refuses a configuration beside which OpenVPN runs with something that it doesn't say.

    Raises:
        NotAdoptable
        HostError: nobody can tell.
    """
    for each in await running(host):
        names = overruling(each.words)
        if names and await each.runs(host, str(conf_path)):
            raise NotAdoptable(
                f"OpenVPN (process {each.pid}) runs with {' '.join(names)} on its command line,"
                f" which counts more than {conf_path}: write it into that file, without the"
                " dashes, take it out of the unit or script that starts OpenVPN, restart that, and"
                " run this again."
            )


async def _is_absent(host: ServerHost, path: str) -> bool:
    """Whether nothing is there; where that cannot be seen, it may be."""
    try:
        end = None
        for step in await host.resolve(path):
            end = step
    except HostError:
        return False
    return end is None or end.facts is None


async def _content(host: ServerHost, path: PurePosixPath) -> bytes | None:
    try:
        return await host.read(await real_path(host, _relative(path)))
    except HostError:
        return None  # what follows from that is said by the advice


def _relative(path: PurePosixPath) -> str:
    return str(path).lstrip("/")


def with_bot_folders(layout: Layout) -> Layout:
    """What lies in the folder that `apply` makes is the bot's, whoever writes it."""
    for places in own_places(layout.conf):
        folders = tuple(_relative(path) for path in (places.live, places.ccd))
        if layout.ccd == folders[1] or layout.crl == _relative(places.crl):
            return replace(layout, bot_folders=folders)
    return layout


async def _rights(host: ServerHost, layout: Layout, account: str) -> AccountRights:
    async def writable(folder: str | None) -> bool:
        return folder is not None and await may_write(host, folder, account)

    place = layout.management
    password = place.password_file if place else None
    passable = True
    if isinstance(place, UnixSocket):
        folder = parent_of(place.path)
        # A folder that is made when the machine starts may not be there yet.
        passable = await host.stat(folder) is None or await may_pass(host, folder, account)
    return AccountRights(
        places=await _places(host, layout, account),
        crl_writable=layout.crl is not None and await writable(parent_of(layout.crl)),
        ccd_writable=await writable(layout.ccd),
        folder_writable=account != "root" and await writable(parent_of(layout.conf)),
        management_passable=passable,
        open_conf=await _openers(host, layout.conf, account),
        open_password=await _openers(host, password, account) if password else (),
        shut_out=await shut_out(host, parent_of(layout.conf), layout.reader),
    )


async def _places(host: ServerHost, layout: Layout, account: str) -> OwnPlaces:
    """The first that OpenVPN's account and the bot's can pass, in a folder of root's alone."""
    candidates = own_places(layout.conf)
    for places in candidates[:-1]:
        folder = _relative(places.live.parent)
        facts = await host.stat(folder)
        is_beside = places is candidates[0]  # whoever may write there is named as a danger
        is_roots = facts is not None and facts.uid == ROOT and not facts.mode & BY_OTHERS
        if (
            (is_beside or is_roots)
            and await shut_out(host, folder, layout.reader) is None
            and await may_pass(host, folder, account)
        ):
            return places
    return candidates[-1]


async def _openers(host: ServerHost, path: str, account: str) -> tuple[str, ...]:
    """The shell lines that let the account read a file, and nobody else; none where it can.

    Where root's group has a folder or file it is given to the account's; any other group keeps
    it, and the account gets a line in its access list.
    """
    if await may_read(host, path, account):
        return ()
    commands: list[str] = []
    folders = [str(folder) for folder in PurePosixPath(path).parents][-2::-1]
    for step, right in (*((folder, "x") for folder in folders), (path, "r")):
        facts = await host.stat(step)
        if facts is None or (right == "x" and await may_pass(host, step, account)):
            continue
        shown = shlex.quote(f"/{step}")
        if facts.gid == ROOT:
            commands += [f"chgrp {shlex.quote(account)} {shown}", f"chmod g+{right} {shown}"]
        else:
            commands.append(f"setfacl -m {shlex.quote(f'u:{account}:{right}')} {shown}")
    return tuple(commands)


async def dated_name(host: ServerHost, path: str, now: datetime) -> str:
    """A name beside the file that says when it was put away, and that nothing has yet."""
    name = wanted = f"{path}.{now:%Y-%m-%dT%H%M%SZ}"
    number = 1
    while await host.stat(name) is not None:
        number += 1
        name = f"{wanted}-{number}"
    return name
