"""Takes events in, batch by batch, in the caller's transaction; persons stay as the whole evidence would have them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from ariane.identity.bulk import fetch, upsert
from ariane.identity.commands import INTERNAL_SOURCE, MANUAL, SEPARATION, Ruling
from ariane.identity.gathering import Evidence, Gathered, edge_key_of, gather
from ariane.identity.growing import grow, note
from ariane.identity.recalling import Recall
from ariane.identity.rules import Rules
from ariane.identity.settling import Row, Settled, apart_from_any, load_edges, load_rows, settle
from ariane.identity.solving import shared_person_id_of
from ariane.identity.stored import edges, identifiers, rulings
from ariane.identity.writing import write_edges, write_identifiers, write_persons, write_statuses
from ariane.model import Event

_EVIDENCE = ("a_key", "b_key", "rule", "first_us", "last_us", "n_events", "source", "event_id", "edge_key", "status")
_STORED = sa.select(*[edges.c[name] for name in _EVIDENCE])
_RULINGS = sa.select(rulings)
_MERGES = _RULINGS.where((rulings.c.rule == MANUAL) & rulings.c.stands)
_ANY_MERGE = _MERGES.limit(1)
_RETRACTED = sa.select(rulings.c.a_key, rulings.c.b_key, rulings.c.rule).where(
    ~rulings.c.stands & (rulings.c.rule != SEPARATION) & (rulings.c.rule != MANUAL)
)
_ANY_RETRACTED = _RETRACTED.limit(1)
_MEMBERS = sa.select(identifiers.c.person_id, identifiers.c.key)
_OWNERS = sa.select(identifiers.c.person_id)


class Changes(msgspec.Struct, frozen=True):
    """What a batch changed. `subjects` goes with the events given: each one's subject key and whether it is a strong
    one, or None; `fresh` are the keys never seen before; `changed` maps the persons who gained or lost identifiers that
    were known before to their keys; `gone` are the person ids nobody has any more. `marks`: what the state's identity
    was marked with before and after (see Recall)."""

    version: int
    subjects: Sequence[tuple[int, bool] | None]
    changed: Mapping[str, tuple[int, ...]]
    gone: frozenset[str]
    fresh: Collection[int] = frozenset()
    marks: tuple[int, int] = (0, 0)
    owners: Mapping[int, str] = {}
    known: Mapping[str, Sequence[int]] = {}

    def members(self, conn: sa.Connection, keys: Iterable[int]) -> dict[str, Sequence[int]]:
        """The persons who hold any of these identifiers, each with all their keys."""
        wanted = set(keys)
        found = {self.owners[key] for key in wanted if key in self.owners}
        found.update(row[0] for row in fetch(conn, _OWNERS, identifiers.c.key, wanted - self.owners.keys()))
        held: dict[str, list[int]] = {person: [] for person in found if person not in self.known}
        for person, key in fetch(conn, _MEMBERS, identifiers.c.person_id, held):
            held[person].append(key)
        return {person: self.known[person] if person in self.known else held[person] for person in found}


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
    to_change = bool(batch.sightings or batch.rulings)
    version, *marks = recall.open(conn, to_change=to_change or more)
    if not to_change:
        return Changes(version, batch.subjects, {}, frozenset(), marks=(marks[0], marks[1]))
    rows = _load(conn, batch, recall)
    fresh, seeds = _see(rows, batch)
    decided = _rule(conn, batch.rulings)
    ties = _weigh(conn, batch, rows, fresh, recall, version)
    in_doubt = _enforce(conn, decided, fresh, rows, recall, version)
    seeds |= {end for tie in ties for end in tie} | in_doubt
    grown = grow(recall.plain, rows, seeds, ties, in_doubt | apart_from_any(conn, fresh), rules)
    settled = settle(conn, grown.seeds, rows, rules, ties, in_doubt)
    note(recall.plain, rows, settled)
    recall.rows.update(rows)
    write_identifiers(conn, rows, settled.moved | fresh, batch.sightings, version)
    gone = write_persons(conn, rows, batch, settled, grown.more, rules, version)
    _write_statuses(conn, settled, recall, version)
    return Changes(
        version, batch.subjects, settled.changed(), frozenset(gone), fresh, (marks[0], marks[1]),
        {key: rows[key].person_id for key in batch.sightings}, _known(rows, batch, settled, recall),
    )  # fmt: skip


def _known(rows: Mapping[int, Row], batch: Gathered, settled: Settled, recall: Recall) -> dict[str, Sequence[int]]:
    """The keys of persons of the batch, where they are at hand."""
    known: dict[str, Sequence[int]] = {person.person_id: person.keys for person in settled.persons}
    for key in batch.sightings:
        component = rows[key].component
        if component is not None and (plain := recall.plain.get(component)) is not None:
            known[plain.person_id] = plain.keys
    return known


def _load(conn: sa.Connection, batch: Gathered, recall: Recall) -> dict[int, Row]:
    """The identifiers this batch speaks of, as far as they are known."""
    wanted = batch.sightings.keys() | {end for ruling in batch.rulings for end in (ruling.a, ruling.b)}
    rows = {key: recall.rows[key] for key in wanted if key in recall.rows}
    load_rows(conn, identifiers.c.key, wanted - rows.keys(), rows)
    return rows


def _see(rows: dict[int, Row], batch: Gathered) -> tuple[set[int], set[int]]:
    """Add the sightings to the rows; the keys never seen before, and those that must be settled again."""
    fresh: set[int] = set()
    seeds: set[int] = set()
    for key, seen in batch.sightings.items():
        row = rows.get(key)
        if row is None:
            named = seen.identifier
            rows[key] = Row(
                key,
                named.kind,
                named.value,
                "live",
                None,
                "",
                seen.first_us,
                seen.last_us,
                seen.n_events,
                seen.channels,
            )
            fresh.add(key)
            seeds.add(key)
            continue
        if seen.first_us < row.first_us:
            row.first_us = seen.first_us
            # A person's id comes from the oldest identifier; a shared one alone has its own id whatever its age.
            if row.person_id != shared_person_id_of(key):
                seeds.add(key)
        if seen.last_us > row.last_us:
            row.last_us = seen.last_us
        row.n_events += seen.n_events
        for channel, n in seen.channels.items():
            row.channels[channel] = row.channels.get(channel, 0) + n
    return fresh, seeds


def _weigh(
    conn: sa.Connection, batch: Gathered, rows: dict[int, Row], fresh: Collection[int], recall: Recall, version: int
) -> set[tuple[int, int]]:
    """Write the batch's evidence; the pairs about which it is news."""
    held = recall.edges
    unread = {
        edge_key_of(*pair): pair
        for pair in batch.evidence
        if pair not in held and pair[0] not in fresh and pair[1] not in fresh
    }
    for row in fetch(conn, _STORED, edges.c.edge_key, unread):
        held[row[0], row[1], row[2]] = Evidence(*row)
    retracted = _retracted(conn, batch)
    ties: set[tuple[int, int]] = set()
    new: list[Evidence] = []
    more: list[Evidence] = []
    for pair, one in batch.evidence.items():
        inert = rows[one.a].status != "live" or rows[one.b].status != "live"
        known = held.get(pair)
        if known is None:
            one.edge_key = edge_key_of(*pair)
            one.status = "retracted" if pair in retracted else "inert" if inert else "live"
            if one.status == "live":
                ties.add(pair[:2])
            held[pair] = one
            new.append(one)
            continue
        if not inert and known.status != "retracted" and one.first_us < known.first_us:
            ties.add(pair[:2])
        known.add(one)
        more.append(known)
    write_edges(conn, new, more, version)
    return ties


def _retracted(conn: sa.Connection, batch: Gathered) -> set[tuple[int, int, str]]:
    """What was retracted before it was first seen."""
    if conn.execute(_ANY_RETRACTED).first() is None:
        return set()
    firsts = {pair[0] for pair in batch.evidence}
    return {(a, b, rule) for a, b, rule in fetch(conn, _RETRACTED, rulings.c.a_key, firsts)}


def _rule(conn: sa.Connection, given: list[Ruling]) -> list[Ruling]:
    """Keep the latest decision on each question; those that are now in force and were not."""
    if not given:
        return []
    latest: dict[tuple[int, int, str], Ruling] = {}
    for ruling in given:
        slot = (ruling.a, ruling.b, ruling.rule)
        if slot not in latest or (ruling.at_us, ruling.event_id) > (latest[slot].at_us, latest[slot].event_id):
            latest[slot] = ruling
    for row in fetch(conn, _RULINGS, rulings.c.a_key, {slot[0] for slot in latest}):
        old = Ruling(*row)
        slot = (old.a, old.b, old.rule)
        if slot in latest and (old.at_us, old.event_id) >= (latest[slot].at_us, latest[slot].event_id):
            del latest[slot]
    names = ("a_key", "b_key", "rule", "stands", "at_us", "event_id", "actor")
    upsert(conn, rulings, names, [tuple(ruling) for ruling in latest.values()], names[3:])
    return list(latest.values())


def _enforce(
    conn: sa.Connection,
    decided: list[Ruling],
    fresh: Collection[int],
    rows: dict[int, Row],
    recall: Recall,
    version: int,
) -> set[int]:
    """Apply decisions to the evidence; the identifiers whose component they may change."""
    touched: set[int] = set()
    for ruling in decided:
        touched |= {ruling.a, ruling.b}
        recall.edges.pop((ruling.a, ruling.b, ruling.rule), None)
        if ruling.rule not in (MANUAL, SEPARATION):
            edge_key = edge_key_of(ruling.a, ruling.b, ruling.rule)
            status = "live" if ruling.stands else "retracted"
            change = sa.update(edges).where(edges.c.edge_key == edge_key).values(status=status, version=version)
            conn.execute(change)
        elif ruling.rule == MANUAL and not ruling.stands:
            conn.execute(sa.delete(edges).where(edges.c.edge_key == edge_key_of(ruling.a, ruling.b, MANUAL)))
    touched |= _write_merges(conn, touched | set(fresh), rows, version)
    present = {key for key in touched if key in rows}
    shared = {key for key in present if rows[key].status != "live"}
    if shared:
        # Evidence taken from a shared identifier may free it, and what it then ties must be solved with it.
        ends = {end for row in load_edges(conn, shared) for end in row[1:3]}
        load_rows(conn, identifiers.c.key, ends, rows)
        present |= {end for end in ends if end in rows}
    return present


def _write_merges(conn: sa.Connection, keys: Collection[int], rows: dict[int, Row], version: int) -> set[int]:
    """Turn merges that stand, between identifiers both seen by now, into evidence; the ends of what was written."""
    if conn.execute(_ANY_MERGE).first() is None:
        return set()
    standing = {Ruling(*row) for row in fetch(conn, _MERGES, rulings.c.a_key, keys)}
    standing |= {Ruling(*row) for row in fetch(conn, _MERGES, rulings.c.b_key, keys)}
    load_rows(conn, identifiers.c.key, {end for ruling in standing for end in ruling[:2]}, rows)
    merges = [ruling for ruling in standing if ruling.a in rows and ruling.b in rows]
    written = [
        Evidence(
            m.a, m.b, MANUAL, m.at_us, m.at_us, 1, INTERNAL_SOURCE, m.event_id, edge_key_of(m.a, m.b, MANUAL), "live"
        )
        for m in merges
    ]
    write_edges(conn, written, (), version)
    return {end for ruling in merges for end in ruling[:2]}


def _write_statuses(conn: sa.Connection, settled: Settled, recall: Recall, version: int) -> None:
    write_statuses(conn, settled, version)
    for _, pair, status in settled.statuses:
        if pair in recall.edges:
            recall.edges[pair].status = status
