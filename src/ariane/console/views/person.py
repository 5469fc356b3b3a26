"""One person: who they are across devices and shops, what they lived, and why these identifiers are one person."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane import consent, identity
from ariane.console import asked as asking
from ariane.console import (
    became,
    decided,
    faces,
    happening,
    kin,
    lived,
    masking,
    names,
    past,
    render,
    sheets,
    timeline,
    tying,
)
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.views.people import Pages, pages_of
from ariane.errors import NotFound
from ariane.identity.threads import Held, Thread
from ariane.model import PURPOSES


class Fact(msgspec.Struct, frozen=True):
    label: str
    value: str
    small: str


class Name(msgspec.Struct, frozen=True):
    """An identifier of the person."""

    kind: str
    kind_name: str
    value: str
    status: str
    counts: bool
    since: str
    last: str
    n_events: str
    source: str


class Standing(msgspec.Struct, frozen=True):
    """Where the person stands on one purpose."""

    purpose: str
    basis: str
    allowed: bool
    said: str
    since: str


class PersonScreen(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    id: str
    asked_by: str
    facts: tuple[Fact, ...]
    aliases: tuple[str, ...]
    became: tuple[became.Line, ...]
    filters: timeline.Filters
    days: tuple[timeline.Day, ...]
    pages: Pages
    n_shown: str
    names: tuple[Name, ...]
    why: tying.Why
    lived: lived.Lived
    shares: tuple[kin.Kin, ...]
    maybe: tuple[kin.Maybe, ...]
    decisions: tuple[decided.Line, ...]
    waiting: tuple[str, ...]
    here: str
    merge: str
    standings: tuple[Standing, ...]
    reveal: faces.Reveal
    csv_timeline: str
    csv_identifiers: str
    back: str


def routes() -> list[Route]:
    return [Route("/people/{person_id}", show), Route("/people/{person_id}/{table}.csv", download)]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    thread = _thread(desk, asked, request.path_params["person_id"])
    context = _screen(desk, asked, thread)
    return render.page(desk, asked, "person.html", context, title=thread.person_id)


def _thread(desk: Desk, asked: Asked, person_id: str) -> Thread:
    with desk.stores.state.read() as conn:
        return identity.person(conn, faces.permit_of(desk, asked), person_id, identity.rules_of(desk.stores.path))


def _screen(desk: Desk, asked: Asked, thread: Thread) -> PersonScreen:
    tongue = desk.tongue(asked.lang)
    clear = faces.permit_of(desk, asked).purpose == "service"
    rows, total = timeline.rows_of(desk, asked, thread.person_id)
    n_pages = max(1, -(-total // timeline.PAGE))
    here = f"/people/{thread.person_id}"
    sources = _sources(thread)
    return PersonScreen(
        id=thread.person_id,
        asked_by=thread.asked if thread.asked != thread.person_id else "",
        facts=_facts(desk, asked, thread),
        aliases=thread.aliases,
        became=became.lines(desk, asked, thread),
        filters=timeline.filters(desk, asked, thread, timeline.event_names(desk, asked, thread.person_id)),
        days=timeline.days(desk, asked, rows),
        pages=pages_of(asked, n_pages),
        n_shown=tongue.n_("%(n)s event", "%(n)s events", total),
        names=tuple(_name(desk, asked, held, clear, sources.get(str(held), "")) for held in thread.identifiers),
        why=tying.why(desk, asked, thread),
        lived=lived.lived(desk, asked, thread),
        shares=kin.kin(desk, asked, thread.person_id),
        maybe=kin.maybe(desk, asked, thread),
        decisions=decided.lines(desk, asked, thread.keys),
        waiting=decided.waiting(desk, tongue, thread.keys),
        here=asked.link(),
        merge=asked.link(f"{here}/decide", do="merge"),
        standings=_standings(desk, asked, thread.person_id),
        reveal=faces.reveal(desk, asked),
        csv_timeline=asked.link(f"{here}/timeline.csv", **{name: asked.get(name) for name in timeline.FIELDS}),
        csv_identifiers=asked.link(f"{here}/identifiers.csv"),
        back=asked.link("/people"),
    )


def _label(kind: str, value: str, clear: bool) -> str:
    return value if clear else masking.identifier(kind, value)


def _facts(desk: Desk, asked: Asked, thread: Thread) -> tuple[Fact, ...]:
    tongue = desk.tongue(asked.lang)
    kinds: dict[str, int] = {}
    for held in thread.identifiers:
        kinds[held.kind] = kinds.get(held.kind, 0) + 1
    machines = kinds.get("device", 0)
    small = tongue.n_("of %(n)s kind", "of %(n)s kinds", len(kinds))
    return (
        Fact(tongue._("First seen"), tongue.day(thread.first_seen_us), tongue.clock(thread.first_seen_us)),
        Fact(tongue._("Last seen"), tongue.day(thread.last_seen_us), tongue.clock(thread.last_seen_us)),
        Fact(
            tongue._("Events"),
            tongue.number(thread.n_events),
            tongue.n_("on %(n)s channel", "on %(n)s channels", len(thread.channels)),
        ),
        Fact(tongue._("Identifiers"), tongue.number(len(thread.identifiers)), small),
        Fact(
            tongue._("Devices"),
            tongue.number(machines),
            tongue.n_("%(n)s cookie", "%(n)s cookies", kinds.get("cookie", 0)),
        ),
    )


def _sources(thread: Thread) -> dict[str, str]:
    """The source that first named each identifier beside another."""
    found: dict[str, str] = {}
    for tie in thread.edges:  # the oldest first
        for end in (tie.a, tie.b):
            found.setdefault(str(end), tie.source)
    return found


def _name(desk: Desk, asked: Asked, held: Held, clear: bool, source: str) -> Name:
    tongue = desk.tongue(asked.lang)
    return Name(
        held.kind,
        names.kind(tongue, held.kind),
        _label(held.kind, held.value, clear),
        tongue._(tying.STATUSES.get(held.status, held.status)),
        held.status == "live",
        tongue.day(held.first_us),
        tongue.day(held.last_us),
        tongue.number(held.n_events),
        names.short(source, 40),
    )


def _standings(desk: Desk, asked: Asked, person_id: str) -> tuple[Standing, ...]:
    tongue = desk.tongue(asked.lang)
    said = desk.engine.table("consents")
    rows = desk.engine.run(said.filter(said.person_id == person_id)).to_pylist()
    found = []
    with desk.stores.state.read() as conn:
        for purpose in PURPOSES:
            permit = consent.permit(purpose, actor="console", bases=faces.bases(desk))
            spoken = [row for row in rows if row["purpose"] == purpose]
            words = ", ".join(
                (tongue._("yes") if row["granted"] else tongue._("no"))
                + (f" ({names.channel(tongue, row['channel'])})" if row["channel"] else "")
                for row in sorted(spoken, key=lambda row: row["channel"])
            )
            found.append(
                Standing(
                    names.purpose(tongue, purpose),
                    tongue._(names.BASIS_NAMES[permit.basis]),
                    consent.allowed(conn, permit, person_id),
                    words or tongue._("nothing said"),
                    tongue.day(max((row["decided_us"] for row in spoken), default=None)),
                )
            )
    return tuple(found)


def download(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    thread = _thread(desk, asked, request.path_params["person_id"])
    table = TABLES.get(request.path_params["table"])
    if table is None:
        raise NotFound("A person has no such table.", allowed=", ".join(TABLES))
    return table(desk, asked, thread, f"{thread.person_id}-{request.path_params['table']}")


def _sheet_of_identifiers(desk: Desk, asked: Asked, thread: Thread, name: str) -> Response:
    clear = faces.permit_of(desk, asked).purpose == "service"
    header = ("kind", "value", "status", "first_seen_at", "last_seen_at", "n_events")
    rows = (
        (
            held.kind, _label(held.kind, held.value, clear), held.status,
            sheets.instant(held.first_us), sheets.instant(held.last_us), held.n_events,
        )
        for held in thread.identifiers
    )  # fmt: skip
    return sheets.sheet(name, header, rows)


def _sheet_of_evidence(desk: Desk, asked: Asked, thread: Thread, name: str) -> Response:
    clear = faces.permit_of(desk, asked).purpose == "service"
    header = ("a_kind", "a", "b_kind", "b", "rule", "status", "source", "first_at", "last_at", "n_events")
    rows = (
        (
            tie.a.kind, _label(tie.a.kind, tie.a.value, clear), tie.b.kind, _label(tie.b.kind, tie.b.value, clear),
            tie.rule, tie.status, tie.source, sheets.instant(tie.first_us), sheets.instant(tie.last_us), tie.n_events,
        )
        for tie in thread.edges
    )  # fmt: skip
    return sheets.sheet(name, header, rows)


def _sheet_of_timeline(desk: Desk, asked: Asked, thread: Thread, name: str) -> Response:
    tongue = desk.tongue(asked.lang)
    found, _ = timeline.rows_of(desk, asked, thread.person_id, most=past.MOST)
    rows = (
        (
            sheets.instant(row["occurred_us"]), row["channel"], happening.headline(tongue, row), row["step"],
            happening.details(tongue, row),
        )
        for row in found
    )  # fmt: skip
    return sheets.sheet(name, ("occurred_at", "channel", "event", "step", "details"), rows)


TABLES = {"identifiers": _sheet_of_identifiers, "evidence": _sheet_of_evidence, "timeline": _sheet_of_timeline}
