"""Found against planted: how well persons were put together again, and which frictions were found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class IdentityScore(msgspec.Struct, frozen=True):
    """Pairs of identifiers said to be one person's, against the truth.

    `precision`: of the pairs put together, how many are one person's. `recall`: of the pairs that events tie to one
    person, how many were put together. None where there is no pair. `n_shared` identifiers (kiosk, family tablet,
    shared line) belong to several persons and are in no pair. `by_kind` holds, for each kind, (precision, recall) of
    the pairs with at least one identifier of that kind, `by_channel` those with one that was seen on that channel.
    """

    precision: float | None
    recall: float | None
    n_predicted_pairs: int
    n_true_pairs: int
    n_both: int
    n_identifiers: int
    n_shared: int
    by_kind: dict[str, tuple[float | None, float | None]]
    by_channel: dict[str, tuple[float | None, float | None]] = {}


def identity_score(predicted: pa.Table, truth: pa.Table) -> IdentityScore:
    """Compare predicted persons (kind, value, person_id) with the truth's identifiers, counting pairs by group sizes.

    Pairs are never listed: a group of n has n(n−1)/2 of them, so the counts of (person), (truth) and (both) say all
    (Hubert & Arabie 1985, eq. 2). Identifiers the truth does not know are left out. An identifier nobody predicted
    stands alone. True pairs are those whose identifiers lie in one `component` of the truth, when it says so.

    >>> names = {"kind": ["cookie"] * 3, "value": ["a", "b", "c"]}
    >>> truth = pa.table(names | {"truth_id": ["T1", "T1", "T2"], "shared": [False] * 3})
    >>> found = pa.table(names | {"person_id": ["P1", "P1", "P1"]})
    >>> score = identity_score(found, truth)
    >>> round(score.precision, 3), score.recall
    (0.333, 1.0)
    """
    persons = dict(zip(_names(predicted), predicted.column("person_id").to_pylist(), strict=True))
    truth_ids, shares = truth.column("truth_id").to_pylist(), truth.column("shared").to_pylist()
    has_components = "component" in truth.column_names
    components = truth.column("component").to_pylist() if has_components else [0] * truth.num_rows
    met = truth.column("channels").to_pylist() if "channels" in truth.column_names else [()] * truth.num_rows
    rows: list[tuple[str, str, str, int, frozenset[str]]] = []
    shared: set[tuple[str, str]] = set()
    listed = zip(_names(truth), truth_ids, shares, components, met, strict=True)
    for name, truth_id, is_shared, component, channels in listed:
        if is_shared:
            shared.add(name)
        else:
            rows.append((name[0], persons.get(name) or f"alone {name}", truth_id, component, frozenset(channels)))
    groups = _Groups(
        right=_numbers((person, truth_id) for _, person, truth_id, _, _ in rows),
        both=_numbers((person, truth_id, component) for _, person, truth_id, component, _ in rows),
        true=_numbers((truth_id, component) for _, _, truth_id, component, _ in rows),
        said=_numbers(person for _, person, *_ in rows),
    )
    whole = groups.pairs(np.ones(len(rows), bool))
    by_kind, by_channel = {}, {}
    for kind in sorted({row[0] for row in rows}):
        by_kind[kind] = _touching(whole, groups.pairs(np.array([row[0] != kind for row in rows], bool)))
    for channel in sorted(frozenset().union(*(row[4] for row in rows))):
        by_channel[channel] = _touching(whole, groups.pairs(np.array([channel not in row[4] for row in rows], bool)))
    right, both, true, said = whole
    precision, recall = _rates(right, true, said, both)
    return IdentityScore(precision, recall, said, true, both, len(rows), len(shared), by_kind, by_channel)


class _Groups(msgspec.Struct, frozen=True):
    """Which group each identifier is in, as numbers: of those said and true to be one person's, said to be and tied,
    tied, said to be."""

    right: NDArray[np.int64]
    both: NDArray[np.int64]
    true: NDArray[np.int64]
    said: NDArray[np.int64]

    def pairs(self, kept: NDArray[np.bool_]) -> tuple[int, int, int, int]:
        """How many pairs of each sort there are among some of the identifiers."""
        right, both, true, said = (_two(np.bincount(one[kept])) for one in msgspec.structs.astuple(self))
        return right, both, true, said


def _numbers(names: Iterable[Hashable]) -> NDArray[np.int64]:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def _touching(whole: tuple[int, ...], others: tuple[int, ...]) -> tuple[float | None, float | None]:
    """(precision, recall) of the pairs that touch some identifiers: all pairs less those among the others."""
    right, both, true, said = (all_ - rest for all_, rest in zip(whole, others, strict=True))
    return _rates(right, true, said, both)


def _two(counts: NDArray[np.int64]) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _rates(right: int, true: int, said: int, both: int) -> tuple[float | None, float | None]:
    return (right / said if said else None), (both / true if true else None)


def _names(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(table.column("kind").to_pylist(), table.column("value").to_pylist(), strict=True))


class FrictionMatch(msgspec.Struct, frozen=True):
    """`matched`: (planted id, index of what was found); `missed`: planted ids nobody found; `false`: indices of
    findings that nothing planted explains."""

    matched: tuple[tuple[str, int], ...]
    missed: tuple[str, ...]
    false: tuple[int, ...]


def match_frictions(
    found: Iterable[Mapping[str, Any]], planted: pa.Table | Iterable[Mapping[str, Any]], tolerance_days: int = 2
) -> FrictionMatch:
    """Match findings with what was planted: same detector, a step in common, same slice, both dates within tolerance.

    Findings need `detector`, `step`, `began_on`, `ended_on` (dates or ISO texts), and may have `to_step`,
    `slice_property` (with or without its column prefix) and `slice_value`, of which several are joined by " × "; one
    without a slice matches any. A planted friction may be found several times; only findings that match none are false.

    >>> planted = [{"friction_id": "f", "detector": "wait", "step": "waits_delivery", "to_step": "", "slice_property":
    ...             "prop_carrier", "slice_value": "Hermod", "began_on": "2026-03-01", "ended_on": "2026-03-15"}]
    >>> found = [{"detector": "wait", "step": "waits_delivery", "slice_property": "carrier", "slice_value": "Hermod",
    ...           "began_on": "2026-03-02", "ended_on": "2026-03-14"}]
    >>> match_frictions(found, planted)
    FrictionMatch(matched=(('f', 0),), missed=(), false=())
    """
    rows = planted.to_pylist() if isinstance(planted, pa.Table) else list(planted)
    matched, false = [], []
    for index, finding in enumerate(found):
        hits = [row["friction_id"] for row in rows if _explains(row, finding, tolerance_days)]
        matched += [(hit, index) for hit in hits]
        if not hits:
            false.append(index)
    by_id: defaultdict[str, list[int]] = defaultdict(list)
    for friction_id, index in matched:
        by_id[friction_id].append(index)
    missed = tuple(row["friction_id"] for row in rows if row["friction_id"] not in by_id)
    return FrictionMatch(tuple(matched), missed, tuple(false))


def _explains(planted: Mapping[str, Any], finding: Mapping[str, Any], tolerance_days: int) -> bool:
    steps = {planted["step"], planted.get("to_step") or planted["step"]}
    if finding["detector"] != planted["detector"] or not steps & {finding["step"], finding.get("to_step")}:
        return False
    properties = [_bare(column) for column in str(finding.get("slice_property") or "").split(" × ")]
    values = str(finding.get("slice_value") or "").split(" × ")
    if values != [""] and (_bare(planted["slice_property"]), planted["slice_value"]) not in zip(
        properties, values, strict=False
    ):
        return False
    ends = ("began_on", "ended_on")
    return all(abs((_day(finding[end]) - _day(planted[end])).days) <= tolerance_days for end in ends)


def _bare(column: object) -> str:
    return str(column or "").removeprefix("prop_").removeprefix("ctx_")


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value[:10])
