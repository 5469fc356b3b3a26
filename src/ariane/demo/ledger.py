"""What one person leaves behind: events as Segment's HTTP API takes them, and which identifiers they tie."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec

from ariane.demo.brand import DAY_MS, DAYS

KINDS = ("loyalty_card", "email", "phone", "caller_number", "card_token", "social_handle", "wallet", "object_serial")
"""Property names whose values name somebody."""

_KINDS = frozenset(KINDS)

_PATHS = {
    "Products Searched": "/search", "Product Compared": "/compare", "Product Added": "/basket", "Cart Viewed": "/basket",
    "Checkout Started": "/checkout", "Payment Info Entered": "/checkout/payment", "Order Completed": "/checkout/done",
    "Home": "/", "Order Tracking": "/account/tracking", "Delivery Information": "/help/delivery",
    "Help": "/help", "Account": "/account", "Preferences": "/account/preferences",
}  # fmt: skip
_SECONDS = tuple(f"{ms // 1000:02d}.{ms % 1000:03d}Z" for ms in range(60_000))
_MINUTES = tuple(f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440))
_time = itemgetter(0, 1)

Row = tuple[int, int, str, str, "Touch", dict[str, Any]]
Identifier = tuple[str, str]


class Sent(msgspec.Struct, omit_defaults=True):
    """One event of the wire, with Segment's names. `context` is JSON already."""

    type: str
    messageId: str
    timestamp: str
    context: msgspec.Raw
    event: str | None = None
    name: str | None = None
    anonymousId: str | None = None
    userId: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None


class Touch:
    """Where something happens: the channel, the machine, the names it speaks under. `head` is the context's JSON
    without its closing brace; `asks` says that this cookie was shown the consent banner."""

    __slots__ = ("asks", "channel", "cookie", "device", "head", "paged", "user")

    def __init__(
        self,
        channel: str,
        head: bytes,
        *,
        cookie: str | None = None,
        user: str | None = None,
        device: str | None = None,
        paged: bool = False,
        asks: bool = False,
    ) -> None:
        self.channel, self.head, self.cookie, self.user, self.device = channel, head, cookie, user, device
        self.paged, self.asks = paged, asks


class Evidence:
    """Which identifiers were seen, and which of a person's events tie together (union-find over unshared ones)."""

    __slots__ = ("_parent", "_ties", "shared")

    def __init__(self, shared: set[Identifier]) -> None:
        self.shared = shared
        self._parent: dict[Identifier, Identifier] = {}
        self._ties: set[tuple[Identifier, ...]] = set()

    def see(self, identifiers: tuple[Identifier, ...]) -> None:
        if identifiers in self._ties:
            return
        self._ties.add(identifiers)
        parent = self._parent
        first = None
        for one in identifiers:
            parent.setdefault(one, one)
            if one in self.shared:
                continue
            if first is None:
                first = self._root(one)
            else:
                parent[self._root(one)] = first
                first = self._root(first)

    def _root(self, one: Identifier) -> Identifier:
        parent = self._parent
        while parent[one] != one:
            one = parent[one]
        return one

    def components(self) -> list[tuple[str, str, bool, int]]:
        """(kind, value, shared, component): identifiers of one component can be known to be one person's."""
        numbers: dict[Identifier, int] = {}
        return [
            (*one, one in self.shared, numbers.setdefault(self._root(one), len(numbers))) for one in self._parent
        ]


class Ledger:
    """Rows as they come to mind, in any order; `close` puts them in order and on the wire."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, t: float, name: str, touch: Touch, properties: dict[str, Any], type: str = "track") -> None:
        self.rows.append((int(t), len(self.rows), type, name, touch, properties))

    def within(self, start: int, end: int) -> list[Row]:
        """The rows of a stretch of time, in order."""
        return sorted([row for row in self.rows if start <= row[0] < end], key=_time)


def spell(rows: list[Row], prefix: str, days: tuple[str, ...], consent: bytes) -> list[tuple[int, bytes]]:
    """(ms, JSON) of each row. `consent` is said by the first event of each cookie that was asked."""
    encode = _ENCODER.encode
    told: set[str] = set()
    out: list[tuple[int, bytes]] = []
    for n, (t, _, type, name, touch, properties) in enumerate(rows):
        day, rest = divmod(t, DAY_MS)
        minute, ms = divmod(rest, 60_000)
        context = touch.head
        if touch.paged:
            path = properties.get("path") or _PATHS.get(name)
            if path:
                context = b'%b,"page":{"path":"%b"}' % (context, path.encode())
        if touch.asks and touch.cookie not in told:
            told.add(touch.cookie or "")
            context = context + consent
        sent = Sent(
            type=type,
            messageId=f"{prefix}{n}",
            timestamp=days[day] + _MINUTES[minute] + _SECONDS[ms],
            context=msgspec.Raw(context + b"}"),
            anonymousId=touch.cookie,
            userId=touch.user,
        )
        if type == "track":
            sent.event, sent.properties = name, properties
        elif type == "identify":
            sent.traits = properties
        else:
            sent.name, sent.properties = name, properties
        out.append((t, encode(sent)))
    return out


def witness(rows: list[Row], shared: set[Identifier]) -> Evidence:
    """What the rows tie together."""
    evidence = Evidence(shared)
    for row in rows:
        touch, properties = row[4], row[5]
        named: list[Identifier] = []
        if touch.user is not None:
            named.append(("user_id", touch.user))
        if touch.cookie is not None:
            named.append(("cookie", touch.cookie))
        if touch.device is not None:
            named.append(("device", touch.device))
        if not _KINDS.isdisjoint(properties):
            named += [(kind, properties[kind]) for kind in KINDS if kind in properties]
        if named:
            evidence.see(tuple(named))
    return evidence


@lru_cache(8)
def days_of(until_on: date) -> tuple[str, ...]:
    """The town's days as ISO dates, the last one `until_on`.

    >>> days_of(date(2026, 4, 30))[0], days_of(date(2026, 4, 30))[-1]
    ('2026-01-01', '2026-04-30')
    """
    first = until_on - timedelta(days=DAYS - 1)
    return tuple((first + timedelta(days=day)).isoformat() for day in range(DAYS))


def bodies(events: list[bytes], most_bytes: int = 440_000, most_events: int = 250) -> list[bytes]:
    """Segment batch bodies, in order, each within both limits."""
    out: list[bytes] = []
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and (len(batch) == most_events or size + len(event) + 1 > most_bytes):
            out.append(b'{"batch":[' + b",".join(batch) + b"]}")
            batch, size = [], 0
        batch.append(event)
        size += len(event) + 1
    if batch:
        out.append(b'{"batch":[' + b",".join(batch) + b"]}")
    return out


_ENCODER = msgspec.json.Encoder()
