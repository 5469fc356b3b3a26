"""Identity as a whole, and what decisions about it would do."""

from __future__ import annotations

from typing import Literal

import msgspec

from ariane import identity
from ariane.api.endpoint import Endpoint, Limit
from ariane.api.persons import ACTOR, PairDecided, Rule, Said, TieDecided
from ariane.consent.given import n_given
from ariane.identity import foresight, surveys
from ariane.identity.chosen import choose
from ariane.identity.foresight import Decision, Part
from ariane.identity.surveys import Change, Refusal, Shared, Survey
from ariane.identity.threads import Held
from ariane.model import Purpose
from ariane.workspace import Decided, Workspace

Verb = Literal["merge", "split", "lift", "retract", "restore"]


class ForeseenAsked(msgspec.Struct, frozen=True):
    do: Verb
    a: Said
    b: Said
    rule: Rule = ""
    purpose: Purpose = "service"


class PersonForeseen(msgspec.Struct, frozen=True):
    """The persons a decision would change, as they are and as they would be, with the consents each part's identifiers
    carry, in the same order. Both are empty when nobody would change."""

    before: tuple[Part, ...]
    after: tuple[Part, ...]
    n_consents_before: tuple[int, ...]
    n_consents_after: tuple[int, ...]


def preview(workspace: Workspace, asked: ForeseenAsked) -> PersonForeseen:
    found = workspace.people.foresee(asked.do, asked.a, asked.b, asked.purpose, rule=asked.rule, actor=ACTOR)
    with workspace.stores.state.read() as conn:
        counts = [tuple(n_given(conn, part.keys) for part in parts) for parts in (found.before, found.after)]
    return PersonForeseen(found.before, found.after, counts[0], counts[1])


def lift(workspace: Workspace, asked: PairDecided) -> Decided:
    return workspace.people.lift(asked.a, asked.b, actor=asked.actor, reason=asked.reason)


def restore(workspace: Workspace, asked: TieDecided) -> Decided:
    return workspace.people.restore(asked.a, asked.b, rule=asked.rule, actor=asked.actor, reason=asked.reason)


class IdentityAsked(msgspec.Struct, frozen=True):
    limit: Limit = 50
    purpose: Purpose = "service"


class IdentityState(msgspec.Struct, frozen=True):
    """Identifiers and evidence by status, and the latest of what is shared, refused, blocked, changed and decided."""

    counts: Survey
    shared: tuple[Shared, ...]
    refused: tuple[Refusal, ...]
    blocked: tuple[Held, ...]
    changes: tuple[Change, ...]
    decisions: tuple[Decision, ...]
    n_held_back: int


def identity_state(workspace: Workspace, asked: IdentityAsked) -> IdentityState:
    permit, rules = workspace.permit(asked.purpose, ACTOR), identity.rules_of(workspace.path)
    with workspace.stores.state.read() as conn:
        return IdentityState(
            surveys.survey(conn, rules),
            surveys.shared(conn, permit, rules, limit=asked.limit),
            surveys.refused(conn, permit, rules, limit=asked.limit),
            surveys.blocked(conn, permit, limit=asked.limit),
            surveys.changes(conn, permit, limit=asked.limit),
            foresight.decisions(conn, permit, limit=asked.limit),
            choose(conn, permit, limit=1).n_held_back,
        )


ENDPOINTS = (
    Endpoint("GET", "/api/preview", preview, ForeseenAsked, "What a decision about two identifiers would change."),
    Endpoint("GET", "/api/identity", identity_state, IdentityAsked, "How identity stands as a whole."),
    Endpoint("POST", "/api/people/lift", lift, PairDecided, "Take back that two identifiers are never one person's."),
    Endpoint("POST", "/api/people/restore", restore, TieDecided, "Take back that evidence between two counts no more."),
)
