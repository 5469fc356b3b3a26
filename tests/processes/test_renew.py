"""Rules applied while a workspace lives: the whole history is solved again by them, in the state and in the lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariane.errors import Transient
from ariane.identity import inforce
from ariane.identity.guarding import apply, proposed
from ariane.processes import columnar, rebuild, stream
from ariane.store import Stores
from tests.processes.living import deliver, process, town_events, workspace


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stores:
    monkeypatch.setattr(inforce, "SETTLED_S", 0.0)
    stores = workspace(tmp_path / "ws")
    deliver(stores, town_events(8))
    process(stores)
    return stores


def persons(stores: Stores) -> dict[str, list[str]]:
    names = ("identifiers", "persons", "edges", "consents")
    return {name: sorted(map(str, stores.lake.read(name).to_pylist())) for name in names}


def tighten(stores: Stores) -> None:
    (stores.path / "identity.toml").write_text("[kinds.cookie]\nlimit = 2\n", encoding="utf-8")
    for _ in range(3):
        inforce.version_of(stores.path)  # an edit counts once it has stood still
    apply(stores.path, proposed(stores.path), "nina")


def test_applying_solves_the_history_again_as_a_rebuild_would(town: Stores) -> None:
    before = town.lake.n_rows("persons")
    memory = stream.Memory(town)
    tighten(town)
    assert stream.step(town, "web-0", memory) == 0, "no event is new"
    columnar.step(town)
    live = persons(town)
    assert town.lake.n_rows("persons") > before
    version = town.lake.progress("identifiers", "version")
    stream.step(town, "web-0", memory)
    stream.step(town, "web-0")
    columnar.step(town)
    assert town.lake.progress("identifiers", "version") == version, "solved again once"
    rebuild(town)
    assert persons(town) == live


def test_without_rules_that_can_be_used_stream_and_lake_wait(town: Stores) -> None:
    deliver(town, town_events(9)[-50:])
    (town.path / "identity.toml").write_text("torn =", encoding="utf-8")
    assert stream.run(town) == 50, "the last good rules stay"
    inforce._watched.clear()  # as in a process that starts
    with pytest.raises(Transient, match=r"identity\.toml"):
        stream.step(town, "web-0")
    with pytest.raises(Transient, match=r"identity\.toml"):
        columnar.step(town)
