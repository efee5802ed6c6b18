"""/role, and what each role finds in the chat."""

import pytest

from bot.access import appointing, groups, roles
from bot.chat.commands import menu
from bot.texts import roles as words
from storage.group_records import GroupName
from storage.records import UserId
from storage.role_records import Role
from tests.bot.chat.desk import ANNA, BORIS, CLARA, EVE, Desk
from tests.gate.gate import OPERATOR

DORA, DEV = 2003, GroupName("dev")


@pytest.fixture(autouse=True)
async def dev(desk: Desk) -> None:
    await desk.gate.add_groups()


async def give(desk: Desk, role: Role, *names: GroupName) -> None:
    """Dora has a role, and Anna is in dev."""
    async with desk.gate.database.writing() as tx:
        case = desk.gate.case(tx, OPERATOR)
        await groups.join(case, DEV, UserId(ANNA))
        await appointing.appoint(case, UserId(DORA), role, names)
    await desk.have_started(DORA)
    await desk.new()


async def test_an_admin_gives_and_takes_roles_by_a_word(desk: Desk) -> None:
    said = await desk.says(BORIS, "/role 2003 approver dev")
    assert said[-1] == "✅ 2003 is an approver for dev now."
    [listed] = await desk.says(BORIS, "/role")
    assert listed.startswith(f"{words.LISTED}\n<b>2003</b>, <code>2003</code>: approver for dev")
    [one] = await desk.says(BORIS, "/role 2003")
    assert one.startswith("2003: approver for dev")
    assert (await desk.says(BORIS, "/role 2003 NONE"))[-1] == "✅ 2003 has no role any more."
    assert (await desk.says(BORIS, "/role"))[0].startswith(words.NONE)


async def test_a_name_of_several_words_is_one_person(desk: Desk) -> None:
    await desk.says(BORIS, f"/allow {DORA} Dora of the Desk")
    said = await desk.says(BORIS, "/role Dora of the Desk auditor")
    assert said[-1] == "✅ Dora of the Desk is an auditor now."
    [one] = await desk.says(BORIS, "/role P1001")
    assert one.startswith("P1001 has no role.")
    assert "admin, by the settings" in (await desk.says(BORIS, f"/role {CLARA}"))[0]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/role 2003 king", "“king” isn’t a role."),
        ("/role P1001 king", "“king” isn’t a role."),
        ("/role Nobody king", "I know nobody called “Nobody king”."),
        ("/role 2003 auditor dev", "Only approvers have groups"),
        ("/role 2003 none dev", "Only approvers have groups"),
        ("/role 2003 approver nowhere", "There is no group “nowhere”"),
        ("/role 2003 none", "I know nobody called “2003”"),
        ("/role 2002 auditor", "is an admin by the settings"),
        ("/role 1001 none", "P1001 has no role, so there is nothing to take back."),
    ],
)
async def test_what_cannot_be_is_said(desk: Desk, text: str, answer: str) -> None:
    [said] = await desk.says(BORIS, text)
    assert answer in said
    assert "✅" not in said


async def test_an_approver_without_a_group_is_told_what_is_missing(desk: Desk) -> None:
    said = await desk.says(BORIS, "/role 2003 approver")
    assert "of no group yet: <code>/role 2003 approver GROUP</code>" in said[-1]
    assert (await desk.says(BORIS, "/role 2003"))[-1].startswith("2003: approver\n")
    assert f"/role {DORA} approver GROUP" in (await desk.says(DORA, "/help"))[-1]
    assert "approver" not in (await desk.says(ANNA, "/help"))[-1]


async def test_an_approver_finds_their_cards_and_nothing_else(desk: Desk) -> None:
    await give(desk, Role.APPROVER, DEV)
    await desk.allow(EVE)
    await desk.says(ANNA, "/requestvpn 8h berlin")
    await desk.says(EVE, "/requestvpn 8h berlin")
    assert await desk.says(DORA, "/pending") == ["1 request waits for a decision:", "card"]
    [help_] = await desk.says(DORA, "/help")
    assert "You decide on requests of: dev." in help_
    assert "/pending" in help_
    assert "/grants" not in help_
    for text in ("/grants", "/users", "/revoke P1001", "/role", "/allow 5 Finn", "/online"):
        [refused] = await desk.says(DORA, text)
        assert refused.startswith("Only admins can do this.")
    # Whoever starts anew gets the cards that are theirs.
    assert (await desk.says(DORA, "/start")).count("card") == 1


async def test_an_auditor_looks_and_finds_no_button(desk: Desk) -> None:
    await give(desk, Role.AUDITOR)
    await desk.says(ANNA, "/requestvpn 8h berlin")
    for text in ("/grants", "/users", "/servers", "/audit", "/role", "/group", "/online"):
        assert not (await desk.says(DORA, text))[0].startswith("Only admins")
    for text in ("/revoke P1001", "/allow 5 Finn", "/remove P1001", "/role 2003 admin"):
        assert (await desk.says(DORA, text))[0].startswith("Only admins")
    assert (await desk.says(DORA, "/group dev add P1001"))[0].startswith("Only admins")
    # Nor is it said whether there is anybody of a name.
    for text in ("/group dev add Nobody", "/remove Nobody", "/remove", "/role Nobody admin"):
        assert (await desk.says(DORA, text))[0].startswith("Only admins")
    assert words.HELP_AUDITOR in (await desk.says(DORA, "/help"))[0]
    assert await desk.says(DORA, "/pending") == ["1 request waits for a decision:", "card"]


async def test_a_name_that_several_have_is_no_mistyped_role(desk: Desk) -> None:
    for user_id in (5001, 5002):
        await desk.says(BORIS, f"/allow {user_id} Sam Lee")
    [said] = await desk.says(BORIS, "/role Sam Lee")
    assert "isn’t a role" not in said
    assert all(f"{user_id}" in said for user_id in (5001, 5002))
    [said] = await desk.says(BORIS, "/role Nobody")
    assert "I know nobody called “Nobody”" in said


@pytest.mark.parametrize(("many", "is_cut"), [(50, False), (51, True)])
async def test_a_long_list_says_that_there_are_more(desk: Desk, many: int, is_cut: bool) -> None:
    async with desk.gate.database.writing() as tx:
        case = desk.gate.case(tx, OPERATOR)
        for number in range(many):
            await appointing.appoint(case, UserId(7000 + number), Role.AUDITOR, ())
    await desk.new()
    [listed] = await desk.says(BORIS, "/role")
    assert listed.count(": auditor") == 50
    assert ("…" in listed) is is_cut


async def test_the_menu_is_the_roles(desk: Desk) -> None:
    shown = {}
    for role, names in ((Role.APPROVER, (DEV,)), (Role.AUDITOR, ()), (Role.ADMIN, ())):
        async with desk.gate.database.writing() as tx:
            case = desk.gate.case(tx, OPERATOR)
            await appointing.appoint(case, UserId(DORA), role, names)
            actor = await roles.identify(tx, case.rules, UserId(DORA), "")
        shown[role] = " ".join(name for name, _ in menu(actor))
    assert shown == {
        Role.APPROVER: "pending away help",
        Role.AUDITOR: "pending grants online users who group role servers audit help",
        Role.ADMIN: (
            "pending grants online revoke pause resume users who group allow invite remove role "
            "away servers audit help"
        ),
    }
