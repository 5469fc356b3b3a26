"""Which identifiers are shared, and which evidence has no power, found in bulk: the suspects by counting, and of those
few `identity.solving` says which are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from ariane.identity.batch.arrays import Arrays, Mask, codes
from ariane.identity.batch.grouping import find
from ariane.identity.commands import CARRIED, MANUAL, MET, SUGGESTED, WEAK
from ariane.identity.rules import Rules
from ariane.identity.solving import shared_among

_Rows = NDArray[np.int64]


def withheld_in(graph: Arrays, refusals: Mapping[int, Collection[str]], rules: Rules) -> Mask:
    """The evidence that may not be used (`withholding.withheld_among`)."""
    bits = np.array([rules.bits_of((rules.purpose_of(rule),)) for rule in graph.rules_named] or [0], np.uint8)
    if not refusals or not bits.any() or not graph.keys.size:
        return np.zeros(graph.rule.size, np.bool_)
    rows = find(graph.keys, np.fromiter(refusals, np.int64, len(refusals)))
    said = np.fromiter((rules.bits_of(purposes) for purposes in refusals.values()), np.uint8, len(refusals))
    own = np.zeros(graph.keys.size, np.uint8)
    own[rows[rows < graph.keys.size]] = said[rows < graph.keys.size]
    one, other, _ = _met(graph)
    unique = np.array([rules.is_unique(kind) for kind in graph.kinds] or [False])[graph.kind]
    claims = unique[other] & ~graph.blocked[other] & ~unique[one] & (own[other] > 0)
    refused = own.copy()
    np.bitwise_or.at(refused, one[claims], own[other[claims]])
    found: Mask = (bits[graph.rule] & (refused[graph.a] | refused[graph.b])) > 0
    return found & ~graph.retracted


def shared_in(graph: Arrays, rules: Rules) -> Mask:
    """The shared identifiers."""
    n = graph.keys.size
    after = np.array([_after(rules, kind) for kind in graph.kinds] or [0])[graph.kind]
    one, other, weak = _met(graph)
    unique = np.array([rules.is_unique(kind) for kind in graph.kinds] or [False])[graph.kind] & ~graph.blocked
    able = (after > 0) & ~graph.blocked
    claims = np.unique(one[unique[other] & ~unique[one]].astype(np.int64) * n + other[unique[other] & ~unique[one]])
    n_claims = np.bincount(claims // max(n, 1), minlength=n)
    suspects = able & (n_claims >= np.maximum(after, 1))
    # Beside: what no account claims, seen with what one account each claims, of enough different accounts.
    account = np.zeros(n, np.int64)
    account[claims // max(n, 1)] = claims % max(n, 1)
    rows = np.flatnonzero(weak & (able & (n_claims == 0))[one] & (n_claims == 1)[other])
    beside = np.unique(one[rows].astype(np.int64) * n + account[other[rows]])
    between = able & (np.bincount(beside // max(n, 1), minlength=n) >= np.maximum(after, 1)) & (n_claims == 0)
    return _decided(graph, suspects | between, np.unique(other[rows[between[one[rows]]]]), rules)


def _after(rules: Rules, kind: str) -> int:
    rule = rules.kinds.get(kind)
    return 0 if rule is None else rule.shared_after or 0


def _met(graph: Arrays) -> tuple[_Rows, _Rows, Mask]:
    """Who truly met whom, both ways, and whether under the weakest of such rules."""
    rows = np.flatnonzero(codes(graph.rules_named, MET)[graph.rule] & ~graph.retracted)
    weak = codes(graph.rules_named, {WEAK})[graph.rule[rows]]
    a, b = graph.a[rows].astype(np.int64), graph.b[rows].astype(np.int64)
    return np.concatenate([a, b]), np.concatenate([b, a]), np.tile(weak, 2)


def _decided(graph: Arrays, suspects: Mask, near: _Rows, rules: Rules) -> Mask:
    """The suspects that are shared; `near`: those they were seen beside, whose accounts matter too."""
    shared = np.zeros(graph.keys.size, np.bool_)
    around = suspects.copy()
    around[near] = True
    touching = np.flatnonzero((around[graph.a] | around[graph.b]) & ~graph.retracted)
    if touching.size and suspects.any():
        ends = np.unique(np.concatenate([graph.a[touching], graph.b[touching]])).astype(np.int64)
        kinds = {key: each.kind for key, each in graph.known(ends).items() if not each.blocked}
        found = shared_among(kinds, graph.edges(touching), rules)
        shared[ends[np.isin(graph.keys[ends], np.array(sorted(found), np.int64))]] = True
    return shared & suspects


def powerless_among(graph: Arrays, lone: Mask, rules: Rules) -> Mask:
    """The evidence that may not tie (`solving.has_power`), given who is shared or blocked (`lone`)."""
    manual, suggested, carried = (codes(graph.rules_named, {rule})[graph.rule] for rule in (MANUAL, SUGGESTED, CARRIED))
    blocked = graph.blocked[graph.a] | graph.blocked[graph.b]
    passed_on = _passed_on(graph, np.flatnonzero(carried & ~graph.retracted), rules)
    weak = suggested | lone[graph.a] | lone[graph.b] | (carried & (passed_on[graph.a] | passed_on[graph.b]))
    found: Mask = blocked | (~manual & weak)
    return found


def _passed_on(graph: Arrays, links: _Rows, rules: Rules) -> Mask:
    """The identifiers whose links tied them to too many others."""
    n = graph.keys.size
    a, b = graph.a[links].astype(np.int64), graph.b[links].astype(np.int64)
    tied = np.unique(np.concatenate([a * n + b, b * n + a]))
    found: Mask = np.bincount(tied // max(n, 1), minlength=n) > rules.carried.passed_on_after
    return found
