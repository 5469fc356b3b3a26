"""Events of erased people from before their erasure, which an old file or a late sender brings again, are left out.

Of whoever is erased a workspace keeps a hash of each identifier that was theirs alone (HMAC-SHA-256 under a key that
only this workspace has; Krawczyk, Bellare & Canetti 1997, RFC 2104) and the instant, and nothing else. An event that
carries one and occurred before it says nothing to anybody; one that occurred later is a new person's: they came back.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from secrets import token_bytes
from typing import Protocol

import msgspec
import sqlalchemy as sa

from ariane.errors import InputError
from ariane.identity import Rules, rules_of
from ariane.ingest import read
from ariane.model import Event
from ariane.processes.carrying import carried_keys
from ariane.processes.stored import suppressed
from ariane.store import State, Stores

KEY, LIST = "erased.key", "erased.json"
KEY_BYTES = 32
KEPT = 1 << 16

Taken = tuple[int, Event]


class Suppressor:
    """Tells which events are of erased people, from before their erasure (`until`: by hash, µs)."""

    def __init__(self, secret: bytes, until: Mapping[str, int], rules: Rules) -> None:
        self._secret, self._until, self._rules = secret, until, rules
        self._latest = max(until.values(), default=-(1 << 63))
        self._known: dict[int, int] = {}

    def concerns(self, event: Event) -> bool:
        """Whether the event carries an erased identifier, if only in a page's address, and occurred before."""
        at = event.occurred_us
        return at < self._latest and any(at < self._erased(key) for key in carried_keys(event, self._rules))

    def _erased(self, key: int) -> int:
        at = self._known.get(key)
        if at is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            at = self._known[key] = self._until.get(hashed(self._secret, key), -(1 << 63))
        return at


def suppressor(path: Path) -> Suppressor | None:
    """What tells events of erased people in the workspace at `path`; None where nobody was erased.

    InputError when people were erased and the key to tell them by is gone.
    """
    try:
        stat = os.stat(path / LIST)
    except OSError:
        return None
    rules, stamp = rules_of(path), (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    known = _read.get(path)
    if known is None or known[0] != stamp or known[1] is not rules:
        known = _read[path] = stamp, rules, Suppressor(_secret(path), _listed(path), rules)
    return known[2]


_read: dict[Path, tuple[tuple[int, int, int], Rules, Suppressor]] = {}


def suppress(path: Path, alone: Collection[int], keys: Collection[int], at_us: int) -> None:
    """Remember that these identifiers, `alone` one person's, were erased at this instant; and of `keys`, those that
    are remembered already, as an erasure cut short has left them: who they were may be forgotten by now.

    >>> from tempfile import mkdtemp
    >>> shop = Path(mkdtemp())
    >>> suppress(shop, [7], [7, 8], 1000)
    >>> (shop / KEY).stat().st_mode & 0o777 == (shop / LIST).stat().st_mode & 0o777 == 0o600, len(_listed(shop))
    (True, 1)
    """
    listed = _listed(path)
    if not listed and not alone:
        return
    secret = _secret(path, make=not listed)
    again = {one for key in keys if (one := hashed(secret, key)) in listed}
    for one in again | {hashed(secret, key) for key in alone}:
        listed[one] = max(at_us, listed.get(one, at_us))
    _put(path / LIST, msgspec.json.encode(dict(sorted(listed.items()))))


def hashed(secret: bytes, key: int) -> str:
    """What an erased identifier, given by its key, is remembered by: 64 hex digits.

    >>> hashed(b"k", 1) == hashed(b"k", 1), hashed(b"k", 1) == hashed(b"other", 1), len(hashed(b"k", -1))
    (True, False, 64)
    """
    return hmac.digest(secret, key.to_bytes(8, "big", signed=True), "sha256").hex()


def _listed(path: Path) -> dict[str, int]:
    try:
        return msgspec.json.decode((path / LIST).read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise InputError(
            f"The list of erased people cannot be read ({error}).",
            where=str(path / LIST),
            next_step="Put the file back as it was: without it, old files bring erased people back.",
        ) from error


def _secret(path: Path, *, make: bool = False) -> bytes:
    """The key of this workspace; made where nobody was erased before."""
    try:
        if len(secret := (path / KEY).read_bytes()) == KEY_BYTES:
            return secret
    except FileNotFoundError:
        pass
    if make:
        _put(path / KEY, secret := token_bytes(KEY_BYTES))
        return secret
    raise InputError(
        "The key by which erased people are told is gone.",
        where=str(path / KEY),
        next_step=f"Put it back as it was; or remove {LIST} too: old files may then bring erased people back.",
    )


def _put(file: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    beside = file.with_suffix(".part")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def leave_out(conn: sa.Connection, path: Path, partition: str, events: Sequence[Taken]) -> Sequence[Taken]:
    """The events of a batch that are not of erased people; the places of the others are noted."""
    telling = suppressor(path)
    if telling is None:
        return events
    erased = {offset for offset, event in events if telling.concerns(event)}
    State.upsert(conn, suppressed, [{"partition": partition, "offset": offset} for offset in sorted(erased)])
    return [one for one in events if one[0] not in erased] if erased else events


def left_in_log(stores: Stores) -> Iterator[bytes]:
    """The records that were left out and still stand in the log."""
    with stores.state.read() as conn:
        places = conn.execute(sa.select(suppressed.c.partition, suppressed.c.offset)).fetchall()
    for partition, offset in places:
        yield from (one.payload for one in stores.log.read(partition, offset, 1).records if one.offset == offset)


def _is_about(telling: Suppressor, payload: bytes) -> bool:
    try:
        return telling.concerns(read(payload))
    except InputError:
        return False  # no event, so nobody's: whoever reads the log counts it


class Writer(Protocol):
    """What takes the payloads of an import."""

    def submit(self, payloads: Sequence[bytes], /) -> Future[int]: ...


class Sieve:
    """Stands before the log's writer while a file is imported, so that what it says of erased people is written
    nowhere; `n_left_out` counts."""

    def __init__(self, stores: Stores, writer: Writer) -> None:
        self._telling, self._writer = suppressor(stores.path), writer
        self.n_left_out = 0

    def submit(self, payloads: Sequence[bytes]) -> Future[int]:
        """As the writer's, of the payloads that are left."""
        telling = self._telling
        if telling is None:
            return self._writer.submit(payloads)
        kept = [payload for payload in payloads if not _is_about(telling, payload)]
        self.n_left_out += len(payloads) - len(kept)
        if kept:
            return self._writer.submit(kept)
        done: Future[int] = Future()
        done.set_result(0)
        return done
