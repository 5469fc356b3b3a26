"""The whole evidence solved in memory, in bulk; what is not plain goes through `identity.solving` as it does online."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ariane.errors import InputError
from ariane.identity.batch.grouping import Keys, Numbers, find, join
from ariane.identity.batch.naming import person_ids
from ariane.identity.commands import MANUAL
from ariane.identity.rules import Rules
from ariane.identity.solving import Edge, Known, partition, shared_among, shared_person_id_of

REPLAYED: frozenset[str] = frozenset()
"""Evidence of these rules always sends its component through the replay."""

_Mask = NDArray[np.bool_]


class Solved(msgspec.Struct, frozen=True):
    """What the evidence makes of everybody, row by row as the tables were given. `identifiers`: key, component (the
    oldest key of its raw component), person_id, status (live, shared, blocked). `edges`: a_key, b_key, rule, status
    (live, refused, inert, retracted). `n_replayed`: the components that were not plain."""

    identifiers: pa.Table
    edges: pa.Table
    n_replayed: int


class Graph(msgspec.Struct, frozen=True):
    """The evidence as arrays. `kind` and `rule` are codes into `kinds` and `rules_named`; `a` and `b` are rows of the
    identifiers."""

    keys: Keys
    first_us: Keys
    kinds: list[str]
    kind: Numbers
    blocked: _Mask
    a: Numbers
    b: Numbers
    rules_named: list[str]
    rule: Numbers
    edge_us: Keys
    retracted: _Mask

    def edges(self, rows: NDArray[np.int64]) -> list[Edge]:
        """These rows of the evidence, as solving sees them."""
        a, b = self.keys[self.a[rows]].tolist(), self.keys[self.b[rows]].tolist()
        named = [self.rules_named[code] for code in self.rule[rows].tolist()]
        return [Edge(*each) for each in zip(a, b, named, self.edge_us[rows].tolist(), strict=True)]

    def known(self, rows: NDArray[np.int64]) -> dict[int, Known]:
        """These rows of the identifiers, by key."""
        kinds = [self.kinds[code] for code in self.kind[rows].tolist()]
        columns = self.keys[rows].tolist(), kinds, self.first_us[rows].tolist(), self.blocked[rows].tolist()
        return {each[0]: Known(*each) for each in zip(*columns, strict=True)}


def solve_all(identifiers: pa.Table, edges: pa.Table, separations: Iterable[tuple[int, int]], rules: Rules) -> Solved:
    """What `solving.solve` gives for the whole evidence, and each piece of evidence's status.

    identifiers: key, kind, first_us, status (only `blocked` is read: the rest is found here), each key once. edges:
    a_key, b_key, rule, first_us, status (only `retracted` is read). InputError for an edge between identifiers that
    are not given. Time and memory are linear: 5 arrays an identifier, 4 an edge.
    """
    graph = graph_of(identifiers, edges)
    shared = _shared(graph, rules)
    weak = shared | graph.blocked
    manual = _codes(graph.rules_named, {MANUAL})[graph.rule]
    powerless = graph.blocked[graph.a] | graph.blocked[graph.b] | (~manual & (weak[graph.a] | weak[graph.b]))
    ties = np.flatnonzero(~graph.retracted & ~powerless)
    group = join(graph.a[ties], graph.b[ties], graph.keys.size)
    n_groups = int(group.max()) + 1 if group.size else 0
    apart = _within(graph, group, separations)
    broken = _broken(graph, group, n_groups, ties, apart, rules)
    oldest = _oldest(graph, group, n_groups)
    ids = person_ids(oldest)
    person = group.copy()
    person, ids = _alone(graph, group, n_groups, weak, person, ids)
    person, ids = _replayed(graph, group, ties, broken, (shared, apart), rules, person, ids)
    same = person[graph.a] == person[graph.b]
    status = np.where(graph.retracted, 3, np.where(powerless, 2, np.where(same, 0, 1))).astype(np.int8)
    state = np.where(graph.blocked, 2, np.where(shared, 1, 0)).astype(np.int8)
    found = {
        "key": identifiers.column("key"),
        "component": oldest[group],
        "person_id": ids.take(pa.array(person)),
        "status": _worded(("live", "shared", "blocked"), state),
    }
    judged = {name: edges.column(name) for name in ("a_key", "b_key", "rule")}
    judged["status"] = _worded(("live", "refused", "inert", "retracted"), status)
    return Solved(pa.table(found), pa.table(judged), int(broken.sum()))


def graph_of(identifiers: pa.Table, edges: pa.Table) -> Graph:
    """The tables as arrays, the ends of edges found among the identifiers."""
    keys = _ints(identifiers, "key")
    ends = find(keys, np.concatenate([_ints(edges, "a_key"), _ints(edges, "b_key")]))
    if ends.size and int(ends.max()) >= keys.size:
        raise InputError(
            f"{int((ends >= keys.size).sum()):,} ends of edges are not among the identifiers.", where="edges",
            allowed="edges between identifiers that are given", next_step="Give the identifiers whole.",
        )  # fmt: skip
    kinds, kind = _coded(identifiers, "kind")
    named, rule = _coded(edges, "rule")
    return Graph(
        keys, _ints(identifiers, "first_us"), kinds, kind, _is(identifiers, "blocked"), ends[: edges.num_rows],
        ends[edges.num_rows :], named, rule, _ints(edges, "first_us"), _is(edges, "retracted"),
    )  # fmt: skip


def _shared(graph: Graph, rules: Rules) -> _Mask:
    """The shared identifiers. Those that met enough unique ones, ever, are few: solving decides about them."""
    unique = np.array([rules.is_unique(kind) for kind in graph.kinds] or [False])
    after = np.array(
        [0 if (rule := rules.kinds.get(kind)) is None else rule.shared_after or 0 for kind in graph.kinds] or [0]
    )
    n = graph.keys.size
    one, other = np.concatenate([graph.a, graph.b]), np.concatenate([graph.b, graph.a])
    tells = unique[graph.kind] & ~graph.blocked
    can = (after[graph.kind] > 0) & ~graph.blocked
    rows = np.flatnonzero(tells[other] & can[one] & ~np.tile(graph.retracted, 2))
    several = np.bincount(one[rows], minlength=n) >= np.maximum(after[graph.kind], 1)
    rows = rows[several[one[rows]]]
    met = np.unique(one[rows].astype(np.int64) * n + other[rows])
    suspects = np.bincount(met // n if n else met, minlength=n) >= np.maximum(after[graph.kind], 1)
    touching = np.flatnonzero((suspects[graph.a] | suspects[graph.b]) & ~graph.retracted)
    shared = np.zeros(n, np.bool_)
    if touching.size:
        near = np.unique(np.concatenate([graph.a[touching], graph.b[touching]])).astype(np.int64)
        kinds = {key: each.kind for key, each in graph.known(near).items() if not each.blocked}
        found = shared_among(kinds, graph.edges(touching), rules)
        shared[near[np.isin(graph.keys[near], np.array(sorted(found), np.int64))]] = True
    return shared


def _within(graph: Graph, group: Numbers, separations: Iterable[tuple[int, int]]) -> Numbers:
    """The rows of identifiers held apart within one component, as pairs: shape (n, 2)."""
    pairs = np.array(sorted(separations), np.int64).reshape(-1, 2)
    if not pairs.size:
        return np.zeros((0, 2), np.int32)
    rows: Numbers = find(graph.keys, pairs.ravel()).reshape(-1, 2)
    rows = rows[(rows < graph.keys.size).all(axis=1)]
    within: Numbers = rows[group[rows[:, 0]] == group[rows[:, 1]]]
    return within


def _broken(
    graph: Graph, group: Numbers, n_groups: int, ties: NDArray[np.int64], apart: Numbers, rules: Rules
) -> _Mask:
    """The components that are perhaps not one person: over a limit even when everything is counted, held apart
    within, or tied by evidence that is always replayed."""
    broken = np.zeros(n_groups, np.bool_)
    broken[group[apart[:, 0]]] = True
    special = ties[_codes(graph.rules_named, REPLAYED)[graph.rule[ties]]]
    broken[group[graph.a[special]]] = True
    for code, kind in enumerate(graph.kinds):
        rule = rules.kinds.get(kind)
        if rule is not None and rule.limit is not None:
            broken |= np.bincount(group[graph.kind == code], minlength=n_groups) > rule.limit
    return broken


def _oldest(graph: Graph, group: Numbers, n_groups: int) -> Keys:
    """Each component's oldest key: by first_us, then by key."""
    highest = np.iinfo(np.int64).max
    first, key = np.full(n_groups, highest), np.full(n_groups, highest)
    np.minimum.at(first, group, graph.first_us)
    rows = np.flatnonzero(graph.first_us == first[group])
    np.minimum.at(key, group[rows], graph.keys[rows])
    return key


def _alone(
    graph: Graph, group: Numbers, n_groups: int, weak: _Mask, person: Numbers, ids: pa.Array
) -> tuple[Numbers, pa.Array]:
    """What is shared or blocked and tied to nothing stands for itself."""
    rows = np.flatnonzero(weak & (np.bincount(group, minlength=n_groups) == 1)[group])
    person[rows] = len(ids) + np.arange(rows.size)
    return person, _with(ids, [shared_person_id_of(key) for key in graph.keys[rows].tolist()])


def _replayed(
    graph: Graph,
    group: Numbers,
    ties: NDArray[np.int64],
    broken: _Mask,
    held: tuple[_Mask, Numbers],
    rules: Rules,
    person: Numbers,
    ids: pa.Array,
) -> tuple[Numbers, pa.Array]:
    """The persons of the components that are not plain, as solving parts them. `held`: who is shared, who apart."""
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
            person[row_of[key]] = number
    return person, _with(ids, [one.person_id for one in persons])


def _with(ids: pa.Array, more: list[str]) -> pa.Array:
    return pa.concat_arrays([ids, pa.array(more, pa.large_string())]) if more else ids


def _ints(table: pa.Table, name: str) -> Keys:
    found: Keys = table.column(name).to_numpy().astype(np.int64, copy=False)
    return found


def _coded(table: pa.Table, name: str) -> tuple[list[str], Numbers]:
    column = table.column(name)
    encoded = column.combine_chunks() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int32, copy=False)


def _is(table: pa.Table, status: str) -> _Mask:
    found: _Mask = np.asarray(pc.equal(table.column("status"), status))
    return found


def _codes(names: list[str], wanted: Iterable[str]) -> _Mask:
    chosen = set(wanted)
    return np.array([name in chosen for name in names] or [False])


def _worded(words: tuple[str, ...], codes: NDArray[np.int8]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words))
