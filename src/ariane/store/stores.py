"""The stores of one workspace, opened together."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ariane import settings as settings_module
from ariane.errors import Conflict
from ariane.settings import Settings
from ariane.store.lake import Lake
from ariane.store.log import SegmentLog
from ariane.store.state import State


class Stores:
    """A workspace's folder, its settings, and its log, state and lake.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "town"
    >>> created = settings_module.create(folder)
    >>> Stores(folder).log.partitions()
    []
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()
        self.settings: Settings = settings_module.load(self.path)
        self.log = SegmentLog(self.path / "log", segment_bytes=self.settings.segment_bytes)
        self.state = State(self.settings.state_url or self.path / "state.db")
        self.lake = Lake(self.path / "lake")
        self.state.create()

    @contextmanager
    def only(self, role: str) -> Iterator[None]:
        """Hold `role` (stream, lake, …) alone among all processes on this workspace. Conflict when another holds it."""
        folder = self.path / ".locks"
        folder.mkdir(exist_ok=True)
        with (folder / role).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    f"Another process is the '{role}' of this workspace.",
                    where=str(self.path),
                    next_step="Is 'ariane serve' running? It does this work already.",
                ) from error
            yield

    def close(self) -> None:
        self.state.close()
