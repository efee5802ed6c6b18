"""Adjusts a database that came out of a backup to the time that has gone by."""

from bot.access import invitations, messages, pausing, requests
from bot.access.case import Case
from bot.access.messages import Notice
from storage.records import GrantState, OutboxKind

_SET_ASIDE = "left over from before the restore"


async def begin_again(case: Case, *, made_at: str) -> None:
    """Closes or doubts whatever was under way when the backup was made.

    (1) No server was looked through yet: it may know more than this database. (2) A profile that
    was on its way may have arrived since; nobody knows. So it counts as issued, whether or not it
    was, and its delivery as begun: what was lost is revoked and replaced, and never made again
    with the same serial. (3) What people had written and nobody had handled was handled since, by
    a database that is gone; they have moved on. (4) So were requests that were open, and nobody
    knows how: they are closed, on every card, and whoever still needs access asks again.

    Args:
        made_at: when the backup was made, in RFC 3339.
    """
    await case.tx.servers.mark_restored(case.now)  # (1)
    # What lies there may say what groups said after the backup.
    for server in await case.tx.servers.all():
        live = await case.tx.grants.live_on(server.name)
        await case.tx.addresses.files_due(server.name, [one.id for one in live], case.now)
    await case.tx.crl.give_up_spares(case.now)
    for grant in await case.tx.grants.not_over():
        if await case.tx.grants.move(grant.id, GrantState.RESERVED, GrantState.ISSUED):  # (2)
            await case.record("grant.doubt", grant)
    await case.tx.outbox.doubt(OutboxKind.DELIVER)
    await case.tx.inbox.quarantine_new(_SET_ASIDE)  # (3)
    await case.record("backup.restore", "backup", made_at=made_at)
    # Who used one since is not known here, and a second one could.
    await invitations.withdraw_all(case)
    await pausing.keep_all(case)  # (5)
    undecided = await case.tx.requests.open()
    for request in undecided:  # (4)
        await requests.withdraw(case, request, tell=False)
    for requester in {request.user_id: None for request in undecided}:
        await messages.notice(case, requester, Notice.REQUEST_OUTDATED)
    if undecided:
        await messages.tell_admins(case, Notice.RESTORED, made_at=made_at, count=len(undecided))
