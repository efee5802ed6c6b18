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
        self._passed: OrderedDict[Hashable, deque[timedelta]] = OrderedDict()

    def passes(self, key: Hashable, now: timedelta) -> bool:
        """Whether it may pass now; counted if it may."""
        passed = self._passed.setdefault(key, deque())
        self._passed.move_to_end(key)
        while passed and now - passed[0] >= self._period:
            passed.popleft()
        if len(passed) >= self._times:
            return False
        passed.append(now)
        if len(self._passed) > self._keys:
            self._passed.popitem(last=False)
        return True


class Limits:
    """The bot's limits on what people send."""

    def __init__(self) -> None:
        minute = timedelta(minutes=1)
        # A stranger gets one answer a minute, all strangers together thirty.
        self._stranger = Throttle(1, minute)
        self._strangers = Throttle(30, minute, keys=1)
        # Anybody can put the bot into groups: likewise, beside the strangers.
        self._group = Throttle(1, minute)
        self._groups = Throttle(30, minute, keys=1)
        # Nobody types faster; a script is told once a minute to slow down.
        self._member = Throttle(30, minute)
        # Admins have hands full of cards.
        self._admin = Throttle(120, minute)
        self._warning = Throttle(1, minute)
        self._audited = Throttle(20, timedelta(hours=1))
        # Accounts cost nothing. Accepted: who has many hides one refusal among those of others.
        self._strangers_audited = Throttle(300, timedelta(hours=1), keys=1)

    def answers_stranger(self, user_id: int, now: timedelta) -> bool:
        """Whether somebody whom nobody knows gets an answer now."""
        return self._stranger.passes(user_id, now) and self._strangers.passes(0, now)

    def acts_for(self, actor: Actor, now: timedelta) -> bool:
        """Whether a known person's message or tap is acted on now."""
        throttle = self._admin if actor.is_admin else self._member
        return throttle.passes(actor.user_id or 0, now)

    def answers_group(self, chat_id: int, now: timedelta) -> bool:
        """Whether a group is told where to find the bot now."""
        return self._group.passes(chat_id, now) and self._groups.passes(0, now)

    def warns(self, user_id: int, now: timedelta) -> bool:
        """Whether somebody who is too fast is told so now."""
        return self._warning.passes(user_id, now)

    def audits(self, actor: Actor, now: timedelta) -> bool:
        """Whether a refusal goes into the trail; a flood of them must not fill the disk."""
        return self._audited.passes(actor.user_id or 0, now) and (
            actor.is_known or self._strangers_audited.passes(0, now)
        )
