"""Scoring by group counts equals counting pairs one by one; frictions match by slice and date."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariane.demo import identity_score, match_frictions

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["cookie", "email"]), st.integers(0, 3), st.integers(0, 2), st.integers(0, 3), st.booleans()
    ),
    max_size=12,
)


@given(ROWS)
def test_scores_equal_enumeration(rows: list[tuple[str, int, int, int, bool]]) -> None:
    names = [(kind, f"v{n}") for n, (kind, *_) in enumerate(rows)]
    truth = pa.table(
        {
            "kind": pa.array([kind for kind, _ in names], pa.string()),
            "value": pa.array([value for _, value in names], pa.string()),
            "truth_id": pa.array([f"T{row[1]}" for row in rows], pa.string()),
            "shared": pa.array([row[4] for row in rows], pa.bool_()),
            "component": pa.array([row[2] for row in rows], pa.int32()),
        }
    )
    found = truth.select(["kind", "value"]).append_column(
        "person_id", pa.array([f"P{row[3]}" for row in rows], pa.string())
    )
    kept = [row for row in rows if not row[4]]
    pairs = list(combinations(kept, 2))
    score = identity_score(found, truth)
    said = [(a, b) for a, b in pairs if a[3] == b[3]]
    tied = [(a, b) for a, b in pairs if a[1:3] == b[1:3]]
    assert score.n_predicted_pairs == len(said)
    assert score.n_true_pairs == len(tied)
    if said:
        assert score.precision == pytest.approx(sum(a[1] == b[1] for a, b in said) / len(said))
    if tied:
        assert score.recall == pytest.approx(sum(a[3] == b[3] for a, b in tied) / len(tied))
    touching = [(a, b) for a, b in said if "cookie" in (a[0], b[0])]
    if touching:
        expected = sum(a[1] == b[1] for a, b in touching) / len(touching)
        assert score.by_kind["cookie"][0] == pytest.approx(expected)


def test_nobody_found_is_no_recall() -> None:
    truth = pa.table({"kind": ["cookie"] * 2, "value": ["a", "b"], "truth_id": ["T"] * 2, "shared": [False] * 2})
    nothing = pa.table(
        {"kind": pa.array([], pa.string()), "value": pa.array([], pa.string()), "person_id": pa.array([], pa.string())}
    )
    score = identity_score(nothing, truth)
    assert (score.precision, score.recall) == (None, 0.0)


PLANTED = {
    "friction_id": "f", "detector": "drop_off", "step": "fills_basket", "to_step": "pays",
    "slice_property": "ctx_app_version", "slice_value": "4.2",
    "began_on": date(2026, 3, 1), "ended_on": date(2026, 3, 14),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "matches"),
    [
        ({}, True),
        ({"step": "pays", "to_step": ""}, True),
        ({"slice_property": "ctx_os × ctx_app_version", "slice_value": "Android × 4.2"}, True),
        ({"slice_property": "", "slice_value": ""}, True),
        ({"slice_value": "4.3"}, False),
        ({"slice_property": "prop_store"}, False),
        ({"detector": "wait"}, False),
        ({"step": "installs", "to_step": ""}, False),
        ({"began_on": date(2026, 3, 3)}, True),
        ({"began_on": date(2026, 3, 4)}, False),
        ({"ended_on": "2026-03-10"}, False),
    ],
)
def test_findings_match_by_detector_step_slice_and_date(changed: dict[str, Any], matches: bool) -> None:
    outcome = match_frictions([PLANTED | changed], [PLANTED])
    assert bool(outcome.matched) == matches
    assert outcome.missed == (() if matches else ("f",))
    assert outcome.false == (() if matches else (0,))


def test_a_wider_tolerance_accepts_more() -> None:
    late = PLANTED | {"began_on": PLANTED["began_on"] + timedelta(days=3)}
    assert not match_frictions([late], [PLANTED]).matched
    assert match_frictions([late], [PLANTED], tolerance_days=3).matched
