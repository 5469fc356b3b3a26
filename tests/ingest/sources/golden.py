"""What the rows of a fixture become, as text: `python -m tests.ingest.sources.golden` writes what tests compare with.

Read every line of what it changed before keeping it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from ariane import identity
from ariane.ingest import read
from ariane.ingest.importers import run_import
from ariane.ingest.sources import kinds
from ariane.model import Event
from ariane.store import SegmentLog

FIXTURES = Path(__file__).parent


def rows_of(kind: str) -> Path:
    """The fixture of a kind: rows as such a tool writes them, odd ones too."""
    return next((FIXTURES / kind).glob("rows.*"))


def imported(kind: str, file: Path, folder: Path) -> tuple[str, list[Event]]:
    """What an import of the file says it left out, and its events in the log, without the one that leads them."""
    log = SegmentLog(folder / "log")
    with log.writer("import") as writer:
        report = run_import(kind, file, writer=writer, resume_dir=folder / "imports")
    left = [f"left out: {reason}: {n}" for reason, n in report.n_skipped.items()]
    left += [f"bad: line {bad.line}: {bad.field}: {bad.problem}" for bad in report.bad_rows]
    left += [f"repeated: {report.n_duplicates}"] if report.n_duplicates else []
    return "\n".join(left), [read(record.payload) for record in log.read("import", 0, 50_000_000).records][1:]


def told(events: list[Event], left: str) -> str:
    """One line an event, then what was left out."""
    return "\n".join([*(line(event) for event in events), *([left] if left else []), ""])


def line(event: Event) -> str:
    """An event: its id, instant, channel and name, who it was, and what it says."""
    at = datetime.fromtimestamp(event.occurred_us / 1e6, UTC).isoformat().replace("+00:00", "Z")
    at = "received" if event.occurred_us == event.received_us else at
    who = " ".join(str(found) for found in identity.identify(event)) or "nobody"
    context = {key: value for key, value in event.context.items() if key not in ("channel", "externalIds")}
    said = json.dumps(event.properties | ({"~": context} if context else {}), ensure_ascii=False)
    name = event.name or event.type
    return f"{event.message_id} | {at} | {event.channel} | {name} | {who} | {said}"


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    for one in kinds():
        with TemporaryDirectory() as scratch:
            left, events = imported(one, rows_of(one), Path(scratch))
            (FIXTURES / one / "events.txt").write_text(told(events, left), encoding="utf-8")
