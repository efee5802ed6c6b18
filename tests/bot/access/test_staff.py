"""The allowlist beside a list of the staff."""

from bot.access import people, staff
from bot.access.refusals import Refusal
from storage.records import OutboxKind, UserId
from tests.bot.access.kit import ANNA, BORIS, EMIL, OPERATOR, Paper

EVA = UserId(1003)
SECOND = UserId(4001)


async def test_who_is_new_called_otherwise_and_gone(paper: Paper) -> None:
    wanted = {ANNA: "Anna Smith", EVA: "Eva"}
    plan = await paper.by(OPERATOR, staff.compare, wanted, is_whole=True)
    assert plan.new == {EVA: "Eva"}
    assert plan.renamed == {ANNA: ("Anna Petrova", "Anna Smith")}
    assert plan.gone == {EMIL: "Emil"}
    assert plan.listed == 2
    plan = await paper.by(OPERATOR, staff.compare, wanted, is_whole=False)
    assert plan.gone == {}


async def test_another_account_of_somebody_who_is_there_is_not_gone(paper: Paper) -> None:
    await paper.by(OPERATOR, people.allow, SECOND, "Anna at home")
    await paper.by(OPERATOR, people.link, SECOND, ANNA)
    wanted = {ANNA: "Anna Petrova", EMIL: "Emil"}
    assert (await paper.by(OPERATOR, staff.compare, wanted, is_whole=True)).gone == {}
    only_second = {SECOND: "Anna at home", EMIL: "Emil"}
    assert (await paper.by(OPERATOR, staff.compare, only_second, is_whole=True)).gone == {}


async def test_who_was_removed_is_new_again(paper: Paper) -> None:
    await paper.by(OPERATOR, people.remove, EMIL)
    plan = await paper.by(OPERATOR, staff.compare, {EMIL: "Emil"}, is_whole=False)
    assert plan.new == {EMIL: "Emil"}


async def test_nobody_else_compares(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.ADMINS_ONLY, staff.compare, {}, is_whole=True)
    await paper.by(await paper.actor(BORIS), staff.compare, {}, is_whole=True)


async def test_who_was_never_seen_is_not_written_to(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.note_newcomer(SECOND, "Somebody", None, paper.now)
    for user_id in (EVA, SECOND):
        await paper.by(OPERATOR, people.allow, user_id, "New", greets_unseen=False)
    assert [(one.chat, one.kind) for one in await paper.heard()] == [
        (SECOND, OutboxKind.NOTICE),
        (SECOND, OutboxKind.MENU),
    ]
