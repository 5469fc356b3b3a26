"""Components of a large history of evidence, found in bulk (`identity.batch.group`), beside Splink 5's clustering in
SQL on the same DuckDB. 345,800 persons, about 5.3 M random 64-bit keys and 5 M edges: half the persons' keys in chains,
4 % of persons tied to another by a shared device. Each in a process of its own; both read the edges from one Parquet
file and write (key, component) to another; numba's compiled loops are on the disk already, as after a first run.
Checked: both files hold the same partition. Then the same evidence solved whole (`identity.batch.solve_all`): sharing,
limits, persons named, evidence judged; each person's first key is their account, the others cookies, and what ties two
persons makes a component that is replayed. `ARIANE_BENCH_PERSONS` sets the number of persons.

Seconds are of a machine that others may be using; CPU is what is compared.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.row import Row

HERE = Path(__file__).resolve().parent
SCRATCH = HERE.parent / ".cache" / "bench"
PERSONS = int(os.environ.get("ARIANE_BENCH_PERSONS", "360000"))
KEYS_EACH = 14.7
BOUND = 0.2


class Spent(msgspec.Struct):
    """What one process took, start included, and how many components it found."""

    cpu_s: float
    seconds: float
    peak_mb: float
    n_components: int


def run() -> list[Row]:
    """CPU and memory of both; nothing where Splink or numba is missing."""
    try:
        import numba  # type: ignore[import-untyped, unused-ignore]  # noqa: F401
        import splink  # noqa: F401
    except ImportError:
        return []
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        n_keys, n_edges = _write(Path(folder))
        _ask("ours", folder)  # compiles, where that was never done
        ours, theirs, solved = _ask("ours", folder), _ask("splink", folder), _ask("solved", folder)
        _same(Path(folder))
    assert ours.n_components == theirs.n_components
    ratio, size = ours.cpu_s / theirs.cpu_s, f"{n_edges:,} edges, {n_keys:,} keys, {ours.n_components:,} components"
    return [
        Row(
            "components in bulk: CPU", ours.cpu_s, "s", "Splink 5's clustering", ratio,
            bound=f"≤ {BOUND}", holds=ratio <= BOUND, note=f"{size}; {ours.seconds:.1f} s",
        ),
        Row(
            "components in bulk: peak memory", ours.peak_mb, "MB", "Splink 5's clustering",
            ours.peak_mb / theirs.peak_mb,
        ),
        Row(
            "the whole history solved: CPU", solved.cpu_s, "s",
            note=f"{solved.n_components:,} components replayed; {solved.seconds:.1f} s, {solved.peak_mb:,.0f} MB",
        ),
        Row("the whole history solved: peak memory", solved.peak_mb, "MB"),
        Row("Splink 5's clustering: CPU", theirs.cpu_s, "s", note=f"{theirs.seconds:.1f} s, {theirs.peak_mb:,.0f} MB"),
    ]  # fmt: skip


def _write(folder: Path) -> tuple[int, int]:
    """The edges (`a`, `b`, match_probability) and the keys, shuffled; how many there are of each."""
    random = np.random.default_rng(4)
    each = random.poisson(KEYS_EACH - 1, PERSONS) + 1
    n_keys = int(each.sum())
    keys = np.unique(random.integers(-(2**63), 2**63 - 1, n_keys + 1000))
    random.shuffle(keys)
    keys = keys[:n_keys]
    starts = np.concatenate([[0], np.cumsum(each)[:-1]])
    person = np.repeat(np.arange(PERSONS), each)
    place = np.arange(n_keys) - starts[person]
    later = np.flatnonzero(place > 0)
    before = np.where(person[later] % 2 == 0, place[later] - 1, (random.random(later.size) * place[later]).astype(int))
    a, b = starts[person[later]] + before, later
    sharing = np.flatnonzero(random.random(PERSONS) < 0.04)
    a = np.concatenate([a, starts[sharing]])
    b = np.concatenate([b, starts[random.integers(0, PERSONS, sharing.size)]])
    order = random.permutation(a.size)
    probability = np.ones(a.size)
    pq.write_table(pa.table({"a": keys[a[order]], "b": keys[b[order]], "match_probability": probability}),
                   folder / "edges.parquet")  # fmt: skip
    pq.write_table(pa.table({"key": np.unique(np.concatenate([keys[a], keys[b]]))}), folder / "keys.parquet")
    pq.write_table(pa.table({"key": keys[starts]}), folder / "accounts.parquet")
    return int(pq.read_metadata(folder / "keys.parquet").num_rows), a.size


def _ours(folder: Path) -> int:
    from ariane.identity.batch import group

    edges = pq.read_table(folder / "edges.parquet", columns=["a", "b"])
    keys, groups = group(edges.column("a").to_numpy(), edges.column("b").to_numpy())
    pq.write_table(pa.table({"key": keys, "component": groups}), folder / "ours.parquet")
    return int(groups.max()) + 1


def _solved(folder: Path) -> int:
    """The evidence solved by the default rules; how many components had to be replayed."""
    from ariane.identity import Rules
    from ariane.identity.batch import solve_all

    keys = pq.read_table(folder / "keys.parquet").column("key")
    accounts = pq.read_table(folder / "accounts.parquet").column("key")
    named = pc.is_in(keys, accounts)
    live = pa.array(["live"]).dictionary_encode()

    def all_live(n: int) -> pa.Array:
        return pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), live.dictionary)

    kinds = pa.DictionaryArray.from_arrays(np.asarray(named).astype(np.int32), pa.array(["cookie", "user_id"]))
    known = pa.table({"key": keys, "kind": kinds, "first_us": np.arange(len(keys)), "status": all_live(len(keys))})
    edges = pq.read_table(folder / "edges.parquet", columns=["a", "b"])
    ends = np.sort(np.stack([edges.column(name).to_numpy() for name in ("a", "b")]), axis=0)
    login = np.asarray(pc.or_(*[pc.is_in(edges.column(name), accounts) for name in ("a", "b")])).astype(np.int32)
    rules = pa.DictionaryArray.from_arrays(login, pa.array(["weak", "login"]))
    evidence = pa.table(
        {"a_key": ends[0], "b_key": ends[1], "rule": rules, "first_us": np.arange(len(login)),
         "status": all_live(len(login))}
    )  # fmt: skip
    found = solve_all(known, evidence, [], Rules.default())
    pq.write_table(found.identifiers, folder / "solved.parquet")
    return found.n_replayed


def _splink(folder: Path) -> int:
    import duckdb
    from splink import DuckDBAPI  # type: ignore[attr-defined, unused-ignore]
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    con = duckdb.connect()
    con.execute("SET preserve_insertion_order = false")
    api = DuckDBAPI(con)
    read = "SELECT * FROM read_parquet('{}')"
    con.execute(f"CREATE TABLE nodes AS {read.format(folder / 'keys.parquet')}")
    con.execute(f"CREATE TABLE pairs AS {read.format(folder / 'edges.parquet')}")
    found = cluster_pairwise_predictions_at_threshold(
        api.register("nodes"), api.register("pairs"), api, "key", "a", "b", threshold_match_probability=0.5
    )
    name = found.physical_name
    con.execute(f"COPY (SELECT key, cluster_id AS component FROM {name}) TO '{folder / 'splink.parquet'}'")
    return int(con.execute(f"SELECT count(DISTINCT cluster_id) FROM {name}").fetchall()[0][0])


def _same(folder: Path) -> None:
    """Both partitions are one: every key is in both, and components answer to each other one to one."""
    import duckdb

    text = f"""SELECT count(*), count(DISTINCT o.component), count(DISTINCT s.component),
        count(DISTINCT (o.component, s.component)) FROM '{folder}/ours.parquet' o JOIN '{folder}/splink.parquet' s
        USING (key)"""
    n, ours, theirs, pairs = duckdb.connect().execute(text).fetchall()[0]
    n_keys = pq.read_metadata(folder / "keys.parquet").num_rows
    assert n == n_keys and ours == theirs == pairs, f"{n} of {n_keys} keys; {ours}, {theirs}, {pairs} components"


def _ask(what: str, folder: str) -> Spent:
    command = [sys.executable, "-m", "bench.bench_identity", what, folder]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Spent)


def _main(what: str, folder: str) -> None:
    began = time.perf_counter()
    n = {"ours": _ours, "splink": _splink, "solved": _solved}[what](Path(folder))
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss: a process begins with the peak of the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak_kb = int(status.split("VmHWM:")[1].split()[0])
    spent = Spent(used.ru_utime + used.ru_stime, time.perf_counter() - began, peak_kb / 1024, n)
    sys.stdout.write(msgspec.json.encode(spent).decode() + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
