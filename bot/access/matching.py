"""Who is meant: a Telegram id, a grant, a serial, a name or username, or several of these."""

import difflib
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.name_keys import name_key, username_key, words_of
from storage.records import UNPROVED_STATES, Grant, GrantId, Person, UserId
from storage.transaction import Transaction

# Telegram's ids have at most 52 significant bits (Bot API, type User).
LARGEST_ID = 2**52
_DECIMAL = frozenset("0123456789")
_HEX = _DECIMAL | frozenset("abcdef")
_GRANT_PREFIX = "g-"
_SERIAL_PREFIX = "serial:"
# After that a username may be somebody else's: they are given up and taken as people like.
USERNAME_LASTS = timedelta(days=7)
# So many of those whose name is only alike are of use to anybody.
NEAR = 50
_WORDS_LOOKED_AT = 1000
_BEGINNING = 2
# Of 1: so alike is a word that was mistyped by a letter or two.
_ALIKE = 0.75
# As people put around a name, or behind it.
_AROUND = "\"'“”„‘’«»<>()[],;"


@dataclass(frozen=True, slots=True)
class Who:
    """All that a word can mean.

    Attributes:
        key: as a name, a username or a certificate's name; empty where it can be none.
        username: whether it says of itself that it is a username.
    """

    key: str = ""
    username: bool = False
    user_id: UserId | None = None
    grant_id: GrantId | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class Fits:
    """What fits. `near` are people whose name only is like it: shown, never acted on.

    Attributes:
        is_unsure: whether the one who fits does so by a username that may be another's by now.
        has_more: whether `near` are only some of those whose words begin so.
    """

    people: tuple[Person, ...] = ()
    grants: tuple[Grant, ...] = ()
    near: tuple[Person, ...] = ()
    is_unsure: bool = False
    has_more: bool = False

    @property
    def exactly_one(self) -> bool:
        return len(self.people) + len(self.grants) == 1 and not self.is_unsure


def parse_who(text: str) -> Who:
    """Reads what somebody typed. What it may mean depends on the text, never on what is stored."""
    word = _plain(text)
    folded = word.lower()
    if folded.startswith(_SERIAL_PREFIX):
        return Who(serial=_serial(folded.removeprefix(_SERIAL_PREFIX)))
    if word.startswith("@"):
        return Who(key=username_key(word) or "", username=True)
    return Who(
        key=name_key(text),
        user_id=as_user_id(word),
        grant_id=GrantId(folded) if folded.startswith(_GRANT_PREFIX) else None,
        serial=_serial(folded) if _looks_like_serial(folded) else None,
    )


def as_user_id(word: str) -> UserId | None:
    """The number of an account, with or without zeros before it; None where it can be none."""
    word = _plain(word)
    digits = word.lstrip("0")
    if not (word.isascii() and digits.isdigit()) or len(digits) > len(str(LARGEST_ID)):
        return None
    return UserId(int(digits)) if int(digits) < LARGEST_ID else None


async def find(
    tx: Transaction, who: Who, now: datetime, *, admins: Collection[UserId] = ()
) -> Fits:
    """Everybody and everything that fits, by indexes: it takes as long among many as among few.

    Args:
        admins: those of the settings, who are known without having said anything.
    """
    named = [
        person
        for person in await tx.people.named(who.key)
        if not who.username or username_key(person.username) == who.key
    ]
    people = _one_account_each([*named, *await _by_id(tx, who.user_id, now, admins)])
    meant = {_person(account) for account in people}
    holders = {one for person in meant for one in await tx.people.accounts_of(person)}
    grants = {grant.id: grant for grant in await _by_number(tx, who)}
    if not who.username:
        for grant in _named(await tx.grants.with_name(who.key), holders):
            grants.setdefault(grant.id, grant)
    near = () if people or grants else await _near(tx, who.key)
    return Fits(
        people=people,
        grants=tuple(grants.values()),
        near=tuple(near[:NEAR]),
        is_unsure=len(people) == 1 and not grants and _is_unsure(people[0], who, now),
        has_more=len(near) > NEAR,
    )


async def certificates(tx: Transaction, text: str) -> Sequence[Grant]:
    """All grants of that id, serial or common name, whoever has them."""
    who = parse_who(text)
    return [*await _by_number(tx, who), *await tx.grants.with_name(who.key)]


async def propose(tx: Transaction, common_name: str) -> tuple[Person, ...]:
    """Those on the allowlist whose name or username says the same as a certificate's.

    `anna`, `anna.petrova`, `Petrova Anna`, `apetrova`, and `anna.petrova@example.com` propose
    Anna Petrova. A proposal is shown, never acted on: two people may have one name.
    """
    wanted = words_of(common_name.partition("@")[0])
    candidates = await tx.people.with_words(wanted, limit=_WORDS_LOOKED_AT, whole=True)
    return tuple(p for p in candidates if p.allowed and says_the_same(common_name, p))


def says_the_same(common_name: str, person: Person) -> bool:
    """In any order and in plain letters."""
    wanted = words_of(common_name.partition("@")[0])
    if not wanted:
        return False
    said = words_of(person.name)
    if set(wanted) <= set(said) or wanted == words_of(person.username or ""):
        return True
    # The first letter of the one name, and the whole other one.
    return len(said) > 1 and wanted == (said[0][0] + said[-1],)


async def _by_id(
    tx: Transaction, user_id: UserId | None, now: datetime, admins: Collection[UserId]
) -> Sequence[Person]:
    if user_id is None:
        return []
    person = await tx.people.get(user_id)
    if person is None and user_id in admins:
        person = Person(user_id, str(user_id), None, allowed=False, reachable=None, added_at=now)
    return [] if person is None else [person]


async def _by_number(tx: Transaction, who: Who) -> Sequence[Grant]:
    by_id = None if who.grant_id is None else await tx.grants.get(who.grant_id)
    by_serial = await tx.grants.with_serial(who.serial) if who.serial else []
    return [*([by_id] if by_id is not None else []), *by_serial]


async def _near(tx: Transaction, key: str) -> Sequence[Person]:
    """Whose words begin like these; where there is nobody, whose words were mistyped so.

    One more than `NEAR` where there are more.
    """
    words = words_of(key)
    found = await tx.people.with_words(words, limit=NEAR + 1)
    if found or not words:
        return found
    meant = []
    for word in words:
        begins = await tx.people.words_like(word[:_BEGINNING], limit=_WORDS_LOOKED_AT)
        alike = difflib.get_close_matches(word, begins, n=3, cutoff=_ALIKE)
        if not alike:
            return []
        meant.append(alike)
    # One word after the other: each of them may have been meant by several.
    combinations: list[list[str]] = [[]]
    for alike in meant[:3]:
        combinations = [[*before, word] for before in combinations for word in alike]
    people: dict[UserId, Person] = {}
    for wanted in combinations:
        for person in await tx.people.with_words(wanted, limit=NEAR, whole=True):
            people.setdefault(person.id, person)
    return list(people.values())[:NEAR]


def _is_unsure(person: Person, who: Who, now: datetime) -> bool:
    """Whether only a username says who it is, and nobody has seen it for a while."""
    if person.id == who.user_id or (not who.username and name_key(person.name) == who.key):
        return False
    return is_stale(person, now)


def is_stale(person: Person, now: datetime) -> bool:
    """Whether nobody has seen them with their username for a while."""
    seen_at = person.username_seen_at
    return seen_at is None or now - seen_at > USERNAME_LASTS


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


def _named(named: Iterable[Grant], holders: set[UserId]) -> tuple[Grant, ...]:
    """Grants of that name which the people of that name do not hold; if any is open, only those.

    An imported certificate may have the name of its owner, and that of the one that it replaced.
    """
    theirs = [grant for grant in named if grant.user_id not in holders]
    return tuple(grant for grant in theirs if grant.state in UNPROVED_STATES) or tuple(theirs)


def _plain(text: str) -> str:
    """Digits and signs as a keyboard of another script has them, and what stands around a word."""
    return unicodedata.normalize("NFKC", text).strip().strip(_AROUND).strip()


def _serial(text: str) -> str:
    return text.replace(":", "").lstrip("0")


def _looks_like_serial(text: str) -> bool:
    digits = _serial(text)
    # Decimal ones alone are a Telegram id.
    return set(digits) <= _HEX and not set(digits) <= _DECIMAL
