"""What absorbing recalls of the state's identity tables from batch to batch, so that it need not read it again."""

from __future__ import annotations

from secrets import randbits

import sqlalchemy as sa

from ariane.identity.bulk import upsert
from ariane.identity.gathering import Evidence, Pair
from ariane.identity.graph import Graph, load
from ariane.identity.rows import Row
from ariane.identity.rules import Rules
from ariane.identity.stored import told_changes, versions

_VERSION, _MARK = "identity", "mark"
_BOTH = sa.select(versions.c.name, versions.c.version)


class Recall:
    """The graph of all evidence, and of the identifiers and evidence met lately their rows as they stand in the state.

    Whoever changes identity tables leaves a new random mark beside them. What is recalled counts only while the mark
    in the state is the one this left: after a transaction undone, or another writer, everything is read again.
    """

    MOST = 200_000
    """When it holds more rows of identifiers or of evidence than this, it forgets them all."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.edges: dict[Pair, Evidence] = {}
        self._graph: Graph | None = None
        self._mark = 0

    def open(self, conn: sa.Connection, *, to_change: bool) -> tuple[int, int, int]:
        """The version that the tables have from now on, the mark there was and the mark there is.

        `to_change`: the tables will be changed, so both become new ones.
        """
        found = {row[0]: row[1] for row in conn.execute(_BOTH)}
        version, before = found.get(_VERSION, -1), found.get(_MARK, 0)
        if version < 0:  # a state made again goes on counting: what was told keeps its numbers
            version = int(conn.execute(sa.select(sa.func.max(told_changes.c.version))).scalar() or 0)
        if before != self._mark:
            self._graph = None
        if before != self._mark or len(self.rows) > self.MOST or len(self.edges) > self.MOST:
            self.rows.clear()
            self.edges.clear()
        self._mark = before
        if to_change:
            version, self._mark = version + 1, randbits(62)
            upsert(conn, versions, ("name", "version"), [(_VERSION, version), (_MARK, self._mark)], ("version",))
        return version, before, self._mark

    def graph(self, conn: sa.Connection, rules: Rules) -> Graph:
        """The graph as the state has it, read when it is not at hand or the rules are others."""
        if self._graph is None or self._graph.rules is not rules:
            self._graph = load(conn, rules)
        return self._graph
