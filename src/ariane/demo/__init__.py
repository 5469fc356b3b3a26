"""A town with known truth: the people of a phygital brand, Maison Dédale, living 120 days on every channel.

It knows nothing of the product but its HTTP API: `send` posts what `Town` generates to a running collector, as any
site or till would. What is true (who is who, what was planted, when) is written apart and read only by tests and by
the page that compares what was found with it (`load`, `identity_score`, `match_frictions`).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "SendReport",
    "Town",
    "identity_score",
    "journey_toml",
    "load",
    "match_frictions",
    "send",
]

_HOMES = {
    "SendReport": "sending",
    "Town": "town",
    "identity_score": "score",
    "journey_toml": "brand",
    "load": "truth",
    "match_frictions": "score",
    "send": "sending",
}


def __getattr__(name: str) -> Any:
    """Load a name's module when it is first asked for: NumPy and Arrow are heavy, and most commands need neither."""
    if name in _HOMES:
        return getattr(import_module(f"ariane.demo.{_HOMES[name]}"), name)
    raise AttributeError(name)
