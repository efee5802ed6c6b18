"""What the settings demand of a request: a ticket's number, and the hours when admins are there.

Both are read from a line of the settings, and both are pure.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from urllib.parse import quote, urlsplit

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7
# Beside letters and digits a class names these; '.' and all of `[…]` stand for one character.
_ITEM = re.compile(
    r"(?P<atom>\\[dw]|\\[^\w\s]|\[\^?(?:\\[dw]|\\[^\w\s]|[^\\\[\]\s])+\]|[^\\\[\](){}?+*|^$\s])"
    r"(?:(?P<sign>[?+*])|\{(?P<least>[0-9]{1,2})(?P<upto>,(?P<most>[0-9]{0,2}))?\})?",
    re.ASCII,
)
_SIGNS = {"?": (0, 1), "+": (1, None), "*": (0, None)}
_LONGEST_PATTERN = 100
_LONGEST_TICKET = 40
_LONGEST_LINK = 200
_AROUND = ".,;:!?()[]\"'«»“”‘’"
_PLACE = "{ticket}"
_NO_LINK = frozenset(" \"'<>\\")


@dataclass(frozen=True, slots=True)
class _Item:
    """So many characters of one kind; `most` is None where there is no limit."""

    kind: re.Pattern[str]
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class TicketPattern:
    """What a ticket's number looks like: the part of regular expressions that can't take long.

    Characters, `[A-Z]`, `\\d`, `\\w` and `.`, each with `?`, `+`, `*` or `{2,5}`, and `|` between
    whole patterns; no groups. It is walked along a word with the set of all places where it may
    be, so the time is bounded by both their lengths, whatever they are. Letters fit in either case.
    """

    text: str
    _ways: tuple[tuple[_Item, ...], ...] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "TicketPattern":
        """Raises ValueError, with words for whoever wrote it."""
        if len(text) > _LONGEST_PATTERN:
            raise ValueError(f"write at most {_LONGEST_PATTERN} characters")
        # An escaped bar is none.
        ways = re.split(r"(?<!\\)\|", text)
        return cls(text, tuple(tuple(_items(way)) for way in ways))

    def fits(self, word: str) -> bool:
        """Whether all of the word is such a number."""
        return len(word) <= _LONGEST_TICKET and any(_walk(way, word) for way in self._ways)


def _items(way: str) -> Iterator[_Item]:
    at = 0
    while at < len(way) or not way:  # of nothing there is no pattern
        found = _ITEM.match(way, at)
        if found is None:
            raise ValueError(
                "write characters, [A-Z], \\d, \\w or . with ?, +, * or {2,5}, and | between "
                "patterns, such as OPS-\\d+; groups are not understood"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                kind = re.compile(found["atom"], re.ASCII | re.IGNORECASE)
        except (re.error, Warning):
            raise ValueError("a class of characters in […] can't be read") from None
        least, most = _SIGNS.get(found["sign"] or "", (1, 1))
        if found["least"] is not None:
            least = int(found["least"])
            upto = int(found["most"]) if found["most"] else None
            most = upto if found["upto"] else least
        if most is not None and most < max(least, 1):
            raise ValueError("a part with {…} fits nothing")
        yield _Item(kind, least, most)
        at = found.end()


def _walk(way: Sequence[_Item], word: str) -> bool:
    places = {0}
    for item in way:
        fits = [item.kind.fullmatch(char) is not None for char in word]
        reached: set[int] = set()
        for start in places:
            end, length = start, 0
            while True:
                if length >= item.least:
                    reached.add(end)
                if end == len(word) or not fits[end] or length == item.most:
                    break
                end, length = end + 1, length + 1
        places = reached
    return len(word) in places


@dataclass(frozen=True, slots=True)
class Tickets:
    """Which words of a reason are a ticket's number, and where that ticket can be read.

    Attributes:
        hint: what to write, as the middle of a sentence.
        link: an address with `{ticket}` in it; None where there is none.
    """

    pattern: TicketPattern
    hint: str = "a ticket number, such as OPS-123"
    link: str | None = None

    def find(self, reason: str) -> tuple[int, int] | None:
        """Where in the reason the first number stands, also as the end of an address."""
        for word in re.finditer(r"\S+", reason):
            whole = word[0].strip(_AROUND)
            at = word.start() + word[0].index(whole) if whole else 0
            if self.pattern.fits(whole):
                return at, at + len(whole)
            cuts = [-1, *(n for n, char in enumerate(whole) if char in "/=?&"), len(whole)]
            for before, end in pairwise(cuts):
                if self.pattern.fits(whole[before + 1 : end]):
                    return at + before + 1, at + end
        return None

    def url(self, ticket: str) -> str | None:
        """Where it can be read."""
        return None if self.link is None else self.link.replace(_PLACE, quote(ticket, safe=""))


def checked_link(text: str) -> str:
    """Raises ValueError, with words for whoever wrote it."""
    words = "write an address with {ticket} behind the host, such as https://example.com/{ticket}"
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        raise ValueError(words) from None
    is_web = parts.scheme in ("http", "https") and host and "{" not in parts.netloc
    is_clean = len(text) <= _LONGEST_LINK and text.isprintable() and not set(text) & _NO_LINK
    if not is_web or not is_clean or _PLACE not in text:
        raise ValueError(words)
    return text


TICKETS = Tickets(TicketPattern.parse(r"[A-Z][A-Z0-9]+-\d+"))


@dataclass(frozen=True, slots=True)
class Hours:
    """When admins are there: spans of the days of the week, by the clock of one zone.

    Attributes:
        zone: None: the machine's own.
    """

    text: str
    zone: tzinfo | None
    _spans: tuple[tuple[int, time, time | None], ...] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, zone: tzinfo | None) -> "Hours":
        """Reads `Mon-Fri 8:00-18:00, Sat 9:00-13:00`.

        Raises:
            ValueError: with words for whoever wrote it.
        """
        spans = [span for part in text.split(",") for span in _spans(part.strip())]
        return cls(text, zone, tuple(spans))

    def is_open(self, at: datetime) -> bool:
        return any(begin <= at < end for begin, end in self._around(at))

    def opens_at(self, at: datetime) -> datetime:
        """That moment where they are there, else when they are there again."""
        begins = [begin for begin, end in self._around(at) if at < end]
        return max(at, min(begins))

    def _around(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans of the week after this moment, and of the day before it."""
        today = at.astimezone(self.zone).date()
        for day in (today + timedelta(days=n) for n in range(-1, _WEEK + 2)):
            for weekday, begin, end in self._spans:
                if day.weekday() == weekday:
                    last = day if end else day + timedelta(days=1)
                    yield self._moment(day, begin), self._moment(last, end or time())

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)


def _spans(part: str) -> Iterator[tuple[int, time, time | None]]:
    words = "write days and hours, such as Mon-Fri 8:00-18:00, Sat 9:00-13:00"
    day, clock = r"([a-z]{3})[a-z]*", r"(\d{1,2}):(\d\d)"
    pattern = rf"{day}(?:\s?[-–]\s?{day})?\s+{clock}\s?[-–]\s?{clock}"
    found = re.fullmatch(pattern, part.lower(), re.ASCII)
    if found is None or {found[1], found[2] or found[1]} - {*_DAYS}:
        raise ValueError(words)
    first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
    try:
        begin = time(int(found[3]), int(found[4]))
        end = None if (found[5], found[6]) == ("24", "00") else time(int(found[5]), int(found[6]))
    except ValueError:
        raise ValueError(words) from None
    if end is not None and end <= begin:
        raise ValueError("a part ends before it begins; write a night as two, one up to 24:00")
    for number in range((last - first) % _WEEK + 1):
        yield (first + number) % _WEEK, begin, end
