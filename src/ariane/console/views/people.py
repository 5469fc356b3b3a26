"""People: find a person by anything known of them, or walk the list. Nobody's identifiers are shown in clear."""

from __future__ import annotations

import time

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane import consent, identity
from ariane.console import asked as asking
from ariane.console import masking, names, render, searching, sheets
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.faces import bases, permit_of
from ariane.console.reading import Option, Select
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.identity.chosen import choose
from ariane.identity.threads import Found, People
from ariane.model import DAY

PAGE = 25
ORDERS = {
    "last_seen": N_("Last seen"),
    "first_seen": N_("First seen"),
    "n_events": N_("Events"),
    "n_identifiers": N_("Identifiers"),
}
KINDS = ("user_id", "email", "loyalty_card", "phone", "caller_number", "social_handle", "device", "object_serial")
STATES = {"": N_("Everyone"), "merged": N_("Merged in the last 30 days"), "shared": N_("Shared by several persons")}
FILTERS = ("by", "kind", "channel", "state")
LATELY_DAYS = 30
MOST_NAMES = 60
MOST_ROWS = 50_000


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. `how` says what a search found them by, and `when` an event of that name last happened."""

    id: str
    href: str
    kind: str
    by: str
    how: str
    when: str
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


class How(msgspec.Struct, frozen=True):
    """A way a search found persons, with how many."""

    key: str
    label: str
    n: str
    href: str
    chosen: bool


class Pages(msgspec.Struct, frozen=True):
    page: int
    n_pages: int
    before: str
    after: str


class PeopleScreen(msgspec.Struct, frozen=True, kw_only=True):
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
    narrowed: bool
    clear: str
    hows: tuple[How, ...]
    selects: tuple[Select, ...]
    event_names: tuple[str, ...]


class Listed(msgspec.Struct, frozen=True):
    """The persons a URL asks for: a page of them, and what a search found them by."""

    page: People
    matches: dict[str, searching.Match]
    n_by: dict[str, int]


def routes() -> list[Route]:
    return [Route("/people", show), Route("/people.csv", download)]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    tongue = desk.tongue(asked.lang)
    context = _screen(desk, asked)
    return render.page(desk, asked, "people.html", context, title=tongue._("People"))


def _listed(desk: Desk, asked: Asked, limit: int, offset: int) -> Listed:
    """Those the search found, or everybody; narrowed by the filters, in the order of the URL."""
    q, how = asked.get("q").strip(), asked.get("by")
    matches: dict[str, searching.Match] = {}
    n_by: dict[str, int] = {}
    if q:
        found = searching.search(desk, asked, q)
        n_by = {way: len(ones) for way, ones in found.items()}
        for way, ones in found.items():
            if how not in found or way == how:
                for one in ones:
                    matches.setdefault(one.person_id, one)
    with desk.stores.state.read() as conn:
        page = choose(
            conn, permit_of(desk, asked), among=list(matches) if q else None, order=_order(asked) or "",
            limit=limit, offset=offset, kind=_kind(asked) or "", channel=asked.get("channel")[:80],
            status="shared" if asked.get("state") == "shared" else "",
            merged_since_us=_lately() if asked.get("state") == "merged" else None,
            rules=identity.rules_of(desk.path),
        )  # fmt: skip
    return Listed(page, matches, n_by)


def _lately() -> int:
    """Since when a merge is of late; the same all day, as an address is to show the same."""
    return time.time_ns() // 1000 // DAY * DAY - LATELY_DAYS * DAY


def _order(asked: Asked) -> str | None:
    return asked.get("sort") if asked.get("sort") in ORDERS else None


def _screen(desk: Desk, asked: Asked) -> PeopleScreen:
    tongue = desk.tongue(asked.lang)
    q = asked.get("q").strip()
    listed = _listed(desk, asked, PAGE, (asked.page - 1) * PAGE)
    found, total = listed.page.rows, listed.page.total
    said = (
        tongue.n_("%(n)s person found", "%(n)s persons found", total)
        if q
        else tongue.n_("%(n)s person", "%(n)s persons", total)
    )
    channels = channels_of(desk, tuple(one.person_id for one in found))
    order = _order(asked) or ("" if q else "last_seen")
    narrowed = any(asked.get(name) for name in FILTERS)
    return PeopleScreen(
        q=q,
        rows=tuple(
            _person(desk, asked, one, channels.get(one.person_id, ()), listed.matches.get(one.person_id))
            for one in found
        ),
        heads={
            key: Head(tongue._(label), asked.link(sort=key, page=None), key == order) for key, label in ORDERS.items()
        },
        summary=said,
        held=_held(desk, asked, listed.page.n_held_back),
        pages=pages_of(asked, max(1, -(-total // PAGE))),
        csv=asked.link("/people.csv", q=q, sort=asked.get("sort"), **{name: asked.get(name) for name in FILTERS}),
        hidden=tuple(
            (name, asked.get(name))
            for name in ("lang", "theme", "reveal", "range", "segment", "sort")
            if asked.get(name)
        ),
        searched=bool(q),
        empty=not q and not narrowed and total + listed.page.n_held_back == 0,
        narrowed=narrowed,
        clear=asked.link(page=None, **dict.fromkeys(FILTERS)),
        hows=_hows(desk, asked, listed) if q else (),
        selects=_selects(desk, asked),
        event_names=searching.event_names(desk)[:MOST_NAMES],
    )


def _held(desk: Desk, asked: Asked, n: int) -> str:
    """How many persons the list leaves out; of a search that would tell of somebody, so everybody is counted."""
    if asked.get("q").strip():
        with desk.stores.state.read() as conn:
            n = choose(conn, permit_of(desk, asked), limit=1).n_held_back
    return desk.tongue(asked.lang).n_(
        "%(n)s person objected to measurement: counted here, not listed",
        "%(n)s persons objected to measurement: counted here, not listed",
        n,
    )


def _hows(desk: Desk, asked: Asked, listed: Listed) -> tuple[How, ...]:
    tongue, chosen = desk.tongue(asked.lang), asked.get("by")
    every = How("", tongue._("Anything"), "", asked.link(by=None, page=None), chosen not in searching.HOWS)
    ways = (
        How(key, tongue._(label), tongue.number(listed.n_by[key]), asked.link(by=key, page=None), key == chosen)
        for key, label in searching.HOWS.items()
        if key != "alike" or listed.n_by[key]
    )
    return (every, *ways)


def _selects(desk: Desk, asked: Asked) -> tuple[Select, ...]:
    tongue = desk.tongue(asked.lang)
    kinds = [("", tongue._("Known by anything")), *((key, names.kind(tongue, key)) for key in KINDS)]
    channels = [("", tongue._("Every channel")), *((key, names.channel(tongue, key)) for key in _channels(desk))]
    states = [(key, tongue._(label)) for key, label in STATES.items()]
    given = (("kind", tongue._("Known by"), kinds), ("channel", tongue._("Channel"), channels),
             ("state", tongue._("Which persons"), states))  # fmt: skip
    return tuple(
        Select(name, label, tuple(Option(key, said, asked.get(name) == key) for key, said in options))
        for name, label, options in given
    )


def _channels(desk: Desk) -> tuple[str, ...]:
    """The channels there are, the most used first."""

    def compute() -> tuple[str, ...]:
        events = desk.engine.table("events")
        lived = events.filter(~events.is_bot)
        counted = lived.group_by("channel").aggregate(n=lived.count())
        rows = desk.engine.run(counted.order_by([counted.n.desc(), counted.channel]).limit(40)).to_pylist()
        return tuple(row["channel"] for row in rows if row["channel"])

    return desk.answer("channels there are", compute)


def pages_of(asked: Asked, n_pages: int) -> Pages:
    """The links to the pages before and after this one."""
    before = asked.link(page=asked.page - 1 if asked.page > 2 else None) if asked.page > 1 else ""
    return Pages(asked.page, n_pages, before, asked.link(page=asked.page + 1) if asked.page < n_pages else "")


def _kind(asked: Asked) -> str | None:
    return asked.get("kind") if asked.get("kind") in KINDS else None


def _person(
    desk: Desk, asked: Asked, one: Found, channels: tuple[str, ...], match: searching.Match | None
) -> Person:  # fmt: skip
    tongue = desk.tongue(asked.lang)
    clear = permit_of(desk, asked).purpose == "service"
    strongest = one.by.value if clear else masking.identifier(one.by.kind, one.by.value)
    return Person(
        id=one.person_id,
        href=asked.link(f"/people/{one.person_id}"),
        kind=match.kind if match is not None else one.by.kind,
        by=searching.said(match, clear=clear) if match is not None else strongest,
        how=match.how if match is not None else "",
        when=_when(tongue, match),
        n_identifiers=tongue.number(one.n_identifiers),
        n_events=tongue.number(one.n_events),
        channels=tuple((key, names.channel(tongue, key)) for key in channels),
        first=tongue.day(one.first_seen_us),
        last=tongue.day(one.last_seen_us),
    )


def _when(tongue: Tongue, match: searching.Match | None) -> str:
    """When what was searched for last happened to them, or how probably they are meant."""
    if match is None or match.how not in ("event", "alike"):
        return ""
    return tongue.day(match.at_us) if match.how == "event" else tongue.percent(match.share)


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
    listed = _listed(desk, asked, MOST_ROWS, 0)
    clear = permit_of(desk, asked).purpose == "service"
    header = ("person_id", "identifier_kind", "identifier", "n_identifiers", "n_events", "first_seen_at",
              "last_seen_at", "found_by", "found")  # fmt: skip
    rows = (
        (
            one.person_id,
            one.by.kind,
            one.by.value if clear else masking.identifier(one.by.kind, one.by.value),
            one.n_identifiers,
            one.n_events,
            sheets.instant(one.first_seen_us),
            sheets.instant(one.last_seen_us),
            match.how if match is not None else "",
            searching.said(match, clear=clear) if match is not None else "",
        )
        for one in listed.page.rows
        for match in (listed.matches.get(one.person_id),)
    )
    return sheets.sheet("people", header, rows)
