"""Decisions: the next best action for one person, or none, and why.

`load_policy` reads the actions a brand may take from a file anybody can edit. `decide` passes them through the same
gates in the same order every time (consent for the action's purpose and channel, eligibility, contact pressure, choice,
holdout) and returns a `Decision` that holds every condition with the person's value, the exact propensity of the choice
and whether the person is held out to measure the effect. `as_event` is how a decision goes into the log.

>>> from ariane.decide import DECISION_MADE, Action, Considered, Decision, Policy, as_event, holdout, load_policy
>>> policy = load_policy()
>>> isinstance(policy, Policy), isinstance(policy.actions[0], Action), policy.actions[0].purpose
(True, True, 'service')
>>> decision = Decision(decision_id="d-1", person_id="p-1", decided_us=0, action="thanks", channel="email",
...                     purpose="personalisation", propensity=0.95, holdout=holdout("p-1", "thanks", 0.0),
...                     why=(Considered("thanks", "chosen", ()),))
>>> as_event(decision, "email:ana@example.org")["event"] == DECISION_MADE
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.decide.deciding import DECISION_MADE, Considered, Decision, as_event, decide
    from ariane.decide.holding import holdout
    from ariane.decide.policy import Action, Policy, load_policy

__all__ = [
    "DECISION_MADE",
    "Action",
    "Considered",
    "Decision",
    "Policy",
    "as_event",
    "decide",
    "holdout",
    "load_policy",
]

__getattr__ = face(
    __name__,
    {
        "Action": "policy",
        "Considered": "deciding",
        "DECISION_MADE": "deciding",
        "Decision": "deciding",
        "Policy": "policy",
        "as_event": "deciding",
        "decide": "deciding",
        "holdout": "holding",
        "load_policy": "policy",
    },
)
