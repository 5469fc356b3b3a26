"""The measured map: every step with its persons, emotion, touchpoints, waits and drop-off, in one Struct for a screen.

Two queries and the count of those held back: one of what persons did, one of what they told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import ibis
import msgspec

from ariane.intervals import wilson
from ariane.journeys import moments as truth
from ariane.journeys.blueprint import Desired, Journey, Step, Text
from ariane.journeys.emotion import by_person, estimate, marks, sums
from ariane.journeys.kpis import SUMS, Kpi, answers, compared, read_kpis
from ariane.journeys.matrix import counts, visited
from ariane.journeys.steps import read_steps
from ariane.model import CHANNELS, DAY, SECOND, Interval, Stage
from ariane.result import Tabular

if TYPE_CHECKING:
    from ariane.consent import Population

Mark = Literal["moment", "friction", "delight"]
DELIGHT = 0.8
N_VERBATIMS = 3
MOST_ROWS = 24


class Verbatim(msgspec.Struct, frozen=True):
    """What somebody said. Comments may name people: mask them before they are shown."""

    comment: str
    event_id: str
    occurred_us: int
    emotion: float | None


class Cell(msgspec.Struct, frozen=True):
    """A touchpoint: one step on one row of the grid.

    `reach` is the share of the step's persons; `rate` is events here over events of the nearest earlier step with the
    same row, given where the rows are a property of the thing itself and not the channel.
    """

    row: str
    n_persons: int
    n_events: int
    reach: Interval
    emotion: Interval
    rate: float | None = None
    delight: bool = False


class StepView(msgspec.Struct, frozen=True):
    """A column of the map. `emotion` without a value: too few to say. Sources count answers and behaviour signals."""

    key: str
    name: Text
    stage: Stage
    owner: str
    medium: str
    elements: tuple[str, ...]
    frontstage: Text
    backstage: Text
    desired: Desired | None
    n_persons: int
    n_events: int
    reach: Interval
    emotion: Interval
    sources: dict[str, int]
    marks: tuple[Mark, ...]
    importance: Interval | None
    drop_off: Interval
    median_wait_s: float | None
    p95_wait_s: float | None
    cells: tuple[Cell, ...]
    verbatims: tuple[Verbatim, ...]

    @property
    def mark(self) -> Mark | None:
        """The one mark a small drawing has room for."""
        return self.marks[0] if self.marks else None


class JourneyMap(msgspec.Struct, Tabular, frozen=True, dict=True):
    """A journey as lived and perceived, in one period, by one population. `rows` are the grid's, in drawing order.

    `peak` is the step whose emotion is furthest from neutral, `end` the last one that was spoken of (Kahneman et al.
    1993). `window_s` is the window of drop-off. Instants bound the period, or the events where it is open.
    """

    name: Text
    goal: str
    proposed: bool
    purpose: str
    stages: tuple[tuple[Stage, int], ...]
    steps: tuple[StepView, ...]
    rows: tuple[str, ...]
    rows_are: str
    kpis: tuple[Kpi, ...]
    peak: str | None
    end: str | None
    n_persons: int
    n_converted: int
    n_events: int
    n_held_back: int
    since_us: int | None
    until_us: int | None
    window_s: int
    minimum: int

    def as_rows(self) -> list[dict[str, Any]]:
        """One row a step."""
        return [
            {
                "stage": step.stage, "step": step.key, "n_persons": step.n_persons, "n_events": step.n_events,
                "emotion": step.emotion.value, "emotion_lo": step.emotion.lo, "emotion_hi": step.emotion.hi,
                "drop_off": step.drop_off.value, "drop_off_lo": step.drop_off.lo, "drop_off_hi": step.drop_off.hi,
                "median_wait_s": step.median_wait_s, "p95_wait_s": step.p95_wait_s, "marks": list(step.marks),
            }
            for step in self.steps
        ]  # fmt: skip


def journey_map(
    population: Population,
    journey: Journey,
    *,
    compare: Population | None = None,
    friction_steps: Iterable[str] = (),
    minimum: int = 5,
) -> JourneyMap:
    """Measure a journey. `compare` is the population the figures are compared with: the period before, or a segment.

    `friction_steps` are marked (the steps of `frictions`); fewer than `minimum` persons show no emotion.

    >>> import tempfile, ariane
    >>> population = ariane.open(tempfile.mkdtemp() + "/shop", create=True).population()
    >>> from ariane.journeys.blueprint import Step
    >>> journey = Journey(steps=(Step(key="pays", stage="conversion", events=("Order Completed",)),), goal="pays")
    >>> drawn = journey_map(population, journey)
    >>> drawn.stages, drawn.steps[0].emotion.n, [kpi.key for kpi in drawn.kpis]
    ((('conversion', 1),), 0, ['nps', 'csat', 'csat_top2', 'ces', 'conversion'])
    """
    window_s = _window_s(population, journey)
    counted, told = _measure(population, journey, window_s)
    figures = read_kpis([row for row in told if row["part"] == "score"], counted)
    if compare is not None:
        counted_before, told_before = _measure(compare, journey, window_s)
        before = read_kpis([row for row in told_before if row["part"] == "score"], counted_before)
        figures = compared(figures, before)
    return _assemble(population, journey, counted, told, figures, set(friction_steps), minimum, window_s)


def _measure(
    population: Population, journey: Journey, window_s: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of the map's two queries: what was done, and what was told."""
    read, run = read_steps(population, journey), population.engine.run
    counted = run(counts(visited(read, window_s), journey.goal_index(), len(journey.steps), window_s))
    return counted.to_pylist(), run(_told(read, journey)).to_pylist()


def _window_s(population: Population, journey: Journey) -> int:
    """The journey's window, but at most half of the period: else nobody's window would have ended."""
    window = journey.window_days * DAY // SECOND
    if population.since_us is not None and population.until_us is not None:
        window = max(1, min(window, (population.until_us - population.since_us) // SECOND // 2))
    return window


TOLD = {
    "step_index": "int64", "row": "string", "n_said": "int64", "n_shown": "int64", "n_answers": "int64",
    "n_signals": "int64", "sum_d": "float64", "sum_dd": "float64", "sum_b": "float64", "sum_bb": "float64",
    "n": "int64", "x": "float64", "y": "float64", "xx": "float64", "yy": "float64", "xy": "float64",
    "question": "string", "week": "int64",
    **dict.fromkeys(SUMS, "float64"),
    "comment": "string", "event_id": "string", "occurred_us": "int64", "answer": "float64",
}  # fmt: skip


def _told(read: ibis.Table, journey: Journey) -> ibis.Table:
    """What was told as one table of parts: sums by cell and step, moments' products, scores, the newest verbatims."""
    told = marks(read, journey)
    persons = by_person(told)
    newest = ibis.window(group_by="step_index", order_by=[ibis.desc("occurred_us"), ibis.desc("event_id")])
    said = told.filter(told.comment.notnull() & (told.comment != ""))
    said = said.mutate(age=ibis.row_number().over(newest)).filter(ibis._.age < N_VERBATIMS)
    said = said.select("step_index", "comment", "event_id", "occurred_us", "answer")
    parts = {
        "cell": sums(by_person(told, "row"), "row"),
        "step": sums(persons),
        "moment": truth.products(persons, truth.overall(read)),
        "score": answers(read),
        "verbatim": said,
    }
    shaped = [
        rows.select(
            part=ibis.literal(name),
            **{c: (rows[c].cast(kind) if c in rows.columns else ibis.null(kind)) for c, kind in TOLD.items()},
        )
        for name, rows in parts.items()
    ]
    return shaped[0].union(*shaped[1:])


def _assemble(
    population: Population,
    journey: Journey,
    counted: list[dict[str, Any]],
    told: list[dict[str, Any]],
    figures: tuple[Kpi, ...],
    hurting: set[str],
    minimum: int,
    window_s: int,
) -> JourneyMap:
    parts = {(row["part"], row["step_index"], row["row"]): row for row in counted}
    everyone = parts.get(("all", None, None), {})
    n_persons = int(everyone.get("n_persons") or 0)
    rows = _rows(counted, journey.rows)
    important = truth.importances(row for row in told if row["part"] == "moment")
    top = truth.moments(important)
    steps = []
    for index, step in enumerate(journey.steps):
        here = {row["part"]: row for row in counted if row["step_index"] == index and row["part"] != "cell"}
        heard = [row for row in told if row["step_index"] == index]
        cells = _cells(index, counted, heard, rows, journey.rows != "channel", here, minimum)
        view = _step(step, here, heard, n_persons, important.get(index), minimum)
        marked = _marks(step.key in hurting, index in top, view.emotion if _spoken(view, minimum) else None)
        steps.append(msgspec.structs.replace(view, cells=cells, marks=marked))
    felt = [step for step in steps if step.emotion.value is not None and _spoken(step, minimum)]
    stages = {stage: sum(step.stage == stage for step in steps) for stage in dict.fromkeys(s.stage for s in steps)}
    return JourneyMap(
        name=journey.name, goal=journey.goal, proposed=journey.proposed, purpose=population.purpose,
        stages=tuple(stages.items()), steps=tuple(steps), rows=rows, rows_are=journey.rows, kpis=figures,
        peak=max(felt, key=lambda s: abs(s.emotion.value or 0.0)).key if felt else None,
        end=felt[-1].key if felt else None,
        n_persons=n_persons, n_converted=int(everyone.get("a") or 0), n_events=int(everyone.get("n_events") or 0),
        n_held_back=population.n_held_back(),
        since_us=population.since_us if population.since_us is not None else everyone.get("b"),
        until_us=population.until_us if population.until_us is not None else everyone.get("c"),
        window_s=window_s, minimum=minimum,
    )  # fmt: skip


def _rows(counted: Sequence[Mapping[str, Any]], rows_are: str) -> tuple[str, ...]:
    """The grid's rows: channels in the order everybody knows, others by persons; the property missing comes last."""
    persons: dict[str, int] = {}
    for row in counted:
        if row["part"] == "cell":
            persons[row["row"]] = persons.get(row["row"], 0) + int(row["n_persons"])
    known = {channel: place for place, channel in enumerate(CHANNELS)} if rows_are == "channel" else {}
    ordered = sorted(persons, key=lambda r: (r == "", known.get(r, len(CHANNELS)), -persons[r], r))
    return tuple(ordered[:MOST_ROWS])


def _step(
    step: Step,
    here: Mapping[str, Mapping[str, Any]],
    heard: Sequence[Mapping[str, Any]],
    n_persons: int,
    importance: Interval | None,
    minimum: int,
) -> StepView:
    reached, left, wait = here.get("step", {}), here.get("left", {}), here.get("wait", {})
    n_here = int(reached.get("n_persons") or 0)
    felt = next((row for row in heard if row["part"] == "step"), None)
    said = sorted((row for row in heard if row["part"] == "verbatim"), key=lambda r: (-r["occurred_us"], r["event_id"]))
    return StepView(
        key=step.key, name=step.name or step.label(), stage=step.stage, owner=step.owner, medium=step.medium,
        elements=step.elements, frontstage=step.frontstage, backstage=step.backstage, desired=step.desired,
        n_persons=n_here, n_events=int(reached.get("n_events") or 0), reach=wilson(n_here, n_persons),
        emotion=estimate(felt, n_here, minimum) if felt else Interval(None, None, None, 0),
        sources={"answers": int(felt["n_answers"]), "behaviour": int(felt["n_signals"])} if felt else {},
        marks=(), importance=importance, drop_off=wilson(left.get("a") or 0, left.get("n_persons") or 0),
        median_wait_s=_seconds(wait.get("a")), p95_wait_s=_seconds(wait.get("b")), cells=(),
        verbatims=tuple(Verbatim(r["comment"], r["event_id"], r["occurred_us"], r["answer"]) for r in said),
    )  # fmt: skip


def _cells(
    index: int,
    counted: Sequence[Mapping[str, Any]],
    heard: Sequence[Mapping[str, Any]],
    rows: tuple[str, ...],
    rated: bool,
    here: Mapping[str, Mapping[str, Any]],
    minimum: int,
) -> tuple[Cell, ...]:
    found = {(row["step_index"], row["row"]): row for row in counted if row["part"] == "cell"}
    felt = {row["row"]: row for row in heard if row["part"] == "cell"}
    n_step = int(here.get("step", {}).get("n_persons") or 0)
    cells = []
    for row in rows:
        held = found.get((index, row))
        if held is None:
            continue
        n = int(held["n_persons"])
        emotion = estimate(felt[row], n, minimum) if row in felt else Interval(None, None, None, 0)
        earlier = next((found[i, row]["n_events"] for i in range(index - 1, -1, -1) if (i, row) in found), None)
        cells.append(
            Cell(
                row=row, n_persons=n, n_events=int(held["n_events"]), reach=wilson(n, n_step), emotion=emotion,
                rate=held["n_events"] / earlier if rated and row and earlier else None,
                delight=row in felt and felt[row]["n_said"] >= minimum and (emotion.lo or 0.0) > DELIGHT,
            )
        )  # fmt: skip
    return tuple(cells)


def _spoken(step: StepView, minimum: int) -> bool:
    """Whether enough was said of a step: what behaviour alone suggests is drawn, but nothing is concluded from it."""
    return step.sources.get("answers", 0) >= minimum


def _marks(hurts: bool, decides: bool, emotion: Interval | None) -> tuple[Mark, ...]:
    """A moment of truth; friction, found or felt (the whole interval below −0.8); delight (above +0.8)."""
    lo, hi = (emotion.lo, emotion.hi) if emotion else (None, None)
    marked: list[Mark] = ["moment"] if decides else []
    if hurts or (hi is not None and hi < -DELIGHT):
        marked.append("friction")
    if lo is not None and lo > DELIGHT:
        marked.append("delight")
    return tuple(marked)


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / SECOND
