"""Sources: where events come from, how they stand, and how to connect another."""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ariane import settings
from ariane.console import arriving, connecting, names, render, shapes, sheets
from ariane.console import asked as asking
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.figures import Figure, counted
from ariane.console.tongue import Tongue
from ariane.console.views.live import address_of
from ariane.console.words import N_
from ariane.errors import ArianeError, InputError
from ariane.model import CHANNELS, SECOND

STATES = {
    "live": (N_("live"), "on", N_("an event within the hour")),
    "today": (N_("today"), "plain", N_("an event within the day")),
    "quiet": (N_("quiet"), "off", N_("no event for a day")),
    "imported": (N_("imported"), "plain", N_("a file, read once")),
    "never": (N_("waiting"), "plain", N_("no event yet")),
}
LEVEL_S = 5.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One source as a line of the table."""

    name: str
    href: str
    channels: tuple[tuple[str, str], ...]
    write_key: str
    shown_key: str
    spark: str
    rate: str
    state: str
    tone: str
    why: str
    last: str
    n_events: str
    n_bots: str
    n_warned: str
    n_repeated: str
    n_quarantined: str
    warned_href: str
    quarantined_href: str


class Card(msgspec.Struct, frozen=True):
    """One kind of source to connect."""

    title: str
    about: str
    href: str
    part: str
    channels: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]


class Chip(msgspec.Struct, frozen=True):
    key: str
    label: str
    href: str
    chosen: bool


class Connect(msgspec.Struct, frozen=True, kw_only=True):
    """The drawer: how to connect one kind."""

    title: str
    about: str
    facts: tuple[tuple[str, str], ...]
    snippets: tuple[connecting.Snippet, ...]
    sources: tuple[Chip, ...]
    n_sources: int
    wizard: str
    signed: bool


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    subtitle: str
    figures: tuple[Figure, ...]
    rows: tuple[Row, ...]
    looked_at: str
    csv: str
    cards: tuple[Card, ...]
    chips: tuple[Chip, ...]
    channels: tuple[tuple[str, str], ...]
    add_to: str
    wizard: str
    problem: str = ""
    name: str = ""
    channel: str = ""
    opened: Connect | None = None


def routes() -> list[Route]:
    return [
        Route("/sources", show),
        Route("/sources.csv", download),
        Route("/sources/connect", connect),
        Route("/sources/add", add, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    return _page(request)


def _page(request: Request, status: int = 200, **entered: str) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    asked = Asked("/sources", asked.params, asked.lang)
    tongue = desk.tongue(asked.lang)
    stands = arriving.standing(desk)
    context = Sources(
        subtitle=tongue._("Where events come from, how they stand, and how to connect another"),
        figures=tuple(_figures(tongue, stands)),
        rows=tuple(_row(tongue, asked, one) for one in stands.sources),
        looked_at=tongue.number(stands.n_looked_at),
        csv=asked.link("/sources.csv"),
        cards=tuple(_card(tongue, asked, kind) for kind in _kinds(tongue, asked, desk)),
        chips=_chips(tongue, asked, desk),
        channels=tuple((key, names.channel(tongue, key)) for key in CHANNELS),
        add_to=asked.link("/sources/add"),
        wizard=asked.link("/sources/import"),
        opened=_connect(desk, asked, asked.get("open"), address_of(request)) if asked.get("open") else None,
        **entered,
    )
    return render.page(desk, asked, "sources.html", context, title=tongue._("Sources"), status=status)


def _figures(tongue: Tongue, stands: arriving.Standing) -> list[Figure]:
    behind = tongue._("level") if stands.behind_s < LEVEL_S else tongue.duration(stands.behind_s * SECOND)
    waits = tongue._("%(size)s kB to be taken", size=tongue.number(stands.behind_bytes / 1000))
    hour, started = tongue._("in the last hour"), tongue._("since the start, counted once")
    mended = tongue._("until plan or sender is mended")
    refused = N_("By the collector: a wrong key, no JSON, too large")
    waited = tongue._("How long the oldest event has waited for a consumer of the log")
    return [
        counted(tongue, "lately", N_("Events"), stands.n_lately, basis=hour),
        counted(tongue, "refused", N_("Requests refused"), stands.n_refused, basis=hour, why=refused),
        counted(tongue, "repeated", N_("Seen before"), stands.n_repeated, basis=started),
        counted(tongue, "quarantined", N_("In quarantine"), stands.n_quarantined, basis=mended),
        Figure(key="behind", label=tongue._("Behind"), value=behind, basis=waits, why=waited),
    ]


def _row(tongue: Tongue, asked: Asked, one: arriving.Seen) -> Row:
    label, tone, why = STATES[one.state]
    lately = sum(one.per_minute)
    rate = tongue._("%(n)s a minute at most", n=tongue.number(max(one.per_minute))) if lately else "–"
    channels = one.channels or ((one.channel,) if one.channel else ())
    return Row(
        name=one.name,
        href=asked.link("/live", source=one.name),
        channels=tuple((key, names.channel(tongue, key)) for key in channels),
        write_key=one.write_key,
        shown_key=connecting.masked(one.write_key),
        spark=shapes.sparkline([float(n) for n in one.per_minute]) if lately else "",
        rate=rate,
        state=tongue._(label),
        tone=tone,
        why=tongue._(why),
        last=tongue.moment(one.last_us),
        n_events=tongue.number(one.n_events),
        n_bots=tongue.number(one.n_bots),
        n_warned=tongue.number(one.n_warned),
        n_repeated=tongue.number(one.n_repeated),
        n_quarantined=tongue.number(one.n_quarantined),
        warned_href=asked.link("/live", source=one.name, status="warned") if one.n_warned else "",
        quarantined_href=asked.link("/live", source=one.name, status="quarantined") if one.n_quarantined else "",
    )


def _kinds(tongue: Tongue, asked: Asked, desk: Desk) -> list[connecting.Kind]:
    """The kinds on the channel the URL names."""
    found = connecting.kinds(tongue, desk.path / "sources")
    channel = asked.get("channel")
    return [kind for kind in found if not channel or channel in kind.channels]


def _card(tongue: Tongue, asked: Asked, kind: connecting.Kind) -> Card:
    tags = [
        *([tongue._("webhook")] if kind.is_hook else []),
        *([tongue._("file")] if kind.is_file else []),
        *([tongue._("library")] if not kind.is_file else []),
        *([tongue._("your own")] if kind.is_own else []),
    ]
    channels = kind.channels if len(kind.channels) <= 3 else ()
    return Card(
        kind.title,
        kind.about,
        asked.link(open=kind.key),
        asked.link("/sources/connect", open=kind.key),
        tuple((key, names.channel(tongue, key)) for key in channels),
        tuple(tags),
    )


def _chips(tongue: Tongue, asked: Asked, desk: Desk) -> tuple[Chip, ...]:
    present = {channel for kind in connecting.kinds(tongue, desk.path / "sources") for channel in kind.channels}
    every = Chip("", tongue._("Every channel"), asked.link(channel=None), not asked.get("channel"))
    return (
        every,
        *(
            Chip(key, names.channel(tongue, key), asked.link(channel=key), asked.get("channel") == key)
            for key in CHANNELS
            if key in present
        ),
    )


def connect(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    asked = Asked("/sources", asked.params, asked.lang)
    return render.part(desk, asked, "connect.html", _connect(desk, asked, asked.get("open"), address_of(request)))


def _connect(desk: Desk, asked: Asked, key: str, address: str) -> Connect:
    tongue, folder = desk.tongue(asked.lang), desk.path / "sources"
    kind = connecting.kind(tongue, key, folder)
    known = {name: source for name, source in arriving.sources_of(desk).items() if source.write_key}
    fitting = [name for name, source in known.items() if source.channel in kind.channels] + list(known)
    chosen = asked.get("for") if asked.get("for") in known else (fitting[0] if fitting else "")
    write_key = known[chosen].write_key if chosen else "WRITE_KEY"
    facts = [
        (tongue._("Channel"), tongue.listed([names.channel(tongue, one) for one in kind.channels[:5]])),
        (tongue._("Events"), ", ".join(kind.events) if kind.events else tongue._("as the sender names them")),
        (tongue._("Who"), tongue.listed([names.kind(tongue, one) for one in kind.identifiers])),
        (tongue._("Purpose"), names.purpose(tongue, kind.basis) if kind.basis else ""),
    ]
    return Connect(
        title=kind.title,
        about=kind.about,
        facts=tuple((label, said) for label, said in facts if said),
        snippets=tuple(connecting.snippets(tongue, kind, address, write_key, folder)),
        sources=tuple(Chip(name, name, asked.link(open=key, **{"for": name}), name == chosen) for name in known),
        n_sources=len(known),
        wizard=asked.link("/sources/import", kind=key) if kind.is_file else "",
        signed=kind.is_signed,
    )


async def add(request: Request) -> Response:
    """Add a source with a fresh write key to the settings file; the collector knows it within a second."""
    desk: Desk = request.app.state.desk
    form = await asking.form(request)
    name, channel = form.get("name", "").strip(), form.get("channel", "")
    try:
        if channel and not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", channel):
            raise InputError(f"'{channel[:40]}' is no channel.", allowed=", ".join(CHANNELS))
        settings.add_source(desk.path, name, channel)
    except ArianeError as error:
        said = error.what + (f" ({error.allowed})" if error.allowed else "")
        return _page(request, error.status, problem=said, name=name[:80], channel=channel[:40])
    kept = asking.read(request, desk.settings.language)
    return RedirectResponse(kept.link("/sources", **{"for": name}) + "#sources", 303)


def download(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    stands = arriving.standing(desk)
    header = ("source", "channels", "state", "last_received_at", "n_events", "n_bots", "n_quarantined",
              "n_with_a_warning_of_newest", "n_seen_before_of_newest", "n_newest", "n_last_60_minutes")  # fmt: skip
    return sheets.sheet(
        "sources",
        header,
        (
            (one.name, " ".join(one.channels), one.state, sheets.instant(one.last_us), one.n_events, one.n_bots,
             one.n_quarantined, one.n_warned, one.n_repeated, stands.n_looked_at, sum(one.per_minute))
            for one in stands.sources
        ),
    )  # fmt: skip
