"""Identifiers and evidence as arrays."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ariane.errors import InputError
from ariane.identity.batch.grouping import Keys, Numbers, find
from ariane.identity.evidence import Edge
from ariane.identity.solving import Known

Mask = NDArray[np.bool_]


class Arrays(msgspec.Struct, frozen=True):
    """The evidence as arrays. `kind` and `rule` are codes into `kinds` and `rules_named`; `a` and `b` are rows of the
    identifiers."""

    keys: Keys
    first_us: Keys
    kinds: list[str]
    kind: Numbers
    blocked: Mask
    a: Numbers
    b: Numbers
    rules_named: list[str]
    rule: Numbers
    edge_us: Keys
    last_us: Keys
    retracted: Mask

    def edges(self, rows: NDArray[np.int64]) -> list[Edge]:
        """These rows of the evidence, as solving sees them."""
        a, b = self.keys[self.a[rows]].tolist(), self.keys[self.b[rows]].tolist()
        named = [self.rules_named[code] for code in self.rule[rows].tolist()]
        times = self.edge_us[rows].tolist(), self.last_us[rows].tolist()
        return [Edge(*each) for each in zip(a, b, named, *times, strict=True)]

    def known(self, rows: NDArray[np.int64]) -> dict[int, Known]:
        """These rows of the identifiers, by key."""
        kinds = [self.kinds[code] for code in self.kind[rows].tolist()]
        columns = self.keys[rows].tolist(), kinds, self.first_us[rows].tolist(), self.blocked[rows].tolist()
        return {each[0]: Known(*each) for each in zip(*columns, strict=True)}


def arrays_of(identifiers: pa.Table, edges: pa.Table) -> Arrays:
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
    return Arrays(
        keys, _ints(identifiers, "first_us"), kinds, kind, _is(identifiers, "blocked"), ends[: edges.num_rows],
        ends[edges.num_rows :], named, rule, _ints(edges, "first_us"),
        _ints(edges, "last_us" if "last_us" in edges.column_names else "first_us"), _is(edges, "retracted"),
    )  # fmt: skip


def _ints(table: pa.Table, name: str) -> Keys:
    found: Keys = table.column(name).to_numpy().astype(np.int64, copy=False)
    return found


def _coded(table: pa.Table, name: str) -> tuple[list[str], Numbers]:
    column = table.column(name)
    encoded = column.combine_chunks() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int32, copy=False)


def _is(table: pa.Table, status: str) -> Mask:
    found: Mask = np.asarray(pc.equal(table.column("status"), status))
    return found


def codes(names: list[str], wanted: Iterable[str]) -> Mask:
    chosen = set(wanted)
    return np.array([name in chosen for name in names] or [False])
