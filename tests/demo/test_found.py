"""What the product finds in the town as it ships, against what was planted; and the same answers from both engines."""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ariane import consent, demo
from ariane.cli.importing import load
from ariane.ingest.receive import receive
from ariane.journeys.funnels import funnel_levels
from ariane.processes import following
from ariane.store import SparkEngine
from ariane.workspace import Workspace
from tests.journeys.test_engines import ANALYSES
from tests.processes.living import KEYS, NOW_US, process, workspace


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The default town of 5,000 persons, through the collector's own core, the stream and the lake."""
    folder: Path = tmp_path_factory.mktemp("found") / "town"
    stores = workspace(folder)
    gc.disable()
    with stores.log.writer("web-0") as writer:
        for chunk in demo.Town(seed=1, n_persons=5_000).batches(truth=folder / "truth"):
            for body in chunk:
                received = receive("batch", {}, b'{"writeKey":"wk_test",' + body[1:], KEYS, NOW_US)
                assert received.reply.status == 200
                writer.append(received.payloads)
    process(stores)
    gc.enable()
    stores.lake.compact("events")
    stores.close()
    with Workspace(folder) as opened:
        yield opened


def test_people_are_put_together_rightly(town: Workspace) -> None:
    truth = demo.load(town.path / "truth")["identifiers"]
    score = demo.identity_score(town.stores.lake.read("identifiers"), truth)
    assert score.precision is not None and score.precision >= 0.999
    assert score.recall is not None and score.recall >= 0.98, "of what the events can tie at all"
    assert score.by_channel.keys() >= {"web", "app", "store", "call_centre", "email", "object"}
    for channel, (precision, recall) in score.by_channel.items():
        assert precision is not None and precision >= 0.999, channel
        assert recall is not None and recall >= 0.98, channel
    assert recall_of_everything(town.stores.lake.read("identifiers"), truth) >= 0.95


def recall_of_everything(predicted: pa.Table, truth: pa.Table) -> float:
    """The share of true pairs that were found, also counting those no event ties."""
    person = {(row["kind"], row["value"]): row["person_id"] for row in predicted.to_pylist()}
    true: Counter[str] = Counter()
    both: Counter[tuple[str, str | None]] = Counter()
    for row in truth.to_pylist():
        if not row["shared"]:
            true[row["truth_id"]] += 1
            both[(row["truth_id"], person.get((row["kind"], row["value"])))] += 1

    def pairs(counts: Counter[Any]) -> int:
        return sum(n * (n - 1) // 2 for n in counts.values())

    return pairs(both) / pairs(true)


def test_who_shares_a_tablet_is_found_and_stays_apart(town: Workspace) -> None:
    """Precision of pairs of persons, and recall of the planted families of whom two signed in on what they share."""
    planted = demo.load(town.path / "truth")
    home = {row["truth_id"]: row["household_id"] for row in planted["persons"].to_pylist()}
    lake = town.stores.lake
    following.refresh(town.stores)
    found = {(row["kind"], row["value"]): row for row in lake.read("identifiers").to_pylist()}
    humans: dict[str, set[str]] = defaultdict(set)
    sharing: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in planted["identifiers"].to_pylist():
        name = row["kind"], row["value"]
        if row["shared"] and found.get(name, {}).get("status") == "shared":
            sharing[name].add(row["truth_id"])
        elif not row["shared"] and row["kind"] in ("user_id", "email", "loyalty_card") and name in found:
            humans[found[name]["person_id"]].add(row["truth_id"])
    assert all(len(truths) == 1 for truths in humans.values()), "nobody is merged with who they live with"
    pairs = {(row["person_a"], row["person_b"]) for row in lake.read("households").to_pylist()}
    said = {tuple(sorted((*humans[a], *humans[b]))) for a, b in pairs}
    right = {(a, b) for a, b in said if home[a] == home[b]}
    together = {pair for truths in sharing.values() for pair in combinations(sorted(truths), 2)}
    true = {(a, b) for a, b in together if home[a] == home[b]}
    assert len(said) == len(pairs) > 150 and len(right) / len(said) >= 0.999
    assert len(right & true) / len(true) >= 0.65, "others of the family are not known there"


def test_every_planted_friction_is_found_and_dated_and_nothing_else(town: Workspace) -> None:
    names = ("detector", "step", "to_step", "slice_property", "slice_value", "began_on", "ended_on")
    found = [{name: getattr(one, name) for name in names} for one in town.journeys.frictions()]
    match = demo.match_frictions(found, demo.load(town.path / "truth")["frictions"], tolerance_days=2)
    assert match.missed == () and match.false == (), found
    assert len(match.matched) == 5


@pytest.mark.needs("spark")
def test_both_engines_say_the_same_of_the_town(town: Workspace, spark: str) -> None:
    assert_equal_on_both(town, spark, ["searches", "fills_basket", "pays"])


@pytest.mark.needs("spark")
def test_both_engines_say_the_same_of_real_offers(shared_data: Path, tmp_path: Path, spark: str) -> None:
    loaded = load(
        tmp_path / "offers", "starbucks", shared_data / "starbucks_offers",
        mapping=None, force=False, advance=lambda what, done, total: None,
    )  # fmt: skip
    assert loaded.added == loaded.report.n_events == 323_535
    again = load(
        tmp_path / "offers", "starbucks", shared_data / "starbucks_offers",
        mapping=None, force=True, advance=lambda what, done, total: None,
    )  # fmt: skip
    assert again.added == 0, "even when every line is read and logged again"
    with Workspace(tmp_path / "offers") as offers:
        assert_equal_on_both(offers, spark, [step.key for step in offers.journey().steps])
        rates = {cell.row: cell.rate for step in offers.journeys.map().steps[1:2] for cell in step.cells if cell.rate}
        assert rates["web+email"] == pytest.approx(0.35, abs=0.005)
        assert rates["web+email+mobile"] == pytest.approx(0.54, abs=0.005)
        assert rates["web+email+mobile+social"] == pytest.approx(0.96, abs=0.005)


def in_order(rows: pa.Table) -> pa.Table:
    exact = [field.name for field in rows.schema if not pa.types.is_floating(field.type)]
    inexact = [name for name in rows.column_names if name not in exact]
    return rows.sort_by([(name, "ascending") for name in (*exact, *inexact)])


def alike(ours: pa.ChunkedArray, theirs: pa.ChunkedArray) -> bool:
    """Equal; floats to 1e-9, since engines add them in different orders."""
    if not pa.types.is_floating(ours.type):
        return bool(ours.combine_chunks().equals(theirs.cast(ours.type).combine_chunks()))
    if ours.null_count != theirs.null_count or ours.is_null() != theirs.is_null():
        return False
    one, other = (np.asarray(each.drop_null(), dtype=float) for each in (ours, theirs))
    return bool(np.allclose(one, other, rtol=1e-9, atol=1e-9, equal_nan=True))


def assert_equal_on_both(opened: Workspace, spark: str, steps: list[str]) -> None:
    """Sessions, funnel, transitions, touchpoint matrix and emotion, row by row."""
    journey = opened.journey()
    distributed = SparkEngine(opened.stores.lake, spark)
    one, other = (consent.population(engine, "measurement") for engine in (opened.engine, distributed))
    analyses = ANALYSES | {"funnel": lambda population, journey: funnel_levels(population, journey, steps)}
    for name, analysis in analyses.items():
        ours, theirs = (in_order(each.engine.run(analysis(each, journey))) for each in (one, other))
        assert ours.num_rows == theirs.num_rows, name
        assert ours.num_rows or name == "emotion", name  # offers ask nobody how they feel
        for field in ours.schema:
            assert alike(ours.column(field.name), theirs.column(field.name)), (name, field.name)
    distributed.close()
