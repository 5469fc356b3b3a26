"""One small town, generated once."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ariane.demo import Town, load
from tests.demo.small_town import UNTIL, Generated


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    folder: Path = tmp_path_factory.mktemp("truth")
    town = Town(seed=5, n_persons=1500, until_on=UNTIL)
    bodies = [body for chunk in town.batches(truth=folder) for body in chunk]
    events = [event for body in bodies for event in msgspec.json.decode(body)["batch"]]
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        by_name[event.get("event") or event.get("name") or event["type"]].append(event)
    return Generated(town, bodies, events, by_name, load(folder))
