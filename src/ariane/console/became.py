"""What became of a person: until when they were several, what made them one, and where that is taken back."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ariane.console import faces, tying
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.identity import history
from ariane.identity.history import Told
from ariane.identity.threads import Thread, Tie

SHOWN = 8
SAID = {
    "merged": N_("Was two persons until %(when)s: %(former)s was found to be the same."),
    "moved": N_("Took over most of %(former)s on %(when)s."),
    "split": N_("A part was found to be somebody else on %(when)s: %(former)s."),
    "joined": N_("A part of %(former)s was found to be this person's on %(when)s."),
}


class Line(msgspec.Struct, frozen=True):
    """A change in words, the evidence that did it, and where it is taken back (empty where it cannot be)."""

    icon: str
    said: str
    because: str
    undo: str


def lines(desk: Desk, asked: Asked, thread: Thread) -> tuple[Line, ...]:
    """The latest changes of this person that were told, the newest first."""
    with desk.stores.state.read() as conn:
        told = history.changes(conn, faces.permit_of(desk, asked), of=thread.person_id, limit=1000).rows
    ties = {(tie.rule, tie.event_id): tie for tie in thread.edges}
    about = [one for one in told if thread.person_id in (one.person_id, one.into_person_id, one.present_id)]
    return tuple(_line(desk, asked, thread, one, ties) for one in about[-SHOWN:][::-1])


def _line(desk: Desk, asked: Asked, thread: Thread, one: Told, ties: Mapping[tuple[str, str], Tie]) -> Line:
    tongue = desk.tongue(asked.lang)
    parted = one.cause == "split"
    left = parted and one.person_id == thread.person_id
    said = "joined" if parted and not left else one.cause
    former = one.into_person_id if left else one.person_id
    words = tongue._(SAID[said]) % {"when": tongue.moment(one.at_us), "former": former}
    tie = ties.get((one.rule, one.event_id))
    return Line(
        "split" if parted else "git-merge",
        words,
        _because(desk, asked, tongue, one, tie),
        _undo(asked, thread, tie) if tie is not None and tie.status == "live" and not parted else "",
    )


def _because(desk: Desk, asked: Asked, tongue: Tongue, one: Told, tie: Tie | None) -> str:
    how = tongue._(tying.RULES[one.rule]) if one.rule in tying.RULES else ""
    if tie is None:
        return how
    clear = faces.permit_of(desk, asked).purpose == "service"
    ends = [tying.label(end, clear=clear) for end in (tie.a, tie.b)]
    return f"{ends[0]} · {ends[1]}" + (f": {how}" if how else "")


def _undo(asked: Asked, thread: Thread, tie: Tie) -> str:
    where = f"/people/{thread.person_id}/decide"
    return asked.link(where, do="retract", a=tying.ref(tie.a), b=tying.ref(tie.b), rule=tie.rule)
