"""Who is meant: a Telegram id, a grant, a serial, or a name."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from anyascii import anyascii

from storage.records import UNPROVED_STATES, Grant, Person, UserId

_DECIMAL = frozenset("0123456789")
_HEX = _DECIMAL | frozenset("abcdef")
_GRANT_PREFIX = "g-"
_SERIAL_PREFIX = "serial:"


class WhoKind(StrEnum):
    USER_ID = "user_id"
    GRANT_ID = "grant_id"
    SERIAL = "serial"
    # A serial of a CA that counts may read like somebody's name: "0a", "abe".
    SERIAL_OR_NAME = "serial_or_name"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Who:
    kind: WhoKind
    value: str


@dataclass(frozen=True, slots=True)
class Fits:
    """What fits. `near` are people whose name only contains the word: shown, never acted on."""

    people: tuple[Person, ...] = ()
    grants: tuple[Grant, ...] = ()
    near: tuple[Person, ...] = ()

    @property
    def exactly_one(self) -> bool:
        return len(self.people) + len(self.grants) == 1


def parse_who(text: str) -> Who:
    """Reads what somebody typed. The kind depends on the text alone, never on what is stored."""
    word = text.strip().lower()
    if word.isascii() and word.isdigit():
        return Who(WhoKind.USER_ID, word.lstrip("0"))
    if word.startswith(_GRANT_PREFIX):
        return Who(WhoKind.GRANT_ID, word)
    if word.startswith(_SERIAL_PREFIX):
        return Who(WhoKind.SERIAL, _serial(word.removeprefix(_SERIAL_PREFIX)))
    if _looks_like_serial(word):
        return Who(WhoKind.SERIAL_OR_NAME, text.strip())
    return Who(WhoKind.NAME, text.strip())


def find(who: Who, people: Sequence[Person], grants: Sequence[Grant]) -> Fits:
    """Everybody and everything that fits."""
    match who.kind:
        case WhoKind.USER_ID:
            return Fits(people=tuple(p for p in people if str(p.id) == who.value))
        case WhoKind.GRANT_ID:
            return Fits(grants=tuple(g for g in grants if g.id == who.value))
        case WhoKind.SERIAL:
            return Fits(grants=_by_serial(who.value, grants))
        case WhoKind.SERIAL_OR_NAME:
            named = _by_name(who.value, people, grants)
            serial = _by_serial(_serial(who.value.lower()), grants)
            other = tuple(grant for grant in named.grants if grant not in serial)
            return Fits(named.people, serial + other, named.near)
        case WhoKind.NAME:
            return _by_name(who.value, people, grants)


def _by_serial(serial: str, grants: Iterable[Grant]) -> tuple[Grant, ...]:
    return tuple(grant for grant in grants if grant.serial.lstrip("0") == serial)


def _by_name(name: str, people: Sequence[Person], grants: Iterable[Grant]) -> Fits:
    wanted = _folded(name)
    exact = []
    near = []
    for person in people:
        if wanted in _names(person):
            exact.append(person)
        elif wanted and any(wanted in known for known in _names(person)):
            near.append(person)
    meant = {_person(account) for account in exact}
    holders = {account.id for account in people if _person(account) in meant}
    return Fits(_one_account_each(exact), _named(wanted, grants, holders), tuple(near))


def _one_account_each(accounts: Iterable[Person]) -> tuple[Person, ...]:
    """One account for each person: what is done to one of theirs is done to all."""
    one_each: dict[UserId, Person] = {}
    for account in accounts:
        before = one_each.setdefault(_person(account), account)
        if account.allowed and not before.allowed:
            one_each[_person(account)] = account
    return tuple(one_each.values())


def _person(account: Person) -> UserId:
    return account.same_as or account.id


def _named(wanted: str, grants: Iterable[Grant], holders: set[UserId]) -> tuple[Grant, ...]:
    """Grants of that name which the people of that name do not hold; if any is open, only those.

    An imported certificate may have the name of its owner, and that of the one that it replaced.
    """
    named = [g for g in grants if _folded(g.common_name) == wanted and g.user_id not in holders]
    return tuple(grant for grant in named if grant.state in UNPROVED_STATES) or tuple(named)


def _names(person: Person) -> tuple[str, ...]:
    username = () if person.username is None else (_folded(person.username),)
    return (_folded(person.name), *username)


def _folded(name: str) -> str:
    # One letter can be written as one character or as two: both are the same name.
    same = unicodedata.normalize("NFKC", name.removeprefix("@"))
    return " ".join(same.casefold().split())


def _serial(text: str) -> str:
    return text.replace(":", "").lstrip("0")


def _looks_like_serial(text: str) -> bool:
    digits = _serial(text)
    # Decimal ones alone are a Telegram id.
    return set(digits) <= _HEX and not set(digits) <= _DECIMAL


def propose(common_name: str, people: Sequence[Person]) -> tuple[Person, ...]:
    """Those whose name or username says the same, in any order and in plain letters.

    `anna`, `anna.petrova`, `Petrova Anna`, `apetrova`, and `anna.petrova@example.com` propose
    Anna Petrova. A proposal is shown, never acted on: two people may have one name.
    """
    wanted = words_of(common_name.partition("@")[0])
    return tuple(person for person in people if wanted and _fits(wanted, person))


def _fits(wanted: tuple[str, ...], person: Person) -> bool:
    said = words_of(person.name)
    if set(wanted) <= set(said) or wanted == words_of(person.username or ""):
        return True
    # The first letter of the one name, and the whole other one.
    return len(said) > 1 and wanted == (said[0][0] + said[-1],)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in plain small letters."""
    return tuple(re.findall(r"[a-z0-9]+", anyascii(text).lower()))
