"""The stores of one workspace, opened together."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from ariane import settings as settings_module
from ariane.errors import Conflict
from ariane.settings import Settings
from ariane.store.lake import Lake
from ariane.store.ports import Log, open_log
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
        self.log: Log = open_log(self.path, self.settings)
        self.state = State(self.settings.state_url or self.path / "state.db")
        where = self.settings.lake_url
        self.lake = Lake(where if "://" in where else self.path / (where or "lake"))
        self.state.create()

    @contextmanager
    def only(self, role: str) -> Iterator[Callable[[], None]]:
        """Hold `role` (stream, lake, …) alone among all processes on this workspace; among those of every machine when
        the state is a database they share. Conflict when another holds it.

        Who becomes the lake's writer first finishes what another left half done there. Gives a function that raises
        Transient once the role may have gone to another: when the connection that held it was lost.
        """
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
            # Every machine has a supervisor of its own; of the consumers there is one wherever the state is.
            with nullcontext(_nothing) if role == "supervisor" else self.state.only(role) as still:
                if role == "lake":
                    for told in self.lake.recover():
                        sys.stderr.write(f"ariane lake: {told}\n")
                yield still

    def close(self) -> None:
        self.state.close()
        self.log.close()


def _nothing() -> None:
    """A lock of this machine's own is never lost."""
