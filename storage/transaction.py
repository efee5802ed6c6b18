"""One transaction, with a repository for each thing that is stored."""

from contextlib import AbstractAsyncContextManager
from functools import cached_property

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.admins import Admins
from storage.audit import Audit
from storage.clock import ClockAnchors
from storage.crl import CrlSource
from storage.ends import EndWarnings
from storage.grants import Grants
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.people import People
from storage.posted import PostedMessages
from storage.proofs import Proofs
from storage.requests import Requests
from storage.servers import Servers
from storage.strangers import Strangers


class Transaction:
    """What is done through one transaction is committed or rolled back together."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def attempt(self) -> AbstractAsyncContextManager[object]:
        """A part that is undone by itself when it raises; what came before it stays."""
        return self._connection.begin_nested()

    @cached_property
    def people(self) -> People:
        return People(self._connection)

    @cached_property
    def admins(self) -> Admins:
        return Admins(self._connection)

    @cached_property
    def servers(self) -> Servers:
        return Servers(self._connection)

    @cached_property
    def requests(self) -> Requests:
        return Requests(self._connection)

    @cached_property
    def grants(self) -> Grants:
        return Grants(self._connection)

    @cached_property
    def crl(self) -> CrlSource:
        return CrlSource(self._connection)

    @cached_property
    def proofs(self) -> Proofs:
        return Proofs(self._connection)

    @cached_property
    def strangers(self) -> Strangers:
        return Strangers(self._connection)

    @cached_property
    def end_warnings(self) -> EndWarnings:
        return EndWarnings(self._connection)

    @cached_property
    def clock(self) -> ClockAnchors:
        return ClockAnchors(self._connection)

    @cached_property
    def posted(self) -> PostedMessages:
        return PostedMessages(self._connection)

    @cached_property
    def inbox(self) -> Inbox:
        return Inbox(self._connection)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self._connection)

    @cached_property
    def audit(self) -> Audit:
        return Audit(self._connection)
