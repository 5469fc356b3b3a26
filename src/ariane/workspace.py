"""A workspace in Python: what the console shows, as results to compute with.

>>> import tempfile, ariane
>>> ws = ariane.open(tempfile.mkdtemp() + "/shop", create=True)
>>> ws.population().n_persons()
0
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ariane import consent, identity, journeys
from ariane.consent import Population
from ariane.errors import InputError, NotFound
from ariane.journeys import Journey
from ariane.model import Identifier, Purpose
from ariane.relations import NAMES, relation
from ariane.result import Result
from ariane.settings import Settings
from ariane.store import DuckEngine, Engine, SparkEngine, Stores

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa

Instant = str | date | datetime | int | None
"""A moment: ISO 8601 text, a date (its midnight in UTC), a datetime, or microseconds since 1970."""


class Workspace:
    """One workspace, open for reading. `people`, `journeys` and the other rooms hang on it."""

    def __init__(self, path: Path) -> None:
        self.stores = Stores(path)
        self.path = self.stores.path

    @property
    def settings(self) -> Settings:
        return self.stores.settings

    @cached_property
    def engine(self) -> Engine:
        """DuckDB over the lake, or the Spark Connect server of the setting `spark_remote`."""
        remote = self.settings.spark_remote
        return SparkEngine(self.stores.lake, remote) if remote else DuckEngine(self.stores.lake)

    def population(
        self, purpose: Purpose = "measurement", *, segment: str = "", since: Instant = None, until: Instant = None
    ) -> Population:
        """The persons `purpose` may read, in one segment and one period, at the lake's newest version."""
        self.engine.refresh()
        rules = self.settings.purposes
        rule = None
        if segment:
            from ariane import segments

            rule = segments.as_filter(segments.parse(segment))
        return consent.population(
            self.engine,
            purpose,
            basis=rules[purpose].basis if purpose in rules else None,
            segment=rule,
            since_us=to_us(since),
            until_us=to_us(until),
        )

    def journey(self) -> Journey:
        """The workspace's journey: its file's, or one proposed from the data and marked so."""
        try:
            return journeys.load_journey(self.path / "journey.toml")
        except NotFound:
            return journeys.propose(self.population())

    def relation(self, name: str, purpose: Purpose = "measurement") -> ibis.Table:
        """A relation (docs/sql.md) as an Ibis expression. InputError for a name there is none of."""
        if name not in NAMES:
            raise InputError(f"There is no relation '{name}'.", allowed=", ".join(NAMES))
        return relation(name, self.population(purpose), self.journey())

    def sql(self, text: str, purpose: Purpose = "measurement") -> Result:
        """Ask the relations in DuckDB's SQL. Persons the purpose may not read are in none of them."""
        from ariane.asking import ask

        return ask(self, text, purpose)

    @property
    def people(self) -> People:
        return People(self)

    @property
    def journeys(self) -> Journeys:
        return Journeys(self)

    def result(self, population: Population, expression: ibis.Table) -> Result:
        """An expression's rows, with the SQL that made them and how many persons consent held back."""
        engine = population.engine
        text = engine.text(expression) if isinstance(engine, DuckEngine) else ""
        return Result(engine.run(expression), sql=text, n_held_back=population.n_held_back())

    def close(self) -> None:
        if "engine" in self.__dict__:
            self.engine.close()
        self.stores.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Workspace {self.path}>"


class People:
    """Persons: found, shown, explained. Every read names its purpose; `service` unless another is given."""

    def __init__(self, workspace: Workspace) -> None:
        self._ws = workspace

    def find(self, text: str, purpose: Purpose = "service") -> Any:
        """Persons whose identifiers or id hold `text`."""
        with self._ws.stores.state.read() as conn:
            return identity.find(conn, consent.permit(purpose, actor="python"), text)

    def person(self, person: str, purpose: Purpose = "service") -> Any:
        """One person, by id or by KIND:VALUE. NotFound, or ConsentError when the purpose may not read them."""
        with self._ws.stores.state.read() as conn:
            permit = consent.permit(purpose, actor="python")
            return identity.person(conn, permit, person)

    def explain(self, a: Identifier, b: Identifier, purpose: Purpose = "service") -> Any:
        """Why two identifiers are one person: the evidence that leads from one to the other."""
        with self._ws.stores.state.read() as conn:
            return identity.explain(conn, consent.permit(purpose, actor="python"), a, b)


class Journeys:
    """Journeys, measured. Options `segment`, `since` and `until` narrow every one of them."""

    def __init__(self, workspace: Workspace) -> None:
        self._ws = workspace

    def map(self, **narrowed: Any) -> Any:
        """The measured map: stages, steps, emotion with its band, touchpoints, waits, drop-off, marks."""
        return journeys.journey_map(self._ws.population(**narrowed), self._ws.journey())

    def sessions(self, **narrowed: Any) -> Result:
        population = self._ws.population(**narrowed)
        return self._ws.result(population, journeys.sessions(population, gap_s=self._ws.settings.session_gap_s))

    def touchpoints(self, **narrowed: Any) -> Result:
        population = self._ws.population(**narrowed)
        return self._ws.result(population, journeys.touchpoints(population, self._ws.journey()))

    def funnel(self, steps: tuple[str, ...] = (), *, window_s: int | None = None, **narrowed: Any) -> Any:
        """How many persons reach each step, with Wilson intervals."""
        return journeys.funnel(self._ws.population(**narrowed), self._ws.journey(), steps, window_s=window_s)

    def paths(self, *, collapse_loops: bool = True, **narrowed: Any) -> Result:
        """Which step follows which: n, persons, median and 95th percentile of the wait."""
        population = self._ws.population(**narrowed)
        return self._ws.result(
            population, journeys.graph(population, self._ws.journey(), collapse_loops=collapse_loops)
        )

    def frictions(self, **narrowed: Any) -> Any:
        """What hurts: since when, for whom, how sure."""
        return journeys.frictions(self._ws.population(**narrowed), self._ws.journey())


def to_us(moment: Instant) -> int | None:
    """A moment as microseconds since 1970. InputError when the text is not one.

    >>> to_us("1970-01-02"), to_us("1970-01-01T00:00:01Z"), to_us(None)
    (86400000000, 1000000, None)
    """
    if moment is None or isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError as error:
            raise InputError(f"'{moment}' is not a moment.", allowed="ISO 8601, such as 2026-10-01") from error
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp()) * 1_000_000 + aware.microsecond
