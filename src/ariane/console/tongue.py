"""How numbers, dates and durations are said: the one place that formats them, in either language."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from math import floor, log10
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from babel.core import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.lists import format_list
from babel.numbers import (
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
)

from ariane.console import words
from ariane.model import DAY, HOUR, MINUTE, SECOND, Interval

MINUS = "−"
NONE = "–"
LOCALES = {"en": Locale("en", "GB"), "fr": Locale("fr", "FR")}


class Tongue(msgspec.Struct, frozen=True):
    """A language and a time zone to speak in. Shares come in 0–1, instants in microseconds UTC.

    >>> Tongue("fr").percent(0.0481, 1), Tongue("en").number(48210)
    ('4,8\\xa0%', '48,210')
    """

    lang: str
    zone: str = "UTC"

    @property
    def locale(self) -> Locale:
        return LOCALES[self.lang]

    @property
    def tz(self) -> tzinfo:
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            return UTC

    def _(self, message: str, **values: Any) -> str:
        """The text in this language, its `%(name)s` filled in."""
        said = words.gettext(self.lang, message)
        return said % values if values else said

    def n_(self, one: str, many: str, n: int, **values: Any) -> str:
        """The text for a count; `%(n)s` is the number, formatted."""
        return words.ngettext(self.lang, one, many, n) % {"n": self.number(n), **values}

    def number(self, value: float | None, digits: int = 0) -> str:
        if value is None:
            return NONE
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        said = format_decimal(_settled(value, digits), format=pattern, locale=self.locale)
        return said.replace("-", MINUS)

    def plain(self, value: float | None, most: int = 2) -> str:
        """A number with only the decimals it has, `most` at the utmost."""
        if value is None:
            return NONE
        said = format_decimal(_settled(value, most), format="#,##0." + "#" * most, locale=self.locale)
        return said.replace("-", MINUS)

    def signed(self, value: float | None, digits: int = 1) -> str:
        """With its sign, a true minus, and no sign on a zero.

        >>> Tongue("en").signed(-1.12), Tongue("fr").signed(0.04), Tongue("en").signed(1.4)
        ('−1.1', '0,0', '+1.4')
        """
        if value is None:
            return NONE
        said = self.number(value, digits)
        return f"+{said}" if _settled(value, digits) > 0 else said

    def compact(self, value: float | None) -> str:
        if value is None:
            return NONE
        if abs(value) < 10_000:
            return self.number(value)
        return format_compact_decimal(value, locale=self.locale, fraction_digits=1).replace("-", MINUS)

    def percent(self, share: float | None, digits: int = 0) -> str:
        if share is None:
            return NONE
        pattern = "#,##0" + ("." + "0" * digits if digits else "") + ("\xa0%" if self.lang == "fr" else "%")
        said = format_percent(_settled(share, digits + 2), format=pattern, locale=self.locale)
        return said.replace("-", MINUS)

    def money(self, minor: float | None, currency: str) -> str:
        if minor is None:
            return NONE
        major = minor / 10 ** get_currency_precision(currency)
        pattern = None if abs(major) < 1000 else ("#,##0\xa0¤" if self.lang == "fr" else "¤#,##0")
        said = format_currency(major, currency, format=pattern, locale=self.locale, currency_digits=pattern is None)
        return said.replace("-", MINUS)

    def at(self, instant_us: int) -> datetime:
        return datetime.fromtimestamp(instant_us / SECOND, UTC).astimezone(self.tz)

    def day(self, instant_us: int | None, form: str = "medium") -> str:
        return NONE if instant_us is None else format_date(self.at(instant_us), form, locale=self.locale)

    def weekday(self, instant_us: int) -> str:
        said = format_date(self.at(instant_us), "EEEE d MMMM y", locale=self.locale)
        return said[:1].upper() + said[1:]

    def clock(self, instant_us: int, form: str = "HH:mm") -> str:
        return format_time(self.at(instant_us), form, tzinfo=self.tz, locale=self.locale)

    def moment(self, instant_us: int | None) -> str:
        if instant_us is None:
            return NONE
        form = "d MMM y, HH:mm" if self.lang == "en" else "d MMM y 'à' HH:mm"
        return format_datetime(self.at(instant_us), form, tzinfo=self.tz, locale=self.locale)

    def span(self, since_us: int, until_us: int) -> str:
        """Two days and what lies between, the common parts said once. `until_us` is excluded.

        >>> Tongue("en").span(0, 28 * DAY)
        '1 – 28 Jan 1970'
        """
        first, last = self.at(since_us), self.at(max(since_us, until_us - 1))
        if first.date() == last.date():
            return format_date(first, "d MMM y", locale=self.locale)
        shape = "d" if (first.year, first.month) == (last.year, last.month) else "d MMM"
        shape = shape if first.year == last.year else "d MMM y"
        return f"{format_date(first, shape, locale=self.locale)} – {format_date(last, 'd MMM y', locale=self.locale)}"

    def duration(self, micros: float | None) -> str:
        """The largest unit that fits, with at most two digits that mean something.

        >>> Tongue("en").duration(93 * SECOND), Tongue("fr").duration(2.5 * DAY), Tongue("en").duration(0)
        ('1.6\\xa0min', '2,5\\xa0j', '0\\xa0s')
        """
        if micros is None:
            return NONE
        for unit, name in ((DAY, words.N_("d")), (HOUR, words.N_("h")), (MINUTE, words.N_("min"))):
            if micros >= unit:
                amount = micros / unit
                return f"{self.plain(amount, 0 if amount >= 10 else 1)}\xa0{self._(name)}"
        return f"{self.plain(micros / SECOND, 0)}\xa0s"

    def listed(self, parts: list[str]) -> str:
        return format_list(parts, locale=self.locale) if parts else ""

    def interval(self, measured: Interval, how: str = "number", digits: int = 0) -> str:
        """The 95 % bounds alone; empty when there are none.

        >>> Tongue("en").interval(Interval(0.5, 0.41, 0.59, 100), "percent")
        '41 – 59%'
        """
        if measured.lo is None or measured.hi is None:
            return ""
        if how == "percent":
            lo, hi = self.number(measured.lo * 100, digits), self.percent(measured.hi, digits)
        elif how == "signed":
            lo, hi = self.signed(measured.lo, digits), self.signed(measured.hi, digits)
        elif how == "duration":
            lo, hi = self.duration(measured.lo), self.duration(measured.hi)
        else:
            lo, hi = self.number(measured.lo, digits), self.number(measured.hi, digits)
        return f"{lo} – {hi}"


def _settled(value: float, digits: int) -> float:
    """Round half away from zero, as people do, and never a negative zero."""
    scale = 10.0**digits
    nudge = 10 ** (floor(log10(abs(value) * scale)) - 14) if value else 0.0
    rounded = floor(abs(value) * scale + 0.5 + nudge) / scale
    return rounded if value > 0 else -rounded if rounded else 0.0
