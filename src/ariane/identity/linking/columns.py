"""What a column of a record means, which decides how its values are written, compared and blocked on. This is all that
is said of a data set: no threshold, weight or rule is chosen by hand for one."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable

import msgspec

from ariane.errors import InputError

_EIGHT_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})")
_DOUBLED = re.compile(r"(.)\1+")
_UNSOUNDED = re.compile(r"[aeiouyhw]")


class Column(msgspec.Struct, frozen=True):
    """Column `name` of the records holds a `meaning`: one of `MEANINGS`.

    >>> Column("dob", "date")
    Column(name='dob', meaning='date')
    >>> Column("dob", "birthday")
    Traceback (most recent call last):
    ariane.errors.InputError: column dob: Unknown meaning 'birthday'. Allowed: category, code, date, ...
    """

    name: str
    meaning: str

    def __post_init__(self) -> None:
        if self.meaning not in MEANINGS:
            raise InputError(
                f"Unknown meaning '{self.meaning}'.",
                where=f"column {self.name}",
                allowed=", ".join(sorted(MEANINGS)),
                next_step="Say which of these the column is nearest to.",
            )


def words(value: object) -> str:
    """Lower case, without accents or punctuation, one space between words.

    >>> words(" Zoë  O'Neil-Brun ")
    'zoe oneil brun'
    """
    if value is None:
        return ""
    plain = unicodedata.normalize("NFKD", str(value).lower()).replace("'", "").replace("’", "")
    return " ".join(re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c))))


def compact(value: object) -> str:
    """`words` without the spaces, as postcodes and numbers are compared.

    >>> compact("TQ13 8DF"), compact("+33 6 12-34")
    ('tq138df', '3361234')
    """
    return words(value).replace(" ", "")


def dated(value: object) -> str:
    """A date as yyyy-mm-dd where eight digits say so; whatever else as it stands.

    >>> dated("19560409"), dated("1997-04-26"), dated("1857-02-57")
    ('1956-04-09', '1997-04-26', '1857-02-57')
    """
    text = "" if value is None else str(value).strip()[:10]
    eight = _EIGHT_DIGITS.fullmatch(text)
    return "-".join(eight.groups()) if eight else text


def addressed(value: object) -> str:
    """An e-mail address in lower case.

    >>> addressed(" Ana@Example.ORG")
    'ana@example.org'
    """
    return "" if value is None else str(value).strip().lower()


def skeleton(word: str) -> str:
    """A word as it sounds, roughly: its first letter and up to three consonants, doubled ones once.

    >>> skeleton("braithwaite"), skeleton("brathwait"), skeleton("allen"), skeleton("alan")
    ('brtt', 'brtt', 'aln', 'aln')
    """
    once = _DOUBLED.sub(r"\1", word)
    return once[:1] + _UNSOUNDED.sub("", once[1:])[:3]


def digest(text: str) -> int:
    """64 bits that stand for a text, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Meaning(msgspec.Struct, frozen=True):
    """How values of one meaning are written (`tidy`), which `parts` of one are worth comparing and blocking on, and the
    `levels` of agreement from the closest down: (test, bound or part). The level below all of them is 'none of these'.
    """

    tidy: Callable[[object], str]
    levels: tuple[tuple[str, float | str], ...]
    parts: tuple[tuple[str, Callable[[str], str]], ...] = ()
    alone: bool = True
    """Whether an equal value is reason enough to compare two records."""


_WORDED = (("equal", 0.0), ("jaro", 0.92), ("jaro", 0.85), ("jaro", 0.7))
_PLACED = (("equal", 0.0), ("jaro", 0.9), ("jaro", 0.8))
_CODED = (("equal", 0.0), ("edits", 1.0), ("edits", 2.0))

MEANINGS: dict[str, Meaning] = {
    "given": Meaning(words, _WORDED),
    "family": Meaning(words, _WORDED),
    "name": Meaning(words, ()),
    "date": Meaning(
        dated,
        (("equal", 0.0), ("edits", 1.0), ("edits", 2.0), ("part", "year"), ("part", "day")),
        (("year", lambda v: v[:4]), ("day", lambda v: v[5:]), ("month", lambda v: v[:7])),
    ),
    "postcode": Meaning(
        compact,
        (("equal", 0.0), ("edits", 1.0), ("part", "sector"), ("part", "district"), ("part", "area")),
        (("sector", lambda v: v[:-2]), ("district", lambda v: v[:-3]), ("area", lambda v: v[:2])),
    ),
    "email": Meaning(
        addressed,
        (("equal", 0.0), ("part", "local"), ("jaro", 0.92), ("jaro", 0.85)),
        (("local", lambda v: v.split("@")[0]),),
    ),
    "phone": Meaning(compact, (*_CODED, ("part", "line")), (("line", lambda v: v[-6:]),)),
    "code": Meaning(compact, _CODED),
    "place": Meaning(words, _PLACED),
    "text": Meaning(words, _PLACED),
    "category": Meaning(words, (("equal", 0.0),), alone=False),
}
"""Meaning → how it is written, compared and blocked on."""

NAMES = ("given", "family", "name")
"""The meanings that name a person: their words are compared together too, in whatever column they stand."""
