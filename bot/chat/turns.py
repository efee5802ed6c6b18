"""Whose turn it is, of all whose updates wait: admins first, then members, then everybody else.

Within a chat the order is that of arrival, and so it is among people as long as nobody sends much
at once: a word may take back what another one gave. Whoever does waits after a few until each of
the others has had as many.
"""

from collections import Counter, deque
from collections.abc import Collection
from enum import IntEnum
from itertools import islice

from storage.records import ChatId, InboxItem

# More than people type while they wait for an answer.
_IN_A_TURN = 5


class Rank(IntEnum):
    """Who is served before whom; whoever has a role is a member here, on the allowlist or not."""

    ADMIN = 0
    MEMBER = 1
    OTHER = 2


class Turns:
    def __init__(self) -> None:
        self._ranks: dict[ChatId, Rank] = {}  # of those chats of which something waits
        self._waiting: dict[Rank, dict[ChatId, deque[InboxItem]]] = {rank: {} for rank in Rank}
        self._had: dict[Rank, Counter[ChatId]] = {rank: Counter() for rank in Rank}

    def add(self, item: InboxItem, rank: Rank) -> None:
        """Takes on what came after all that was there before.

        What waits of the same chat gets this rank, too, so that the order stays.
        """
        before = self._ranks.get(item.chat_id, rank)
        queue = self._waiting[before].pop(item.chat_id, deque())
        queue.append(item)
        self._ranks[item.chat_id] = rank
        self._waiting[rank][item.chat_id] = queue

    def next_known(self) -> InboxItem | None:
        """The next one of a known person's; None where there is none."""
        for rank in (Rank.ADMIN, Rank.MEMBER):
            waiting, had = self._waiting[rank], self._had[rank]
            if all(had[chat] >= _IN_A_TURN for chat in waiting):
                had.clear()  # a new turn, or nobody is there
            if waiting:
                first = (queue[0] for chat, queue in waiting.items() if had[chat] < _IN_A_TURN)
                item = min(first, key=_place)
                had[item.chat_id] += 1
                self.drop(item.chat_id, {item.update_id})
                return item
        return None

    def next_others(self, most: int) -> list[InboxItem]:
        """The next ones of all others, in the order of arrival."""
        waiting = self._waiting[Rank.OTHER].values()
        some = sorted((item for queue in waiting for item in queue), key=_place)[:most]
        for item in some:
            self.drop(item.chat_id, {item.update_id})
        return some

    def first_of(self, chat: ChatId, most: int) -> list[InboxItem]:
        """What waits of one chat; it goes on waiting."""
        rank = self._ranks.get(chat)
        return [] if rank is None else list(islice(self._waiting[rank][chat], most))

    def drop(self, chat: ChatId, update_ids: Collection[int]) -> None:
        """These do not wait any more."""
        waiting = self._waiting[self._ranks[chat]]
        queue = waiting[chat]
        while queue and queue[0].update_id in update_ids:
            queue.popleft()
        if any(item.update_id in update_ids for item in queue):
            waiting[chat] = deque(one for one in queue if one.update_id not in update_ids)
        if not waiting[chat]:  # a stranger may never write again
            del waiting[chat], self._ranks[chat]


def _place(item: InboxItem) -> int:
    return item.seq
