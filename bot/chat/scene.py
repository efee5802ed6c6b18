"""What a handler gets, and what it gives back."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.access.case import Case
from bot.access.permission import Actor
from bot.chat.buttons import to_payload
from bot.chat.views import View
from bot.core import Passphrases
from bot.texts.fill import Html
from storage.records import ChatId, GrantId, InboxItem, OutboxKind, Payload, UserId
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Scene:
    """One update being handled: everything happens in this one transaction."""

    case: Case
    user_id: UserId
    # The message whose button was tapped.
    message_id: int | None = None
    passphrases: Passphrases = field(default_factory=Passphrases)
    # The update as it came; of a command that waited, the one that held it.
    item: InboxItem | None = None
    # Where the message is whose button was tapped, if not in the private chat: the cards' group.
    group: ChatId | None = None

    @property
    def tx(self) -> Transaction:
        return self.case.tx

    @property
    def actor(self) -> Actor:
        """Whose update it is."""
        return self.case.actor

    @property
    def chat(self) -> ChatId:
        """The private chat with whoever acts."""
        return ChatId(self.user_id)

    @property
    def place(self) -> ChatId:
        """The chat with the message whose button was tapped."""
        return self.chat if self.group is None else self.group

    @property
    def viewer(self) -> UserId | None:
        """For whom a card is that is shown there; None: for a group."""
        return self.user_id if self.group is None else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the person sees: a message, a word beside the tapped button, or both.

    `edit` puts the view in the place of the message whose button was tapped; one that is `about`
    somebody's access is kept up to date with it. What `reveals` names has its passphrase taken from
    memory, and shown beside the button.
    """

    view: View | None = None
    toast: Html | None = None
    edit: bool = False
    alert: bool = False
    reveals: GrantId | None = None
    about: UserId | None = None
    # Whether a stranger gets it however often they were answered: it comes once.
    owed: bool = False
    # Whether a button to pick people from the contacts goes along, in the place of the keyboard.
    picks: bool = False


SILENT = Reply()


async def post(
    tx: Transaction,
    chat: ChatId,
    view: View,
    now: datetime,
    *,
    instead_of: int | None = None,
    about: UserId | None = None,
    topic: int | None = None,
    picks: bool = False,
) -> None:
    """Has something said, in the place of a message of ours where one is named.

    Args:
        about: whose access it shows, by which it is found again.
        topic: of a forum, in which it is said.
        picks: see `Reply`.
    """
    payload: Payload = {"text": view.text, "keyboard": to_payload(view.keyboard)}
    if about is not None:
        payload["about"] = str(about)
    if topic is not None:
        payload["topic"] = topic
    if picks:
        payload["picks"] = True
    if instead_of is not None:
        payload["edit"] = instead_of
    await tx.outbox.add(chat, OutboxKind.REPLY, payload, now=now)


def say(text: str) -> Reply:
    """A message without buttons; the text is one of ours, values already filled in."""
    return Reply(View(Html(text)))
