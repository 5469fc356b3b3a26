"""One person: who they are across devices and shops, what they lived, and why these identifiers are one person."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane import consent, identity
from ariane.console import asked as asking
from ariane.console import faces, graph, happening, masking, names, render, sheets, timeline
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.views.people import Pages, pages_of
from ariane.console.words import N_
from ariane.errors import NotFound
from ariane.identity.threads import Held, Thread, Tie
from ariane.model import PURPOSES

MOST_TIES = 80
RULES = {
    "manual": N_("somebody decided so"),
    "login": N_("signed in"),
    "observed": N_("seen in the same event"),
    "weak": N_("used on the same machine"),
}
STATUSES = {
    "live": N_("counts"),
    "refused": N_("refused by a limit or a split"),
    "inert": N_("does not count: one of them is shared"),
    "retracted": N_("taken back"),
    "shared": N_("shared by several persons"),
    "blocked": N_("names nobody"),
}


class Fact(msgspec.Struct, frozen=True):
    label: str
    value: str
    small: str


class Chip(msgspec.Struct, frozen=True):
    key: str
    label: str
    n: str
    href: str
    chosen: bool


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


class Evidence(msgspec.Struct, frozen=True):
    """One piece of evidence, in words."""

    a: str
    a_kind: str
    b: str
    b_kind: str
    because: str
    status: str
    counts: bool
    when: str
    small: str


class Standing(msgspec.Struct, frozen=True):
    """Where the person stands on one purpose."""

    purpose: str
    basis: str
    allowed: bool
    said: str
    since: str


class Dot(msgspec.Struct, frozen=True):
    """A node of the picture with its words."""

    node: graph.Node
    kind: str
    label: str
    title: str


class PersonScreen(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    id: str
    asked_by: str
    facts: tuple[Fact, ...]
    aliases: tuple[str, ...]
    chips: tuple[Chip, ...]
    days: tuple[timeline.Day, ...]
    pages: Pages
    n_shown: str
    names: tuple[Name, ...]
    evidence: tuple[Evidence, ...]
    n_more_evidence: int
    picture: graph.Picture | None
    dots: tuple[Dot, ...]
    picture_said: str
    why_sub: str
    standings: tuple[Standing, ...]
    reveal: faces.Reveal
    csv_timeline: str
    csv_identifiers: str
    csv_evidence: str
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
        return identity.person(conn, faces.permit_of(desk, asked), person_id)


def _screen(desk: Desk, asked: Asked, thread: Thread) -> PersonScreen:
    tongue = desk.tongue(asked.lang)
    clear = faces.permit_of(desk, asked).purpose == "service"
    rows, total = timeline.rows_of(desk, asked, thread.person_id)
    n_pages = max(1, -(-total // timeline.PAGE))
    labels = {str(held): _label(held.kind, held.value, clear) for held in thread.identifiers}
    picture = _picture(thread)
    here = f"/people/{thread.person_id}"
    return PersonScreen(
        id=thread.person_id,
        asked_by=thread.asked if thread.asked != thread.person_id else "",
        facts=_facts(desk, asked, thread),
        aliases=thread.aliases,
        chips=_chips(desk, asked, thread),
        days=timeline.days(desk, asked, rows),
        pages=pages_of(asked, n_pages),
        n_shown=tongue.n_("%(n)s event", "%(n)s events", total),
        names=tuple(_name(desk, asked, held, clear) for held in thread.identifiers),
        evidence=tuple(_evidence(desk, asked, tie, clear) for tie in thread.edges[:MOST_TIES]),
        n_more_evidence=max(0, len(thread.edges) - MOST_TIES),
        picture=picture,
        dots=tuple(
            Dot(
                node,
                node.key.partition(":")[0],
                labels[node.key],
                f"{names.kind(tongue, node.key.partition(':')[0])} {labels[node.key]}",
            )
            for node in (picture.nodes if picture else ())
        ),
        picture_said=_picture_said(desk, asked, thread),
        why_sub=_why(desk, asked, thread),
        standings=_standings(desk, asked, thread.person_id),
        reveal=faces.reveal(desk, asked),
        csv_timeline=asked.link(f"{here}/timeline.csv", channel=asked.get("channel")),
        csv_identifiers=asked.link(f"{here}/identifiers.csv"),
        csv_evidence=asked.link(f"{here}/evidence.csv"),
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


def _chips(desk: Desk, asked: Asked, thread: Thread) -> tuple[Chip, ...]:
    tongue = desk.tongue(asked.lang)
    chosen = asked.get("channel")
    ranked = sorted(thread.channels.items(), key=lambda pair: (-pair[1], pair[0]))
    everything = Chip(
        "", tongue._("Every channel"), tongue.number(thread.n_events), asked.link(channel=None, page=None), not chosen
    )
    return (
        everything,
        *(
            Chip(key, names.channel(tongue, key), tongue.number(n), asked.link(channel=key, page=None), chosen == key)
            for key, n in ranked
        ),
    )


def _name(desk: Desk, asked: Asked, held: Held, clear: bool) -> Name:
    tongue = desk.tongue(asked.lang)
    return Name(
        held.kind,
        names.kind(tongue, held.kind),
        _label(held.kind, held.value, clear),
        tongue._(STATUSES.get(held.status, held.status)),
        held.status == "live",
        tongue.day(held.first_us),
        tongue.day(held.last_us),
        tongue.number(held.n_events),
    )


def _evidence(desk: Desk, asked: Asked, tie: Tie, clear: bool) -> Evidence:
    tongue = desk.tongue(asked.lang)
    first, last = tongue.day(tie.first_us), tongue.day(tie.last_us)
    return Evidence(
        a=_label(tie.a.kind, tie.a.value, clear),
        a_kind=tie.a.kind,
        b=_label(tie.b.kind, tie.b.value, clear),
        b_kind=tie.b.kind,
        because=tongue._(RULES.get(tie.rule, tie.rule)),
        status=tongue._(STATUSES.get(tie.status, tie.status)),
        counts=tie.status == "live",
        when=first if first == last else f"{first} – {last}",
        small=tongue.n_(
            "%(n)s event, first from %(source)s",
            "%(n)s events, first from %(source)s",
            tie.n_events,
            source=names.short(tie.source, 30),
        ),
    )


def _picture(thread: Thread) -> graph.Picture | None:
    if len(thread.identifiers) < 2:
        return None
    ties = [(str(tie.a), str(tie.b), tie.rule in ("login", "manual"), tie.status == "live") for tie in thread.edges]
    off = frozenset(str(held) for held in thread.identifiers if held.status != "live")
    return graph.picture([str(held) for held in thread.identifiers], ties, off)


def _picture_said(desk: Desk, asked: Asked, thread: Thread) -> str:
    tongue = desk.tongue(asked.lang)
    live = sum(tie.status == "live" for tie in thread.edges)
    return tongue._(
        "%(identifiers)s identifiers tied by %(ties)s pieces of evidence; the table beside says which",
        identifiers=tongue.number(len(thread.identifiers)),
        ties=tongue.number(live),
    )


def _why(desk: Desk, asked: Asked, thread: Thread) -> str:
    tongue = desk.tongue(asked.lang)
    cookies = sum(held.kind == "cookie" for held in thread.identifiers)
    if cookies > 1:
        return tongue._("Why these %(n)s cookies are one person", n=tongue.number(cookies))
    return tongue._("Why these identifiers are one person")


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
    found, _ = timeline.rows_of(desk, asked, thread.person_id, most=timeline.MOST)
    rows = (
        (
            sheets.instant(row["occurred_us"]), row["channel"], happening.headline(tongue, row), row["step"],
            happening.details(tongue, row),
        )
        for row in found
    )  # fmt: skip
    return sheets.sheet(name, ("occurred_at", "channel", "event", "step", "details"), rows)


TABLES = {"identifiers": _sheet_of_identifiers, "evidence": _sheet_of_evidence, "timeline": _sheet_of_timeline}
