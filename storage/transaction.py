"""One transaction, with a repository for each thing that is stored."""

from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import TYPE_CHECKING

from storage.connection import AsyncConnection

if TYPE_CHECKING:
    from storage.absences import Absences
    from storage.addresses import Addresses
    from storage.admins import Admins
    from storage.asked_uses import AskedUses
    from storage.audit import Audit
    from storage.canaries import Canaries
    from storage.clock import ClockAnchors
    from storage.crl import CrlSource
    from storage.end_warnings import EndWarnings
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
    """What is done through one transaction is committed or rolled back together.

    Each repository is in the module of its name here, which is imported when the repository is
    first asked for: a listing needs three of them, and all together take longer to import than
    the rest of it takes.
    """

    people: "People"
    admins: "Admins"
    roles: "Roles"
    absences: "Absences"
    groups: "Groups"
    invitations: "Invitations"
    knocks: "Knocks"
    farewells: "Farewells"
    leavings: "Leavings"
    servers: "Servers"
    pauses: "Pauses"
    requests: "Requests"
    reminders: "Reminders"
    request_notes: "AllRequestNotes"
    grants: "Grants"
    keys: "Keys"
    addresses: "Addresses"
    crl: "CrlSource"
    proofs: "Proofs"
    strangers: "Strangers"
    canaries: "Canaries"
    usages: "Usages"
    asked_uses: "AskedUses"
    end_warnings: "EndWarnings"
    rotation: "Rotations"
    clock: "ClockAnchors"
    posted: "PostedMessages"
    inbox: "Inbox"
    outbox: "Outbox"
    audit: "Audit"
    listings: "Listings"

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    if not TYPE_CHECKING:  # which knows them all, and no others

        def __getattr__(self, name: str) -> object:
            if name not in _REPOSITORIES:
                raise AttributeError(name)
            kind = getattr(import_module(f"storage.{name}"), _REPOSITORIES[name])
            repository = kind(self._connection)
            setattr(self, name, repository)
            return repository

    def attempt(self) -> AbstractAsyncContextManager[object]:
        """A savepoint: what is done in it is undone when it raises; what came before stays."""
        return self._connection.attempt()


_REPOSITORIES = Transaction.__annotations__


def import_repositories() -> None:
    """All of them, with all tables: for what runs on, so that no update gets into it by halves."""
    for name in _REPOSITORIES:
        import_module(f"storage.{name}")
