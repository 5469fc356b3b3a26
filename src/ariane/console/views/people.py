"""People: find a person by anything known of them, or walk the list. Nobody's identifiers are shown in clear."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane import consent, identity
from ariane.console import asked as asking
from ariane.console import masking, names, render, sheets
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.faces import bases, permit_of
from ariane.console.words import N_
from ariane.identity.threads import Found

PAGE = 25
ORDERS = {
    "last_seen": N_("Last seen"),
    "first_seen": N_("First seen"),
    "n_events": N_("Events"),
    "n_identifiers": N_("Identifiers"),
}
KINDS = ("user_id", "email", "loyalty_card", "phone", "caller_number", "social_handle", "device", "object_serial")
MOST_ROWS = 50_000


class Person(msgspec.Struct, frozen=True):
    """One line of the list."""

    id: str
    href: str
    kind: str
    by: str
    n_identifiers: str
    n_events: str
    channels: tuple[tuple[str, str], ...]
    first: str
    last: str


class Head(msgspec.Struct, frozen=True):
    """A column one can order by."""

    label: str
    href: str
    chosen: bool


class Kind(msgspec.Struct, frozen=True):
    """A filter: persons with an identifier of this kind."""

    key: str
    label: str
    href: str
    chosen: bool


class Pages(msgspec.Struct, frozen=True):
    page: int
    n_pages: int
    before: str
    after: str


class PeopleScreen(msgspec.Struct, frozen=True):
    """The screen."""

    q: str
    rows: tuple[Person, ...]
    heads: dict[str, Head]
    summary: str
    held: str
    pages: Pages
    csv: str
    hidden: tuple[tuple[str, str], ...]
    searched: bool
    empty: bool
    kinds: tuple[Kind, ...]


def routes() -> list[Route]:
    return [Route("/people", show), Route("/people.csv", download)]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    tongue = desk.tongue(asked.lang)
    context = _screen(desk, asked)
    return render.page(desk, asked, "people.html", context, title=tongue._("People"))


def _screen(desk: Desk, asked: Asked) -> PeopleScreen:
    tongue = desk.tongue(asked.lang)
    q = asked.get("q").strip()
    order = asked.get("sort") if asked.get("sort") in ORDERS else "last_seen"
    permit = permit_of(desk, asked)
    with desk.stores.state.read() as conn:
        listed = identity.people(
            conn, permit, order=order, limit=PAGE, offset=0 if q else (asked.page - 1) * PAGE, kind=_kind(asked)
        )
        found = identity.find(conn, permit, q, limit=50) if q else listed.rows
    total = len(found) if q else listed.total
    n_pages = 1 if q else max(1, -(-total // PAGE))
    said = (
        tongue.n_("%(n)s person found", "%(n)s persons found", total)
        if q
        else tongue.n_("%(n)s person", "%(n)s persons", total)
    )
    channels = channels_of(desk, tuple(one.person_id for one in found))
    return PeopleScreen(
        q=q,
        rows=tuple(_person(desk, asked, one, channels.get(one.person_id, ())) for one in found),
        heads={
            key: Head(tongue._(label), asked.link(sort=key, page=None), key == order and not q)
            for key, label in ORDERS.items()
        },
        summary=said,
        held=tongue.n_(
            "%(n)s person objected to measurement: counted here, not listed",
            "%(n)s persons objected to measurement: counted here, not listed",
            listed.n_held_back,
        ),
        pages=pages_of(asked, n_pages),
        csv=asked.link("/people.csv", q=q, sort=asked.get("sort"), kind=_kind(asked)),
        hidden=tuple(
            (name, asked.get(name)) for name in ("lang", "theme", "reveal", "range", "segment") if asked.get(name)
        ),
        searched=bool(q),
        empty=not q and not _kind(asked) and listed.total + listed.n_held_back == 0,
        kinds=(
            Kind("", tongue._("Everyone"), asked.link(kind=None, page=None), _kind(asked) is None),
            *(
                Kind(key, names.kind(tongue, key), asked.link(kind=key, page=None, q=None), _kind(asked) == key)
                for key in KINDS
            ),
        ),
    )


def pages_of(asked: Asked, n_pages: int) -> Pages:
    """The links to the pages before and after this one."""
    before = asked.link(page=asked.page - 1 if asked.page > 2 else None) if asked.page > 1 else ""
    return Pages(asked.page, n_pages, before, asked.link(page=asked.page + 1) if asked.page < n_pages else "")


def _kind(asked: Asked) -> str | None:
    return asked.get("kind") if asked.get("kind") in KINDS else None


def _person(desk: Desk, asked: Asked, one: Found, channels: tuple[str, ...]) -> Person:
    tongue = desk.tongue(asked.lang)
    clear = permit_of(desk, asked).purpose == "service"
    return Person(
        id=one.person_id,
        href=asked.link(f"/people/{one.person_id}"),
        kind=one.by.kind,
        by=one.by.value if clear else masking.identifier(one.by.kind, one.by.value),
        n_identifiers=tongue.number(one.n_identifiers),
        n_events=tongue.number(one.n_events),
        channels=tuple((key, names.channel(tongue, key)) for key in channels),
        first=tongue.day(one.first_seen_us),
        last=tongue.day(one.last_seen_us),
    )


def channels_of(desk: Desk, ids: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The channels each of these persons was seen on, the most used first."""
    if not ids:
        return {}
    return desk.answer(("channels", ids), lambda: _channels_of(desk, ids))


def _channels_of(desk: Desk, ids: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    events = consent.population(desk.engine, "service", basis=bases(desk).get("service")).events
    theirs = events.filter(events.person_id.isin(ids))
    counted = theirs.group_by(["person_id", "channel"]).aggregate(n=theirs.count())
    rows = desk.engine.run(counted).to_pylist()
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: (row["person_id"], -row["n"], row["channel"])):
        found.setdefault(row["person_id"], []).append(row["channel"])
    return {person: tuple(channels) for person, channels in found.items()}


def download(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    permit = permit_of(desk, asked)
    q = asked.get("q").strip()
    order = asked.get("sort") if asked.get("sort") in ORDERS else "last_seen"
    with desk.stores.state.read() as conn:
        rows = (
            identity.find(conn, permit, q, limit=200)
            if q
            else identity.people(conn, permit, order=order, limit=MOST_ROWS, kind=_kind(asked)).rows
        )
    clear = permit.purpose == "service"
    return sheets.sheet(
        "people",
        ("person_id", "identifier_kind", "identifier", "n_identifiers", "n_events", "first_seen_at", "last_seen_at"),
        (
            (
                one.person_id,
                one.by.kind,
                one.by.value if clear else masking.identifier(one.by.kind, one.by.value),
                one.n_identifiers,
                one.n_events,
                sheets.instant(one.first_seen_us),
                sheets.instant(one.last_seen_us),
            )
            for one in rows
        ),
    )
