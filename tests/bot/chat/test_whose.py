"""/who, as an admin reads it."""

from datetime import timedelta

import pytest

from bot.texts import whose as words
from bot.texts.fill import Html
from storage.records import Canary, CanaryRole, Grant, ServerName, UserId
from tests.bot.chat.desk import ANNA, BORIS, DAY, Desk
from tests.bot.reading import shown

WITHIN = "10.8.0.2"


@pytest.fixture
async def grant(desk: Desk) -> Grant:
    """Anna's, for berlin."""
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    async with desk.gate.database.reading() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA))
    assert grant.address == WITHIN
    return grant


async def who(desk: Desk, rest: str) -> str:
    [said] = await desk.says(BORIS, f"/who {rest}".rstrip())
    return shown(Html(said)).text


async def test_whoever_has_it_is_named_with_the_profile(desk: Desk, grant: Grant) -> None:
    assert await who(desk, WITHIN) == (
        f"P{ANNA} has {WITHIN} on berlin, since 2026-03-02 09:31 UTC.\n"
        f"{grant.common_name}, {grant.id}"
    )
    async with desk.gate.database.writing() as tx:
        await tx._connection.exec_driver_sql(
            "UPDATE grants SET user_id = NULL, imported_at = not_before"
        )
    assert await who(desk, WITHIN) == (
        f"A certificate that’s linked to nobody has {WITHIN} on berlin, since "
        f"2026-03-02 09:31 UTC.\n{grant.common_name}, {grant.id}"
    )


async def test_the_bots_own_is_said_to_be_one(desk: Desk) -> None:
    now = desk.gate.now
    own = Canary("2a", ServerName("berlin"), CanaryRole.GOOD, "canary", "10.8.0.6", now, now + DAY)
    async with desk.gate.database.writing() as tx:
        await tx.canaries.add([own])
    assert await who(desk, "10.8.0.6") == (
        "The bot’s own test profile has 10.8.0.6 on berlin, since 2026-03-02 09:31 UTC."
    )


async def test_where_nobody_has_it_the_last_is_named_and_why(desk: Desk, grant: Grant) -> None:
    assert await who(desk, "10.8.0.5") == "Nobody has 10.8.0.5 now."
    assert await who(desk, "192.0.2.7") == (
        "Nobody has 192.0.2.7 now.\n\nIt’s in no server’s network."
    )
    assert await who(desk, "10.8.0.5 2026-03-01 10:00") == (
        "Nobody is known to have had 10.8.0.5 then (2026-03-01 10:00 UTC).\n\n"
        "berlin is known here only since 2026-03-02 09:31 UTC."
    )
    await desk.says(BORIS, f"/revoke {ANNA}")
    await desk.gate.prove()
    desk.gate.now += timedelta(hours=1)
    assert await who(desk, WITHIN) == (
        f"Nobody has {WITHIN} now.\n\nThe last before that:\n"
        f"P{ANNA} had {WITHIN} on berlin, from 2026-03-02 09:31 UTC until "
        f"2026-03-02 09:31 UTC.\n{grant.common_name}, {grant.id}"
    )


async def test_alone_it_says_how_it_is_written_and_to_admins_only(desk: Desk) -> None:
    assert await who(desk, "") == shown(Html(words.USAGE)).text
    for text in ("/who", "/who nonsense"):
        [refused] = await desk.says(ANNA, text)
        assert refused.startswith("Only admins can do this.")
