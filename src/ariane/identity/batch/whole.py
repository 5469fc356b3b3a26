"""The whole evidence solved in memory, in bulk; what is not plain goes through `identity.solving` as it does online."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ariane.identity.batch.arrays import Arrays, arrays_of, codes
from ariane.identity.batch.grouping import Keys, Numbers, find, join
from ariane.identity.batch.naming import person_ids
from ariane.identity.batch.power import powerless_among, shared_in, withheld_in
from ariane.identity.commands import REPLAYED
from ariane.identity.rules import Rules
from ariane.identity.solving import partition, shared_person_id_of

_Mask = NDArray[np.bool_]


class Solved(msgspec.Struct, frozen=True):
    """What the evidence makes of everybody, row by row as the tables were given. `identifiers`: key, component (the
    oldest key of its raw component), person_id, status (live, shared, blocked). `edges`: a_key, b_key, rule, status
    (live, refused, inert, withheld, retracted). `n_replayed`: the components that were not plain."""

    identifiers: pa.Table
    edges: pa.Table
    n_replayed: int


def solve_all(
    identifiers: pa.Table,
    edges: pa.Table,
    separations: Iterable[tuple[int, int]],
    rules: Rules,
    refusals: Mapping[int, Collection[str]] | None = None,
) -> Solved:
    """What `solving.solve` gives for the whole evidence, and each piece of evidence's status.

    identifiers: key, kind, first_us, status (only `blocked` is read: the rest is found here), each key once. edges:
    a_key, b_key, rule, first_us, last_us (where it is not given, evidence was seen once), status (only `retracted` is
    read). `refusals`: the purposes that identifiers refuse, by key. InputError for an edge between identifiers that
    are not given. Time and memory are linear: 5 arrays an identifier, 4 an edge.
    """
    graph = arrays_of(identifiers, edges)
    retracted, withheld = graph.retracted, withheld_in(graph, refusals or {}, rules)
    graph = msgspec.structs.replace(graph, retracted=retracted | withheld)
    shared = shared_in(graph, rules)
    weak = shared | graph.blocked
    powerless = powerless_among(graph, weak, rules)
    ties = np.flatnonzero(~graph.retracted & ~powerless)
    group = join(graph.a[ties], graph.b[ties], graph.keys.size)
    n_groups = int(group.max()) + 1 if group.size else 0
    apart = _within(graph, group, separations)
    broken = _broken(graph, group, n_groups, ties, apart, rules)
    oldest = _oldest(graph, group, n_groups)
    ids = person_ids(oldest)
    person = group.copy()
    person, ids = _alone(graph, group, n_groups, weak, person, ids)
    component = oldest[group]
    person, ids = _replayed(graph, group, ties, broken, (shared, apart), rules, (person, component), ids)
    same = person[graph.a] == person[graph.b]
    status = np.where(powerless, 2, np.where(same, 0, 1))
    status = np.where(retracted, 4, np.where(withheld, 3, status)).astype(np.int8)
    state = np.where(graph.blocked, 2, np.where(shared, 1, 0)).astype(np.int8)
    found = {
        "key": identifiers.column("key"),
        "component": component,
        "person_id": ids.take(pa.array(person)),
        "status": _worded(("live", "shared", "blocked"), state),
    }
    judged = {name: edges.column(name) for name in ("a_key", "b_key", "rule")}
    judged["status"] = _worded(("live", "refused", "inert", "withheld", "retracted"), status)
    return Solved(pa.table(found), pa.table(judged), int(broken.sum()))


def _within(graph: Arrays, group: Numbers, separations: Iterable[tuple[int, int]]) -> Numbers:
    """The rows of identifiers held apart within one component, as pairs: shape (n, 2)."""
    pairs = np.array(sorted(separations), np.int64).reshape(-1, 2)
    if not pairs.size:
        return np.zeros((0, 2), np.int32)
    rows: Numbers = find(graph.keys, pairs.ravel()).reshape(-1, 2)
    rows = rows[(rows < graph.keys.size).all(axis=1)]
    within: Numbers = rows[group[rows[:, 0]] == group[rows[:, 1]]]
    return within


def _broken(
    graph: Arrays, group: Numbers, n_groups: int, ties: NDArray[np.int64], apart: Numbers, rules: Rules
) -> _Mask:
    """The components that are perhaps not one person: over a limit even when everything is counted, held apart
    within, or tied by evidence that is always replayed."""
    broken = np.zeros(n_groups, np.bool_)
    broken[group[apart[:, 0]]] = True
    special = ties[codes(graph.rules_named, REPLAYED)[graph.rule[ties]]]
    broken[group[graph.a[special]]] = True
    for code, kind in enumerate(graph.kinds):
        rule = rules.kinds.get(kind)
        if rule is not None and rule.limit is not None:
            broken |= np.bincount(group[graph.kind == code], minlength=n_groups) > rule.limit
    return broken


def _oldest(graph: Arrays, group: Numbers, n_groups: int) -> Keys:
    """Each component's oldest key: by first_us, then by key."""
    highest = np.iinfo(np.int64).max
    first, key = np.full(n_groups, highest), np.full(n_groups, highest)
    np.minimum.at(first, group, graph.first_us)
    rows = np.flatnonzero(graph.first_us == first[group])
    np.minimum.at(key, group[rows], graph.keys[rows])
    return key


def _alone(
    graph: Arrays, group: Numbers, n_groups: int, weak: _Mask, person: Numbers, ids: pa.Array
) -> tuple[Numbers, pa.Array]:
    """What is shared or blocked and tied to nothing stands for itself."""
    rows = np.flatnonzero(weak & (np.bincount(group, minlength=n_groups) == 1)[group])
    person[rows] = len(ids) + np.arange(rows.size)
    return person, _with(ids, [shared_person_id_of(key) for key in graph.keys[rows].tolist()])


def _replayed(
    graph: Arrays,
    group: Numbers,
    ties: NDArray[np.int64],
    broken: _Mask,
    held: tuple[_Mask, Numbers],
    rules: Rules,
    found: tuple[Numbers, Keys],
    ids: pa.Array,
) -> tuple[Numbers, pa.Array]:
    """The persons of the components that are not plain, as solving parts them, put into what was `found`: each
    identifier's person and component. `held`: who is shared, who apart."""
    person, component = found
    rows = np.flatnonzero(broken[group] if group.size else np.zeros(0, np.bool_))
    if not rows.size:
        return person, ids
    known = graph.known(rows)
    row_of = dict(zip(known, rows.tolist(), strict=True))
    shared = set(graph.keys[rows[held[0][rows]]].tolist())
    apart = [(a, b) for a, b in graph.keys[held[1]].tolist()]
    edges = graph.edges(ties[broken[group[graph.a[ties]]]])
    persons = partition(known, edges, apart, shared, rules)
    for number, one in enumerate(persons, len(ids)):
        for key in one.keys:
            person[row_of[key]], component[row_of[key]] = number, one.component
    return person, _with(ids, [one.person_id for one in persons])


def _with(ids: pa.Array, more: list[str]) -> pa.Array:
    return pa.concat_arrays([ids, pa.array(more, pa.large_string())]) if more else ids


def _worded(words: tuple[str, ...], codes: NDArray[np.int8]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words))
