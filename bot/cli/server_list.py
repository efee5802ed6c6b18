"""`vpnbot server list`."""

from bot.cli.printing import show
from bot.cli.shared import AsJson, with_core
from bot.core import Core
from bot.fleet.remote import remote_of

NONE = (
    "There is no server yet; to add one: vpnbot server add NAME --remote HOST:PORT/PROTO "
    "--directory DIR"
)


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
        columns = ("name", "remote", "directory", "network", *elsewhere)
        show(rows, columns, as_json=as_json, none=NONE)

    with_core(work)
