"""What people decide about identity, as events: merging, splitting, retracting and taking each of these back; and what
is inferred about it.

They travel through the log like everything else (source `_ariane`), so a rebuild replays them. Among commands about the
same two identifiers the latest holds, by the time it was given, whatever the order they arrive in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

from ariane.errors import InputError
from ariane.model import Event, Identifier

INTERNAL_SOURCE = "_ariane"

MANUAL, LOGIN, OBSERVED, WEAK = "manual", "login", "observed", "weak"
LINKED, CARRIED, SUGGESTED = "linked", "carried", "suggested"
RULES = (MANUAL, LOGIN, OBSERVED, WEAK, LINKED, CARRIED, SUGGESTED)
"""Evidence, most trusted first: a person's decision; an identify or alias call; seen together with an identifier that
names a human; machines seen together; records that say much the same; named by the address of a page; behaviour alike,
which ties nobody. New ones go to the end: the keys of edges hold the place."""
MET = frozenset({MANUAL, LOGIN, OBSERVED, WEAK})
"""The rules under which two identifiers truly met. What is only inferred, or said by a link that anybody can send, must
not make an identifier shared."""
REPLAYED = frozenset({CARRIED})
"""Evidence that may be refused where no limit is broken: a component with some of it may be several persons."""
INFERRED = (LINKED, SUGGESTED)
"""The rules under which a model ties, by events of its own."""
LINKING = "Identifiers Linked"
SEPARATION = "separation"


class Ruling(NamedTuple):
    """What was last decided about two identifiers (keys in ascending order) under one rule, or about their separation.

    `stands` says whether the evidence (or the separation) holds.
    """

    a: int
    b: int
    rule: str
    stands: bool
    at_us: int
    event_id: str
    actor: str


def merge_event(a: Identifier, b: Identifier, *, actor: str, at: str, reason: str = "") -> dict[str, Any]:
    """These two identifiers are one person. A payload for the ingest of source `_ariane`; `at` is ISO 8601.

    >>> a, b = Identifier("email", "a@b.fr"), Identifier("user_id", "7")
    >>> payload = merge_event(a, b, actor="nina", at="2026-01-02T03:04:05Z")
    >>> payload["event"], payload["properties"]["a"], payload["properties"]["b"]
    ('Persons Merged', 'email:a@b.fr', 'user_id:7')
    """
    return _payload("Persons Merged", a, b, actor, at, reason)


def split_event(a: Identifier, b: Identifier, *, actor: str, at: str, reason: str = "") -> dict[str, Any]:
    """These two identifiers are never one person; whatever else ties them is overruled."""
    return _payload("Persons Split", a, b, actor, at, reason)


def lift_event(a: Identifier, b: Identifier, *, actor: str, at: str, reason: str = "") -> dict[str, Any]:
    """Takes back a split."""
    return _payload("Separation Lifted", a, b, actor, at, reason)


def retract_event(
    a: Identifier, b: Identifier, *, rule: str = "", actor: str, at: str, reason: str = ""
) -> dict[str, Any]:
    """The evidence that ties these two directly counts no more; under one rule, or under all when none is named."""
    return _payload("Edge Retracted", a, b, actor, at, reason, rule)


def restore_event(
    a: Identifier, b: Identifier, *, rule: str = "", actor: str, at: str, reason: str = ""
) -> dict[str, Any]:
    """Takes back a retraction."""
    return _payload("Edge Restored", a, b, actor, at, reason, rule)


def link_event(
    a: Identifier, b: Identifier, *, rule: str = LINKED, score: float, model: str, actor: str, at: str
) -> dict[str, Any]:
    """Evidence inferred by `model` that these two are one person's: under `linked` it ties, under `suggested` it only
    says so. `score` is the probability, 0 to 1; of several events the latest's counts. It is no decision: a split or a
    retraction by a person holds against it, given before or after. InputError for another rule or score.

    >>> a, b = Identifier("email", "a@b.fr"), Identifier("user_id", "7")
    >>> payload = link_event(a, b, score=0.995, model="m1", actor="linkage", at="2026-01-02T03:04:05Z")
    >>> payload["event"], payload["properties"]["rule"], payload["properties"]["score"]
    ('Identifiers Linked', 'linked', 0.995)
    """
    if rule not in INFERRED:
        raise InputError(f"Unknown rule {rule!r}.", allowed=", ".join(INFERRED))
    if not 0 <= score <= 1:
        raise InputError(f"The score is {score}.", allowed="a probability, 0 to 1")
    payload = _payload(LINKING, a, b, actor, at, "", rule)
    payload["properties"] |= {"score": float(score), "model": model}
    return payload


def _payload(
    name: str, a: Identifier, b: Identifier, actor: str, at: str, reason: str, rule: str | None = None
) -> dict[str, Any]:
    if a == b:
        raise InputError(f"{a} was given twice.", allowed="two different identifiers")
    properties: dict[str, Any] = {"a": str(a), "b": str(b), "actor": actor}
    if reason:
        properties["reason"] = reason
    if rule is not None:
        if rule and rule not in RULES:
            raise InputError(f"Unknown rule {rule!r}.", allowed=", ".join(RULES))
        properties["rule"] = rule
    # Segment's wire form wants somebody; "anonymous" is blocked everywhere, so the command is nobody's event.
    return {
        "type": "track", "event": name, "messageId": uuid4().hex, "anonymousId": "anonymous", "timestamp": at,
        "properties": properties,
    }  # fmt: skip


def rulings_of(event: Event) -> list[Ruling]:
    """What a command decides; nothing when it does not name two identifiers."""
    a, b = identifier_from(event.properties.get("a")), identifier_from(event.properties.get("b"))
    if a is None or b is None or a == b:
        return []
    low, high = sorted((a.key, b.key))
    actor = str(event.properties.get("actor", ""))
    named = event.properties.get("rule")
    return [
        Ruling(low, high, rule, stands, event.occurred_us, event.event_id, actor)
        for rule, stands in COMMANDS[event.name](named if named in RULES else "")
    ]


def inferred_by(event: Event) -> tuple[int, int, str, float] | None:
    """The keys that a model's event ties, in ascending order, by which rule and with which score; None when it does not
    name two identifiers, a rule that may be inferred and a probability."""
    said = event.properties
    a, b, rule, score = (
        identifier_from(said.get("a")),
        identifier_from(said.get("b")),
        said.get("rule"),
        said.get("score"),
    )
    if a is None or b is None or a == b or rule not in INFERRED:
        return None
    if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1:
        return None
    low, high = sorted((a.key, b.key))
    return low, high, rule, float(score)


def identifier_from(text: object) -> Identifier | None:
    """The identifier written `kind:value`."""
    if not isinstance(text, str):
        return None
    kind, colon, value = text.partition(":")
    return Identifier(kind, value) if colon and kind and value else None


def _each(rule: str, stands: bool) -> list[tuple[str, bool]]:
    return [(each, stands) for each in ((rule,) if rule else RULES)]


COMMANDS: dict[str, Callable[[str], list[tuple[str, bool]]]] = {
    # The later of a merge and a split of the same two holds, so each takes back the other.
    "Persons Merged": lambda rule: [(MANUAL, True), (SEPARATION, False)],
    "Persons Split": lambda rule: [(MANUAL, False), (SEPARATION, True)],
    "Separation Lifted": lambda rule: [(SEPARATION, False)],
    "Edge Retracted": lambda rule: _each(rule, False),
    # A merge taken back is given again by merging, not by restoring everything at once.
    "Edge Restored": lambda rule: [(each, True) for each in ((rule,) if rule else RULES[1:])],
}
"""Each command's effect: the (rule, stands) pairs it sets for its two identifiers."""

SPOKEN = frozenset(COMMANDS) | {LINKING}
"""The events of the internal source that are about identity: they name identifiers and carry none."""
