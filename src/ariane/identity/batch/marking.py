"""Which identifiers are shared or passed on and which evidence ties nobody, as Ibis expressions: what `power` finds in
arrays and `solving` edge by edge, for whatever engine holds the evidence."""

from __future__ import annotations

import ibis
from ibis.expr.types import BooleanValue, IntegerValue, StringValue

from ariane.identity.batch.contracting import Holding
from ariane.identity.commands import CARRIED, MANUAL, MET, RULES, SUGGESTED, WEAK
from ariane.identity.rules import Rules
from ariane.model import DAY


def marked(identifiers: ibis.Table, edges: ibis.Table, on: Holding, rules: Rules) -> tuple[ibis.Table, ibis.Table]:
    """The identifiers with what they are (`blocked`, `shared`, `lone`: either) and the edges with `powerless`.

    identifiers: key, kind, first_us, blocked. edges: a_key, b_key, rule, first_us, last_us, retracted."""
    shared = on.hold(_shared(identifiers, edges, on, rules))
    passed = on.hold(_passed_on(edges, rules))
    known = identifiers.left_join(shared.select(shared_key="key"), identifiers.key == shared.key)
    known = known.mutate(shared=known.shared_key.notnull()).drop("shared_key")
    known = known.left_join(passed.select(passed_key="key"), known.key == passed.key)
    known = known.mutate(passed=known.passed_key.notnull(), lone=known.shared | known.blocked).drop("passed_key")
    known = on.hold(known)
    return known, on.hold(_powerless(edges, known))


def _both_ways(edges: ibis.Table, *more: str) -> ibis.Table:
    there = edges.select(*more, one=edges.a_key, other=edges.b_key)
    return there.union(edges.select(*more, one=edges.b_key, other=edges.a_key).select(*there.columns))


def named(rows: ibis.Table, identifiers: ibis.Table) -> ibis.Table:
    """Rows (one, other) with both kinds, null where they are blocked."""
    kinds = identifiers.filter(~identifiers.blocked)
    one, other = kinds.select(k1="key", one_kind="kind"), kinds.select(k2="key", other_kind="kind")
    found = rows.left_join(one, rows.one == one.k1).drop("k1")
    return found.left_join(other, found.other == other.k2).drop("k2")


def is_unique(kind: StringValue, rules: Rules) -> BooleanValue:
    return kind.isin([name for name in rules.kinds if rules.is_unique(name)] or [""]).fill_null(False)


def _shared(identifiers: ibis.Table, edges: ibis.Table, on: Holding, rules: Rules) -> ibis.Table:
    """`solving.shared_among`: those that met too many accounts, directly or through what they were seen beside."""
    met = edges.filter(~edges.retracted & edges.rule.isin(sorted(MET)))
    beside = on.hold(named(_both_ways(met, "rule", "first_us", "last_us"), identifiers))
    claims = on.hold(beside.filter(is_unique(beside.other_kind, rules) & ~is_unique(beside.one_kind, rules)))
    each = on.hold(claims.select("one", "one_kind", "other", "other_kind").distinct())
    within = {
        name: rule.shared_within_days for name, rule in rules.kinds.items() if rule.shared_within_days is not None
    }
    crowd = _too_many(each, rules)
    if within:
        always = crowd.filter(~crowd.one_kind.isin(sorted(within)))
        crowd = always.union(_crowded(claims, within, rules).select(*always.columns))
    direct = on.hold(crowd.select(key="one").distinct())
    # Beside: what no account claims, seen with what, not shared itself, one account claims.
    single = each.group_by("one").aggregate(
        n=each.count(), account=each.other.max(), account_kind=each.other_kind.max()
    )
    single = single.filter(single.n == 1).select(near="one", account="account", account_kind="account_kind")
    weak = beside.filter(beside.rule == WEAK)
    weak = weak.anti_join(each, weak.one == each.one)
    weak = weak.anti_join(direct, weak.other == direct.key)
    through = weak.inner_join(single, weak.other == single.near)
    through = through.select("one", "one_kind", other="account", other_kind="account_kind").distinct()
    return direct.union(_too_many(through, rules).select(key="one").distinct()).distinct()


def _too_many(met: ibis.Table, rules: Rules) -> ibis.Table:
    """Who met as many accounts of one kind as make theirs shared. met: one, one_kind, other, other_kind, distinct."""
    counted = met.group_by("one", "one_kind", "other_kind").aggregate(n=met.count())
    return counted.filter(counted.n >= _shared_after(counted.one_kind, rules)).select("one", "one_kind").distinct()


def _shared_after(kind: StringValue, rules: Rules) -> IntegerValue:
    return _by_kind(kind, {name: rule.shared_after for name, rule in rules.kinds.items()})


def _by_kind(kind: StringValue, numbers: dict[str, int | None]) -> IntegerValue:
    """The number of a kind; one that nothing reaches where it has none."""
    given = [(kind == name, ibis.literal(n, "int64")) for name, n in numbers.items() if n is not None]
    none = ibis.literal(2**62, "int64")
    found: IntegerValue = ibis.cases(*given, else_=none) if given else none
    return found


def _crowded(claims: ibis.Table, within: dict[str, int], rules: Rules) -> ibis.Table:
    """Who met as many accounts within days: at the first instant of one of the meetings most meet (windows)."""
    rows = claims.filter(claims.one_kind.isin(sorted(within)))
    last = ibis.greatest(rows.first_us, rows.last_us)
    spans = rows.mutate(last=last).group_by("one", "one_kind", "other", "other_kind")
    spans = spans.aggregate(first=ibis._.first_us.min(), last=ibis._.last.max())
    days = _by_kind(spans.one_kind, dict(within)) * DAY
    spans = spans.mutate(opens=spans.first - days)
    at = spans.select(one_at="one", kind_at="other_kind", at="opens").distinct()
    touched = spans.inner_join(
        at,
        [spans.one == at.one_at, spans.other_kind == at.kind_at, spans.opens <= at["at"], spans.last >= at["at"]],
    )
    counted = touched.group_by("one", "one_kind", "other_kind", "at").aggregate(n=touched.count())
    return counted.filter(counted.n >= _shared_after(counted.one_kind, rules)).select("one", "one_kind").distinct()


def _passed_on(edges: ibis.Table, rules: Rules) -> ibis.Table:
    """Whose links tied them to more others than one person's would."""
    links = _both_ways(edges.filter(~edges.retracted & (edges.rule == CARRIED))).distinct()
    counted = links.group_by("one").aggregate(n=links.count())
    return counted.filter(counted.n > rules.carried.passed_on_after).select(key="one")


def _powerless(edges: ibis.Table, known: ibis.Table) -> ibis.Table:
    """`solving.has_power` of every edge, the other way round."""
    one = known.select(k1="key", blocked1="blocked", lone1="lone", passed1="passed")
    other = known.select(k2="key", blocked2="blocked", lone2="lone", passed2="passed")
    found = edges.inner_join(one, edges.a_key == one.k1)
    found = found.inner_join(other, found.b_key == other.k2)
    weak = (found.rule == SUGGESTED) | found.lone1 | found.lone2
    weak = weak | ((found.rule == CARRIED) & (found.passed1 | found.passed2))
    found = found.mutate(powerless=found.blocked1 | found.blocked2 | ((found.rule != MANUAL) & weak))
    return found.select(*edges.columns, "powerless")


def contradicted(ties: ibis.Table, identifiers: ibis.Table, on: Holding, rules: Rules) -> ibis.Table:
    """The ties (a_key, b_key, rule) whose ends different accounts of one kind had claimed before them
    (`claiming.contradicted`). What comes before is the canonical order: rule, instant, keys."""
    ranks = [(ties.rule == name, ibis.literal(rank, "int64")) for rank, name in enumerate(RULES)]
    ranked = on.hold(ties.mutate(rank=ibis.cases(*ranks, else_=ibis.literal(len(RULES), "int64"))))
    met = ranked.filter(ranked.rule.isin(sorted(MET))).mutate(ea=ibis._.a_key, eb=ibis._.b_key)
    ways = named(_both_ways(met, "rank", "first_us", "ea", "eb"), identifiers)
    claims = ways.filter(is_unique(ways.other_kind, rules) & ~is_unique(ways.one_kind, rules))
    order = [claims["rank"], claims.first_us, claims.ea, claims.eb]
    first = claims.mutate(nth=ibis.row_number().over(ibis.window(group_by=["one", "other"], order_by=order)))
    first = on.hold(first.filter(first.nth == 0).select(
        "one", "other", "other_kind", c_rank="rank", c_us="first_us", c_a="ea", c_b="eb"
    ))  # fmt: skip
    edge = ["a_key", "b_key", "rule"]
    asked = ranked.filter(ranked.rule != MANUAL)
    sides = []
    for end in ("a_key", "b_key"):
        both = asked.inner_join(first, asked[end] == first.one)
        earlier = _before(both)
        sides.append(on.hold(both.filter(earlier).select(*edge, account="other", kind="other_kind")))
    kinds = [side.select(*edge, "kind").distinct() for side in sides]
    told_apart = kinds[0].semi_join(kinds[1], [*edge, "kind"])
    agreed = sides[0].semi_join(sides[1], [*edge, "kind", "account"]).select(*edge, "kind").distinct()
    return told_apart.anti_join(agreed, [*edge, "kind"]).select(*edge).distinct()


def _before(both: ibis.Table) -> BooleanValue:
    """Whether the claim comes before the edge in the canonical order."""
    found: BooleanValue = ibis.literal(False)
    columns = (("c_rank", "rank"), ("c_us", "first_us"), ("c_a", "a_key"), ("c_b", "b_key"))
    for claim, edge in reversed(columns):
        found = (both[claim] < both[edge]) | ((both[claim] == both[edge]) & found)
    return found
