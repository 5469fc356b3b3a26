"""A demo's truth against what was found: pairs of identifiers rightly and wrongly put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq


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
    rows = []
    channels: set[str] = set()
    for row in planted:
        if not row["shared"]:
            name, met = (row["kind"], row["value"]), frozenset(row.get("channels") or ())
            rows.append((persons.get(name, f"alone {name}"), row["truth_id"], row.get("component", 0), met))
            channels |= met
    whole = _counted(rows)
    by_channel = {}
    for channel in sorted(channels):
        said, true, both, right = _counted([row for row in rows if channel not in row[3]])
        by_channel[channel] = IdentityScore(whole[0] - said, whole[1] - true, whole[2] - both, whole[3] - right)
    return IdentityScore(*whole, by_channel)


def _counted(rows: list[tuple[str, str, int, frozenset[str]]]) -> tuple[int, int, int, int]:
    """How many pairs are said, true, both, and right."""
    return (
        _pairs(row[0] for row in rows), _pairs(row[1:3] for row in rows), _pairs(row[:3] for row in rows),
        _pairs(row[:2] for row in rows),
    )  # fmt: skip


def _pairs(groups: Iterable[Any]) -> int:
    return sum(n * (n - 1) // 2 for n in Counter(groups).values())
