"""The fault seam: what goes wrong between the bot and the Bot API, on purpose.

server.faults.append(Fault("sendDocument", 1, status(429, "Too Many Requests: retry after 2",
                                                     retry_after=2)))
server.faults.append(Fault("*", 2, drop_after))
server.faults.append(Fault("*", 2, page(403, "<h1>Not from this network</h1>")))
server.faults.append(FaultRate("*", 0.2, drop_before, Random(7)))
"""

from dataclasses import dataclass, field, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Status:
    """The call is refused without any effect; `retry_after` in seconds."""

    code: int
    description: str
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """The answer comes after `seconds`; a client that goes away first cancels the call.

    With `after`, the call takes effect at once and only its answer is late.
    """

    seconds: float
    after: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is closed without an answer, before or after the call took effect."""

    after: bool


@dataclass(frozen=True, slots=True)
class Refuse:
    """The connection is reset before the call is read: it is not even in the list of calls."""


@dataclass(frozen=True, slots=True)
class Body:
    """These bytes come as the answer, without any effect: a provider's page, or a broken body."""

    code: int
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class OldTags:
    """A Bot API that does not know this tag refuses a text that has it."""

    tag: str


FaultKind = Status | Hang | Drop | Refuse | Body | OldTags


def status(code: int, description: str, retry_after: int | None = None) -> Status:
    return Status(code, description, retry_after)


def hang(seconds: float, *, after: bool = False) -> Hang:
    return Hang(seconds, after)


def page(code: int, body: str | bytes, content_type: str = "text/html") -> Body:
    return Body(code, body if isinstance(body, bytes) else body.encode(), content_type)


drop_before = Drop(after=False)
drop_after = Drop(after=True)
refuse = Refuse()


@dataclass(frozen=True, slots=True)
class Fault:
    """Happens to the next `times` calls of `method`; '*' is any method."""

    method: str
    times: int
    kind: FaultKind

    def fits(self, method: str) -> bool:
        return self.times > 0 and _names(self.method, method)


@dataclass(frozen=True, slots=True)
class FaultRate:
    """Happens to each call of `method` with `probability`, until it is taken off the list.

    The same seed and the same calls give the same faults.
    """

    method: str
    probability: float
    kind: FaultKind
    random: Random = field(repr=False)

    def fits(self, method: str) -> bool:
        return _names(self.method, method) and self.random.random() < self.probability


Rule = Fault | FaultRate


def _names(pattern: str, method: str) -> bool:
    return pattern.lower() in {"*", method.lower()}


def next_fault(faults: list[Rule], method: str) -> FaultKind | None:
    """Takes the first rule that fits; one that is counted is counted down in the list."""
    for place, rule in enumerate(faults):
        if rule.fits(method):
            if isinstance(rule, Fault):
                _count_down(faults, place, rule)
            return rule.kind
    return None


def _count_down(faults: list[Rule], place: int, rule: Fault) -> None:
    left = replace(rule, times=rule.times - 1)
    if left.times > 0:
        faults[place] = left
    else:
        del faults[place]
