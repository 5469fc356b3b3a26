"""What hurts, as cards: what, where, for whom, since when, how much worse than usual, and the persons behind it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import blake2b

import msgspec
from starlette.responses import Response

from ariane import journeys
from ariane.console import names, reading, sheets
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.journeys.measured import Finding
from ariane.model import DAY, Interval

ICONS = {"drop_off": "trending-down", "wait": "timer", "repeat_contact": "repeat", "ping_pong": "arrow-left-right"}
KINDS = {
    "drop_off": N_("Drop-off"),
    "wait": N_("Wait"),
    "repeat_contact": N_("Repeat contact"),
    "ping_pong": N_("Back and forth"),
}
HEADLINES = {
    "drop_off": N_("%(step)s: more leave before %(to)s"),
    "wait": N_("%(step)s: longer waits"),
    "repeat_contact": N_("%(step)s: people come back for the same reason"),
    "ping_pong": N_("%(step)s: back and forth with %(to)s"),
}
RATES = {
    "drop_off": N_("left here"),
    "wait": N_("waited long"),
    "repeat_contact": N_("came back"),
    "ping_pong": N_("went back and forth"),
}


class Bar(msgspec.Struct, frozen=True):
    """A share on a track, with its bounds; places are parts of the track's width."""

    label: str
    value: str
    bounds: str
    at: float
    lo: float
    hi: float
    tone: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A finding."""

    anchor: str
    detector: str
    step: str
    to_step: str
    slice_value: str
    began_on: date
    ended_on: date
    tone: str
    icon: str
    kind: str
    slice: str
    when: str
    headline: str
    rows: tuple[Bar, ...]
    explained: str
    persons: str
    href: str
    part: str
    map_href: str


def found(desk: Desk, asked: Asked) -> tuple[Finding, ...]:
    """The frictions of the URL's period and segment, surest first."""
    period = reading.period_of(desk, asked)
    return desk.answer(
        ("frictions", period, asked.segment),
        lambda: journeys.frictions(reading.population_of(desk, asked, period), reading.journey_of(desk)),
    )


def name_of(finding: Finding) -> str:
    """A name that stays the same as long as the finding says the same of the same slice."""
    told = f"{finding.detector}|{finding.step}|{finding.to_step}|{sorted(finding.slice.items())}|{finding.began_on}"
    return finding.detector + "-" + blake2b(told.encode(), digest_size=4).hexdigest()


def of(desk: Desk, asked: Asked, anchor: str) -> Finding | None:
    return next((finding for finding in found(desk, asked) if name_of(finding) == anchor), None)


def cards(desk: Desk, asked: Asked) -> list[Card]:
    """The findings as a screen shows them."""
    return [_card(desk, asked, finding) for finding in found(desk, asked)]


def _card(desk: Desk, asked: Asked, finding: Finding) -> Card:
    tongue = desk.tongue(asked.lang)
    anchor = name_of(finding)
    journey = reading.journey_of(desk)
    step, to = (names.short(journey.step(key).label(asked.lang)) for key in (finding.step, finding.to_step))
    enough = finding.n_persons >= desk.settings.minimum_cell
    few = tongue._("fewer than %(n)s persons", n=tongue.number(desk.settings.minimum_cell))
    here = Asked("/journeys", asked.params, asked.lang)
    return Card(
        anchor=anchor,
        detector=finding.detector,
        step=finding.step,
        to_step=finding.to_step,
        slice_value=finding.slice_value,
        began_on=finding.began_on,
        ended_on=finding.ended_on,
        tone="friction",
        icon=ICONS.get(finding.detector, "triangle-alert"),
        kind=tongue._(KINDS.get(finding.detector, finding.detector)),
        slice=slice_name(tongue, finding.slice),
        when=when(desk, asked, finding.began_on, finding.ended_on),
        headline=tongue._(HEADLINES.get(finding.detector, "%(step)s"), step=step, to=to),
        rows=_bars(tongue, finding),
        explained=_explained(tongue, finding),
        persons=tongue.n_("%(n)s person", "%(n)s persons", finding.n_persons) if enough else few,
        href=asked.link("/journeys", open=f"finding:{anchor}"),
        part=here.link("/journeys/behind", open=f"finding:{anchor}"),
        map_href=asked.link("/journeys", open=None) + f"#{anchor}" if asked.path != "/journeys" else "",
    )


def slice_name(tongue: Tongue, slice_: dict[str, str]) -> str:
    said = [
        names.pair(tongue, names.column(tongue, column), names.value(tongue, column, value))
        for column, value in slice_.items()
    ]
    return " · ".join(said) if said else tongue._("Everyone")


def when(desk: Desk, asked: Asked, began: date, ended: date) -> str:
    """Its days; still going on when it lasts to the end of the period."""
    tongue = desk.tongue(asked.lang)
    until = reading.period_of(desk, asked).until_us
    if until is not None and micros(ended) + DAY >= until:
        return tongue._("since %(day)s", day=tongue.day(micros(began)))
    return tongue.span(micros(began), micros(ended) + 1)


def micros(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def _bars(tongue: Tongue, finding: Finding) -> tuple[Bar, ...]:
    """The rate then and otherwise, on one track that ends a little above the larger upper bound."""
    ends = [one.hi if one.hi is not None else one.value or 0.0 for one in (finding.rate, finding.baseline)]
    width = max(0.05, min(1.0, max(ends) * 1.1))
    then = tongue._(RATES.get(finding.detector, "left here"))
    return (
        _bar(tongue, then, finding.rate, width, "friction"),
        _bar(tongue, tongue._("usually"), finding.baseline, width, ""),
    )


def _bar(tongue: Tongue, label: str, interval: Interval, width: float, tone: str) -> Bar:
    value = interval.value or 0.0
    lo = interval.lo if interval.lo is not None else value
    hi = interval.hi if interval.hi is not None else value
    digits = 1 if value < 0.1 else 0
    said = tongue.percent(interval.value, digits)
    return Bar(
        label, said, tongue.interval(interval, "percent", digits), value / width, lo / width, min(1.0, hi / width), tone
    )


def _explained(tongue: Tongue, finding: Finding) -> str:
    """How much more than usual, of how many, at which cost, and how sure."""
    said = [
        tongue.n_(
            "%(bad)s of %(n)s time, about %(more)s more than usual",
            "%(bad)s of %(n)s times, about %(more)s more than usual",
            finding.n_trials,
            bad=tongue.number(finding.n_bad),
            more=tongue.number(round(finding.excess)),
        )
    ]
    if finding.money_minor:
        said.append(
            tongue._(
                "about %(money)s of orders lost", money=tongue.money(finding.money_minor, finding.currency or "EUR")
            )
        )
    said.append(
        tongue.n_(
            "%(n)s slice tried, no false one at 99 %%", "%(n)s slices tried, no false one at 99 %%", finding.n_tried
        )
    )
    return " · ".join(said)


def facts(desk: Desk, asked: Asked, card: Card) -> list[tuple[str, str, str]]:
    """What the drawer says of a finding above its persons."""
    tongue = desk.tongue(asked.lang)
    told = [(bar.label, bar.value, bar.bounds) for bar in card.rows]
    return [(tongue._("Who"), card.slice, ""), (tongue._("When"), card.when, ""), *told]


def subtitle(desk: Desk, asked: Asked, shown: list[Card]) -> str:
    tongue = desk.tongue(asked.lang)
    if not shown:
        return ""
    return tongue.n_("%(n)s finding in this period", "%(n)s findings in this period", len(shown))


def download(desk: Desk, asked: Asked) -> Response:
    """The findings as a table."""
    header = (
        "detector",
        "step",
        "to_step",
        "slice_property",
        "slice_value",
        "began_on",
        "ended_on",
        "rate",
        "rate_lo",
        "rate_hi",
        "baseline",
        "baseline_lo",
        "baseline_hi",
        "n_trials",
        "n_bad",
        "excess",
        "n_persons",
        "p_value",
        "money_minor",
        "currency",
    )
    rows = (
        (
            f.detector,
            f.step,
            f.to_step,
            f.slice_property,
            f.slice_value,
            f.began_on.isoformat(),
            f.ended_on.isoformat(),
            f.rate.value,
            f.rate.lo,
            f.rate.hi,
            f.baseline.value,
            f.baseline.lo,
            f.baseline.hi,
            f.n_trials,
            f.n_bad,
            f.excess,
            f.n_persons,
            f.p_value,
            f.money_minor,
            f.currency,
        )
        for f in found(desk, asked)
    )
    return sheets.sheet("findings", header, rows)
