"""Takes events in, batch by batch, in the caller's transaction; persons stay as the whole evidence would have them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from ariane.identity.bulk import fetch
from ariane.identity.gathering import Evidence, Gathered, Pair, edge_key_of, gather
from ariane.identity.graph import STATUSES, Graph, Settled, settle
from ariane.identity.recalling import Recall
from ariane.identity.rows import Row, load_rows
from ariane.identity.rules import Rules
from ariane.identity.ruling import enforce, retracted, rule, unmade
from ariane.identity.stored import edges, identifiers
from ariane.identity.waiting import wait
from ariane.identity.writing import write_edges, write_identifiers, write_persons, write_statuses
from ariane.model import Event

_EVIDENCE = ("a_key", "b_key", "rule", "first_us", "last_us", "n_events", "source", "event_id", "edge_key", "trust")
_STORED = sa.select(*[edges.c[name] for name in _EVIDENCE])


class Changes(msgspec.Struct, frozen=True):
    """What a batch changed. `subjects` goes with the events given: each one's subject key and whether it is a strong
    one, or None; `fresh` are the keys never seen before; `changed` maps the persons who gained or lost identifiers that
    were known before to their keys; `gone` are the person ids nobody has any more. `marks`: what the state's identity
    was marked with before and after (see Recall). `graph`: who is whom, until the next batch."""

    version: int
    subjects: Sequence[tuple[int, bool] | None]
    changed: Mapping[str, tuple[int, ...]]
    gone: frozenset[str]
    fresh: Collection[int] = frozenset()
    marks: tuple[int, int] = (0, 0)
    graph: Graph | None = None

    def members(self, conn: sa.Connection, keys: Iterable[int]) -> dict[str, Sequence[int]]:
        """The persons who hold any of these identifiers, each with all their keys."""
        held: dict[str, Sequence[int]] = {}
        keys = set(keys)
        if not keys:
            return held
        graph = self.graph or Recall().graph(conn, Rules.default())
        for key in keys:
            person = graph.person_of(key)
            if person is not None and person not in held:
                held[person] = graph.members(key)
        return held


def absorb(
    conn: sa.Connection,
    events: Sequence[Event],
    rules: Rules | None = None,
    recall: Recall | None = None,
    *,
    more: bool = False,
) -> Changes:
    """Take these events in; each must come once. The state is the same for any order and any batching of them.

    Cost: a few bulk reads and writes a batch, and solving again the components whose evidence changed. `recall` spares
    the reads of what the last batches met; it changes no answer. With `more` the batch has a version of its own even
    when nobody is named in it: the caller writes more under it. Runs in the caller's transaction.
    """
    rules, recall = rules or Rules.default(), recall or Recall()
    batch = gather(events, rules)
    to_change = bool(batch.sightings or batch.rulings or batch.evidence)
    version, *marks = recall.open(conn, to_change=to_change or more)
    if not to_change:
        graph = recall.graph(conn, rules) if more else None
        return Changes(version, batch.subjects, {}, frozenset(), marks=(marks[0], marks[1]), graph=graph)
    graph = recall.graph(conn, rules)
    rows, fresh = _see(conn, graph, batch, recall)
    decided = rule(conn, batch.rulings)
    wait(conn, batch.evidence, fresh, graph)
    new, again = _weigh(conn, batch, graph, recall)
    made = enforce(conn, decided, fresh, graph)
    for ruling in decided:
        recall.edges.pop((ruling.a, ruling.b, ruling.rule), None)
    settled = settle(graph)
    _stand(conn, rows, graph, settled, recall)
    for place, one in (*new, *made):
        one.status = STATUSES[graph.edges.status[place]]
    write_edges(conn, [one for _, one in (*new, *made)], again, version)
    write_identifiers(conn, rows, settled.moved | settled.fresh, batch.sightings, version)
    gone = write_persons(conn, rows, batch, settled, rules, version)
    write_statuses(conn, settled.statuses, version)
    unmade(conn, decided)
    return Changes(
        version, batch.subjects, settled.persons, frozenset(gone), settled.fresh, (marks[0], marks[1]), graph
    )


def _see(conn: sa.Connection, graph: Graph, batch: Gathered, recall: Recall) -> tuple[dict[int, Row], set[int]]:
    """Add the sightings to the graph and to their rows; the rows, and the keys never seen before."""
    rows: dict[int, Row] = {}
    fresh: set[int] = set()
    unread: list[int] = []
    for key, seen in batch.sightings.items():
        named = seen.identifier
        if graph.see(key, named.kind, seen.first_us):
            rows[key] = Row(
                key, named.kind, named.value, "live", None, "", seen.first_us, seen.last_us, seen.n_events,
                seen.channels,
            )  # fmt: skip
            fresh.add(key)
        elif (row := recall.rows.get(key)) is not None:
            rows[key] = row
        else:
            unread.append(key)
    load_rows(conn, identifiers.c.key, unread, rows)
    for key, row in rows.items():
        if key not in fresh:
            seen = batch.sightings[key]
            row.first_us = min(row.first_us, seen.first_us)
            row.last_us = max(row.last_us, seen.last_us)
            row.n_events += seen.n_events
            for channel, n in seen.channels.items():
                row.channels[channel] = row.channels.get(channel, 0) + n
    return rows, fresh


def _weigh(
    conn: sa.Connection, batch: Gathered, graph: Graph, recall: Recall
) -> tuple[list[tuple[int, Evidence]], list[Evidence]]:
    """Give the graph the batch's evidence; what is new, with its place there, and what there is more of."""
    held = recall.edges
    taken_back = retracted(conn, {pair[0] for pair in batch.evidence})
    new: list[tuple[int, Evidence]] = []
    again: list[Pair] = []
    for pair, one in batch.evidence.items():
        place = graph.tie(*pair, one.first_us, one.last_us, retracted=pair in taken_back)
        if place not in graph.new_edges:
            again.append(pair)
            continue
        one.edge_key = edge_key_of(*pair)
        new.append((place, one))
    unread = {edge_key_of(*pair) for pair in again if pair not in held}
    for row in fetch(conn, _STORED, edges.c.edge_key, unread):
        held[row[0], row[1], row[2]] = Evidence(*row)
    for pair in again:
        held[pair].add(batch.evidence[pair])
    held.update((one.pair, one) for _, one in new)
    return new, [held[pair] for pair in again]


def _stand(conn: sa.Connection, rows: dict[int, Row], graph: Graph, settled: Settled, recall: Recall) -> None:
    """Let the rows of all whose person changed say so."""
    wanted = set(settled.moved).union(settled.before, *settled.persons.values(), *settled.born.values()) - rows.keys()
    for key in wanted & recall.rows.keys():
        rows[key] = recall.rows[key]
    load_rows(conn, identifiers.c.key, wanted - rows.keys(), rows)
    for key in settled.moved | settled.fresh:
        row = rows[key]
        row.status, row.component, row.person_id = graph.standing(key)
    recall.rows.update(rows)
