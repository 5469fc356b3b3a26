"""Log records straight into the lake's columns: what `read` and `columns_of` say of each, at a fraction of their cost;
and the events that `read` would give, from what was opened for the columns.

Contexts and properties repeat: a device sends the same context with each of its events, a catalogue has so many pages.
Each different text is opened once, and every event that carries it shares what was found. An event that is not plain
(repaired, without a valid name, from inside) goes the long way, through `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

import msgspec

from ariane.errors import InputError
from ariane.ingest.bots import is_machine
from ariane.ingest.context import Plan, context_columns, plan_of, property_columns
from ariane.ingest.moments import happened_together
from ariane.ingest.names import RESERVED_SOURCE
from ariane.ingest.reading import Stored, derived_channel, read, said_channel
from ariane.ingest.record import EMPTY
from ariane.model import Event, event_id_of, key_of

Strength = tuple[Any, ...]
"""How strong an identifier is (smaller is stronger), its key, and whatever else."""

KEPT_BYTES = 12 << 20
"""How much text of a kind is remembered."""

_TOGETHER = 500
_COLUMNS = (
    "event_id", "message_id", "source", "type", "event", "channel", "occurred_us", "received_us", "anonymous_id",
    "user_id", "subject_key", "is_bot", "log_offset", "properties", "context",
)  # fmt: skip
_OF_EVENTS = (
    "event_id", "message_id", "source", "type", "event", "channel", "occurred_us", "received_us", "anonymous_id",
    "user_id", "properties", "context", "is_bot",
)  # fmt: skip


class Part(msgspec.Struct, gc=False):
    """Properties or a context, opened: what it holds (which nobody may change), the JSON of it, the columns it fills,
    and what it says beside.

    `batch` and `at`: where it was last put among the parts of a batch.
    """

    value: dict[str, Any]
    text: str
    columns: dict[str, object]
    said: str
    derived: str
    name: str
    is_bot: bool
    strongest: Strength | None
    batch: int = 0
    at: int = 0


class Kept(dict[Any, Any]):
    """What was found about texts, by the text; when it comes to too many bytes of them, all is forgotten."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def keep(self, text: bytes | str, found: Any) -> None:
        self.n_bytes += len(text) + 64
        if self.n_bytes > KEPT_BYTES:
            self.clear()
            self.n_bytes = len(text) + 64
        self[text] = found


class Rows(msgspec.Struct):
    """Events as columns, in no order. `properties` and `context` hold places among the parts, which events share.

    >>> Rows({"event": ["Product Viewed"], "properties": [0]}, [], []).columns["event"]
    ['Product Viewed']
    """

    columns: dict[str, list[Any]]
    properties: list[Part]
    contexts: list[Part]

    def events(self) -> list[tuple[int, Event]]:
        """The events of these rows with their offsets, in the order of the log. What is alike they share.

        >>> from ariane.ingest.record import Record, encode
        >>> reader = RowReader(lambda event: None, lambda kind, raw: None)
        >>> record = encode(Record(source="web", message_id="m-1", type="page", received_us=1, user_id="ana"))
        >>> [(offset, event.user_id) for offset, event in reader.rows([(0, record)]).events()]
        [(0, 'ana')]
        """
        properties, contexts = [part.value for part in self.properties], [part.value for part in self.contexts]
        own = self.columns
        events = [
            Event(
                event_id=event_id, message_id=message_id, source=source, type=kind, name=name, channel=channel,
                occurred_us=occurred_us, received_us=received_us, anonymous_id=anonymous_id, user_id=user_id,
                properties=properties[of_properties], context=contexts[of_context], is_bot=is_bot,
            )
            for event_id, message_id, source, kind, name, channel, occurred_us, received_us, anonymous_id, user_id,
                of_properties, of_context, is_bot in zip(*[own[name] for name in _OF_EVENTS], strict=True)
        ]  # fmt: skip
        found = list(zip(own["log_offset"], events, strict=True))
        if any(one[0] > other[0] for one, other in pairwise(found)):  # what was not plain comes last
            found.sort(key=itemgetter(0))
        return found


class _Unopened(Stored, kw_only=True, rename="camel"):
    """A record whose properties and context are still JSON text."""

    properties: msgspec.Raw = EMPTY  # type: ignore[assignment]
    traits: msgspec.Raw = EMPTY  # type: ignore[assignment]
    context: msgspec.Raw = EMPTY  # type: ignore[assignment]


_decode = msgspec.json.Decoder(_Unopened).decode
_decode_all = msgspec.json.Decoder(list[_Unopened]).decode
_open = msgspec.json.Decoder(dict[str, Any]).decode
_text = msgspec.json.Encoder().encode
_Plain = tuple[int, _Unopened, Part, Part, str]
_NOT_PLAIN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class RowReader:
    """Reads records into rows. It remembers what it opened, so one reader should read many batches.

    `strongest` gives the strongest identifier of an event, or None; it is asked of parts of events too. `named` gives
    the one of a kind (user_id, cookie, device) and raw value. `registered` are the workspace's own properties,
    `currency` that of money that names none. Properties none of which is named like one of `kinds`, when they are
    given, identify nobody: `strongest` is not asked.

    >>> from ariane.ingest.record import Record, encode
    >>> reader = RowReader(lambda event: None, lambda kind, raw: (0, 7))
    >>> rows = reader.rows([(0, encode(Record(source="web", message_id="m-1", type="page", received_us=1,
    ...                                       user_id="ana", properties={"name": "Home", "path": "/"})))])
    >>> rows.columns["subject_key"], rows.columns["event"], rows.properties[0].columns
    ([7], ['Home'], {'prop_path': '/'})
    """

    def __init__(
        self,
        strongest: Callable[[Event], Strength | None],
        named: Callable[[str, str], Strength | None],
        registered: Mapping[str, str] | None = None,
        currency: str = "EUR",
        kinds: Collection[str] | None = None,
    ) -> None:
        self._strongest, self._named = strongest, named
        self._kinds = None if kinds is None else frozenset(kinds)
        self._plan: Plan = plan_of(registered or {}, currency)
        self._properties, self._contexts = Kept(), Kept()
        self._cookies, self._users, self._devices = Kept(), Kept(), Kept()
        self._batch = 0

    def rows(self, records: Sequence[tuple[int, bytes]]) -> Rows:
        """The rows of these records, given with their offsets. A payload that is no record has none."""
        self._batch += 1
        rows = Rows({name: [] for name in _COLUMNS}, [], [])
        strange: list[tuple[int, bytes]] = []
        # A few at a time: what was decoded is gone again, and its memory still near, when the next are.
        for at in range(0, len(records), _TOGETHER):
            plain: list[_Plain] = []
            self._sort_out(records[at : at + _TOGETHER], plain, strange)
            if plain:
                self._add(plain, rows)
        for offset, payload in strange:
            try:
                self._long_way(offset, payload, rows)
            except InputError:  # no event: the stream passed it by too, and counted it
                continue
        return rows

    def _add(self, plain: list[_Plain], rows: Rows) -> None:
        """Add the rows of records that are plain."""
        offsets, stored, properties, contexts, channels = zip(*plain, strict=True)
        ids = [event_id_of(one.source, one.message_id) for one in stored]
        columns = {
            "event_id": ids,
            "message_id": [one.message_id for one in stored],
            "source": [one.source for one in stored],
            "type": [one.type for one in stored],
            "event": [
                one.event or "" if one.type == "track" else _name(one, part)
                for one, part in zip(stored, properties, strict=True)
            ],
            "channel": channels,
            "occurred_us": happened_together(stored),
            "received_us": [one.received_us for one in stored],
            "anonymous_id": [one.anonymous_id or None for one in stored],
            "user_id": [one.user_id or None for one in stored],
            "subject_key": self._subjects(plain, ids),
            "is_bot": [part.is_bot for part in contexts],
            "log_offset": offsets,
            "properties": self._places(properties, rows.properties),
            "context": self._places(contexts, rows.contexts),
        }
        for name, values in columns.items():
            rows.columns[name].extend(values)

    def _sort_out(
        self, records: Sequence[tuple[int, bytes]], plain: list[_Plain], strange: list[tuple[int, bytes]]
    ) -> None:
        """Open what is plain, and set apart what is not."""
        known_context, known_properties, add = self._contexts.get, self._properties.get, plain.append
        for record, stored in zip(records, _decoded([payload for _, payload in records]), strict=True):
            if (
                stored is None
                or stored.invalid is not None
                or stored.group_id is not None
                or stored.previous_id is not None
                or stored.type == "alias"
                or stored.source == RESERVED_SOURCE
            ):
                strange.append(record)
                continue
            try:
                raw = bytes(stored.context)
                context = known_context(raw) or self._open_context(raw)
                raw = bytes(stored.properties)
                properties = known_properties(raw) or self._open_properties(raw)
                channel = context.said or properties.said or context.derived or stored.channel or "web"
                if stored.type == "identify" or stored.type == "group":
                    raw = bytes(stored.traits)
                    traits = known_properties(raw) or self._open_properties(raw)
                    properties = traits if traits.text != "{}" else properties
            except _NOT_PLAIN:
                strange.append(record)
                continue
            add((record[0], stored, properties, context, channel))

    def _subjects(self, plain: list[_Plain], ids: list[str]) -> list[int]:
        """Whose each event is: the key of the strongest identifier among its four places, or its own."""
        users, cookies = self._users, self._cookies
        keys: list[int] = []
        for at, (_, stored, properties, context, _) in enumerate(plain):
            best, other = properties.strongest, context.strongest
            if other is not None and (best is None or other < best):
                best = other
            if name := stored.user_id:
                other = users[name] if name in users else self._who(users, "user_id", name)
                if other is not None and (best is None or other < best):
                    best = other
            if name := stored.anonymous_id:
                other = cookies[name] if name in cookies else self._who(cookies, "cookie", name)
                if other is not None and (best is None or other < best):
                    best = other
            keys.append(key_of("event", ids[at]) if best is None else best[1])
        return keys

    def _places(self, listed: Sequence[Part], parts: list[Part]) -> list[int]:
        """Where each part stands among those of this batch."""
        batch = self._batch
        places: list[int] = []
        for part in listed:
            if part.batch != batch:
                part.batch, part.at = batch, len(parts)
                parts.append(part)
            places.append(part.at)
        return places

    def _long_way(self, offset: int, payload: bytes, rows: Rows) -> None:
        """Add the row of a record that is not plain."""
        event = read(payload)
        best = self._strongest(event)
        said = {
            "event": event.name,
            "subject_key": key_of("event", event.event_id) if best is None else best[1],
            "log_offset": offset,
            "properties": len(rows.properties),
            "context": len(rows.contexts),
        }
        rows.properties.append(self._part(event.properties, property_columns))
        rows.contexts.append(self._part(event.context, context_columns))
        for name, values in rows.columns.items():
            values.append(said[name] if name in said else getattr(event, name))

    def _open_properties(self, raw: bytes) -> Part:
        value = _open(raw)
        part = self._part(value, property_columns)
        part.said = said_channel(value)
        part.name = name if isinstance(name := value.get("name"), str) else ""
        if value and (self._kinds is None or not self._kinds.isdisjoint(value)):
            part.strongest = self._strongest(_event(properties=value))
        self._properties.keep(raw, part)
        return part

    def _open_context(self, raw: bytes) -> Part:
        if b"ajs_" in raw:
            raise msgspec.DecodeError("who it says it is may be a claim")  # `read` tells
        value = _open(raw)
        part = self._part(value, context_columns)
        part.said, part.derived = said_channel(value), derived_channel(value)
        part.is_bot = is_machine(value)
        part.strongest = self._of_context(value)
        self._contexts.keep(raw, part)
        return part

    def _of_context(self, context: dict[str, Any]) -> Strength | None:
        """The strongest identifier among those of a context; most hold their device's only."""
        if "traits" in context or "externalIds" in context:
            return self._strongest(_event(context=context))
        device = context.get("device")
        if not isinstance(device, dict) or "id" not in device:
            return None
        if not isinstance(name := device["id"], str):
            return self._strongest(_event(context=context))
        devices = self._devices
        return devices[name] if name in devices else self._who(devices, "device", name)

    def _part(self, value: dict[str, Any], columns: Callable[[Mapping[str, Any], Plan], dict[str, object]]) -> Part:
        return Part(value, _text(value).decode(), columns(value, self._plan), "", "", "", False, None)

    def _who(self, known: Kept, kind: str, name: str) -> Strength | None:
        found = self._named(kind, name)
        known.keep(name, found)
        return found


def _decoded(payloads: list[bytes]) -> list[_Unopened | None]:
    """The records, None where one is not plain. Decoded together, which is cheaper, unless that fails."""
    whole = b"[" + b",".join(payloads) + b"]"
    if b"\\" not in whole or b"\\u0000" not in whole:
        try:
            found = _decode_all(whole)
        except _NOT_PLAIN:
            pass
        else:
            if len(found) == len(payloads):
                return [*found]
    return [_alone(payload) for payload in payloads]


def _alone(payload: bytes) -> _Unopened | None:
    try:
        return None if b"\\u0000" in payload else _decode(payload)
    except _NOT_PLAIN:
        return None


def _name(stored: _Unopened, properties: Part) -> str:
    """The event's name: what was done, or which page or screen was seen."""
    if stored.type == "track":
        return stored.event or ""
    if stored.name is not None:
        return stored.name
    return properties.name if stored.type == "page" or stored.type == "screen" else ""


def _event(**said: Any) -> Event:
    """An event that says no more than this."""
    return Event(
        event_id="", message_id="", source="", type="track", name="", channel="", occurred_us=0, received_us=0, **said
    )
