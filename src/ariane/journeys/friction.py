"""Friction: what hurts, for whom, since when and until when, and how sure that is.

Four detectors (`drop_off`, `ping_pong`, `wait`, `repeat_contact`) count trials and bad ones by day, step and slice in
one aggregation each. For every slice a scan over days (see `scan`) looks for a stretch in which its rate was higher
than on its own other days, and higher than what happened to everybody else in those days. The strongest is taken, its
trials are removed, and the rest is scanned again (Zhang, Assunção & Kulldorff 2010): so a slice that only overlaps
with a stronger one is not reported. Significance is held over all slices tried, by Holm's rule (1979).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import ibis
import msgspec
import numpy as np

from ariane.errors import InputError
from ariane.intervals import wilson
from ariane.journeys.blueprint import Journey
from ariane.journeys.cells import Cells, Slice
from ariane.journeys.scan import dispersion, excess_z, odds_ratio, p_value
from ariane.journeys.trials import attempts, repeats, waits
from ariane.model import DAY, Interval

if TYPE_CHECKING:
    from ariane.consent import Population

DETECTORS = ("drop_off", "ping_pong", "wait", "repeat_contact")
PROPERTIES = (
    "channel", "ctx_device_type", "ctx_os", "ctx_app_version", "prop_store", "prop_carrier", "prop_reason",
    "prop_category", "prop_product_id", "prop_campaign",
)  # fmt: skip
"""The columns by whose values frictions are told apart, each alone; and the pair of system and version."""
Z_OTHERS = 2.5758293035489
LEAST_ODDS = 1.5
"""The odds of a bad trial must have risen at least so many times: with many trials a drift too small to act upon is
certain too."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of days in which a slice fared worse than on its other days, and than everybody else in those days.

    `slice` is empty when everybody was concerned. `rate` and `baseline` are shares of bad trials in the stretch and
    outside it, with Wilson's intervals; `n_bad` bad trials of `n_trials` in the stretch, `excess` more than at the
    baseline; `n_persons` had a bad one. `p_value` is corrected for the days searched, not for the slices tried, of
    which there were `n_tried`. `money_minor` is the orders lost at the mean order, for drop-off before the goal.
    """

    detector: str
    step: str
    to_step: str
    slice: dict[str, str]
    began_on: date
    ended_on: date
    rate: Interval
    baseline: Interval
    n_trials: int
    n_bad: int
    excess: float
    n_persons: int
    p_value: float
    llr: float
    n_tried: int
    money_minor: int | None = None
    currency: str | None = None

    @property
    def slice_property(self) -> str:
        return " × ".join(self.slice)

    @property
    def slice_value(self) -> str:
        return " × ".join(self.slice.values())


def frictions(
    population: Population,
    journey: Journey,
    *,
    detectors: Sequence[str] = DETECTORS,
    properties: Sequence[str] = PROPERTIES,
    confidence: float = 0.99,
    seed: int = 0,
) -> tuple[Finding, ...]:
    """The frictions of a period, surest first: at `confidence`, no false one among all slices tried together.

    What never changed within the period is no finding: a slice is compared with its own other days. InputError for an
    unknown detector.

    >>> import tempfile, ariane
    >>> population = ariane.open(tempfile.mkdtemp() + "/shop", create=True).population()
    >>> from ariane.journeys.blueprint import Step
    >>> journey = Journey(steps=(Step(key="pays", stage="conversion", events=("Order Completed",)),), goal="pays")
    >>> frictions(population, journey, confidence=0.95)
    ()
    """
    wrong = [name for name in detectors if name not in DETECTORS]
    if wrong:
        raise InputError(f"There is no detector '{wrong[0]}'.", where="detectors", allowed=", ".join(DETECTORS))
    if not journey.steps:
        return ()
    tables = _tables(population, journey, detectors, tuple(properties))
    found = _search(tables, 1 - confidence, np.random.default_rng(seed))
    return _described(population, journey, found)


class _Hit(msgspec.Struct, frozen=True):
    """A significant stretch, as the search leaves it."""

    detector: str
    slice: Slice
    first_day: int
    last_day: int
    counts: tuple[int, int, int, int]
    to_index: int | None
    p_value: float
    llr: float
    n_tried: int


def _search(tables: list[Cells], alpha: float, rng: np.random.Generator) -> list[_Hit]:
    """The greedy search, over all detectors together: Holm's rule needs the surest of all first."""
    tried = sum(len(cells.slices) for cells in tables)
    hits: list[_Hit] = []
    passed: set[tuple[str, Slice, int, int]] = set()
    while tried > len(hits):
        best = _best(tables, passed)
        if best is None:
            break
        cells, slice_, stretch, scale = best
        level = alpha / (tried - len(hits))
        n, k = cells.series(slice_)
        llr = stretch.llr / scale
        p = p_value(n, k, llr, rng)
        if p > level:
            break
        passed.add((cells.detector, slice_, stretch.first, stretch.last))
        stretch = cells.sharpened(slice_, stretch)
        counts, others = cells.counts(slice_, stretch.first, stretch.last)
        if odds_ratio(*counts) < LEAST_ODDS or (slice_.values and excess_z(*counts, others) < Z_OTHERS):
            continue
        first_day, last_day = cells.first_day + stretch.first, cells.first_day + stretch.last
        to_index = cells.remove(slice_, stretch.first, stretch.last)
        hit = _Hit(cells.detector, slice_, first_day, last_day, counts, to_index, p, llr, tried)
        if not any(_same_turn(hit, other) for other in hits):
            hits.append(hit)
    return hits


def _same_turn(hit: _Hit, other: _Hit) -> bool:
    """Whether a to and fro is a stronger one seen from its other end: B → A → B in the days of A → B → A."""
    return (
        hit.detector == other.detector == "ping_pong"
        and (hit.slice.step, hit.to_index) == (other.to_index, other.slice.step)
        and hit.first_day <= other.last_day
        and other.first_day <= hit.last_day
    )


def _best(tables: list[Cells], passed: set[tuple[str, Slice, int, int]]) -> tuple[Cells, Slice, Any, float] | None:
    """The candidate of the largest LLR; of slices that say nearly the same, the plainer one."""
    ranked = []
    for cells in tables:
        for slice_, stretch in cells.stretches().items():
            if stretch.llr > 0 and (cells.detector, slice_, stretch.first, stretch.last) not in passed:
                scale = cells.dispersion(slice_, dispersion)
                ranked.append((stretch.llr / scale, cells, slice_, stretch, scale))
    if not ranked:
        return None
    top = max(llr for llr, *_ in ranked)
    lead = next(row for row in ranked if row[0] == top)
    rivals = [row for row in ranked if row[0] > 0.97 * top and row[1] is lead[1] and row[2].step == lead[2].step]
    _, cells, slice_, stretch, scale = min(rivals, key=lambda row: (len(row[2].values), -row[0], row[2].values))
    return cells, slice_, stretch, scale


def _steps_of(detector: str, journey: Journey) -> range:
    """The steps a detector judges: leaving is a loss before the goal only."""
    return range(journey.goal_index()) if detector == "drop_off" else range(len(journey.steps))


_TRIALS: dict[str, Callable[[Population, Journey, Sequence[str]], ibis.Table]] = {
    "drop_off": attempts, "ping_pong": attempts, "wait": waits, "repeat_contact": repeats,
}  # fmt: skip
_BAD = {"drop_off": "left", "ping_pong": "bounced", "wait": "bad", "repeat_contact": "bad"}


def _tables(
    population: Population, journey: Journey, detectors: Sequence[str], properties: tuple[str, ...]
) -> list[Cells]:
    """Each detector's trials counted by step, day, where it went and every property, in one aggregation a kind."""
    counted: dict[Any, Any] = {}
    tables = []
    for detector in dict.fromkeys(detectors):
        kind = _TRIALS[detector]
        if kind not in counted:
            counted[kind] = population.engine.run(_counts(kind(population, journey, properties), properties))
        cells = Cells(detector, counted[kind], properties, _steps_of(detector, journey), _BAD[detector])
        if cells.n_days > 0:
            tables.append(cells)
    return tables


def _counts(trials: ibis.Table, properties: tuple[str, ...]) -> ibis.Table:
    rows = trials.mutate(day=(trials.at_us // DAY).cast("int64"), went=trials.to_index)
    summed = [name for name in ("bad", "left", "bounced", "amount") if name in trials.columns]
    return rows.group_by(["step_index", "day", "went", *properties]).aggregate(
        n=rows.count(), **{name: rows[name].sum() for name in summed}
    )


def finding_persons(population: Population, journey: Journey, finding: Finding) -> ibis.Table:
    """The person_ids who had a bad trial in a finding's slice and days."""
    trials = _TRIALS[finding.detector](population, journey, tuple(finding.slice))
    return trials.filter(_hurt(trials, journey, finding)).select("person_id").distinct()


def _hurt(trials: ibis.Table, journey: Journey, finding: Finding) -> Any:
    """Whether a trial is a bad one of the finding's."""
    day = trials.at_us // DAY
    kept = (trials.step_index == journey.index(finding.step)) & (trials[_BAD[finding.detector]] == 1)
    kept = kept & (day >= _number(finding.began_on)) & (day <= _number(finding.ended_on))
    for name, value in finding.slice.items():
        kept = kept & (trials[name] == value)
    return kept.fill_null(False)


def _described(population: Population, journey: Journey, hits: list[_Hit]) -> tuple[Finding, ...]:
    """The hits as findings, with their persons and money."""
    found = [_finding(hit, journey) for hit in hits]
    price = _mean_order(population) if any(_loses_orders(one, journey) for one in found) else None
    for kind in {_TRIALS[finding.detector] for finding in found}:
        held = [place for place, finding in enumerate(found) if _TRIALS[finding.detector] is kind]
        trials = kind(population, journey, tuple(dict.fromkeys(name for place in held for name in found[place].slice)))
        persons = {f"n_{place}": trials.person_id.nunique(where=_hurt(trials, journey, found[place])) for place in held}
        counted = population.engine.run(trials.aggregate(**persons)).to_pylist()[0]
        for place in held:
            found[place] = msgspec.structs.replace(found[place], n_persons=int(counted[f"n_{place}"]))
    return tuple(_priced(finding, journey, price) for finding in found)


def _priced(finding: Finding, journey: Journey, price: tuple[float, str] | None) -> Finding:
    if price is None or not _loses_orders(finding, journey):
        return finding
    return msgspec.structs.replace(finding, money_minor=round(finding.excess * price[0]), currency=price[1])


def _finding(hit: _Hit, journey: Journey) -> Finding:
    k_in, n_in, k_out, n_out = hit.counts
    keys = journey.keys()
    to_index = hit.slice.step + 1 if hit.detector == "drop_off" else hit.to_index
    baseline = wilson(k_out, n_out)
    return Finding(
        detector=hit.detector, step=keys[hit.slice.step],
        to_step=keys[to_index] if to_index is not None else keys[hit.slice.step],
        slice=dict(hit.slice.values), began_on=_day(hit.first_day), ended_on=_day(hit.last_day),
        rate=wilson(k_in, n_in), baseline=baseline, n_trials=n_in, n_bad=k_in,
        excess=k_in - n_in * (baseline.value or 0.0), n_persons=0, p_value=hit.p_value, llr=hit.llr,
        n_tried=hit.n_tried,
    )  # fmt: skip


def _loses_orders(finding: Finding, journey: Journey) -> bool:
    return finding.detector == "drop_off" and finding.to_step == journey.steps[journey.goal_index()].key


def _mean_order(population: Population) -> tuple[float, str] | None:
    """The mean order, in minor units of the currency most orders are in."""
    events = population.events
    orders = events.filter((events.event == "Order Completed") & events.prop_revenue_minor.notnull())
    summed = orders.group_by("prop_currency").aggregate(n=orders.count(), total=orders.prop_revenue_minor.sum())
    rows = population.engine.run(summed).to_pylist()
    if not rows:
        return None
    most = max(rows, key=lambda row: (row["n"], row["prop_currency"] or ""))
    return most["total"] / most["n"], most["prop_currency"] or ""


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)
