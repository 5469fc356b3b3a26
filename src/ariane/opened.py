"""An opened workspace: its stores, its engine, whom a purpose may read, and the answers already computed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ariane import consent, journeys
from ariane.consent import Permit, Population
from ariane.errors import Conflict, InputError, NotFound
from ariane.journeys import Journey
from ariane.kept import Kept
from ariane.model import DAY, Purpose
from ariane.result import Noted, Result, Told, told
from ariane.settings import Settings
from ariane.store import DuckEngine, Engine, SparkEngine, Stores

if TYPE_CHECKING:
    import ibis
    import sqlalchemy as sa

Instant = str | date | datetime | int | None
"""A moment: ISO 8601 text, a date (its midnight in UTC), a datetime, or microseconds since 1970."""

Answer = TypeVar("Answer")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_US = -62_135_596_800_000_000
LATEST_US = 253_402_300_799_999_999
"""The years 1 to 9999, as far as calendars here go."""

REFRESH_S, PATIENCE = 1.0, 20.0
RESIDENT_ROWS = 2_000_000  # about 2 GB of memory; above it questions go to the files
PARTITION = "console"
"""The partition of the log that takes what people decide."""
HELD_S = 2.0


class Extent(msgspec.Struct, frozen=True):
    """How far the events reach: the first and last instant anyone lived, and how many events there are."""

    first_us: int | None
    last_us: int | None
    n_events: int


class Opened:
    """One workspace, open for reading. Safe from several threads.

    With `served`, many ask at once and often: tables that fit are held in memory, the lake's versions are looked up at
    most once a second, and while events keep arriving an answer that took long may be given again for a while (`Kept`).
    """

    def __init__(self, path: Path, *, served: bool = False) -> None:
        self.stores = Stores(path)
        self.path = self.stores.path
        self._refresh_s = REFRESH_S if served else 0.0
        self._resident_rows = RESIDENT_ROWS if served else 0
        self._looked = 0.0
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._kept = Kept(patience=PATIENCE if served else 0.0)

    @property
    def settings(self) -> Settings:
        return self.stores.settings

    @cached_property
    def duck(self) -> DuckEngine:
        """DuckDB over the lake, whoever computes the analyses."""
        return DuckEngine(self.stores.lake, resident_rows=self._resident_rows)

    @cached_property
    def engine(self) -> Engine:
        """DuckDB over the lake, or the Spark Connect server of the setting `spark_remote`."""
        remote = self.settings.spark_remote
        return SparkEngine(self.stores.lake, remote) if remote else self.duck

    def refresh(self) -> None:
        """Move to the lake's newest versions."""
        with self._lock:
            if time.monotonic() - self._looked >= self._refresh_s:
                for engine in {self.duck, self.engine}:
                    engine.refresh()
                self._looked = time.monotonic()

    def answer(self, key: Hashable, compute: Callable[[], Answer]) -> Answer:
        """What `compute` gives on the lake and the journey file as they are, computed once for all who ask."""
        self.refresh()
        return self._kept.answer(key, (self.duck.seen(), self._journey_stamp()), compute)

    def permit(self, purpose: str, actor: str) -> Permit:
        """The right to read persons, on the workspace's own legal bases."""
        rules = self.settings.purposes
        return consent.permit(purpose, actor=actor, bases={name: rule.basis for name, rule in rules.items()})

    def population(
        self, purpose: Purpose = "measurement", *, segment: str = "", since: Instant = None, until: Instant = None
    ) -> Population:
        """The persons `purpose` may read, in one segment and one period, at the lake's newest version."""
        since_us, until_us = to_us(since), to_us(until)
        if since_us is not None and until_us is not None and since_us >= until_us:
            raise InputError("The period ends before it begins.", where="since, until", allowed="since before until")
        self.refresh()
        rules = self.settings.purposes
        rule = None
        if segment:
            from ariane import segments

            rule = segments.as_filter(segments.segment_rule(segment), now_us=until_us, engine=self.engine)
        return consent.population(
            self.engine,
            purpose,
            basis=rules[purpose].basis if purpose in rules else None,
            segment=rule,
            since_us=since_us,
            until_us=until_us,
        )

    def journey(self) -> Journey:
        """The workspace's journey: its file's, or one proposed from the data and marked so."""
        file = self.path / "journey.toml"
        try:
            return journeys.load_journey(file, properties=self.settings.properties)
        except NotFound:
            return self.answer("journey", lambda: journeys.propose(self.population()))

    def extent(self) -> Extent:
        """When the events begin and end, leaving out bots and clocks that run ahead by more than a day."""
        return self.answer("extent", self._extent)

    def _extent(self) -> Extent:
        events = self.duck.table("events")
        ahead = time.time_ns() // 1000 + DAY
        lived = events.filter(~events.is_bot & (events.occurred_us < ahead))
        asked = lived.aggregate(first=lived.occurred_us.min(), last=lived.occurred_us.max(), n=lived.count())
        row = self.duck.run(asked).to_pylist()[0]
        return Extent(row["first"], row["last"], row["n"])

    def measured(self, measure: Callable[[Population], Told], **narrowed: Any) -> Told:
        """What `measure` finds in a population, narrowed by segment, since, until and purpose; it knows its SQL."""
        noted = Noted(self.engine)
        return told(measure(noting(self.population(**narrowed), noted)), noted)

    def rows(self, express: Callable[[Population], ibis.Table], **narrowed: Any) -> Result:
        """The rows of one expression over a population, and how many persons consent held back."""
        return self.measured(lambda population: self.result(population, express(population)), **narrowed)

    def result(self, population: Population, expression: ibis.Table) -> Result:
        """An expression's rows, with the SQL that made them and how many persons consent held back."""
        engine = population.engine
        rows = engine.run(expression)
        return Result(rows, sql=lambda: engine.text(expression), n_held_back=population.n_held_back())

    def looked_up(self, look: Callable[[sa.Connection], Told]) -> Told:
        """What `look` reads in the state; it knows its SQL."""
        import sqlalchemy as sa

        noted = Noted(None)
        with self.stores.state.read() as conn:
            sa.event.listen(conn, "before_cursor_execute", noted.note)
            return told(look(conn), noted)

    def write(self, payloads: Sequence[bytes]) -> int:
        """Append records of ours to the log; returns once they are on disk. Conflict while another process writes."""
        with self._writing:
            until = time.monotonic() + HELD_S
            while True:
                try:
                    with self.stores.log.writer(PARTITION) as writer:
                        return writer.append(payloads)
                except Conflict:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)

    def _journey_stamp(self) -> int:
        try:
            return (self.path / "journey.toml").stat().st_mtime_ns
        except OSError:
            return 0

    def close(self) -> None:
        for engine in {self.__dict__.pop(name) for name in ("duck", "engine") if name in self.__dict__}:
            engine.close()
        self.stores.close()


def noting(population: Population, noted: Engine | Noted) -> Population:
    """The population, whose every question `noted` remembers."""
    return msgspec.structs.replace(population, engine=noted)


def to_us(moment: Instant) -> int | None:
    """A moment as microseconds since 1970. InputError when the text is not one.

    >>> to_us("1970-01-02"), to_us("1970-01-01T00:00:01Z"), to_us(None)
    (86400000000, 1000000, None)
    """
    if moment is None:
        return None
    at = moment if isinstance(moment, int) else _read(moment)
    if not EARLIEST_US <= at <= LATEST_US:
        raise InputError(f"'{moment}' is not a moment.", allowed="instants of the years 1 to 9999")
    return at


def _read(moment: str | date) -> int:
    if isinstance(moment, str):
        try:
            return _read(datetime.fromisoformat(moment))
        except ValueError as error:
            raise InputError(f"'{moment[:80]}' is not a moment.", allowed="ISO 8601, such as 2026-10-01") from error
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)


def iso(instant_us: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC.

    >>> iso(1_500_000), iso(0)
    ('1970-01-01T00:00:01.500000Z', '1970-01-01T00:00:00Z')
    """
    return (EPOCH + timedelta(microseconds=instant_us)).replace(tzinfo=None).isoformat() + "Z"
