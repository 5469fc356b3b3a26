"""The calls of a bank's call centre, one row a call, tab-separated: voice menu (vru), queue (q), agent (ser).

| columns                            | becomes                                                                    |
|------------------------------------|----------------------------------------------------------------------------|
| date, vru_entry                    | Call Started {call_id, reason}                                             |
| vru_time, q_time over 0            | Call Queued {call_id, reason, wait_s}, when the menu was left              |
| outcome AGENT                      | Call Answered {call_id, reason, wait_s}, then Call Ended {…, talk_s}       |
| outcome HANG                       | Call Abandoned {call_id, reason, wait_s}                                   |
| customer_id                        | user_id; 0 is nobody known: the call is its own person                     |

Clock times are those of Israel. Instants are counted from the entry by the durations given, which holds over midnight.
`wait_s` is the time in the queue, 0 when there was none. Call ids repeat, so they are led by date and line. PHANTOM
rows (virtual calls) and rows with a negative time in the menu are left out and counted. The agents' first names are
left out: nothing here is for looking at one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ariane.errors import InputError, NotFound
from ariane.ingest.importers.files import find, regular
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import csv_rows
from ariane.ingest.record import Record

ZONE = ZoneInfo("Asia/Jerusalem")
CONTEXT = {"channel": "call_centre"}
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
REASONS = {
    "PS": "regular activity",
    "PE": "regular activity in English",
    "IN": "internet",
    "NE": "stock exchange",
    "NW": "new or prospective",
    "TT": "call back",
}
NEEDED = (
    "vru+line",
    "call_id",
    "customer_id",
    "priority",
    "type",
    "date",
    "vru_entry",
    "vru_time",
    "q_time",
    "outcome",
    "ser_time",
)


def _paths(path: Path) -> list[Path]:
    if not path.is_dir():
        return [regular(path)]
    found = [find(path, f"data_anonymous_bank_{month}.txt", f"{month}.txt") for month in MONTHS]
    months = [month for month in found if month is not None]
    if not months:
        raise NotFound(
            "There are no calls here.",
            where=str(path),
            allowed="data_anonymous_bank_<month>.txt or <month>.txt, as they are or packed (.gz, .xz, .bz2)",
            next_step="Give the folder or the file that holds the calls.",
        )
    return months


def _records(job: Job) -> Iterator[Record]:
    calls, waits = Counter[str](), Counter[str]()
    callers: set[str] = set()
    n_nobody = 0
    for path in _paths(job.path):
        header, rows = csv_rows(path, job.tally, delimiter="\t")
        lacking = [column for column in NEEDED if column not in header]
        if lacking:
            raise InputError(f"Column '{lacking[0]}' is missing.", where=f"{path}:1", allowed=", ".join(NEEDED))
        for line, values in rows:
            row = dict(zip(header, values, strict=True))
            try:
                reason, events = _call(row, job)
            except ValueError as error:
                job.tally.bad(path, line, "", str(error))
                continue
            if reason:
                job.tally.skip(reason)
                continue
            calls[row["outcome"]] += 1
            waits[row["outcome"]] += int(row["q_time"])
            n_nobody += row["customer_id"] == "0"
            callers.add(row["customer_id"])
            yield from events
    _figures(job, calls, waits, len(callers - {"0"}), n_nobody)


def _call(row: dict[str, str], job: Job) -> tuple[str, list[Record]]:
    """The events of one call; or why it is left out, and none."""
    if row["outcome"] == "PHANTOM":
        return "phantom call", []
    menu_s, wait_s, talk_s = int(row["vru_time"]), int(row["q_time"]), int(row["ser_time"])
    if menu_s < 0:
        return "negative time in the menu", []
    if row["outcome"] not in ("AGENT", "HANG") or wait_s < 0 or talk_s < 0:
        raise ValueError(f"outcome '{row['outcome'][:20]}', waited {wait_s} s, talked {talk_s} s")
    began = (
        datetime.strptime(f"{row['date']} {row['vru_entry']}", "%y%m%d %H:%M:%S").replace(tzinfo=ZONE).astimezone(UTC)
    )
    call_id = f"{row['date']}-{row['vru+line']}-{row['call_id']}"
    reason = REASONS.get(row["type"], row["type"])
    said: dict[str, object] = {"call_id": call_id, "reason": reason}
    queued, left = began + timedelta(seconds=menu_s), began + timedelta(seconds=menu_s + wait_s)
    events: list[tuple[str, datetime, dict[str, object]]] = [
        ("Call Started", began, {"priority": int(row["priority"])})
    ]
    if wait_s:
        events.append(("Call Queued", queued, {"wait_s": wait_s}))
    if row["outcome"] == "AGENT":
        events.append(("Call Answered", left, {"wait_s": wait_s}))
        events.append(("Call Ended", left + timedelta(seconds=talk_s), {"talk_s": talk_s}))
    else:
        events.append(("Call Abandoned", left, {"wait_s": wait_s}))
    known = row["customer_id"] if row["customer_id"] != "0" else None
    return "", [
        Record(
            source=job.source,
            message_id=f"{call_id}-{place}",
            type="track",
            event=name,
            received_us=job.received_us,
            # Steps of one second keep their order: a microsecond for each before.
            timestamp=(at + timedelta(microseconds=place)).isoformat()[:-6] + "Z",
            anonymous_id=None if known else f"call-{call_id}",
            user_id=known,
            properties=said | own,
            context=CONTEXT,
        )
        for place, (name, at, own) in enumerate(events)
    ]


def _figures(job: Job, calls: Counter[str], waits: Counter[str], n_callers: int, n_nobody: int) -> None:
    figures: dict[str, float] = {"calls": calls.total(), "served": calls["AGENT"], "hang-ups": calls["HANG"]}
    figures |= {"callers identified": n_callers, "calls of nobody known": n_nobody}
    if calls:
        figures["share of hang-ups"] = calls["HANG"] / calls.total()
    for name, outcome in (("served", "AGENT"), ("abandoned", "HANG")):
        if calls[outcome]:
            figures[f"mean wait, {name} (s)"] = waits[outcome] / calls[outcome]
    job.tally.figures |= figures


CALL_CENTRE = Importer(
    kind="call-centre",
    about="Calls through menu, queue and agent of a bank (folder or file)",
    files=_paths,
    records=_records,
    journey="call_centre.toml",
    aliases=("call-centre-feb1999", "call-center"),
)
