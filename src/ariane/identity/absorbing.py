"""Takes events in, batch by batch, in the caller's transaction; persons stay as the whole evidence would have them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane.identity.bulk import fetch, upsert, write
from ariane.identity.commands import INTERNAL_SOURCE, MANUAL, SEPARATION, Ruling
from ariane.identity.gathering import Evidence, Gathered, Sighting, edge_key_of, gather
from ariane.identity.identifying import is_blocked
from ariane.identity.rules import Rules
from ariane.identity.settling import Row, Settled, changes_of, load_edges, load_rows, persons_of, settle
from ariane.identity.solving import shared_person_id_of
from ariane.identity.stored import edges, identifiers, person_changes, persons, rulings, versions
from ariane.model import Event

PURPOSE, TRUST = "service", 1.0
_encode = msgspec.json.Encoder(order="deterministic").encode
_STATS = ("first_us", "last_us", "n_events", "channels")
_MEMBERSHIP = ("status", "component", "person_id", "version")


class Changes(msgspec.Struct, frozen=True):
    """What a batch changed. `subjects` goes with the events given: each one's subject key and whether it is a strong
    one, or None; `changed` maps the persons whose identifiers are not what they were to their keys; `gone` are the
    person ids nobody has any more."""

    version: int
    subjects: Sequence[tuple[int, bool] | None]
    changed: Mapping[str, tuple[int, ...]]
    gone: frozenset[str]

    def members(self, conn: sa.Connection, keys: Iterable[int]) -> dict[str, tuple[int, ...]]:
        """The persons who hold any of these identifiers, each with all their keys."""
        found = {row[0] for row in fetch(conn, sa.select(identifiers.c.person_id), identifiers.c.key, keys)}
        held: dict[str, list[int]] = {person: [] for person in found if person not in self.changed}
        statement = sa.select(identifiers.c.person_id, identifiers.c.key)
        for person, key in fetch(conn, statement, identifiers.c.person_id, list(held)):
            held[person].append(key)
        return {person: tuple(sorted(each)) for person, each in held.items()} | {
            person: self.changed[person] for person in found if person in self.changed
        }


def absorb(conn: sa.Connection, events: Sequence[Event], rules: Rules | None = None) -> Changes:
    """Take these events in; each must come once. The state is the same for any order and any batching of them.

    Cost: a few bulk reads and writes a batch, and solving again the components whose evidence changed. Runs in the
    caller's transaction.
    """
    rules = rules or Rules.default()
    batch = gather(events, rules)
    if not batch.sightings and not batch.rulings:
        return Changes(_version(conn), batch.subjects, {}, frozenset())
    version = _next_version(conn)
    rows: dict[int, Row] = {}
    ends = {end for ruling in batch.rulings for end in (ruling.a, ruling.b)}
    load_rows(conn, identifiers.c.key, batch.sightings.keys() | ends, rows)
    fresh, seeds = _see(rows, batch, rules)
    decided = _rule(conn, batch.rulings)
    ties = _weigh(conn, batch, rows, version)
    in_doubt = _enforce(conn, decided, fresh, rows, version)
    seeds |= {end for tie in ties for end in tie} | in_doubt
    settled = settle(conn, seeds, rows, rules, ties, in_doubt)
    _write_identifiers(conn, rows, batch, fresh, settled, version)
    gone = _write_persons(conn, rows, batch, settled, rules, version)
    _write_statuses(conn, settled, version)
    return Changes(version, batch.subjects, settled.changed(), frozenset(gone))


def resolve_all(conn: sa.Connection, rules: Rules | None = None) -> Changes:
    """Compute every person again from the stored evidence. It changes nothing, unless the rules changed.

    Reads every identifier and edge into memory.
    """
    rules = rules or Rules.default()
    version = _next_version(conn)
    rows: dict[int, Row] = {}
    load_rows(conn, identifiers.c.key, list(conn.execute(sa.select(identifiers.c.key)).scalars()), rows)
    restated: set[int] = set()
    for row in rows.values():
        blocked = is_blocked(rules, row.kind, row.value)
        if blocked != (row.status == "blocked"):
            row.status = "blocked" if blocked else "live"
            restated.add(row.key)
    settled = settle(conn, rows.keys(), rows, rules)
    settled.moved |= restated
    batch = Gathered({}, {}, [], [], int(conn.execute(sa.select(sa.func.max(identifiers.c.last_us))).scalar() or 0))
    _write_identifiers(conn, rows, batch, set(), settled, version)
    gone = _write_persons(conn, rows, batch, settled, rules, version)
    _write_statuses(conn, settled, version)
    return Changes(version, [], settled.changed(), frozenset(gone))


def _see(rows: dict[int, Row], batch: Gathered, rules: Rules) -> tuple[set[int], set[int]]:
    """Add the sightings to the rows; the keys never seen before, and those that must be settled again."""
    fresh: set[int] = set()
    seeds: set[int] = set()
    for key, seen in batch.sightings.items():
        row = rows.get(key)
        if row is None:
            named = seen.identifier
            channels = _encode(seen.channels).decode()
            rows[key] = Row(
                key, named.kind, named.value, "live", None, "", seen.first_us, seen.last_us, seen.n_events, channels
            )
            fresh.add(key)
            seeds.add(key)
            continue
        if seen.first_us < row.first_us:
            row.first_us = seen.first_us
            # A person's id comes from the oldest identifier; a shared one alone has its own id whatever its age.
            if row.person_id != shared_person_id_of(key):
                seeds.add(key)
        row.last_us = max(row.last_us, seen.last_us)
        if seen.n_events:
            row.n_events += seen.n_events
            row.channels = _added(row.channels, seen)
    return fresh, seeds


def _added(channels: str, seen: Sighting) -> str:
    counts = msgspec.json.decode(channels, type=dict[str, int])
    for channel, n in seen.channels.items():
        counts[channel] = counts.get(channel, 0) + n
    return _encode(counts).decode()


def _weigh(conn: sa.Connection, batch: Gathered, rows: dict[int, Row], version: int) -> set[tuple[int, int]]:
    """Write the batch's evidence; the pairs about which it is news."""
    stored = _stored(conn, batch.evidence)
    retracted = _retracted(conn, batch, rows)
    ties: set[tuple[int, int]] = set()
    written: list[tuple[Any, ...]] = []
    for edge_key, new in batch.evidence.items():
        old = stored.get(edge_key)
        inert = any(rows[end].status != "live" for end in (new.a, new.b))
        if old is None:
            status = "retracted" if (new.a, new.b, new.rule) in retracted else "inert" if inert else "live"
            tells = status == "live"
        else:
            had, status = old
            tells = status != "retracted" and not inert and new.first_us < had.first_us
            new.add(had)
        if tells:
            ties.add((new.a, new.b))
        written.append(_edge_row(edge_key, new, status, version))
    update = ("source", "event_id", "first_us", "last_us", "n_events", "status", "version")
    upsert(conn, edges, _EDGE_COLUMNS, written, update)
    return ties


_EDGE_COLUMNS = (
    "edge_key", "a_key", "b_key", "rule", "source", "event_id", "first_us", "last_us", "n_events", "purpose", "trust",
    "status", "version",
)  # fmt: skip


def _edge_row(edge_key: int, one: Evidence, status: str, version: int) -> tuple[Any, ...]:
    return (
        edge_key, one.a, one.b, one.rule, one.source, one.event_id, one.first_us, one.last_us, one.n_events, PURPOSE,
        TRUST, status, version,
    )  # fmt: skip


def _stored(conn: sa.Connection, edge_keys: Iterable[int]) -> dict[int, tuple[Evidence, str]]:
    names = ("edge_key", "status", "a_key", "b_key", "rule", "first_us", "last_us", "n_events", "source", "event_id")
    statement = sa.select(*[edges.c[name] for name in names])
    found = fetch(conn, statement, edges.c.edge_key, edge_keys)
    return {row[0]: (Evidence(*row[2:]), row[1]) for row in found}


def _retracted(conn: sa.Connection, batch: Gathered, rows: dict[int, Row]) -> set[tuple[int, int, str]]:
    """What was retracted before it was first seen."""
    statement = sa.select(rulings.c.a_key, rulings.c.b_key, rulings.c.rule).where(
        ~rulings.c.stands & rulings.c.rule.notin_([SEPARATION, MANUAL])
    )
    if conn.execute(statement.limit(1)).first() is None:
        return set()
    firsts = {one.a for one in batch.evidence.values()}
    return {(a, b, rule) for a, b, rule in fetch(conn, statement, rulings.c.a_key, firsts)}


def _rule(conn: sa.Connection, given: list[Ruling]) -> list[Ruling]:
    """Keep the latest decision on each question; those that are now in force and were not."""
    if not given:
        return []
    latest: dict[tuple[int, int, str], Ruling] = {}
    for ruling in given:
        slot = (ruling.a, ruling.b, ruling.rule)
        if slot not in latest or (ruling.at_us, ruling.event_id) > (latest[slot].at_us, latest[slot].event_id):
            latest[slot] = ruling
    for row in fetch(conn, sa.select(rulings), rulings.c.a_key, {slot[0] for slot in latest}):
        old = Ruling(*row)
        slot = (old.a, old.b, old.rule)
        if slot in latest and (old.at_us, old.event_id) >= (latest[slot].at_us, latest[slot].event_id):
            del latest[slot]
    names = ("a_key", "b_key", "rule", "stands", "at_us", "event_id", "actor")
    upsert(conn, rulings, names, [tuple(ruling) for ruling in latest.values()], names[3:])
    return list(latest.values())


def _enforce(
    conn: sa.Connection, decided: list[Ruling], fresh: Collection[int], rows: dict[int, Row], version: int
) -> set[int]:
    """Apply decisions to the evidence; the identifiers whose component they may change."""
    touched: set[int] = set()
    for ruling in decided:
        touched |= {ruling.a, ruling.b}
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
    statement = sa.select(rulings).where((rulings.c.rule == MANUAL) & rulings.c.stands)
    if conn.execute(statement.limit(1)).first() is None:
        return set()
    standing = {Ruling(*row) for row in fetch(conn, statement, rulings.c.a_key, keys)}
    standing |= {Ruling(*row) for row in fetch(conn, statement, rulings.c.b_key, keys)}
    load_rows(conn, identifiers.c.key, {end for ruling in standing for end in ruling[:2]}, rows)
    merges = [ruling for ruling in standing if ruling.a in rows and ruling.b in rows]
    written = []
    for m in merges:
        one = Evidence(m.a, m.b, MANUAL, m.at_us, m.at_us, 1, INTERNAL_SOURCE, m.event_id)
        written.append(_edge_row(edge_key_of(m.a, m.b, MANUAL), one, "live", version))
    upsert(conn, edges, _EDGE_COLUMNS, written, ("event_id", "first_us", "last_us", "version"))
    return {end for ruling in merges for end in ruling[:2]}


def _write_identifiers(
    conn: sa.Connection, rows: dict[int, Row], batch: Gathered, fresh: Collection[int], settled: Settled, version: int
) -> None:
    whole = settled.moved | set(fresh)
    written = [(*msgspec.structs.astuple(rows[key]), version) for key in whole]
    names = (*Row.__struct_fields__, "version")
    upsert(conn, identifiers, names, written, (*_STATS, *_MEMBERSHIP))
    seen = [rows[key] for key in batch.sightings if key not in whole]
    statement = (
        sa.update(identifiers)
        .where(identifiers.c.key == sa.bindparam("of"))
        .values({name: sa.bindparam(f"new_{name}") for name in _STATS})
    )
    bound = [*[f"new_{name}" for name in _STATS], "of"]
    write(conn, statement, bound, [(r.first_us, r.last_us, r.n_events, r.channels, r.key) for r in seen])


def _write_persons(
    conn: sa.Connection, rows: dict[int, Row], batch: Gathered, settled: Settled, rules: Rules, version: int
) -> set[str]:
    """Fold the settled persons anew, add what was seen of the others; the person ids nobody has any more."""
    folded = persons_of(rows, settled.persons)
    names = ("first_seen_us", "last_seen_us", "n_events", "n_identifiers")
    written = [(person_id, *fold, version) for person_id, fold in folded.items()]
    upsert(conn, persons, ("person_id", *names, "version"), written, (*names, "version"))
    _add_to_persons(conn, rows, batch, folded, version)
    gone = set(settled.before.values()) - folded.keys()
    for chunk in _chunks(sorted(gone)):
        conn.execute(sa.delete(persons).where(persons.c.person_id.in_(chunk)))
    changes = changes_of(rows, settled.before, folded.keys(), rules)
    listed = [(version, old, new, cause, batch.until_us) for old, new, cause in changes]
    upsert(conn, person_changes, ("version", "old_person_id", "new_person_id", "cause", "at_us"), listed)
    return gone


def _add_to_persons(
    conn: sa.Connection, rows: dict[int, Row], batch: Gathered, folded: Collection[str], version: int
) -> None:
    added: dict[str, list[int]] = {}
    for key, seen in batch.sightings.items():
        person_id = rows[key].person_id
        if person_id not in folded:
            one = added.setdefault(person_id, [seen.first_us, seen.last_us, 0])
            one[:] = min(one[0], seen.first_us), max(one[1], seen.last_us), one[2] + seen.n_events
    if not added:
        return
    p = persons.c
    first = sa.bindparam("first", type_=sa.BigInteger)
    last = sa.bindparam("last", type_=sa.BigInteger)
    statement = (
        sa.update(persons)
        .where(p.person_id == sa.bindparam("of"))
        .values(
            first_seen_us=sa.case((p.first_seen_us > first, first), else_=p.first_seen_us),
            last_seen_us=sa.case((p.last_seen_us < last, last), else_=p.last_seen_us),
            n_events=p.n_events + sa.bindparam("more"),
            version=sa.bindparam("now"),
        )
    )
    values = [(of, one[0], one[1], one[2], version) for of, one in added.items()]
    write(conn, statement, ("of", "first", "last", "more", "now"), values)


def _write_statuses(conn: sa.Connection, settled: Settled, version: int) -> None:
    statement = (
        sa.update(edges)
        .where(edges.c.edge_key == sa.bindparam("of"))
        .values(status=sa.bindparam("new_status"), version=sa.bindparam("now"))
    )
    values = [(status, version, edge_key) for edge_key, status in settled.statuses]
    write(conn, statement, ("new_status", "now", "of"), values)


def _version(conn: sa.Connection) -> int:
    return int(conn.execute(sa.select(versions.c.version).where(versions.c.name == "identity")).scalar() or 0)


def _next_version(conn: sa.Connection) -> int:
    version = _version(conn) + 1
    upsert(conn, versions, ("name", "version"), [("identity", version)], ("version",))
    return version


def _chunks(values: list[str], size: int = 8_000) -> Iterable[list[str]]:
    return (values[at : at + size] for at in range(0, len(values), size))
