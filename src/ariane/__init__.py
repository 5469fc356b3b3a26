"""Ariane: every touchpoint of every person, on every channel, tied into one thread.

>>> import tempfile, ariane
>>> ws = ariane.open(tempfile.mkdtemp() + "/shop", create=True)
>>> ws.sql("SELECT count(*) AS n FROM events").to_dicts()
[{'n': 0}]
>>> ariane.Event(event_id="e-1", message_id="m-1", source="web", type="track", name="Seen", channel="web",
...              occurred_us=0, received_us=0).channel
'web'
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ariane.errors import ArianeError, Conflict, ConsentError, InputError, NotFound, Transient
from ariane.model import Event, Identifier, Interval

if TYPE_CHECKING:
    from ariane.workspace import Workspace

__all__ = [
    "ArianeError",
    "Conflict",
    "ConsentError",
    "Event",
    "Identifier",
    "InputError",
    "Interval",
    "NotFound",
    "Transient",
    "demo",
    "open",
]


def open(path: str | Path, *, create: bool = False) -> Workspace:
    """The workspace in the folder `path`; with `create`, an empty one is made if there is none.

    Raises NotFound when there is none, Conflict when a newer Ariane wrote it, InputError when its settings cannot be
    used.
    """
    from ariane import settings
    from ariane.workspace import Workspace

    folder = Path(path)
    if create and not (folder / "ariane.toml").exists():
        settings.create(folder)
    return Workspace(folder)


def __getattr__(name: str) -> object:
    """`ariane.demo` is a room that is also a function, and the version costs 50 ms to look up: both when asked for."""
    if name == "demo":
        from importlib import import_module

        return import_module("ariane.demo")
    if name == "__version__":
        from importlib.metadata import version

        return version("ariane")
    raise AttributeError(f"module 'ariane' has no attribute '{name}'")
