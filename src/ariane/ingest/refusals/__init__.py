"""Requests the collector would not take, kept for those who look for them: the newest of each collector, with the
reason. Of a body only its beginning is kept, and no value in it: names of fields say what was sent, values say whose.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> shop = Path(mkdtemp())
>>> Refusals(shop, "web-0").note(Refusal(7, 401, "unknown_write_key", "No source has this write key.", "/v1/track"))
>>> [refusal.status for refusal in refusals(shop)]
[401]
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

__all__ = ["Refusal", "Refusals", "outline", "refusals"]

FOLDER = ".refused"
KEPT = 500
PER_S = 20
BEGINNING = 240
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[^\s{}\[\]",:…]+')
_FIELD = re.compile(r"([\w.%\[\]-]{1,40})=[^&]*|[^&=]+")
_NAME = re.compile(r"[\w.$ -]{0,40}")
_OPEN = re.compile(r'"[^"]*$')


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request that was refused: when, how it was answered, and what can be said of it. `outline` is the beginning of
    its body without any value.

    >>> Refusal(0, 413, "too_large", "The body is too large.", "/v1/batch").status
    413
    """

    received_us: int
    status: int
    code: str
    reason: str
    path: str
    agent: str = ""
    n_bytes: int = 0
    outline: str = ""


class Refusals:
    """The refusals of one collector, the newest 500, in a file of the workspace. At most 20 a second are kept: whoever
    is refused faster than that is counted by the metrics alone.

    >>> from tempfile import mkdtemp
    >>> kept = Refusals(Path(mkdtemp()), "web-0", clock=lambda: 0.0)
    >>> for n in range(50):
    ...     kept.note(Refusal(n, 400, "not_json", "The body is no JSON.", "/v1/track"))
    >>> len(kept.file.read_text().splitlines())
    20
    """

    def __init__(self, workspace: Path, partition: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.file = workspace / FOLDER / f"{partition}.ndjson"
        self._clock = clock
        self._lately: deque[float] = deque(maxlen=PER_S)
        self._n: int | None = None

    def note(self, refusal: Refusal) -> None:
        """Keep a refusal. A disk that does not take it is no reason to fail: it is advice, not data."""
        now = self._clock()
        if len(self._lately) == PER_S and now - self._lately[0] < 1:
            return
        self._lately.append(now)
        try:
            if self._n is None:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                self._n = len(_lines(self.file))
            with self.file.open("ab") as file:
                file.write(msgspec.json.encode(refusal) + b"\n")
            self._n += 1
            if self._n >= 2 * KEPT:
                self._shorten()
        except OSError:
            self._n = None

    def _shorten(self) -> None:
        kept = _lines(self.file)[-KEPT:]
        beside = self.file.with_suffix(".new")
        beside.write_bytes(b"".join(line + b"\n" for line in kept))
        os.replace(beside, self.file)
        self._n = len(kept)


def refusals(workspace: Path, *, since_us: int = 0, most: int = KEPT) -> list[Refusal]:
    """The newest refusals of every collector of a workspace, received after `since_us`, in the order they came.

    >>> from tempfile import mkdtemp
    >>> refusals(Path(mkdtemp()))
    []
    """
    found: list[Refusal] = []
    for file in sorted((workspace / FOLDER).glob("*.ndjson")):
        for line in _lines(file)[-KEPT:]:
            try:
                refusal = msgspec.json.decode(line, type=Refusal)
            except msgspec.DecodeError:
                continue  # a line cut by a crash
            if refusal.received_us > since_us:
                found.append(refusal)
    return sorted(found, key=lambda one: one.received_us)[-most:]


def outline(body: bytes) -> str:
    """The beginning of a body with its fields' names and none of its values.

    >>> outline(b'{"event": "Order Completed", "userId": "ana@example.org", "n": 12, "open')
    '{"event": …, "userId": …, "n": …, …'
    >>> outline(b"event=Order&email=ana%40example.org")
    'event=…&email=…'
    """
    text = body[:BEGINNING].decode("utf-8", "replace").replace("\ufffd", "·")
    if not text.lstrip().startswith(("{", "[")):
        if "=" in text:
            return _FIELD.sub(lambda found: f"{found[1]}=…" if found[1] else "…", text)
        return f"({len(body):,} bytes that are no JSON)" if text.strip() else ""
    text = _OPEN.sub("…", text) if text.count('"') % 2 else text
    return " ".join(_TEXT.sub(_hidden, text).split())


def _hidden(found: re.Match[str]) -> str:
    name, colon = found[1], found[2]
    return found[0] if colon and _NAME.fullmatch(name) else "…" + (colon or "")


def _lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except FileNotFoundError:
        return []
