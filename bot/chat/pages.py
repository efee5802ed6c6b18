"""Lists that are too long for one message: pages, and the buttons that turn them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from bot.chat import buttons
from bot.chat.buttons import Button, Keyboard, Tap
from bot.texts import chat as words
from bot.texts.fill import Html, fill
from storage.records import GrantId, RequestId

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """A part of a list that is too long for one message."""

    items: Sequence[_Item]
    number: int
    count: int
    size: int

    @classmethod
    def of(cls, count: int, number: int | None, *, size: int) -> "Page[_Item]":
        """A page of a list that is fetched a part at a time, without its items."""
        pages = max(-(-count // size), 1)
        return cls((), min(number or 0, pages - 1), pages, size)

    @property
    def first(self) -> int:
        """The place of its first item in the list."""
        return self.number * self.size

    @property
    def text(self) -> Html:
        """Which page it is; nothing where there is one only."""
        if self.count == 1:
            return Html("")
        return fill(words.PAGE, number=self.number + 1, pages=self.count)

    def turning(self, tap: Tap, *subject: GrantId | RequestId) -> Keyboard:
        """The row that leads to the next page and back, of the list that this button begins."""
        around = ((words.BUTTON_BACK, self.number - 1), (words.BUTTON_NEXT, self.number + 1))
        row = [
            Button(text, buttons.data(tap, *subject, number))
            for text, number in around
            if 0 <= number < self.count
        ]
        return (tuple(row),) if row else ()


def page_of(items: Sequence[_Item], number: int | None, *, size: int) -> Page[_Item]:
    """A page of so many at most; the last one where the list has become shorter."""
    page: Page[_Item] = Page.of(len(items), number, size=size)
    return replace(page, items=items[page.first :][:size])
