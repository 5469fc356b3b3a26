"""By which version of the rules the state was solved."""

from __future__ import annotations

import sqlalchemy as sa

from ariane.identity.bulk import upsert
from ariane.identity.stored import versions

_NAME = "rules"


def solved_by(conn: sa.Connection, now: int | None = None) -> int:
    """The number of the version of the rules that the state was solved by, 0 before one was applied; with `now`, note
    that it is this one.

    >>> from ariane.store import State
    >>> state = State("sqlite://"); state.create()
    >>> with state.begin() as conn:
    ...     solved_by(conn), solved_by(conn, 3), solved_by(conn)
    (0, 3, 3)
    """
    if now is not None:
        upsert(conn, versions, ("name", "version"), [(_NAME, now)], ("version",))
        return now
    return int(conn.execute(sa.select(versions.c.version).where(versions.c.name == _NAME)).scalar() or 0)
