"""What the lake's writer needs of consent: where persons stand, for those about whom something changed."""

from __future__ import annotations

from ariane.consent.exporting import spoken_since, standing_of

__all__ = ["spoken_since", "standing_of"]
