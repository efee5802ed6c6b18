"""A session that an admin ends."""

from datetime import UTC, datetime

from bot.access import sessions
from bot.access.refusals import Refusal
from storage.records import GrantId, OutboxKind
from tests.bot.access.kit import ANNA, BERLIN, BORIS, OPERATOR, PARIS, Paper, to

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SINCE = int(BEGAN.timestamp())


async def test_an_admin_ends_one_and_hears_what_became_of_it(paper: Paper) -> None:
    grant = await paper.active()
    await paper.forget()
    done = await paper.by(await paper.actor(BORIS), sessions.cut, grant.id, BERLIN, SINCE)
    assert done == grant
    payload = {"grant": grant.id, "server": BERLIN, "since": BEGAN.isoformat()}
    assert await paper.heard() == [to(BORIS, OutboxKind.CUT_SESSION, payload)]
    (row,) = await paper.noted()
    assert (row.actor, row.action, row.subject) == (
        "telegram:2001",
        "session.cut",
        f"grant:{grant.id}",
    )
    assert (row.detail["server"], row.detail["since"]) == (BERLIN, BEGAN.isoformat())


async def test_nobody_else_does_and_nothing_else_is_cut(paper: Paper) -> None:
    grant = await paper.active()
    anna, boris = await paper.actor(ANNA), await paper.actor(BORIS)
    await paper.refuses(anna, Refusal.ADMINS_ONLY, sessions.cut, grant.id, BERLIN, SINCE)
    told = await paper.refuses(boris, Refusal.UNKNOWN_SERVER, sessions.cut, grant.id, PARIS, SINCE)
    assert told == {"server": PARIS}
    gone = GrantId("g-gone")
    await paper.refuses(boris, Refusal.UNKNOWN_GRANT, sessions.cut, gone, BERLIN, SINCE)
    # On the machine there is no chat where it could be told.
    await paper.refuses(OPERATOR, Refusal.UNKNOWN_SERVER, sessions.cut, grant.id, BERLIN, SINCE)
