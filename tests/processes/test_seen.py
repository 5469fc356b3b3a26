"""What was taken before is known again: for the days of the window, after restarts, and after batches that failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.model import DAY
from ariane.processes import rebuild, seen
from ariane.processes import stream as streaming
from ariane.processes.seen import FOR_EVER, Seen, seen_blocks
from ariane.store import State
from tests.processes.living import answers, deliver, process, town_events, workspace

WINDOW = 30
DAYS = st.one_of(st.integers(100, 180), st.just(FOR_EVER))
RECEIVED = st.lists(st.tuples(st.integers(0, 12), DAYS), max_size=14)
BATCHES = st.lists(st.tuples(RECEIVED, st.sampled_from(["", "", "restart", "fail"])), max_size=30)


def id_of(number: int) -> str:
    """Ids of which some agree in their first 64 bits."""
    return f"{number // 3:016x}{number % 3:08x}"


def by_hand(kept: dict[str, list[int]], batch: list[tuple[int, int]]) -> list[bool]:
    first = []
    for number, day in batch:
        days = kept.setdefault(id_of(number), [])
        is_first = not any(FOR_EVER in (one, day) or abs(one - day) <= WINDOW for one in days)
        if is_first or (day == FOR_EVER and FOR_EVER not in days):
            days.append(day)
        first.append(is_first)
    return first


@settings(max_examples=80, deadline=None)
@given(BATCHES)
def test_every_batch_is_judged_as_if_everything_were_looked_through(batches) -> None:
    state, held, kept = State("sqlite://"), Seen(WINDOW), {}
    state.create()
    for batch, then in batches:
        ids, days = [id_of(number) for number, _ in batch], [day for _, day in batch]
        if then == "fail":
            with pytest.raises(ZeroDivisionError), state.begin() as conn:
                held.first_times(conn, ids, days)
                raise ZeroDivisionError
        held = Seen(WINDOW) if then == "restart" else held
        with state.begin() as conn:
            found = held.first_times(conn, ids, days)
        assert found == by_hand(kept, batch)


def test_many_batches_leave_few_blocks() -> None:
    state, held = State("sqlite://"), Seen(WINDOW)
    state.create()
    with state.begin() as conn:
        for n in range(600):
            held.note(conn, [f"{n * 7 + k:024x}" for k in range(7)], [100] * 7)
        assert len(conn.execute(seen_blocks.select()).fetchall()) <= 20
        known = Seen(WINDOW).first_times(conn, [f"{n:024x}" for n in range(4300)], [101] * 4300)
    assert known == [False] * 4200 + [True] * 100


def test_blocks_go_when_their_window_has_passed_and_no_sooner() -> None:
    state, held = State("sqlite://"), Seen(WINDOW)
    state.create()
    with state.begin() as conn:
        held.note(conn, ["0" * 24], [100])
        held.note(conn, ["1" * 24], [FOR_EVER])
        held.forget(conn, 100 + WINDOW)
        assert held.first_times(conn, ["0" * 24, "1" * 24], [130, 130]) == [False, False]
        held.forget(conn, 101 + WINDOW)
        assert held.first_times(conn, ["0" * 24, "1" * 24], [130, 130]) == [True, False]


def sent_on(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    monkeypatch.setattr("tests.processes.living.NOW_US", (20_000 + day) * DAY)


def test_an_event_sent_again_within_the_window_is_one_and_later_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, stores = town_events(20)[:200], workspace(tmp_path / "ws")
    for day in (0, WINDOW, WINDOW + 1, 2 * WINDOW + 10):
        sent_on(monkeypatch, day)
        deliver(stores, events, partition=f"web-{day % 2}")
        process(stores)
    assert stores.lake.n_rows("events") == 3 * len(events)
    live = answers(stores)
    rebuild(stores)
    assert answers(stores) == live
    with stores.state.read() as conn:
        assert len(conn.execute(seen_blocks.select()).fetchall()) <= 4
    stores.close()


def test_what_was_imported_is_known_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, stores = town_events(20)[:200], workspace(tmp_path / "ws")
    for day in (0, 10, 400):
        sent_on(monkeypatch, day)
        deliver(stores, events, partition="import")
        deliver(stores, [events[0]], partition="web-0")
        process(stores)
    assert stores.lake.n_rows("events") == len(events)
    stores.close()


def test_a_file_adds_nothing_that_its_source_posted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, stores = town_events(20)[:200], workspace(tmp_path / "ws")
    for day, partition in ((0, "web-0"), (10, "import"), (400, "import"), (800, "web-0")):
        sent_on(monkeypatch, day)
        deliver(stores, events, partition=partition)
        process(stores)
    assert stores.lake.n_rows("events") == len(events)
    stores.close()


def test_a_partition_behind_holds_back_what_it_may_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, stores = town_events(20)[:200], workspace(tmp_path / "ws")
    monkeypatch.setattr(seen, "FAN", 1000)  # every batch a block of its own
    sent_on(monkeypatch, 0)
    deliver(stores, events, partition="web-0")
    streaming.run(stores)
    sent_on(monkeypatch, 5)
    deliver(stores, events, partition="web-1")
    sent_on(monkeypatch, 200)
    deliver(stores, events[:1], partition="web-0")
    streaming.step(stores, "web-0")
    streaming.step(stores, "web-1")
    with stores.state.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM duplicates").scalar() == len(events)
    stores.close()
