"""What one person leaves behind: events as Segment's HTTP API takes them, and which identifiers they tie."""

from __future__ import annotations

from collections.abc import Callable
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
    "Products Searched": "/search", "Product Compared": "/compare", "Product Added": "/basket",
    "Cart Viewed": "/basket",
    "Checkout Started": "/checkout", "Payment Info Entered": "/checkout/payment", "Order Completed": "/checkout/done",
    "Home": "/", "Order Tracking": "/account/tracking", "Delivery Information": "/help/delivery",
    "Help": "/help", "Account": "/account", "Preferences": "/account/preferences",
}  # fmt: skip
_PAGES = {name: b',"page":{"path":"%b"}' % path.encode() for name, path in _PATHS.items()}
_SECONDS = tuple(b"%02d.%03dZ" % divmod(ms, 1000) for ms in range(60_000))
_MINUTES = tuple(b"T%02d:%02d:" % divmod(minute, 60) for minute in range(1440))
_BODIES = {"track": b"properties", "page": b"properties", "screen": b"properties", "identify": b"traits"}
_OPENINGS: dict[tuple[str, str], bytes] = {}
_EVENT = b'%b,"messageId":"%b%d","timestamp":"%b"%b,"context":%b},"%b":%b}'
_ENCODER = msgspec.json.Encoder()
_time = itemgetter(0, 1)

Row = tuple[int, int, str, str, "Touch", dict[str, Any]]
Identifier = tuple[str, str]


class Touch:
    """Where something happens: the channel, the machine, the names it speaks under. `head` is the context's JSON
    without its closing brace; `asks` says that this cookie was shown the consent banner."""

    __slots__ = ("asks", "channel", "cookie", "device", "head", "paged", "user", "who")

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
        who = f',"anonymousId":"{cookie}"' if cookie is not None else ""
        self.who = (f'{who},"userId":"{user}"' if user is not None else who).encode()

    def said_to_be(self, channel: str) -> Touch:
        """The same names and machine on another channel."""
        head = self.head.replace(b'"channel":"%b"' % self.channel.encode(), b'"channel":"%b"' % channel.encode(), 1)
        return Touch(channel, head, cookie=self.cookie, user=self.user, device=self.device, asks=self.asks)


class Evidence:
    """Which identifiers were seen, and which of a person's events tie together (union-find over unshared ones)."""

    __slots__ = ("_met", "_parent", "_ties", "shared")

    def __init__(self, shared: set[Identifier]) -> None:
        self.shared = shared
        self._parent: dict[Identifier, Identifier] = {}
        self._ties: set[tuple[Identifier, ...]] = set()
        self._met: set[tuple[str, tuple[Identifier, ...]]] = set()

    def see(self, identifiers: tuple[Identifier, ...], channel: str = "") -> None:
        self._met.add((channel, identifiers))
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

    def channels(self) -> dict[Identifier, list[str]]:
        """On which channels each identifier was seen, in the order of their names."""
        found: dict[Identifier, set[str]] = {}
        for channel, identifiers in self._met:
            for one in identifiers:
                found.setdefault(one, set()).add(channel)
        return {one: sorted(channels) for one, channels in found.items()}

    def components(self) -> list[tuple[str, str, bool, int]]:
        """(kind, value, shared, component): identifiers of one component can be known to be one person's."""
        numbers: dict[Identifier, int] = {}
        return [(*one, one in self.shared, numbers.setdefault(self._root(one), len(numbers))) for one in self._parent]


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


def spell(
    rows: list[Row], prefix: str, days: tuple[bytes, ...], consent: Callable[[int], bytes]
) -> list[tuple[int, bytes]]:
    """(ms, JSON) of each row. `consent(ms)` is said by the first event of each cookie that was asked.

    The JSON is laid together from parts that are JSON already: half the cost of encoding a Struct, and this is most of
    what a town costs.
    """
    encode, starts = _ENCODER.encode, prefix.encode()
    told: set[str | None] = set()
    out: list[tuple[int, bytes]] = []
    for n, (t, _, type, name, touch, properties) in enumerate(rows):
        day, rest = divmod(t, DAY_MS)
        minute, ms = divmod(rest, 60_000)
        context = touch.head
        if touch.paged and name in _PAGES:
            context += _PAGES[name]
        if touch.asks and touch.cookie not in told:
            told.add(touch.cookie)
            context += consent(t)
        opening = _OPENINGS.get((type, name)) or _opening(type, name)
        at = days[day] + _MINUTES[minute] + _SECONDS[ms]
        body = encode(properties)
        out.append((t, _EVENT % (opening, starts, n, at, touch.who, context, _BODIES[type], body)))
    return out


def _opening(type: str, name: str) -> bytes:
    named = (
        b"" if type == "identify" else b',"%b":%b' % (b"event" if type == "track" else b"name", _ENCODER.encode(name))
    )
    return _OPENINGS.setdefault((type, name), b'{"type":"%b"%b' % (type.encode(), named))


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
            evidence.see(tuple(named), touch.channel)
    return evidence


@lru_cache(8)
def days_of(until_on: date) -> tuple[bytes, ...]:
    """The town's days as ISO dates, the last one `until_on`.

    >>> days_of(date(2026, 4, 30))[0], days_of(date(2026, 4, 30))[-1]
    (b'2026-01-01', b'2026-04-30')
    """
    first = until_on - timedelta(days=DAYS - 1)
    return tuple((first + timedelta(days=day)).isoformat().encode() for day in range(DAYS))


def bodies(events: list[bytes], most_events: int = 250) -> list[bytes]:
    """Segment batch bodies, in order. No event of the town passes 1.5 kB, so none of them passes 400 kB."""
    batches = [events[first : first + most_events] for first in range(0, len(events), most_events)]
    return [b'{"batch":[' + b",".join(batch) + b"]}" for batch in batches]
