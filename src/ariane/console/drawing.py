"""A measured map as a drawing: where each thing stands on the grid, what it says, and what it opens."""

from __future__ import annotations

import msgspec

from ariane.console import masking, names, shapes
from ariane.console.asked import Asked
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.journeys.measured import Cell, JourneyMap, StepView
from ariane.model import SECOND, STAGES

SCALE = 21.0  # percent of the curve's height for one point of emotion: −2…+2 with a little air
HEIGHT = 186.0  # of the curve, in px, as the style sheet has it
STEEP = 1.0
HOT_DROP = 0.5
FULL = 1.6  # the emotion whose colour is at its strongest

MARKS = {
    "moment": (N_("Moment of truth"), "sparkles"),
    "friction": (N_("Friction"), "triangle-alert"),
    "delight": (N_("Delight"), "circle-check"),
}


class Mark(msgspec.Struct, frozen=True):
    kind: str
    label: str
    icon: str
    href: str
    title: str


class Kind(msgspec.Struct, frozen=True):
    """A kind of mark, as the legend says it."""

    kind: str
    label: str
    icon: str


class Dot(msgspec.Struct, frozen=True):
    """A measured emotion: its place in percent, its label's offset in px, and the sentence behind it."""

    x: float
    y: float
    label: str
    dx: float
    dy: float
    title: str


class Lane(msgspec.Struct, frozen=True):
    """A number of a lane under the map."""

    text: str
    small: str
    hot: bool
    title: str


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One step."""

    at: int
    x: float
    key: str
    name: str
    persons: str
    href: str
    part: str
    title: str
    tone: str
    marks: tuple[Mark, ...]
    dot: Dot | None
    few: str
    says: str
    says_all: str
    front: str
    back: str
    drop: Lane
    wait: Lane
    share: float


class Spot(msgspec.Struct, frozen=True):
    """One touchpoint. `kind` is known, unknown (no emotion told), few or nil; r, m are 0–1; `tone` pos or neg."""

    at: int
    kind: str
    href: str = ""
    part: str = ""
    title: str = ""
    label: str = ""
    r: float = 0.0
    m: float = 0.0
    rate: str = ""
    tone: str = "pos"


class Row(msgspec.Struct, frozen=True):
    at: int
    key: str
    label: str
    spots: tuple[Spot, ...]


class StageHead(msgspec.Struct, frozen=True):
    label: str
    span: int
    number: int


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the map's template needs; `rows_at` names the grid row of each lane."""

    n: int
    stages: tuple[StageHead, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    by_channel: bool
    rows_label: str
    line: tuple[str, ...]
    band: tuple[str, ...]
    whiskers: tuple[tuple[float, float, float], ...]
    wished: tuple[str, ...]
    spoken: str
    has_emotion: bool
    has_marks: bool
    kinds: tuple[Kind, ...]
    has_says: bool
    has_front: bool
    has_back: bool
    has_waits: bool
    rows_at: dict[str, int]
    minimum: int


def draw(tongue: Tongue, asked: Asked, drawn: JourneyMap, findings_of: dict[str, str]) -> Drawing:
    """Place the map. `findings_of` gives the anchor of a step's finding, to go from its mark to it."""
    steps = drawn.steps
    columns = tuple(_column(tongue, asked, drawn, index, findings_of) for index in range(len(steps)))
    line, band, whiskers = _paths(steps)
    wishes = [step.desired.emotion if step.desired else None for step in steps]
    rows = tuple(_row(tongue, asked, drawn, index, key) for index, key in enumerate(drawn.rows))
    first_lane = 5 + len(rows)
    lanes = ("rule", "says", "front", "vis", "back", "rule2", "drop", "wait", "end")
    return Drawing(
        n=len(steps),
        stages=tuple(
            StageHead(names.stage(tongue, stage), span, STAGES.index(stage) + 1) for stage, span in drawn.stages
        ),
        columns=columns,
        rows=rows,
        by_channel=drawn.rows_are == "channel",
        rows_label=names.column(tongue, drawn.rows_are),
        line=line,
        band=band,
        whiskers=whiskers,
        wished=tuple(
            shapes.line([_at(steps, i, wishes[i] or 0.0) for i in run]) for run in shapes.runs(wishes) if len(run) > 1
        ),
        spoken=_spoken(tongue, steps),
        has_emotion=any(step.emotion.value is not None for step in steps),
        has_marks=any(column.marks for column in columns),
        kinds=tuple(Kind(kind, tongue._(label), icon) for kind, (label, icon) in MARKS.items()),
        has_says=any(column.says for column in columns),
        has_front=any(column.front for column in columns),
        has_back=any(column.back for column in columns),
        has_waits=any(step.median_wait_s is not None for step in steps),
        rows_at={name: first_lane + place for place, name in enumerate(lanes)},
        minimum=drawn.minimum,
    )


def _at(steps: tuple[StepView, ...], index: int, emotion: float) -> tuple[float, float]:
    return (index + 0.5) / len(steps) * 1000, 50 - emotion * SCALE


def _paths(
    steps: tuple[StepView, ...],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[float, float, float], ...]]:
    """The curve and its band, in a box of 1000 × 100, broken where too few were heard; a lone step gets a whisker."""
    lines, bands, whiskers = [], [], []
    for run in shapes.runs([step.emotion.value for step in steps]):
        felt = [(i, steps[i].emotion) for i in run]
        if len(run) > 1:
            lines.append(shapes.line([_at(steps, i, e.value or 0.0) for i, e in felt]))
            high = [_at(steps, i, e.hi if e.hi is not None else e.value or 0.0) for i, e in felt]
            low = [_at(steps, i, e.lo if e.lo is not None else e.value or 0.0) for i, e in felt]
            bands.append(shapes.band(high, low))
        elif felt[0][1].lo is not None and felt[0][1].hi is not None:
            index, emotion = felt[0]
            x, top = _at(steps, index, emotion.hi or 0.0)
            whiskers.append((x, top, _at(steps, index, emotion.lo or 0.0)[1]))
    return tuple(lines), tuple(bands), tuple(whiskers)


def _column(tongue: Tongue, asked: Asked, drawn: JourneyMap, index: int, findings_of: dict[str, str]) -> Column:
    step = drawn.steps[index]
    name = names.text(step.name, asked.lang)
    marks = []
    for kind in step.marks:
        label, icon = MARKS[kind]
        anchor = findings_of.get(step.key, "") if kind == "friction" else ""
        href = f"#{anchor}" if anchor else opens(asked, f"step:{step.key}")
        marks.append(Mark(kind, tongue._(label), icon, href, _why(tongue, step, kind)))
    few = ""
    if step.emotion.value is None:
        few = tongue._("too few") if step.emotion.n else tongue._("not told")
    said = [masking.comment(verbatim.comment) for verbatim in step.verbatims]
    shown = min(
        (text for text in said if len(text) <= 60),
        key=lambda text: abs(len(text) - 32),
        default=said[0] if said else "",
    )
    return Column(
        at=index + 2,
        x=(index + 0.5) / len(drawn.steps) * 100,
        key=step.key,
        name=name,
        persons=_persons(tongue, step.n_persons, drawn.minimum),
        href=opens(asked, f"step:{step.key}"),
        part=part(asked, f"step:{step.key}"),
        title=tongue.n_("%(n)s person", "%(n)s persons", step.n_persons) + f" · {tongue.percent(step.reach.value)}",
        tone=step.marks[0] if step.marks else "",
        marks=tuple(marks),
        dot=_dot(tongue, drawn.steps, index, name),
        few=few,
        says=tongue._("“%(text)s”", text=masking.comment(shown, 64)) if shown else "",
        says_all="\n".join(said),
        front=names.text(step.frontstage, asked.lang),
        back=names.text(step.backstage, asked.lang),
        drop=_drop(tongue, step, drawn, index),
        wait=_wait(tongue, step, drawn.minimum),
        share=step.n_persons / max(1, max(one.n_persons for one in drawn.steps)),
    )


def _persons(tongue: Tongue, n: int, minimum: int) -> str:
    return tongue.number(n) if n == 0 or n >= minimum else tongue._("too few")


def _why(tongue: Tongue, step: StepView, kind: str) -> str:
    if kind == "moment" and step.importance is not None and step.importance.value is not None:
        bounds = tongue.interval(step.importance, "number", 2)
        return tongue._(
            "Goes with how the whole journey was felt: correlation %(r)s (%(bounds)s), n %(n)s. Observational.",
            r=tongue.number(step.importance.value, 2),
            bounds=bounds,
            n=tongue.number(step.importance.n),
        )
    return (
        tongue._("Emotion %(value)s", value=tongue.signed(step.emotion.value)) if step.emotion.value is not None else ""
    )


def _dot(tongue: Tongue, steps: tuple[StepView, ...], index: int, name: str) -> Dot | None:
    """A step's point, and where its label goes: on the outer side of a bend, clear of the band, inside the box, and
    shifted off a steep line."""
    emotion = steps[index].emotion
    if emotion.value is None:
        return None
    around = [steps[i].emotion.value for i in (index - 1, index + 1) if 0 <= i < len(steps)]
    near = [value for value in around if value is not None]
    above = not near or emotion.value >= sum(near) / len(near)
    px = HEIGHT / 100 * SCALE
    reach_up = ((emotion.hi if emotion.hi is not None else emotion.value) - emotion.value) * px
    reach_down = (emotion.value - (emotion.lo if emotion.lo is not None else emotion.value)) * px
    y = 50 - emotion.value * SCALE
    up, down = max(17.0, min(reach_up, 22) + 10), max(17.0, min(reach_down, 22) + 10)
    if above and y / 100 * HEIGHT - up < 8:
        above = False
    elif not above and y / 100 * HEIGHT + down > HEIGHT - 8:
        above = True
    dx = 0.0
    if len(near) == 2 and len(around) == 2:
        rise = near[1] - near[0]
        if abs(rise) > 2 * STEEP and (near[0] < emotion.value < near[1] or near[0] > emotion.value > near[1]):
            dx = (-14.0 if rise > 0 else 14.0) * (1 if above else -1)
    heard = steps[index].sources
    title = tongue._(
        "%(name)s: %(value)s (95 %% interval %(bounds)s), %(answers)s answers, %(signals)s signals of behaviour",
        name=name,
        value=tongue.signed(emotion.value, 2),
        bounds=tongue.interval(emotion, "signed", 2) or "–",
        answers=tongue.number(heard.get("answers", 0)),
        signals=tongue.number(heard.get("behaviour", 0)),
    )
    return Dot((index + 0.5) / len(steps) * 100, y, tongue.signed(emotion.value), dx, -up if above else down, title)


def _drop(tongue: Tongue, step: StepView, drawn: JourneyMap, index: int) -> Lane:
    if index == len(drawn.steps) - 1:
        return Lane("", "", False, "")
    if step.drop_off.value is None or step.drop_off.n < drawn.minimum:
        return Lane("–", tongue._("too few") if step.drop_off.n else "", False, "")
    title = tongue._(
        "Of %(n)s persons, those who came no further within %(window)s",
        n=tongue.number(step.drop_off.n),
        window=tongue.duration(drawn.window_s * SECOND),
    )
    worst = max((s.drop_off.value or 0.0) for s in drawn.steps if s.drop_off.n >= drawn.minimum)
    hot = step.drop_off.value == worst and worst > HOT_DROP
    return Lane(tongue.percent(step.drop_off.value), tongue.interval(step.drop_off, "percent"), hot, title)


def _wait(tongue: Tongue, step: StepView, minimum: int) -> Lane:
    if step.median_wait_s is None or step.n_persons < minimum:
        return Lane("–", "", False, "")
    small = tongue._("p95 %(time)s", time=tongue.duration((step.p95_wait_s or 0.0) * SECOND))
    return Lane(
        tongue.duration(step.median_wait_s * SECOND), small, False, tongue._("Median time from the step before")
    )


def _row(tongue: Tongue, asked: Asked, drawn: JourneyMap, index: int, key: str) -> Row:
    if key == "":
        label = tongue._("Not said")
    else:
        label = names.value(tongue, drawn.rows_are, key).replace("+", "+\u200b")
    by_step = {step.key: next((cell for cell in step.cells if cell.row == key), None) for step in drawn.steps}
    spots = tuple(
        _spot(tongue, asked, drawn, place, step, cell, label)
        for place, (step, cell) in enumerate(zip(drawn.steps, by_step.values(), strict=True))
    )
    return Row(5 + index, key, label, spots)


def _spot(
    tongue: Tongue, asked: Asked, drawn: JourneyMap, place: int, step: StepView, cell: Cell | None, row: str
) -> Spot:
    if cell is None or cell.n_persons == 0:
        return Spot(place + 2, "nil")
    name = names.text(step.name, asked.lang)
    what = f"cell:{step.key}:{cell.row}"
    if cell.n_persons < drawn.minimum:
        few = tongue._("fewer than %(n)s persons", n=tongue.number(drawn.minimum))
        return Spot(place + 2, "few", opens(asked, what), part(asked, what), few, f"{row}, {name}: {few}")
    told = tongue.n_("%(n)s person", "%(n)s persons", cell.n_persons)
    if cell.rate is not None:
        told += " · " + tongue._("%(rate)s of the step before", rate=tongue.percent(cell.rate))
    rate = tongue.percent(cell.rate) if cell.rate is not None else ""
    felt = cell.emotion.value
    if felt is None:
        said = f"{row}, {name}: {told}"
        return Spot(place + 2, "unknown", opens(asked, what), part(asked, what), told, said, r=_reach(cell), rate=rate)
    emotion = tongue._("emotion %(value)s", value=tongue.signed(felt))
    bounds = tongue.interval(cell.emotion, "signed", 1)
    return Spot(
        place + 2,
        "known",
        opens(asked, what),
        part(asked, what),
        f"{told} · {emotion}" + (f" ({bounds})" if bounds else ""),
        f"{row}, {name}: {told}, {emotion}",
        r=_reach(cell),
        m=min(1.0, abs(felt) / FULL),
        tone="pos" if felt > 0 else "neg",
        rate=rate,
    )


def _reach(cell: Cell) -> float:
    """The share whose square root is the circle's size: a rate where the rows have one, else the reach."""
    share = cell.rate if cell.rate is not None else cell.reach.value
    return float(min(1.0, max(0.0, share or 0.0)) ** 0.5)


def _spoken(tongue: Tongue, steps: tuple[StepView, ...]) -> str:
    said = [
        f"{names.text(s.name, tongue.lang)} {tongue.signed(s.emotion.value)}"
        for s in steps
        if s.emotion.value is not None
    ]
    return tongue._("Emotion") + ": " + "; ".join(said)


def opens(asked: Asked, what: str) -> str:
    """The address of the map with its drawer open on `what`."""
    return asked.link("/journeys", open=what)


def part(asked: Asked, what: str) -> str:
    """The address of the drawer's content alone."""
    params = {key: asked.get(key) for key in ("segment", "range", "since", "until", "lang") if asked.get(key)}
    return Asked("/journeys/behind", {}, asked.lang).link(**params, open=what)
