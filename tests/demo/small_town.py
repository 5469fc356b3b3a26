"""The small town the tests look at."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import pyarrow as pa

from ariane.demo import Town

UNTIL = date(2026, 4, 30)


class Generated(NamedTuple):
    """A town's bodies, its events, the events by name, and its truth."""

    town: Town
    bodies: list[bytes]
    events: list[dict[str, Any]]
    by_name: dict[str, list[dict[str, Any]]]
    truth: dict[str, pa.Table]
