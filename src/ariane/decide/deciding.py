"""Deciding: from what one person did and agreed to, to one action or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from ariane.consent import permit, population
from ariane.decide.holding import holdout, uniform
from ariane.decide.policy import Action, Cap, Policy, load_policy
from ariane.errors import InputError, NotFound
from ariane.model import DAY, Purpose
from ariane.result import Tabular
from ariane.segments import check, segment_rule
from ariane.store import COLUMNS, Engine

DECISION_MADE = "Decision Made"
"""The event a decision is recorded as: `campaign` is the action, `outcome` is act or holdout."""

Verdict = Literal["chosen", "eligible", "not_eligible", "no_consent", "pressed"]


class Condition(msgspec.Struct, frozen=True):
    """One thing that was looked at: what, the person's value, the threshold, whether it allowed the action."""

    what: str
    value: float
    threshold: float
    passes: bool


class Considered(msgspec.Struct, frozen=True):
    """One action as it was weighed: how it ended, and every condition up to where it fell."""

    action: str
    verdict: Verdict
    conditions: tuple[Condition, ...]


class Decision(msgspec.Struct, Tabular, frozen=True, dict=True):
    """What to do for the person now. `action` None: nothing. `propensity`: the exact probability with which this action
    was chosen among the eligible ones. `holdout` True: it is not to be carried out, only recorded."""

    decision_id: str
    person_id: str
    decided_us: int
    action: str | None
    channel: str
    purpose: str
    propensity: float
    holdout: bool
    why: tuple[Considered, ...]


def decide(
    engine: Engine,
    person_id: str,
    *,
    now_us: int,
    policy: Policy | None = None,
    bases: Mapping[str, str] | None = None,
    salt: str = "",
) -> Decision:
    """The next best action for one person as of `now_us`, the same however often it is asked.

    Gates in order: consent for the action's purpose and channel (denied unless it may be read); the rule `when`; the
    action's own cap and the common pressure, both counted over the decisions carried out for the resolved person; then
    the choice, ε-greedy by assumed value: the most valuable with probability 1 − ε + ε/k among k, any other with ε/k;
    then the holdout of that action. NotFound when nobody stands under that id. `bases`: the workspace's legal bases.

    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from ariane.store import DuckEngine, Lake
    >>> decide(DuckEngine(Lake(Path(mkdtemp()))), "p-1", now_us=0)
    Traceback (most recent call last):
    ariane.errors.NotFound: decide: Nothing is known of person 'p-1' at that time.
    """
    policy = policy or load_policy()
    past: dict[Purpose, Sequence[Mapping[str, Any]]] = {}
    for purpose in ("service", *(action.purpose for action in policy.actions)):
        if purpose not in past:
            past[purpose] = _events(engine, person_id, purpose, (bases or {}).get(purpose), now_us)
    if not any(past.values()):
        raise NotFound(f"Nothing is known of person '{person_id}' at that time.", where="decide")
    said = _said(engine, person_id)
    contacts = [event for event in past["service"] if _is_contact(event)]
    found = [
        _consider(action, past[action.purpose], said, contacts, policy, now_us, bases) for action in policy.actions
    ]
    by_key = {action.key: action for action in policy.actions}
    eligible = sorted(
        (by_key[one.action] for one in found if one.verdict == "eligible"), key=lambda a: (-a.value_minor, a.key)
    )
    seed = f"{person_id}\0{now_us}"
    chosen, propensity = _choose(eligible, policy.exploration, uniform(seed, "choice", salt))
    why = tuple(
        msgspec.structs.replace(one, verdict="chosen") if chosen and one.action == chosen.key else one for one in found
    )
    held = False
    if chosen:
        held = holdout(person_id, chosen.key, policy.holdout if chosen.holdout is None else chosen.holdout, salt)
    return Decision(
        decision_id=blake2b(f"{seed}\0{chosen.key if chosen else ''}".encode(), digest_size=12).hexdigest(),
        person_id=person_id,
        decided_us=now_us,
        action=chosen.key if chosen else None,
        channel=chosen.channel if chosen else "",
        purpose=chosen.purpose if chosen else "",
        propensity=propensity,
        holdout=held,
        why=why,
    )


def as_event(decision: Decision, identifier: str) -> dict[str, Any]:
    """The decision as an event for the ingest of source `_ariane`. `identifier` (kind:value) is one of the person's, so
    that the event follows them through merges and splits. Sent twice, it is kept once.

    InputError when there is no such identifier to write.
    """
    kind, _, value = identifier.partition(":")
    if not (kind and value):
        raise InputError(f"'{identifier}' is not an identifier.", where="as_event", allowed="kind:value")
    outcome = "none" if decision.action is None else "holdout" if decision.holdout else "act"
    return {
        "type": "track",
        "event": DECISION_MADE,
        "messageId": f"decision-{decision.decision_id}",
        "properties": {
            "campaign": decision.action,
            "outcome": outcome,
            "purpose": decision.purpose,
            "propensity": decision.propensity,
            "why": [msgspec.to_builtins(one) for one in decision.why],
        },
        "context": {"channel": decision.channel or "web", "externalIds": [{"id": value, "type": kind}]},
    }


def _events(
    engine: Engine, person_id: str, purpose: Purpose, basis: str | None, now_us: int
) -> Sequence[Mapping[str, Any]]:
    """What the purpose may read of the person; nothing when it may not."""
    events = population(engine, purpose, basis=basis).events
    mine = events.filter((events.person_id == person_id) & (events.occurred_us <= now_us))
    wanted = ["event_id", "event", "channel", "source", "type", "occurred_us", *COLUMNS]
    own = [name for name in mine.columns if name.startswith("prop_") and name not in COLUMNS]
    rows: list[dict[str, Any]] = engine.run(mine.select(*wanted, *own)).to_pylist()
    return rows


def _said(engine: Engine, person_id: str) -> dict[tuple[str, str], bool]:
    """What the person answered: (purpose, channel or "") → yes or no."""
    consents = engine.table("consents")
    rows = engine.run(consents.filter(consents.person_id == person_id)).to_pylist()
    return {(row["purpose"], row["channel"] or ""): row["granted"] for row in rows}


def _consider(
    action: Action,
    past: Sequence[Mapping[str, Any]],
    said: Mapping[tuple[str, str], bool],
    contacts: Sequence[Mapping[str, Any]],
    policy: Policy,
    now_us: int,
    bases: Mapping[str, str] | None,
) -> Considered:
    # An answer about this channel outweighs one about all of them.
    answer = said.get((action.purpose, action.channel), said.get((action.purpose, "")))
    basis = permit(action.purpose, actor="decide", bases=bases).basis
    allowed = bool(past) and (basis == "contract" or answer is True or (answer is None and basis != "consent"))
    conditions = [Condition(f"consent:{action.purpose}/{action.channel}", int(allowed), 1, allowed)]
    if not allowed:
        return Considered(action.key, "no_consent", tuple(conditions))
    agreed = {purpose for (purpose, _), granted in said.items() if granted}
    fits = check(segment_rule(action.when), past, now_us, consents=agreed)
    conditions += [Condition(one.condition, one.value, one.threshold, one.passes) for one in fits.conditions]
    if not fits.passes:
        return Considered(action.key, "not_eligible", tuple(conditions))
    caps = [
        (
            f"{action.key} in {action.cap.days} days",
            action.cap,
            [c for c in contacts if c["prop_campaign"] == action.key],
        )
    ]
    if not action.urgent:
        caps.append((f"contacts in {policy.pressure.days} days", policy.pressure, list(contacts)))
    conditions += [_pressure(what, cap, among, now_us) for what, cap, among in caps]
    pressed = not all(one.passes for one in conditions[-len(caps) :])
    return Considered(action.key, "pressed" if pressed else "eligible", tuple(conditions))


def _is_contact(event: Mapping[str, Any]) -> bool:
    return (event["event"], event["source"], event["prop_outcome"]) == (DECISION_MADE, "_ariane", "act")


def _pressure(what: str, cap: Cap, contacts: Sequence[Mapping[str, Any]], now_us: int) -> Condition:
    recent = sum(contact["occurred_us"] > now_us - cap.days * DAY for contact in contacts)
    return Condition(what, recent, cap.max, recent < cap.max)


def _choose(eligible: Sequence[Action], exploration: float, drawn: float) -> tuple[Action | None, float]:
    """ε-greedy from one uniform draw, and the exact probability of what came out."""
    if not eligible:
        return None, 1.0
    each = exploration / len(eligible)
    best = 1 - exploration + each
    if drawn < best:
        return eligible[0], best
    return eligible[1 + min(len(eligible) - 2, int((drawn - best) / each))], each
