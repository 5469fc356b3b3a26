"""Where events come from, measured: how many of each source, how fast, when last, what was wrong with them."""

from __future__ import annotations

import time
from collections import Counter

import msgspec

from ariane import settings
from ariane.console.desk import Desk
from ariane.console.tailing import Tail
from ariane.ingest import RESERVED_SOURCE
from ariane.ingest.lag import lags
from ariane.ingest.refusals import refusals
from ariane.model import DAY, HOUR, MINUTE
from ariane.processes.outcomes import outcomes
from ariane.processes.quarantine import held
from ariane.settings import Source

MINUTES = 60
NEWEST = 4_000
NEWEST_BYTES = 2 * 1024 * 1024
IMPORTED = "import_"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One source. Counts are of all there is in the lake, but `n_warned` and `n_repeated`: those are of the newest
    events that were looked at. `per_minute` are the 60 minutes that end now, or with its last event if that is longer
    ago. `state` is live, today, quiet, imported or never."""

    name: str
    write_key: str
    channel: str
    channels: tuple[str, ...]
    n_events: int
    n_bots: int
    n_warned: int
    n_repeated: int
    n_quarantined: int
    last_us: int | None
    per_minute: tuple[int, ...]
    state: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of what arrives. `n_refused` and `n_lately` are of the last hour; `behind_s` is the age of the oldest
    event a consumer has not taken."""

    sources: tuple[Seen, ...]
    n_looked_at: int
    n_lately: int
    n_refused: int
    n_repeated: int
    n_quarantined: int
    behind_bytes: int
    behind_s: float


def standing(desk: Desk) -> Standing:
    """How things stand now."""
    now_us = time.time_ns() // 1000
    known = sources_of(desk)
    tail = Tail(desk.stores.log)
    counted = desk.answer("sources", lambda: _counted(desk))
    warned, repeated, looked_at = desk.answer(("newest", *sorted(tail.at.items())), lambda: _newest(desk, tail))
    names = sorted({*known, *counted, *warned} - {RESERVED_SOURCE}, key=str.casefold)
    seen = tuple(
        _seen(name, known.get(name), counted.get(name), warned[name], repeated[name], now_us) for name in names
    )
    behind = lags(desk.path, desk.stores.log, now_us)
    return Standing(
        sources=seen,
        n_looked_at=looked_at,
        n_lately=sum(sum(one.per_minute) for one in seen if one.state == "live"),
        n_refused=len(refusals(desk.path, since_us=now_us - HOUR)),
        n_repeated=sum(lag.counts.get("duplicates", 0) for lag in behind),
        n_quarantined=sum(one.n_quarantined for one in seen),
        behind_bytes=max((lag.bytes for lag in behind), default=0),
        behind_s=max((lag.seconds for lag in behind), default=0.0),
    )


def sources_of(desk: Desk) -> dict[str, Source]:
    """The sources of the settings file as it is now: it may have been changed since the console started."""
    return settings.load(desk.path).sources


class _Counted(msgspec.Struct, frozen=True):
    n_events: int
    n_bots: int
    last_us: int
    channels: tuple[str, ...]
    minutes: dict[int, int]
    n_quarantined: int


def _counted(desk: Desk) -> dict[str, _Counted]:
    engine = desk.engine
    events = engine.table("events")
    counted = events.group_by("source").aggregate(
        n=events.count(), bots=events.count(where=events.is_bot), last=events.received_us.max()
    )
    ends = counted.select("source", "last")
    near = events.inner_join(ends, "source").mutate(minute=lambda t: t.received_us // MINUTE)
    near = near.filter(near.last - near.received_us < (MINUTES + 1) * MINUTE)
    by_minute = near.group_by(["source", "minute"]).aggregate(n=near.count())
    by_channel = events.group_by(["source", "channel"]).aggregate(n=events.count())
    apart_now = held(engine)
    apart = apart_now.group_by("source").aggregate(n=apart_now.count())
    minutes: dict[str, dict[int, int]] = {}
    for row in engine.run(by_minute).to_pylist():
        minutes.setdefault(row["source"], {})[row["minute"]] = row["n"]
    channels: dict[str, list[str]] = {}
    for row in engine.run(by_channel.order_by([by_channel.n.desc(), by_channel.channel])).to_pylist():
        channels.setdefault(row["source"], []).append(row["channel"] or "")
    quarantined = {row["source"]: row["n"] for row in engine.run(apart).to_pylist()}
    found = {
        row["source"]: _Counted(
            row["n"], row["bots"], row["last"], tuple(channels[row["source"]]), minutes.get(row["source"], {}),
            quarantined.get(row["source"], 0),
        )
        for row in engine.run(counted).to_pylist()
    }  # fmt: skip
    for name in quarantined.keys() - found.keys():
        found[name] = _Counted(0, 0, 0, (), {}, quarantined[name])
    return found


def _newest(desk: Desk, tail: Tail) -> tuple[Counter[str], Counter[str], int]:
    """Of the newest events, how many came with a warning and how many had come before, by source."""
    newest = tail.recent(NEWEST, NEWEST_BYTES)
    with desk.stores.state.read() as conn:
        ended = outcomes(conn, [(one.partition, one.offset) for one in newest])
    warned = Counter(one.source for one in newest if one.refused)
    repeated = Counter(
        one.source
        for one in newest
        if (ended.get((one.partition, one.offset)) or None) is not None
        and ended[one.partition, one.offset].what == "duplicate"
    )
    return warned, repeated, len(newest)


def _seen(
    name: str, known: Source | None, counted: _Counted | None, n_warned: int, n_repeated: int, now_us: int
) -> Seen:
    last_us = counted.last_us if counted is not None and counted.n_events else None
    state = state_of(name, last_us, now_us)
    end = (now_us if state == "live" else last_us or now_us) // MINUTE
    minutes = counted.minutes if counted is not None else {}
    return Seen(
        name=name,
        write_key=known.write_key if known is not None else "",
        channel=known.channel if known is not None else "",
        channels=counted.channels if counted is not None else (),
        n_events=counted.n_events if counted is not None else 0,
        n_bots=counted.n_bots if counted is not None else 0,
        n_warned=n_warned,
        n_repeated=n_repeated,
        n_quarantined=counted.n_quarantined if counted is not None else 0,
        last_us=last_us,
        per_minute=tuple(minutes.get(end - MINUTES + 1 + place, 0) for place in range(MINUTES)),
        state=state,
    )


def state_of(name: str, last_us: int | None, now_us: int) -> str:
    """How fresh a source is: live within the hour, today within the day, quiet after; imports are not expected again.

    >>> state_of("web", HOUR, 2 * HOUR), state_of("web", HOUR, 30 * HOUR), state_of("import_till", HOUR, 30 * HOUR)
    ('live', 'quiet', 'imported')
    """
    if last_us is None:
        return "never"
    age = now_us - last_us
    if age <= HOUR:
        return "live"
    if name.startswith(IMPORTED):
        return "imported"
    return "today" if age <= DAY else "quiet"
