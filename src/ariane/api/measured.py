"""Measurements: journeys, voice, attribution and segments, each over a population."""

from __future__ import annotations

from typing import Any

import msgspec

from ariane import attribution as crediting
from ariane.api.endpoint import Endpoint, Limit, Narrowed, Offset, Text
from ariane.errors import InputError
from ariane.journeys.measured import Finding, Funnel, JourneyMap
from ariane.model import Interval
from ariane.workspace import Workspace

MOST_STEPS = 100


def journey_map(workspace: Workspace, asked: Narrowed) -> JourneyMap:
    return workspace.journeys.map(**asked.narrowed())


class PageAsked(Narrowed, frozen=True, kw_only=True):
    limit: Limit = 100
    offset: Offset = 0


class Session(msgspec.Struct, frozen=True):
    """Events of one person with no silence longer than the gap, whatever the channel."""

    session_id: str
    person_id: str
    started_us: int
    ended_us: int
    n_events: int
    n_channels: int
    first_event: str
    last_event: str


class Sessions(msgspec.Struct, frozen=True):
    """A page of sessions, the newest first, of `total`."""

    rows: tuple[Session, ...]
    total: int
    limit: int
    offset: int
    n_held_back: int


def sessions(workspace: Workspace, asked: PageAsked) -> Sessions:
    found = workspace.journeys.sessions(**asked.narrowed())
    ordered = found.to_arrow().sort_by([("started_us", "descending"), ("session_id", "descending")])
    rows = msgspec.convert(ordered.slice(asked.offset, asked.limit).to_pylist(), tuple[Session, ...])
    return Sessions(rows, len(found), asked.limit, asked.offset, found.n_held_back)


class FunnelAsked(Narrowed, frozen=True, kw_only=True):
    """`steps`: keys of the journey's steps, separated by commas; up to its goal when there are none."""

    steps: Text = ""


def funnel(workspace: Workspace, asked: FunnelAsked) -> Funnel:
    steps = tuple(step.strip() for step in asked.steps.split(",") if step.strip())
    if len(steps) > MOST_STEPS:
        raise InputError(f"{len(steps)} steps are too many.", where="steps", allowed=f"{MOST_STEPS} at most")
    return workspace.journeys.funnel(steps, **asked.narrowed())


class Move(msgspec.Struct, frozen=True):
    """One step following another. `path_start` and `path_end` stand before the first and after the last."""

    from_step: str
    to_step: str
    n: int
    n_persons: int
    median_wait_s: float | None
    p95_wait_s: float | None


class Paths(msgspec.Struct, frozen=True):
    """A page of the transition graph, the most frequent first, of `total`."""

    rows: tuple[Move, ...]
    total: int
    limit: int
    offset: int
    n_held_back: int


def paths(workspace: Workspace, asked: PageAsked) -> Paths:
    found = workspace.journeys.paths(**asked.narrowed())
    order = [("n", "descending"), ("from_step", "ascending"), ("to_step", "ascending")]
    page = found.to_arrow().sort_by(order).slice(asked.offset, asked.limit).to_pylist()
    rows = msgspec.convert(page, tuple[Move, ...])
    return Paths(rows, len(found), asked.limit, asked.offset, found.n_held_back)


class Frictions(msgspec.Struct, frozen=True):
    """What hurts: since when, for whom, how sure; the surest first."""

    rows: tuple[Finding, ...]
    n_held_back: int


def frictions(workspace: Workspace, asked: Narrowed) -> Frictions:
    found = workspace.journeys.frictions(**asked.narrowed())
    return Frictions(found.rows, found.n_held_back)


class ScoresAsked(Narrowed, frozen=True, kw_only=True):
    about: Text | None = None
    kind: Text | None = None
    question: Text | None = None
    by: Text | None = None


class Score(msgspec.Struct, frozen=True):
    """One score with its 95 % bounds; without a value where too few answered. `cell` is its value of `by`."""

    kind: str
    question: str
    cell: str | None
    measure: str
    unit: str
    better: str
    value: float | None
    lo: float | None
    hi: float | None
    n: int


class Scores(msgspec.Struct, frozen=True):
    """NPS, CSAT, CES and emotion. Relational and transactional answers are never pooled."""

    rows: tuple[Score, ...]
    n_held_back: int


def scores(workspace: Workspace, asked: ScoresAsked) -> Scores:
    about, kind, question, by = asked.about, asked.kind, asked.question, asked.by
    found = workspace.voice.scores(about=about, kind=kind, question=question, by=by, **asked.narrowed())
    rows = [row | {"cell": _cell(row, asked.by)} for row in found.to_dicts()]
    return Scores(msgspec.convert(rows, tuple[Score, ...]), found.n_held_back)


def _cell(row: dict[str, Any], by: str | None) -> str | None:
    held = row.get("week_on" if by == "week" else by or "")
    return None if held is None else str(held)


class CreditAsked(Narrowed, frozen=True, kw_only=True):
    model: Text = "linear"
    conversion: Text = "Order Completed"


class Credit(msgspec.Struct, frozen=True):
    """What one channel is credited with. Observational: no credit here is a cause."""

    channel: str
    credit: float
    credit_lo: float | None
    credit_hi: float | None
    share: float
    revenue_minor: int
    n_touches: int


class Credits(msgspec.Struct, frozen=True):
    """Credit by channel under one rule, and what it adds up to."""

    model: str
    rows: tuple[Credit, ...]
    totals: crediting.Totals
    n_held_back: int


def credit(workspace: Workspace, asked: CreditAsked) -> Credits:
    found = workspace.attribution.credit(model=asked.model, conversion=asked.conversion, **asked.narrowed())
    rows = msgspec.convert(found.to_dicts(), tuple[Credit, ...])
    return Credits(asked.model, rows, found.value, found.n_held_back)


class Segment(msgspec.Struct, frozen=True):
    """A named segment, its rule, and how many persons it holds."""

    name: str
    rule: str
    n_persons: int


class SegmentList(msgspec.Struct, frozen=True):
    """The segments every workspace has, of `n_persons`."""

    rows: tuple[Segment, ...]
    n_persons: int
    n_held_back: int


def segments(workspace: Workspace, asked: Narrowed) -> SegmentList:
    from ariane.segments import NAMED

    counts = workspace.segments.counts(**asked.narrowed())
    population = workspace.population(**asked.narrowed())
    rows = tuple(Segment(name, NAMED[name], n) for name, n in counts.items())
    return SegmentList(rows, population.n_persons(), population.n_held_back())


class MembersAsked(PageAsked, frozen=True, kw_only=True):
    """`rule`: a segment's name, or a rule such as channel:store,orders>=2."""

    rule: Text


class Members(msgspec.Struct, frozen=True):
    """The persons of a segment. Fewer than the workspace's minimum_cell are counted, not listed."""

    rule: str
    n_persons: int
    share: Interval
    person_ids: tuple[str, ...]
    limit: int
    offset: int
    n_held_back: int


def members(workspace: Workspace, asked: MembersAsked) -> Members:
    from ariane.intervals import wilson
    from ariane.segments import segment_rule, text_of

    found = workspace.segments.members(asked.rule, **asked.narrowed())
    n = len(found)
    share = wilson(n, workspace.population(**asked.narrowed()).n_persons())
    listed = found.to_arrow().column("person_id").slice(asked.offset, asked.limit).to_pylist()
    few = 0 < n < workspace.settings.minimum_cell
    rule = text_of(segment_rule(asked.rule))
    return Members(rule, n, share, () if few else tuple(listed), asked.limit, asked.offset, found.n_held_back)


ENDPOINTS = (
    Endpoint("GET", "/api/journeys/map", journey_map, Narrowed, "The measured journey map.", True),
    Endpoint("GET", "/api/journeys/sessions", sessions, PageAsked, "Sessions, newest first.", True),
    Endpoint("GET", "/api/journeys/funnel", funnel, FunnelAsked, "How many persons reach each step, in order.", True),
    Endpoint("GET", "/api/journeys/paths", paths, PageAsked, "Which step follows which, how often, when.", True),
    Endpoint("GET", "/api/journeys/frictions", frictions, Narrowed, "What hurts: since when, for whom.", True),
    Endpoint("GET", "/api/voice/scores", scores, ScoresAsked, "NPS, CSAT, CES and emotion, with bounds.", True),
    Endpoint("GET", "/api/attribution/credit", credit, CreditAsked, "Credit by channel, with bounds.", True),
    Endpoint("GET", "/api/segments", segments, Narrowed, "The named segments and their sizes.", True),
    Endpoint("GET", "/api/segments/members", members, MembersAsked, "The persons a rule names.", True),
)


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
for _shape in (Session, Move, Score, Credit):
    msgspec.json.Decoder(_shape)
