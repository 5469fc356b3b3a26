"""Whatever the order, the number of deliveries, the batches and the way it was computed: the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariane import settings
from ariane.errors import Conflict, InputError, NotFound
from ariane.processes import rebuild
from ariane.processes import stream as streaming
from ariane.store import Stores
from tests.processes.living import answers, deliver, disturbed, process, town_events, workspace

N_PERSONS = 60


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the town says when its events come once and in order."""
    stores = workspace(tmp_path_factory.mktemp("straight") / "ws")
    deliver(stores, town_events(N_PERSONS))
    process(stores)
    said = answers(stores)
    stores.close()
    return said


def test_the_town_says_something(told: dict[str, object]) -> None:
    for name in ("identifiers", "persons", "consents", "edges", "sessions", "paths", "events"):
        assert len(told[name]) > 50, name  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_and_repeated_events_give_the_same_answers(tmp_path: Path, told: dict[str, object], seed: int) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, disturbed(town_events(N_PERSONS), seed))
    process(stores)
    assert_same(answers(stores), told)
    stores.close()


def test_late_events_on_another_partition_give_the_same_answers(tmp_path: Path, told: dict[str, object]) -> None:
    events = list(town_events(N_PERSONS))
    stores = workspace(tmp_path / "ws")
    deliver(stores, events[::2])
    process(stores)
    answers(stores)  # somebody looks in between
    deliver(stores, events[1::2] + events[: len(events) // 5], partition="web-1", batch=37)
    process(stores)
    assert_same(answers(stores), told)
    stores.close()


def test_a_rebuild_gives_what_was_computed_live(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    events = disturbed(town_events(N_PERSONS), 5)
    for part in range(4):
        deliver(stores, events[part::4], partition=f"web-{part % 2}")
        process(stores)
    live = answers(stores)
    rebuild(stores)
    assert_same(answers(Stores(tmp_path / "ws")), live)
    stores.close()


def test_a_rebuild_without_the_retired_log_gives_the_same(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    stores.log.segment_bytes = 200_000
    deliver(stores, town_events(N_PERSONS))
    process(stores)
    live = answers(stores)
    end = stores.log.end("web-0")
    assert stores.log.retire("web-0", end) > 0, "the log must be in several segments for this test"
    rebuild(stores)
    assert_same(answers(Stores(tmp_path / "ws")), live)
    stores.close()


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, town_events(N_PERSONS)[:300])

    def broken(*_: object) -> None:
        raise InputError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(streaming, "note_consent", broken)
        with pytest.raises(InputError):
            streaming.run(stores)
    with stores.state.read() as conn:
        assert stores.state.offsets(conn, "stream") == {}
        assert conn.exec_driver_sql("SELECT count(*) FROM seen_blocks").scalar() == 0
        assert conn.exec_driver_sql("SELECT count(*) FROM identifiers").scalar() == 0
    process(stores)
    assert stores.lake.n_rows("events") == 300
    stores.close()


def test_a_workspace_being_served_is_not_rebuilt(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    with stores.only("stream"), pytest.raises(Conflict, match="ariane serve"):
        rebuild(Stores(tmp_path / "ws"))
    stores.close()


def test_a_workspace_of_a_newer_ariane_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ws" / "ariane.toml"
    workspace(tmp_path / "ws").close()
    file.write_text(file.read_text().replace("format = 1", "format = 2"))
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "ws").iterdir())
    with pytest.raises(Conflict, match="newer Ariane"):
        Stores(tmp_path / "ws")
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "ws").iterdir()) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [("format = ", "not TOML"), ("prot = 8600", "did you mean 'port'"), ('port = "high"', "port"), ("", None)],
)
def test_bad_settings_say_what_and_where(tmp_path: Path, text: str, said: str | None) -> None:
    (tmp_path / "ariane.toml").write_text(text)
    if said is None:
        assert settings.load(tmp_path).port == 8600
        return
    with pytest.raises(InputError, match=said) as caught:
        settings.load(tmp_path)
    assert "ariane.toml" in str(caught.value)


def test_no_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="ariane init"):
        Stores(tmp_path)


def assert_same(found: dict[str, object], told: dict[str, object]) -> None:
    for name, expected in told.items():
        assert found[name] == expected, f"{name} differ"
