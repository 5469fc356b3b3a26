"""Components by contraction are those of the union-find, on either engine."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest

from ariane.identity.batch import contract, group
from ariane.store import DuckEngine, Lake, SparkEngine, schema_of

RANDOM = np.random.default_rng(3)
NAMES = RANDOM.integers(-(2**63), 2**63 - 1, 600)
A = np.concatenate([NAMES[RANDOM.integers(0, 300, 170)], NAMES[300:599]])  # random ones, and a chain
B = np.concatenate([NAMES[RANDOM.integers(0, 300, 170)], NAMES[301:600]])
OTHER = A != B


def sets(keys: Any, components: Any) -> set[frozenset[int]]:
    held: dict[int, set[int]] = defaultdict(set)
    for key, component in zip(keys, components, strict=True):
        held[component].add(key)
    return {frozenset(each) for each in held.values()}


def expected() -> set[frozenset[int]]:
    keys, groups = group(A[OTHER], B[OTHER])
    return sets(keys.tolist(), groups.tolist())


def test_contraction_finds_the_components() -> None:
    edges = ibis.memtable(pa.table({"a_key": A, "b_key": B}))
    found = contract(edges, ibis.duckdb.connect().to_pyarrow)
    assert sets(found["key"].to_pylist(), found["component"].to_pylist()) == expected()
    assert len(expected()) > 20


@pytest.mark.needs("spark")
@pytest.mark.filterwarnings("ignore:'verifySchema' is ignored")  # ibis asks it of every table in memory
def test_the_same_on_spark_connect(spark: str, tmp_path: Any) -> None:
    lake = Lake(tmp_path / "lake")
    n = A.size
    columns = {
        "a_key": A, "b_key": B, "rule": ["login"] * n, "source": ["web"] * n, "first_us": [1] * n, "last_us": [1] * n,
        "n_events": [1] * n, "status": ["live"] * n,
    }  # fmt: skip
    lake.replace("edges", pa.table(columns, schema=schema_of("edges")))
    duck, sail = DuckEngine(lake), SparkEngine(lake, spark)
    for engine in (duck, sail):
        found = contract(engine.table("edges"), engine.backend.to_pyarrow)
        assert sets(found["key"].to_pylist(), found["component"].to_pylist()) == expected()
    duck.close(), sail.close()
