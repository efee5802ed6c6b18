"""When a habit can come to somebody's mind: what there has to be in the town."""

from collections.abc import Callable
from typing import Any


def somebody_waits(town: Any) -> bool:
    return bool(town.pending)


def somebody_has_access(town: Any) -> bool:
    return bool(town.live)


def something_is_old(town: Any) -> bool:
    return bool(town.old)


def there_are_buttons(town: Any) -> bool:
    return bool(town.rig.pool)


def in_state(*states: str) -> Callable[[Any], bool]:
    return lambda town: any(one.state in states for one in town.rig.state.grants.values())
