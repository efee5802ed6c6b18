"""Invitations: once, for a day, on the word of whoever may invite at that moment."""

from pathlib import Path

import pytest

from bot.access import admins, appointing, groups, invitations, joining, people, restored
from bot.access.messages import Notice
from bot.access.permission import THE_BOT, Actor
from bot.access.refusals import Refusal
from storage.group_records import Group, GroupName
from storage.joining_records import Invitation, InvitationId, InvitationState
from storage.records import ChatId, OutboxKind, PostedMessage, UserId
from storage.role_records import Role
from tests.bot.access.kit import (
    ANNA,
    BORIS,
    CLARA,
    DAY,
    MINUTE,
    OPERATOR,
    Noted,
    Paper,
    Said,
    notice,
    to,
)

EVE, KARL = UserId(3001), UserId(3002)
DEV = GroupName("dev")


async def invited(paper: Paper, *named: str, by: UserId | Actor = BORIS) -> tuple[Invitation, str]:
    """An invitation for Eve, and what its link carries."""
    actor = by if isinstance(by, Actor) else await paper.actor(by)
    made = await paper.by(actor, invitations.make, "Eve Adams", named)
    token = await paper.do(invitations.new_link, made.id)
    assert token is not None
    return made, token


async def posted(paper: Paper, made: Invitation) -> None:
    """Its message is in Boris's chat."""
    message = PostedMessage(ChatId(BORIS), 7, OutboxKind.INVITATION, str(made.id), paper.now)
    async with paper.database.writing() as tx:
        await tx.posted.remember(message)


def changes(made: Invitation) -> Said:
    """That message says what became of it."""
    edit = {"kind": OutboxKind.INVITATION, "subject": str(made.id), "message": 7}
    return to(BORIS, OutboxKind.EDIT, edit)


def files_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir() if path.is_file()]


async def state(paper: Paper, made: Invitation) -> InvitationState:
    async with paper.database.reading() as tx:
        found = await tx.invitations.get(made.id)
    assert found is not None
    return found.state(paper.now)


async def over(paper: Paper, who: UserId, token: str) -> None:
    await paper.refuses(
        await paper.actor(who), Refusal.INVITATION_OVER, joining.use_invitation, token
    )


async def test_it_puts_one_person_on_the_list_by_its_name_and_into_its_groups(paper: Paper) -> None:
    await paper.by(OPERATOR, groups.add, Group(DEV))
    await paper.noted()
    made, token = await invited(paper, DEV)
    about = {"name": "Boris", "user_name": "Eve Adams", "groups": [DEV]}
    assert await paper.noted() == [
        Noted("telegram:2001", "invitation.make", f"invitation:{made.id}", about)
    ]
    await posted(paper, made)
    await paper.forget()
    await paper.by(await paper.actor(EVE), joining.use_invitation, token)
    person = await paper.person(EVE)
    assert (person.name, person.allowed) == ("Eve Adams", True)
    async with paper.database.reading() as tx:
        assert await tx.groups.members(DEV) == [EVE]
    assert await paper.heard() == [
        notice(EVE, Notice.ACCESS_GIVEN),
        to(EVE, OutboxKind.MENU, {}),
        changes(made),
        notice(BORIS, Notice.INVITATION_USED, name="Eve Adams", id=EVE),
    ]
    used, *rest = await paper.noted()
    assert used == Noted(
        "telegram:3001",
        "invitation.use",
        f"invitation:{made.id}",
        {"name": "Somebody", "user_id": EVE, "made_by": "telegram:2001"},
    )
    assert [(one.actor, one.action) for one in rest] == [
        ("telegram:2001", "user.allow"),
        ("telegram:2001", "group.join"),
    ]


async def test_only_one_of_two_gets_in(paper: Paper) -> None:
    made, token = await invited(paper)
    await paper.by(await paper.actor(EVE), joining.use_invitation, token)
    await over(paper, KARL, token)
    assert await state(paper, made) is InvitationState.USED
    # Nor does it let the same person in again, who was taken off the list.
    await paper.by(OPERATOR, people.remove, EVE)
    await over(paper, EVE, token)


async def test_who_is_on_the_list_uses_nothing_up(paper: Paper) -> None:
    made, token = await invited(paper)
    actor = await paper.actor(ANNA)
    await paper.refuses(actor, Refusal.ON_LIST_ALREADY, joining.use_invitation, token)
    assert await state(paper, made) is InvitationState.OPEN


async def test_it_ends_after_a_day(paper: Paper) -> None:
    made, token = await invited(paper)
    paper.now += DAY - MINUTE
    assert await state(paper, made) is InvitationState.OPEN
    paper.now += MINUTE
    await over(paper, EVE, token)
    assert await state(paper, made) is InvitationState.ENDED
    assert await paper.do(invitations.new_link, made.id) is None


async def test_who_was_removed_since_is_not_let_back_in(paper: Paper) -> None:
    _, token = await invited(paper)
    await paper.by(OPERATOR, people.remove, ANNA)
    await over(paper, ANNA, token)
    # An invitation from after that is meant for them.
    paper.now += MINUTE
    _, newer = await invited(paper)
    await paper.by(await paper.actor(ANNA), joining.use_invitation, newer)
    assert (await paper.person(ANNA)).allowed


async def test_nor_by_another_account_that_was_off_the_list_already(paper: Paper) -> None:
    await paper.by(OPERATOR, people.allow, EVE, "Anna, privately")
    await paper.by(OPERATOR, people.link, EVE, ANNA)
    await paper.by(OPERATOR, people.remove, ANNA)
    await paper.by(OPERATOR, people.allow, ANNA, "Anna")
    paper.now += MINUTE
    made, token = await invited(paper)
    paper.now += MINUTE
    await paper.by(OPERATOR, people.remove, ANNA)
    await over(paper, EVE, token)
    assert await state(paper, made) is InvitationState.OPEN


async def test_the_word_of_an_admin_who_is_none_any_more_does_not_count(paper: Paper) -> None:
    await paper.do(admins.observe)
    made, token = await invited(paper)
    paper.admins = (CLARA,)
    await over(paper, EVE, token)
    await paper.do(admins.observe)
    assert await state(paper, made) is InvitationState.WITHDRAWN
    # Whoever is put back on the list of admins begins anew.
    paper.admins = (BORIS, CLARA)
    await over(paper, EVE, token)


async def test_an_admin_who_is_removed_takes_their_invitations_along(paper: Paper) -> None:
    await paper.by(OPERATOR, people.allow, BORIS, "Boris")
    made, _ = await invited(paper)
    other, _ = await invited(paper, by=CLARA)
    await posted(paper, made)
    await paper.forget()
    await paper.by(OPERATOR, people.remove, BORIS)
    assert changes(made) in await paper.heard()
    withdrawn = [row.subject for row in await paper.noted() if row.action == "invitation.withdraw"]
    assert withdrawn == [f"invitation:{made.id}"]
    assert await state(paper, made) is InvitationState.WITHDRAWN
    assert await state(paper, other) is InvitationState.OPEN


async def test_without_its_group_it_lets_nobody_in(paper: Paper) -> None:
    await paper.by(OPERATOR, groups.add, Group(DEV))
    made, token = await invited(paper, DEV)
    other, _ = await invited(paper)
    await paper.by(OPERATOR, groups.remove, DEV)
    await over(paper, EVE, token)
    assert await state(paper, made) is InvitationState.WITHDRAWN
    assert await state(paper, other) is InvitationState.OPEN
    # Another group of its name is none that anybody was invited into.
    await paper.by(OPERATOR, groups.add, Group(DEV, standing=3600))
    await over(paper, EVE, token)


async def test_a_new_link_takes_the_place_of_the_one_before(paper: Paper) -> None:
    made, first = await invited(paper)
    second = await paper.do(invitations.new_link, made.id)
    assert second is not None
    await over(paper, EVE, first)
    await over(paper, EVE, "a-token-of-nobody-22xx")
    await paper.by(await paper.actor(EVE), joining.use_invitation, second)


async def test_the_link_is_stored_nowhere(paper: Paper, tmp_path: Path) -> None:
    _, token = await invited(paper)
    files = files_of(tmp_path)
    assert files
    assert all(token.encode() not in content for content in files)


async def test_a_withdrawn_one_is_dead_and_its_message_says_so(paper: Paper) -> None:
    made, token = await invited(paper)
    await posted(paper, made)
    clara = await paper.actor(CLARA)
    await paper.forget()
    await paper.by(clara, invitations.withdraw, made.id)
    assert await paper.heard() == [changes(made)]
    about = {"name": "Clara", "user_name": "Eve Adams"}
    assert await paper.noted() == [
        Noted("telegram:2002", "invitation.withdraw", f"invitation:{made.id}", about)
    ]
    await over(paper, EVE, token)
    values = await paper.refuses(clara, Refusal.INVITATION_CLOSED, invitations.withdraw, made.id)
    assert values["state"] is InvitationState.WITHDRAWN
    await paper.refuses(clara, Refusal.INVITATION_UNKNOWN, invitations.withdraw, InvitationId(99))


async def test_after_a_restore_nobody_knows_who_used_one(paper: Paper) -> None:
    made, token = await invited(paper)
    await paper.by(OPERATOR, restored.begin_again, made_at="2026-03-01T00:00:00Z")
    assert await state(paper, made) is InvitationState.WITHDRAWN
    await over(paper, EVE, token)


async def test_what_an_operator_made_is_told_to_the_admins(paper: Paper) -> None:
    _, token = await invited(paper, by=OPERATOR)
    await paper.forget()
    await paper.by(await paper.actor(EVE), joining.use_invitation, token)
    told = [one.chat for one in await paper.heard() if one.kind is OutboxKind.NOTICE]
    assert told == [EVE, BORIS, CLARA]


@pytest.mark.parametrize("who", [ANNA, EVE])
async def test_only_admins_invite(paper: Paper, who: UserId) -> None:
    made, _ = await invited(paper)
    actor = await paper.actor(who)
    await paper.refuses(actor, Refusal.ADMINS_ONLY, invitations.make, "Eve", ())
    await paper.refuses(actor, Refusal.ADMINS_ONLY, invitations.withdraw, made.id)


async def test_a_name_and_groups_that_are_there(paper: Paper) -> None:
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.BAD_NAME, invitations.make, "\u200b ", ())
    await paper.refuses(boris, Refusal.UNKNOWN_GROUP, invitations.make, "Eve", ("nope",))
    await paper.by(OPERATOR, groups.add, Group(DEV))
    assert await paper.do(invitations.named_in, "Eve Adams  Dev") == ("Eve Adams", [DEV])
    # One word is a name, whatever groups there are.
    assert await paper.do(invitations.named_in, "Dev") == ("Dev", [])
    assert await paper.do(invitations.named_in, "") == ("", [])
    assert await paper.do(invitations.named_in, "Eve Dev Adams") == ("Eve Dev Adams", [])
    # It lets in for as long as they are on the list: no time is given with it.
    told = await paper.refused(Refusal.INVITE_HAS_NO_END, invitations.named_in, "Eve Adams 3d Dev")
    assert told == {"name": "Eve Adams"}
    assert await paper.do(invitations.new_link, InvitationId(99)) is None


async def test_the_bot_itself_is_nobody_to_invite(paper: Paper) -> None:
    _, token = await invited(paper)
    await paper.refuses(THE_BOT, Refusal.ON_LIST_ALREADY, joining.use_invitation, token)


async def test_it_ends_with_the_role_of_whoever_made_it(paper: Paper) -> None:
    await paper.by(OPERATOR, appointing.appoint, ANNA, Role.ADMIN)
    made, token = await invited(paper, by=ANNA)
    await paper.by(OPERATOR, appointing.appoint, ANNA, Role.AUDITOR)
    assert await state(paper, made) is InvitationState.WITHDRAWN
    await paper.by(OPERATOR, appointing.appoint, ANNA, Role.ADMIN)
    await over(paper, EVE, token)
