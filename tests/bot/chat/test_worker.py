"""What becomes of one update: its answer, what stays of it, and what a flood of them costs."""

import asyncio
import json
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from bot.chat.worker import _read
from bot.texts import chat as words
from storage.records import ChatId, InboxItem, UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, EVE, Desk
from tests.gate import updates
from tests.storage.kit import on_each_connection

EMIL = 1002
GROUP = updates.in_group(EVE, "/start", 0)


async def kept(desk: Desk) -> list[tuple[int, str, str | None]]:
    """What the inbox still holds: number, state, and why it is set aside."""
    async with desk.gate.database.reading() as tx:
        rows = await tx._connection.exec_driver_sql(
            "SELECT update_id, state, error FROM inbox ORDER BY update_id"
        )
        return [tuple(row) for row in rows]


async def refusals(desk: Desk) -> list[tuple[str, str]]:
    async with desk.gate.database.reading() as tx:
        rows = await tx._connection.exec_driver_sql(
            "SELECT actor, subject FROM audit WHERE action = 'refused' ORDER BY seq"
        )
        return [tuple(row) for row in rows]


def calls(desk: Desk) -> int:
    return desk.gate.telegram.calls.count("answerCallbackQuery")


async def test_who_is_too_fast_is_told_once_and_slows_down_nobody_else(desk: Desk) -> None:
    said = [await desk.says(ANNA, "/help") for _ in range(33)]
    assert all(len(one) == 1 for one in said[:31])
    assert said[30] == [words.TOO_FAST]
    assert said[31:] == [[], []]
    before = calls(desk)
    assert await desk.taps(ANNA, "keep") == []
    assert calls(desk) == before, "a flood of taps does not become a flood of calls"
    assert await desk.says(BORIS, "/help") != [words.TOO_FAST]


@pytest.mark.parametrize("back", [-DAY, DAY])
async def test_a_clock_that_is_set_shuts_nobody_out(desk: Desk, back: timedelta) -> None:
    """Nor does it let anybody pass sooner."""
    assert [len(await desk.says(EVE, "/help")) for _ in range(4)] == [1, 1, 1, 0]
    desk.gate.wrong_by = -back
    assert await desk.says(EVE, "/help") == []
    desk.gate.now += timedelta(minutes=1)
    assert len(await desk.says(EVE, "/help")) == 1


async def test_a_strangers_flood_leaves_nothing_behind(desk: Desk) -> None:
    assert [len(await desk.says(EVE, "/help")) for _ in range(6)] == [1, 1, 1, 0, 0, 0]
    assert await kept(desk) == []
    await desk.says(ANNA, "/help")
    assert [state for _, state, _ in await kept(desk)] == ["done"]


async def test_a_group_is_shown_the_way_home_and_no_more(desk: Desk) -> None:
    assert await desk._takes(GROUP) == [words.GROUP.replace("{link}", "https://t.me/vpn_bot")]
    assert await desk._takes(GROUP) == []
    assert await kept(desk) == []


async def test_what_cannot_be_read_stays_readable_and_is_answered_by_nobody(desk: Desk) -> None:
    broken = {"message": {"from": updates.user(ANNA), "text": "/help"}}
    assert await desk._takes(broken) == []
    assert [(state, why[:12]) for _, state, why in await kept(desk) if why] == [
        ("quarantined", "unreadable: ")
    ]


@pytest.mark.parametrize(("chat", "apologises"), [(ANNA, True), (-55, False), (0, False)])
async def test_what_fails_is_set_aside_with_an_apology(
    desk: Desk, chat: int, *, apologises: bool
) -> None:
    """What it had begun is undone, and it holds up nobody."""
    async with desk.gate.database.writing() as tx:
        await tx._connection.exec_driver_sql("UPDATE servers SET routes = '['")
        for number in (1, 2):
            update = {
                "update_id": number,
                "message": updates.message(ANNA, "/requestvpn" if number == 1 else "/help"),
            }
            await tx.inbox.store(
                [InboxItem(number, ChatId(chat), json.dumps(update), desk.gate.now)]
            )
    await desk.gate.worker.work_off()
    assert await kept(desk) == [(1, "quarantined", "failed: JSONDecodeError"), (2, "done", None)]
    said = [payload.get("text", kind) for kind, payload in await desk.new()]
    assert said[:-1] == [words.SOMETHING_BROKE] * apologises
    assert await desk.counts() == (0, 0)


async def test_whoever_tapped_reads_at_the_button_that_it_failed(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn")
    async with desk.gate.database.writing() as tx:
        await tx._connection.exec_driver_sql("UPDATE servers SET routes = '['")
    assert await desk.taps(ANNA, "sv:1:berlin") == [words.SOMETHING_BROKE]
    assert calls(desk) == 1
    assert [state for _, state, _ in await kept(desk)] == ["done", "quarantined"]


@pytest.mark.parametrize("status", ["kicked", "member"])
async def test_who_blocks_the_bot_is_known_not_to_be_reached(desk: Desk, status: str) -> None:
    await desk.says(ANNA, "/help")
    await desk._takes(updates.membership(updates.chat(ANNA), ANNA, status))
    async with desk.gate.database.reading() as tx:
        anna = await tx.people.get(UserId(ANNA))
    assert anna is not None
    assert anna.reachable is (status == "member")
    await desk.says(ANNA, "/help")
    async with desk.gate.database.reading() as tx:
        anna = await tx.people.get(UserId(ANNA))
    assert anna is not None
    assert (anna.reachable, anna.username) == (True, f"u{ANNA}")


@pytest.mark.parametrize("is_private", [True, False])
async def test_only_who_writes_in_private_can_be_written_to(desk: Desk, is_private: bool) -> None:
    async with desk.gate.database.writing() as tx:
        await tx.people.set_reachable(UserId(BORIS), reachable=False)
    await (desk.taps if is_private else desk.taps_in_group)(BORIS, "ap:7")
    async with desk.gate.database.reading() as tx:
        boris = await tx.people.get(UserId(BORIS))
    assert boris is not None
    assert (boris.reachable, boris.username) == (is_private, f"u{BORIS}")


@pytest.mark.parametrize(("said", "known_as"), [("Boris", "Boris"), ("\u202e", str(BORIS))])
async def test_an_admin_is_known_by_name_once_they_have_written(
    desk: Desk, said: str, known_as: str
) -> None:
    """By their number where no name of theirs can be shown. Strangers are not stored."""
    async with desk.gate.database.writing() as tx:
        await tx._connection.exec_driver_sql("UPDATE people SET name = CAST(id AS TEXT)")
    for who in (BORIS, EVE):
        sender = updates.user(who) | {"first_name": said}
        await desk._takes({"message": updates.message(who, "/help", **{"from": sender})})
    async with desk.gate.database.reading() as tx:
        boris, eve = [await tx.people.get(UserId(who)) for who in (BORIS, EVE)]
    assert boris is not None
    assert (boris.name, boris.username, boris.reachable) == (known_as, f"u{BORIS}", True)
    assert eve is None


async def test_so_is_whoever_was_appointed_by_their_number(desk: Desk) -> None:
    await desk.says(BORIS, f"/role {EVE} auditor")
    async with desk.gate.database.reading() as tx:
        before = await tx.people.get(UserId(EVE))
    await desk.says(EVE, "/help")
    async with desk.gate.database.reading() as tx:
        after = await tx.people.get(UserId(EVE))
    assert before
    assert after
    assert (before.name, after.name) == (str(EVE), f"P{EVE}")


async def test_what_is_not_theirs_is_in_the_trail_as_often_as_it_may_be(desk: Desk) -> None:
    for number in range(25):
        if number % 20 == 0:
            desk.gate.now += timedelta(minutes=2)
        await desk.says(ANNA, "/revoke")
    assert len(await refusals(desk)) == 20
    await desk._takes(updates.forwarded(BORIS, "/revoke anna", 0))
    await desk.taps(CLARA, "no such\nbutton")
    assert (await refusals(desk))[20:] == [
        (f"telegram:{BORIS}", "forwarded /revoke"),
        (f"telegram:{CLARA}", "no such button"),
    ]


async def test_what_does_not_act_says_so(desk: Desk) -> None:
    assert await desk._takes(updates.forwarded(ANNA, "/help", 0)) == [words.ONLY_NEW_MESSAGES]
    assert await desk.says(ANNA, "hello") == [words.NOT_A_COMMAND]
    assert await desk.says(ANNA, "/nonsense") == [words.UNKNOWN_COMMAND]
    assert await refusals(desk) == []


async def test_while_there_is_no_room_only_revocations_are_handled(desk: Desk) -> None:
    reserve = desk.gate.worker._reserve
    reserve.is_scarce = True
    assert await desk.says(ANNA, "/help") == []
    assert await desk.says(BORIS, "/revoke nobody") != []
    assert [state for _, state, _ in await kept(desk)] == ["new", "done"]
    reserve.is_scarce = False
    assert len(await desk._takes(GROUP)) == 2, "with the one that had to wait"


async def test_a_tap_changes_its_message_where_that_is_the_answer(desk: Desk) -> None:
    """And what is typed never does."""
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    places = []
    for answered in (
        desk.taps(BORIS, f"rp:{ANNA}"),
        desk.says(BORIS, "/users"),
        desk.taps(BORIS, "oc"),
        desk.taps(BORIS, "oc:0"),
    ):
        await answered
        async with desk.gate.database.reading() as tx:
            rows = await tx.outbox.due(desk.gate.now, 1000)
        places.append(rows[-1].payload.get("edit"))
    assert places == [5, None, None, 5]


async def waits(desk: Desk, *said: tuple[int, str]) -> None:
    """Stores what people type, as the poller does, without handling it."""
    items = [
        InboxItem(
            number,
            ChatId(who),
            json.dumps({"update_id": number, "message": updates.message(who, text)}),
            desk.gate.now,
        )
        for number, (who, text) in enumerate(said, start=desk._number + 1)
    ]
    desk._number += len(items)
    async with desk.gate.database.writing() as tx:
        await tx.inbox.store(items)


async def answers(desk: Desk) -> list[tuple[int, str]]:
    """To whom what was said, in its order."""
    async with desk.gate.database.reading() as tx:
        rows = await tx.outbox.due(desk.gate.now + DAY, 10_000)
    return [(row.chat_id, str(row.payload.get("text", row.kind.value))) for row in rows]


def commits(desk: Desk) -> list[str]:
    """Gets longer with each commit."""
    seen: list[str] = []

    def note(statement: str) -> None:
        if statement == "COMMIT":
            seen.append(statement)

    on_each_connection(desk.gate.database, note)
    return seen


async def test_a_members_flood_makes_nobody_else_wait(desk: Desk) -> None:
    """It costs few transactions, and what tells whether they can be reached is handled."""
    await desk.allow(EMIL)
    await desk.have_started(EMIL)
    await desk.new()
    flood = [(ANNA, "/help")] * 400
    await waits(desk, *flood, (EMIL, "/myvpn"), (EVE, "/start"), (BORIS, "/help"))
    blocked = updates.membership(updates.chat(ANNA), ANNA, "kicked") | {"update_id": 5000}
    async with desk.gate.database.writing() as tx:
        await tx.inbox.store([InboxItem(5000, ChatId(ANNA), json.dumps(blocked), desk.gate.now)])
        before = len(await tx.outbox.due(desk.gate.now, 10_000))
    seen = commits(desk)
    await desk.gate.worker.work_off()
    served = [who for who, _ in await answers(desk)][before:]
    # An admin first; Anna wrote before Emil, and has five of hers handled before it is his turn.
    assert served[:7] == [BORIS, *[ANNA] * 5, EMIL]
    assert served[7:] == [*[ANNA] * 26, EVE]
    assert len(seen) < 60
    assert Counter(state for _, state, _ in await kept(desk)) == {"done": 402}
    async with desk.gate.database.reading() as tx:
        anna = await tx.people.get(UserId(ANNA))
    assert anna is not None
    assert anna.reachable is False


async def test_whoever_has_a_role_comes_before_strangers(desk: Desk) -> None:
    """Also where they are not on the allowlist."""
    await desk.says(BORIS, f"/role {EMIL} auditor")
    await desk.have_started(EMIL)
    await waits(desk, *[(who, "/start") for who in range(70_000, 70_020)], (EMIL, "/grants"))
    async with desk.gate.database.writing() as tx:
        before = len(await tx.outbox.due(desk.gate.now, 10_000))
    await desk.gate.worker.work_off()
    assert [who for who, _ in await answers(desk)][before] == EMIL


async def test_an_admins_revocation_is_heard_whatever_the_pace(desk: Desk) -> None:
    """Typed or tapped, in its order; their other words are not."""
    await desk.gate.gives(ANNA, "berlin")
    await desk.allow(EMIL)
    await desk.gate.gives(EMIL, "paris")
    flood = [(BORIS, "/grants")] * 200
    await waits(desk, *flood, (BORIS, "/revoke 1001"), *flood, (BORIS, f"/remove {EMIL}"))
    await desk.gate.worker.work_off()
    assert await desk.counts() == (2, 0)
    assert not await desk.is_allowed(EMIL)
    await desk.new()
    before = calls(desk)
    await desk.taps(BORIS, f"rp:{ANNA}")
    assert calls(desk) == before + 1
    assert await desk.says(BORIS, "/help") == []
    assert {state for _, state, _ in await kept(desk)} == {"done"}


@pytest.mark.parametrize(
    "data",
    [
        *("ud:1", "wd:1", "ct:1", "cs:g-1:berlin:0", "ca:berlin", "cay:berlin"),
        *("rvl:20", "rml:20", "lr:1"),
    ],
)
async def test_so_is_every_button_that_ends_something(desk: Desk, data: str) -> None:
    await waits(desk, *[(BORIS, "/help")] * 130)
    await desk.gate.worker.work_off()
    before = calls(desk)
    await desk.taps(BORIS, "us:0")
    assert calls(desk) == before
    await desk.taps(BORIS, data)
    assert calls(desk) == before + 1


async def test_the_yes_to_an_old_revocation_is_one(desk: Desk) -> None:
    """Also while the disk is full."""
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(BORIS, f"/revoke {ANNA}", ago=DAY)
    yes = (await desk.buttons())["Do it now"]
    desk.gate.worker._reserve.is_scarce = True
    await desk.taps(BORIS, yes)
    assert await desk.counts() == (1, 0)


async def test_what_is_not_an_admins_is_no_revocation(desk: Desk) -> None:
    await waits(desk, *[(ANNA, "/revoke 1001")] * 100)
    await desk.gate.worker.work_off()
    assert len(await refusals(desk)) == 20
    assert Counter(state for _, state, _ in await kept(desk)) == {"done": 100}


async def test_strangers_share_a_transaction(desk: Desk) -> None:
    crowd = range(70_000, 70_300)
    await waits(desk, *[(who, "/start") for who in crowd])
    seen = commits(desk)
    await desk.gate.worker.work_off()
    assert len(seen) <= 300 / 16 + 1
    assert len({who for who, _ in await answers(desk) if who in crowd}) == 30
    assert await kept(desk) == []


async def test_one_of_many_that_fails_costs_only_itself(desk: Desk) -> None:
    """Its answer cannot be stored; all others are answered once, and what is odd is set aside."""
    async with desk.gate.database.writing() as tx:
        await tx._connection.exec_driver_sql(
            "CREATE TRIGGER refuses BEFORE INSERT ON outbox WHEN NEW.payload LIKE '%70002%'"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    await waits(desk, *[(who, "/start") for who in range(70_000, 70_005)])
    async with desk.gate.database.writing() as tx:
        await tx.inbox.store([InboxItem(99, ChatId(70_001), "nonsense", desk.gate.now)])
    await desk.gate.worker.work_off()
    said = await answers(desk)
    assert [who for who, _ in said if who >= 70_000] == [70_000, 70_001, 70_002, 70_003, 70_004]
    assert [text for who, text in said if who == 70_002] == [words.SOMETHING_BROKE]
    assert [(number, state) for number, state, _ in await kept(desk)] == [
        (3, "quarantined"),
        (99, "quarantined"),
    ]


async def test_a_stranger_is_answered_although_it_had_to_be_done_again(desk: Desk) -> None:
    """The limit counts what was rolled back, and knows it again."""
    await waits(desk, (EVE, "/start"))
    async with desk.gate.database.writing() as tx:
        await tx._connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'x'); END"
        )
    async with desk.gate.database.reading() as tx:
        [item] = await tx.inbox.new()
    incoming, _ = _read(item)
    assert incoming is not None
    with pytest.raises(IntegrityError):
        await desk.gate.worker._act_alone(item, incoming)
    async with desk.gate.database.writing() as tx:
        await tx._connection.exec_driver_sql("DROP TRIGGER full")
    await desk.gate.worker.work_off()
    assert [who for who, _ in await answers(desk) if who == EVE] == [EVE]


async def test_what_comes_meanwhile_is_handled_at_once(desk: Desk) -> None:
    """An admin's word that is stored while a member's flood is worked off."""
    worker = desk.gate.worker
    await waits(desk, *[(ANNA, "/help")] * 20)
    done = 0

    def on_done() -> None:
        nonlocal done
        done += 1
        if done == 3:
            worker.wake()

    late = {"update_id": 900, "message": updates.message(BORIS, "/help")}
    worker._on_done = on_done
    handle = asyncio.create_task(worker.work_off())
    async with desk.gate.database.writing() as tx:
        await tx.inbox.store([InboxItem(900, ChatId(BORIS), json.dumps(late), desk.gate.now)])
    await handle
    served = [who for who, _ in await answers(desk)]
    assert served.index(BORIS) < len(served) - 10
