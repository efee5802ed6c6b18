"""Sessions of people who may be there: what an admin does to one."""

from datetime import UTC, datetime

from bot.access import messages, revocation
from bot.access.case import Case
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.records import Grant, GrantId, OutboxKind, ServerName


async def cut(case: Case, grant_id: GrantId, server: ServerName, since: int) -> Grant:
    """An admin ends a session of this grant; what became of it is told them.

    Args:
        since: when it began, in seconds since 1970 by the server's clock: one that has begun
            later is not meant.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_GRANT, UNKNOWN_SERVER.
    """
    require(case.actor, Act.REVOKE)
    grant = await revocation.known_grant(case.tx, grant_id)
    if case.actor.user_id is None or await case.tx.servers.get(server) is None:
        raise Refused(Refusal.UNKNOWN_SERVER, server=server)
    began = datetime.fromtimestamp(since, UTC).isoformat()
    await case.record("session.cut", grant, server=server, since=began)
    await case.tx.outbox.add(
        messages.private_chat(case.actor.user_id),
        OutboxKind.CUT_SESSION,
        {"grant": grant.id, "server": server, "since": began},
        now=case.now,
    )
    return grant
