"""Runs in retentioneering's own environment: `python bench/peer.py FILE` loads a Parquet file of person_id, event and
timestamp, splits sessions, counts transitions, and prints what it took and what it found as JSON.

It imports nothing of ours: that environment has none of it.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

MARKS = frozenset({"path_start", "path_end"})


def main(file: str, graph_file: str) -> None:
    pandas: Any = import_module("pandas")
    retentioneering: Any = import_module("retentioneering")
    taken: dict[str, list[float]] = {}

    began = _now()
    frame = pandas.read_parquet(file)
    schema = {"path_cols": ["person_id"], "event_col": "event", "timestamp_col": "timestamp"}
    stream = retentioneering.Eventstream(frame, schema)
    taken["load"], began = _since(began), _now()
    split = stream.split_sessions(timeout="30m").df
    n_sessions = split.groupby("person_id", sort=False)["session_index"].max().sum()
    taken["sessions"], began = _since(began), _now()
    counts = stream.transition_graph_data(edge_weight="count")
    counts_only = _since(began)
    median = stream.transition_graph_data(edge_weight="time_median")
    late = stream.transition_graph_data(edge_weight="time_q95")
    persons = stream.transition_graph_data(edge_weight="unique_paths")
    taken["graph"] = _since(began)

    assert median.shape == late.shape == persons.shape
    edges = {
        f"{one}>{other}": int(n)
        for one, row in counts.to_dict("index").items()
        for other, n in row.items()
        if n and not {one, other} & MARKS
    }
    Path(graph_file).write_text(json.dumps(edges))
    version = getattr(retentioneering, "__version__", "")
    print(json.dumps({"taken": taken, "n_sessions": int(n_sessions), "version": version, "counts": counts_only[1]}))


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> list[float]:
    now = _now()
    return [now[0] - began[0], now[1] - began[1]]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
