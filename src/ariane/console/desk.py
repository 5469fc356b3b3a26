"""What every screen reads from: one workspace's stores and engine, and the answers already computed.

An answer is a function of the lake's versions and its parameters, so it is kept until one of them changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ariane.console.tongue import Tongue
from ariane.errors import Transient
from ariane.settings import Settings
from ariane.store import DuckEngine, Stores
from ariane.workspace import Extent, Workspace

Answer = TypeVar("Answer")

PATIENCE_S = 2.5


class NotYet(Transient):
    """The answer is on its way."""


class Desk:
    """One workspace, open for reading. Safe from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._workspace: Workspace | None = None
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="measuring")
        self._running: dict[Hashable, Future[Any]] = {}

    @property
    def workspace(self) -> Workspace:
        """Opened when first asked for. NotFound when there is no workspace, Conflict when a newer Ariane wrote it."""
        with self._lock:
            if self._workspace is None:
                self._workspace = Workspace(self.path, served=True)
            return self._workspace

    @property
    def stores(self) -> Stores:
        return self.workspace.stores

    @property
    def settings(self) -> Settings:
        return self.stores.settings

    @property
    def engine(self) -> DuckEngine:
        """The engine over the lake's newest versions, looked up at most once a second."""
        self.workspace.refresh()
        return self.workspace.duck

    def answer(self, key: Hashable, compute: Callable[[], Answer]) -> Answer:
        """What `compute` gives on the lake as it is, computed once however many ask at the same time.

        While events keep arriving, an answer that took long may be given again for a while: as old as twenty times
        what it took, a second and a half for one that took 75 ms.
        """
        return self.workspace.answer(key, compute)

    def patiently(self, key: Hashable, compute: Callable[[], Answer]) -> Answer:
        """What `compute` gives if that takes no longer than a reader waits for a page. NotYet otherwise: it goes on in
        the background, and asking again finds it further or done."""
        with self._lock:
            running = self._running.get(key)
            if running is None:
                running = self._running[key] = self._pool.submit(compute)
        try:
            found: Answer = running.result(PATIENCE_S)
        except TimeoutError as error:
            if not running.done():
                raise NotYet("The journey is being measured.", next_step="The page will show it by itself.") from error
            raise
        finally:
            if running.done():
                with self._lock:
                    self._running.pop(key, None)
        return found

    def extent(self) -> Extent:
        """When the events begin and end, leaving out bots and clocks that run ahead by more than a day."""
        return self.workspace.extent()

    @property
    def truth(self) -> Path | None:
        """Where a demo keeps what it planted; None in a workspace of one's own."""
        folder = self.path / "truth"
        return folder if (folder / "frictions.parquet").exists() else None

    def tongue(self, lang: str) -> Tongue:
        try:
            return Tongue(lang, self.settings.timezone)
        except Exception:
            return Tongue(lang)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            if self._workspace is not None:
                self._workspace.close()
            self._workspace = None
