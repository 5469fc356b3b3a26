"""What people decide about identity: the events by which they merge, split, retract and take back (and by which a model
says what it inferred), a look at what a
retraction would undo, and solving the whole history again when the rules have changed."""

from __future__ import annotations

from ariane.identity.batch import resolve_all
from ariane.identity.commands import lift_event, link_event, merge_event, restore_event, retract_event, split_event
from ariane.identity.explaining import what_would_leave
from ariane.identity.noting import solved_by

__all__ = [
    "lift_event",
    "link_event",
    "merge_event",
    "resolve_all",
    "restore_event",
    "retract_event",
    "solved_by",
    "split_event",
    "what_would_leave",
]
