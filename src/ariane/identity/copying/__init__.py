"""What the lake's writer needs of identity beside its rows: whose an event is, with the strength that decides it."""

from __future__ import annotations

from ariane.identity.identifying import Named, named_in

__all__ = ["Named", "named_in"]
