"""Towns whose truth is known, as lakes, read through both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ariane.consent import Population, population
from ariane.store import DuckEngine, SparkEngine
from tests.journeys import town

DENIED = ("p1", "p2", "p3")


@pytest.fixture(scope="session")
def town_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of a town of 500 persons, three of whom object to being measured."""
    root = tmp_path_factory.mktemp("town") / "lake"
    town.write(root, town.town(7, persons=500, days=90), denied=DENIED)
    return root


@pytest.fixture(scope="session")
def lived(town_root: Path) -> Iterator[Population]:
    """That town as DuckDB reads it, for measurement."""
    engine = DuckEngine(town.Lake(town_root))
    yield population(engine, "measurement")
    engine.close()


@pytest.fixture(scope="session")
def lived_on_spark(town_root: Path, spark: str) -> Iterator[Population]:
    """The same through Spark Connect."""
    engine = SparkEngine(town.Lake(town_root), spark)
    yield population(engine, "measurement")
    engine.close()


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[..., Population]]:
    """A population of events given as rows (tests.lake_rows.event), by default for measurement."""
    from tests.lake_rows import write_lake

    opened = []

    def reading(events: object, **options: object) -> Population:
        root = tmp_path / f"lake-{len(opened)}"
        engine = DuckEngine(write_lake(root, events))  # type: ignore[arg-type]
        opened.append(engine)
        return population(engine, "measurement", **options)  # type: ignore[arg-type]

    yield reading
    for engine in opened:
        engine.close()
