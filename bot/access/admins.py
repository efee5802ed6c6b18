"""Who is an admin since when: the settings name them, and only a change of the settings shows.

Whoever is taken off the list has no say any more, and whoever is put back begins anew: what they
said or tapped before that does not count.
"""

from dataclasses import dataclass

from bot.access import audit
from bot.access.context import Context
from bot.access.permission import THE_BOT
from storage.records import UserId
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Change:
    """Of the list of admins since it was last looked at."""

    joined: tuple[UserId, ...]
    left: tuple[UserId, ...]


async def observe(tx: Transaction, ctx: Context) -> Change:
    """Notes who became an admin by the settings in force, and who is none any more.

    To be asked by what serves the chat only: a command may run without knowing the admins.
    """
    known = await tx.admins.all()
    listed = set(ctx.rules.admins)
    change = Change(tuple(sorted(listed - known.keys())), tuple(sorted(known.keys() - listed)))
    # Before the first look nobody was taken off.
    last = await tx.requests.last_decision() if known else 0
    for user_id in change.left:
        await tx.admins.remove(user_id)
    for user_id in change.joined:
        await tx.admins.add(user_id, after_decision=last)
    return change


async def observe_at_start(tx: Transaction, ctx: Context) -> None:
    """`observe`, with a row in the trail where the list has changed."""
    change = await observe(tx, ctx)
    if change.joined or change.left:
        await audit.record(
            tx, ctx, THE_BOT, "admins.change", "admins", joined=change.joined, left=change.left
        )
