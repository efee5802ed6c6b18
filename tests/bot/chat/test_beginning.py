"""What begins later, as it is typed, tapped and shown."""

from datetime import UTC, datetime, timedelta

from bot.access import beginning
from bot.access.permission import THE_BOT
from bot.chat import cards, member_commands
from bot.chat.views import View
from demo.api.markup import parse_html
from storage.records import Request, RequestState, UserId
from tests.bot.chat.desk import ANNA, BORIS, Desk


async def newest(desk: Desk) -> Request:
    async with desk.gate.database.reading() as tx:
        return (await tx.requests.all())[-1]


async def shown(desk: Desk, *, to: int) -> tuple[str, list[str]]:
    """The request as it reads for its owner or for an admin."""
    async with desk.gate.database.reading() as tx:
        case, request = desk.gate.case(tx, THE_BOT), (await tx.requests.all())[-1]
        if to == ANNA:
            view = await cards.asked(case, request)
        else:
            view = await cards.card(case, request, UserId(to))
    return read(view)


def read(view: View) -> tuple[str, list[str]]:
    return parse_html(view.text).text, [one.text for row in view.keyboard for one in row]


async def test_from_the_question_to_the_profile(desk: Desk) -> None:
    # The desk's day is Monday, the second of March.
    assert await desk.says(ANNA, "/requestvpn from wed 9:00 for 2d berlin the fair") == [
        "card",
        "card",
        "asked",
    ]
    request = await newest(desk)
    begins = datetime(2026, 3, 4, 9, 0, tzinfo=UTC).astimezone()
    begins = begins.replace(tzinfo=None, hour=9).astimezone(UTC)
    assert (request.starts_at, request.duration) == (begins, 2 * 86_400)
    assert request.reason == "the fair"
    text, _ = await shown(desk, to=ANNA)
    assert f"It begins {begins:%Y-%m-%d %H:%M} UTC. Your profile comes here shortly before." in text
    text, buttons = await shown(desk, to=BORIS)
    end = begins + timedelta(days=2)
    assert f"From {begins:%Y-%m-%d %H:%M} UTC until {end:%Y-%m-%d %H:%M} UTC, 2 days" in text
    assert buttons[0] == "Approve 2 days"

    await desk.taps(BORIS, await approve(desk))
    assert (await newest(desk)).state is RequestState.SCHEDULED
    text, buttons = await shown(desk, to=ANNA)
    assert "approved your request for berlin, 2 days from" in text
    assert buttons == ["Cancel request"]
    text, buttons = await shown(desk, to=BORIS)
    assert "The profile goes out shortly before it begins" in text
    assert buttons == ["Deny"]
    async with desk.gate.database.reading() as tx:
        mine = await member_commands.my_vpn_now(desk.gate.case(tx, THE_BOT), UserId(ANNA))
    text, buttons = read(mine)
    assert "approved, begins" in text
    assert "Cancel request" in buttons
    await desk.new()
    assert await desk.says(BORIS, "/pending") == ["1 approved request begins later:", "card"]
    # Another one for the same server may be had beside it.
    await desk.says(ANNA, "/requestvpn 8h berlin")
    head, card, *waiting = await desk.says(BORIS, "/pending")
    assert (head, card) == ("1 approved request begins later:", "card")
    assert waiting[1:] == ["card"]

    desk.gate.now = begins - timedelta(minutes=10)
    await desk.new()
    async with desk.gate.database.writing() as tx:
        assert await beginning.begin_due(desk.gate.case(tx, THE_BOT)) == 1
    assert "deliver" in [kind for kind, _ in await desk.new()]


async def approve(desk: Desk) -> str:
    async with desk.gate.database.reading() as tx:
        case, request = desk.gate.case(tx, THE_BOT), (await tx.requests.all())[-1]
        view = await cards.card(case, request, UserId(BORIS))
    return view.keyboard[0][0].data


async def test_deny_takes_it_back_before_it_begins(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn from wed 9:00 berlin")
    await desk.taps(BORIS, await approve(desk))
    await desk.taps(BORIS, f"dn:{(await newest(desk)).id}")
    assert (await newest(desk)).state is RequestState.DENIED
    # And that can be taken back like any no: then it waits for a decision again.
    await desk.taps(BORIS, f"ud:{(await newest(desk)).id}")
    request = await newest(desk)
    assert request.state is RequestState.PENDING
    assert request.starts_at is not None


async def test_cancel_takes_it_back_before_it_begins(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn from wed 9:00 berlin")
    await desk.taps(BORIS, await approve(desk))
    await desk.taps(ANNA, f"cx:{(await newest(desk)).id}")
    assert (await newest(desk)).state is RequestState.CANCELLED
    await desk.taps(ANNA, f"ag:{(await newest(desk)).id}")
    again = await newest(desk)
    assert (again.state, again.starts_at is None) == (RequestState.PENDING, False)


async def test_what_was_not_given_is_said_where_it_was_asked(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn from wed 9:00 berlin")
    await desk.taps(BORIS, await approve(desk))
    await desk.says(BORIS, f"/pause {ANNA}")
    desk.gate.now += timedelta(days=2)
    async with desk.gate.database.writing() as tx:
        await beginning.begin_due(desk.gate.case(tx, THE_BOT))
    text, buttons = await shown(desk, to=ANNA)
    assert "wasn’t given" in text
    assert buttons == []


async def test_what_cannot_be_read_is_said(desk: Desk) -> None:
    [said] = await desk.says(ANNA, "/requestvpn from 9 to 5 berlin")
    assert "I can’t tell when “from 9 to” is." in said
    [said] = await desk.says(ANNA, "/requestvpn from today 0:00")
    assert "That was" in said
    assert await desk.counts() == (0, 0)


async def test_an_unclear_duration_is_asked_back_and_the_beginning_kept(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn from wed 9:00 berlin a few days")
    answer = next(data for label, data in (await desk.buttons()).items() if "days" in label)
    await desk.taps(ANNA, answer)
    request = await newest(desk)
    assert request.starts_at is not None
    assert request.duration in {86_400, 2 * 86_400, 3 * 86_400, 7 * 86_400}


async def test_tomorrow_is_the_day_after_it_was_written(desk: Desk) -> None:
    """Also where the command waited with Telegram, or for an answer, over midnight."""
    wednesday = (datetime(2026, 3, 4, 9).astimezone()).astimezone(UTC)
    desk.gate.now = datetime(2026, 3, 3, 23, 50).astimezone().astimezone(UTC)
    # Not clear for how long: it is asked back.
    await desk.says(ANNA, "/requestvpn berlin from tomorrow 9:00 2 fairs")
    (tap,) = [data for text, data in (await desk.buttons()).items() if text == "2 days"]
    desk.gate.now += timedelta(minutes=20)
    await desk.taps(ANNA, tap)
    assert (await newest(desk)).starts_at == wednesday

    desk.gate.now = datetime(2026, 3, 4, 8).astimezone().astimezone(UTC)
    await desk.says(ANNA, "/requestvpn 2d paris from tomorrow 9:00", ago=timedelta(hours=20))
    await desk.taps(ANNA, (await desk.buttons())["Do it now"])
    assert (await newest(desk)).starts_at == wednesday
    # That has been meanwhile.
    desk.gate.now += timedelta(hours=2)
    await desk.says(ANNA, "/requestvpn 2d paris from tomorrow 9:00", ago=timedelta(hours=20))
    *_, said = await desk.taps(ANNA, (await desk.buttons())["Do it now"])
    assert "can’t begin then" in said
