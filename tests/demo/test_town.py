"""The town's events: the same from the same numbers, valid on the wire, alike on every day."""

from __future__ import annotations

import gc
import re
import tracemalloc
from collections import Counter
from datetime import date
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from ariane.demo import Town, journey_toml
from ariane.demo.brand import DAYS
from ariane.errors import InputError, NotFound
from tests.demo.small_town import UNTIL, Generated

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _by_person(town: Town, persons_per_chunk: int) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    for chunk in town.batches(persons_per_chunk):
        for body in chunk:
            for raw in msgspec.json.decode(body)["batch"]:
                found.setdefault(raw["messageId"].rsplit("-", 1)[0], {})[raw["messageId"]] = msgspec.json.encode(raw)
    return found


def test_a_person_depends_on_the_seed_and_their_number_alone() -> None:
    small, large = Town(9, 30, UNTIL), Town(9, 60, UNTIL)
    assert list(small.batches(7)) == list(Town(9, 30, UNTIL).batches(7))
    one, other = _by_person(small, 7), _by_person(large, 50)
    assert one.items() <= other.items()
    assert _by_person(Town(10, 30, UNTIL), 7).keys().isdisjoint(one)


def test_a_large_town_begins_at_once() -> None:
    chunks = islice(Town(1, 1_000_000, UNTIL).batches(20), 2)
    assert all(chunk for chunk in chunks)


def test_bodies_keep_the_limits_and_the_order_of_time(generated: Generated) -> None:
    for body in generated.bodies:
        batch = msgspec.json.decode(body)["batch"]
        assert len(body) < 450_000
        assert 1 <= len(batch) <= 400
        instants = [event["timestamp"] for event in batch]
        assert instants == sorted(instants)


def test_events_have_segments_shape(generated: Generated) -> None:
    first, last = f"{generated.town.since_on}T", f"{generated.town.until_on}T23:59:59.999Z"
    for event in generated.events:
        assert event["type"] in ("track", "page", "screen", "identify")
        assert INSTANT.fullmatch(event["timestamp"])
        assert first <= event["timestamp"] <= last
        assert "sentAt" not in event
        assert event["context"]["channel"]
        assert event["context"]["library"]["name"]
        assert ("traits" if event["type"] == "identify" else "properties") in event
        assert ("event" in event) == (event["type"] == "track")
    assert len({event["messageId"] for event in generated.events}) == len(generated.events)


def test_every_step_of_the_journey_file_is_lived(generated: Generated) -> None:
    import tomllib

    steps = tomllib.loads(journey_toml())["steps"]
    assert len(steps) == 15
    for step in steps:
        wanted = step.get("where", {})
        lived = [
            event
            for name in step["events"]
            for event in generated.by_name[name]
            if all(event["properties"].get(column) in values for column, values in wanted.items())
        ]
        assert len(lived) > 20, step["key"]


def test_there_is_as_much_going_on_on_the_first_days_as_on_the_last(generated: Generated) -> None:
    days = Counter(event["timestamp"][:10] for event in generated.events)
    assert len(days) == DAYS
    counts = [days[day] for day in sorted(days)]
    early, late = sum(counts[:40]), sum(counts[-40:])
    assert abs(early - late) / (early + late) < 0.05


def test_a_person_has_about_three_devices_nineteen_cookies_and_sixty_seven_events(generated: Generated) -> None:
    kinds = Counter(generated.truth["identifiers"].column("kind").to_pylist())
    n = generated.town.n_persons
    assert kinds["device"] / n == pytest.approx(3, rel=0.1)
    assert kinds["cookie"] / n == pytest.approx(19, rel=0.1)
    assert len(generated.events) / n == pytest.approx(67, rel=0.1)


def test_the_truth_alone_is_the_truth_written_on_the_way(tmp_path: Path) -> None:
    town = Town(3, 40, date(2026, 2, 1))
    town.write_truth(tmp_path / "alone")
    for _ in town.batches(16, truth=tmp_path / "way"):
        pass
    from ariane.demo import load

    alone, way = load(tmp_path / "alone"), load(tmp_path / "way")
    assert {name: table.to_pylist() for name, table in alone.items()} == {n: t.to_pylist() for n, t in way.items()}
    meta = msgspec.json.decode((tmp_path / "alone" / "meta.json").read_bytes())
    assert (meta["seed"], meta["n_persons"], meta["until"]) == (3, 40, "2026-02-01")


@pytest.mark.parametrize(("seed", "n_persons"), [(1, 0), (1, 1_000_001), (-1, 5)])
def test_impossible_towns_are_refused(seed: int, n_persons: int) -> None:
    with pytest.raises(InputError):
        Town(seed, n_persons)


def test_no_truth_is_said_plainly(tmp_path: Path) -> None:
    from ariane.demo import load

    with pytest.raises(NotFound, match="ariane demo"):
        load(tmp_path)


def test_a_town_of_any_size_is_generated_in_the_memory_of_a_chunk(tmp_path: Path) -> None:
    town = Town(seed=2, n_persons=1_000_000, until_on=date(2026, 4, 30))
    held: list[int] = []
    gc.collect()
    gc.disable()  # as it is while a town is sent: nothing may need to be looked for to be given back
    tracemalloc.start()
    try:
        for _ in islice(town.batches(20, truth=tmp_path), 12):
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    assert max(held[6:]) < max(held[:6]) + 2_000_000, held
