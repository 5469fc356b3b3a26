"""The online graph (`identity.graph`), one identifier, edge or retraction at a time: who is whom is known when the call
returns; the state is written behind it, batch by batch. 430,000 edges first: ten cookies a person, an e-mail, three
devices. Then the same with 60 % more evidence, all of it wrong: machines of two random persons seen together, and
accounts seen with others' machines. Then ten million identifiers, for what they take in memory. Checked: what is
retracted and restored leaves every person as they were.

Latencies are wall clock, of a machine that others may be using: the 99th percentile tells more of it than the median.
"""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from ariane.identity.graph import Graph, settle
from bench.row import Row

HERE = Path(__file__).resolve().parent
EDGES = 430_000
MANY = int(os.environ.get("ARIANE_BENCH_IDENTIFIERS", "10000000"))
WRONG = 0.6
COOKIES = 10
Tie = tuple[int, str, int, str, str]


class Found(msgspec.Struct):
    """Microseconds by quantile, sizes in bytes."""

    n_identifiers: int
    n_edges: int
    largest: int
    bytes_each: float
    rss_each: float
    edge: dict[str, float]
    lookup: dict[str, float]
    unmerge: dict[str, float]


def run() -> list[Row]:
    """Each graph in a process of its own."""
    plain, crossed, many = _ask(EDGES, 0.0), _ask(EDGES, WRONG), _ask(MANY, 0.0)
    rows = []
    for name, found in (("", plain), (f", {WRONG:.0%} wrong evidence", crossed)):
        size = f"{found.n_edges:,} edges, {found.n_identifiers:,} identifiers, the largest component {found.largest}"
        rows += [
            _row(f"a new edge, median{name}", found.edge["p50"], 50, f"{size}; 99.9 %: {found.edge['p999']:.0f} µs"),
            _row(f"a new edge, 99 %{name}", found.edge["p99"], 1000),
            _row(f"a known identifier looked up, median{name}", found.lookup["p50"], 10),
            _row(f"an edge retracted, 99 %{name}", found.unmerge["p99"], 6000, f"median {found.unmerge['p50']:.0f} µs"),
        ]
    note = f"{many.n_identifiers:,} identifiers, {many.n_edges:,} edges; their columns alone {many.bytes_each:.0f}"
    held = many.rss_each <= 300
    return [*rows, Row("memory an identifier", many.rss_each, "B", "300 B", many.rss_each / 300, "≤ 1", held, note)]


def _row(what: str, value: float, limit: float, note: str = "") -> Row:
    return Row(what, value, "µs", f"{limit:,.0f} µs", value / limit, "≤ 1", value <= limit, note)


def _ties(seed: int, wrong: float) -> Iterator[Tie]:
    """Evidence, person after person, without end."""
    chance = random.Random(seed)
    person = 0
    while True:
        person += 1
        account = _key("user_id", person)
        yield account, "user_id", _key("email", person), "email", "login"
        for n in range(COOKIES):
            cookie = _key("cookie", person, n)
            yield account, "user_id", cookie, "cookie", "login"
            if n % 2:
                yield cookie, "cookie", _key("device", person, n % 3), "device", "weak"
            if chance.random() < wrong:
                other = chance.randrange(1, person + 1)
                if chance.random() < 0.5:
                    yield cookie, "cookie", _key("device", other, 1), "device", "weak"
                else:
                    yield account, "user_id", _key("cookie", other, chance.randrange(COOKIES)), "cookie", "observed"


def _key(kind: str, person: int, n: int = 0) -> int:
    return int.from_bytes(blake2b(f"{kind} {person} {n}".encode(), digest_size=8).digest(), "big", signed=True)


def measure(n: int, wrong: float) -> Found:
    """Build a graph of `n` edges (identifiers, when that is more than a few) and ask it, one thing at a time."""
    gc.freeze()
    before = _resident()
    graph, chance = Graph(), random.Random(2)
    took: list[float] = []
    kept: list[Tie] = []
    for us, tie in enumerate(_ties(1, wrong)):
        took.append(_timed(_tie, graph, tie, us))
        if chance.random() < 6_000 / n:
            kept.append(tie)
        if len(took) > 1 << 20:
            del took[: 1 << 19]
        if len(graph.edges if n <= EDGES else graph.nodes) >= n:
            break
    held = _resident() - before
    edge = _quantiles(took[-len(took) // 10 :])
    lookup = _quantiles([_timed(graph.person_of, tie[2]) for tie in kept])
    people = [graph.person_of(key) for tie in kept for key in (tie[0], tie[2])]
    unmerge = _quantiles([_timed(_retract, graph, tie) for tie in kept[:3000]])
    for tie in kept[:3000]:
        graph.restore(*_ends(tie), tie[4])
        settle(graph)
    assert people == [graph.person_of(key) for tie in kept for key in (tie[0], tie[2])]
    nodes = graph.nodes
    largest = max(nodes.size[place] for place in range(len(nodes)) if nodes.root[place] == place)
    columns = (nodes.nbytes + graph.edges.nbytes) / len(nodes)
    return Found(len(nodes), len(graph.edges), largest, columns, held / len(nodes), edge, lookup, unmerge)


def _ends(tie: Tie) -> tuple[int, int]:
    return min(tie[0], tie[2]), max(tie[0], tie[2])


def _tie(graph: Graph, tie: Tie, us: int) -> None:
    a, kind_a, b, kind_b, rule = tie
    graph.see(a, kind_a, us)
    graph.see(b, kind_b, us)
    graph.tie(min(a, b), max(a, b), rule, us, us)
    settle(graph)


def _retract(graph: Graph, tie: Tie) -> None:
    graph.retract(*_ends(tie), tie[4])
    settle(graph)


def _timed(do: Callable[..., Any], *given: Any) -> float:
    began = time.perf_counter()
    do(*given)
    return (time.perf_counter() - began) * 1e6


def _quantiles(took: list[float]) -> dict[str, float]:
    ordered = sorted(took)
    return {name: ordered[int(len(ordered) * q)] for name, q in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}


def _resident() -> int:
    """Bytes of memory this process holds now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def _ask(n: int, wrong: float) -> Found:
    command = [sys.executable, "-m", "bench.bench_graph", str(n), str(wrong)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Found)


if __name__ == "__main__":
    print(msgspec.json.encode(measure(int(sys.argv[1]), float(sys.argv[2]))).decode())
