"""Who may send: the write keys of `ariane.toml`, read again when the file changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ariane import settings as settings_module
from ariane.errors import ArianeError
from ariane.ingest.names import RESERVED_SOURCE
from ariane.settings import Settings

CHECK_S = 1.0
"""The file is looked at no more often than this."""

REMEMBERED = 1_000
"""Authorization headers kept opened."""


class Keys(msgspec.Struct, frozen=True):
    """Write key → (source, channel), and the limits that go with them.

    `secrets` are those of sources whose hooks take only what is signed; `folder` holds the workspace's own kinds of
    source. `heard` remembers Authorization headers that carried a known key, so that each is opened once.
    """

    sources: dict[str, tuple[str, str]]
    max_event_bytes: int = 32_768
    max_body_bytes: int = 4_194_304
    max_lag_bytes: int = 0
    secrets: dict[str, str] = {}
    folder: Path | None = None
    heard: dict[str, tuple[str, str]] = {}

    def hear(self, authorization: str, source: tuple[str, str]) -> tuple[str, str]:
        if len(self.heard) < REMEMBERED:
            self.heard[authorization] = source
        return source


def keys_of(settings: Settings, folder: Path | None = None) -> Keys:
    """The write keys of these settings. The reserved source has none, whatever the file says.

    >>> from ariane.settings import Source
    >>> keys_of(Settings(sources={"web": Source("wk_1", "web"), "_ariane": Source("wk_2")})).sources
    {'wk_1': ('web', 'web')}
    """
    named = {
        s.write_key: (name, s.channel)
        for name, s in settings.sources.items()
        if s.write_key and name != RESERVED_SOURCE
    }
    secrets = {name: source.secret for name, source in settings.sources.items() if source.secret}
    limits = (settings.max_event_bytes, settings.max_body_bytes, settings.max_lag_bytes)
    return Keys(named, *limits, secrets=secrets, folder=folder)


class KeyRing:
    """The keys of a workspace as they are now.

    A file that cannot be read, for instance because it is being edited, leaves the last keys that could; so does one
    that changed since it was last looked at, or is empty: it is being written, and half of it may name no key at all.
    """

    def __init__(self, workspace: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._workspace, self._clock = workspace, clock
        self._file = workspace / "ariane.toml"
        self._stamp = self._seen = self._look()
        self._keys = self._read()
        self._next = clock() + CHECK_S

    def now(self) -> Keys:
        """The current keys; costs one comparison most of the time."""
        if self._clock() >= self._next:
            self._next = self._clock() + CHECK_S
            seen, self._seen = self._seen, self._look()
            if self._seen != self._stamp and self._seen == seen and seen[1]:
                self._stamp = seen
                try:
                    self._keys = self._read()
                except ArianeError as error:
                    sys.stderr.write(f"ariane collector: {error} The write keys stay as they were.\n")
        return self._keys

    def _read(self) -> Keys:
        return keys_of(settings_module.load(self._workspace), self._workspace / "sources")

    def _look(self) -> tuple[int, int]:
        try:
            found = self._file.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)
