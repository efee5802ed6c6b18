"""Durations as people type them: `2d`, `for two days`, `1d12h`, `2 weeks`, `1½h`.

What can be read in one way only is read. What speaks of time in another way is told apart from
words that don't, so that whoever typed it can be asked: nothing that was meant as a duration
becomes a reason without a word, and a reason may begin with a number.
"""

import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86_400, 604_800
# English, and what people of other languages write beside it.
_UNITS = {
    _MINUTE: "m min mins minute minutes minuten минута минуты минуту минут мин",
    _HOUR: "h hr hrs hour hours heure heures stunde stunden std час часа часов ч",
    _DAY: "d day days j jour jours tag tage tagen день дня дней дн д",
    _WEEK: "w wk wks week weeks semaine semaines woche wochen неделя недели неделю недель нед",
}
_SECONDS = {unit: seconds for seconds, units in _UNITS.items() for unit in units.split()}
# How long they are, nobody can say for sure: asked back. In days.
_ABOUT = {
    30: "mo mos month months mois monat monate monaten месяц месяца месяцев",
    14: "fortnight fortnights",
    2: "weekend weekends",
    365: "y yr year years ans jahr jahre год года лет",
}
_VAGUE = {unit: days * _DAY for days, units in _ABOUT.items() for unit in units.split()}
# As others write them, whose numbers nobody reads here: asked back. What is a word of something
# else in English, German or French is left out.
_ELSEWHERE = {
    _MINUTE: "minuto minutos minuti minuut minuta minuty minuter хвилина хвилини хвилин 分",
    _HOUR: "hora horas uur uren timme timmar tunti tuntia godzina godziny godzin hodina hodiny"
    " hodin saat ώρα ώρες година години годин ساعة ساعات घंटे 時間 小时 小時 시간",
    _DAY: "día días dia dias giorno giorni dag dagen dagar dage dager päivä päivää dzień dni dny"
    " dní gün ημέρα ημέρες μέρα μέρες дні днів يوم أيام दिन 日 日間 天 일",
    _WEEK: "semana semanas settimana settimane vecka veckor uge uger uke uker viikko viikkoa"
    " tydzień tygodnie tygodni týden týdny týdnů hafta εβδομάδα εβδομάδες тиждень тижні тижнів"
    " أسبوع सप्ताह 週間 周 주",
    30 * _DAY: "meses mese mesi maand maanden månad månader måned måneder miesiąc miesiące miesięcy"
    " kuukausi μήνας місяць місяці місяців",
}
_VAGUE |= {unit: seconds for seconds, units in _ELSEWHERE.items() for unit in units.split()}
_NUMBERS = {
    word: int(number)
    for number, *words in map(
        str.split,
        (
            *("1 one a an un une ein eine einen один одну", "2 two deux zwei два две"),
            *("3 three trois drei три", "4 four quatre vier четыре", "5 five cinq fünf пять"),
            *("6 six sechs шесть", "7 seven sept sieben семь", "8 eight huit acht восемь"),
            *("9 nine neuf neun девять", "10 ten dix zehn десять", "11 eleven", "12 twelve"),
            *("14 fourteen quatorze vierzehn", "15 fifteen quinze fünfzehn пятнадцать"),
            *("20 twenty vingt zwanzig двадцать", "24 vierundzwanzig", "48 achtundvierzig"),
            *("30 thirty trente dreissig тридцать", "40 forty quarante vierzig сорок"),
            *("50 fifty cinquante fünfzig пятьдесят", "60 sixty soixante sechzig шестьдесят"),
            *("70 seventy siebzig семьдесят", "80 eighty achtzig", "90 ninety neunzig девяносто"),
        ),
    )
    for word in words
}
_TENS = range(20, 100, 10)
_HALF = frozenset({"half", "halbe", "halben", "halber", "demi"})
_FOR = frozenset({"for", "pour", "für", "fuer", "на"})
_AND = frozenset({"and", "&", "+", "et", "und", "и"})
_OR = frozenset({"or", "to", "-", "ou", "oder", "bis", "или"})
# What is short may be anything else, unless a number stands before it.
_WHOLE_WORD = 3
# A duration that is meant stands near the beginning; further on these words are of a reason.
_BEGINNING = 4
_UNTIL = frozenset({"until", "till", "til", "jusqu'à", "bis", "до", "hasta", "fino", "até"})
_DAYS = frozenset(
    {
        *("today", "tonight", "tomorrow", "overnight", "aujourd'hui", "demain", "heute", "morgen"),
        *("сегодня", "завтра", "hoy", "mañana", "oggi", "domani", "hoje", "amanhã", "vandaag"),
        *("idag", "imorgon", "dziś", "dzisiaj", "jutro", "сьогодні", "forever", "permanently"),
        *("permanent", "indefinitely", "unlimited", "dauerhaft", "unbefristet", "навсегда"),
        "бессрочно",
    }
)
# Around a number, as on a keycap of an emoji, or drawn as nothing.
_MARKS = frozenset({"Me", "Cf"})
_LOOKS = frozenset(map(chr, range(0xFE00, 0xFE10)))
_NUMBER = re.compile(r"\d{1,9}(?:[.,]\d{1,3})?")
_LETTERS = r"[^\W\d_]+"
_PART = re.compile(rf"(\d{{1,9}}(?:[.,]\d{{1,3}})?)-?({_LETTERS})")
_COMPACT = re.compile(rf"(?:{_PART.pattern})+?(\d{{1,2}})?")
_ORDINAL = re.compile(r"\d+-?(?:st|nd|rd|th|er|ère|e|è|ème|eme|º|ª)")
# A number with a sign, or with letters behind it that are no unit.
_ODD_NUMBER = re.compile(rf"[-+~<>≤±]?(\d+(?:[.,]\d{{1,3}})?)-?({_LETTERS})?")
_RANGE = re.compile(rf"(\d{{1,9}})({_LETTERS})?[-/](\d{{1,9}})({_LETTERS})?")
_CLOCK = re.compile(r"\d{1,2}:\d\d")
_FRACTIONS = {"½": ".5", "¼": ".25", "¾": ".75"}


def leading(words: Sequence[str]) -> tuple[int, int] | None:
    """The duration with which these words begin, in seconds, and how many of them say it.

    None where they begin with none, or with something that could be one of several.
    """
    plain = [_plain(word) for word in words]
    at = 1 if plain and plain[0] in _FOR else 0
    total, smallest = Fraction(0), _WEEK + 1
    while at < len(plain):
        joined = at + 1 if total and plain[at] in _AND else at
        found = _part(plain, joined)
        if found is None or found[1] >= smallest:
            break
        seconds, smallest, length = found
        total += seconds
        at = joined + length
    if not total or total.denominator != 1 or total % _MINUTE:
        return None
    # '2 days or 3', '2h 3h': which of them?
    if _part(plain, at) or (plain[at : at + 1] and plain[at] in _OR and _has_digit(plain, at + 1)):
        return None
    return int(total), at


def without_trailing(words: Sequence[str]) -> Sequence[str] | None:
    """What stands before a duration with which these words end; None where they end with none."""
    for at in range(len(words)):
        found = leading(words[at:])
        if found is not None and found[1] == len(words) - at:
            return words[:at]
    return None


def guesses(words: Sequence[str]) -> tuple[int, ...] | None:
    """What may be meant where words speak of time; empty where that can be anything.

    None where they don't: they are a reason, and no more.
    """
    plain = [_plain(word) for word in words]
    beginning = plain[1:] if plain and plain[0] in _FOR else plain
    found = _odd(beginning)
    if found is not None:
        return found
    somewhere: set[int] = set()
    for at in range(len(plain)):
        part = _part(plain, at)
        if part and part[0].denominator == 1 and part[0] % _MINUTE == 0:
            somewhere.add(int(part[0]))
    if somewhere:
        return tuple(sorted(somewhere))
    for at, word in enumerate(plain[:_BEGINNING]):
        is_unit = len(word) >= _WHOLE_WORD and word in _SECONDS
        if is_unit or (word in _VAGUE and len(word) >= _WHOLE_WORD):
            unit = _SECONDS.get(word) or _VAGUE[word]
            return _so_many(plain[at - 1] if at else "", unit)
        if word in _UNTIL or (word in _DAYS and at < 2):  # noqa: PLR2004 - 'for today'
            return ()
    return None


def _odd(plain: Sequence[str]) -> tuple[int, ...] | None:
    """What a number at the beginning may mean that is no duration as it stands."""
    first = plain[0] if plain else ""
    if _ORDINAL.fullmatch(first) or first == "24/7":
        return None
    if between := _RANGE.fullmatch(first):
        unit = _SECONDS.get(between[4] or between[2] or "".join(plain[1:2]))
        return _whole([Fraction(end) * unit for end in between.group(1, 3)]) if unit else ()
    if odd := _ODD_NUMBER.fullmatch(first):
        return _number(Fraction(odd[1].replace(",", ".")), odd[2] or "", plain[1:])
    # A time of the day, or several numbers in an order that cannot be told: '12h1d'.
    return () if _CLOCK.fullmatch(first) or _COMPACT.fullmatch(first) else None


def _number(number: Fraction, letters: str, after: Sequence[str]) -> tuple[int, ...]:
    """Of '2', '-1d', '2 or 3 days', '1y', '2 printers'."""
    if not letters and after and after[0] in _OR and (part := _part(after, 1)):
        return _whole([number * part[1], part[0]])
    word = letters or "".join(after[:1])
    unit = _SECONDS.get(word) or _VAGUE.get(word)
    return _whole([number * each for each in ([unit] if unit else [_HOUR, _DAY, _WEEK])])


def _so_many(before: str, unit: int) -> tuple[int, ...]:
    """'a few days', 'couple of days', 'three months', 'this week'."""
    if before in _HALF:
        return _whole([Fraction(unit, 2)])
    if _spelled(before) or _NUMBER.fullmatch(before):
        number = _spelled(before) or Fraction(before.replace(",", "."))
        return _whole([Fraction(number) * unit])
    return (unit,) if before in {"this", "the", "whole", "all", "a"} else (unit, 2 * unit, 3 * unit)


def _whole(seconds: Sequence[Fraction]) -> tuple[int, ...]:
    return tuple(int(each) for each in seconds if each >= _MINUTE and each % _MINUTE == 0)


def _part(plain: Sequence[str], at: int) -> tuple[Fraction, int, int] | None:
    """Seconds, the smallest unit, and how many words: of '2d', '1d12h', '2 days', 'half a day'."""
    first, second, third = (*plain[at : at + 3], "", "", "")[:3]
    if found := _compact(first):
        return (*found, 1)
    joined, _, of = first.rpartition("-")
    ways = (
        (_spelled(first), second, 2),
        (_spelled(joined), of, 1),
        (_spelled(f"{first}-{second}"), third, 3),
        (Fraction(1, 2) if first == "half" and second in {"a", "an"} else None, third, 3),
    )
    for number, unit, length in ways:
        if number and len(unit) >= _WHOLE_WORD and unit in _SECONDS:
            return Fraction(number) * _SECONDS[unit], _SECONDS[unit], length
    if _NUMBER.fullmatch(first) and second in _SECONDS:
        return Fraction(first.replace(",", ".")) * _SECONDS[second], _SECONDS[second], 2
    return None


def _spelled(word: str) -> int | None:
    """The number that a word is: `two`, `twenty-four`."""
    tens, dash, ones = word.partition("-")
    first, second = _NUMBERS.get(tens), _NUMBERS.get(ones)
    if not dash:
        return first
    is_one = first in _TENS and second is not None and second < _TENS.step
    return (first or 0) + (second or 0) if is_one else None


def _compact(word: str) -> tuple[Fraction, int] | None:
    """Seconds of '2d', '1d12h', '1h30', and the smallest unit; they come in falling order."""
    if not _COMPACT.fullmatch(word):
        return None
    total, smallest = Fraction(0), _WEEK + 1
    end = 0
    for part in _PART.finditer(word):
        unit = _SECONDS.get(part[2])
        if unit is None or unit >= smallest:
            return None
        total += Fraction(part[1].replace(",", ".")) * unit
        smallest, end = unit, part.end()
    if minutes := word[end:]:
        if smallest != _HOUR:
            return None
        total, smallest = total + int(minutes) * _MINUTE, _MINUTE
    return total, smallest


def _has_digit(plain: Sequence[str], at: int) -> bool:
    return at < len(plain) and (plain[at][:1].isdigit() or plain[at] in _NUMBERS)


def _plain(word: str) -> str:
    """In one form, without what stands around a word in a sentence."""
    for sign, decimal in _FRACTIONS.items():
        word = re.sub(rf"(?<=\d){sign}", decimal, word).replace(sign, f"0{decimal}")
    folded = unicodedata.normalize("NFKC", word).casefold()
    folded = "".join(
        "-" if unicodedata.category(char) == "Pd" else char
        for char in folded
        if unicodedata.category(char) not in _MARKS and char not in _LOOKS
    )
    folded = folded.replace("\N{MINUS SIGN}", "-")
    return folded if len(folded) == 1 else folded.strip(".,;:!?()[]\"'«»“”‘’")
