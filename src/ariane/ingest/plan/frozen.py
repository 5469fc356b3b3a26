"""What is frozen, since when: the plan's history, kept in readable files that only grow.

`plan/<event>.<type>.json` is the schema people edit and review. Freezing copies it to `plan/frozen/`, where it is never
changed again, and adds an entry to `plan/frozen.toml` that says from which instant it holds. An event is judged by the
version that held when it was received: a function of the event and of this history, so that deriving everything again
gives the same verdicts.
"""

from __future__ import annotations

import os
import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from ariane.errors import Transient
from ariane.ingest.names import RESERVED_SOURCE
from ariane.ingest.plan.judging import Compiled, compiled
from ariane.model import Event, EventType

Mode = Literal["warn", "quarantine", "off"]
MODES: tuple[Mode, ...] = get_args(Mode)
FOLDER, HISTORY, COPIES = "plan", "frozen.toml", "frozen"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Planned(NamedTuple):
    """What a schema is for: track events by name; pages, screens and the others by type, whatever their name."""

    type: str
    event: str

    def __str__(self) -> str:
        return self.event if self.type == "track" else self.type


class Version(msgspec.Struct, frozen=True):
    """One entry of the history: from `since_us` on, events of this kind are held against `schema` (a file beside)."""

    type: str
    event: str
    version: int
    mode: Mode
    since_us: int
    schema: str = ""
    digest: str = ""

    @property
    def planned(self) -> Planned:
        return Planned(self.type, self.event)


class Verdict(msgspec.Struct, frozen=True):
    """What the plan says of an event that breaks it."""

    mode: Mode
    version: int
    reasons: tuple[str, ...]


class Plan:
    """The whole history, ready to judge. Schemas are compiled when the first event needs them.

    >>> from tempfile import mkdtemp
    >>> Plan(Path(mkdtemp()), ()).verdict(Event(event_id="", message_id="", source="web", type="track", name="A",
    ...                                         channel="web", occurred_us=0, received_us=0)) is None
    True
    """

    def __init__(self, folder: Path, versions: Sequence[Version]) -> None:
        self.folder, self.versions = folder, tuple(versions)
        self._by_name: dict[tuple[str, str], list[Version]] = {}
        for one in sorted(versions, key=lambda version: (version.since_us, version.version)):
            self._by_name.setdefault((one.type, one.event), []).append(one)
        self._compiled: dict[tuple[str, str, int], Compiled] = {}

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def judges(self, event: Event) -> bool:
        """Whether events of this kind were ever frozen."""
        return (event.type, event.name if event.type == "track" else "") in self._by_name

    def verdict(self, event: Event, at_us: int | None = None, *, mode: Mode | None = None) -> Verdict | None:
        """What the plan says of an event as of an instant (when it was received); None when nothing is wrong.

        `mode` asks for what is frozen in that mode only.
        """
        versions = self._by_name.get((event.type, event.name if event.type == "track" else ""))
        if versions is None or event.source == RESERVED_SOURCE:
            return None
        held = self._in_force(versions, event.received_us if at_us is None else at_us)
        if held is None or held.mode == "off" or (mode is not None and held.mode != mode):
            return None
        rules = self.compiled(held)
        return None if rules.is_kept(event) else Verdict(held.mode, held.version, rules.reasons(event))

    def in_force(self, planned: Planned, at_us: int | None = None) -> Version | None:
        """The version that holds at an instant, or the newest one there is."""
        versions = self._by_name.get(planned, [])
        if at_us is None:
            return versions[-1] if versions else None
        return self._in_force(versions, at_us)

    def latest_us(self) -> int:
        """From when everything in the history holds; 0 when there is none."""
        return max((version.since_us for version in self.versions), default=0)

    def verify(self) -> None:
        """Read every frozen schema. Transient naming the first file that is missing or not what was frozen."""
        for version in self.versions:
            if version.schema:
                self.compiled(version)

    def schema(self, version: Version) -> Mapping[str, Any]:
        """The schema a version froze; empty for one that thawed."""
        return self.compiled(version).schema if version.schema else {}

    @staticmethod
    def _in_force(versions: list[Version], at_us: int) -> Version | None:
        place = bisect_right(versions, at_us, key=lambda version: version.since_us)
        return versions[place - 1] if place else None

    def compiled(self, version: Version) -> Compiled:
        key = (version.type, version.event, version.version)
        if key not in self._compiled:
            file = self.folder / COPIES / version.schema
            try:
                text = file.read_bytes()
            except OSError as error:
                raise _broken(file, f"cannot be read: {error.strerror}") from error
            if digest(text) != version.digest:
                raise _broken(file, "is not what was frozen")
            self._compiled[key] = compiled(msgspec.json.decode(text), str(file))
        return self._compiled[key]


def planned_of(event: Event) -> Planned:
    """What the event is planned under."""
    return Planned(event.type, event.name if event.type == "track" else "")


def planned(text: str) -> Planned:
    """What somebody calls an event: a track event by its name, the others by their type.

    >>> planned("Order Completed"), planned("page")
    (Planned(type='track', event='Order Completed'), Planned(type='page', event=''))
    """
    if text.startswith("track:"):
        return Planned("track", text.removeprefix("track:"))
    return Planned(text, "") if text in get_args(EventType) and text != "track" else Planned("track", text)


def plan_of(workspace: Path) -> Plan:
    """The workspace's plan as its files are now; read again when they have changed.

    Transient when the history cannot be read: judging without it would give other verdicts.
    """
    folder = workspace / FOLDER
    try:
        found = os.stat(folder / HISTORY)
    except OSError:
        return _NOTHING
    return _read(folder, (found.st_mtime_ns, found.st_size, found.st_ino))


_NOTHING = Plan(Path(), ())


@lru_cache(16)
def _read(folder: Path, _stamp: tuple[int, int, int]) -> Plan:
    file = folder / HISTORY
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8")).get("frozen", [])
        return Plan(folder, [_version(entry) for entry in entries])
    except (OSError, ValueError, KeyError, msgspec.ValidationError) as error:
        raise _broken(file, f"cannot be read: {error}") from error


def _version(entry: dict[str, Any]) -> Version:
    since = entry.pop("since")
    since_us = (since.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    return msgspec.convert(entry | {"since_us": since_us}, Version)


def _broken(file: Path, what: str) -> Transient:
    return Transient(
        f"The tracking plan {what}.",
        where=str(file),
        next_step="Put the file back as it was (it is meant to be under version control); events wait in the log.",
        retry_after_s=5,
    )


def digest(text: bytes) -> str:
    """What a frozen schema is recognised by."""
    return blake2b(text, digest_size=16).hexdigest()


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(Version)
