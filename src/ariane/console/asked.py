"""What a URL asks for: language, theme, period, segment, page, order. Every state of a screen lives here."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.requests import Request

from ariane.console import words
from ariane.console.words import N_
from ariane.errors import InputError
from ariane.model import DAY

RANGES: dict[str, tuple[str, int]] = {
    "7d": (N_("Last 7 days"), 7),
    "28d": (N_("Last 28 days"), 28),
    "90d": (N_("Last 90 days"), 90),
    "365d": (N_("Last 12 months"), 365),
    "all": (N_("All time"), 0),
}
DEFAULT_RANGE = "90d"
KEPT = ("lang", "theme", "range", "since", "until", "segment", "compare", "reveal")
"""What a link to another screen carries along."""


class Period(msgspec.Struct, frozen=True):
    """From `since_us` (included) to `until_us` (excluded); both None when there is no event yet."""

    since_us: int | None
    until_us: int | None

    @property
    def days(self) -> float:
        return 0 if self.since_us is None or self.until_us is None else (self.until_us - self.since_us) / DAY

    def before(self) -> Period:
        """The period of the same length that ends where this one begins."""
        if self.since_us is None or self.until_us is None:
            return self
        return Period(2 * self.since_us - self.until_us, self.since_us)


class Asked(msgspec.Struct, frozen=True):
    """One request, read once.

    `params` are the query's own values, so that links change one thing and keep the rest.
    """

    path: str
    params: dict[str, str]
    lang: str
    is_part: bool = False

    @property
    def theme(self) -> str:
        said = self.params.get("theme", "")
        return said if said in ("light", "dark") else ""

    @property
    def range(self) -> str:
        if "since" in self.params or "until" in self.params:
            return "custom"
        said = self.params.get("range", DEFAULT_RANGE)
        return said if said in RANGES else DEFAULT_RANGE

    @property
    def segment(self) -> str:
        return self.params.get("segment", "")

    @property
    def compares(self) -> bool:
        return self.params.get("compare", "previous") != "none"

    @property
    def page(self) -> int:
        said = self.params.get("page", "1")
        return max(1, min(1_000_000, int(said))) if said.isdecimal() and len(said) < 8 else 1

    def get(self, name: str, default: str = "") -> str:
        return self.params.get(name, default)

    def link(self, path: str | None = None, /, **changes: str | int | None) -> str:
        """This URL with `changes`; None removes. Another path keeps only what screens share.

        >>> Asked("/people", {"q": "a b", "page": "3"}, "en").link(page=None)
        '/people?q=a+b'
        >>> Asked("/people", {"q": "x", "lang": "fr"}, "fr").link("/journeys")
        '/journeys?lang=fr'
        """
        kept = self.params if path is None or path == self.path else {k: v for k, v in self.params.items() if k in KEPT}
        merged: dict[str, str | int | None] = {**kept, **changes}
        query = urlencode({name: value for name, value in merged.items() if value not in (None, "")})
        return (path or self.path) + (f"?{query}" if query else "")

    def period(self, first_us: int | None, last_us: int | None) -> Period:
        """The period asked for, counted back from the last event: an import of last year's calls shows its calls."""
        if first_us is None or last_us is None:
            return Period(None, None)
        end = (last_us // DAY + 1) * DAY
        start = first_us // DAY * DAY
        if self.range == "custom":
            since, until = _day(self.get("since")), _day(self.get("until"))
            start = start if since is None else since
            end = end if until is None else until + DAY
            if end <= start:
                raise InputError(
                    "The period ends before it begins.", where="since, until", allowed="days such as 2025-03-31"
                )
            return Period(start, end)
        days = RANGES[self.range][1]
        return Period(start if not days else end - days * DAY, end)


def read(request: Request, default_language: str = "en") -> Asked:
    """Read a request's URL. Later values of a repeated name win, as in a form."""
    params = {name: value[:2000] for name, value in request.query_params.items()}
    lang = words.chosen(params.get("lang"), request.headers.get("accept-language", ""), default_language)
    return Asked(request.url.path, params, lang, request.headers.get("hx-request-type") == "partial")


def _day(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise InputError(f"'{text[:40]}' is not a day.", where="since, until", allowed="days such as 2025-03-31")
    try:
        day = date.fromisoformat(text)
        return int(
            (datetime(day.year, day.month, day.day, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC))
            / timedelta(microseconds=1)
        )
    except (ValueError, OverflowError) as error:
        raise InputError(f"'{text}' is not a day.", where="since, until", allowed="days such as 2025-03-31") from error


async def form(request: Request, most_bytes: int = 1_000_000) -> dict[str, str]:
    """The fields of a form that was sent; the last of a repeated name. InputError when it is longer than it may be."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise InputError("The form is too long.", allowed=f"at most {most_bytes:,} bytes")
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=2_000))
    except ValueError as error:
        raise InputError(f"The form cannot be read: {error}.") from error
