"""A profile's passphrase is shown to its owner, once; one that got lost brings another profile."""

import pytest

from bot.access import grants, passphrases, pausing
from bot.access.refusals import Refusal
from storage.records import Grant, GrantState, OutboxKind
from tests.bot.access.kit import ANNA, EMIL, MINUTE, MORNING, OPERATOR, Paper


async def under_a_passphrase(paper: Paper, grant: Grant) -> Grant:
    async with paper.database.writing() as tx:
        await tx.keys.lock(grant.id)
    await paper.forget()
    return grant


@pytest.fixture
async def locked(paper: Paper) -> Grant:
    return await under_a_passphrase(paper, await paper.active())


async def test_it_is_shown_to_its_owner_and_noted(paper: Paper, locked: Grant) -> None:
    anna = await paper.actor(ANNA)

    assert await paper.by(anna, passphrases.reveal, locked.id, is_here=True)

    assert [(noted.action, noted.subject) for noted in await paper.noted()] == [
        ("grant.passphrase", f"grant:{locked.id}")
    ]
    async with paper.database.reading() as tx:
        shown = await tx.keys.locked(locked.id)
    assert shown is not None
    assert shown.shown_at == MORNING


async def test_what_was_shown_and_is_gone_is_not_shown_again(paper: Paper, locked: Grant) -> None:
    anna = await paper.actor(ANNA)
    await paper.by(anna, passphrases.reveal, locked.id, is_here=True)
    paper.now += MINUTE

    said = await paper.refuses(
        anna, Refusal.KEY_SHOWN, passphrases.reveal, locked.id, is_here=False
    )

    assert said == {"at": MORNING}


async def test_where_it_got_lost_unseen_another_profile_comes(paper: Paper, locked: Grant) -> None:
    anna = await paper.actor(ANNA)

    assert not await paper.by(anna, passphrases.reveal, locked.id, is_here=False)

    assert (await paper.grant(locked.id)).state is GrantState.REVOKING
    [fresh] = [said for said in await paper.heard() if said.kind is OutboxKind.DELIVER]
    assert fresh.payload["note"] == "key_lost"


async def test_not_while_the_profile_is_on_its_way(paper: Paper) -> None:
    done = await paper.approved()
    assert await paper.do(grants.issued, done.grant)
    await under_a_passphrase(paper, done.grant)

    await paper.refuses(
        await paper.actor(ANNA),
        Refusal.GRANT_BUSY,
        passphrases.reveal,
        done.grant.id,
        is_here=False,
    )


async def test_to_nobody_else_and_for_no_other_profile(paper: Paper, locked: Grant) -> None:
    emil, anna = await paper.actor(EMIL), await paper.actor(ANNA)
    await paper.refuses(emil, Refusal.NOT_YOURS, passphrases.reveal, locked.id, is_here=True)

    plain = await paper.active(EMIL)
    await paper.refuses(emil, Refusal.NO_BUTTON, passphrases.reveal, plain.id, is_here=True)

    await paper.by(OPERATOR, pausing.pause, ANNA, None)
    paused = await paper.actor(ANNA)
    await paper.refuses(paused, Refusal.PAUSED, passphrases.reveal, locked.id, is_here=True)
    await paper.by(OPERATOR, pausing.resume, ANNA)

    await paper.by(anna, grants.renew, locked.id)
    await paper.refuses(anna, Refusal.GRANT_OVER, passphrases.reveal, locked.id, is_here=True)
