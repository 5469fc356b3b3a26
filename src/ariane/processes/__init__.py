"""The processes that walk the data: stream (log → identity, consent, features), lake (log and state → columns), the
supervisor that runs them beside the collector and the console, and rebuild, which derives everything again.

Each consumer commits its effects and its offset together, so it can be killed at any instant and started again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ariane.processes.catch_up import catch_up, lag
    from ariane.processes.rebuild import rebuild
    from ariane.processes.serve import serve

_HOMES = {"catch_up": "catch_up", "lag": "catch_up", "rebuild": "rebuild", "serve": "serve"}

__all__ = ["catch_up", "lag", "rebuild", "serve"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"ariane.processes.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ariane.processes' has no attribute '{name}'")
