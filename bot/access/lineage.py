"""What one profile has to do with another: given in its place, or so that it may last for longer.

A certificate's end cannot be moved. So more time is a request of its own, with an approval and a
grant of its own, and `Request.extends` says which request's profile it is for. The earlier profile
lives beside the later one until that was seen in use, and not beyond its own end: the only case in
which one access has two profiles. Of each approval there is never more than one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from storage.devices import Device
from storage.records import (
    LIVE_STATES,
    OPEN_STATES,
    Grant,
    GrantId,
    Request,
    RequestId,
    RequestState,
    UserId,
)
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Lineage:
    """What somebody asked for and was given, by one account; oldest first."""

    requests: Sequence[Request]
    grants: Sequence[Grant]

    @classmethod
    async def of(cls, tx: Transaction, user_id: UserId) -> Self:
        return cls(await tx.requests.of_user(user_id), await tx.grants.of_user(user_id))

    def given(self, request_id: RequestId) -> Sequence[Grant]:
        """What lives of what an approval gave, or has moved to another CA (`bot.access.moving`)."""
        return [grant for grant in self._all_given(request_id) if grant.state in LIVE_STATES]

    def last_given(self, request_id: RequestId) -> Grant | None:
        """The profile of an approval: as it lives, or as it was last."""
        given = self._all_given(request_id)
        live = [grant for grant in given if grant.state in LIVE_STATES]
        return next(iter(live or given[::-1]), None)

    def earlier(self, grant: Grant) -> Sequence[Grant]:
        """What lives only until this one was used: what it gives more time to, and those before."""
        found: dict[GrantId, Grant] = {}
        asked = {request.id: request for request in self.requests}
        extends = asked[grant.request_id].extends if grant.request_id in asked else None
        while extends is not None:  # a request is newer than the one that it extends
            found |= {one.id: one for one in self.given(extends)}
            extends = asked[extends].extends
        return [one for one in found.values() if one.id != grant.id]

    def later(self, grant: Grant) -> Grant | None:
        """The newest live profile that gives this one more time."""
        live = [one for request in self._extending(grant) for one in self.given(request.id)]
        return max(live, key=lambda one: one.not_before, default=None)

    def asked_for(self, grant: Grant) -> Request | None:
        """The open request for more time for this profile."""
        waits = [one for one in self._extending(grant) if one.state in OPEN_STATES]
        return waits[-1] if waits else None

    def lasts(self, grant: Grant) -> bool:
        """Whether more time for it was given already, or waits for a decision."""
        return self.later(grant) is not None or self.asked_for(grant) is not None

    def devices(self) -> Mapping[GrantId, Device]:
        """What profiles are for, where that was said."""
        named = {one.id: one.device for one in self.requests if one.device is not None}
        return {one.id: named[one.request_id] for one in self.grants if one.request_id in named}

    def _all_given(self, request_id: RequestId) -> Sequence[Grant]:
        given = {grant.id for grant in self.grants if grant.request_id == request_id}
        while later := {one.id for one in self.grants if one.replaces in given} - given:
            given |= later
        return [grant for grant in self.grants if grant.id in given]

    def _extending(self, grant: Grant) -> Sequence[Request]:
        """The requests for more time for this profile, and for those that came of these."""
        by_id = {one.id: one for one in self.grants}
        of: set[RequestId | None] = set()
        before: Grant | None = grant
        while before is not None:
            of.add(before.request_id)
            before = by_id.get(before.replaces) if before.replaces is not None else None
        found: list[Request] = []
        for request in self.requests:  # oldest first
            is_open = request.state in (*OPEN_STATES, RequestState.APPROVED)
            if request.extends is not None and request.extends in of and is_open:
                of.add(request.id)
                found.append(request)
        return found


async def extended_by(tx: Transaction, request: Request) -> Grant | None:
    """The profile that a request for more time is about: as it lives, or as it was last."""
    if request.extends is None:
        return None
    return (await Lineage.of(tx, request.user_id)).last_given(request.extends)
