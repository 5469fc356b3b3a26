"""Finds the column that says when, and how it is written: one column, or a day and a clock side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from itertools import product
from pathlib import Path
from typing import Any

from ariane.errors import InputError
from ariane.ingest.convert import instant
from ariane.ingest.mapping import When

Held = dict[str, list[Any]]
DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y",
    "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
CLOCKS = ("", " %H:%M:%S", " %H:%M", " %H.%M", " %I:%M:%S %p", " %I:%M %p")
PATTERNS = tuple(day + clock for day, clock in product(DAYS, CLOCKS))
DIGITS = {8: "%Y%m%d", 6: "%y%m%d"}
EPOCHS = (("epoch_us", 10**14, 5 * 10**15), ("epoch_ms", 10**11, 5 * 10**12), ("epoch_s", 10**8, 5 * 10**9))
TIME = re.compile(r"time|date|(^|_)(at|on|ts|when|day)$|created|moment|instant|heure|jour", re.IGNORECASE)
_BIRTH = re.compile(r"birth|naissance|(^|_)dob($|_)", re.IGNORECASE)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?( ?[AP]M)?", re.IGNORECASE)


def when_of(held: Held, file: Path) -> tuple[When, set[str]]:
    """The column of the instant, by its name, else the first; and every column that holds instants.

    Raises InputError when there is none.
    """
    found = {name: format for name, values in held.items() if (format := format_of(name, values))}
    if not found:
        raise InputError(
            "No column looks like an instant.",
            where=str(file),
            allowed="ISO 8601, day/month/year, or seconds, milliseconds or microseconds since 1970",
            next_step="Write the mapping by hand: docs/importing.md.",
        )
    fullest = max(len(held[name]) for name in found)
    chosen = max(found, key=lambda name: (len(held[name]) == fullest, bool(TIME.search(name)), -list(held).index(name)))
    beside = _clock_beside(chosen, found[chosen], held)
    if beside is not None:
        name, pattern = beside
        return When(f"{{{chosen}}} {{{name}}}", f"{found[chosen]} {pattern}"), {*found, name}
    return When(chosen, found[chosen]), set(found)


def format_of(name: str, values: list[Any]) -> str:
    """How a column's instants are written; empty when they are none, or say when somebody was born."""
    if not values or _BIRTH.search(name):
        return ""
    if all(isinstance(value, datetime | date) for value in values):
        return "iso"
    texts = [str(value) for value in values]
    if all(re.fullmatch(r"\d+(\.\d+)?", text) for text in texts):
        return _of_numbers(name, texts)
    if not all(len(text) >= 8 and re.search(r"\d[-/. ]|[a-z]{3},? \d", text) for text in texts):
        return ""
    fits = [format for format in ("iso", *PATTERNS) if _reads(texts[0], format) and _all_read(texts, format)]
    # Where day and month could be either, the one that keeps the rows closer together is right.
    return min(fits, key=lambda format: _span(texts, format)) if len(fits) > 1 else next(iter(fits), "")


def _of_numbers(name: str, texts: list[str]) -> str:
    if not TIME.search(name):
        return ""
    pattern = DIGITS.get(len(texts[0]))
    if pattern is not None and len({len(text) for text in texts}) == 1 and _all_read(texts, pattern):
        return pattern
    low, high = min(map(float, texts)), max(map(float, texts))
    return next((format for format, first, last in EPOCHS if first <= low and high <= last), "")


def _clock_beside(day: str, format: str, held: Held) -> tuple[str, str] | None:
    """The clock that goes with a day, first of those after it, then of those before; and its pattern."""
    if "%H" in format or "%I" in format or format not in (*DAYS, *DIGITS.values(), "iso"):
        return None
    if format == "iso" and not all(re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)) for value in held[day]):
        return None
    names = list(held)
    place = names.index(day)
    for name in (*names[place + 1 :], *names[:place]):
        texts = [str(value) for value in held[name]]
        if len(texts) == len(held[day]) and all(_CLOCK.fullmatch(text) for text in texts):
            half = "%I" if texts[0][-1] in "mM" else "%H"
            seconds = ":%S" if texts[0].count(":") == 2 else ""
            return name, f"{half}:%M{seconds}" + (" %p" if half == "%I" else "")
    return None


def _reads(text: str, format: str) -> bool:
    try:
        instant(text, format)
    except (ValueError, TypeError, ArithmeticError):
        return False
    return True


def _all_read(texts: Iterable[str], format: str) -> bool:
    return all(_reads(text, format) for text in texts)


def _span(texts: list[str], format: str) -> float:
    read = [datetime.fromisoformat(instant(text, format)) for text in texts]
    return (max(read) - min(read)).total_seconds()
