"""Many rows at once, as the store does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ariane.store import State

upsert = State.put
write = State.write


def fetch(
    conn: sa.Connection, statement: sa.Select[Any], column: sa.ColumnElement[Any], values: Iterable[Any]
) -> list[Sequence[Any]]:
    """The rows of `statement` whose `column` is among `values`, however many there are."""
    return list(State.select_in(conn, statement, column, values))
