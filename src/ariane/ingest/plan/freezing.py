"""The schemas as they are edited, and how one is frozen: a copy that never changes, and an entry in the history."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from ariane.errors import Conflict, InputError, NotFound
from ariane.ingest.plan.frozen import COPIES, FOLDER, HISTORY, MODES, Mode, Planned, Version, digest, plan_of
from ariane.ingest.plan.judging import compiled

MARGIN_US = 2_000_000
"""A version holds from a little after it was written: whoever judges an event received then has read it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = """\
# What is frozen, since when. Written by 'ariane plan freeze' and 'ariane plan thaw', never by hand: an event is judged
# by the version that held when it was received, and deriving everything again must find the same versions.
"""


def file_of(workspace: Path, about: Planned) -> Path:
    """Where the schema of an event is edited.

    >>> file_of(Path("shop"), Planned("track", "Order Completed")).as_posix(), file_of(Path(), Planned("page", "")).name
    ('shop/plan/order-completed.track.json', 'page.json')
    """
    if about.type != "track":
        return workspace / FOLDER / f"{about.type}.json"
    words = "-".join(re.findall(r"[a-z0-9]+", about.event.lower()))[:80]
    plain = workspace / FOLDER / f"{words or 'event'}.track.json"
    if not words or (plain.exists() and _title(plain) not in (None, about.event)):
        return plain.with_name(f"{words or 'event'}-{digest(about.event.encode())[:6]}.track.json")
    return plain


def _title(file: Path) -> str | None:
    try:
        found = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return found.get("title") if isinstance(found, dict) else None


def read_schema(workspace: Path, about: Planned) -> dict[str, Any]:
    """The schema as it is edited now. NotFound when there is none, InputError when it cannot be used."""
    file = file_of(workspace, about)
    try:
        schema = msgspec.json.decode(file.read_bytes())
    except FileNotFoundError:
        raise NotFound(
            f"There is no schema for '{about}'.",
            where=str(file),
            next_step="Run 'ariane plan infer' to have one proposed.",
        ) from None
    except msgspec.DecodeError as error:
        raise InputError(f"The file is not JSON: {error}.", where=str(file), next_step="Mend it.") from error
    compiled(schema, str(file))
    return dict(schema)


def write_schema(workspace: Path, about: Planned, schema: Mapping[str, Any]) -> Path:
    """Put a schema where it is edited, laid out for reading."""
    file = file_of(workspace, about)
    file.parent.mkdir(exist_ok=True)
    _staged(file, _laid_out(schema)).replace(file)
    return file


def freeze(workspace: Path, about: Planned, mode: Mode = "warn", *, since_us: int | None = None) -> Version:
    """Hold events to their schema as it is edited now, from `since_us` on (two seconds from now, unless a later instant
    is given); `mode` "off" holds them to nothing again. Returns the new version.

    InputError when the schema cannot be used, NotFound when there is none, Conflict when a version that begins later is
    recorded already.

    >>> from tempfile import mkdtemp
    >>> shop = Path(mkdtemp())
    >>> orders = Planned("track", "Order Completed")
    >>> written = write_schema(shop, orders, {"title": "Order Completed"})
    >>> freeze(shop, orders, "quarantine").version
    1
    """
    if mode not in MODES:
        raise InputError(f"There is no mode '{mode}'.", allowed=", ".join(MODES))
    folder = workspace / FOLDER
    (folder / COPIES).mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        known = plan_of(workspace)
        before = known.in_force(about)
        if before is None and mode == "off":
            raise NotFound(f"'{about}' is not frozen.", next_step="'ariane plan show' lists what is.")
        number = 1 + (before.version if before else 0)
        text = b"" if mode == "off" else _laid_out(read_schema(workspace, about))
        copy = f"{file_of(workspace, about).stem}.{number}.json" if text else ""
        if text:
            _staged(folder / COPIES / copy, text).replace(folder / COPIES / copy)
        earlier = (folder / HISTORY).read_text(encoding="utf-8") if known else _HEAD
        while True:
            from_us = max(time.time_ns() // 1000 + MARGIN_US, since_us or 0)
            if before is not None and from_us <= before.since_us:
                raise Conflict(f"Version {before.version} of '{about}' begins later than that.", where=str(folder))
            version = Version(about.type, about.event, number, mode, from_us, copy, digest(text) if text else "")
            staged = _staged(folder / HISTORY, (earlier + _entry(version)).encode())
            if time.time_ns() // 1000 < from_us - MARGIN_US // 2:  # a slow disk: it must hold later than it is seen
                staged.replace(folder / HISTORY)
                _sync(folder)
                return version


def _laid_out(schema: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _entry(version: Version) -> str:
    since = (_EPOCH + timedelta(microseconds=version.since_us)).replace(tzinfo=None).isoformat(timespec="microseconds")
    name = msgspec.json.encode(version.event).decode().replace("\x7f", "\\u007f")
    lines = [
        "",
        "[[frozen]]",
        f"event = {name}",
        f'type = "{version.type}"',
        f"version = {version.version}",
        f'mode = "{version.mode}"',
        f"since = {since}Z",
    ]
    if version.schema:
        lines += [f'schema = "{version.schema}"', f'digest = "{version.digest}"']
    return "\n".join(lines) + "\n"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else adds to the history meanwhile."""
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _staged(path: Path, content: bytes) -> Path:
    """The content on disk beside the place it is meant for, so that it gets there whole or not at all."""
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return beside


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
