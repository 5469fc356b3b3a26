"""`python -m bench.ours WORKSPACE FILE`: what peer.py does, asked of a workspace; prints the same JSON."""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path

import ariane
from ariane import journeys

LOADED = ("ariane.workspace", "ariane.journeys.session", "ariane.journeys.paths", "ibis.backends.duckdb")
"""Loaded at first use otherwise, and imports are not counted."""


def main(path: str, graph_file: str) -> None:
    for module in LOADED:
        import_module(module)
    taken: dict[str, list[float]] = {}
    began = _now()
    with ariane.open(path) as workspace:
        population, journey = workspace.population(), workspace.journey()
        taken["load"], began = _since(began), _now()
        n_sessions = population.engine.run(journeys.sessions(population)).num_rows
        taken["sessions"], began = _since(began), _now()
        graph = population.engine.run(journeys.graph(population, journey, of="event", collapse_loops=False))
        taken["graph"] = _since(began)
        ends = {"path_start", "path_end"}
        edges = {
            f"{row['from_step']}>{row['to_step']}": row["n"]
            for row in graph.to_pylist()
            if not {row["from_step"], row["to_step"]} & ends
        }
    Path(graph_file).write_text(json.dumps(edges))
    print(json.dumps({"taken": taken, "n_sessions": n_sessions, "version": ariane.__version__}))


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> list[float]:
    now = _now()
    return [now[0] - began[0], now[1] - began[1]]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
