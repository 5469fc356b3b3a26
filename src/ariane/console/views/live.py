"""Live events: what arrives, as it arrives: accepted or not and why, and which person it joined."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ariane.console import asked as asking
from ariane.console import names, render
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.faces import person_of
from ariane.console.tailing import Arrival, Tail
from ariane.console.words import N_

SHOWN = 40
TICK_S = 0.5
BEAT_S = 12.0
VERDICTS = {"": N_("Everything"), "accepted": N_("Accepted"), "rejected": N_("Rejected")}


class Line(msgspec.Struct, frozen=True):
    """One arrival as a line of the feed."""

    clock: str
    at: str
    channel: str
    channel_name: str
    name: str
    source: str
    accepted: bool
    reason: str
    person: str
    person_href: str
    detail: str


class Filter(msgspec.Struct, frozen=True):
    label: str
    href: str
    chosen: bool
    channel: str


class Live(msgspec.Struct, frozen=True):
    """The screen: the last lines, the filters, and where the stream is."""

    lines: tuple[Line, ...]
    verdicts: tuple[Filter, ...]
    channels: tuple[Filter, ...]
    stream: str
    write_key: str


def routes() -> list[Route]:
    return [Route("/live", show), Route("/live/stream", stream)]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    tongue = desk.tongue(asked.lang)
    recent = Tail(desk.stores.log).recent(SHOWN * 4)
    lines = _lines(desk, asked, [one for one in recent if wanted(one, asked)][:SHOWN])
    present = sorted({one.event.channel for one in recent if one.event} | ({asked.get("channel")} - {""}))
    context = Live(
        lines=tuple(lines),
        verdicts=tuple(
            Filter(tongue._(label), asked.link(verdict=key), asked.get("verdict") == key, "")
            for key, label in VERDICTS.items()
        ),
        channels=tuple(
            Filter(
                names.channel(tongue, key),
                asked.link(channel=None if asked.get("channel") == key else key),
                asked.get("channel") == key,
                key,
            )
            for key in present
        ),
        stream=asked.link("/live/stream", **{key: asked.get(key) for key in ("channel", "verdict")}),
        write_key=next((source.write_key for source in desk.settings.sources.values()), ""),
    )
    return render.page(desk, asked, "live.html", context, title=tongue._("Live events"))


def wanted(one: Arrival, asked: Asked) -> bool:
    """Whether the URL's filters let an arrival through."""
    verdict, channel = asked.get("verdict"), asked.get("channel")
    if verdict and (verdict == "rejected") != bool(one.refused):
        return False
    return not channel or (one.event is not None and one.event.channel == channel)


def _lines(desk: Desk, asked: Asked, arrivals: list[Arrival]) -> list[Line]:
    tongue = desk.tongue(asked.lang)
    persons = person_of(desk, [one.event for one in arrivals if one.event is not None])
    lines = []
    for one in arrivals:
        event = one.event
        person = persons.get(event.event_id, "") if event else ""
        lines.append(
            Line(
                clock=tongue.clock(one.received_us, "HH:mm:ss"),
                at=tongue.moment(one.received_us),
                channel=event.channel if event else "",
                channel_name=names.channel(tongue, event.channel) if event else "",
                name=one.name[:200],
                source=one.source[:80],
                accepted=not one.refused,
                reason=one.refused[:300]
                or (tongue._("a machine, kept and never counted") if event and event.is_bot else ""),
                person=person,
                person_href=asked.link(f"/people/{person}") if person else "",
                detail=event.type if event else "",
            )
        )
    return lines


async def stream(request: Request) -> Response:
    """Server-sent events: `line` carries one line of the feed as HTML, `tally` how many came in a minute, in words."""
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    tail = await anyio.to_thread.run_sync(lambda: Tail(desk.stores.log))
    return StreamingResponse(
        _follow(desk, asked, tail),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _follow(desk: Desk, asked: Asked, tail: Tail) -> AsyncIterator[str]:
    """Until whoever reads goes away, which the server tells by cancelling."""
    tongue = desk.tongue(asked.lang)
    template = render.environment(tongue).get_template("live_line.html")
    minute: deque[tuple[float, int]] = deque()
    # Each tick draws what the tick before brought: by then the stream has tied it to a person.
    waiting: list[Arrival] = []

    def draw() -> str:
        fresh, total = tail.fresh(SHOWN * 4)
        arrivals = list(waiting)
        waiting[:] = fresh
        minute.append((time.monotonic(), total))
        while minute[0][0] < time.monotonic() - 60:
            minute.popleft()
        chosen = [one for one in arrivals if wanted(one, asked)][-SHOWN:]
        drawn = [template.render(line=line) for line in _lines(desk, asked, chosen)]
        text = "".join(
            "event: line\n" + "".join(f"data: {part}\n" for part in one.splitlines()) + "\n" for one in drawn
        )
        n_lately = sum(n for _, n in minute)
        said = tongue.n_("%(n)s event in the last minute", "%(n)s events in the last minute", n_lately)
        return text + (f"event: tally\ndata: {said}\n\n" if total else "")

    yield "retry: 2000\n\n: here\n\n"
    beaten = time.monotonic()
    while True:
        text = await anyio.to_thread.run_sync(draw)
        if text:
            yield text
        elif time.monotonic() - beaten > BEAT_S:
            yield ": beat\n\n"
        if text or time.monotonic() - beaten > BEAT_S:
            beaten = time.monotonic()
        await anyio.sleep(TICK_S)
