"""Which evidence is withheld because somebody refused what it is used for: a pure function of evidence and refusals.

Evidence counts only while neither of its ends, nor an account that one of them met directly, refuses its purpose: so a
no given while signed in holds for the machines, cards and addresses that account was met with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from ariane.identity.commands import MET
from ariane.identity.evidence import Edge
from ariane.identity.rules import Rules


def withheld_among(
    kinds: Mapping[int, str],
    edges: Iterable[Edge],
    refusals: Mapping[int, Collection[str]],
    rules: Rules,
    blocked: Collection[int] = (),
) -> set[Edge]:
    """The evidence that may not be used. `edges`: all that was not taken back; `refusals`: the purposes that
    identifiers refuse themselves; `blocked`: those that name nobody, so that what they refuse holds of no other.

    Two met whether the evidence of it is withheld or not: else a refusal could undo itself.

    >>> kinds = {1: "user_id", 2: "cookie", 3: "email"}
    >>> edges = [Edge(1, 2, "login", 10), Edge(2, 3, "carried", 20)]
    >>> withheld_among(kinds, edges, {1: {"measurement"}}, Rules.default()) == {edges[1]}
    True
    """
    if not refusals:
        return set()
    listed = list(edges)
    refused: defaultdict[int, set[str]] = defaultdict(set)
    for key, purposes in refusals.items():
        refused[key].update(purposes)
    for edge in listed:
        if edge.rule in MET:
            for one, other in ((edge.a, edge.b), (edge.b, edge.a)):
                unique = rules.is_unique(kinds.get(other, "")) and not rules.is_unique(kinds.get(one, ""))
                if unique and other not in blocked:
                    refused[one].update(refusals.get(other, ()))
    bound = frozenset(rules.bound)
    return {
        edge
        for edge in listed
        if (purpose := rules.purpose_of(edge.rule)) in bound
        and (purpose in refused.get(edge.a, ()) or purpose in refused.get(edge.b, ()))
    }
