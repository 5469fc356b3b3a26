"""Identifiers as the state keeps them, and what persons are made of them: their fold, and where former ones went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane.identity.bulk import fetch
from ariane.identity.rules import Rules
from ariane.identity.stored import identifiers


class Row(msgspec.Struct, gc=False):
    """One identifier as the state holds it; `component` is None until it is first settled."""

    key: int
    kind: str
    value: str
    status: str
    component: int | None
    person_id: str
    first_us: int
    last_us: int
    n_events: int
    channels: dict[str, int]


_ROWS = sa.select(*[identifiers.c[name] for name in Row.__struct_fields__])
_counts = msgspec.json.Decoder(dict[str, int]).decode


def load_rows(conn: sa.Connection, column: sa.Column[Any], values: Iterable[Any], rows: dict[int, Row]) -> None:
    """Add to `rows` the identifiers whose `column` is among `values`; those already there stay as they are."""
    for row in fetch(conn, _ROWS, column, values):
        if row[0] not in rows:
            fields: list[Any] = [*row[:-1], _counts(row[-1])]
            rows[row[0]] = Row(*fields)


def persons_of(rows: Mapping[int, Row], persons: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, int, int, int]]:
    """Each person's (first_seen_us, last_seen_us, n_events, n_identifiers): the fold over its identifiers."""
    folded: dict[str, tuple[int, int, int, int]] = {}
    for person_id, keys in persons.items():
        held = [rows[key] for key in keys]
        folded[person_id] = (
            min(row.first_us for row in held),
            max(row.last_us for row in held),
            sum(row.n_events for row in held),
            len(held),
        )
    return folded


def changes_of(
    rows: Mapping[int, Row], before: Mapping[int, str], alive: Collection[str], rules: Rules
) -> list[tuple[str, str, str]]:
    """Where former persons went: (old id, new id, cause). An id that lives on is listed only for what it lost."""
    parts: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for key, old in before.items():
        parts[old][rows[key].person_id].append(key)
    listed: list[tuple[str, str, str]] = []
    for old, targets in parts.items():
        if set(targets) == {old}:
            continue
        if len(targets) == 1:
            listed += [(old, new, "merged") for new in targets]
            continue
        main = min(targets, key=lambda new: min(_strength(rows[key], rules) for key in targets[new]))
        for new in sorted(targets):
            if new != old:
                listed.append((old, new, "moved" if old not in alive and new == main else "split"))
    return listed


def _strength(row: Row, rules: Rules) -> tuple[int, int, int]:
    return (-rules.priority(row.kind), row.first_us, row.key)
