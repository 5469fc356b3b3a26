"""Writes what absorbing changed: a few statements a batch, each over many rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane.identity.bulk import upsert, write
from ariane.identity.commands import CARRIED, LINKED, LOGIN, MANUAL, OBSERVED, SUGGESTED, WEAK
from ariane.identity.gathering import Evidence, Gathered, Pair, Sighting, edge_key_of
from ariane.identity.graph import Settled
from ariane.identity.rows import Row, changes_of, persons_of
from ariane.identity.rules import Rules
from ariane.identity.stored import edges, identifiers, person_changes, persons

PURPOSE = "service"
TRUST = {MANUAL: 1.0, LOGIN: 1.0, OBSERVED: 1.0, WEAK: 0.8, LINKED: 0.9, CARRIED: 0.3, SUGGESTED: 0.0}
"""How far each rule's evidence can be trusted, for those who read it: set, not measured. What ties is decided by the
rules' order alone."""
_encode = msgspec.json.Encoder(order="deterministic").encode
_STATS = ("first_us", "last_us", "n_events", "channels")
_MEMBERSHIP = ("status", "component", "person_id", "version")
_PERSON = ("first_seen_us", "last_seen_us", "n_events", "n_identifiers")
_EDGE = (
    "edge_key", "a_key", "b_key", "rule", "source", "event_id", "first_us", "last_us", "n_events", "purpose", "trust",
    "status", "version",
)  # fmt: skip


def _setting(table: sa.Table, key: str, names: Iterable[str]) -> sa.Update:
    """Set the columns `names`, given as `new_<name>`, where the key is `of`."""
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
    return sa.update(table).where(table.c[key] == sa.bindparam("of")).values(values)


_SEEN = _setting(identifiers, "key", _STATS)
_MORE = _setting(edges, "edge_key", ("source", "event_id", "first_us", "last_us", "n_events", "trust", "version"))
_JUDGED = _setting(edges, "edge_key", ("status", "version"))
_GONE = sa.delete(persons).where(persons.c.person_id == sa.bindparam("of"))


def _adding() -> sa.Update:
    p = persons.c
    first, last = sa.bindparam("first", type_=sa.BigInteger), sa.bindparam("last", type_=sa.BigInteger)
    return (
        sa.update(persons)
        .where(p.person_id == sa.bindparam("of"))
        .values(
            first_seen_us=sa.case((p.first_seen_us > first, first), else_=p.first_seen_us),
            last_seen_us=sa.case((p.last_seen_us < last, last), else_=p.last_seen_us),
            n_events=p.n_events + sa.bindparam("events"),
            n_identifiers=p.n_identifiers + sa.bindparam("joined"),
            version=sa.bindparam("now"),
        )
    )


_ADDED = _adding()


def write_edges(conn: sa.Connection, new: Iterable[Evidence], more: Iterable[Evidence], version: int) -> None:
    """Insert evidence that is new, and update what there is more of."""
    upsert(
        conn, edges, _EDGE,
        [
            (e.edge_key, e.a, e.b, e.rule, e.source, e.event_id, e.first_us, e.last_us, e.n_events, PURPOSE,
             trust_of(e), e.status, version)
            for e in new
        ],
        ("source", "event_id", "first_us", "last_us", "n_events", "trust", "status", "version"),
    )  # fmt: skip
    names = (*[f"new_{name}" for name in (*_EDGE[4:9], "trust", "version")], "of")
    rows = [(e.source, e.event_id, e.first_us, e.last_us, e.n_events, trust_of(e), version, e.edge_key) for e in more]
    write(conn, _MORE, names, rows)


def trust_of(evidence: Evidence) -> float:
    """The score of what was inferred, else the rule's trust."""
    return TRUST[evidence.rule] if evidence.score is None else evidence.score


def write_statuses(conn: sa.Connection, statuses: Mapping[Pair, str], version: int) -> None:
    """What became of evidence that was there already."""
    rows = [(status, version, edge_key_of(*pair)) for pair, status in statuses.items() if status != "absent"]
    write(conn, _JUDGED, ("new_status", "new_version", "of"), rows)


def write_identifiers(
    conn: sa.Connection, rows: Mapping[int, Row], moved: Collection[int], seen: Iterable[int], version: int
) -> None:
    """Write whole the identifiers that are new or `moved`; of the others, how often they were seen."""
    whole = [
        (r.key, r.kind, r.value, r.status, r.component, r.person_id, r.first_us, r.last_us, r.n_events,
         _encode(r.channels).decode(), version)
        for r in [rows[key] for key in moved]
    ]  # fmt: skip
    upsert(conn, identifiers, (*Row.__struct_fields__, "version"), whole, (*_STATS, *_MEMBERSHIP))
    stats = [
        (r.first_us, r.last_us, r.n_events, _encode(r.channels).decode(), r.key)
        for r in [rows[key] for key in seen if key not in moved]
    ]
    write(conn, _SEEN, ("new_first_us", "new_last_us", "new_n_events", "new_channels", "of"), stats)


def write_persons(
    conn: sa.Connection,
    rows: Mapping[int, Row],
    batch: Gathered,
    settled: Settled,
    rules: Rules,
    version: int,
) -> set[str]:
    """Fold the persons that changed anew, add to the others what was seen of them and how many identifiers they gained;
    the person ids nobody has any more."""
    folded = persons_of(rows, {**settled.persons, **settled.born})
    written: list[tuple[Any, ...]] = [(person_id, *fold, version) for person_id, fold in folded.items()]
    upsert(conn, persons, ("person_id", *_PERSON, "version"), written, (*_PERSON, "version"))
    added = _seen_of(rows, batch.sightings, folded)
    values = [(of, first, last, n, settled.grown.get(of, 0), version) for of, (first, last, n) in added.items()]
    write(conn, _ADDED, ("of", "first", "last", "events", "joined", "now"), values)
    gone = set(settled.before.values()) - folded.keys()
    write(conn, _GONE, ("of",), [(of,) for of in sorted(gone)])
    changes = changes_of(rows, settled.before, folded.keys(), rules)
    listed = [(version, old, new, cause, batch.until_us) for old, new, cause in changes]
    upsert(conn, person_changes, ("version", "old_person_id", "new_person_id", "cause", "at_us"), listed)
    return gone


def _seen_of(
    rows: Mapping[int, Row], sightings: Mapping[int, Sighting], folded: Collection[str]
) -> dict[str, tuple[int, int, int]]:
    """When first and last, and how often, each person was seen in the batch who was not folded anew."""
    added: dict[str, tuple[int, int, int]] = {}
    for key, seen in sightings.items():
        person_id = rows[key].person_id
        if person_id in folded:
            continue
        one = added.get(person_id)
        if one is None:
            added[person_id] = seen.first_us, seen.last_us, seen.n_events
        else:
            added[person_id] = min(one[0], seen.first_us), max(one[1], seen.last_us), one[2] + seen.n_events
    return added
