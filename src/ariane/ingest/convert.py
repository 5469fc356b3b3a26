"""Turns a table's texts into instants, numbers and truth values, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

UNITS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
TRUE = frozenset({"true", "yes", "y", "1", "t", "oui", "vrai"})
FALSE = frozenset({"false", "no", "n", "0", "f", "non", "faux"})
FIRST_YEAR, LAST_YEAR = 1900, 2200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INT64 = 2**63
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"


def instant(value: Any, format: str = "iso", timezone: str = "UTC") -> str:
    """The instant as ISO 8601 text in UTC. A clock time that does not say its zone is read in `timezone`.

    An hour that the autumn change repeats is the first of the two. Raises ValueError when it is no instant between
    1900 and 2200.

    >>> instant("2018-07-01 09:30", timezone="Europe/Paris"), instant("1533081600", "epoch_s")
    ('2018-07-01T07:30:00Z', '2018-08-01T00:00:00Z')
    >>> instant("01/07/2018 09:30", "%d/%m/%Y %H:%M")
    '2018-07-01T09:30:00Z'
    """
    if isinstance(value, str):
        value = value.strip()
    if format in UNITS:
        moment = _EPOCH + _since(value, UNITS[format])
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, clock())
    elif format == "iso":
        moment = datetime.fromisoformat(str(value))
    else:
        moment = datetime.strptime(str(value), format)
    if not FIRST_YEAR < moment.year < LAST_YEAR:
        raise ValueError(f"'{value}' is in the year {moment.year}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(timezone))
    return moment.astimezone(UTC).isoformat()[:-6] + "Z"


def month_of(name: str) -> int:
    """The number of a month by the first three letters of its English name, whatever the machine's language.

    >>> month_of("May"), month_of("dec")
    (5, 12)
    """
    place = _MONTHS.find(name.lower()) if len(name) == 3 else -1
    if place < 0 or place % 3:
        raise ValueError(f"'{name[:20]}' is no month")
    return place // 3 + 1


def _since(value: Any, unit: int) -> timedelta:
    number = Decimal(str(value))
    micros = int(number * unit) if number.is_finite() else 0
    if not number.is_finite() or abs(micros) > INT64:
        raise ValueError(f"'{value}' is no instant")
    return timedelta(microseconds=micros)


@lru_cache(64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def number(value: Any, decimal_comma: bool = False) -> float:
    """A finite number; spaces between thousands are allowed, and with `decimal_comma` points too.

    >>> number("1 234.50"), number("1.234,50", decimal_comma=True)
    (1234.5, 1234.5)
    """
    if isinstance(value, str):
        value = value.replace(" ", "").replace("\u00a0", "").replace("\u202f", "")
        value = value.replace(".", "").replace(",", ".") if decimal_comma else value
        if "_" in value:
            raise ValueError(f"'{value}' is no number")
    found = float(value)
    if not isfinite(found):
        raise ValueError(f"'{value}' is no finite number")
    return found


def integer(value: Any, decimal_comma: bool = False) -> int:
    """A whole number of at most 63 bits.

    >>> integer("1 200"), integer("3.0")
    (1200, 3)
    """
    text = str(value).strip()
    found = number(value, decimal_comma)
    if not found.is_integer() or abs(found) >= INT64:
        raise ValueError(f"'{value}' is no whole number")
    return int(text) if text.lstrip("+-").isdecimal() else int(found)


def boolean(value: Any) -> bool:
    """Yes or no, as tables write it in English and French."""
    text = str(value).strip().lower()
    if text not in TRUE and text not in FALSE:
        raise ValueError(f"'{value}' is neither yes nor no")
    return text in TRUE


def as_text(value: Any) -> str:
    """The value as text; what is not text already, as JSON writes it.

    >>> as_text(" a "), as_text(True), as_text([1])
    (' a ', 'true', '[1]')
    """
    return value if isinstance(value, str) else msgspec.json.encode(plain(value)).decode()


def as_json(value: Any) -> Any:
    """A text that holds JSON, as what it says."""
    return msgspec.json.decode(value) if isinstance(value, str) else value


def plain(value: Any) -> Any:
    """The value as JSON can hold it: dates and decimals as text and number, everything else unchanged."""
    if isinstance(value, str | bool | int | float) or value is None:
        if isinstance(value, float) and not isfinite(value):
            return None
        return value
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, dict | list | tuple):
        return msgspec.to_builtins(value, enc_hook=str)
    return str(value)


def reader(kind: str, decimal_comma: bool = False, timezone: str = "UTC") -> Callable[[Any], Any]:
    """The function that reads values of a mapping's type: text, number, integer, boolean, instant or json."""
    readers: dict[str, Callable[[Any], Any]] = {
        "text": as_text,
        "number": lambda value: number(value, decimal_comma),
        "integer": lambda value: integer(value, decimal_comma),
        "boolean": boolean,
        "instant": lambda value: instant(value, timezone=timezone),
        "json": as_json,
    }
    return readers.get(kind, plain)
