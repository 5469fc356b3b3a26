"""A web server's access log, one request a line: Common or Combined Log Format, as Apache and nginx write them.

| request                                       | becomes                                                        |
|-----------------------------------------------|----------------------------------------------------------------|
| GET answered 2xx or 304                       | page {path}                                                    |
| GET or POST answered 4xx or 5xx               | Error Shown {code, path}                                       |
| POST answered 2xx or 3xx                      | Form Submitted {path}                                          |
| what a page is made of; redirects; HEAD …     | left out and counted                                           |
| the address and the browser's name            | anonymous_id, hashed; a new one every day                      |
| the user name of HTTP authentication          | user_id                                                        |

An address is personal data and a poor name for a person: it is never written. With the browser's name, the day and a
secret of the workspace it is hashed to 96 bits, so that a visit holds together and nobody is followed from day to day.
Query strings may hold anything and are dropped, but for utm_source, utm_medium and utm_campaign; a referrer keeps its
address without its query, and none at all when it is this site's own. Fetching robots.txt, giving no browser name and
asking for more than 60 pages in a minute are what machines do: all requests of such a visitor are marked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from ariane.errors import NotFound
from ariane.ingest.bots import is_bot
from ariane.ingest.convert import instant, month_of
from ariane.ingest.importers.files import PACKED, lines, regular
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.report import Tally
from ariane.ingest.record import Record

_TEXT = r'"([^"\\]*(?:\\.[^"\\]*)*)"?'
_LINE = re.compile(rf"(\S+) \S+ (.+?) \[([^\]]{{20,40}})\] {_TEXT} (\d{{3}}) (?:\d+|-)(?: {_TEXT} {_TEXT})?")
_PARTS = re.compile(
    r"\.(?:css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|bmp|woff2?|ttf|otf|eot|mp4|webm|mp3|ogg|wasm)$", re.IGNORECASE
)
_ROBOTS = "/robots.txt"
_NAMED = re.compile(r"access|\.log(\.|$)|apache_logs", re.IGNORECASE)
NO_AGENT = frozenset({"", "-"})
PAGES_A_MINUTE = 60
"""More pages than this in one minute are not read by anybody."""
CAMPAIGN = {"utm_source": "source", "utm_medium": "medium", "utm_campaign": "name"}


class _Request(NamedTuple):
    """One line, read. `visitor` is the address and the browser's name, as they stand."""

    visitor: tuple[str, str]
    account: str
    at: str
    method: str
    target: str
    status: int
    referrer: str


def _paths(path: Path) -> list[Path]:
    if not path.is_dir():
        return [regular(path)]
    plain = [entry for entry in sorted(path.iterdir()) if entry.is_file() and _NAMED.search(entry.name)]
    found = [regular(entry) for entry in plain if path.resolve() in entry.resolve().parents]
    if not found:
        raise NotFound(
            "There is no access log here.",
            where=str(path),
            allowed=f"files named like access.log, as they are or packed ({', '.join(PACKED[1:])})",
            next_step="Give the file itself.",
        )
    return found


class _Survey(msgspec.Struct):
    """What a first reading finds: the visitors that are machines by what they do, the site's own name, and counts."""

    machines: set[tuple[str, str]] = msgspec.field(default_factory=set)
    addresses: set[str] = msgspec.field(default_factory=set)
    agents: set[str] = msgspec.field(default_factory=set)
    statuses: Counter[int] = msgspec.field(default_factory=Counter)
    hosts: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def site(self) -> str:
        """Pictures and styles are asked for by the site's own pages: the host most of them name is the site's."""
        return self.hosts.most_common(1)[0][0] if self.hosts else ""


def _records(job: Job) -> Iterator[Record]:
    """Two readings: the first finds the machines among the visitors and the site's own name, the second writes."""
    survey = _surveyed(job)
    tally, machines, site = job.tally, survey.machines, survey.site
    visitors, n_pages, n_machines = set[str](), 0, 0
    for path in _paths(job.path):
        for line, text in lines(path, tally):
            tally.n_rows += 1
            request = _read(text)
            if request is None:
                tally.bad(path, line, "", "not a line of the Common or Combined Log Format")
                continue
            name, kind, reason = _event_of(request)
            if reason:
                tally.skip(reason)
                continue
            record = _record(job, request, name, kind, request.visitor in machines, site)
            if tally.seen(record.message_id.encode()):
                continue
            visitors.add(record.anonymous_id or "")
            n_pages += kind == "page"
            n_machines += request.visitor in machines or is_bot(request.visitor[1])
            yield record
    figures: dict[str, float] = {"lines": tally.n_rows, "addresses": len(survey.addresses)}
    figures["browsers"] = len(survey.agents - NO_AGENT)
    figures |= {f"status {status}": n for status, n in sorted(survey.statuses.items())}
    tally.figures |= figures | {
        "pages": n_pages,
        "visitors, a day each": len(visitors),
        "events of machines": n_machines,
    }


def _surveyed(job: Job) -> _Survey:
    survey, quiet = _Survey(), Tally()
    minutes: dict[tuple[str, str], tuple[str, int]] = {}
    for path in _paths(job.path):
        for _, text in lines(path, quiet):
            request = _read(text)
            if request is None:
                continue
            visitor, minute, path_asked = request.visitor, request.at[:17], _path(request.target)
            survey.addresses.add(visitor[0])
            survey.agents.add(visitor[1])
            survey.statuses[request.status] += 1
            if _is_part(path_asked):
                if host := _address(request.referrer)[0]:
                    survey.hosts[host] += 1
                continue
            since, n = minutes.get(visitor, ("", 0))
            n = n + 1 if since == minute else 1
            minutes[visitor] = minute, n
            if n > PAGES_A_MINUTE or visitor[1] in NO_AGENT or path_asked == _ROBOTS:
                survey.machines.add(visitor)
    return survey


def _read(line: bytes) -> _Request | None:
    match = _LINE.match(line.decode("utf-8", "replace"))
    if match is None:
        return None
    address, account, at, asked, status, referrer, agent = match.groups()
    method, _, rest = asked.partition(" ")
    target = rest.rpartition(" HTTP/")[0] or rest
    return _Request((address, agent or ""), account, at, method, target, int(status), referrer or "")


@lru_cache(4096)
def _path(target: str) -> str:
    """The path asked for, without its query; of an absolute address, its path."""
    path = target.partition("?")[0].partition("#")[0]
    return urlsplit(path).path or "/" if "://" in path[:10] else path


@lru_cache(4096)
def _is_part(path: str) -> bool:
    return _PARTS.search(path) is not None


def _event_of(request: _Request) -> tuple[str, str, str]:
    """The event's name and type; or why there is none."""
    status = request.status
    if request.method not in ("GET", "POST"):
        return "", "", "neither GET nor POST"
    if _is_part(path := _path(request.target)) or path == _ROBOTS:
        return "", "", "part of a page, or for machines"
    if status >= 400:
        return "Error Shown", "track", ""
    if request.method == "POST":
        return "Form Submitted", "track", ""
    if status >= 300 and status != 304:
        return "", "", "redirect"
    return path, "page", ""


def _record(job: Job, request: _Request, name: str, kind: str, machine: bool, site: str) -> Record:
    at, path = _instant(request.at), unquote(_path(request.target), errors="replace")[:500]
    visitor = _hashed(job.secret, at[:10], *request.visitor)
    known = request.account if request.account not in ("", "-") else None
    said: dict[str, Any] = {"path": path} | ({"code": str(request.status)} if name == "Error Shown" else {})
    context: dict[str, Any] = {"channel": "web", "userAgent": request.visitor[1]}
    if machine:
        context["bot"] = True
    host, referrer = _address(request.referrer)
    if host and host != site:
        context["page"] = {"path": path, "referrer": referrer}
    if campaign := _campaign(request.target):
        context["campaign"] = campaign
    return Record(
        source=job.source,
        # The same visitor, target, second and answer: one view, asked for twice.
        message_id=_hashed(job.secret, request.at, visitor, request.method, request.target, str(request.status)),
        type=kind,
        event=name if kind == "track" else None,
        name=path if kind == "page" else None,
        received_us=job.received_us,
        timestamp=at,
        anonymous_id=visitor,
        user_id=known,
        properties=said,
        context=context,
    )


@lru_cache(4096)
def _instant(text: str) -> str:
    """`17/May/2015:10:05:03 +0200`, whatever the machine's language, as ISO 8601."""
    day, month, rest = text.split("/", 2)
    year, clock = rest[:4], rest[5:13]
    zone = rest[14:19]
    return instant(f"{year}-{month_of(month):02d}-{day}T{clock}{zone[:3]}:{zone[3:]}")


def _hashed(secret: bytes, *parts: str) -> str:
    text = "\0".join(parts).encode("utf-8", "replace")
    return blake2b(text, digest_size=12, key=secret).hexdigest()


@lru_cache(4096)
def _address(referrer: str) -> tuple[str, str]:
    """A referrer's host, and the referrer without its query."""
    try:
        parts = urlsplit(referrer)
        host = parts.hostname or ""
    except ValueError:
        return "", ""
    return host, f"{parts.scheme}://{host}{parts.path}"[:500]


def _campaign(target: str) -> dict[str, str]:
    if "utm_" not in target:
        return {}
    asked = parse_qs(target.partition("?")[2])
    return {ours: asked[theirs][0][:200] for theirs, ours in CAMPAIGN.items() if theirs in asked}


ACCESS_LOG = Importer(
    kind="access-log",
    about="A web server's access log, Common or Combined, packed or not (file, or its folder)",
    files=_paths,
    records=_records,
    aliases=("apache-access-log", "apache", "nginx"),
)
