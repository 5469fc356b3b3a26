"""What the stream hands over to the lake's writer says what the log says, and is never needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ariane.identity import rules_of
from ariane.processes import columnar, erase, stream
from ariane.processes.handing import FOLDER, MOST_BYTES, handed, kind_of
from ariane.store import Stores
from tests.processes.living import deliver, disturbed, town_events, workspace

PARTITION = "web-0"


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stores:
    """A workspace whose stream has taken a town in several batches, each handed over; a tenth came twice."""
    monkeypatch.setattr(stream, "READ_BYTES", 400_000)
    stores = workspace(tmp_path / "shop")
    deliver(stores, disturbed(town_events(40), seed=1))
    stream.run(stores)
    return stores


def left(stores: Stores) -> list[Path]:
    folder = stores.path / FOLDER / PARTITION
    return sorted(folder.iterdir()) if folder.exists() else []


def rows(stores: Stores) -> list[dict[str, Any]]:
    return sorted(stores.lake.read("events").to_pylist(), key=lambda row: row["log_offset"])


def from_the_log(stores: Stores, tmp_path: Path) -> list[dict[str, Any]]:
    """The rows of a lake to which nothing was handed over."""
    other = Stores(tmp_path / "plain") if (tmp_path / "plain").exists() else workspace(tmp_path / "plain")
    deliver(other, disturbed(town_events(40), seed=1))
    stream.run(other)
    for file in left(other):
        file.unlink()
    columnar.step(other)
    found = rows(other)
    other.close()
    return found


def test_rows_handed_over_are_those_of_the_log(town: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(left(town)) > 2
    end = int(left(town)[-1].stem.split("-")[1])
    before = town.log.damage
    by_the_log: list[int] = []
    read = columnar._read
    monkeypatch.setattr(columnar, "_read", lambda *asked: by_the_log.append(asked[3]) or read(*asked))
    columnar.step(town)
    assert by_the_log in ([], [end]), "only what was too little to hand over"
    assert town.log.damage == before
    assert rows(town) == from_the_log(town, tmp_path)
    assert left(town) == [], "what the lake holds is handed over no more"


def lost(files: list[Path]) -> None:
    for file in files:
        file.unlink()


def one_lost(files: list[Path]) -> None:
    files[1].unlink()


def first_lost(files: list[Path]) -> None:
    files[0].unlink()


def cut(files: list[Path]) -> None:
    for file in files:
        os.truncate(file, file.stat().st_size // 2)


def of_before_the_start(files: list[Path]) -> None:
    for file in files:
        start, end, _ = file.stem.split("-", 2)
        file.write_bytes(b"whatever a power cut left")
        file.rename(file.with_name(f"{start}-{end}-another-kind.arrow"))


@pytest.mark.parametrize("harm", [lost, one_lost, first_lost, cut, of_before_the_start])
def test_without_it_the_log_is_read(town: Stores, tmp_path: Path, harm: Callable[[list[Path]], None]) -> None:
    harm(left(town))
    columnar.step(town)
    assert rows(town) == from_the_log(town, tmp_path)
    assert left(town) == []


def test_rules_changed_between_the_two_are_the_lakes(town: Stores, tmp_path: Path) -> None:
    kind = kind_of(rules_of(town.path), town.settings)
    assert len(handed(town.path, PARTITION, kind)) == len(left(town))
    (town.path / "identity.toml").write_text('[block]\nvalues = ["nobody at all"]\n')
    assert kind_of(rules_of(town.path), town.settings) != kind
    columnar.step(town)
    assert len(rows(town)) == len(from_the_log(town, tmp_path))
    assert left(town) == []


def test_a_lake_that_does_not_come_is_left_so_much_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "READ_BYTES", 400_000)
    monkeypatch.setattr("ariane.processes.handing.MOST_BYTES", 500_000)
    assert MOST_BYTES == 256 << 20
    stores = workspace(tmp_path / "shop")
    deliver(stores, disturbed(town_events(40), seed=1))
    stream.run(stores)
    sizes = [file.stat().st_size for file in left(stores)]
    assert sizes and sum(sizes[:-1]) <= 500_000
    columnar.step(stores)
    assert rows(stores) == from_the_log(stores, tmp_path)


def test_an_erasure_leaves_nothing_of_it(town: Stores) -> None:
    columnar.step(town)
    key = rows(town)[0]["subject_key"]
    folder = town.path / FOLDER / PARTITION
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "unfinished").write_bytes(b"of a stream that was killed")
    erase(town, [key])
    assert not any(path.is_file() for path in (town.path / FOLDER).rglob("*"))
    assert key not in {row["subject_key"] for row in rows(town)}
