"""Why two identifiers are one person or are not, in evidence and in words; what taking evidence back would undo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane import consent
from ariane.consent import Permit
from ariane.errors import InputError, NotFound
from ariane.identity.bulk import fetch
from ariane.identity.commands import CARRIED, LINKED, LOGIN, MANUAL, OBSERVED, RULES, SEPARATION, SUGGESTED, WEAK
from ariane.identity.evidence import Edge, canonical
from ariane.identity.reading import Tie, ties
from ariane.identity.rows import Row, load_rows
from ariane.identity.rules import Rules
from ariane.identity.solving import Groups, Known, partition, shared_among
from ariane.identity.stored import identifiers, rulings
from ariane.model import Identifier
from ariane.result import Tabular, flat


class Explanation(msgspec.Struct, Tabular, frozen=True, dict=True):
    """Why `a` and `b` are one person (`path`: the evidence that leads from one to the other), or are not (`because`).

    `because` is one of: "" (they are), shared_a, shared_b, separated, limit (evidence was refused because one person
    would have too many of a kind), link (a link never joins two known people), withheld (somebody refused what it is
    used for), shared_between (both persons met `between`, which is shared), no_evidence.
    """

    a: Identifier
    b: Identifier
    person_a: str
    person_b: str
    path: tuple[Tie, ...]
    because: str = ""
    between: Identifier | None = None

    @property
    def same(self) -> bool:
        return self.person_a == self.person_b

    def as_rows(self) -> list[dict[str, Any]]:
        """One row for each piece of evidence on the path; none when they are two persons."""
        return [flat(tie) for tie in self.path]


class Preview(msgspec.Struct, Tabular, frozen=True, dict=True):
    """What retracting evidence would do to a person: the identifiers that leave, by the person they would make, with
    their events. Nothing leaves when other evidence still ties."""

    person_id: str
    leaves: tuple[tuple[Identifier, ...], ...]
    n_events: int
    keys: tuple[int, ...]

    def as_rows(self) -> list[dict[str, Any]]:
        """One row for each identifier that would leave, `part` numbering the persons they would make."""
        return [
            {"person_id": self.person_id, "part": part, "kind": one.kind, "value": one.value}
            for part, identifiers in enumerate(self.leaves, 1)
            for one in identifiers
        ]


def explain(conn: sa.Connection, permit: Permit, a: Identifier, b: Identifier) -> Explanation:
    """The path of evidence between two identifiers, through the strongest ties (the maximum spanning tree of the
    person's evidence), or why there is none. NotFound when one was never seen."""
    one, other = _row(conn, a), _row(conn, b)
    for person_id in {one.person_id, other.person_id}:
        consent.require(conn, permit, person_id)
    if one.person_id != other.person_id:
        because = _because(conn, one, other)
        between = _between(conn, permit, one, other) if because == "no_evidence" else None
        if between is not None:
            because = "shared_between"
        return Explanation(a, b, one.person_id, other.person_id, (), because, between)
    rows: dict[int, Row] = {}
    load_rows(conn, identifiers.c.person_id, [one.person_id], rows)
    live = [tie for tie in ties(conn, rows) if tie.status == "live"]
    return Explanation(a, b, one.person_id, other.person_id, _path(live, a, b))


def _row(conn: sa.Connection, identifier: Identifier) -> Row:
    rows: dict[int, Row] = {}
    load_rows(conn, identifiers.c.key, [identifier.key], rows)
    if identifier.key not in rows:
        raise NotFound(f"{identifier} was never seen.", next_step="Search with identity.find.")
    return rows[identifier.key]


def _path(live: Iterable[Tie], a: Identifier, b: Identifier) -> tuple[Tie, ...]:
    """The way from a to b in the tree Kruskal builds, taking evidence from the most to the least trusted."""
    order = sorted(live, key=lambda tie: canonical(Edge(tie.a.key, tie.b.key, tie.rule, tie.first_us)))
    groups = Groups()
    beside: defaultdict[int, list[tuple[int, Tie]]] = defaultdict(list)
    for tie in order:
        one, other = tie.a.key, tie.b.key
        if groups.of(one) != groups.of(other):
            groups.join(one, other)
            beside[one].append((other, tie))
            beside[other].append((one, tie))
    came: dict[int, tuple[int, Tie] | None] = {a.key: None}
    waiting = [a.key]
    for key in waiting:
        for other, tie in beside[key]:
            if other not in came:
                came[other] = (key, tie)
                waiting.append(other)
    path: list[Tie] = []
    step = came.get(b.key)
    while step is not None:
        path.append(step[1])
        step = came[step[0]]
    return tuple(reversed(path))


def _because(conn: sa.Connection, one: Row, other: Row) -> str:
    if one.status != "live":
        return "shared_a"
    if other.status != "live":
        return "shared_b"
    low, high = sorted((one.key, other.key))
    r = rulings.c
    apart = (r.a_key == low) & (r.b_key == high) & (r.rule == SEPARATION) & r.stands
    if conn.execute(sa.select(r.rule).where(apart)).first():
        return "separated"
    rows: dict[int, Row] = {}
    load_rows(conn, identifiers.c.component, {one.component, other.component}, rows)
    persons = {key: row.person_id for key, row in rows.items()}
    found = ties(conn, rows)
    both = {one.person_id, other.person_id}
    between = [tie for tie in found if {persons.get(tie.a.key), persons.get(tie.b.key)} == both]
    refused = {tie.rule for tie in found if tie.status == "refused"}
    if one.component != other.component:
        refused = {tie.rule for tie in between if tie.status == "refused"}
    if not refused and any(tie.status == "withheld" for tie in between):
        return "withheld"
    if not refused and one.component != other.component:
        return "no_evidence"
    return "link" if refused == {CARRIED} else "limit"


def _between(conn: sa.Connection, permit: Permit, one: Row, other: Row) -> Identifier | None:
    """A shared identifier that both persons were seen with: the one with most events of those that may be read."""
    met: list[set[int]] = []
    for person_id in (one.person_id, other.person_id):
        rows: dict[int, Row] = {}
        load_rows(conn, identifiers.c.person_id, [person_id], rows)
        inert = [tie for tie in ties(conn, rows) if tie.status == "inert"]
        met.append({end.key for tie in inert for end in (tie.a, tie.b)} - rows.keys())
    i = identifiers.c
    may = sa.select(i.kind, i.value, i.n_events, i.key).where(i.status == "shared", consent.gate(permit, i.person_id))
    found = fetch(conn, may, i.key, met[0] & met[1])
    best = max(found, key=lambda row: (row[2], row[3]), default=None)
    return Identifier(best[0], best[1]) if best is not None else None


def what_would_leave(
    conn: sa.Connection, permit: Permit, a: Identifier, b: Identifier, *, rule: str = "", rules: Rules | None = None
) -> Preview:
    """What retracting the evidence between two identifiers would undo, without doing it. `rule` "": all of it."""
    if rule and rule not in RULES:
        raise InputError(f"Unknown rule {rule!r}.", allowed=", ".join(RULES))
    one, other = _row(conn, a), _row(conn, b)
    for person_id in {one.person_id, other.person_id}:
        consent.require(conn, permit, person_id)
    rows: dict[int, Row] = {}
    load_rows(conn, identifiers.c.component, {one.component, other.component}, rows)
    pair = {a.key, b.key}
    kept = [
        Edge(tie.a.key, tie.b.key, tie.rule, tie.first_us, tie.last_us)
        for tie in ties(conn, rows)
        if tie.status not in ("withheld", "retracted")
        and not ({tie.a.key, tie.b.key} == pair and rule in ("", tie.rule))
    ]
    person_id = one.person_id
    keys_before = {key for key, row in rows.items() if row.person_id == person_id}
    groups = [keys & keys_before for keys in _solved(conn, rows, kept, rules or Rules.default())]
    stays = next((keys for keys in groups if _keeper(rows, keys_before, rules or Rules.default()) in keys), set())
    leaves = sorted((sorted(keys) for keys in groups if keys and keys != stays), key=lambda keys: (-len(keys), keys))
    gone = [key for keys in leaves for key in keys]
    return Preview(
        person_id,
        tuple(tuple(Identifier(rows[key].kind, rows[key].value) for key in keys) for keys in leaves),
        sum(rows[key].n_events for key in gone),
        tuple(gone),
    )


def _keeper(rows: dict[int, Row], keys: Collection[int], rules: Rules) -> int:
    return min(keys, key=lambda key: (-rules.priority(rows[key].kind), rows[key].first_us, key))


def _solved(conn: sa.Connection, rows: dict[int, Row], kept: list[Edge], rules: Rules) -> list[set[int]]:
    outside = {end for edge in kept for end in (edge.a, edge.b)} - rows.keys()
    kinds = {key: row.kind for key, row in rows.items() if row.status != "blocked"}
    i = identifiers.c
    kinds.update((key, kind) for key, kind in fetch(conn, sa.select(i.key, i.kind), i.key, outside))
    shared = shared_among(kinds, kept, rules)
    known = {key: Known(key, row.kind, row.first_us, row.status == "blocked") for key, row in rows.items()}
    inner = [edge for edge in kept if edge.a in rows and edge.b in rows]
    r = rulings.c
    apart = fetch(conn, sa.select(r.a_key, r.b_key).where((r.rule == SEPARATION) & r.stands), r.a_key, rows)
    return [set(person.keys) for person in partition(known, inner, [(a, b) for a, b in apart], shared, rules)]


_KINDS = {
    "fr": {
        "user_id": "compte", "loyalty_card": "carte de fidélité", "email": "e-mail", "phone": "téléphone",
        "caller_number": "numéro appelant", "card_token": "carte bancaire", "social_handle": "compte social",
        "wallet": "portefeuille", "object_serial": "objet", "cookie": "cookie", "device": "appareil",
    },
    "en": {
        "user_id": "account", "loyalty_card": "loyalty card", "email": "e-mail", "phone": "phone",
        "caller_number": "caller number", "card_token": "payment card", "social_handle": "social account",
        "wallet": "wallet", "object_serial": "object", "cookie": "cookie", "device": "device",
    },
}  # fmt: skip

_RULES = {
    "en": {
        MANUAL: "joined by hand", LOGIN: "signed in together", OBSERVED: "named together by an event",
        WEAK: "seen together", LINKED: "records much alike", CARRIED: "named by a link that was followed",
        SUGGESTED: "behave alike",
    },
    "fr": {
        MANUAL: "réunis à la main", LOGIN: "connectés ensemble", OBSERVED: "nommés ensemble par un événement",
        WEAK: "vus ensemble", LINKED: "fiches très semblables", CARRIED: "nommés par un lien qui a été suivi",
        SUGGESTED: "comportements semblables",
    },
}  # fmt: skip

_BECAUSE = {
    "en": {
        "shared_a": "{a} is shared by several persons, so it ties nobody.",
        "shared_b": "{b} is shared by several persons, so it ties nobody.",
        "separated": "{a} and {b} were separated by hand.",
        "limit": "One person would have had more identifiers of one kind than the rules allow, so the weakest evidence "
        "was refused.",
        "link": "Only a link that was followed ties them, and a link never joins two known people.",
        "withheld": "What ties them may not be used: somebody refused what it is used for.",
        "shared_between": "Both were seen with {between}, which several persons share, so it ties nobody.",
        "no_evidence": "Nothing ties {a} to {b}.",
    },
    "fr": {
        "shared_a": "{a} est partagé par plusieurs personnes : il ne relie personne.",
        "shared_b": "{b} est partagé par plusieurs personnes : il ne relie personne.",
        "separated": "{a} et {b} ont été séparés à la main.",
        "limit": "Une même personne aurait eu plus d’identifiants d’un type que les règles ne le permettent : l’indice "
        "le plus faible a été refusé.",
        "link": "Seul un lien qui a été suivi les relie, et un lien ne réunit jamais deux personnes connues.",
        "withheld": "Ce qui les relie ne peut pas servir : l’usage qui en est fait a été refusé.",
        "shared_between": "Tous deux ont été vus avec {between}, que plusieurs personnes partagent : il ne relie "
        "personne.",
        "no_evidence": "Rien ne relie {a} à {b}.",
    },
}  # fmt: skip


def words(explanation: Explanation, lang: str = "en") -> tuple[str, ...]:
    """The explanation as sentences, one a step, in English (en) or French (fr)."""
    if lang not in _RULES:
        raise InputError(f"No words in {lang!r}.", allowed=", ".join(_RULES))
    a, b = named(explanation.a, lang), named(explanation.b, lang)
    if explanation.because:
        between = named(explanation.between, lang) if explanation.between is not None else ""
        return (_BECAUSE[lang][explanation.because].format(a=a, b=b, between=between),)
    if not explanation.path:
        return (f"{a}: a single identifier." if lang == "en" else f"{a} : un seul identifiant.",)
    sentences, here = [], explanation.a
    for tie in explanation.path:
        there = tie.b if tie.a == here else tie.a
        sentences.append(_step(tie, here, there, lang))
        here = there
    return tuple(sentences)


def _step(tie: Tie, here: Identifier, there: Identifier, lang: str) -> str:
    a, b, how = named(here, lang), named(there, lang), _RULES[lang][tie.rule]
    day = datetime.fromtimestamp(tie.first_us / 1_000_000, UTC).date().isoformat()
    if tie.rule == MANUAL:
        return f"{a} and {b}: {how} on {day}." if lang == "en" else f"{a} et {b} : {how} le {day}."
    if lang == "fr":
        times = "1 fois" if tie.n_events == 1 else f"{tie.n_events} fois"
        return f"{a} et {b} : {how}, {times} depuis le {day} (source {tie.source})."
    times = "once" if tie.n_events == 1 else f"{tie.n_events} times"
    return f"{a} and {b}: {how}, {times} since {day} (source {tie.source})."


def named(identifier: Identifier, lang: str) -> str:
    """An identifier in words: its kind's name and its value."""
    return f"{_KINDS[lang].get(identifier.kind, identifier.kind)} {identifier.value}"
