"""What the listeners of the pretended Telegram are told of: a message, an answer, a device."""

from dataclasses import dataclass
from enum import StrEnum

from demo.api.messages import Message


class EventKind(StrEnum):
    MESSAGE = "message"
    EDITED = "edited"
    DELETED = "deleted"
    ANSWER = "answer"
    PERSON = "person"  # started, blocked, unblocked or gone
    COMMANDS = "commands"
    DEVICE = "device"
    PICKER = "picker"  # a button to pick people by is there, or gone


class DeviceState(StrEnum):
    OFF = "off"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Device:
    """One of a person's VPN clients, as the page shows it beside their chat."""

    state: DeviceState = DeviceState.OFF
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tap was answered with: a passing note, or an alert to be closed."""

    query_id: str
    person_id: int
    text: str
    show_alert: bool


@dataclass(frozen=True, slots=True)
class Event:
    """`content` is the message that is new or changed, or the answer."""

    kind: EventKind
    chat_id: int
    content: Message | Answer | None = None
