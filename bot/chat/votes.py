"""Who has agreed to a request so far, and who still has to."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.access import approvals
from bot.access.case import Case
from bot.access.hearing import Hearing
from bot.texts import chat as words
from bot.texts import groups as group_words
from bot.texts.durations import duration_text
from bot.texts.fill import Html, fill
from storage.records import UserId


@dataclass(frozen=True, slots=True)
class Votes:
    """What a card says of them; `counts`: whether its reader's own yes would."""

    said: Sequence[Html]
    counts: bool


async def votes(case: Case, heard: Hearing, viewer: UserId | None) -> Votes:
    """Nothing is said where one yes of any admin decides.

    Args:
        viewer: the reader, by the account that they are known by; None: whoever may decide.
    """
    given = await approvals.given(case, heard)
    vote = heard.vote(min([heard.limit, *(one.duration for one in given)]))
    said = [
        fill(words.CARD_AGREED, admin=one.name, duration=duration_text(one.duration))
        for one in given
    ]
    if vote.in_all > 1 or given:
        missing = vote.missing([one.person for one in given])
        said.append(fill(words.CARD_NEEDS, count=max(missing, 1)))
    for quorum in vote.quorums:
        names = [await case.tx.people.name_of(person) for person in sorted(quorum.people)]
        shown = ", ".join(names)
        said.append(
            fill(group_words.CARD_QUORUM, group=quorum.group, count=quorum.needed, names=shown)
        )
    agreed = {one.person for one in given}
    readers = {heard.person_of(one) for one in heard.deciders} if viewer is None else {viewer}
    return Votes(said, any(vote.counts(one, agreed - {one}) for one in readers))
