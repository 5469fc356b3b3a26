"""Imports under way: one at a time, in a thread, each with its progress; one cut short goes on where it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from ariane.console.inbox import FOLDER
from ariane.errors import ArianeError, Conflict
from ariane.ingest.importers import ImportReport, Mapping, run_import
from ariane.processes import Sieve
from ariane.store import Stores

PARTITION = "import"
JOBS = ".jobs"
State = Literal["running", "done", "stopped", "failed"]


class Job(msgspec.Struct, frozen=True):
    """An import: of which file, read as what, how far, and how it ended. `problem` says why it failed."""

    name: str
    kind: str
    state: State
    done: int = 0
    total: int = 0
    report: ImportReport | None = None
    problem: str = ""
    next_step: str = ""

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0


class Stopped(Exception):
    """Somebody asked the import to stop; what is on disk stays, and it can go on."""


class Loading:
    """The imports of one workspace, started from the console."""

    def __init__(self, stores: Callable[[], Stores]) -> None:
        self._stores = stores
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def job(self, name: str) -> Job | None:
        """The import of that file: the one under way, or how the last one ended. One that a restart cut short is
        stopped."""
        with self._lock:
            if name in self._jobs:
                return self._jobs[name]
        try:
            held = msgspec.json.decode(self._note(name).read_bytes(), type=Job)
        except (OSError, msgspec.DecodeError):
            return None
        return msgspec.structs.replace(held, state="stopped") if held.state == "running" else held

    def start(self, kind: str, file: Path, mapping: Mapping | None) -> None:
        """Begin, or go on where it was cut short. Conflict while another import runs."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise Conflict("Another import is under way.", next_step="Wait until it is done, or stop it.")
            self._stopping.clear()
            self._jobs[file.name] = Job(file.name, kind, "running", 0, file.stat().st_size)
            self._thread = threading.Thread(target=self._run, args=(kind, file, mapping), name="importing", daemon=True)
            self._thread.start()
        self._keep(file.name)

    def stop(self) -> None:
        """Ask the import under way to stop, and wait until it has."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def forget(self, name: str) -> None:
        """Forget how an import ended."""
        with self._lock:
            self._jobs.pop(name, None)
        self._note(name).unlink(missing_ok=True)

    def _run(self, kind: str, file: Path, mapping: Mapping | None) -> None:
        stores = self._stores()
        try:
            with stores.log.writer(PARTITION) as writer:
                report = run_import(
                    kind,
                    file,
                    writer=Sieve(stores, writer),
                    resume_dir=stores.path / "imports",
                    on_progress=lambda _label, done, total: self._reached(file.name, done, total),
                    mapping=mapping,
                    folder=stores.path / "sources",
                )
            self._end(file.name, state="done", report=report)
        except Stopped:
            self._end(file.name, state="stopped")
        except ArianeError as error:
            self._end(file.name, state="failed", problem=f"{error.where}: {error.what}" if error.where else error.what,
                      next_step=error.next_step or error.allowed or "")  # fmt: skip
        except Exception as error:  # the screen must not wait for ever for a thread that is gone
            self._end(file.name, state="failed", problem=repr(error)[:300])

    def _reached(self, name: str, done: int, total: int) -> None:
        if self._stopping.is_set():
            raise Stopped
        with self._lock:
            self._jobs[name] = msgspec.structs.replace(self._jobs[name], done=done, total=total)

    def _end(self, name: str, **ending: object) -> None:
        with self._lock:
            self._jobs[name] = msgspec.structs.replace(self._jobs[name], **ending)
        self._keep(name)

    def _keep(self, name: str) -> None:
        note = self._note(name)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_bytes(msgspec.json.encode(self._jobs[name]))

    def _note(self, name: str) -> Path:
        return self._stores().path / FOLDER / JOBS / f"{Path(name).name}.json"
