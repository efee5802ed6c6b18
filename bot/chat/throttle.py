"""How often somebody is answered. Kept in memory, within bounds: a flood costs little.

Each `now` is the time since the machine was started, which nobody sets.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from datetime import timedelta

from bot.access.permission import Actor


class Throttle:
    """Lets each key pass so many times in a period.

    Args:
        times: how often, in any period of this length.
        keys: how many keys are remembered; beyond that the one that was quiet longest is
            forgotten, and starts anew.
    """

    def __init__(self, times: int, period: timedelta, *, keys: int = 10_000) -> None:
        self._times = times
        self._period = period
        self._keys = keys
        self._passed: OrderedDict[Hashable, deque[tuple[timedelta, Hashable]]] = OrderedDict()

    def passes(self, key: Hashable, now: timedelta, what: Hashable = None) -> bool:
        """Whether it may pass now; counted if it may.

        Args:
            what: lets the same thing pass again where it has: whatever was rolled back is done
                once more.
        """
        passed = self._passed.setdefault(key, deque())
        self._passed.move_to_end(key)
        while passed and now - passed[0][0] >= self._period:
            passed.popleft()
        if what is not None and any(what == before for _, before in passed):
            return True
        if len(passed) >= self._times:
            return False
        passed.append((now, what))
        if len(self._passed) > self._keys:
            self._passed.popitem(last=False)
        return True


class Limits:
    """The bot's limits on what people send.

    Args:
        room: how often what is due once may pass: see `bot.chat.door`.
    """

    def __init__(self, room: int = 1) -> None:
        minute = timedelta(minutes=1)
        # A stranger gets one answer a minute, all strangers together thirty.
        self._stranger = Throttle(room, minute)
        self._strangers = Throttle(30 * room, minute, keys=1)
        # Newcomers send a command right after /start: two more answers an hour, of which all share
        # fifteen a minute. They count by themselves: who writes much takes no first answer away.
        self._newcomer = Throttle(2 * room, timedelta(hours=1))
        self._newcomers = Throttle(15 * room, minute, keys=1)
        # Anybody can put the bot into groups: likewise, beside the strangers.
        self._group = Throttle(room, minute)
        self._groups = Throttle(30 * room, minute, keys=1)
        # Nobody types faster; a script is told once a minute to slow down.
        self._member = Throttle(30, minute)
        # Admins have hands full of cards.
        self._admin = Throttle(120, minute)
        # An invitation works once; another try is for whoever was not sure of the first.
        self._invited = Throttle(2, minute)
        self._warning = Throttle(1, minute)
        self._audited = Throttle(20 * room, timedelta(hours=1))
        # Accounts cost nothing. Accepted: who has many hides one refusal among those of others.
        self._strangers_audited = Throttle(300 * room, timedelta(hours=1), keys=1)

    def answers_stranger(
        self, user_id: int, now: timedelta, update_id: int | None = None, *, is_typed: bool = True
    ) -> bool:
        """Whether somebody whom nobody knows gets an answer to this update now."""
        if self._stranger.passes(user_id, now, update_id):
            return self._strangers.passes(0, now, update_id)
        return (
            is_typed
            and self._newcomer.passes(user_id, now, update_id)
            and self._newcomers.passes(0, now, update_id)
        )

    def answers_invited(self, invitation: str, now: timedelta, update_id: int) -> bool:
        """Whether somebody who comes with this open invitation is let in now."""
        return self._invited.passes(invitation, now, update_id)

    def acts_for(self, actor: Actor, now: timedelta) -> bool:
        """Whether a known person's message or tap is acted on now."""
        throttle = self._admin if actor.is_admin else self._member
        return throttle.passes(actor.user_id or 0, now)

    def answers_group(self, chat_id: int, now: timedelta, update_id: int | None = None) -> bool:
        """Whether a group is told now where to find the bot."""
        return self._group.passes(chat_id, now, update_id) and self._groups.passes(
            0, now, update_id
        )

    def warns(self, user_id: int, now: timedelta) -> bool:
        """Whether somebody who is too fast is told so now."""
        return self._warning.passes(user_id, now)

    def audits(self, actor: Actor, now: timedelta) -> bool:
        """Whether a refusal goes into the trail; a flood of them must not fill the disk."""
        if not actor.is_known:
            return self.audits_stranger(actor.user_id or 0, now)
        return self._audited.passes(actor.user_id or 0, now)

    def audits_stranger(self, user_id: int, now: timedelta, update_id: int | None = None) -> bool:
        """The same of somebody whom nobody knows."""
        return self._audited.passes(user_id, now, update_id) and self._strangers_audited.passes(
            0, now, update_id
        )
