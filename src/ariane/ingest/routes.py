"""Every path events come in by: Segment's, those of its browser library, RudderStack's, and the webhooks of others."""

from __future__ import annotations

import msgspec

RUDDER = "rudder"
"""The dialect that keeps an explicit `timestamp`; the other, Segment's, corrects it and has no name in the log."""

KINDS = ("track", "identify", "page", "screen", "group", "alias", "batch")


class Route(msgspec.Struct, frozen=True):
    """What a path takes: one event of a type, a batch, a merge, a library's own metrics, or what a provider sends.

    `dialect` is given where only one dialect's clients use the path. `by_content`: an event without an id is known by
    its content, so that sending it again adds nothing.
    """

    kind: str
    dialect: str = ""
    by_content: bool = False


POSTED: dict[str, Route] = {
    **{f"/v1/{kind}": Route(kind) for kind in KINDS},
    **{f"/v1/{kind[0]}": Route(kind) for kind in KINDS},
    "/v1/m": Route("metrics"),
    "/v1/import": Route("batch", RUDDER, by_content=True),
    "/v1/merge": Route("merge", RUDDER),
    "/beacon/v1/batch": Route("batch", RUDDER),
}
"""Path → what is sent there with POST."""

PIXELS: dict[str, Route] = {
    **{f"/pixel/v1/{kind}": Route(kind, RUDDER) for kind in ("track", "page")},
    **{f"/v1/pixel/{kind}": Route(kind) for kind in KINDS[:-1]},
}
"""Path → what an image's address there tells, asked for with GET."""

HOOKS = "/v1/hooks/"
"""What follows names the provider whose webhook it is."""

SETTINGS = ("/v1/projects/", "/settings")
"""Around the write key whose settings Segment's libraries ask for."""

SOURCE_CONFIG = "/sourceConfig"
STATUS = frozenset({"/health", "/healthz", "/readyz", "/metrics"})
_OWN = ("/v1/", "/pixel/v1/", "/beacon/v1/")


def owns(path: str) -> bool:
    """Whether the path is answered here and not by the console."""
    return path.startswith(_OWN) or path in STATUS or path.rstrip("/") == SOURCE_CONFIG


def known() -> str:
    """The paths that take events, for whoever asked at another."""
    return ", ".join([*sorted(path for path in POSTED if len(path) > 5), HOOKS + "<provider>"])


def posted(path: str) -> Route | None:
    """What is sent to this path with POST, if anything; a slash too many does no harm.

    >>> posted("/v1/t"), posted("/v1/batch/").kind, posted("/v1/hooks/brevo").kind, posted("/v1/x")
    (Route(kind='track', dialect='', by_content=False), 'batch', 'hook', None)
    """
    route = POSTED.get(path)
    if route is not None:
        return route
    if path.startswith(HOOKS) and len(path.strip("/").split("/")) == 3:
        return Route("hook", by_content=True)
    return POSTED.get(path.rstrip("/"))
