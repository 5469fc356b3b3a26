"""The tracking plan of a workspace, as Python, the command line and HTTP ask for it: what arrives, what was frozen,
what breaks it, what is held, what looks personal, what was no person's doing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import msgspec

from ariane import ingest
from ariane.errors import InputError, NotFound
from ariane.ingest import plan as plans
from ariane.model import Event
from ariane.opened import Instant, Opened, to_us
from ariane.processes import quarantine

if TYPE_CHECKING:
    from ariane.ingest.plan.terms import Compiled, Difference, Observation, Planned, Suspicion, Version
    from ariane.processes.quarantine import Replayed, Warned

SAMPLE = 300
"""Events of each kind and source looked at closely for a screen; a command looks at more."""

MOST_KINDS = 2_000


class PlannedEvent(msgspec.Struct, frozen=True):
    """One kind of event: how many arrived from which sources, and how it stands in the plan.

    `name` is what commands call it (a track event's name, or a type). `status`: `new` (no schema), `drafted` (a schema
    that was never frozen), `frozen`, `edited` (frozen, and the file says something else by now), `thawed`, `broken`
    (the file cannot be used). `mode`, `version` and `since_us` are of the newest version; `n_warned` counts broken
    parts of the plan, `n_held` events.
    """

    name: str
    type: str
    event: str
    sources: tuple[str, ...]
    n: int
    first_us: int | None
    last_us: int | None
    status: str
    mode: str
    version: int
    since_us: int | None
    n_warned: int
    n_held: int


class Broken(msgspec.Struct, frozen=True):
    """One part of the plan that events broke, and how many did."""

    name: str
    reason: str
    n: int


class HeldEvent(msgspec.Struct, frozen=True):
    """One event in quarantine, without its content."""

    event_id: str
    message_id: str
    name: str
    source: str
    received_us: int
    version: int
    reasons: tuple[str, ...]


class Quarantine(msgspec.Struct, frozen=True):
    """What is held: how many events, by name and reason, and the newest of them."""

    n: int
    reasons: tuple[Broken, ...]
    events: tuple[HeldEvent, ...]


class Checked(msgspec.Struct, frozen=True):
    """Events of one kind held against its schema as it is edited: how many, how many break it, and what they break."""

    name: str
    n: int
    n_broken: int
    reasons: tuple[Broken, ...]


class NoiseDay(msgspec.Struct, frozen=True):
    """Identifiers whose doing on a day was no person's, by reason: how many, and the events that show it."""

    event_on: date
    reason: str
    n_identifiers: int
    n_events: int


class Plans:
    """The tracking plan.

    >>> import tempfile, ariane
    >>> with ariane.open(tempfile.mkdtemp() + "/shop", create=True) as ws:
    ...     ws.plan.events(), ws.plan.personal(), ws.plan.quarantine().n
    ((), (), 0)
    """

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def events(self) -> tuple[PlannedEvent, ...]:
        """Every kind of event that arrived or is planned, the most frequent first."""
        plan = plans.plan_of(self._ws.path)
        seen: dict[Planned, list[Any]] = {}
        for kind in self.observed(sample=None).kinds[:MOST_KINDS]:
            seen.setdefault(kind.planned, []).append(kind)
        for version in plan.versions:
            seen.setdefault(version.planned, [])
        held = Counter({name: n for name, _, n in self._held_by("name")})
        warned: Counter[str] = Counter()
        for one in self.warnings():
            warned[one.name] += one.n
        found = [self._event(plan, about, kinds, warned, held) for about, kinds in seen.items()]
        return tuple(sorted(found, key=lambda one: (-one.n, one.name)))

    def _event(
        self, plan: plans.Plan, about: Planned, kinds: list[Any], warned: Counter[str], held: Counter[str]
    ) -> PlannedEvent:
        version, name = plan.in_force(about), str(about)
        return PlannedEvent(
            name=name, type=about.type, event=about.event, sources=tuple(sorted(kind.source for kind in kinds)),
            n=sum(kind.n for kind in kinds), first_us=min((kind.first_us for kind in kinds), default=None),
            last_us=max((kind.last_us for kind in kinds), default=None), status=self._status(plan, about, version),
            mode=version.mode if version else "", version=version.version if version else 0,
            since_us=version.since_us if version else None, n_warned=warned[name], n_held=held[name],
        )  # fmt: skip

    def _status(self, plan: plans.Plan, about: Planned, version: Version | None) -> str:
        try:
            edited = plans.read_schema(self._ws.path, about)
        except NotFound:
            edited = None
        except InputError:
            return "broken"
        if version is None:
            return "drafted" if edited is not None else "new"
        if version.mode == "off":
            return "thawed"
        return "frozen" if edited == plan.schema(version) else "edited"

    def observed(self, name: str | None = None, *, sample: int | None = SAMPLE, since: Instant = None) -> Observation:
        """What has arrived, of one kind or of all: counts, and the profiles of a sample."""
        about = plans.planned(name) if name is not None else None
        since_us = to_us(since)
        engine = self._ws.engine
        key = ("plan.observed", name, sample, since_us)
        return self._ws.answer(key, lambda: plans.observe(engine, sample=sample, about=about, since_us=since_us))

    def infer(
        self, name: str | None = None, *, sample: int = 1_000, since: Instant = None
    ) -> dict[str, dict[str, Any]]:
        """The schemas proposed from what has arrived, by name; nothing is written."""
        seen = self.observed(name, sample=sample, since=since)
        kinds = {kind.planned: seen.of(kind.planned) for kind in seen.kinds if kind.source != ingest.RESERVED_SOURCE}
        return {str(about): plans.proposed(*[kind.profile for kind in each]) for about, each in kinds.items()}

    def draft(self, name: str | None = None, *, sample: int = 1_000, force: bool = False) -> tuple[Path, ...]:
        """Write the proposed schemas to the plan's folder, where there is none yet (or in its place); the files."""
        plan = plans.plan_of(self._ws.path)
        written = []
        for one, schema in self.infer(name, sample=sample).items():
            about = plans.planned(one)
            if force or self._status(plan, about, None) == "new":
                written.append(plans.write_schema(self._ws.path, about, schema))
        return tuple(written)

    def schema(self, name: str) -> dict[str, Any]:
        """The schema of an event as it is edited now. NotFound when there is none."""
        return plans.read_schema(self._ws.path, plans.planned(name))

    def versions(self, name: str | None = None) -> tuple[Version, ...]:
        """The history of what was frozen."""
        about = plans.planned(name) if name is not None else None
        return tuple(one for one in plans.plan_of(self._ws.path).versions if about in (None, one.planned))

    def differences(self, name: str, *, arrived: bool = False) -> tuple[Difference, ...]:
        """What the edited schema says otherwise than the frozen one; or (`arrived`) what arrives otherwise than it."""
        about, edited = plans.planned(name), self.schema(name)
        if arrived:
            found = self.infer(name).get(str(about))
            return plans.differences(edited, found) if found else ()
        plan = plans.plan_of(self._ws.path)
        version = plan.in_force(about)
        return plans.differences(plan.schema(version) if version else {}, edited)

    def freeze(self, name: str, mode: str = "warn", *, since: Instant = None) -> Version:
        """Hold an event to its schema from now on (or from a later instant): mode "warn" or "quarantine". An event
        without a schema is frozen as it has arrived so far."""
        about = plans.planned(name)
        if mode not in ("warn", "quarantine"):
            raise InputError(f"There is no mode '{mode}'.", allowed="warn, quarantine")
        if self._status(plans.plan_of(self._ws.path), about, None) == "new":
            self.draft(name)
        return plans.freeze(self._ws.path, about, mode, since_us=to_us(since))  # type: ignore[arg-type]

    def thaw(self, name: str) -> Version:
        """Hold an event to nothing again. What is in quarantine stays there until a replay."""
        return plans.freeze(self._ws.path, plans.planned(name), "off")

    def check(self, file: Path | None = None, *, since: Instant = None, name: str | None = None) -> tuple[Checked, ...]:
        """Hold events against the schemas as they are edited, before they are frozen: those of a file (one JSON object
        a line, in Segment's form), or those received since an instant."""
        tallies: dict[Planned, tuple[Counter[str], list[int]]] = {}
        rules: dict[Planned, Compiled | None] = {}
        for event in _in_file(file) if file else self._received(since, name):
            about = plans.planned(f"track:{event.name}" if event.type == "track" else event.type)
            if about not in rules:
                rules[about] = self._rules(about)
            held_to = rules[about]
            if held_to is None:
                continue
            reasons, counts = tallies.setdefault(about, (Counter(), [0, 0]))
            counts[0] += 1
            if not held_to.is_kept(event):
                counts[1] += 1
                reasons.update(held_to.reasons(event))
        found = [
            Checked(str(about), n, n_broken, tuple(Broken(str(about), *one) for one in reasons.most_common()))
            for about, (reasons, (n, n_broken)) in tallies.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.n_broken, -one.n, one.name)))

    def _rules(self, about: Planned) -> Compiled | None:
        from ariane.ingest.plan.terms import compiled

        if self._status(plans.plan_of(self._ws.path), about, None) == "new":
            return None
        return compiled(plans.read_schema(self._ws.path, about))

    def _received(self, since: Instant, name: str | None) -> Iterator[Event]:
        from ariane.ingest.plan.terms import read_events

        about = plans.planned(name) if name is not None else None
        self._ws.refresh()
        return read_events(self._ws.engine, about=about, since_us=to_us(since))

    def warnings(self, name: str | None = None) -> tuple[Warned, ...]:
        """What was broken by events that were kept, the most frequent first."""
        from ariane.processes.quarantine import warned

        with self._ws.stores.state.read() as conn:
            return tuple(one for one in warned(conn) if name in (None, one.name))

    def quarantine(self, name: str | None = None, *, limit: int = 100) -> Quarantine:
        """What is held, by reason, and the newest of it."""
        by_reason: Counter[tuple[str, str]] = Counter()
        for named, reasons, n in self._held_by("reasons", name):
            for reason in msgspec.json.decode(reasons, type=list[str]):
                by_reason[named, reason] += n
        table = self._held(name)
        newest = table.order_by([ibis.desc("received_us"), "event_id"]).limit(limit).drop("record")
        rows = self._ws.engine.run(newest).to_pylist()
        events = tuple(
            HeldEvent(
                row["event_id"], row["message_id"], row["event"] if row["type"] == "track" else row["type"],
                row["source"], row["received_us"], row["version"],
                tuple(msgspec.json.decode(row["reasons"], type=list[str])),
            )
            for row in rows
        )  # fmt: skip
        n = self._ws.engine.run(table.aggregate(n=table.count())).column("n")[0].as_py()
        counted = sorted(
            (Broken(*key, n) for key, n in by_reason.items()), key=lambda one: (-one.n, one.name, one.reason)
        )
        return Quarantine(int(n), tuple(counted), events)

    def _held(self, name: str | None) -> ibis.Table:
        self._ws.refresh()
        return quarantine.held(self._ws.engine, name)

    def _held_by(self, column: str, name: str | None = None) -> Iterable[tuple[str, str, int]]:
        table = self._held(name)
        table = table.mutate(name=(table.type == "track").ifelse(table.event, table.type))
        counted = table.group_by(list(dict.fromkeys(["name", column]))).aggregate(n=table.count())
        return [(row["name"], row[column], row["n"]) for row in self._ws.engine.run(counted).to_pylist()]

    def replay(self, name: str | None = None) -> Replayed:
        """Let out of quarantine what keeps to the plan as it is now; returns once it is in the lake."""
        return quarantine.replay(self._ws.stores, name)

    def personal(self, *, sample: int = SAMPLE, since: Instant = None) -> tuple[Suspicion, ...]:
        """Fields that look personal and that neither identity nor the plan knows as such."""
        from ariane.ingest.plan.terms import declared_in

        seen = self.observed(sample=sample, since=since)
        plan = plans.plan_of(self._ws.path)
        declared = {
            kind.planned: declared_in(plans.read_schema(self._ws.path, kind.planned))
            for kind in seen.kinds
            if self._status(plan, kind.planned, None) == "drafted"
        }
        return plans.suspicions(seen.sightings, declared)

    def noise(self) -> tuple[NoiseDay, ...]:
        """What was no person's doing, by day and reason, the newest first; machines that say what they are aside."""
        self._ws.refresh()
        table = self._ws.engine.table("noise")
        counted = table.group_by(["event_on", "reason"]).aggregate(
            n_identifiers=table.subject_key.nunique(), n_events=table.n_events.sum()
        )
        rows = self._ws.engine.run(counted.order_by([ibis.desc("event_on"), "reason"])).to_pylist()
        return msgspec.convert(rows, tuple[NoiseDay, ...])


def _in_file(file: Path) -> Iterator[Event]:
    """The events of a file, one JSON object a line. InputError naming the line that is none."""
    now_us = time.time_ns() // 1000
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"The file cannot be read: {error.strerror}.", where=str(file)) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            sent = msgspec.json.decode(line, type=dict[str, Any])
            record = sent | {"source": "check", "messageId": str(number), "receivedUs": now_us}
            yield ingest.read(msgspec.json.encode(record | {"type": sent.get("type", "track")}))
        except (msgspec.MsgspecError, InputError) as error:
            raise InputError(f"This is no event: {error}.", where=f"{file}:{number}") from error


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(NoiseDay)
