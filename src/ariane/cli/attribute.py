"""`ariane attribute`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ariane.cli.options import emit, narrowing, workspace_option


@click.command()
@click.option("--model", default="linear", help="first, last, last_non_direct, linear, position or decay.")
@click.option("--conversion", default="Order Completed", help="The event that is a conversion.")
@click.option("--lookback-days", type=click.FloatRange(min=0), default=30.0, help="How far back a touch counts.")
@narrowing
@workspace_option
def attribute(
    path: Path, as_json: bool, model: str, conversion: str, lookback_days: float, narrowed: dict[str, Any]
) -> None:
    """Credit by channel, with 95 % bounds. It is observational: what came before a conversion, not what caused it."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.attribution.credit(
            model=model, conversion=conversion, lookback_s=round(lookback_days * 86_400), **narrowed
        )
    if as_json:
        emit({"credit": found.to_dicts(), "n_held_back": found.n_held_back})
    else:
        found.show()
