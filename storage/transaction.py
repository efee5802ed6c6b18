"""One transaction, with a repository for each thing that is stored."""

from contextlib import AbstractAsyncContextManager

from storage.absences import Absences
from storage.addresses import Addresses
from storage.admins import Admins
from storage.asked_uses import AskedUses
from storage.audit import Audit
from storage.canaries import Canaries
from storage.clock import ClockAnchors
from storage.connection import AsyncConnection
from storage.crl import CrlSource
from storage.ends import EndWarnings
from storage.farewells import Farewells
from storage.grants import Grants
from storage.groups import Groups
from storage.inbox import Inbox
from storage.invitations import Invitations
from storage.keys import Keys
from storage.knocks import Knocks
from storage.leavings import Leavings
from storage.listings import Listings
from storage.outbox import Outbox
from storage.pauses import Pauses
from storage.people import People
from storage.posted import PostedMessages
from storage.proofs import Proofs
from storage.reminders import Reminders
from storage.request_notes import AllRequestNotes
from storage.requests import Requests
from storage.roles import Roles
from storage.rotation import Rotations
from storage.servers import Servers
from storage.strangers import Strangers
from storage.usages import Usages


class Transaction:
    """What is done through one transaction is committed or rolled back together."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.people = People(connection)
        self.admins = Admins(connection)
        self.roles = Roles(connection)
        self.absences = Absences(connection)
        self.groups = Groups(connection)
        self.invitations = Invitations(connection)
        self.knocks = Knocks(connection)
        self.farewells = Farewells(connection)
        self.leavings = Leavings(connection)
        self.servers = Servers(connection)
        self.pauses = Pauses(connection)
        self.requests = Requests(connection)
        self.reminders = Reminders(connection)
        self.request_notes = AllRequestNotes(connection)
        self.grants = Grants(connection)
        self.keys = Keys(connection)
        self.addresses = Addresses(connection)
        self.crl = CrlSource(connection)
        self.proofs = Proofs(connection)
        self.strangers = Strangers(connection)
        self.canaries = Canaries(connection)
        self.usages = Usages(connection)
        self.asked_uses = AskedUses(connection)
        self.end_warnings = EndWarnings(connection)
        self.rotation = Rotations(connection)
        self.clock = ClockAnchors(connection)
        self.posted = PostedMessages(connection)
        self.inbox = Inbox(connection)
        self.outbox = Outbox(connection)
        self.audit = Audit(connection)
        self.listings = Listings(connection)

    def attempt(self) -> AbstractAsyncContextManager[object]:
        """A savepoint: what is done in it is undone when it raises; what came before stays."""
        return self._connection.begin_nested()
