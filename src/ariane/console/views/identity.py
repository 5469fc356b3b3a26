"""Identity: how the evidence stands as a whole, what several persons share, what was refused and by which limit, who
became whom and why, and the rules in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane import identity
from ariane.consent import Permit
from ariane.console import asked as asking
from ariane.console import decided, faces, names, render, sheets, tying
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.figures import Figure, counted
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.errors import NotFound
from ariane.identity import Rules, surveys
from ariane.identity.chosen import choose
from ariane.identity.surveys import Change, Refusal, Shared, Survey, Tally
from ariane.identity.threads import Held
from ariane.model import Identifier

SHOWN, MOST_ROWS, MOST_CHANGES = 25, 5_000, 1_000
HELD_AS = ("live", "shared", "blocked")
JUDGED_AS = ("live", "refused", "inert", "withheld", "retracted")
CAUSES = {
    "merged": (N_("became one with"), "git-merge"),
    "moved": (N_("went on as"), "arrow-right"),
    "split": (N_("a part became"), "split"),
}
KEEPS = {
    "separated": N_("somebody held the two apart"),
    "other": N_("more trusted evidence of the group came first"),
}


class Matrix(msgspec.Struct, frozen=True):
    """Counts by name and status."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]


class End(msgspec.Struct, frozen=True):
    """An identifier and the person it leads to."""

    kind: str
    label: str
    person: str
    href: str


class SharedLine(msgspec.Struct, frozen=True):
    end: End
    n_events: str
    last: str
    met: tuple[End, ...]
    n_more: int
    why: str


class RefusedLine(msgspec.Struct, frozen=True):
    a: End
    b: End
    rule: str
    because: str
    when: str
    act: str


class ChangeLine(msgspec.Struct, frozen=True, kw_only=True):
    icon: str
    old: str
    old_href: str
    said: str
    new: str
    new_href: str
    why: str
    when: str


class BlockedLine(msgspec.Struct, frozen=True):
    kind: str
    kind_name: str
    label: str
    n_events: str
    last: str


class RuleLine(msgspec.Struct, frozen=True):
    """What holds for one kind of identifier, in words."""

    kind: str
    kind_name: str
    strength: str
    names_whom: str
    limit: str
    shared: str
    blocked: str


class IdentityScreen(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    figures: tuple[Figure, ...]
    held: Matrix
    judged: Matrix
    shared: tuple[SharedLine, ...]
    refused: tuple[RefusedLine, ...]
    changes: tuple[ChangeLine, ...]
    decisions: tuple[decided.Line, ...]
    blocked: tuple[BlockedLine, ...]
    rules: tuple[RuleLine, ...]
    rules_said: str
    csv: dict[str, str]
    held_back: str
    empty: bool


def routes() -> list[Route]:
    return [Route("/identity", show), Route("/identity/{table}.csv", download)]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    tongue = desk.tongue(asked.lang)
    return render.page(desk, asked, "identity.html", _screen(desk, asked), title=tongue._("Identity"))


class Found(msgspec.Struct, frozen=True):
    """What the state says."""

    survey: Survey
    shared: tuple[Shared, ...]
    refused: tuple[Refusal, ...]
    changes: tuple[Change, ...]
    blocked: tuple[Held, ...]
    n_persons: int
    n_held_back: int


def _found(desk: Desk, asked: Asked, limit: int) -> Found:
    permit, rules = faces.permit_of(desk, asked), identity.rules_of(desk.path)
    with desk.stores.state.read() as conn:
        page = choose(conn, permit, limit=1, rules=rules)
        return Found(
            desk.answer(("identity counts", rules), lambda: surveys.survey(conn, rules)),
            surveys.shared(conn, permit, rules, limit=limit),
            surveys.refused(conn, permit, rules, limit=limit),
            surveys.changes(conn, permit, limit=limit),
            surveys.blocked(conn, permit, limit=limit),
            page.total,
            page.n_held_back,
        )


def _screen(desk: Desk, asked: Asked) -> IdentityScreen:
    tongue = desk.tongue(asked.lang)
    clear = faces.permit_of(desk, asked).purpose == "service"
    found = _found(desk, asked, SHOWN)
    said = tongue._("identity.toml of this workspace, over the rules Ariane ships with")
    shipped = tongue._("the rules Ariane ships with; this workspace has no identity.toml of its own")
    return IdentityScreen(
        figures=_figures(tongue, found),
        held=_matrix(tongue, found.survey.identifiers, HELD_AS, lambda kind: names.kind(tongue, kind)),
        judged=_matrix(tongue, found.survey.edges, JUDGED_AS, lambda rule: tongue._(tying.LEGEND.get(rule, rule))),
        shared=tuple(_shared(desk, asked, one, clear) for one in found.shared),
        refused=tuple(_refused(desk, asked, one, clear) for one in found.refused),
        changes=tuple(_change(desk, asked, one, clear) for one in found.changes),
        decisions=decided.lines(desk, asked, limit=SHOWN),
        blocked=tuple(_blocked(tongue, one, clear) for one in found.blocked),
        rules=_rules(desk, tongue),
        rules_said=said if (desk.path / "identity.toml").exists() else shipped,
        csv={name: asked.link(f"/identity/{name}.csv") for name in TABLES},
        held_back=tongue.n_(
            "%(n)s person objected to measurement: counted here, not listed",
            "%(n)s persons objected to measurement: counted here, not listed",
            found.n_held_back,
        ),
        empty=not found.survey.identifiers,
    )


def _figures(tongue: Tongue, found: Found) -> tuple[Figure, ...]:
    held, judged = found.survey.identifiers, found.survey.edges

    def of(tallies: Iterable[Tally], *statuses: str) -> int:
        return sum(one.n for one in tallies if not statuses or one.status in statuses)

    persons = found.n_persons + found.n_held_back
    known = tongue.n_("tied from %(n)s identifier", "tied from %(n)s identifiers", of(held))
    evidence = tongue.n_("of %(n)s piece of evidence", "of %(n)s pieces of evidence", of(judged))
    return (
        counted(tongue, "persons", N_("Persons"), persons, basis=known),
        counted(tongue, "ties", N_("Evidence that counts"), of(judged, "live"), basis=evidence),
        counted(tongue, "shared", N_("Shared identifiers"), of(held, "shared"), basis=tongue._("they tie nobody")),
        counted(
            tongue, "refused", N_("Refused evidence"), of(judged, "refused"), basis=tongue._("by a limit or a split")
        ),
        counted(tongue, "retracted", N_("Taken back"), of(judged, "retracted"), basis=tongue._("by somebody")),
    )


def _matrix(tongue: Tongue, tallies: Iterable[Tally], statuses: Sequence[str], named: Callable[[str], str]) -> Matrix:
    by: dict[str, dict[str, int]] = {}
    for one in tallies:
        by.setdefault(one.name, {})[one.status] = one.n
    shown = [status for status in statuses if any(status in counts for counts in by.values())] or list(statuses[:1])
    rows = tuple(
        (name, named(name), tuple(tongue.number(counts[status]) if status in counts else "" for status in shown))
        for name, counts in by.items()
    )
    return Matrix(tuple(tongue._(HEADS[status]) for status in shown), rows)


HEADS = {
    "live": N_("counts"),
    "shared": N_("shared"),
    "blocked": N_("names nobody"),
    "refused": N_("refused"),
    "inert": N_("one is shared"),
    "withheld": N_("use refused"),
    "retracted": N_("taken back"),
}


def _end(asked: Asked, one: Identifier, person_id: str, clear: bool) -> End:
    return End(one.kind, tying.label(one, clear=clear), person_id, asked.link(f"/people/{person_id}"))


def _shared(desk: Desk, asked: Asked, one: Shared, clear: bool) -> SharedLine:
    tongue = desk.tongue(asked.lang)
    return SharedLine(
        _end(asked, Identifier(one.held.kind, one.held.value), one.person_id, clear),
        tongue.number(one.held.n_events),
        tongue.day(one.held.last_us),
        tuple(
            End(met.identifier.kind, met.person_id, met.person_id, asked.link(f"/people/{met.person_id}"))
            for met in one.met
        ),
        max(0, one.n_met - len(one.met)),
        tongue.n_("met %(n)s account", "met %(n)s accounts", one.n_met),
    )


def _refused(desk: Desk, asked: Asked, one: Refusal, clear: bool) -> RefusedLine:
    tongue, tie = desk.tongue(asked.lang), one.tie
    because = tongue._(KEEPS.get(one.because, one.because))
    if one.because == "limit":
        because = tongue._(
            "one person may have %(limit)s of this kind (%(kind)s), and they would have %(n)s",
            limit=tongue.number(one.limit), kind=names.kind(tongue, one.kind), n=tongue.number(one.n),
        )  # fmt: skip
    where = f"/people/{one.person_a}/decide"
    return RefusedLine(
        _end(asked, tie.a, one.person_a, clear),
        _end(asked, tie.b, one.person_b, clear),
        tongue._(tying.RULES.get(tie.rule, tie.rule)),
        because,
        tongue.day(tie.last_us),
        asked.link(where, do="retract", a=tying.ref(tie.a), b=tying.ref(tie.b), rule=tie.rule),
    )


def _change(desk: Desk, asked: Asked, one: Change, clear: bool) -> ChangeLine:
    tongue = desk.tongue(asked.lang)
    said, icon = CAUSES[one.cause]
    why = ""
    if one.tie is not None:
        status = "" if one.tie.status == "live" else f" ({tongue._(tying.STATUSES[one.tie.status])})"
        ends = " – ".join(
            f"{names.kind(tongue, end.kind)} {tying.label(end, clear=clear)}" for end in (one.tie.a, one.tie.b)
        )
        why = names.pair(tongue, ends, tongue._(tying.RULES.get(one.tie.rule, one.tie.rule)) + status)
    return ChangeLine(
        icon=icon,
        old=one.old_person_id,
        old_href=asked.link(f"/people/{one.old_person_id}"),
        said=tongue._(said),
        new=one.new_person_id,
        new_href=asked.link(f"/people/{one.new_person_id}"),
        why=why,
        when=tongue.moment(one.at_us),
    )


def _blocked(tongue: Tongue, one: Held, clear: bool) -> BlockedLine:
    label = tying.label(Identifier(one.kind, one.value), clear=clear)
    return BlockedLine(
        one.kind, names.kind(tongue, one.kind), label, tongue.number(one.n_events), tongue.day(one.last_us)
    )


def _rules(desk: Desk, tongue: Tongue) -> tuple[RuleLine, ...]:
    rules = identity.rules_of(desk.path)
    ranked = sorted(rules.kinds.items(), key=lambda pair: (-pair[1].priority, pair[0]))
    return tuple(
        RuleLine(
            kind,
            names.kind(tongue, kind),
            tongue.number(rule.priority),
            tongue._("yes") if rules.is_strong(kind) else tongue._("no"),
            tongue.number(rule.limit) if rule.limit is not None else tongue._("any number"),
            tongue.n_("after %(n)s account", "after %(n)s accounts", rule.shared_after) if rule.shared_after else "",
            tongue.n_("%(n)s pattern", "%(n)s patterns", len(rule.block)) if rule.block else "",
        )
        for kind, rule in ranked
    )


def download(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    name = request.path_params["table"]
    if name not in TABLES:
        raise NotFound("Identity has no such table.", allowed=", ".join(TABLES))
    header, rows = TABLES[name]
    permit, rules = faces.permit_of(desk, asked), identity.rules_of(desk.path)
    with desk.stores.state.read() as conn:
        listed = list(rows(conn, permit, rules))
    return sheets.sheet(f"identity-{name}", header, listed)


Rows = Iterable[Sequence[object]]


def _rows_of_counts(conn: sa.Connection, _permit: Permit, rules: Rules) -> Rows:
    counts = surveys.survey(conn, rules)
    for of, tallies in (("identifiers", counts.identifiers), ("edges", counts.edges)):
        yield from ((of, one.name, one.status, one.n) for one in tallies)


def _rows_of_shared(conn: sa.Connection, permit: Permit, rules: Rules) -> Rows:
    clear = permit.purpose == "service"
    for one in surveys.shared(conn, permit, rules, limit=MOST_ROWS):
        held = Identifier(one.held.kind, one.held.value)
        yield held.kind, tying.label(held, clear=clear), one.person_id, one.n_met, one.held.n_events


def _rows_of_refused(conn: sa.Connection, permit: Permit, rules: Rules) -> Rows:
    clear = permit.purpose == "service"
    for one in surveys.refused(conn, permit, rules, limit=MOST_ROWS):
        a, b = (tying.label(end, clear=clear) for end in (one.tie.a, one.tie.b))
        yield one.tie.a.kind, a, one.person_a, one.tie.b.kind, b, one.person_b, one.tie.rule, one.because, one.kind


def _rows_of_changes(conn: sa.Connection, permit: Permit, _rules: Rules) -> Rows:
    for one in surveys.changes(conn, permit, limit=MOST_CHANGES):
        rule = one.tie.rule if one.tie is not None else ""
        yield sheets.instant(one.at_us), one.old_person_id, one.cause, one.new_person_id, rule


TABLES: dict[str, tuple[tuple[str, ...], Callable[[sa.Connection, Permit, Rules], Rows]]] = {
    "counts": (("of", "name", "status", "n"), _rows_of_counts),
    "shared": (("kind", "value", "person_id", "n_met", "n_events"), _rows_of_shared),
    "refused": (
        ("a_kind", "a", "person_a", "b_kind", "b", "person_b", "rule", "because", "kind"),
        _rows_of_refused,
    ),
    "changes": (("at", "old_person_id", "cause", "new_person_id", "rule"), _rows_of_changes),
}
