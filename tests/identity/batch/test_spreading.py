"""The whole history solved on an engine is the whole history solved in memory, on either engine."""

from __future__ import annotations

import random as chance
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ariane.identity.batch import solve_all, solve_on
from ariane.identity.evidence import Edge
from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.store import DuckEngine, Engine, Lake, SparkEngine, schema_of
from tests.identity.batch.test_whole import TIGHT, Evidence, Known, history, tables

TIMED = read_rules(
    "[kinds.phone]\nlimit = 2\nwithin_days = 2\n[kinds.device]\nshared_after = 2\n"
    "shared_within_days = 2\n[kinds.cookie]\nshared_after = 2\nshared_within_days = 1",
    "t", base=_default_table(),
)  # fmt: skip
DAY = 86_400_000_000


def town(random: chance.Random, n_histories: int) -> tuple[list[Known], list[Evidence], list[tuple[int, int]]]:
    """Many small histories side by side, in days, with evidence that lasted."""
    known, edges, apart = [], [], []
    for _ in range(n_histories):
        some = history(random, random.randrange(2, 22), random.randrange(1, 26))
        known += some[0]
        edges += some[1]
        apart += some[2]
    known = [Known(one.key, one.kind, one.first_us * DAY, one.blocked) for one in known]
    dated = [
        (Edge(e.a, e.b, e.rule, e.first_us * DAY, (e.first_us + random.randrange(4)) * DAY), gone) for e, gone in edges
    ]
    return known, dated, apart


def lake_of(path: Path, known: list[Known], edges: list[Evidence]) -> Lake:
    identifiers, evidence = tables(known, edges)
    lake, n = Lake(path), len(known)
    held = {"key": identifiers["key"], "kind": identifiers["kind"], "value": [""] * n, "person_id": [""] * n,
            "status": identifiers["status"], "first_us": identifiers["first_us"]}  # fmt: skip
    lake.replace("identifiers", pa.table(held, schema=schema_of("identifiers")))
    columns = {name: evidence[name] for name in ("a_key", "b_key", "rule", "first_us", "status")}
    more = {"source": ["web"] * len(edges), "n_events": [1] * len(edges), "last_us": [e.last_us for e, _ in edges]}
    schema = schema_of("edges")
    lake.replace("edges", pa.table({name: (columns | more)[name] for name in schema.names}, schema=schema))
    return lake


def same(engine: Engine, apart: list[tuple[int, int]], rules: Rules) -> int:
    held = [engine.run(engine.table(name)) for name in ("identifiers", "edges")]
    expected = solve_all(held[0], held[1], apart, rules)
    found = solve_on(engine, engine.table("identifiers"), engine.table("edges"), apart, rules)
    for one, other, order in (
        (found.identifiers, expected.identifiers, ["key"]), (found.edges, expected.edges, ["a_key", "b_key", "rule"])
    ):  # fmt: skip
        rows = [table.sort_by([(name, "ascending") for name in order]) for table in (one.to_pyarrow(), other)]
        assert rows[0].select(rows[1].column_names).to_pylist() == rows[1].to_pylist()
    return found.n_replayed


@pytest.mark.parametrize("rules", [TIGHT, TIMED], ids=["tight", "timed"])
def test_on_duckdb_it_is_solving(tmp_path: Path, rules: Rules) -> None:
    known, edges, apart = town(chance.Random(5), 50)
    engine = DuckEngine(lake_of(tmp_path / "lake", known, edges))
    assert same(engine, apart, rules) > 10, "there was something to replay"
    left = engine.backend.con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'held_%'").fetchall()
    assert left == [(0,)]
    engine.close()


@pytest.mark.needs("spark")
def test_through_spark_connect_it_is_the_same(spark: str, tmp_path: Path) -> None:
    known, edges, apart = town(chance.Random(6), 8)
    engine: Any = SparkEngine(lake_of(tmp_path / "lake", known, edges), spark)
    assert same(engine, apart, TIMED) > 1
    assert not list((tmp_path / "lake" / ".held").glob("*/*"))
    engine.close()
