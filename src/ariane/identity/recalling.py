"""What absorbing recalls of the state's identity tables from batch to batch, so that it need not read it again."""

from __future__ import annotations

from secrets import randbits

import msgspec
import sqlalchemy as sa

from ariane.identity.bulk import upsert
from ariane.identity.gathering import Evidence, Pair
from ariane.identity.settling import Row
from ariane.identity.stored import versions

_VERSION, _MARK = "identity", "mark"
_BOTH = sa.select(versions.c.name, versions.c.version)


class Plain(msgspec.Struct, gc=False):
    """A component that is one person, with no identifier shared and nothing held apart: new identifiers that keep
    within the limits can join it without a look at the others. `oldest` is (first_us, key)."""

    person_id: str
    oldest: tuple[int, int]
    kinds: dict[str, int]
    keys: list[int]


class Recall:
    """Rows as they stand in the state: identifiers by key, evidence by pair and rule, plain components by number.

    Whoever changes identity tables leaves a new random mark beside them. What is recalled counts only while the mark
    in the state is the one this left: after a transaction undone, or another writer, everything is read again.
    """

    MOST = 200_000
    """When it holds more identifiers or evidence than this, it forgets them all."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.edges: dict[Pair, Evidence] = {}
        self.plain: dict[int, Plain] = {}
        self._mark = 0

    def open(self, conn: sa.Connection, *, to_change: bool) -> tuple[int, int, int]:
        """The version that the tables have from now on, the mark there was and the mark there is.

        `to_change`: the tables will be changed, so both become new ones.
        """
        found = {row[0]: row[1] for row in conn.execute(_BOTH)}
        version, before = found.get(_VERSION, 0), found.get(_MARK, 0)
        if before != self._mark or len(self.rows) > self.MOST or len(self.edges) > self.MOST:
            self.rows.clear()
            self.edges.clear()
            self.plain.clear()
        self._mark = before
        if to_change:
            version, self._mark = version + 1, randbits(62)
            upsert(conn, versions, ("name", "version"), [(_VERSION, version), (_MARK, self._mark)], ("version",))
        return version, before, self._mark
