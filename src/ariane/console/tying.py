"""Why these identifiers are one person: the evidence in words, a picture of it, and the path between any two."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ariane import identity
from ariane.console import faces, graph, masking, names
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.words import N_
from ariane.errors import InputError, NotFound
from ariane.identity.threads import Explanation, Thread, Tie, words
from ariane.model import Identifier

MOST_TIES = 80
MOST_OUTSIDE = 12
RULES = {
    "manual": N_("somebody decided so"),
    "login": N_("signed in"),
    "observed": N_("seen in the same event"),
    "weak": N_("used on the same machine"),
    "linked": N_("their records say much the same"),
    "suggested": N_("they behave alike"),
    "carried": N_("carried over by a link"),
}
STATUSES = {
    "live": N_("counts"),
    "refused": N_("refused by a limit or a split"),
    "inert": N_("does not count: one of them is shared"),
    "withheld": N_("somebody refused what it is used for"),
    "retracted": N_("taken back"),
    "shared": N_("shared by several persons"),
    "blocked": N_("names nobody"),
}
SUGGESTED = N_("ties nobody: only suggested")
LEGEND = {
    "manual": N_("decided by hand"),
    "login": N_("signed in"),
    "observed": N_("seen in the same event"),
    "weak": N_("same machine"),
    "linked": N_("records alike"),
    "suggested": N_("behave alike"),
    "carried": N_("carried over by a link"),
    "refused": N_("refused"),
    "inert": N_("does not count"),
    "withheld": N_("use refused"),
    "retracted": N_("taken back"),
}
_BITS = (1 << 64) - 1


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence, in words, and where it is taken back or given again."""

    a: str
    a_kind: str
    b: str
    b_kind: str
    because: str
    status: str
    counts: bool
    when: str
    small: str
    act: str
    gives_back: bool


class Dot(msgspec.Struct, frozen=True):
    """A node of the picture with its words."""

    node: graph.Node
    kind: str
    label: str
    title: str
    chosen: bool


class Choice(msgspec.Struct, frozen=True):
    """An identifier to choose: how the address names it, and how people do."""

    ref: str
    label: str
    a: bool
    b: bool


class Path(msgspec.Struct, frozen=True):
    """What ties two chosen identifiers, a sentence a step; `split` leads to parting them."""

    said: tuple[str, ...]
    tied: bool
    split: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The card. `legend` names the kinds of line there are, by their class."""

    title: str
    evidence: tuple[Evidence, ...]
    n_more: int
    picture: graph.Picture | None
    dots: tuple[Dot, ...]
    said: str
    legend: tuple[tuple[str, str], ...]
    choices: tuple[Choice, ...]
    hidden: tuple[tuple[str, str], ...]
    path: Path | None
    csv: str


def ref(identifier: Identifier) -> str:
    """An identifier in an address: its key, which names nobody to whoever reads it.

    >>> unref(ref(Identifier("email", "ana@example.org"))) == Identifier("email", "ana@example.org").key
    True
    """
    return f"{identifier.key & _BITS:016x}"


def unref(text: str) -> int:
    """The key an address names."""
    try:
        found = int(text, 16)
    except ValueError:
        found = -1
    if len(text) != 16 or found < 0:
        raise InputError("No identifier goes by that.", where="a, b", next_step="Choose two on the person's page.")
    return found - (1 << 64) if found >> 63 else found


def label(identifier: Identifier, *, clear: bool) -> str:
    return identifier.value if clear else masking.identifier(identifier.kind, identifier.value)


def why(desk: Desk, asked: Asked, thread: Thread) -> Why:
    """The card for this person, with the path between the two identifiers the address names."""
    tongue = desk.tongue(asked.lang)
    clear = faces.permit_of(desk, asked).purpose == "service"
    explained = explanation(desk, asked, thread)
    path = explained.path if explained is not None else ()
    ranked = _in_order(thread)
    picture, ends = _picture(thread, path)
    chosen = {explained.a, explained.b} if explained is not None else set()
    listed = {str(one): one for one in ends}
    return Why(
        title=_title(desk, asked, thread),
        evidence=tuple(evidence(desk, asked, thread.person_id, tie, clear) for tie in ranked[:MOST_TIES]),
        n_more=max(0, len(ranked) - MOST_TIES),
        picture=picture,
        dots=tuple(
            Dot(
                node,
                (one := listed[node.key]).kind,
                label(one, clear=clear),
                f"{names.kind(tongue, one.kind)} {label(one, clear=clear)}",
                one in chosen,
            )
            for node in (picture.nodes if picture else ())
        ),
        said=tongue._(
            "%(identifiers)s identifiers tied by %(ties)s pieces of evidence; the table beside says which",
            identifiers=tongue.number(len(thread.identifiers)),
            ties=tongue.number(sum(tie.status == "live" for tie in thread.edges)),
        ),
        legend=_legend(desk, asked, thread),
        choices=_choices(desk, asked, thread, clear),
        hidden=tuple((name, value) for name, value in asked.params.items() if name not in ("a", "b") and value),
        path=_path(desk, asked, thread, explained, clear) if explained is not None else None,
        csv=asked.link(f"/people/{thread.person_id}/evidence.csv"),
    )


def _title(desk: Desk, asked: Asked, thread: Thread) -> str:
    tongue = desk.tongue(asked.lang)
    cookies = sum(held.kind == "cookie" for held in thread.identifiers)
    if cookies > 1:
        return tongue._("Why these %(n)s cookies are one person", n=tongue.number(cookies))
    return tongue._("Why these identifiers are one person")


def _in_order(thread: Thread) -> list[Tie]:
    """The evidence as the picture has it: from the strongest identifier outwards, what counts before what does not."""
    rank = {str(held): place for place, held in enumerate(thread.identifiers)}
    last = len(rank)

    def place(tie: Tie) -> tuple[bool, int, int, int]:
        low, high = sorted((rank.get(str(tie.a), last), rank.get(str(tie.b), last)))
        return tie.status != "live", low, high, tie.first_us

    return sorted(thread.edges, key=place)


def _picture(thread: Thread, path: Iterable[Tie]) -> tuple[graph.Picture | None, list[Identifier]]:
    """The picture, and the identifiers in it: the person's, then some of those that evidence led to without tying."""
    own = [Identifier(held.kind, held.value) for held in thread.identifiers]
    outside = dict.fromkeys(end for tie in thread.edges for end in (tie.a, tie.b) if end not in set(own))
    ends = [*own, *list(outside)[:MOST_OUTSIDE]]
    if len(ends) < 2:
        return None, ends
    off = {str(held) for held in thread.identifiers if held.status != "live"} | {str(one) for one in outside}
    lines = [_line(tie) for tie in thread.edges]
    return graph.picture([str(one) for one in ends], lines, frozenset(off), frozenset(map(_line, path))), ends


def _line(tie: Tie) -> graph.Line:
    return str(tie.a), str(tie.b), tie.rule, tie.status


def _legend(desk: Desk, asked: Asked, thread: Thread) -> tuple[tuple[str, str], ...]:
    tongue = desk.tongue(asked.lang)
    there = {tie.rule if tie.status == "live" else tie.status for tie in thread.edges}
    return tuple((key, tongue._(said)) for key, said in LEGEND.items() if key in there)


def evidence(desk: Desk, asked: Asked, person_id: str, tie: Tie, clear: bool) -> Evidence:
    tongue = desk.tongue(asked.lang)
    first, last = tongue.day(tie.first_us), tongue.day(tie.last_us)
    back = tie.status == "retracted"
    return Evidence(
        a=label(tie.a, clear=clear),
        a_kind=tie.a.kind,
        b=label(tie.b, clear=clear),
        b_kind=tie.b.kind,
        because=tongue._(RULES.get(tie.rule, tie.rule)),
        status=tongue._(
            SUGGESTED if (tie.rule, tie.status) == ("suggested", "inert") else STATUSES.get(tie.status, tie.status)
        ),
        counts=tie.status == "live",
        when=first if first == last else f"{first} – {last}",
        small=tongue.n_(
            "%(n)s event, first from %(source)s",
            "%(n)s events, first from %(source)s",
            tie.n_events,
            source=names.short(tie.source, 30),
        ),
        act=asked.link(
            f"/people/{person_id}/decide",
            do="restore" if back else "retract",
            a=ref(tie.a),
            b=ref(tie.b),
            rule=tie.rule,
        ),
        gives_back=back,
    )


def _choices(desk: Desk, asked: Asked, thread: Thread, clear: bool) -> tuple[Choice, ...]:
    """The identifiers to choose from; those that look alike are numbered."""
    tongue = desk.tongue(asked.lang)
    seen: dict[str, int] = {}
    found = []
    for held in thread.identifiers:
        one = Identifier(held.kind, held.value)
        said = f"{names.kind(tongue, held.kind)} {names.short(label(one, clear=clear), 40)}"
        seen[said] = seen.get(said, 0) + 1
        numbered = said if seen[said] == 1 else f"{said} ({seen[said]})"
        code = ref(one)
        found.append(Choice(code, numbered, asked.get("a") == code, asked.get("b") == code))
    return tuple(found)


def explanation(desk: Desk, asked: Asked, thread: Thread) -> Explanation | None:
    """Why the two identifiers of the address are one person's; None when it names none."""
    if not (asked.get("a") and asked.get("b")):
        return None
    held = {key: Identifier(one.kind, one.value) for key, one in zip(thread.keys, thread.identifiers, strict=True)}
    pair = [held.get(unref(asked.get(name))) for name in ("a", "b")]
    if pair[0] is None or pair[1] is None:
        raise NotFound("This person has no such identifier.", next_step="Choose two on the person's page.")
    with desk.stores.state.read() as conn:
        return identity.explain(conn, faces.permit_of(desk, asked), pair[0], pair[1])


def _path(desk: Desk, asked: Asked, thread: Thread, explained: Explanation, clear: bool) -> Path:
    split = ""
    if explained.a != explained.b:
        where = f"/people/{thread.person_id}/decide"
        split = asked.link(where, do="split", a=ref(explained.a), b=ref(explained.b))
    return Path(in_words(explained, asked.lang, clear=clear), bool(explained.path), split)


def in_words(explained: Explanation, lang: str, *, clear: bool) -> tuple[str, ...]:
    """The explanation as sentences. Masked identifiers may look alike, so each is told apart until it is written."""
    if clear:
        return words(explained, lang)
    ends = dict.fromkeys((explained.a, explained.b, *(end for tie in explained.path for end in (tie.a, tie.b))))
    if explained.between is not None:
        ends[explained.between] = None
    stand_in = {one: Identifier(one.kind, f"\x02{place}\x03") for place, one in enumerate(ends)}
    replaced = msgspec.structs.replace(
        explained, a=stand_in[explained.a], b=stand_in[explained.b],
        between=stand_in[explained.between] if explained.between is not None else None,
        path=tuple(msgspec.structs.replace(tie, a=stand_in[tie.a], b=stand_in[tie.b]) for tie in explained.path),
    )  # fmt: skip
    found = []
    for sentence in words(replaced, lang):
        for one, other in stand_in.items():
            sentence = sentence.replace(other.value, label(one, clear=False))
        found.append(sentence)
    return tuple(found)
