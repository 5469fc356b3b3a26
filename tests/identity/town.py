"""Events for identity tests, written briefly, and the state's persons read back whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from ariane import consent, identity
from ariane.identity.rules import Rules
from ariane.identity.stored import edges, identifiers, persons
from ariane.model import Event, Identifier, event_id_of
from ariane.store import State

SERVICE = consent.permit("service", actor="test")


def event(at: int, *, name: str = "Seen", type: str = "track", **named: Any) -> Event:
    """An event at `at` seconds. Keywords name identifiers by kind, or `properties`, `context`, `source`, `channel`."""
    context = dict(named.pop("context", {}))
    if "device" in named:
        context["device"] = {"id": named.pop("device")}
    properties = dict(named.pop("properties", {}))
    source, channel = named.pop("source", "web"), named.pop("channel", "web")
    user_id, cookie = named.pop("user_id", None), named.pop("cookie", None)
    bot = named.pop("is_bot", False)
    properties |= named
    message_id = f"{at}-{name}-{type}-{user_id}-{cookie}-{properties}-{context}"
    return Event(
        event_id=event_id_of(source, message_id), message_id=message_id, source=source, type=type, name=name,
        channel=channel, occurred_us=at * 1_000_000, received_us=at * 1_000_000 + 5, anonymous_id=cookie,
        user_id=user_id, properties=properties, context=context, is_bot=bot,
    )  # fmt: skip


def command(at: int, payload: dict[str, Any]) -> Event:
    """A merge, split, or retraction as the log gives it back."""
    return event(at, name=payload["event"], source="_ariane", properties=payload["properties"])


def ident(text: str) -> Identifier:
    kind, _, value = text.partition(":")
    return Identifier(kind, value)


class Town:
    """A state in memory that absorbs events, and what stands in it."""

    def __init__(self, rules: Rules | None = None, url: str = "sqlite://") -> None:
        self.state = State(url)
        self.state.create()
        self.rules = rules

    def absorb(self, *events: Event) -> Any:
        with self.state.begin() as conn:
            changes = identity.absorb(conn, events, self.rules)
            consent.absorb(conn, events, changes)
            return changes

    def absorb_in(self, batches: Sequence[Sequence[Event]]) -> Town:
        for batch in batches:
            self.absorb(*batch)
        return self

    @contextmanager
    def read(self) -> Any:
        with self.state.read() as conn:
            yield conn

    def rows(self, table: sa.Table, *without: str) -> list[tuple[Any, ...]]:
        columns = [column for column in table.c if column.name not in without]
        with self.read() as conn:
            return [tuple(row) for row in conn.execute(sa.select(*columns).order_by(*table.primary_key))]

    def standing(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything identity and consent know, but for the numbers of the batches that said so."""
        from ariane.consent.stored import consents, receipts, stated

        tables = (identifiers, edges, persons, consents, receipts, stated)
        return {table.name: self.rows(table, "version") for table in tables}

    def person_of(self, text: str) -> str:
        with self.read() as conn:
            found = conn.execute(
                sa.select(identifiers.c.person_id).where(identifiers.c.key == ident(text).key)
            ).scalar_one()
            return str(found)

    def now(self, asked: str) -> str:
        """The person a former id, or an identifier, leads to."""
        with self.read() as conn:
            return identity.person(conn, SERVICE, asked).person_id

    def groups(self) -> set[frozenset[str]]:
        """Persons as sets of identifiers."""
        held: dict[str, set[str]] = {}
        with self.read() as conn:
            for kind, value, person_id in conn.execute(
                sa.select(identifiers.c.kind, identifiers.c.value, identifiers.c.person_id)
            ):
                held.setdefault(person_id, set()).add(f"{kind}:{value}")
        return {frozenset(each) for each in held.values()}

    def together(self, *texts: str) -> bool:
        return len({self.person_of(text) for text in texts}) == 1


def town(*events: Event) -> Town:
    made = Town()
    made.absorb(*events)
    return made
