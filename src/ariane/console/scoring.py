"""A demo's truth against what was found: pairs of identifiers rightly and wrongly put together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray


class IdentityScore(msgspec.Struct, frozen=True):
    """Pairs of identifiers: said to be one person's, tied by the events to one person, and both. `right`: said and one
    person's, whether the events tie them or not. `by_channel`: of the pairs with an identifier that was seen there."""

    n_said: int
    n_true: int
    n_both: int
    n_right: int
    by_channel: dict[str, IdentityScore] = {}

    @property
    def precision(self) -> float | None:
        return self.n_right / self.n_said if self.n_said else None

    @property
    def recall(self) -> float | None:
        return self.n_both / self.n_true if self.n_true else None


def truth(folder: Path, name: str) -> list[dict[str, Any]]:
    """One table of the truth; empty when it was not written."""
    file = folder / f"{name}.parquet"
    return pq.read_table(file).to_pylist() if file.exists() else []


def identity_score(found: Iterable[tuple[str, str, str]], planted: Iterable[dict[str, Any]]) -> IdentityScore:
    """Compare (kind, value, person_id) with the truth's identifiers, counting pairs by group sizes: a group of n holds
    n(n−1)/2 of them (Hubert & Arabie 1985, eq. 2). Identifiers of several persons are in no pair.

    >>> planted = [{"kind": "cookie", "value": v, "truth_id": t, "shared": False, "component": 0}
    ...            for v, t in (("a", "T1"), ("b", "T1"), ("c", "T2"))]
    >>> score = identity_score([("cookie", v, "P") for v in "abc"], planted)
    >>> round(score.precision, 3), score.recall
    (0.333, 1.0)
    """
    persons = {(kind, value): person for kind, value, person in found}
    names: tuple[dict[Any, int], ...] = ({}, {}, {}, {})
    groups: tuple[list[int], ...] = ([], [], [], [])
    met: list[frozenset[str]] = []
    for row in planted:
        if not row["shared"]:
            name, true = (row["kind"], row["value"]), (row["truth_id"], row.get("component", 0))
            person = persons.get(name, f"alone {name}")
            for known, group, key in zip(
                names, groups, (person, true, (person, *true), (person, true[0])), strict=True
            ):
                group.append(known.setdefault(key, len(known)))
            met.append(frozenset(row.get("channels") or ()))
    whole = [_pairs(np.array(group, np.int64)) for group in groups]
    by_channel = {}
    for channel in sorted(frozenset().union(*met)):
        others = np.array([channel not in one for one in met], bool)
        less = [_pairs(np.array(group, np.int64)[others]) for group in groups]
        n_said, n_true, n_both, n_right = (n - other for n, other in zip(whole, less, strict=True))
        by_channel[channel] = IdentityScore(n_said, n_true, n_both, n_right)
    return IdentityScore(whole[0], whole[1], whole[2], whole[3], by_channel)


def _pairs(groups: NDArray[np.int64]) -> int:
    """How many pairs there are within the groups, of which each member has its group's number."""
    counts = np.bincount(groups)
    return int((counts * (counts - 1) // 2).sum())
