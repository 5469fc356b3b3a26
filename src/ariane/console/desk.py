"""What every screen reads from: one workspace's stores and engine, and the answers already computed.

An answer is a function of the lake's versions and its parameters, so it is kept until one of them changes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ariane.console.tongue import Tongue
from ariane.errors import Transient
from ariane.model import DAY
from ariane.settings import Settings
from ariane.store import DuckEngine, Stores

Answer = TypeVar("Answer")

KEPT_ANSWERS = 256
RESIDENT_ROWS = 2_000_000  # about 2 GB of memory; above it questions go to the files
REFRESH_S = 1.0
STALE_FACTOR = 20
PATIENCE_S = 2.5


class NotYet(Transient):
    """The answer is on its way."""


class Extent(msgspec.Struct, frozen=True):
    """How far the events reach: the first and last instant anyone lived, and how many events there are."""

    first_us: int | None
    last_us: int | None
    n_events: int


class _Held(msgspec.Struct, frozen=True):
    """An answer, what it was computed on, when, and how long that took."""

    value: Any
    versions: tuple[tuple[str, int], ...]
    at: float
    cost_s: float

    def serves(self, versions: tuple[tuple[str, int], ...]) -> bool:
        return self.versions == versions or time.monotonic() - self.at < STALE_FACTOR * self.cost_s


class Desk:
    """One workspace, open for reading. Safe from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._stores: Stores | None = None
        self._engine: DuckEngine | None = None
        self._looked = 0.0
        self._answers: OrderedDict[Hashable, _Held] = OrderedDict()
        self._working: dict[Hashable, threading.Lock] = {}
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="measuring")
        self._running: dict[Hashable, Future[Any]] = {}

    @property
    def stores(self) -> Stores:
        """Opened when first asked for. NotFound when there is no workspace, Conflict when a newer Ariane wrote it."""
        with self._lock:
            if self._stores is None:
                self._stores = Stores(self.path)
            return self._stores

    @property
    def settings(self) -> Settings:
        return self.stores.settings

    @property
    def engine(self) -> DuckEngine:
        """The engine over the lake's newest versions, looked up at most once a second."""
        stores = self.stores
        with self._lock:
            if self._engine is None:
                self._engine = DuckEngine(stores.lake, resident_rows=RESIDENT_ROWS)
                self._looked = time.monotonic()
            elif time.monotonic() - self._looked > REFRESH_S:
                self._engine.refresh()
                self._looked = time.monotonic()
            return self._engine

    def answer(self, key: Hashable, compute: Callable[[], Answer]) -> Answer:
        """What `compute` gives on the lake as it is, computed once however many ask at the same time.

        While events keep arriving, an answer that took long may be given again for a while: as old as twenty times
        what it took, a second and a half for one that took 75 ms.
        """
        versions = self.engine.versions()
        with self._lock:
            held = self._answers.get(key)
            if held is not None and held.serves(versions):
                self._answers.move_to_end(key)
                return held.value  # type: ignore[no-any-return]
            working = self._working.setdefault(key, threading.Lock())
        with working:
            held = self._answers.get(key)
            if held is not None and held.serves(versions):
                return held.value  # type: ignore[no-any-return]
            began = time.monotonic()
            found = compute()
            now = time.monotonic()
            with self._lock:
                self._answers[key] = _Held(found, versions, now, now - began)
                self._answers.move_to_end(key)
                self._working.pop(key, None)
                while len(self._answers) > KEPT_ANSWERS:
                    self._answers.popitem(last=False)
            return found

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
        return self.answer("extent", self._extent)

    def _extent(self) -> Extent:
        events = self.engine.table("events")
        ahead = int(time.time() * 1_000_000) + DAY
        lived = events.filter(~events.is_bot & (events.occurred_us < ahead))
        asked = lived.aggregate(first=lived.occurred_us.min(), last=lived.occurred_us.max(), n=lived.count())
        row = self.engine.run(asked).to_pylist()[0]
        return Extent(row["first"], row["last"], row["n"])

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
            if self._engine is not None:
                self._engine.close()
            if self._stores is not None:
                self._stores.close()
            self._engine = self._stores = None
