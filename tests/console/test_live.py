"""Live events: what arrives is shown as it arrives, with its verdict."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx

from ariane.store import SegmentLog
from tests.console.conftest import Site, event


def stream(site: Site, query: str, sent: list[bytes], wanted: int) -> list[str]:
    """The lines streamed after these records were appended."""
    lines: list[str] = []

    def append(path: Path) -> None:
        with SegmentLog(path / "log").writer("test") as writer:
            writer.append(sent)

    with httpx.stream("GET", f"{site.address}/live/stream?lang=en{query}", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith(": here"):
                threading.Thread(target=append, args=(site.path,)).start()
            if line.startswith("data: ") and "<li" in line:
                lines.append(line)
                if len(lines) == wanted:
                    break
    return lines


def test_an_event_is_shown_with_what_became_of_it(town_site: Site) -> None:
    sent = [
        event(event="Lamp Lit", anonymous_id="live-1"),
        event(event="<script>x</script>", anonymous_id="live-2", invalid="No such <b>thing</b>."),
    ]
    lines = stream(town_site, "", sent, 2)
    assert "Lamp Lit" in lines[0] and "accepted" in lines[0]
    assert "rejected" in lines[1] and "<script>" not in lines[1] and "No such &lt;b&gt;" in lines[1]


def test_filters_hold_for_what_is_to_come(town_site: Site) -> None:
    sent = [
        event(event="On the web", anonymous_id="live-3", channel="web", context={"channel": "web"}),
        event(event="In the shop", anonymous_id="live-4", context={"channel": "store"}),
    ]
    (line,) = stream(town_site, "&channel=store", sent, 1)
    assert "In the shop" in line
