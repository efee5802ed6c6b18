"""What is typed and tapped, as the real worker answers it on a real database."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.access import people
from storage.records import UserId
from tests.bot.access.kit import edits_go_out
from tests.gate import updates
from tests.gate.gate import OPERATOR, Gate

BORIS, CLARA, ANNA, EVE = 2001, 2002, 1001, 3001
DAY = timedelta(days=1)


class Desk:
    """What is typed and tapped at some age, and what is answered."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._number = self._read = 0

    async def says(
        self,
        who: int,
        text: str,
        *,
        ago: timedelta = timedelta(),
        replies_to: int | None = None,
    ) -> list[str]:
        date = int((self.gate.now - ago).timestamp())
        said = updates.message(who, text, date=date)
        if replies_to is not None:
            said["reply_to_message"] = updates.message(who, "ours", message_id=replies_to)
        return await self._takes({"message": said})

    async def taps(self, who: int, data: str) -> list[str]:
        return await self._takes({"callback_query": updates.tap(who, data)})

    async def taps_in_group(self, who: int, data: str) -> list[str]:
        """On a card that the group of the admins holds."""
        core = self.gate.worker._core
        rules = replace(core.rules, cards_group=updates.GROUP["id"])
        self.gate.worker._core = replace(core, rules=rules)
        tap = updates.tap(who, data)
        tap["message"]["chat"] = updates.GROUP
        return await self._takes({"callback_query": tap})

    async def pops_up(self, who: int, data: str) -> str:
        """A tap, and what is said beside the button."""
        await self.taps(who, data)
        await asyncio.gather(*self.gate.worker._answers)
        return str(self.gate.telegram.last["text"])

    def message(self, who: int, text: str) -> updates.Json:
        """An update that nobody has taken in yet."""
        self._number += 1
        date = int(self.gate.now.timestamp())
        return {"update_id": self._number, "message": updates.message(who, text, date=date)}

    async def _takes(self, update: updates.Json) -> list[str]:
        self._number += 1
        await self.gate.takes(update | {"update_id": self._number})
        return [str(payload.get("text", kind)) for kind, payload in await self.new()]

    async def new(self) -> list[tuple[str, updates.Json]]:
        async with self.gate.database.writing() as tx:
            rows = await tx.outbox.due(self.gate.now + 10 * DAY, 1000)
            await edits_go_out(tx, rows)
        found = [(row.kind.value, row.payload) for row in rows if row.id > self._read]
        self._read = max([self._read, *(row.id for row in rows)])
        return found

    async def buttons(self) -> dict[str, str]:
        """Of the newest message: label to data."""
        async with self.gate.database.reading() as tx:
            rows = await tx.outbox.due(self.gate.now + 10 * DAY, 1000)
        keyboard = rows[-1].payload["keyboard"]
        return {button["text"]: button["data"] for row in keyboard for button in row}

    async def is_allowed(self, user_id: int) -> bool:
        async with self.gate.database.reading() as tx:
            person = await tx.people.get(UserId(user_id))
        return person is not None and person.allowed

    async def allow(self, user_id: int) -> None:
        async with self.gate.database.writing() as tx:
            await people.allow(self.gate.case(tx, OPERATOR), UserId(user_id), f"P{user_id}")

    async def have_started(self, *known: int) -> None:
        """They have written before, so they have their menus."""
        async with self.gate.database.writing() as tx:
            for user_id in known:
                await tx.people.know(UserId(user_id), f"P{user_id}", self.gate.now)
                await tx.people.set_reachable(UserId(user_id), reachable=True)

    async def counts(self) -> tuple[int, int]:
        """Requests, and live grants."""
        async with self.gate.database.reading() as tx:
            live = [one for one in await tx.grants.all() if one.state.value != "revoking"]
            return len(await tx.requests.all()), len(live)

    async def remove(self, user_id: int) -> None:
        async with self.gate.database.writing() as tx:
            await people.remove(self.gate.case(tx, OPERATOR), UserId(user_id))
        await self.new()
