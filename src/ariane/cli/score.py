"""`ariane score`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ariane.cli.options import emit, narrowing, show, workspace_option


@click.command()
@click.option("--limit", type=click.IntRange(1), default=20, help="How many persons to show.")
@narrowing
@workspace_option
def score(path: Path, as_json: bool, limit: int, narrowed: dict[str, Any]) -> None:
    """Expected purchases of each person in the next 90 days, and how likely they are still active. Predicted."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.predict.score(**narrowed)
    rows = found.to_dicts()
    if as_json:
        emit({"scores": rows, "n_held_back": found.n_held_back})
        return
    rows.sort(key=lambda row: (-(row["expected_purchases_90d"] or 0.0), row["person_id"]))
    listed = [[_plain(value) for value in row.values()] for row in rows[:limit]]
    show(found.to_arrow().column_names, listed, f"{len(rows):,} persons, predicted", numeric=("p_alive",))


def _plain(value: Any) -> Any:
    return f"{value:.3f}" if isinstance(value, float) else value
