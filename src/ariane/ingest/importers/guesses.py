"""What the columns of a table may mean, by their names and values: who, by which identifiers, where, and what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ariane.ingest.convert import number
from ariane.ingest.importers.report import is_mangled
from ariane.ingest.mapping import Column
from ariane.model import CHANNELS

Held = dict[str, list[Any]]
SHARE = 0.8
"""How many of a column's values must look like an identifier's: real files have some that do not."""
MISSING = frozenset({"na", "n/a", "null", "none", "nan", "\\n", "(null)", "(not set)", "#n/a", "nil", "undefined", "-"})
_USER = re.compile(
    r"((user|customer|client|person|member|contact|account|caller|guest|subscriber|lead|mql|adherent|utilisateur)"
    r"_?(unique_?)?(id|no|number|nr|key|code)?|unique_id)"
)
_COOKIES = tuple(
    re.compile(text)
    for text in (r"anonymous_?id", r"cookie", r"visitor", r"(domain|network)_?user_?id", r"session(_\w+)?_?(id|key)$")
)
_NOT_COOKIE = re.compile(r"idx$|index|count|number|_start|_end|date|time|duration|_n$|sessions$|cookies$")
_EVENT = re.compile(r"event|event_?name|action|activity|event_?type|evenement|événement")
_MESSAGE = re.compile(
    r"((message|event|row|record|transaction|insert|line|order|invoice|call|ticket|case|review|complaint|payment|booking"
    r"|answer|response|receipt|session_?row)_?)?(id|uuid|guid|no|number|nr)|ticket|reference"
)
_SOMEBODY_ELSE = re.compile(r"friend|refer|parrain|filleul|emergency|company|brand|agent|advis|support")
_KINDS = {
    "email": (re.compile(r"e_?mail|courriel"), re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
    "caller_number": (re.compile(r"caller_?(number|no)|calling_?number|msisdn"), re.compile(r"[+(]?\d[\d .()/-]{4,}")),
    "phone": (re.compile(r"phone|mobile|téléphone|^tel$"), re.compile(r"[+(]?\d[\d .()/-]{6,}")),
    "loyalty_card": (re.compile(r"loyalty|fid[eé]lit|member(ship)?_?(card|no)"), re.compile(r"[\w -]{4,}")),
    "object_serial": (re.compile(r"serial(_?(no|number))?$"), re.compile(r"[\w:.-]{3,}")),
    "device": (re.compile(r"^device_?(id|uuid)$"), re.compile(r".{4,}")),
}
_CHANNEL = re.compile(r"channel|via|canal|platform|touch_?point|medium")
_WORDS = {
    "web": "web", "website": "web", "site": "web", "internet": "web", "online": "web", "app": "app", "mobile": "app",
    "mobile app": "app", "mob": "app", "application": "app", "ios": "app", "android": "app", "phone": "call_centre",
    "telephone": "call_centre", "call": "call_centre", "call centre": "call_centre", "call center": "call_centre",
    "customer care call": "call_centre", "cellular": "call_centre", "store": "store", "shop": "store",
    "boutique": "store", "magasin": "store", "in store": "store", "in-store": "store", "pos": "store", "till": "store",
    "branch": "store",
    "email": "email", "e-mail": "email", "mail": "mail", "letter": "mail", "post": "mail", "sms": "sms", "text": "sms",
    "social": "social", "facebook": "social", "twitter": "social", "instagram": "social", "chat": "chatbot",
    "chatbot": "chatbot", "partner": "partner", "marketplace": "partner",
} | {channel: channel for channel in CHANNELS}  # fmt: skip
_ORDER = re.compile(r"(order|invoice|receipt|sale|purchase|commande|facture)_?(id|no|number|nr|ref)?")
_AMOUNT = re.compile(
    r"(order_|grand_|total_|invoice_)?(total|amount|revenue|value|paid|montant|total_ttc|ca|price_total|order_value)"
    r"(_paid|_ttc|_eur|_usd|_gbp|_amount|_price|_value)?"
)
_SCORE = re.compile(r"(review_|customer_)?(score|rating|stars|note|grade)")
_TEXT = re.compile(r"(review_|customer_)?(comment(_message|_text)?|review|avis|text|body|message|verbatim|commentaire)")
_COMPLAINT = re.compile(r"complaint|plainte|r[eé]clamation")


def snake(name: str) -> str:
    """A column's name as a property's: `CustomerID` is `customer_id`."""
    return re.sub(r"[^0-9a-z]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_") or "value"


def who_of(held: Held) -> tuple[str, str]:
    """The columns of user_id and anonymous_id; empty for none. Values a spreadsheet shortened name nobody."""
    filled = [name for name, values in held.items() if values and not _mostly(values, is_mangled)]
    user = next((name for name in filled if _USER.fullmatch(snake(name))), "")
    if not user:
        # A column named only 'id' whose values come back is somebody; one whose values do not is the row.
        user = next((name for name in filled if snake(name) == "id" and _come_back(held[name])), "")
    cookies = [
        (rank, place, name)
        for place, name in enumerate(filled)
        for rank, pattern in enumerate(_COOKIES)
        if name != user and pattern.search(snake(name)) and not _NOT_COOKIE.search(snake(name))
    ]
    return user, min(cookies)[2] if cookies else ""


def identifiers_of(held: Held, taken: Iterable[str]) -> dict[str, str]:
    """Kind of identifier → column, by name and by what most values look like. Somebody else's address is none."""
    found: dict[str, str] = {}
    for name, values in held.items():
        plain = snake(name)
        if name in taken or not values or _SOMEBODY_ELSE.search(plain):
            continue
        for kind, (called, shape) in _KINDS.items():
            if (
                kind not in found
                and called.search(plain)
                and _mostly(values, lambda text, s=shape: bool(s.fullmatch(text)))
            ):
                found[kind] = name
                break
    return found


def message_of(held: Held, n_rows: int, taken: Iterable[str]) -> tuple[str, ...]:
    """A column named like an id that differs on every row."""
    for name, values in held.items():
        named = name not in taken and _MESSAGE.fullmatch(snake(name))
        if named and len({str(value) for value in values}) == n_rows > 1 and not _mostly(values, is_mangled):
            return (name,)
    return ()


def channel_of(held: Held) -> Column | None:
    """The column whose every value is a channel, or a usual word for one in a column named like that."""
    for name, values in held.items():
        words = {str(value) for value in values}
        if not words or len(words) > 30:
            continue
        if words <= set(CHANNELS):
            return Column(name)
        known = {word: _WORDS.get(word.strip().lower(), "") for word in words}
        if _CHANNEL.search(snake(name)) and all(known.values()):
            return Column(name, values=dict(sorted(known.items())))
    return None


def event_of(held: Held) -> str | None:
    """The column that names the event."""
    return next(
        (name for name in held if _EVENT.fullmatch(snake(name)) and 0 < len({str(v) for v in held[name]}) <= 100), None
    )


def meaning_of(held: Held) -> tuple[str, dict[str, str]]:
    """The event a row of these columns is, when they say so, and the column of each of its known properties."""
    order, amount = _named(_ORDER, held), _named(_AMOUNT, held, numbers=True)
    if order and amount and order != amount:
        return "Order Completed", {"order_id": order, "revenue": amount}
    complaint = next((name for name in held if _COMPLAINT.search(snake(name)) and _prose(held[name])), "")
    if complaint:
        return "Complaint Made", {"comment": complaint}
    score = _named(_SCORE, held, numbers=True)
    comment = next((name for name in held if _TEXT.fullmatch(snake(name)) and _prose(held[name])), "")
    if score and comment:
        return "Review Posted", {"score": score, "comment": comment}
    return "", {}


def missing_of(held: Held) -> tuple[str, ...]:
    """The texts that stand for nothing, among those that are there."""
    found = {value for values in held.values() for value in values if isinstance(value, str) and is_missing(value)}
    return ("", *sorted(found))


def is_missing(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() in MISSING


def _named(pattern: re.Pattern[str], held: Held, *, numbers: bool = False) -> str:
    return next(
        (
            name
            for name, values in held.items()
            if values and pattern.fullmatch(snake(name)) and (not numbers or all(map(_is_number, values)))
        ),
        "",
    )


def _is_number(value: object) -> bool:
    for comma in (False, True):
        try:
            number(value, comma)
        except (ValueError, TypeError):
            continue
        return True
    return False


def _prose(values: list[Any]) -> bool:
    return bool(values) and sum(len(str(value)) for value in values) / len(values) > 15


def _mostly(values: list[Any], fits: Any) -> bool:
    return sum(bool(fits(str(value).strip())) for value in values) >= SHARE * len(values)


def _come_back(values: list[Any]) -> bool:
    return len({str(value) for value in values}) < 0.9 * len(values)
