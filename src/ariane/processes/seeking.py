"""Looking for the events that carry one of some identifiers, in the log and in the lake.

Most events carry none, and their contexts and properties repeat: each different text is opened once. What looks like a
find is looked at again the long way, so the answer is that of `identify` and `linked`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec
import pyarrow as pa

from ariane.errors import InputError
from ariane.identity import Rules
from ariane.ingest import RESERVED_SOURCE, read
from ariane.model import Event
from ariane.processes.carrying import carried_keys
from ariane.processes.rebuilding import event_of

COLUMNS = (
    "event_id", "message_id", "source", "type", "event", "channel", "occurred_us", "received_us", "anonymous_id",
    "user_id", "properties", "context", "is_bot",
)  # fmt: skip
"""What of the lake's events must be seen to know who they are about."""

_SAYING = ("source", "type", "anonymous_id", "user_id", "properties", "context")

KEPT = 1 << 15


class _Carrier(msgspec.Struct, rename="camel"):
    """What of a record may say who it is about."""

    source: str
    type: str
    anonymous_id: str | None = None
    user_id: str | None = None
    previous_id: str | None = None
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    traits: msgspec.Raw = msgspec.Raw(b"{}")
    context: msgspec.Raw = msgspec.Raw(b"{}")


_decode = msgspec.json.Decoder(_Carrier).decode
_open = msgspec.json.Decoder(dict[str, Any]).decode


class Seeker:
    """Looks for identifiers, given by key.

    >>> from ariane.model import Identifier
    >>> seeker = Seeker({Identifier("cookie", "c-1").key}, Rules.default())
    >>> record = b'{"source":"web","messageId":"m","type":"page","receivedUs":1,"anonymousId":"c-%d"}'
    >>> seeker.in_record(record % 1), seeker.in_record(record % 2)
    ('dad8bec6d4e9b61183ddc157', None)
    """

    def __init__(self, keys: Collection[int], rules: Rules) -> None:
        self._keys, self._rules = frozenset(keys), rules
        self._users: dict[str, bool] = {}
        self._cookies: dict[str, bool] = {}
        self._properties: dict[bytes, bool] = {}
        self._contexts: dict[bytes, bool] = {}

    def concerns(self, event: Event) -> bool:
        """Whether the event carries one of the identifiers, if only in a page's address; a decision about identity,
        whether it names one."""
        return any(key in self._keys for key in carried_keys(event, self._rules))

    def in_record(self, payload: bytes) -> str | None:
        """The event's id when a log record carries one of the identifiers."""
        if not self._may_concern(payload):
            return None
        try:
            event = read(payload)
        except InputError:
            return None
        return event.event_id if self.concerns(event) else None

    def in_rows(self, rows: pa.Table) -> list[bool]:
        """Of each row of the lake's events (their `COLUMNS`), whether it carries one of the identifiers."""
        said = zip(*(rows.column(name).to_pylist() for name in _SAYING), strict=True)
        found = [self._may_row(*row) for row in said]
        hits = [place for place, hit in enumerate(found) if hit]
        for place, row in zip(hits, rows.select(COLUMNS).take(pa.array(hits, pa.int64())).to_pylist(), strict=True):
            found[place] = self.concerns(event_of(row))
        return found

    def _may_concern(self, payload: bytes) -> bool:
        """False where the record cannot carry any of them."""
        try:
            said = _decode(payload)
            if said.previous_id is not None or (b"\\" in payload and b"\\u0000" in payload):
                return True
            if self._may(said.source, said.type, said.anonymous_id, said.user_id):
                return True
            parts = (said.properties, said.traits)
            return self._context(bytes(said.context)) or any(self._of_properties(bytes(part)) for part in parts)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return True

    def _may_row(
        self, source: str, kind: str, anonymous_id: str | None, user_id: str | None, properties: str, context: str
    ) -> bool:
        if self._may(source, kind, anonymous_id, user_id):
            return True
        return self._context(context.encode()) or self._of_properties(properties.encode())

    def _may(self, source: str, kind: str, anonymous_id: str | None, user_id: str | None) -> bool:
        if source == RESERVED_SOURCE or kind == "alias":
            return True
        if user_id and _once(self._users, user_id, lambda: self._alone(user_id=user_id)):
            return True
        return bool(anonymous_id) and _once(self._cookies, anonymous_id, lambda: self._alone(anonymous_id=anonymous_id))

    def _of_properties(self, raw: bytes) -> bool:
        return _once(self._properties, raw, lambda: self._alone(properties=_open(raw)))

    def _context(self, raw: bytes) -> bool:
        return _once(self._contexts, raw, lambda: self._alone(context=_open(raw)))

    def _alone(self, **said: Any) -> bool:
        """Whether an event that says no more than this carries one of them."""
        event = Event(
            event_id="",
            message_id="",
            source="",
            type="page",  # the only type whose properties may say an address
            name="",
            channel="",
            occurred_us=0,
            received_us=0,
            **said,
        )
        return self.concerns(event)


def _once(known: dict[Any, bool], what: Any, found: Callable[[], bool]) -> bool:
    answer = known.get(what)
    if answer is None:
        if len(known) >= KEPT:
            known.clear()
        answer = known[what] = found()
    return answer
