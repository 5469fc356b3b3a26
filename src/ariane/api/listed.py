"""The workspace itself, its relations page by page, and what came in last."""

from __future__ import annotations

from typing import Annotated, Any

import ibis
import msgspec
from msgspec import Meta

from ariane import processes
from ariane.api.endpoint import Endpoint, Limit, Offset, Text
from ariane.model import Purpose
from ariane.workspace import Workspace

LAST_IN_ORDER = ("properties", "context", "comment")


class Nothing(msgspec.Struct, frozen=True):
    """This endpoint takes no parameters."""


class Version(msgspec.Struct, frozen=True):
    """Which version of a table of the lake is being read."""

    table: str
    version: int


class Behind(msgspec.Struct, frozen=True):
    """Bytes of the log that the stream, and the lake, have yet to take."""

    stream: int
    lake: int


class WorkspaceState(msgspec.Struct, frozen=True):
    """A workspace: how many events, from when to when (bots left out), how far its
    workers are behind the log, and which versions answers are computed on."""

    name: str
    format: int
    language: str
    currency: str
    timezone: str
    n_events: int
    first_us: int | None
    last_us: int | None
    lag: Behind
    versions: tuple[Version, ...]


def workspace_state(workspace: Workspace, asked: Nothing) -> WorkspaceState:
    settings, extent = workspace.settings, workspace.extent()
    lag = processes.lag(workspace.stores)
    return WorkspaceState(
        name=settings.name, format=settings.format, language=settings.language, currency=settings.currency,
        timezone=settings.timezone, n_events=extent.n_events, first_us=extent.first_us, last_us=extent.last_us,
        lag=Behind(lag.stream, lag.lake),
        versions=tuple(Version(table, version) for table, version in workspace.duck.versions()),
    )  # fmt: skip


class RelationAsked(msgspec.Struct, frozen=True):
    name: Text
    limit: Limit = 100
    offset: Offset = 0
    purpose: Purpose = "measurement"


class RelationPage(msgspec.Struct, frozen=True):
    """Rows of a relation under their documented columns, newest first where they have an instant, of `total`."""

    relation: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    total: int
    limit: int
    offset: int
    n_held_back: int


def relation_rows(workspace: Workspace, asked: RelationAsked) -> RelationPage:
    table = workspace.relation(asked.name, asked.purpose)
    run = workspace.engine.run
    page = run(table.order_by(_order(table)).limit(asked.limit, offset=asked.offset)).to_pylist()
    total = int(run(table.aggregate(n=table.count())).column("n")[0].as_py())
    held_back = workspace.population(asked.purpose).n_held_back()
    columns = tuple(table.columns)
    return RelationPage(asked.name, columns, tuple(page), total, asked.limit, asked.offset, held_back)


def _order(table: ibis.Table) -> list[Any]:
    """The newest first, ties by whatever else tells rows apart: pages never overlap."""
    instants = [name for name in table.columns if name.endswith("_at")]
    others = [name for name in table.columns if name not in (*instants, *LAST_IN_ORDER)]
    return [*(ibis.desc(name) for name in instants[:1]), *others, *instants[1:]]


class RecentAsked(msgspec.Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    channel: Text = ""
    purpose: Purpose = "measurement"


class RecentEvent(msgspec.Struct, frozen=True):
    """An event as it came in. `person_id` is null while nobody is known for it."""

    event_id: str
    received_us: int
    occurred_us: int
    source: str
    type: str
    event: str
    channel: str
    person_id: str | None
    is_bot: bool


class RecentEvents(msgspec.Struct, frozen=True):
    """The events received last, the newest first. Those of persons the purpose may not read are left out."""

    rows: tuple[RecentEvent, ...]
    n_held_back: int


def recent_events(workspace: Workspace, asked: RecentAsked) -> RecentEvents:
    population = workspace.population(asked.purpose)
    read = population.everything()
    if asked.channel:
        read = read.filter(read.channel == asked.channel)
    newest = read.order_by([ibis.desc("received_us"), ibis.desc("event_id")]).limit(asked.limit)
    rows = population.engine.run(newest.select(*RecentEvent.__struct_fields__)).to_pylist()
    return RecentEvents(msgspec.convert(rows, tuple[RecentEvent, ...]), population.n_held_back())


ENDPOINTS = (
    Endpoint("GET", "/api/workspace", workspace_state, Nothing, "The workspace, how far its events reach, its lag."),
    Endpoint("GET", "/api/relations/{name}", relation_rows, RelationAsked, "Rows of a documented relation.", True),
    Endpoint("GET", "/api/events/recent", recent_events, RecentAsked, "The events received last.", True),
)


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(RecentEvent)
