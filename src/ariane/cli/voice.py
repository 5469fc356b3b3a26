"""`ariane voice`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ariane.cli.options import emit, narrowing, workspace_option


@click.command()
@click.option("--about", default=None, help="Only answers about this step or event.")
@click.option("--by", default=None, help="Break down by: channel, about, survey_id, week.")
@narrowing
@workspace_option
def voice(path: Path, as_json: bool, about: str | None, by: str | None, narrowed: dict[str, Any]) -> None:
    """NPS, CSAT, CES and emotion with their 95 % bounds; relational and transactional answers are never pooled."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.voice.scores(about=about, by=by, **narrowed)
        responses = ws.voice.responses(**narrowed)
    if as_json:
        emit({"scores": found.to_dicts(), "responses": responses.to_dicts(), "n_held_back": found.n_held_back})
        return
    found.show()
    responses.show()
