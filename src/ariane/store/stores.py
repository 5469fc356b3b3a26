"""The stores of one workspace, opened together."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ariane import settings as settings_module
from ariane.errors import Conflict, Transient
from ariane.settings import Settings
from ariane.store.marking import marked
from ariane.store.place import Place
from ariane.store.ports import Log, open_log
from ariane.store.state import State

if TYPE_CHECKING:
    from ariane.store.lake import Lake


class Stores:
    """A workspace's folder, its settings, and its log, state and lake.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "town"
    >>> created = settings_module.create(folder)
    >>> Stores(folder).log.partitions()
    []
    """

    def __init__(self, path: Path | str, *, create: bool = True) -> None:
        self.path = Path(path).resolve()
        self.settings: Settings = settings_module.load(self.path)
        self.log: Log = open_log(self.path, self.settings)
        self.state = State(self.settings.state_url or self.path / "state.db")
        where = self.settings.lake_url
        self._place = Place(where if "://" in where else self.path / (where or "lake"))
        if create:  # asks whether the state can be read; whoever is to mend it must not be stopped by that
            self.state.create()

    @cached_property
    def lake(self) -> Lake:
        from ariane.store.lake import Lake  # loads what only those need who read or write it

        return Lake(self._place.folder or self._place.root)

    def unfinished(self) -> bool:
        """Whether a rebuild was cut short; what is derived is not to be read or written on till it is finished."""
        return marked(self._place) is not None

    @contextmanager
    def only(self, role: str, *, mending: bool = False) -> Iterator[Callable[[], None]]:
        """Hold `role` (stream, lake, …) alone among all processes on this workspace; among those of every machine when
        the state is a database they share. Conflict when another holds it.

        Who becomes the lake's writer first finishes what another left half done there. Gives a function that raises
        Transient once the role may have gone to another: when the connection that held it was lost.

        The stream's and the lake's roles are Transient to all but `mending` while a rebuild that was cut short stands
        unfinished: to go on from there would leave out what it had yet to bring back.
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
                if role in ("stream", "lake") and not mending:
                    self._refuse_unfinished()
                if role == "lake":
                    for told in self.lake.recover():
                        sys.stderr.write(f"ariane lake: {told}\n")
                yield still

    def _refuse_unfinished(self) -> None:
        with self.state.read() as conn:
            taken = self.state.offsets(conn, "stream")
        lacking = [one for one in self.log.partitions() if taken.get(one, 0) < self.log.start(one)]
        if self.unfinished():
            what = "A rebuild of this workspace was cut short."
        elif lacking:
            what = f"The state lacks what was retired from the log of {', '.join(lacking)}."
        else:
            return
        raise Transient(
            what,
            where=str(self.path),
            next_step="Stop 'ariane serve' where it runs and call 'ariane rebuild': it finishes.",
            retry_after_s=2,
        )

    def close(self) -> None:
        self.state.close()
        self.log.close()


def _nothing() -> None:
    """A lock of this machine's own is never lost."""
