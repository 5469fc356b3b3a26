"""Who lives together: persons who share a tablet, a browser, a line. A relation between persons, never a merge."""

from __future__ import annotations

import ibis

from ariane.identity.rules import Rules
from ariane.identity.sharing.following import carried
from ariane.model import DAY
from ariane.store import Engine

PUBLIC = ("kiosk", "till", "pos", "terminal", "display")
"""Device types of machines that stand in shops."""


def households(engine: Engine, rules: Rules) -> ibis.Table:
    """The pairs of persons who share an identifier that is shared: person_a before person_b, identifier_key, n_days,
    first_us, last_us.

    A person was seen there if one of their live identifiers was, and one of theirs names a human. What more than
    `[household] most` persons share, or what was seen in a shop, makes no household. `n_days`: the days on which each
    of the two was seen there, the fewer of the two. Of a line, where events cannot be told day by day, the days of the
    first and the last time count.
    """
    identifiers = engine.table("identifiers")
    live = identifiers.filter(identifiers.status == "live")
    strong = sorted(kind for kind in rules.kinds if rules.is_strong(kind))
    humans = live.filter(live.kind.isin(strong)).select("person_id").distinct()
    known = live.semi_join(humans, "person_id").select(subject_key="key", person_id="person_id")
    there = carried(engine)
    machines = there.inner_join(known, "subject_key").select("machine_key", "person_id", "occurred_us")
    in_shops = there.filter((there.channel == "store") | there.ctx_device_type.isin(PUBLIC))
    seen = machines.union(_beside(engine, rules, known)).anti_join(in_shops, "machine_key")
    days = seen.mutate(day=seen.occurred_us // DAY)
    each = days.group_by(["machine_key", "person_id"]).aggregate(
        n_days=days.day.nunique(), first_us=days.occurred_us.min(), last_us=days.occurred_us.max()
    )
    counted = each.group_by("machine_key").aggregate(n_persons=each.count())
    few = each.semi_join(counted.filter(counted.n_persons <= rules.household.most), "machine_key")
    one, other = few, few.view()
    pairs = one.inner_join(other, [one.machine_key == other.machine_key, one.person_id < other.person_id])
    return pairs.select(
        person_a=one.person_id, person_b=other.person_id, identifier_key=one.machine_key,
        n_days=ibis.least(one.n_days, other.n_days), first_us=ibis.greatest(one.first_us, other.first_us),
        last_us=ibis.least(one.last_us, other.last_us),
    )  # fmt: skip


def _beside(engine: Engine, rules: Rules, known: ibis.Table) -> ibis.Table:
    """The first and the last time that each shared identifier was seen beside a person's: of lines all there is."""
    identifiers, edges = engine.table("identifiers"), engine.table("edges")
    shared = identifiers.filter(identifiers.status == "shared").select(machine_key="key")
    edges = edges.filter(edges.status == "inert")
    found = []
    for mine, theirs in (("a_key", "b_key"), ("b_key", "a_key")):
        for instant in ("first_us", "last_us"):
            ends = edges.select(machine_key=mine, subject_key=theirs, occurred_us=instant)
            found.append(ends.semi_join(shared, "machine_key").inner_join(known, "subject_key"))
    return ibis.union(*(ends.select("machine_key", "person_id", "occurred_us") for ends in found))
