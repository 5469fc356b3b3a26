"""What the accounts that identifiers met say of the evidence between them.

An identifier is claimed by the unique identifiers (the kinds with limit 1) it met directly. Two that different accounts
claim are not one person's, whatever was seen between them later; and one that no account claims, seen beside what
different accounts claim, is several persons' own: a tablet on which two cookies each have their login.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from ariane.identity.commands import MANUAL, MET, WEAK
from ariane.identity.evidence import Edge, canonical
from ariane.identity.rules import Rules

Order = tuple[int, int, int, int]
Claims = Mapping[int, Mapping[int, Order]]
"""For each identifier, the unique ones that claim it, with the place in the canonical order of the first evidence."""


def claims_among(kinds: Mapping[int, str], edges: Iterable[Edge], rules: Rules) -> Claims:
    """Who claims whom. Only evidence under which two truly met counts."""
    claims: defaultdict[int, dict[int, Order]] = defaultdict(dict)
    for edge in edges:
        if edge.rule in MET:
            for one, other in ((edge.a, edge.b), (edge.b, edge.a)):
                if rules.is_unique(kinds.get(other, "")) and not rules.is_unique(kinds.get(one, "")):
                    order = canonical(edge)
                    claims[one][other] = min(order, claims[one].get(other, order))
    return claims


def contradicted(edge: Edge, kinds: Mapping[int, str], claims: Claims) -> bool:
    """Whether evidence ties two identifiers that, before it in the canonical order, different accounts of one kind had
    claimed. Replaying could only refuse it: so it need not make two persons' evidence one component.

    >>> from ariane.identity.rules import Rules
    >>> kinds = {1: "user_id", 2: "user_id", 3: "cookie", 4: "cookie"}
    >>> logins, later = [Edge(1, 3, "login", 10), Edge(2, 4, "login", 20)], Edge(3, 4, "weak", 30)
    >>> contradicted(later, kinds, claims_among(kinds, logins, Rules.default()))
    True
    """
    if edge.rule == MANUAL or edge.a not in claims or edge.b not in claims:
        return False
    order = canonical(edge)
    one, other = ({unique for unique, first in claims[end].items() if first < order} for end in (edge.a, edge.b))
    return any(
        own.isdisjoint(theirs)
        for kind in {kinds[unique] for unique in one}
        for own, theirs in [(_of_kind(one, kind, kinds), _of_kind(other, kind, kinds))]
        if theirs
    )


def _of_kind(uniques: set[int], kind: str, kinds: Mapping[int, str]) -> set[int]:
    return {unique for unique in uniques if kinds[unique] == kind}


def between_persons(
    kinds: Mapping[int, str], edges: Collection[Edge], claims: Claims, shared: Collection[int], rules: Rules
) -> set[int]:
    """The machines that no account claims and that were seen beside others, not shared themselves, of which each is one
    account's: of as many accounts, in all, as make them shared."""
    beside: defaultdict[int, set[int]] = defaultdict(set)
    for edge in edges:
        if edge.rule == WEAK:
            for one, other in ((edge.a, edge.b), (edge.b, edge.a)):
                if one not in claims and other not in shared and len(claims.get(other, ())) == 1:
                    beside[one].update(claims[other])
    return {one for one, uniques in beside.items() if met_too_many(kinds, one, uniques, rules)}


def met_too_many(kinds: Mapping[int, str], key: int, others: Collection[int], rules: Rules) -> bool:
    """Whether these unique identifiers are, of one kind, as many as make this one shared."""
    rule = rules.kinds.get(kinds.get(key, ""))
    if rule is None or rule.shared_after is None or len(others) < rule.shared_after:
        return False
    by_kind: defaultdict[str, int] = defaultdict(int)
    for other in others:
        by_kind[kinds[other]] += 1
    return max(by_kind.values()) >= rule.shared_after
