"""A reader that is open while a table is dropped and made again sees the new one, and nothing of the old."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from ariane.store import DuckEngine, Lake


def colours(*names: str) -> pa.Table:
    return pa.table({"name": list(names)})


@pytest.mark.parametrize("n_commits", [1, 2, 5])
def test_a_table_made_again_is_another(tmp_path: Path, n_commits: int) -> None:
    writer, reader = Lake(tmp_path), Lake(tmp_path)
    for n in range(2):
        writer.append("colours", colours(f"old-{n}"), progress={"web-0": 10 + n})
    assert reader.n_rows("colours") == 2
    before = reader.identity("colours")
    writer.drop("colours")
    for n in range(n_commits):
        writer.append("colours", colours(f"new-{n}"), progress={"web-0": n})
    assert sorted(reader.read("colours").column("name").to_pylist()) == [f"new-{n}" for n in range(n_commits)]
    assert reader.progress("colours", "web-0") == n_commits - 1
    assert reader.version("colours") == n_commits - 1 and reader.missing("colours") == []
    assert reader.identity("colours") == writer.identity("colours") != before
    writer.drop("colours")
    assert not reader.exists("colours") and reader.identity("colours") == ""


@pytest.mark.parametrize("resident_rows", [0, 100])
def test_an_equal_version_of_another_table_is_read_anew(tmp_path: Path, resident_rows: int) -> None:
    lake = Lake(tmp_path)
    lake.append("colours", colours("old"))
    engine = DuckEngine(Lake(tmp_path), resident_rows=resident_rows)
    seen, versions = engine.seen(), engine.versions()
    lake.drop("colours")
    lake.append("colours", colours("new"))
    assert engine.refresh()
    assert engine.run(engine.table("colours")).column("name").to_pylist() == ["new"]
    assert engine.versions() == versions and engine.seen() != seen
    engine.close()
