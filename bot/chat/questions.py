"""Questions before something is done: the yes acts on what was asked, or asks anew.

Nobody knows when a tap was made that waited with Telegram, so the button of a yes carries a digest
of all that the question stands for: what it showed, and the newest decision about whom it is about.
Where that is another one by now, nothing is done, and the question stands there as it reads now.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bot.access import holdings, revocation, who
from bot.access.linking import Unlinked
from bot.chat import buttons, views
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import pausing as pause_words
from bot.texts import questions as asking
from bot.texts.fill import Html, blocks, escaped, fill, lines, moment
from storage.pauses import PersonPause
from storage.records import Grant, GrantId, Person, UserId

_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it reads now; `yes` is the button that answers it."""

    view: View
    yes: Tap
    digest: str

    def unless_answered(self, meant: Meant) -> Reply | None:
        """Asks it; None where this tap is the yes to just that.

        A yes to what it was before is told that things have changed.
        """
        if meant.tap is not self.yes:
            return Reply(self.view, edit=True)
        if meant.digest == self.digest:
            return None
        view = View(blocks(asking.QUESTION_CHANGED, self.view.text), self.view.keyboard)
        return Reply(view, Html(asking.QUESTION_CHANGED_TOAST), edit=True, alert=True)


async def revoke_person(scene: Scene, user_id: UserId) -> Question:
    """Raises Refused: UNKNOWN_PERSON, NOTHING_LIVE."""
    found = await revocation.require_holding(scene.case, user_id)
    person = await revocation.known_person(scene.tx, user_id)
    # What has ended already is looked at again with it, and stands for itself where it is all.
    shown = [one.grant for one in found if one.is_live] or [one.grant for one in found]
    text = blocks(
        fill(
            asking.CONFIRM_REVOKE_PERSON,
            count=len(shown),
            name=await who.name_of(scene.tx, person.id),
        ),
        _named(shown),
    )
    decided = await _decided(scene, user_id)
    return _question(
        text, words.BUTTON_REVOKE_YES, Tap.REVOKE_PERSON_YES, person.id, [_ids(shown), decided]
    )


async def remove(scene: Scene, person: Person) -> Question:
    found = await holdings.of_person(scene.tx, scene.case.now, person.id)
    live = [one.grant for one in found if one.is_live]
    name = await who.name_of(scene.tx, person.id)
    text = blocks(fill(asking.CONFIRM_REMOVE, name=name), _named(live))
    decided = await _decided(scene, person.id)
    return _question(
        text, words.BUTTON_REMOVE_YES, Tap.REMOVE_YES, person.id, [_ids(live), decided]
    )


async def pause(scene: Scene, user_id: UserId) -> Question:
    """Raises Refused: UNKNOWN_PERSON."""
    person = await revocation.known_person(scene.tx, user_id)
    found = await holdings.of_person(scene.tx, scene.case.now, user_id)
    live = [one.grant for one in found if one.is_live]
    name = await who.name_of(scene.tx, person.id)
    text = blocks(
        fill(pause_words.CONFIRM_PAUSE, count=len(live), name=name),
        _named(live),
        fill(pause_words.DAY_HINT, id=person.id),
    )
    decided = await _decided(scene, person.id)
    return _question(
        text, pause_words.BUTTON_PAUSE_YES, Tap.PAUSE_YES, person.id, [_ids(live), decided]
    )


async def allow(scene: Scene, person: Person) -> Question:
    """Of somebody who was found by what they call themselves."""
    if person.id == scene.user_id:
        template = asking.CONFIRM_ALLOW_SELF
    elif person.username:
        template = asking.CONFIRM_ALLOW
    else:
        template = asking.CONFIRM_ALLOW_NO_USERNAME
    text = fill(template, name=person.name, username=f"@{person.username}", id=person.id)
    decided = await _decided(scene, person.id)
    digest = _digest([text, decided])
    yes = Button(words.BUTTON_ALLOW_YES, buttons.data(Tap.ALLOW_YES, person.id, digest), Style.GOOD)
    return Question(views.confirm(text, yes, words.BUTTON_NOT_NOW), Tap.ALLOW_YES, digest)


async def allow_picked(
    scene: Scene, text: Html, user_ids: Sequence[UserId], update_id: int
) -> Question:
    """Of several who were picked from an admin's contacts."""
    decided = [await _decided(scene, user_id) for user_id in user_ids]
    yes = Tap.PICKED_YES
    return _question(text, words.BUTTON_ALLOW_YES, yes, update_id, [*user_ids, *decided])


async def revoke_grant(scene: Scene, grant: Grant) -> Question:
    """Raises Refused: GRANT_OVER."""
    await revocation.require_live(scene.case, grant)
    name = words.HOLDER_UNKNOWN
    if grant.user_id is not None:
        name = await who.name_of(scene.tx, grant.user_id)
    text = fill(
        asking.CONFIRM_REVOKE_GRANT
        if grant.imported_at is None
        else asking.CONFIRM_REVOKE_IMPORTED,
        common_name=grant.common_name,
        name=name,
        serial=grant.serial,
        until=moment(grant.not_after),
    )
    return _question(text, words.BUTTON_REVOKE_YES, Tap.REVOKE_GRANT_YES, grant.id, [grant.user_id])


async def link_digest(scene: Scene, one: Unlinked, person: Person) -> str:
    """Of a button that gives all certificates of a name to somebody."""
    return _digest([_ids(one.grants), person.name, await _decided(scene, person.id)])


def pause_digest(pause: PersonPause) -> str:
    """Of a button that ends a pause."""
    until = None if pause.until is None else pause.until.isoformat()
    return _digest([pause.since.isoformat(), until])


def _question(
    text: Html, label: str, yes: Tap, subject: GrantId | UserId | int, basis: list[object]
) -> Question:
    digest = _digest([text, *basis])
    button = Button(label, buttons.data(yes, subject, digest), Style.BAD)
    return Question(views.confirm(text, button), yes, digest)


def _named(grants: Sequence[Grant]) -> Html:
    more = views.more(len(grants), "grant list")
    return lines(*(escaped(grant.common_name) for grant in grants[: views.SHOWN]), more)


def _ids(grants: Sequence[Grant]) -> list[str]:
    return sorted(grant.id for grant in grants)


async def _decided(scene: Scene, user_id: UserId) -> list[tuple[UserId, int]]:
    """How often an admin has decided about each account of this person."""
    accounts = await scene.tx.people.accounts_of(user_id)
    return [(account, await scene.tx.people.revision(account)) for account in accounts]


def _digest(basis: list[object]) -> str:
    text = json.dumps(basis, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
