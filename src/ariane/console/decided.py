"""What people decided about identity: the decisions that stand, how each is taken back, and those the stream has yet to
make true."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ariane.console import faces, names, tailing, tying
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.identity import foresight
from ariane.identity.foresight import Decision
from ariane.model import Event, Identifier
from ariane.opened import PARTITION

VERBS = {
    "merge": N_("merged"),
    "split": N_("split"),
    "lift": N_("split taken back"),
    "retract": N_("evidence taken back"),
    "restore": N_("evidence given back"),
}
UNDOES = {"merge": "retract", "split": "lift", "retract": "restore", "restore": "retract"}
"""What takes each decision back."""
BACK_BYTES = 64 * 1024
ICONS = {"merge": "git-merge", "split": "split", "lift": "repeat", "retract": "ban", "restore": "repeat"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A decision in words. `undo` leads to taking it back; empty where there is nothing to take back."""

    icon: str
    verb: str
    a: str
    a_kind: str
    b: str
    b_kind: str
    rule: str
    who: str
    when: str
    undo: str
    persons: tuple[tuple[str, str], ...]


def lines(desk: Desk, asked: Asked, keys: Collection[int] | None = None, limit: int = 50) -> tuple[Line, ...]:
    """The decisions about these identifiers, or about any, the latest first."""
    with desk.stores.state.read() as conn:
        found = foresight.decisions(conn, faces.permit_of(desk, asked), keys=keys, limit=limit)
    return tuple(_line(desk, asked, one) for one in found)


def _line(desk: Desk, asked: Asked, one: Decision) -> Line:
    tongue = desk.tongue(asked.lang)
    clear = faces.permit_of(desk, asked).purpose == "service"
    undo = ""
    if one.verb in UNDOES:
        rule = "manual" if one.verb == "merge" else one.rule
        where = f"/people/{one.person_a}/decide"
        undo = asked.link(where, do=UNDOES[one.verb], a=tying.ref(one.a), b=tying.ref(one.b), rule=rule)
    return Line(
        icon=ICONS[one.verb],
        verb=tongue._(VERBS[one.verb]),
        a=tying.label(one.a, clear=clear),
        a_kind=one.a.kind,
        b=tying.label(one.b, clear=clear),
        b_kind=one.b.kind,
        rule=tongue._(tying.RULES[one.rule]) if one.rule in tying.RULES else "",
        who=names.short(one.actor, 60),
        when=tongue.moment(one.at_us),
        undo=undo,
        persons=tuple(
            (person, asked.link(f"/people/{person}")) for person in dict.fromkeys((one.person_a, one.person_b))
        ),
    )


def written(desk: Desk) -> tuple[Event, ...]:
    """What was written last to the log of decisions, whether the stream has it or not."""
    log = desk.stores.log
    if PARTITION not in log.partitions():
        return ()
    begin = max(log.start(PARTITION), log.end(PARTITION) - BACK_BYTES)
    read = (tailing.arrival(record.payload).event for record in log.read(PARTITION, begin, BACK_BYTES).records)
    return tuple(event for event in read if event is not None)


def waiting(desk: Desk, tongue: Tongue, keys: Collection[int]) -> tuple[str, ...]:
    """The decisions about these identifiers that are written and not yet true, in words."""
    about = {event.event_id: event for event in written(desk) if ends(event) & set(keys)}
    if not about:
        return ()
    with desk.stores.state.read() as conn:
        missing = foresight.unsettled(conn, about.values())
    return tuple(
        f"{event.name} ({names.short(str(event.properties.get('actor', '')), 60)}, {tongue.clock(event.occurred_us)})"
        for event_id, event in about.items()
        if event_id in missing
    )


def ends(event: Event) -> set[int]:
    """The keys of the two identifiers that a decision names."""
    found = set()
    for name in ("a", "b"):
        kind, colon, value = str(event.properties.get(name, "")).partition(":")
        if colon:
            found.add(Identifier(kind, value).key)
    return found
