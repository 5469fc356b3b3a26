"""The tracking plan: what arrives and how it stands, what is held, what looks personal, what was no person's doing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ariane.api.endpoint import Endpoint, Limit, Text
from ariane.errors import NotFound
from ariane.ingest.plan.terms import Difference, Suspicion
from ariane.planning import NoiseDay, PlannedEvent, Quarantine
from ariane.processes.quarantine import Replayed, Warned
from ariane.workspace import Workspace


class PlanAsked(msgspec.Struct, frozen=True):
    """This endpoint takes no parameters."""


class PlanEvents(msgspec.Struct, frozen=True):
    """Every kind of event that arrived or is planned, the most frequent first."""

    rows: tuple[PlannedEvent, ...]


def plan_events(workspace: Workspace, asked: PlanAsked) -> PlanEvents:
    return PlanEvents(workspace.plan.events())


class PlanEventAsked(msgspec.Struct, frozen=True):
    """`event`: a track event's name, or a type (page, screen, identify, group, alias)."""

    event: Text


class FrozenVersion(msgspec.Struct, frozen=True):
    """One version of the plan of an event: from when on it holds, and what happens to events that break it."""

    version: int
    mode: str
    since_us: int


class PlanEvent(msgspec.Struct, frozen=True):
    """One event's plan: its schema as it is edited (null when nobody wrote one), what was frozen, what the edit says
    otherwise than the newest version, what arrives otherwise than the edit, and what was broken."""

    event: str
    json_schema: Any
    versions: tuple[FrozenVersion, ...]
    edited: tuple[Difference, ...]
    arrived: tuple[Difference, ...]
    warnings: tuple[Warned, ...]


def plan_event(workspace: Workspace, asked: PlanEventAsked) -> PlanEvent:
    plan = workspace.plan
    versions = tuple(FrozenVersion(one.version, one.mode, one.since_us) for one in plan.versions(asked.event))
    try:
        schema: Any = plan.schema(asked.event)
        edited, arrived = plan.differences(asked.event), plan.differences(asked.event, arrived=True)
    except NotFound:
        if not plan.observed(asked.event).kinds:
            raise
        schema, edited, arrived = None, (), ()
    return PlanEvent(asked.event, schema, versions, edited, arrived, plan.warnings(asked.event))


class QuarantineAsked(msgspec.Struct, frozen=True):
    """`event`: only this one."""

    event: Text = ""
    limit: Limit = 100


def plan_quarantine(workspace: Workspace, asked: QuarantineAsked) -> Quarantine:
    return workspace.plan.quarantine(asked.event or None, limit=asked.limit)


class PersonalAsked(msgspec.Struct, frozen=True):
    """`sample`: how many events of each kind and source are looked at."""

    sample: Annotated[int, Meta(ge=1, le=5_000)] = 300


class Personal(msgspec.Struct, frozen=True):
    """Fields that look personal and were not declared so. Examples are masked; values are kept nowhere."""

    rows: tuple[Suspicion, ...]
    sample: int


def plan_personal(workspace: Workspace, asked: PersonalAsked) -> Personal:
    return Personal(workspace.plan.personal(sample=asked.sample), asked.sample)


class NoiseDays(msgspec.Struct, frozen=True):
    """What was no person's doing and is left out of measurements, by day and reason."""

    rows: tuple[NoiseDay, ...]


def plan_noise(workspace: Workspace, asked: PlanAsked) -> NoiseDays:
    return NoiseDays(workspace.plan.noise())


class FreezeAsked(msgspec.Struct, frozen=True):
    """`mode`: warn keeps what breaks the plan and counts it, quarantine holds it apart, off thaws."""

    event: Text
    mode: Literal["warn", "quarantine", "off"] = "warn"


def plan_freeze(workspace: Workspace, asked: FreezeAsked) -> FrozenVersion:
    plan = workspace.plan
    version = plan.thaw(asked.event) if asked.mode == "off" else plan.freeze(asked.event, asked.mode)
    return FrozenVersion(version.version, version.mode, version.since_us)


class ReplayAsked(msgspec.Struct, frozen=True):
    """`event`: only this one."""

    event: Text = ""


def plan_replay(workspace: Workspace, asked: ReplayAsked) -> Replayed:
    return workspace.plan.replay(asked.event or None)


ENDPOINTS = (
    Endpoint("GET", "/api/plan", plan_events, PlanAsked, "Every kind of event, and how it stands in the plan."),
    Endpoint("GET", "/api/plan/event", plan_event, PlanEventAsked, "One event's schema, versions and differences."),
    Endpoint("GET", "/api/plan/quarantine", plan_quarantine, QuarantineAsked, "What is held in quarantine, and why."),
    Endpoint("GET", "/api/plan/personal", plan_personal, PersonalAsked, "Fields that look personal, undeclared."),
    Endpoint("GET", "/api/plan/noise", plan_noise, PlanAsked, "What was no person's doing.", True),
    Endpoint("POST", "/api/plan/freeze", plan_freeze, FreezeAsked, "Hold an event to its schema from now on."),
    Endpoint("POST", "/api/plan/replay", plan_replay, ReplayAsked, "Let out of quarantine what keeps to the plan."),
)
