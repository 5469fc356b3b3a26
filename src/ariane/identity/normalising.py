"""One spelling for each value of a kind, and for people's names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\]\\]{1,64}@[^@\s.]+(\.[^@\s.]+)*\.([^@\s.\d]{2,}|xn--[a-z0-9-]{2,})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MASKED = re.compile(r"[\d*xX•.\s-]*[*xX•]{2,}[\d*xX•.\s-]*")
_PARTICLES = frozenset(
    re.findall(r"\w+", "de du des d la le les l von van der den zu zur di da do dos das del della el al bin ibn")
)
_TITLES = frozenset(
    re.findall(r"\w+", "m mr mme mlle mrs ms miss dr me prof sir monsieur madame mademoiselle herr frau")
)
_CALLED = re.compile(r"\s*(tel|t\u00e9l|fax|mob|mobile|portable|phone)\b[.: ]*", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_EXTENSION = frozenset(["ext", "extn", "extension", "x", "poste", "int", "anexo"])
# What no decomposition takes apart.
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def normalise(kind: str, raw: str, country: str = "FR", drop_tags: tuple[str, ...] = ()) -> str | None:
    """One spelling for each value of a kind; None when it cannot be one. `country`: of telephone numbers written
    without one (ISO 3166, two letters); `drop_tags`: the domains whose addresses lose what follows a plus.

    >>> normalise("email", " Ana@Example.ORG "), normalise("email", "not an address")
    ('ana@example.org', None)
    >>> normalise("phone", "06 12 34 56 78"), normalise("phone", "0033612345678"), normalise("phone", "12")
    ('+33612345678', '+33612345678', None)
    >>> normalise("phone", "(415) 555-2671", "US"), normalise("email", "ana+shop@x.org", drop_tags=("x.org",))
    ('+14155552671', 'ana@x.org')
    """
    value = raw
    if not (raw.isascii() and raw.replace("-", "").isalnum()):  # as cookies and devices are, who are the most
        value = raw.strip().strip("\"'`").strip()
        try:
            value.encode()
        except UnicodeEncodeError:  # half a character: no store can keep it
            return None
        if not value or _CONTROL.search(value):
            return None
    if kind == "email":
        return _email(value, drop_tags)
    if kind in ("phone", "caller_number"):
        return _phone(value, country)
    normaliser = _NORMALISERS.get(kind)
    return value if normaliser is None else normaliser(value)


def normalise_name(text: str) -> str:
    """A person's name for comparing: in small letters without accents, titles, particles, hyphens or order.

    >>> normalise_name("Mme Élodie de La Tour-Maubourg") == normalise_name("TOUR MAUBOURG, Elodie")
    True
    >>> normalise_name("Jean-François d'Œuvre"), normalise_name("De")
    ('francois jean oeuvre', 'de')
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LIGATURES))
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    words = re.findall(r"[^\W\d_]+", letters)
    kept = [word for word in words if word not in _PARTICLES and word not in _TITLES]
    return " ".join(sorted(kept or words))


def _email(value: str, drop_tags: tuple[str, ...]) -> str | None:
    """In small letters, the domain as the name system spells it (IDNA 2003, RFC 3490). Nothing is guessed about what a
    provider takes for the same mailbox; only tags of the domains named are dropped (RFC 5233)."""
    value = value.lower()
    if value.startswith("mailto:"):
        value = value.removeprefix("mailto:").partition("?")[0].strip()
    value = value.strip("<>").rstrip(".")
    if not _EMAIL.fullmatch(value):
        return None
    local, _, domain = value.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            return None
    if drop_tags and (domain in drop_tags or "*" in drop_tags):
        local = local.partition("+")[0] or local
    return f"{local}@{domain}"


@lru_cache(1)
def _numbers() -> Any:
    """Google's libphonenumber in Python: its tables take 60 ms to load, so only where there are numbers."""
    import phonenumbers

    return phonenumbers


def _phone(value: str, country: str) -> str | None:
    """E.164 of a number as long as its country's are, with `;ext=` where it has an extension: a switchboard's number is
    everybody's behind it."""
    numbers = _numbers()
    written = _without_words(value)
    digits = re.sub(r"\D", "", written)
    if len(set(digits)) < 2 or len(written) > 60:
        return None
    if digits.startswith("00") and not written.startswith("+"):
        written = "+" + digits[2:]
    try:
        number = numbers.parse(written, country)
    except numbers.NumberParseException:
        return None
    # A zero that is part of the number, as in Italy; elsewhere it is the trunk's, and the number is too short.
    doubtful = number.italian_leading_zero and not numbers.is_valid_number(number)
    if doubtful or not numbers.is_possible_number(number):
        return None
    told = str(numbers.format_number(number, numbers.PhoneNumberFormat.E164))
    return f"{told};ext={number.extension}" if number.extension else told


def _without_words(value: str) -> str:
    """The number without what was written around it: letters would be read as the digits of a keypad."""
    value = _CALLED.sub("", value)
    word = _WORD.search(value)
    if word is None or ";ext=" in value:  # so it is written where it was normalised
        return value
    before = value[: word.start()]
    if sum(map(str.isdigit, before)) < 6:
        return ""
    return f"{before} ext {value[word.end() :]}" if word[0].lower() in _EXTENSION else before.rstrip(" (-")


def is_country(code: str) -> bool:
    """Whether numbers can be read as this country's.

    >>> is_country("FR"), is_country("XX")
    (True, False)
    """
    return code in _numbers().SUPPORTED_REGIONS


def country_of(calling_code: str) -> str:
    """The main country of a calling code; "" when it has none.

    >>> country_of("44"), country_of("999")
    ('GB', '')
    """
    found = str(_numbers().region_code_for_country_code(int(calling_code)))
    return found if found not in ("ZZ", "001") else ""


def _card(value: str) -> str | None:
    return re.sub(r"[\s-]", "", value).upper() or None


def _token(value: str) -> str | None:
    """As the payment service gave it, which tells small letters from capitals. A masked number names nobody: thousands
    have the same last four digits."""
    if _MASKED.fullmatch(value) or (value.isdigit() and len(value) <= 4):
        return None
    return re.sub(r"\s", "", value)


def _handle(value: str) -> str | None:
    return value.lower().lstrip("@") or None


def _wallet(value: str) -> str | None:
    return value.lower() if value[:2].lower() == "0x" else value


_NORMALISERS: dict[str, Callable[[str], str | None]] = {
    "loyalty_card": _card,
    "card_token": _token,
    "social_handle": _handle,
    "wallet": _wallet,
}
