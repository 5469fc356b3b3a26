"""The application: routes, the headers every answer carries, and what a failure looks like."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ariane import api
from ariane.console import asked as asking
from ariane.console import render
from ariane.console.desk import Desk, NotYet
from ariane.console.loading import Loading
from ariane.console.views import (
    deciding,
    identity,
    journeys,
    live,
    overview,
    people,
    person,
    plan,
    planted,
    review,
    sources,
    wizard,
)
from ariane.console.warming import Warming
from ariane.console.words import N_
from ariane.errors import ArianeError, NotFound, Transient
from ariane.settings import Misdirected, Settings, check_host, load

POLICY = "; ".join(
    (
        "default-src 'self'",
        # Positions and sizes of measured things are style attributes; scripts are never inline.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Puts the security headers on every answer, and refuses what is asked of another name than ours, and what changes
    something when it comes from elsewhere."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                is_static = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", "max-age=31536000, immutable" if is_static else "no-store")
            await send(message)

        try:
            check_host(self.settings, request.headers.get("host", ""))
        except Misdirected as error:
            return await _misdirected(scope["path"], error)(scope, receive, guarded)
        is_form = not scope["path"].startswith("/api/")  # the API takes JSON only, and checks the origin itself
        if request.method not in ("GET", "HEAD", "OPTIONS") and is_form and not _same_origin(request):
            refusal = PlainTextResponse("This form was not sent from the console.", 403)
            return await refusal(scope, receive, guarded)
        await self.app(scope, receive, guarded)


def _misdirected(path: str, error: Misdirected) -> Response:
    """Without a word of the workspace: whoever asks is not to read it."""
    if path.startswith("/api/"):
        return JSONResponse({"code": error.code, "message": str(error)}, error.status)
    said = f"<h1>Ariane does not answer to this name</h1><p>{html.escape(str(error))}</p>"
    return HTMLResponse(f"<!doctype html><title>Ariane</title>{said}", error.status)


def _settings(path: Path) -> Settings:
    """Those of the workspace; the defaults while there is none, and then there is nothing to read either."""
    try:
        return load(path)
    except ArianeError:
        return Settings()


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host", "")


class Problem(msgspec.Struct, frozen=True):
    """What an error page says."""

    status: int
    headline: str
    what: str
    next_step: str


def create_app(workspace_path: Path) -> Starlette:
    """The console of one workspace, to be served on loopback behind the front door.

    >>> import asyncio, httpx
    >>> from pathlib import Path
    >>> async def ask(path: str) -> int:
    ...     transport = httpx.ASGITransport(app=create_app(Path("/nowhere")))
    ...     async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
    ...         return (await client.get(path)).status_code
    >>> asyncio.run(ask("/"))
    404
    """
    desk = Desk(workspace_path)
    loading = Loading(lambda: desk.stores)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        warming = Warming(desk)
        warming.start()
        yield
        await anyio.to_thread.run_sync(warming.stop)
        await anyio.to_thread.run_sync(loading.stop)
        desk.close()

    app = Starlette(
        routes=[
            *overview.routes(),
            *people.routes(),
            *person.routes(),
            *deciding.routes(),
            *identity.routes(),
            *review.routes(),
            *journeys.routes(),
            *live.routes(),
            *sources.routes(),
            *wizard.routes(),
            *plan.routes(),
            *planted.routes(),
            Route("/favicon.ico", _favicon),
            Mount("/api", routes=api.routes(lambda: desk.workspace)),
            Mount("/static", StaticFiles(directory=str(files("ariane.console").joinpath("static")))),
        ],
        middleware=[Middleware(Guard, settings=_settings(workspace_path))],
        exception_handlers={ArianeError: _told, HTTPException: _missing, Exception: _broken},
        lifespan=lifespan,
    )
    app.state.desk, app.state.loading = desk, loading
    return app


def _favicon(_request: Request) -> Response:
    mark = files("ariane.console").joinpath("static", "mark.svg").read_bytes()
    return Response(mark, media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


def _show(request: Request, status: int, headline: str, what: str, next_step: str = "") -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request)
    tongue = desk.tongue(asked.lang)
    problem = Problem(status, tongue._(headline), what, next_step)
    if asked.is_part:
        return render.part(desk, asked, "problem.html", problem)
    return render.page(desk, asked, "error.html", problem, title=tongue._(headline), status=status)


def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, ArianeError)
    if isinstance(error, NotYet):
        return _measuring(request)
    headline = N_("This could not be read")
    if isinstance(error, NotFound):
        headline = N_("Nothing stands here")
    elif isinstance(error, Transient):
        headline = N_("Ariane is starting")
    next_step = error.next_step or (f"Allowed: {error.allowed}." if error.allowed else "")
    return _show(request, error.status, headline, error.what, next_step)


def _measuring(request: Request) -> Response:
    """The answer takes longer than a page may: say so, and ask again from there."""
    desk: Desk = request.app.state.desk
    asked = asking.read(request)
    title = desk.tongue(asked.lang)._("Measuring the journey")
    problem = Problem(202, title, asked.link(), "")
    return render.page(desk, asked, "measuring.html", problem, title=title, status=202)


def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    desk: Desk = request.app.state.desk
    tongue = desk.tongue(asking.read(request).lang)
    if error.status_code == 404:
        return _show(request, 404, N_("The thread ends here"), tongue._("No screen has this address."))
    return _show(request, error.status_code, N_("This could not be read"), error.detail)


def _broken(request: Request, error: Exception) -> Response:
    """An error of ours: the traceback goes to the log (Starlette raises it again), the page says so plainly."""
    desk: Desk = request.app.state.desk
    tongue = desk.tongue(asking.read(request).lang)
    said = tongue._("Ariane failed to draw this screen. Nothing was lost; the log of the console says what happened.")
    return _show(request, 500, N_("Something broke"), said, tongue._("Try again, and run 'ariane doctor' if it stays."))
