"""What whoever notes batch after batch keeps between them, to spare reading the state again."""

from __future__ import annotations

from ariane.consent.noting import Recall

__all__ = ["Recall"]
