"""Persons who behave like one: the same private networks on the same days, the same pages, the same hours. Behaviour
never ties anybody: what is found here is only said, for somebody to decide (`suggest`), and only of persons who agreed
to the purpose `cross_device`.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane import consent
>>> from ariane.identity import Rules
>>> from ariane.identity.suggesting import MODEL, Suggestion, alike, suggest
>>> from ariane.store import DuckEngine, Lake
>>> read = consent.population(DuckEngine(Lake(Path(mkdtemp()))), "cross_device")
>>> suggest(read, Rules.default()), alike({}, frozenset())
((), [])
>>> Suggestion.__struct_fields__[:3], MODEL
(('a', 'b', 'score'), 'behaviour-1')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.identity.suggesting.comparing import Habits, Likeness, alike
    from ariane.identity.suggesting.finding import MODEL, Suggestion, suggest

__all__ = ["MODEL", "Habits", "Likeness", "Suggestion", "alike", "suggest"]

__getattr__ = face(
    __name__,
    {
        "MODEL": "finding",
        "Habits": "comparing",
        "Likeness": "comparing",
        "Suggestion": "finding",
        "alike": "comparing",
        "suggest": "finding",
    },
)
