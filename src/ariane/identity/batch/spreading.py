"""The whole history solved where the lake's engine computes, DuckDB or a Spark Connect cluster, by one text."""

from __future__ import annotations

from collections.abc import Iterable

import ibis
import msgspec
import pyarrow as pa
from ibis.expr.types import IntegerColumn, StringValue

from ariane.identity.batch.contracting import Holding, components
from ariane.identity.batch.marking import contradicted, marked
from ariane.identity.commands import CARRIED
from ariane.identity.evidence import Edge
from ariane.identity.rules import Rules
from ariane.identity.solving import Known, partition, shared_person_id_of
from ariane.identity.windows import windowed_limits
from ariane.model import DAY
from ariane.store import Engine

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EDGE = ("a_key", "b_key", "rule")


class Spread(msgspec.Struct, frozen=True):
    """What the evidence makes of everybody, as `whole.Solved`, on the engine: tables that last as long as what holds
    them. `identifiers`: key, component, person_id, status. `edges`: a_key, b_key, rule, status."""

    identifiers: ibis.Table
    edges: ibis.Table
    n_replayed: int


def solve_on(
    engine: Engine,
    identifiers: ibis.Table,
    edges: ibis.Table,
    separations: Iterable[tuple[int, int]],
    rules: Rules,
    hold: Holding | None = None,
) -> Spread:
    """What `solve_all` gives, computed by `engine`: every step's rows stay there. To the client come counts, the keys
    of what stands for itself, and the components in which a limit or a separation is broken, to be replayed.

    identifiers: key, kind, first_us, status. edges: a_key, b_key, rule, first_us, last_us, status. Without `hold`
    (see `Engine.holding`) the answer is gone when this returns, so it is brought to the client.
    """
    if hold is None:
        with engine.holding() as held:
            found = solve_on(engine, identifiers, edges, separations, rules, Holding(held, engine.run))
            brought = [ibis.memtable(engine.run(one)) for one in (found.identifiers, found.edges)]
        return Spread(brought[0], brought[1], found.n_replayed)
    known = hold.hold(identifiers.select("key", "kind", "first_us", blocked=identifiers.status == "blocked"))
    given = edges.select(*_EDGE, "first_us", "last_us", retracted=edges.status == "retracted")
    known, judged = marked(known, hold.hold(given), hold, rules)
    ties = hold.hold(judged.filter(~judged.retracted & ~judged.powerless).drop("retracted", "powerless"))
    apart = hold.hold(_pairs(separations))
    grouped = hold.hold(_grouped(known, components(ties, hold.hold, hold.run)))
    broken = hold.hold(_broken(grouped, ties, apart, hold, rules))
    if hold.count(broken):
        grouped, ties, broken = _without_contradictions(grouped, ties, apart, broken, hold, rules)
    n_broken = hold.count(broken)
    persons = hold.hold(_plain(grouped.anti_join(broken, "group"), hold))
    if n_broken:
        replayed = _replayed(grouped.semi_join(broken, "group"), ties, apart, hold, rules)
        persons = hold.hold(persons.union(hold.hold(replayed).select(*persons.columns)))
    return Spread(hold.hold(_standing(persons, known)), hold.hold(_judged(judged, persons)), n_broken)


def _pairs(separations: Iterable[tuple[int, int]]) -> pa.Table:
    pairs = sorted(separations)
    columns = {name: pa.array([pair[at] for pair in pairs], pa.int64()) for at, name in enumerate(("one", "other"))}
    return pa.table(columns)


def _grouped(known: ibis.Table, found: ibis.Table) -> ibis.Table:
    """The identifiers with the group that the ties put them in; what no tie touches is one by itself."""
    labels = found.select(tied="key", label="component")
    joined = known.left_join(labels, known.key == labels.tied)
    return joined.mutate(group=ibis.coalesce(joined.label, joined.key)).drop("tied", "label")


def _broken(grouped: ibis.Table, ties: ibis.Table, apart: ibis.Table, hold: Holding, rules: Rules) -> ibis.Table:
    """The groups that may be several persons, exactly as `solving` finds them."""
    found = _over_limits(grouped, rules)
    place, other = grouped.select(k="key", g="group"), grouped.select(k2="key", g2="group")
    pairs = apart.inner_join(place, apart.one == place.k)
    pairs = pairs.inner_join(other, [pairs.other == other.k2, pairs.g == other.g2])
    found = found.union(pairs.select(group="g"))
    strong = [name for name in rules.kinds if rules.is_strong(name)]
    humans = grouped.filter(grouped.kind.isin(strong or [""])).group_by("group").aggregate(n=ibis._.count())
    linked = ties.filter(ties.rule == CARRIED)
    linked = linked.inner_join(place, linked.a_key == place.k).select(group="g")
    return found.union(humans.filter(humans.n > 1).select("group").semi_join(linked, "group")).distinct()


def _over_limits(grouped: ibis.Table, rules: Rules) -> ibis.Table:
    windows = windowed_limits(rules)
    limits = {name: rule.limit for name, rule in rules.kinds.items() if rule.limit is not None}
    counted = grouped.group_by("group", "kind").aggregate(n=grouped.count())
    conditions = [(counted.kind == name) & (counted.n > limit) for name, limit in limits.items() if name not in windows]
    found = counted.filter(ibis.or_(*conditions)).select("group")
    for name, (limit, days) in windows.items():
        full = counted.filter((counted.kind == name) & (counted.n > limit)).select("group")
        firsts = grouped.filter(grouped.kind == name).semi_join(full, "group").select("group", "first_us")
        ends = firsts.select(group_at="group", end="first_us").distinct()
        inside = firsts.inner_join(
            ends,
            [firsts.group == ends.group_at, firsts.first_us <= ends.end, firsts.first_us >= ends.end - days * DAY],
        )
        crowds = inside.group_by("group", "end").aggregate(n=inside.count())
        found = found.union(crowds.filter(crowds.n > limit).select("group"))
    return found


def _without_contradictions(
    grouped: ibis.Table, ties: ibis.Table, apart: ibis.Table, broken: ibis.Table, hold: Holding, rules: Rules
) -> tuple[ibis.Table, ibis.Table, ibis.Table]:
    """The groups, ties and broken groups once evidence that was contradicted no longer makes one group of two
    persons' (`claiming`): only broken groups are looked at."""
    inside = hold.hold(grouped.semi_join(broken, "group"))
    among = hold.hold(ties.semi_join(inside, ties.a_key == inside.key))
    against = hold.hold(contradicted(among, inside, hold, rules))
    if not hold.count(against):
        return grouped, among, broken
    agreeing = hold.hold(among.anti_join(against, list(_EDGE)))
    again = hold.hold(_grouped(inside.drop("group"), components(agreeing, hold.hold, hold.run)))
    still = hold.hold(_broken(again, agreeing, apart, hold, rules))
    rest = grouped.anti_join(broken, "group")
    return hold.hold(rest.union(again.select(*rest.columns))), agreeing, still


def _plain(grouped: ibis.Table, hold: Holding) -> ibis.Table:
    """The persons of groups that are one person each: key, component, person_id."""
    first = grouped.group_by("group").aggregate(n=grouped.count(), first=grouped.first_us.min())
    dated = grouped.inner_join(first, "group")
    oldest = dated.filter(dated.first_us == dated["first"]).group_by("group").aggregate(component=ibis._.key.min())
    placed = hold.hold(dated.inner_join(oldest, "group").select("key", "component", "n", "lone"))
    alone = hold.run(placed.filter(placed.lone & (placed.n == 1)).select("key"))["key"].to_pylist()
    names = {"own": pa.array(alone, pa.int64()), "own_id": pa.array(map(shared_person_id_of, alone), pa.string())}
    own = hold.hold(pa.table(names))
    found = placed.left_join(own, placed.key == own.own)
    return found.select("key", "component", person_id=ibis.coalesce(found.own_id, person_id(found.component)))


def person_id(key: IntegerColumn) -> StringValue:
    """`solving.person_id_of` as an expression: twelve times five bits, from the highest."""
    digits = ibis.literal(_CROCKFORD)
    found: StringValue = ibis.literal("P-")
    for shift in range(59, 3, -5):
        found = found + digits.substr((key >> shift) & 31, 1)
    return found


def _replayed(grouped: ibis.Table, ties: ibis.Table, apart: ibis.Table, hold: Holding, rules: Rules) -> pa.Table:
    """The persons of broken groups, as solving parts them, here: they are few."""
    inside = hold.hold(grouped)
    rows = hold.run(inside.select("key", "kind", "first_us", "blocked", "shared")).to_pylist()
    edges = hold.run(ties.semi_join(inside, ties.a_key == inside.key)).to_pylist()
    known = {row["key"]: Known(row["key"], row["kind"], row["first_us"], row["blocked"]) for row in rows}
    shared = {row["key"] for row in rows if row["shared"]}
    evidence = [Edge(e["a_key"], e["b_key"], e["rule"], e["first_us"], e["last_us"]) for e in edges]
    pairs = [(row["one"], row["other"]) for row in hold.run(apart).to_pylist()]
    persons = partition(known, evidence, pairs, shared, rules)
    found = [(key, one.component, one.person_id) for one in persons for key in one.keys]
    keys, oldest, ids = zip(*found, strict=True)
    return pa.table({"key": pa.array(keys, pa.int64()), "component": pa.array(oldest, pa.int64()), "person_id": ids})


def _standing(persons: ibis.Table, known: ibis.Table) -> ibis.Table:
    found = persons.inner_join(known.select("key", "blocked", "shared"), "key")
    status = ibis.cases((found.blocked, "blocked"), (found.shared, "shared"), else_="live")
    return found.select("key", "component", "person_id", status=status)


def _judged(judged: ibis.Table, persons: ibis.Table) -> ibis.Table:
    one, other = persons.select(k1="key", p1="person_id"), persons.select(k2="key", p2="person_id")
    found = judged.inner_join(one, judged.a_key == one.k1)
    found = found.inner_join(other, found.b_key == other.k2)
    told = [(found.retracted, "retracted"), (found.powerless, "inert"), (found.p1 == found.p2, "live")]
    return found.select(*_EDGE, status=ibis.cases(*told, else_="refused"))
