"""The typed columns of an event: registered properties, and what the context says of device, system and campaign."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from ariane.errors import InputError
from ariane.model import Event
from ariane.store import COLUMNS

MINOR_DIGITS = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0,
    "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0,
    "XPF": 0,
}  # fmt: skip
"""Decimals of the currencies that do not have two (ISO 4217)."""

_INT64 = 2**63
_NONE: Mapping[str, str] = {}
Convert = Callable[[Any], object]


def columns_of(event: Event, registered: Mapping[str, str] = _NONE, currency: str = "EUR") -> dict[str, object]:
    """The `prop_` and `ctx_` columns of the lake's events, every one of them, None where the event does not say.

    `registered` names the workspace's own properties (name → string, double, int64, bool or minor); `currency` is
    assumed for money that names none. Money is kept in minor units: 12.5 EUR is 1250. A value that does not fit its
    column's type gives None, never an error: the JSON beside it still holds what was sent. A list of texts is kept
    sorted, joined by commas.

    >>> event = Event(event_id="", message_id="", source="", type="track", name="Order Completed", channel="web",
    ...               occurred_us=0, received_us=0, properties={"order_id": 7, "revenue": "19.99", "size": "XL"},
    ...               context={"os": {"name": "iPadOS"}})
    >>> {name: value for name, value in columns_of(event, {"size": "string"}).items() if value is not None}
    {'prop_order_id': '7', 'prop_revenue_minor': 1999, 'ctx_os': 'iPadOS', 'prop_size': 'XL'}
    """
    plan = plan_of(registered, currency)
    row = plan.blank.copy()
    if event.context:
        row.update(context_columns(event.context, plan))
    if event.properties:
        row.update(property_columns(event.properties, plan))
    return row


def property_columns(properties: Mapping[str, Any], plan: Plan) -> dict[str, object]:
    """The columns that properties fill, without the others."""
    filled: dict[str, object] = {}
    converters = plan.converters
    for name, value in properties.items():
        if name in converters and value is not None:
            column, convert = converters[name]
            if (converted := convert(value)) is not None:
                filled[column] = converted
    if plan.money and not plan.money.keys().isdisjoint(properties):
        stated = properties.get("currency")
        digits = MINOR_DIGITS.get(stated.upper() if isinstance(stated, str) else plan.currency, 2)
        for name, column in plan.money.items():
            if column not in filled and (minor := _minor(properties.get(name), digits)) is not None:
                filled[column] = minor
    return filled


def context_columns(context: Mapping[str, Any], plan: Plan) -> dict[str, object]:
    """The columns that a context fills, without the others. Its page's path is one of them: properties, where they say
    a path of their own, come over it."""
    get = context.get
    agent = get("userAgent")
    device, system = _of_agent(agent) if isinstance(agent, str) else (None, None)
    filled: dict[str, object] = {}
    if isinstance(given := get("device"), dict) and given:
        device = _device(given) or device
        if (text := _text(given.get("id"))) is not None:
            filled["ctx_device_id"] = text
    if isinstance(given := get("os"), dict) and isinstance(name := given.get("name"), str):
        system = _SYSTEMS.get(name.lower(), name)
    if device is not None:
        filled["ctx_device_type"] = device
    if system is not None:
        filled["ctx_os"] = system
    if isinstance(given := get("app"), dict) and (text := _text(given.get("version"))) is not None:
        filled["ctx_app_version"] = text
    if isinstance(given := get("campaign"), dict):
        for part in ("source", "medium", "name"):
            if (text := _text(given.get(part))) is not None:
                filled[f"ctx_campaign_{part}"] = text
    if isinstance(page := get("page"), dict):
        if text := _text(page.get("referrer")):
            filled["ctx_referrer"] = text
        if plan.text_path and (text := _text(page.get("path"))) is not None:
            filled["prop_path"] = text
    elif isinstance(given := get("referrer"), dict) and (text := _text(given.get("url"))):
        filled["ctx_referrer"] = text
    return filled


class Plan:
    """What to do with each property name, worked out once for a set of registered properties."""

    def __init__(self, registered: Mapping[str, str], currency: str) -> None:
        self.currency = currency
        own = {f"prop_{name}": kind for name, kind in registered.items()}
        self.blank: dict[str, object] = dict.fromkeys(COLUMNS | own)
        self.text_path = own.get("prop_path", "string") == "string"  # else a page's path would not fit
        self.converters: dict[str, tuple[str, Convert]] = {}
        self.money: dict[str, str] = {}
        for column, kind in (COLUMNS | own).items():
            if not column.startswith("prop_"):
                continue
            name = column[len("prop_") :]
            if column == "prop_revenue_minor":
                self.money |= {"revenue": column, "total": column, "value": column}
            elif kind == "minor":
                self.money[name] = column
            elif kind in _CONVERT:
                self.converters[name] = (column, _CONVERT[kind])
            else:
                raise InputError(
                    f"Property '{name}' has no such type as '{kind}'.", allowed=", ".join([*_CONVERT, "minor"])
                )


def plan_of(registered: Mapping[str, str] = _NONE, currency: str = "EUR") -> Plan:
    """The plan for the workspace's own properties (name → type); InputError for a type there is not."""
    return _plan(tuple(registered.items()) if registered else (), currency)


@lru_cache(maxsize=16)
def _plan(registered: tuple[tuple[str, str], ...], currency: str) -> Plan:
    return Plan(dict(registered), currency)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if isinstance(value, list):
        return ",".join(sorted(text for item in value if not isinstance(item, list) and (text := _text(item)))) or None
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any) -> int | None:
    if isinstance(value, int):
        return int(value) if -_INT64 <= value < _INT64 else None
    number = _number(value)
    return int(number) if number is not None and number.is_integer() and -_INT64 <= number < _INT64 else None


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return _TRUTHS.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def _minor(value: Any, digits: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        scaled = Decimal(str(value)).scaleb(digits).to_integral_value(ROUND_HALF_UP)
    except InvalidOperation:
        return None
    return int(scaled) if scaled.is_finite() and abs(scaled) < _INT64 else None


_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CONVERT: dict[str, Convert] = {"string": _text, "double": _number, "int64": _whole, "bool": _truth}


_SYSTEMS = {
    "iphone os": "iOS", "ios": "iOS", "ipados": "iPadOS", "android": "Android", "mac os x": "macOS", "macos": "macOS",
    "mac os": "macOS", "windows": "Windows", "linux": "Linux", "chrome os": "ChromeOS", "chromeos": "ChromeOS",
}  # fmt: skip
_AGENT_SYSTEMS = (
    ("iPad", "iPadOS"), ("iPhone", "iOS"), ("iPod", "iOS"), ("Android", "Android"), ("Windows", "Windows"),
    ("CrOS", "ChromeOS"), ("Mac OS X", "macOS"), ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_TABLET = re.compile(r"iPad|Tablet|Kindle|Silk/|Android(?!.*Mobile)")
_MOBILE = re.compile(r"Mobi|iPhone|iPod|Android")
_TELEVISION = re.compile(r"SmartTV|SMART-TV|AppleTV|GoogleTV|BRAVIA|Tizen.*TV|Web0S")


def _device(device: dict[str, Any]) -> str | None:
    """mobile, tablet, desktop, or the word given. Segment's mobile libraries send the system's name as the type."""
    kind = device.get("type")
    if not isinstance(kind, str) or not kind:
        return None
    kind = kind.lower()
    if kind in ("ios", "android", "phone", "smartphone"):
        model = device.get("model")
        return "tablet" if isinstance(model, str) and ("iPad" in model or "Tab" in model) else "mobile"
    return kind


@lru_cache(maxsize=4096)
def _of_agent(agent: str) -> tuple[str | None, str | None]:
    system = next((name for mark, name in _AGENT_SYSTEMS if mark in agent), None)
    if _TELEVISION.search(agent):
        return "tv", system
    if _TABLET.search(agent):
        return "tablet", system
    if _MOBILE.search(agent):
        return "mobile", system
    return ("desktop" if system else None), system
