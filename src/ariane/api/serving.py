"""The API over HTTP: a request is read, computed in a thread, and answered as JSON whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane.api import identities, linkages, listed, measured, persons, planned
from ariane.api.edge import shown
from ariane.api.endpoint import Endpoint, read_body, read_query
from ariane.api.openapi import Problem, document
from ariane.errors import ArianeError, InputError, NotFound, Transient
from ariane.settings import check_host
from ariane.workspace import Workspace

ENDPOINTS: tuple[Endpoint, ...] = (
    *listed.ENDPOINTS, *persons.ENDPOINTS, *identities.ENDPOINTS, *linkages.ENDPOINTS, *measured.ENDPOINTS,
    *planned.ENDPOINTS,
)  # fmt: skip
"""Every endpoint, in the order of the documentation."""

MOST_BYTES = 65_536
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

Open = Callable[[], Workspace]
Handler = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger("ariane.api")


def routes(open_workspace: Open) -> list[Route]:
    """The API's routes, to be mounted under /api. `open_workspace` gives the workspace, opened when it is needed.

    >>> from pathlib import Path
    >>> [route.path for route in routes(lambda: Workspace(Path("/nowhere")))][:2]
    ['/openapi.json', '/people/{id:path}/events']
    """
    # The longer address first: an id may hold slashes.
    ordered = sorted(ENDPOINTS, key=lambda endpoint: -len(endpoint.path))
    return [
        Route("/openapi.json", _description, methods=["GET"]),
        *(Route(_template(one), _handler(one, open_workspace), methods=[one.method]) for one in ordered),
        Route("/{rest:path}", _missing, methods=METHODS),
    ]


def _template(endpoint: Endpoint) -> str:
    return endpoint.path.removeprefix("/api").replace("{id}", "{id:path}")


def _handler(endpoint: Endpoint, open_workspace: Open) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            if endpoint.method == "POST":
                if refusal := _refused(request):
                    return refusal
                asked = read_body(endpoint, await _body(request))
            else:
                asked = read_query(endpoint, [*request.query_params.multi_items(), *request.path_params.items()])
            body = await run_in_threadpool(_computed, endpoint, open_workspace, asked, request.headers.get("host", ""))
            return Response(body, media_type="application/json")
        except ArianeError as error:
            return _told(error)
        except Exception:
            _log.exception("%s %s failed", endpoint.method, endpoint.path)
            return _problem(500, "error", "Ariane failed to answer. The log of the console says what happened.")

    return handle


def _computed(endpoint: Endpoint, open_workspace: Open, asked: msgspec.Struct, host: str) -> bytes:
    workspace = open_workspace()
    check_host(workspace.stores.settings, host)  # before anything is read: the console is not always in front

    def compute() -> bytes:
        return msgspec.json.encode(shown(endpoint.answer(workspace, asked)))

    return workspace.answer((endpoint.path, asked), compute) if endpoint.kept else compute()


def _refused(request: Request) -> Response | None:
    """The answer to a request that changes something and was sent from another site, or not as JSON."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        return _problem(403, "foreign_origin", "The request was sent by another site.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InputError("The body is not declared as JSON.", where="Content-Type", allowed="application/json")
    return None


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise InputError("The body is too long.", where=request.url.path, allowed=f"{MOST_BYTES} bytes")
    return body


async def _description(_request: Request) -> Response:
    return Response(msgspec.json.encode(document(ENDPOINTS)), media_type="application/json")


async def _missing(request: Request) -> Response:
    """What no endpoint answers: an unknown address, or a known one called with another method."""
    path = "/api/" + str(request.path_params["rest"])
    methods = _methods(path, ENDPOINTS)
    if methods:
        allowed = ", ".join(methods)
        message = f"{path[:80]}: {request.method} is not answered here. Allowed: {allowed}."
        return _problem(405, "method_not_allowed", message, {"Allow": allowed})
    return _told(NotFound(f"There is no endpoint {path[:80]}.", next_step="See /api/openapi.json."))


def _methods(path: str, endpoints: Iterable[Endpoint]) -> list[str]:
    fitting = [one.method for one in endpoints if Route(f"/api{_template(one)}", _missing).path_regex.match(path)]
    return sorted(set(fitting) | ({"GET"} if path == "/api/openapi.json" else set()))


def _told(error: ArianeError) -> Response:
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Transient) else {}
    return _problem(error.status, error.code, str(error), headers)


def _problem(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    readable = message.encode("utf-8", "replace").decode()
    return Response(msgspec.json.encode(Problem(code, readable)), status, headers, media_type="application/json")
