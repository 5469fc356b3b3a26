"""Live events: what arrives, as it arrives: taken or refused and why, and which person it joined."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import AsyncIterator

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ariane.console import arrivals, faces, names, render, reproducing, tailing
from ariane.console import asked as asking
from ariane.console.arrivals import STATUSES, Line
from ariane.console.asked import KEPT, Asked
from ariane.console.desk import Desk
from ariane.console.reading import Choices, Option, Select
from ariane.console.tailing import Tail
from ariane.console.words import N_
from ariane.ingest.refusals import Refusal, refusals

SHOWN = 60
FILTERED_BYTES = 2 * 1024 * 1024
TICK_S = 0.5
BEAT_S = 12.0
FILTERS = {"source": N_("Source"), "channel": N_("Channel"), "event": N_("Event")}
EVERY = {"source": N_("Every source"), "channel": N_("Every channel"), "event": N_("Every event")}


class Chip(msgspec.Struct, frozen=True):
    label: str
    href: str
    chosen: bool
    icon: str


class Live(msgspec.Struct, frozen=True):
    """The screen: the last lines, the filters, and where the stream is."""

    lines: tuple[Line, ...]
    statuses: tuple[Chip, ...]
    choices: Choices
    q: str
    filtered: bool
    clear: str
    stream: str
    opened: Reproduced | None


class Reproduced(msgspec.Struct, frozen=True):
    """The drawer: one event, and the test it makes."""

    headline: str
    about: str
    pytest: str
    curl: str
    pytest_href: str
    curl_href: str
    reveal: faces.Reveal


def routes() -> list[Route]:
    return [
        Route("/live", show),
        Route("/live/stream", stream),
        Route("/live/test", test),
        Route("/live/test_event.py", download_pytest),
        Route("/live/event.sh", download_curl),
    ]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    tongue = desk.tongue(asked.lang)
    filtered = any(asked.get(name) for name in (*FILTERS, "status", "q"))
    recent = Tail(desk.stores.log).recent(SHOWN * 8, FILTERED_BYTES if filtered else tailing.BACK_BYTES)
    context = Live(
        lines=tuple(_newest(desk, asked, recent)),
        statuses=(
            Chip(tongue._("Everything"), asked.link(status=None), not asked.get("status"), ""),
            *(
                Chip(tongue._(label), asked.link(status=key), asked.get("status") == key, arrivals.ICONS[key])
                for key, label in STATUSES.items()
            ),
        ),
        choices=_choices(desk, asked, recent),
        q=asked.get("q"),
        filtered=filtered,
        clear=asked.link(**dict.fromkeys((*FILTERS, "status", "q"))),
        stream=asked.link("/live/stream", **{key: asked.get(key) for key in (*FILTERS, "status", "q")}),
        opened=_reproduced(desk, asked, asked.get("open"), address_of(request)) if asked.get("open") else None,
    )
    return render.page(desk, asked, "live.html", context, title=tongue._("Live events"))


def _newest(desk: Desk, asked: Asked, recent: list[tailing.Arrival]) -> list[Line]:
    """The newest lines that the filters let through, refused requests among them."""
    tongue = desk.tongue(asked.lang)
    found: list[tuple[int, Line]] = []
    for begin in range(0, len(recent), SHOWN):
        judged = [one for one in arrivals.judge(desk, recent[begin : begin + SHOWN]) if arrivals.wanted(one, asked)]
        times = [one.arrival.received_us for one in judged]
        found += zip(times, arrivals.lines(desk, asked, judged), strict=True)
        if len(found) >= SHOWN:
            break
    refused = [one for one in refusals(desk.path, most=SHOWN) if arrivals.refusal_wanted(one, asked)]
    found += [(one.received_us, arrivals.refused(tongue, one)) for one in refused]
    return [line for _, line in sorted(found, key=lambda pair: -pair[0])[:SHOWN]]


def _choices(desk: Desk, asked: Asked, recent: list[tailing.Arrival]) -> Choices:
    tongue = desk.tongue(asked.lang)
    selects = []
    for name, values in arrivals.chosen_from(recent, asked).items():
        options = [Option("", tongue._(EVERY[name]), not asked.get(name))]
        for value in values:
            label = names.channel(tongue, value) if name == "channel" else names.short(value, 48)
            options.append(Option(value, label, asked.get(name) == value))
        selects.append(Select(name, tongue._(FILTERS[name]), tuple(options)))
    kept = (*KEPT, "status")
    return Choices("/live", tuple(selects), tuple((name, asked.get(name)) for name in kept if asked.get(name)))


def test(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    return render.part(desk, asked, "live_test.html", _reproduced(desk, asked, asked.get("at"), address_of(request)))


def _reproduced(desk: Desk, asked: Asked, place: str, address: str) -> Reproduced:
    tongue = desk.tongue(asked.lang)
    payload = tailing.standing_at(desk.stores.log, place)
    arrival = tailing.arrival(payload)
    here = Asked("/live", asked.params | {"open": place}, asked.lang)
    reveal = faces.reveal(desk, here)
    record = reproducing.read_record(payload, shown=reveal.shown)
    about = f"{tongue.moment(arrival.received_us)} · {arrival.source}"
    return Reproduced(
        headline=names.short(arrival.name, 80) or "–",
        about=f"{about} · {arrival.refused}" if arrival.refused else about,
        pytest=reproducing.as_pytest(record) if arrival.event is not None else "",
        curl=reproducing.as_curl(record, address),
        pytest_href=asked.link("/live/test_event.py", at=place),
        curl_href=asked.link("/live/event.sh", at=place),
        reveal=reveal,
    )


def download_pytest(request: Request) -> Response:
    return _download(request, "pytest", "test_event.py", "text/x-python")


def download_curl(request: Request) -> Response:
    return _download(request, "curl", "event.sh", "text/x-shellscript")


def _download(request: Request, form: str, name: str, media_type: str) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    text: str = getattr(_reproduced(desk, asked, asked.get("at"), address_of(request)), form)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)


def address_of(request: Request) -> str:
    """Where the browser found us: the collector answers there too."""
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else "http"
    host = request.headers.get("host", "")
    return f"{scheme}://{host}" if re.fullmatch(r"[\w.:\[\]-]{1,200}", host) else "http://127.0.0.1:8600"


async def stream(request: Request) -> Response:
    """Server-sent events: `line` carries one line of the feed as HTML, `tally` how many came in a minute, in words."""
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    feed = await anyio.to_thread.run_sync(lambda: Feed(desk, Asked("/live", asked.params, asked.lang)))
    return StreamingResponse(
        _follow(feed),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class Feed:
    """One reader of the stream: where it stands in the log and among the refusals, and what it has not drawn yet."""

    def __init__(self, desk: Desk, asked: Asked) -> None:
        self.desk, self.asked = desk, asked
        self.tail = Tail(desk.stores.log)
        self.refused_us = time.time_ns() // 1000
        self.minute: deque[tuple[float, int]] = deque()
        # Each tick draws what the tick before brought: by then the stream has tied it to a person.
        self.waiting: list[tailing.Arrival] = []

    def draw(self) -> str:
        """What has come since the last call, as server-sent events."""
        fresh, total = self.tail.fresh(SHOWN * 4)
        arrived, self.waiting = self.waiting, fresh
        self.minute.append((time.monotonic(), total))
        while self.minute[0][0] < time.monotonic() - 60:
            self.minute.popleft()
        tongue = self.desk.tongue(self.asked.lang)
        judged = [one for one in arrivals.judge(self.desk, arrived) if arrivals.wanted(one, self.asked)][-SHOWN:]
        lines = arrivals.lines(self.desk, self.asked, judged) if judged else []
        lines += [arrivals.refused(tongue, one) for one in self._refused() if arrivals.refusal_wanted(one, self.asked)]
        template = render.environment(tongue).get_template("live_line.html")
        text = "".join(_event("line", template.render(line=line)) for line in lines)
        n_lately = sum(n for _, n in self.minute)
        said = tongue.n_("%(n)s event in the last minute", "%(n)s events in the last minute", n_lately)
        return text + (_event("tally", said) if total else "")

    def _refused(self) -> list[Refusal]:
        found = refusals(self.desk.path, since_us=self.refused_us, most=SHOWN)
        if found:
            self.refused_us = found[-1].received_us
        return found


def _event(name: str, text: str) -> str:
    return f"event: {name}\n" + "".join(f"data: {part}\n" for part in text.splitlines()) + "\n"


async def _follow(feed: Feed) -> AsyncIterator[str]:
    """Until whoever reads goes away, which the server tells by cancelling."""
    yield "retry: 2000\n\n: here\n\n"
    beaten = time.monotonic()
    while True:
        text = await anyio.to_thread.run_sync(feed.draw)
        if text:
            yield text
        elif time.monotonic() - beaten > BEAT_S:
            yield ": beat\n\n"
        if text or time.monotonic() - beaten > BEAT_S:
            beaten = time.monotonic()
        await anyio.sleep(TICK_S)
