"""`vpnbot server list`."""

from bot.cli.shared import AsJson, show, with_core
from bot.core import Core
from bot.fleet.remote import remote_of


def list_(as_json: AsJson = False) -> None:
    """The servers."""

    async def work(core: Core) -> None:
        async with core.database.reading() as tx:
            servers = await tx.servers.all()
        rows = [
            {
                "name": server.name,
                "remote": str(remote_of(server)),
                "directory": server.directory,
                "network": server.network,
                "network6": server.network6,
                "ssh": None if server.ssh is None else server.ssh["address"],
            }
            for server in servers
        ]
        elsewhere = ("ssh",) if any(row["ssh"] for row in rows) else ()
        show(rows, ("name", "remote", "directory", "network", *elsewhere), as_json=as_json)

    with_core(work)
