"""Persons: found, listed, shown, explained, and tied or parted by hand."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ariane.api.endpoint import Endpoint, Limit, Offset, Text
from ariane.errors import InputError
from ariane.identity.history import Told
from ariane.identity.threads import Found, Thread, Tie, words
from ariane.model import Identifier, Purpose
from ariane.workspace import Decided, Workspace, iso

ACTOR = "api"
Rule = Literal["", "manual", "login", "observed", "weak", "linked", "carried", "suggested"]
Said = Annotated[str, Meta(min_length=1, max_length=500)]


class PeopleAsked(msgspec.Struct, frozen=True):
    q: Text = ""
    limit: Limit = 50
    offset: Offset = 0
    purpose: Purpose = "service"


class PeoplePage(msgspec.Struct, frozen=True):
    """Persons, those seen last first, or those a search found, best match first. `total` is null for a search."""

    rows: tuple[Found, ...]
    total: int | None
    limit: int
    offset: int
    n_held_back: int


def people(workspace: Workspace, asked: PeopleAsked) -> PeoplePage:
    listed = workspace.people.page(asked.purpose, limit=asked.limit, offset=asked.offset, actor=ACTOR)
    if not asked.q.strip():
        return PeoplePage(listed.rows, listed.total, asked.limit, asked.offset, listed.n_held_back)
    if asked.offset + asked.limit > 10_000:
        raise InputError("A search lists 10,000 persons at most.", where="offset", next_step="Search for more.")
    found = workspace.people.find(asked.q, asked.purpose, limit=asked.offset + asked.limit, actor=ACTOR)
    return PeoplePage(found.rows[asked.offset :], None, asked.limit, asked.offset, listed.n_held_back)


class PersonAsked(msgspec.Struct, frozen=True):
    id: Text
    purpose: Purpose = "service"


def person(workspace: Workspace, asked: PersonAsked) -> Thread:
    return workspace.people.person(asked.id, asked.purpose, actor=ACTOR)


class ChangesAsked(msgspec.Struct, frozen=True):
    after: Annotated[int, Meta(ge=0)] = 0
    limit: Limit = 100
    purpose: Purpose = "service"


class PersonChanges(msgspec.Struct, frozen=True):
    """What became of persons, in the order it was told. `next` is the `after` of the page that follows, also when there
    is nothing yet; `more` says that there is something already. `cause` is merged, moved, split or erased."""

    rows: tuple[Told, ...]
    next: int
    more: bool
    n_held_back: int


def person_changes(workspace: Workspace, asked: ChangesAsked) -> PersonChanges:
    found = workspace.people.changes(after=asked.after, limit=asked.limit, purpose=asked.purpose, actor=ACTOR)
    held_back = workspace.people.page(asked.purpose, limit=1, actor=ACTOR).n_held_back
    return PersonChanges(found.rows, found.next, found.more, held_back)


class EventsAsked(msgspec.Struct, frozen=True):
    id: Text
    channel: Text = ""
    limit: Limit = 100
    before: Text = ""
    purpose: Purpose = "service"


class PersonEvent(msgspec.Struct, frozen=True):
    """One thing that happened to a person, as it was sent."""

    event_id: str
    occurred_us: int
    received_us: int
    source: str
    type: str
    event: str
    channel: str
    properties: msgspec.Raw


class PersonEvents(msgspec.Struct, frozen=True):
    """A person's events, newest first. `next` is the `before` of the page that follows; null on the last one."""

    person_id: str
    rows: tuple[PersonEvent, ...]
    next: str | None


def person_events(workspace: Workspace, asked: EventsAsked) -> PersonEvents:
    thread = workspace.people.person(asked.id, asked.purpose, actor=ACTOR)
    found = workspace.people.timeline(
        thread, asked.purpose, channel=asked.channel, limit=asked.limit + 1, before=asked.before, actor=ACTOR
    ).to_arrow()
    micros = {name: found.column(f"{name}_at").cast("int64").to_pylist() for name in ("occurred", "received")}
    plain = found.drop_columns(["occurred_at", "received_at"]).to_pylist()
    rows = tuple(
        PersonEvent(
            occurred_us=occurred, received_us=received, properties=msgspec.Raw(row.pop("properties") or "{}"), **row
        )
        for row, occurred, received in zip(plain, micros["occurred"], micros["received"], strict=True)
    )
    page = rows[: asked.limit]
    last = page[-1] if len(rows) > asked.limit else None
    return PersonEvents(thread.person_id, page, f"{iso(last.occurred_us)},{last.event_id}" if last else None)


class PairAsked(msgspec.Struct, frozen=True):
    a: Text
    b: Text
    purpose: Purpose = "service"


class Explained(msgspec.Struct, frozen=True):
    """Whether two identifiers are one person's, the evidence that leads from one to the other, and that in words.
    `because` says why they are not: shared_a, shared_b, separated, limit, link, shared_between (both persons met
    `between`, which is shared) or no_evidence."""

    a: Identifier
    b: Identifier
    same: bool
    person_a: str
    person_b: str
    because: str
    between: Identifier | None
    path: tuple[Tie, ...]
    words: tuple[str, ...]


def explain(workspace: Workspace, asked: PairAsked) -> Explained:
    found = workspace.people.explain(asked.a, asked.b, asked.purpose, actor=ACTOR)
    return Explained(
        found.a,
        found.b,
        found.same,
        found.person_a,
        found.person_b,
        found.because,
        found.between,
        found.path,
        words(found),
    )


class PairDecided(msgspec.Struct, frozen=True):
    """Two identifiers (kind:value), who decides about them, and why."""

    a: Said
    b: Said
    actor: Said
    reason: Said


class TieDecided(msgspec.Struct, frozen=True):
    """Two identifiers, the rule whose evidence between them counts no more (all rules when empty), who and why."""

    a: Said
    b: Said
    actor: Said
    reason: Said
    rule: Rule = ""


def merge(workspace: Workspace, asked: PairDecided) -> Decided:
    return workspace.people.merge(asked.a, asked.b, actor=asked.actor, reason=asked.reason)


def split(workspace: Workspace, asked: PairDecided) -> Decided:
    return workspace.people.split(asked.a, asked.b, actor=asked.actor, reason=asked.reason)


def retract(workspace: Workspace, asked: TieDecided) -> Decided:
    return workspace.people.retract(asked.a, asked.b, rule=asked.rule, actor=asked.actor, reason=asked.reason)


ENDPOINTS = (
    Endpoint("GET", "/api/people", people, PeopleAsked, "Search persons by anything known of them, or list them."),
    Endpoint("GET", "/api/people/changes", person_changes, ChangesAsked, "Who became whom, oldest first."),
    Endpoint("GET", "/api/people/{id}", person, PersonAsked, "One person, by id or kind:value."),
    Endpoint("GET", "/api/people/{id}/events", person_events, EventsAsked, "What happened to a person, newest first."),
    Endpoint("GET", "/api/explain", explain, PairAsked, "Why two identifiers are one person, or are not."),
    Endpoint("POST", "/api/people/merge", merge, PairDecided, "Decide that two identifiers are one person's."),
    Endpoint("POST", "/api/people/split", split, PairDecided, "Decide that two identifiers are never one person's."),
    Endpoint("POST", "/api/people/retract", retract, TieDecided, "Decide that evidence between two counts no more."),
)
