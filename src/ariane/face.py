"""A room's face that loads what it names only when it is asked for, so that importing a room costs nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def face(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of a room: `homes` says which module of `package` each public name lives in; a dotted
    one is another room.

    >>> face("ariane.store", {"State": "state"})("State").__module__
    'ariane.store.state'
    """

    def __getattr__(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        home = homes[name]
        found: object = getattr(import_module(home if "." in home else f"{package}.{home}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return __getattr__
