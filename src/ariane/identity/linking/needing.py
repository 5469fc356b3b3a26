"""What linkage stands on and a bare installation lacks: the extra `linkage`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from ariane.errors import InputError

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """A loop over arrays as machine code, compiled when first called and kept on disk beside the module."""
    made: _F = needed("numba").njit(cache=True)(function)
    return made


def needed(name: str) -> Any:
    """Import a module of the extra, or say which extra it takes.

    >>> needed("no_such_module")
    Traceback (most recent call last):
    ariane.errors.InputError: linkage: 'no_such_module' is not installed. Install the extra: pip install ...
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"'{name}' is not installed.",
            where="linkage",
            next_step="Install the extra: pip install 'ariane[linkage]'.",
        ) from error
