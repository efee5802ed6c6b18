"""Who is served before whom."""

from datetime import UTC, datetime

import pytest

from bot.chat.turns import Rank, Turns
from storage.records import ChatId, InboxItem

_RANKS = {"a": Rank.ADMIN, "b": Rank.ADMIN, "m": Rank.MEMBER, "n": Rank.MEMBER, "s": Rank.OTHER}
_MORNING = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)


def waiting(chats: str, turns: Turns | None = None, after: int = 0) -> Turns:
    """Each letter is an update of that chat, in the order of arrival."""
    turns = turns or Turns()
    for seq, chat in enumerate(chats, start=after + 1):
        turns.add(InboxItem(seq, ChatId(ord(chat)), "", _MORNING, seq), _RANKS[chat])
    return turns


def served(turns: Turns, most: int = 1000) -> str:
    """Known people until none is left, and then the others."""
    order = ""
    while (item := turns.next_known()) is not None:
        order += chr(item.chat_id)
        if len(order) == most:
            return order
    return order + "".join(chr(item.chat_id) for item in turns.next_others(most))


@pytest.mark.parametrize(
    ("arrived", "order"),
    [
        ("", ""),
        ("smas", "amss"),
        # A word may take back what another one gave.
        ("ababba", "ababba"),
        # Five, and then it is the others' turn; once nobody is left they go on.
        ("a" * 7 + "bb", "aaaaabbaa"),
        ("m" * 12 + "n" * 6, "mmmmmnnnnnmmmmmnmm"),
        ("m" * 6 + "a" * 6, "aaaaaammmmmm"),
    ],
)
def test_in_order_as_long_as_nobody_sends_much(arrived: str, order: str) -> None:
    assert served(waiting(arrived)) == order


def test_within_a_chat_the_order_is_that_of_arrival() -> None:
    turns = waiting("mnm" * 20)
    seen = [item.seq for item in iter(turns.next_known, None) if item.chat_id == ord("m")]
    assert seen == sorted(seen)
    assert len(seen) == 40


def test_whoever_comes_later_gets_their_turn_now() -> None:
    turns = waiting("m" * 100)
    assert served(turns, 7) == "m" * 7
    waiting("nnna", turns, after=100)
    assert served(turns, 8) == "a" + "mmm" + "nnn" + "m"


def test_whoever_was_gone_starts_anew() -> None:
    turns = waiting("mmmmm")
    assert served(turns) == "mmmmm"
    waiting("m", turns, after=5)
    assert served(turns) == "m"


def test_what_waits_of_somebody_who_was_let_in_goes_with_them() -> None:
    turns = waiting("sss")
    turns.add(InboxItem(4, ChatId(ord("s")), "", _MORNING, 4), Rank.MEMBER)
    assert [item.seq for item in iter(turns.next_known, None)] == [1, 2, 3, 4]


def test_some_of_a_chat_can_be_dropped() -> None:
    turns = waiting("mmmmnm")
    assert [item.seq for item in turns.first_of(ChatId(ord("m")), 3)] == [1, 2, 3]
    turns.drop(ChatId(ord("m")), {1, 3, 6})
    assert [item.seq for item in iter(turns.next_known, None)] == [2, 4, 5]
    assert turns.first_of(ChatId(ord("m")), 3) == []


def test_others_are_taken_many_at_once() -> None:
    turns = waiting("s" * 5)
    assert [item.seq for item in turns.next_others(3)] == [1, 2, 3]
    assert [item.seq for item in turns.next_others(3)] == [4, 5]
    assert turns.next_others(3) == []


def test_of_who_has_been_served_nothing_is_kept() -> None:
    """Each flood of strangers comes from other accounts."""
    turns = waiting("sams" * 3)
    assert len(served(turns)) == 12
    assert turns._ranks == {}
    assert turns.first_of(ChatId(ord("s")), 5) == []
    assert served(waiting("sm", turns, after=12)) == "ms"
