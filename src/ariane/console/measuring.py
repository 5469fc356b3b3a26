"""The journey measured for a URL: its map now and before, its tiles, and what it rests on in words."""

from __future__ import annotations

import msgspec

from ariane import journeys
from ariane.consent import Population
from ariane.console import figures, reading
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.words import N_
from ariane.journeys.measured import JourneyMap
from ariane.model import Interval

MACHINES = ("cookie", "device", "object_serial", "event")


class Measured(msgspec.Struct, frozen=True):
    """A map, and how many persons and events there were in all (on the journey or not), now and before."""

    map: JourneyMap
    n_persons: int
    n_persons_before: int | None
    n_identified: int


def ready(desk: Desk, asked: Asked) -> Measured:
    """The measured journey for a page, NotYet while it takes longer than a reader waits. What a page of it needs
    besides is computed with it."""

    def compute() -> Measured:
        reading.segment_values(desk)
        return measure(desk, asked)

    period = reading.period_of(desk, asked)
    return desk.patiently(("ready", period, asked.segment, asked.compares), compute)


def measure(desk: Desk, asked: Asked) -> Measured:
    """Measure the workspace's journey in the URL's period and segment, against the period before where there is one."""
    from ariane.console import findings

    period = reading.period_of(desk, asked)
    compares = asked.compares and asked.range != "all" and _had_before(desk, asked)

    def compute() -> Measured:
        journey = reading.journey_of(desk)
        now = reading.population_of(desk, asked, period)
        before = reading.population_of(desk, asked, period.before()) if compares else None
        hurting = [finding.step for finding in findings.found(desk, asked)]
        drawn = journeys.journey_map(
            now, journey, compare=before, friction_steps=hurting, minimum=desk.settings.minimum_cell
        )
        return Measured(drawn, now.n_persons(), before.n_persons() if before else None, _identified(now))

    return desk.answer(("map", period, asked.segment, compares), compute)


def _identified(population: Population) -> int:
    """Persons known by more than a machine: an account, an address, a card, a number, a handle."""
    known = population.engine.table("identifiers")
    named = known.filter(~known.kind.isin(MACHINES)).select("person_id").distinct()
    theirs = named.semi_join(population.persons, "person_id")
    return int(population.engine.run(theirs.aggregate(n=theirs.count())).column("n")[0].as_py())


def _had_before(desk: Desk, asked: Asked) -> bool:
    """Whether events reach back over at least half of the period before."""
    period, first = reading.period_of(desk, asked), desk.extent().first_us
    before = period.before()
    if first is None or before.since_us is None or before.until_us is None:
        return False
    return first <= (before.since_us + before.until_us) // 2


def tiles(desk: Desk, asked: Asked, measured: Measured) -> list[figures.Figure]:
    """Persons, then the journey's own figures."""
    tongue = desk.tongue(asked.lang)
    period = reading.period_of(desk, asked)
    weeks = next((kpi.weekly for kpi in measured.map.kpis if kpi.key == "conversion"), ())
    look = figures.Look(
        N_("Persons"),
        why=N_("Persons with at least one event in the period; identified: by an account, an address or a card"),
    )
    known = Interval(float(measured.n_persons), None, None, measured.n_persons)
    before = None
    if measured.n_persons_before is not None:
        before = Interval(float(measured.n_persons_before), None, None, measured.n_persons_before)
    said = figures.figure(
        tongue, "persons", look, known, before, [float(week.n) for week in figures.full_weeks(weeks, period)], None
    )
    identified = tongue.n_("%(n)s identified", "%(n)s identified", measured.n_identified)
    value = tongue.number(measured.n_persons)  # a count is told however small
    return [
        msgspec.structs.replace(said, value=value, basis=identified),
        *figures.of_kpis(tongue, measured.map.kpis, period),
    ]


class Quiet(msgspec.Struct, frozen=True):
    """A period in which nothing happened: when something did, and where to see it."""

    text: str
    href: str


def quiet(desk: Desk, asked: Asked, measured: Measured) -> Quiet | None:
    """What to say when nobody did anything in the period and segment of the URL."""
    extent = desk.extent()
    if measured.n_persons or extent.first_us is None or extent.last_us is None:
        return None
    span = desk.tongue(asked.lang).span(extent.first_us, extent.last_us + 1)
    said = desk.tongue(asked.lang)._(
        "Nothing happened in this period and segment. The events run over %(span)s.", span=span
    )
    return Quiet(said, asked.link(range="all", since=None, until=None, segment=None))


def subtitle(desk: Desk, asked: Asked) -> str:
    """The period and the segment, said."""
    tongue = desk.tongue(asked.lang)
    period = reading.period_of(desk, asked)
    if period.since_us is None or period.until_us is None:
        return ""
    said = tongue.span(period.since_us, period.until_us)
    return f"{said} · {reading.segment_name(desk, asked)}" if asked.segment else said


def held(desk: Desk, asked: Asked, drawn: JourneyMap) -> str:
    """How many persons consent held back from these numbers."""
    tongue = desk.tongue(asked.lang)
    said = tongue.n_(
        "%(n)s person held back by consent: counted here, in none of these numbers",
        "%(n)s persons held back by consent: counted here, in none of these numbers",
        drawn.n_held_back,
    )
    return said + " · " + tongue._("purpose: measurement")
