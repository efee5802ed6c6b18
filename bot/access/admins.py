"""Since when each admin is one, noted whenever the settings name others.

Whoever is taken off the list has no say any more, and whoever is put back begins anew: what they
said or tapped before that does not count.
"""

from dataclasses import dataclass

from bot.access import invitations, messages
from bot.access.case import Case
from bot.access.permission import THE_BOT, telegram_key
from storage.records import UserId


@dataclass(frozen=True, slots=True)
class Change:
    """How the list of admins changed since it was last compared."""

    joined: tuple[UserId, ...]
    left: tuple[UserId, ...]


async def observe(case: Case) -> Change:
    """Compares the list of admins with the settings in force, and stores who joined and left.

    To be asked by what serves the chat only: a command may run without knowing the admins.
    """
    known = await case.tx.admins.all()
    listed = set(case.rules.admins)
    change = Change(tuple(sorted(listed - known.keys())), tuple(sorted(known.keys() - listed)))
    # Before the first look nobody was taken off.
    last = await case.tx.requests.last_decision() if known else 0
    for user_id in change.left:
        await case.tx.admins.remove(user_id)
        await invitations.withdraw_all(case.by(THE_BOT), made_by=telegram_key(user_id))
        # Who has never written has no menu.
        if await case.tx.people.get(user_id) is not None:
            await messages.menu(case, user_id)
    for user_id in change.joined:
        await case.tx.admins.add(user_id, after_decision=last)
    return change


async def observe_at_start(case: Case) -> None:
    """`observe`, with a row in the audit trail where the list has changed."""
    change = await observe(case)
    if change.joined or change.left:
        await case.by(THE_BOT).record(
            "admins.change", "admins", joined=change.joined, left=change.left
        )
