"""What the reads of identity return, by type, and its explanations in words."""

from __future__ import annotations

from ariane.identity.explaining import Explanation, Preview, words
from ariane.identity.joining import Joined, joined
from ariane.identity.reading import Found, Held, People, Thread, Tie

__all__ = ["Explanation", "Found", "Held", "Joined", "People", "Preview", "Thread", "Tie", "joined", "words"]
