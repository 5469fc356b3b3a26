"""What whoever absorbs batch after batch keeps between them, to spare reading the state again."""

from __future__ import annotations

from ariane.identity.recalling import Recall

__all__ = ["Recall"]
