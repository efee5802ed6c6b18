"""What admins type: what each command shows, changes, and asks back."""

from collections.abc import Sequence
from pathlib import Path

from bot.access import revocation
from bot.access.permission import THE_BOT
from bot.chat.admin_commands import audit_head
from bot.chat.farewells import view_of
from bot.chat.scene import Scene, say
from bot.texts import chat as words
from bot.texts import joining as joining_words
from bot.texts import notices
from bot.texts.fill import fill
from storage.joining_records import FarewellId
from storage.records import OutboxKind, ServerName, UserId
from tests.bot.access.kit import Paper
from tests.bot.chat.desk import ANNA, BORIS, EVE, Desk
from tests.storage.kit import open_copy

KARL = 1003
WHOSE = "Whose access do you want to end?"
NEAR = "Nobody has exactly this name. Do you mean one of these?"
SEVERAL = "This fits more than one. Which one do you mean?"


async def hire(desk: Desk, user_id: int, name: str) -> None:
    await desk.says(BORIS, f"/allow {user_id} {name}")


async def test_nobody_else_may(desk: Desk) -> None:
    for typed in (
        "pending",
        "grants",
        "users",
        "servers",
        "online",
        "audit",
        "allow",
        "allow 7 Eve",
        "invite",
        "remove",
        "remove P1001",
        "remove nobody",
        "revoke",
        "revoke nobody",
    ):
        [said] = await desk.says(ANNA, f"/{typed}")
        assert said.startswith("Only admins"), typed
    assert not await desk.is_allowed(7)
    assert await desk.is_allowed(ANNA)


async def test_what_waits_comes_as_cards(desk: Desk) -> None:
    assert await desk.says(BORIS, "/pending") == [words.PENDING_NONE]
    await desk.says(ANNA, "/requestvpn berlin")
    assert await desk.says(BORIS, "/pending") == ["1 request waits for a decision:", "card"]
    await desk.says(ANNA, "/requestvpn paris")
    assert await desk.says(BORIS, "/pending") == [
        *("2 requests wait for a decision:", "card", "card")
    ]


async def test_cards_come_some_at_a_time(desk: Desk) -> None:
    for number in range(5000, 5012):
        await desk.allow(number)
        await desk.says(number, "/requestvpn berlin")
    said = await desk.says(BORIS, "/pending")
    assert said == [
        "12 requests wait for a decision:\n\n1–10 of 12",
        *["card"] * 10,
        "2 more requests wait.",
    ]
    said = await desk.taps(BORIS, (await desk.buttons())[words.BUTTON_NEXT])
    assert said == ["12 requests wait for a decision:\n\n11–12 of 12", "card", "card"]


async def test_the_listing_shows_who_may_get_in(desk: Desk) -> None:
    assert await desk.says(BORIS, "/grants") == [words.GRANTS_NONE]
    await desk.gate.gives(ANNA, "paris")
    await desk.gate.take_over()
    await desk.new()
    [said] = await desk.says(BORIS, "/grants")
    assert said.startswith("5 VPN profiles:")
    assert said.count("Not linked to anybody") == 4
    # A server's own lets nobody in, until its end is to be proved.
    assert "vpn.example.com" not in said
    assert await desk.says(BORIS, "/revoke vpn.example.com") == ["notice", "receipt"]
    [said] = await desk.says(BORIS, "/grants")
    assert said.index("vpn.example.com") < said.index("P1001")
    assert "not confirmed on berlin, paris" in said


async def test_an_end_that_a_removed_server_has_not_proved_stays_in_the_listing(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "paris")
    await desk.says(BORIS, "/revoke P1001")
    async with desk.gate.database.writing() as tx:
        for server in ("paris", "berlin"):
            await tx.proofs.drop_open(ServerName(server), desk.gate.now)
        await revocation.close_proved(desk.gate.case(tx, THE_BOT))
    [said] = await desk.says(BORIS, "/grants")
    assert "p1001-code0001" in said
    # Nor does anybody read that there is nothing to revoke.
    await desk.new()
    await desk.says(BORIS, "/revoke")
    assert "Revoke P1001" in await desk.buttons()


async def test_the_allowlist(desk: Desk) -> None:
    [said] = await desk.says(BORIS, "/users")
    assert "1 person on the allowlist:" in said
    await hire(desk, KARL, "Karl")
    await desk.says(BORIS, "/remove Karl")
    [said] = await desk.says(BORIS, "/users")
    assert "Karl" not in said
    await desk.gate.take_over()
    await desk.new()
    await desk.says(BORIS, "/users")
    # Three names; the two certificates of one name count once.
    assert "Old certificates (3)" in await desk.buttons()


async def test_servers_are_asked_when_the_answer_goes_out(desk: Desk) -> None:
    assert await desk.says(BORIS, "/servers") == ["servers"]


async def test_what_a_later_check_of_the_trail_is_held_against(desk: Desk) -> None:
    async with desk.gate.database.reading() as tx:
        last = await tx.audit.last()
    assert last is not None
    [said] = await desk.says(BORIS, "/audit")
    assert f"{last.seq}:{last.digest}" in said


async def test_where_nothing_was_noted_yet_that_is_said(template: Path, tmp_path: Path) -> None:
    paper = Paper(await open_copy(template, tmp_path))
    boris = await paper.actor(UserId(BORIS))
    async with paper.database.reading() as tx:
        said = await audit_head(Scene(paper.case(tx, boris), UserId(BORIS)), "")
    await paper.database.close()
    assert said == say(notices.AUDIT_NONE)


async def test_who_is_put_on_the_list(desk: Desk) -> None:
    [said] = await desk.says(BORIS, "/allow")
    assert said.startswith(words.USAGE_ALLOW)
    [said] = await desk.says(BORIS, f"/allow {KARL}")
    assert "add the person’s name" in said
    assert not await desk.is_allowed(KARL)
    *_, said = await desk.says(BORIS, f"/allow {KARL} Karl Carlson")
    assert said == fill(words.ALLOWED, name="Karl Carlson")
    assert await desk.is_allowed(KARL)
    *_, said = await desk.says(BORIS, f"/allow {KARL}\nKarl")
    assert said == fill(words.RENAMED, name="Karl")


async def reads(desk: Desk) -> str:
    """What is said of the last one who was taken off, without the way back."""
    async with desk.gate.database.reading() as tx:
        (row,) = (await tx.outbox.open(OutboxKind.FAREWELL))[-1:]
        view = await view_of(desk.gate.case(tx, THE_BOT), FarewellId(row.payload["farewell"]))
    text, _, hint = view.text.partition("\n\n")
    assert hint == joining_words.FAREWELL_HINT
    return text


async def test_who_is_taken_off(desk: Desk) -> None:
    assert await desk.says(BORIS, "/remove") == [words.CHOOSE_REMOVE]
    assert await desk.buttons() == {"Remove P1001": f"rm:{ANNA}"}
    [said] = await desk.says(BORIS, "/remove nobody")
    assert "I know nobody called “nobody”" in said
    await hire(desk, KARL, "Karl")
    *_, said = await desk.says(BORIS, "/remove karl")
    assert said == "farewell"
    assert await reads(desk) == fill(words.REMOVED, name="Karl")
    assert not await desk.is_allowed(KARL)
    # Who is known, but on no list any more.
    [said] = await desk.says(BORIS, "/remove Karl")
    assert "I know nobody called" in said


async def test_who_had_access_is_taken_off_with_a_receipt(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "paris")
    await desk.new()
    said = await desk.says(BORIS, "/remove P1001")
    assert said[-2:] == ["farewell", "receipt"]
    assert await reads(desk) == fill(words.REMOVED_ENDING, name="P1001")


async def test_all_accounts_of_a_person_go_together(desk: Desk) -> None:
    await hire(desk, KARL, "Karl")
    await desk.gate.link(KARL, ANNA)
    await desk.says(BORIS, "/remove P1001")
    names = f"P1001 ({ANNA}), Karl ({KARL})"
    assert await reads(desk) == fill(words.REMOVED_ACCOUNTS_ONLY, names=names)
    assert not await desk.is_allowed(KARL)
    await desk.allow(ANNA)
    await desk.allow(KARL)
    await desk.gate.gives(KARL, "berlin")
    await desk.new()
    said_all = await desk.says(BORIS, "/remove P1001")
    assert "receipt" in said_all
    assert "All accounts of this person" in await reads(desk)


async def test_one_account_is_named_and_another_is_on_the_list(desk: Desk) -> None:
    await hire(desk, KARL, "Karl")
    await desk.says(BORIS, f"/remove {KARL}")
    await desk.gate.link(KARL, ANNA)
    assert (await desk.is_allowed(KARL), await desk.is_allowed(ANNA)) == (False, True)
    await desk.says(BORIS, f"/remove {KARL}")
    assert not await desk.is_allowed(ANNA)


async def test_a_removal_that_is_not_clear_is_asked_back(desk: Desk) -> None:
    await hire(desk, KARL, "Karl")
    assert await desk.says(BORIS, "/remove Kar") == [NEAR]
    assert await desk.buttons() == {"Remove Karl": f"rm:{KARL}"}
    await hire(desk, EVE, "Karl")
    assert await desk.says(BORIS, "/remove Karl") == [SEVERAL]
    assert len(await rows(desk)) == 2


async def rows(desk: Desk) -> Sequence[str]:
    async with desk.gate.database.reading() as tx:
        found = await tx.outbox.due(desk.gate.now, 1000)
    return [button["data"] for row in found[-1].payload["keyboard"] for button in row]


async def test_who_or_what_is_revoked(desk: Desk) -> None:
    assert await desk.says(BORIS, "/revoke") == [words.NOBODY_TO_REVOKE]
    [said] = await desk.says(BORIS, "/revoke nobody")
    assert "I know nobody called “nobody”" in said
    await hire(desk, KARL, "Karl")
    await desk.gate.gives(ANNA, "paris")
    await desk.gate.gives(KARL, "berlin")
    await desk.new()
    assert await desk.says(BORIS, "/revoke") == [WHOSE]
    assert await desk.buttons() == {"Revoke P1001": f"rp:{ANNA}", "Revoke Karl": f"rp:{KARL}"}
    assert await desk.says(BORIS, "/revoke P100") == [NEAR]
    assert await desk.buttons() == {"Revoke P1001": f"rp:{ANNA}"}
    assert (await desk.says(BORIS, "/revoke Karl"))[-1] == "receipt"
    assert await desk.counts() == (2, 1)
    # What has ended and is not proved can be looked at again.
    assert await desk.says(BORIS, "/revoke") == [WHOSE]
    assert f"rp:{KARL}" in await rows(desk)
    async with desk.gate.database.reading() as tx:
        anna = await tx.grants.live_of_user(UserId(ANNA))
    assert (await desk.says(BORIS, f"/revoke {anna[0].id}"))[-1] == "receipt"
    assert await desk.counts() == (2, 0)


async def test_whoever_has_nothing_is_not_called_unknown(desk: Desk) -> None:
    await hire(desk, KARL, "Karl")
    assert await desk.says(BORIS, "/revoke Kar") == [fill(words.NOBODY_HAS, who="Kar")]
    await hire(desk, EVE, "Karl")
    assert await desk.says(BORIS, "/revoke Karl") == [fill(words.NOBODY_HAS, who="Karl")]


async def test_certificates_of_one_name_are_told_apart_by_their_end(desk: Desk) -> None:
    await desk.gate.take_over()
    await desk.new()
    assert await desk.says(BORIS, "/revoke anna") == [SEVERAL]
    assert list(await desk.buttons()) == [
        "Revoke anna, until 2026-12-27 09:31 UTC",
        "Revoke anna, until 2026-09-18 09:31 UTC",
    ]
    assert await desk.says(BORIS, "/revoke") == [WHOSE]
    assert not any("vpn.example.com" in label for label in await desk.buttons())


async def test_whoever_wrote_already_is_not_asked_to_press_start(desk: Desk) -> None:
    await desk.says(EVE, "/start")
    *_, said = await desk.says(BORIS, f"/allow {EVE}")
    assert said == fill(words.ALLOWED_REACHED, name=f"P{EVE}")


async def test_an_admin_who_is_not_on_the_list_puts_themselves_there(desk: Desk) -> None:
    """Asking is answered with the button, and not with a number to send to an admin."""
    assert await desk.says(BORIS, "/requestvpn") == [words.ADMIN_NOT_LISTED]
    await desk.says(BORIS, "/help")
    button = (await desk.buttons())[words.BUTTON_ALLOW_SELF]
    [asked] = await desk.taps(BORIS, button)
    assert asked.startswith("Put yourself on the allowlist")
    told = await desk.taps(BORIS, (await desk.buttons())[words.BUTTON_ALLOW_YES])
    assert words.ALLOWED_SELF in told
    assert "notice" not in told
    assert await desk.is_allowed(BORIS)
    await desk.says(BORIS, "/help")
    assert await desk.buttons() == {}
