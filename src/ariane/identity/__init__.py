"""Who is whom: identifiers become persons. Events bring evidence that two identifiers are one person's; persons are a
pure function of that evidence, never of its order, so every merge can be explained and undone. `identify` reads an
event's identifiers; `absorb` takes events in and keeps the state's persons; the reads find, show and explain them, each
for a purpose; `commands` makes the events by which people merge, split and take back. The rules are a file,
identity.toml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face
from ariane.identity import commands
from ariane.identity import stored as _stored  # noqa: F401  declared before any state is created

if TYPE_CHECKING:
    from ariane.identity.absorbing import absorb, resolve_all
    from ariane.identity.explaining import explain
    from ariane.identity.exporting import tables
    from ariane.identity.identifying import identify
    from ariane.identity.reading import find, people, person
    from ariane.identity.rules import rules_of

__all__ = [
    "absorb",
    "commands",
    "explain",
    "find",
    "identify",
    "people",
    "person",
    "resolve_all",
    "rules_of",
    "tables",
]

__getattr__ = face(
    __name__,
    {
        "absorb": "absorbing",
        "explain": "explaining",
        "find": "reading",
        "identify": "identifying",
        "people": "reading",
        "person": "reading",
        "resolve_all": "absorbing",
        "rules_of": "rules",
        "tables": "exporting",
    },
)
