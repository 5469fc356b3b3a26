"""Importing a file: its address, what its forms send, and the import itself as it runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ariane.console import asked as asking
from ariane.console import drafting, inbox, render, roles
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.errors import ArianeError, InputError
from ariane.ingest.importers import Mapping, mapping_text, propose_mapping, read_mapping
from ariane.model import CHANNELS


def routes() -> list[Route]:
    return [
        Route("/sources/import", show),
        Route("/sources/import/progress", progress),
        Route("/sources/import/upload", upload, methods=["POST"]),
        Route("/sources/import/mapping", save, methods=["POST"]),
        Route("/sources/import/run", run, methods=["POST"]),
        Route("/sources/import/stop", stop, methods=["POST"]),
        Route("/sources/import/remove", remove, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    return _page(request)


def _page(request: Request, problem: ArianeError | None = None, text: str = "") -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    asked = Asked("/sources/import", asked.params, asked.lang)
    context = drafting.screen(desk, asked, request.app.state.loading, problem, text)
    title = desk.tongue(asked.lang)._("Import a file")
    return render.page(desk, asked, "wizard.html", context, title=title, status=problem.status if problem else 200)


def progress(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    asked = Asked("/sources/import", asked.params, asked.lang)
    name = inbox.file_of(desk.path, asked.get("file")).name
    job = request.app.state.loading.job(name)
    if job is None:
        raise InputError(f"'{name}' has not been imported.", next_step="Start the import first.")
    return render.part(desk, asked, "wizard_progress.html", drafting.progress_of(desk.tongue(asked.lang), asked, job))


async def upload(request: Request) -> Response:
    """The body is the file; its name is in the address."""
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    try:
        file = await inbox.take(desk.path, request.query_params.get("name", ""), request.stream())
    except ArianeError as error:
        return JSONResponse({"code": error.code, "message": str(error)}, error.status)
    here = Asked("/sources/import", asked.params, asked.lang)
    return JSONResponse({"href": here.link(file=file.name, name=None)}, 201)


async def save(request: Request) -> Response:
    """Keep a draft: from the choices by column, from the text, or proposed anew."""
    desk: Desk = request.app.state.desk
    form = await asking.form(request)
    return await anyio.to_thread.run_sync(_save, request, desk, form)


def _save(request: Request, desk: Desk, form: dict[str, str]) -> Response:
    asked = asking.read(request, desk.settings.language)
    file = inbox.file_of(desk.path, asked.get("file"))
    text = form.get("text", "").replace("\r\n", "\n")
    try:
        with inbox.head(file) as head:
            if asked.get("propose"):
                mapping = propose_mapping(head)
            elif text:
                mapping = _read(text)
            else:
                mapping = _chosen(desk, file, head, form)
        inbox.save_draft(desk.path, file.name, mapping_text(mapping))
    except ArianeError as error:
        return _page(request, error, text)
    here = Asked("/sources/import", asked.params, asked.lang)
    return RedirectResponse(here.link(propose=None, kind=None), 303)


def _read(text: str) -> Mapping:
    """A mapping's text, read as its file would be."""
    with tempfile.TemporaryDirectory(prefix="ariane-draft-") as folder:
        beside = Path(folder) / "mapping.toml"
        beside.write_text(text, encoding="utf-8")
        try:
            return read_mapping(beside)
        except InputError as error:
            raise InputError(error.what, allowed=error.allowed, next_step=error.next_step) from error


def _chosen(desk: Desk, file: Path, head: Path, form: dict[str, str]) -> Mapping:
    columns = inbox.sample(head).columns
    chosen = {column: form.get(f"role-{at}", "") for at, column in enumerate(columns)}
    mapping = roles.with_roles(drafting.mapping_for(desk.path, file, head), chosen, form.get("event_name", "")[:120])
    channel = form.get("channel", "")
    if channel in CHANNELS and isinstance(mapping.channel, str):
        mapping = msgspec.structs.replace(mapping, channel=channel)
    return _read(mapping_text(mapping))


def run(request: Request) -> Response:
    """Begin the import, or go on with it."""
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    file = inbox.file_of(desk.path, asked.get("file"))
    kind = asked.get("kind")
    try:
        with inbox.head(file) as head:
            mapping = None if kind else drafting.mapping_for(desk.path, file, head)
        if mapping is not None:
            inbox.save_draft(desk.path, file.name, mapping_text(mapping))
        request.app.state.loading.start(kind or inbox.format_of(file.name), file, mapping)
    except ArianeError as error:
        return _page(request, error)
    return RedirectResponse(Asked("/sources/import", asked.params, asked.lang).link() + "#progress", 303)


def stop(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    request.app.state.loading.stop()
    return RedirectResponse(Asked("/sources/import", asked.params, asked.lang).link() + "#progress", 303)


def remove(request: Request) -> Response:
    """Remove the file from the inbox; what was imported stays."""
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    name = inbox.file_of(desk.path, asked.get("file")).name
    inbox.remove(desk.path, name)
    request.app.state.loading.forget(name)
    return RedirectResponse(Asked("/sources/import", asked.params, asked.lang).link(file=None, kind=None), 303)
