"""Names from before the takeover, as an admin turns to them and says whose they are."""

import pytest

from bot.access import importing, linking
from bot.access.importing import Certificate
from bot.access.matching import propose
from bot.chat import views
from bot.texts import chat as words
from storage.records import Person
from storage.transaction import Transaction
from tests.bot.chat.desk import ANNA, BORIS, DAY, Desk
from tests.gate.gate import OPERATOR

ALL = "Old certificates"


async def place(desk: Desk) -> tuple[str, int | None]:
    """The newest text, and which message it changes."""
    async with desk.gate.database.reading() as tx:
        rows = await tx.outbox.due(desk.gate.now, 1000)
    return rows[-1].payload["text"], rows[-1].payload.get("edit")


async def test_there_may_be_none(desk: Desk) -> None:
    await desk.taps(BORIS, "oc")
    assert await place(desk) == (words.OLD_CERTIFICATES_NONE, None)
    await desk.taps(BORIS, "oc:0")
    assert await place(desk) == (words.OLD_CERTIFICATES_NONE, 5)


async def test_from_the_list_to_a_name_and_its_person(desk: Desk) -> None:
    await desk.gate.take_over()
    await desk.new()
    await desk.taps(BORIS, "oc")
    text, edit = await place(desk)
    assert edit is None
    assert "vpn.example.com" not in text
    names = await desk.buttons()
    assert list(names) == ["anna", "old-laptop", "P1001"]
    await desk.taps(BORIS, "oc:0")
    assert (await place(desk))[1] == 5
    # Two of one name: each has a button, and both are to be read.
    await desk.taps(BORIS, names["anna"])
    text, edit = await place(desk)
    assert (text.count("deed"), edit) == (2, 5)
    assert "\n2. serial <code>deed" in text
    labels = await desk.buttons()
    numbered = [words.BUTTON_REVOKE_NUMBERED.format(number=number) for number in (1, 2)]
    assert [label for label in labels if label.startswith("Revoke")] == numbered
    # Nobody is called so; the others are one tap away.
    assert words.OLD_CERTIFICATE_NOBODY not in text
    await desk.taps(BORIS, labels[words.BUTTON_LINK_OTHER])
    labels = await desk.buttons()
    assert words.BUTTON_LINK_OTHER not in labels
    await desk.taps(BORIS, labels["Link to P1001"])
    async with desk.gate.database.reading() as tx:
        linked = [one.common_name for one in await tx.grants.of_user(ANNA)]  # type: ignore[arg-type]
    assert linked == ["anna", "anna"]
    await desk.taps(BORIS, "oc")
    assert list(await desk.buttons()) == ["old-laptop", "P1001"]


async def test_who_is_called_like_it_comes_first(desk: Desk) -> None:
    await desk.gate.take_over()
    await desk.new()
    await desk.taps(BORIS, "oc")
    await desk.taps(BORIS, (await desk.buttons())["P1001"])
    labels = list(await desk.buttons())
    assert labels[0] == "Link to P1001"
    assert words.BUTTON_REVOKE_GRANT.format(common_name="P1001") in labels
    [said] = [one for one in await desk.taps(ANNA, "oc") if one != "notice"] or [""]
    assert "Old" not in said


async def take_many(desk: Desk) -> int:
    """One more than there is room for on a page."""
    count = views.BUTTONS_SHOWN + 1
    books = [
        Certificate(f"deed{number:036x}", f"name-{number:02}", desk.gate.now, desk.gate.now + DAY)
        for number in range(count)
    ]
    async with desk.gate.database.writing() as tx:
        await importing.take_in(desk.gate.case(tx, OPERATOR), books)
    return count


async def test_where_they_are_many_revoke_leads_to_their_pages(desk: Desk) -> None:
    count = await take_many(desk)
    await desk.new()
    await desk.says(BORIS, "/revoke")
    assert (await desk.buttons())[f"{ALL} ({count})"] == "oc"


async def test_many_names_come_in_pages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    async def counting(tx: Transaction, common_name: str) -> tuple[Person, ...]:
        compared.append(common_name)
        return await propose(tx, common_name)

    monkeypatch.setattr(linking, "propose", counting)
    count = await take_many(desk)
    await desk.new()
    await desk.taps(BORIS, "oc")
    labels = await desk.buttons()
    assert "Page 1 of 2" in (await place(desk))[0]
    await desk.taps(BORIS, labels[words.BUTTON_NEXT])
    assert f"name-{count - 1:02}" in await desk.buttons()
    labels = await desk.buttons()
    assert "name-00" not in labels
    # Thousands of names, each with hundreds of people, take seconds: only the one is compared.
    assert compared == []
    await desk.taps(BORIS, labels[f"name-{count - 1:02}"])
    assert compared == [f"name-{count - 1:02}"]
