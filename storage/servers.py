"""The OpenVPN servers, and the sets of them that share a profile."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from storage import tables
from storage.chat_tables import silent_servers as _silent
from storage.records import Payload, Server, ServerName
from storage.repository import Repository, values_of
from storage.set_records import ServerSet

_servers = tables.servers
_sets = tables.server_sets
_NAMED = select(_servers).where(_servers.c.name == bindparam("name"))
_SET_NAMED = select(_sets).where(_sets.c.name == bindparam("of"))
_IN_ORDER = select(_servers).order_by(_servers.c.added_at, _servers.c.name)


class Servers(Repository):
    async def get(self, name: ServerName) -> Server | None:
        rows = await self._connection.execute(_NAMED, {"name": name})
        row = rows.first()
        return None if row is None else _server(row)

    async def all(self) -> Sequence[Server]:
        rows = await self._connection.execute(_IN_ORDER)
        return [_server(row) for row in rows]

    async def add(self, server: Server) -> None:
        values = asdict(server) | {"routes": list(server.routes), "dns": list(server.dns)}
        await self._connection.execute(insert(_servers).values(**values))

    async def set_adopted(self, server: Server) -> None:
        """Stores what was read anew of an adopted server: its facts, its remote, its CRL."""
        await self._connection.execute(
            update(_servers)
            .where(_servers.c.name == server.name)
            .values(
                remote_host=server.remote_host,
                remote_port=server.remote_port,
                protocol=server.protocol,
                listen_port=server.listen_port,
                network=server.network,
                account=server.account,
                adopted=server.adopted,
                ssh=server.ssh,
                crl_published_at=server.crl_published_at,
                crl_number=server.crl_number,
                crl_digest=server.crl_digest,
            )
        )

    async def set_ssh(self, name: ServerName, ssh: Payload, account: str) -> None:
        """Notes how its machine is reached from now on, and the account that may use it there."""
        await self._connection.execute(
            update(_servers).where(_servers.c.name == name).values(ssh=ssh, account=account)
        )

    async def remove(self, name: ServerName) -> None:
        await self.heard(name)
        await self._connection.execute(delete(_servers).where(_servers.c.name == name))

    async def silent(self) -> Mapping[ServerName, datetime]:
        """Where no OpenVPN answers, and since when that is known."""
        rows = await self._connection.execute(select(_silent))
        return {ServerName(row.server): row.since for row in rows}

    async def set_silent(self, name: ServerName, since: datetime) -> None:
        """Notes that no OpenVPN answers there."""
        await self.heard(name)
        await self._connection.execute(insert(_silent).values(server=name, since=since))

    async def heard(self, name: ServerName) -> bool:
        """Notes that it answers; whether it was known not to."""
        done = await self._connection.execute(delete(_silent).where(_silent.c.server == name))
        return done.rowcount == 1

    async def set_crl_published(
        self, name: ServerName, at: datetime, number: int, digest: str
    ) -> None:
        await self._connection.execute(
            update(_servers)
            .where(_servers.c.name == name)
            .values(crl_published_at=at, crl_number=number, crl_digest=digest)
        )

    async def set_open(self, name: ServerName, since: datetime | None) -> bool:
        """Notes since when a server lets in profiles for others; False where that was known before.

        The moment at which it was first seen stays as it is.
        """
        is_open = _servers.c.open_since.is_not(None)
        done = await self._connection.execute(
            update(_servers)
            .where(_servers.c.name == name, is_open if since is None else ~is_open)
            .values(open_since=since)
        )
        return done.rowcount == 1

    async def set_cuts_unknown(self, name: ServerName, *, cuts: bool) -> None:
        """Sets whether sessions of unknown names are cut there."""
        await self._connection.execute(
            update(_servers).where(_servers.c.name == name).values(cuts_unknown=cuts)
        )

    async def mark_restored(self, at: datetime) -> None:
        """Notes that what lies on the servers may be newer than this database."""
        await self._connection.execute(update(_servers).values(restored_at=at))

    async def clear_restored(self, name: ServerName) -> None:
        await self._connection.execute(
            update(_servers).where(_servers.c.name == name).values(restored_at=None)
        )

    async def set_named(self, name: ServerName) -> ServerSet | None:
        rows = await self._connection.execute(_SET_NAMED, {"of": name})
        row = rows.first()
        return None if row is None else _set(row)

    async def sets(self) -> Sequence[ServerSet]:
        rows = await self._connection.execute(
            select(_sets).order_by(_sets.c.added_at, _sets.c.name)
        )
        return [_set(row) for row in rows]

    async def put_set(self, one: ServerSet) -> None:
        """Stores a set, in the place of one of its name."""
        await self.remove_set(one.name)
        values = asdict(one) | {"servers": list(one.servers)}
        await self._connection.execute(insert(_sets).values(**values))

    async def remove_set(self, name: ServerName) -> None:
        await self._connection.execute(delete(_sets).where(_sets.c.name == name))


def _set(row: Row[Any]) -> ServerSet:
    values = values_of(row)
    return ServerSet(**values | {"servers": tuple(values["servers"])})


def _server(row: Row[Any]) -> Server:
    values = values_of(row)
    values["routes"] = tuple(values["routes"])
    values["dns"] = tuple(values["dns"])
    return Server(**values)
