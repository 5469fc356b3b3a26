"""Deciding about a person's identity: what it would do is shown first, then somebody says who they are and why."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ariane import identity
from ariane.consent.copying import standing_of
from ariane.consent.given import n_given
from ariane.console import asked as asking
from ariane.console import faces, names, render, searching, tying
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.errors import ArianeError, InputError, NotFound
from ariane.identity import foresight
from ariane.identity.chosen import whose
from ariane.identity.foresight import Foreseen, Part
from ariane.identity.threads import Thread
from ariane.model import Identifier

MOST_FOUND, MOST_SHOWN = 12, 12
TITLES = {
    "merge": N_("Merge with another person"),
    "split": N_("Part two identifiers for good"),
    "lift": N_("Take a split back"),
    "retract": N_("Take evidence back"),
    "restore": N_("Give evidence back"),
}
MEANS = {
    "merge": N_("You decide that these two identifiers are one person's. What else ties them stays as it is."),
    "split": N_("You decide that these two are never one person's, whatever else ties them."),
    "lift": N_("The two may be one person again, if evidence ties them."),
    "retract": N_("This evidence between the two counts no more; other evidence stays."),
    "restore": N_("This evidence between the two counts again."),
}


class One(msgspec.Struct, frozen=True):
    kind: str
    label: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A person as they are or would be."""

    id: str
    href: str
    is_new: bool
    identifiers: tuple[One, ...]
    n_more: int
    said: str


class Clash(msgspec.Struct, frozen=True):
    """What two persons said of one purpose, and what would hold."""

    purpose: str
    channel: str
    a: str
    b: str
    after: str
    differs: bool


class Other(msgspec.Struct, frozen=True):
    """Somebody a search found to merge with."""

    id: str
    href: str
    kind: str
    by: str
    said: str


class DecideScreen(msgspec.Struct, frozen=True, kw_only=True):
    """The screen. Without `a` and `b` somebody to merge with is still to be found."""

    title: str
    means: str
    person: str
    back: str
    do: str
    pair: tuple[One, ...]
    rule: str
    fields: tuple[tuple[str, str], ...]
    before: tuple[Side, ...]
    after: tuple[Side, ...]
    headline: str
    changes: bool
    clashes: tuple[Clash, ...]
    action: str
    searches: bool
    search: str
    q: str
    hidden: tuple[tuple[str, str], ...]
    others: tuple[Other, ...]
    actor: str = ""
    reason: str = ""
    problem: str = ""
    next_step: str = ""


class Meant(msgspec.Struct, frozen=True):
    """What is to be decided about whom."""

    do: str
    a: Identifier
    b: Identifier
    rule: str


def routes() -> list[Route]:
    return [
        Route("/people/{person_id}/decide", show, methods=["GET"]),
        Route("/people/{person_id}/decide", act, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    return _page(desk, asked, _thread(desk, asked, request.path_params["person_id"]), {})


async def act(request: Request) -> Response:
    """Write what the form decides to the log; the person's page then shows it until the stream has done it."""
    desk: Desk = request.app.state.desk
    fields = await asking.form(request, 20_000)
    return await anyio.to_thread.run_sync(_act, request, desk, fields)


def _act(request: Request, desk: Desk, fields: dict[str, str]) -> Response:
    url = asking.read(request, desk.settings.language)
    asked = Asked(
        url.path, url.params | {name: fields[name] for name in ("do", "a", "b", "rule") if name in fields}, url.lang
    )
    thread = _thread(desk, asked, request.path_params["person_id"])
    try:
        meant = _meant(desk, asked)
        if meant is None:
            raise InputError("There is nothing to decide.", where="a, b", next_step="Choose two identifiers.")
        people, who = desk.workspace.people, {"actor": fields.get("actor", ""), "reason": fields.get("reason", "")}
        if any(len(said) > 500 for said in who.values()):
            raise InputError("That is too long.", where="actor, reason", allowed="500 characters")
        rule = {"rule": meant.rule} if meant.do in ("retract", "restore") else {}
        getattr(people, meant.do)(meant.a, meant.b, **rule, **who)
    except ArianeError as error:
        return _page(desk, asked, thread, fields, error)
    return RedirectResponse(url.link(f"/people/{thread.person_id}") + "#decisions", 303)


def _thread(desk: Desk, asked: Asked, person_id: str) -> Thread:
    with desk.stores.state.read() as conn:
        return identity.person(conn, faces.permit_of(desk, asked), person_id, identity.rules_of(desk.stores.path))


def _meant(desk: Desk, asked: Asked) -> Meant | None:
    """The two identifiers of the address; of a merge with a person, the strongest of each that ties."""
    do, rule = asked.get("do"), asked.get("rule")
    if do not in TITLES:
        raise InputError("That cannot be decided.", where="do", allowed=", ".join(TITLES))
    if do == "merge" and not asked.get("b"):
        return None
    wanted = [tying.unref(asked.get(name)) for name in ("a", "b")]
    with desk.stores.state.read() as conn:
        found = whose(conn, faces.permit_of(desk, asked), wanted)
    if not all(key in found for key in wanted):
        raise NotFound("One of these identifiers is not known, or may not be read.", next_step="Choose two again.")
    return Meant(do, found[wanted[0]][0], found[wanted[1]][0], rule if rule in tying.RULES else "")


def _page(
    desk: Desk, asked: Asked, thread: Thread, fields: dict[str, str], problem: ArianeError | None = None
) -> Response:  # fmt: skip
    tongue = desk.tongue(asked.lang)
    meant = _meant(desk, asked) if problem is None or asked.get("b") else None
    do = asked.get("do") if asked.get("do") in TITLES else "merge"
    foreseen = foreseen_of(desk, asked, meant).regrouped()
    clear = faces.permit_of(desk, asked).purpose == "service"
    context = DecideScreen(
        title=tongue._(TITLES[do]),
        means=tongue._(MEANS[do]),
        person=thread.person_id,
        back=asked.link(f"/people/{thread.person_id}"),
        do=do,
        pair=tuple(One(one.kind, tying.label(one, clear=clear)) for one in (meant.a, meant.b)) if meant else (),
        rule=tongue._(tying.RULES[meant.rule]) if meant and meant.rule else "",
        fields=_fields(meant),
        before=_sides(desk, asked, foreseen.before, foreseen.before),
        after=_sides(desk, asked, foreseen.after, foreseen.before),
        headline=headline_of(desk, asked, foreseen, meant) if meant else "",
        changes=bool(foreseen.after),
        clashes=_clashes(desk, tongue, foreseen) if do in ("merge", "lift", "restore") else (),
        action=Asked(asked.path, {k: v for k, v in asked.params.items() if k in asking.KEPT}, asked.lang).link(),
        searches=do == "merge" and meant is None,
        search=asked.path,
        q=asked.get("q"),
        hidden=tuple((name, asked.get(name)) for name in (*asking.KEPT, "do") if asked.get(name)),
        others=_others(desk, asked, thread) if do == "merge" and meant is None else (),
        actor=fields.get("actor", ""),
        reason=fields.get("reason", ""),
        problem=problem.what if problem is not None else "",
        next_step=(problem.next_step or problem.allowed or "") if problem is not None else "",
    )
    status = problem.status if problem is not None else 200
    return render.page(desk, asked, "decide.html", context, title=context.title, status=status)


def _fields(meant: Meant | None) -> tuple[tuple[str, str], ...]:
    if meant is None:
        return ()
    return (("do", meant.do), ("a", tying.ref(meant.a)), ("b", tying.ref(meant.b)), ("rule", meant.rule))


def foreseen_of(desk: Desk, asked: Asked, meant: Meant | None) -> Foreseen:
    if meant is None:
        return Foreseen((), ())
    rules = identity.rules_of(desk.path)
    with desk.stores.state.read() as conn:
        return foresight.foresee(
            conn, faces.permit_of(desk, asked), meant.a, meant.b, do=meant.do, rule=meant.rule, rules=rules
        )


def _sides(desk: Desk, asked: Asked, parts: tuple[Part, ...], before: tuple[Part, ...]) -> tuple[Side, ...]:
    clear = faces.permit_of(desk, asked).purpose == "service"
    known = {part.person_id for part in before}
    return tuple(
        Side(
            id=part.person_id,
            href=asked.link(f"/people/{part.person_id}") if part.person_id in known else "",
            is_new=part.person_id not in known,
            identifiers=tuple(One(one.kind, tying.label(one, clear=clear)) for one in part.identifiers[:MOST_SHOWN]),
            n_more=max(0, len(part.identifiers) - MOST_SHOWN),
            said=_weight(desk, asked, (part,)),
        )
        for part in parts
    )


def _weight(desk: Desk, asked: Asked, parts: tuple[Part, ...]) -> str:
    """Identifiers, events and consents of these parts, in words."""
    tongue = desk.tongue(asked.lang)
    with desk.stores.state.read() as conn:
        n_consents = sum(n_given(conn, part.keys) for part in parts)
    return tongue.listed(
        [
            tongue.n_("%(n)s identifier", "%(n)s identifiers", sum(len(part.keys) for part in parts)),
            tongue.n_("%(n)s event", "%(n)s events", sum(part.n_events for part in parts)),
            tongue.n_("%(n)s consent", "%(n)s consents", n_consents),
        ]
    )


def headline_of(desk: Desk, asked: Asked, foreseen: Foreseen, meant: Meant) -> str:
    """What would happen, in a sentence."""
    tongue = desk.tongue(asked.lang)
    if not foreseen.after:
        return _nothing(desk, tongue, asked, meant)
    kept = {part.person_id for part in foreseen.before}
    leaving = tuple(part for part in foreseen.after if part.person_id not in kept)
    if len(foreseen.after) < len(foreseen.before):
        survivor = foreseen.after[0].person_id
        joining = tuple(part for part in foreseen.before if part.person_id != survivor)
        return tongue._("%(what)s would join %(person)s.", what=_weight(desk, asked, joining), person=survivor)
    if leaving and len(foreseen.before) == 1:
        return tongue._(
            "%(what)s would leave %(person)s.", what=_weight(desk, asked, leaving), person=foreseen.before[0].person_id
        )
    return tongue.n_("%(n)s person would change.", "%(n)s persons would change.", len(foreseen.before))


def _nothing(desk: Desk, tongue: Tongue, asked: Asked, meant: Meant) -> str:
    """Why nobody would change."""
    if meant.do in ("retract", "split"):
        return tongue._("Nobody would change: the two are not one person, or other evidence still ties them.")
    with desk.stores.state.read() as conn:
        permit = faces.permit_of(desk, asked)
        held = [identity.person(conn, permit, str(one)) for one in (meant.a, meant.b)]
    rules = identity.rules_of(desk.path)
    if held[0].person_id != held[1].person_id:
        for kind, rule in rules.kinds.items():
            n = sum(one.kind == kind for thread in held for one in thread.identifiers)
            if rule.limit is not None and n > rule.limit:
                return tongue._(
                    "Nobody would change: one person may have %(limit)s of this kind (%(kind)s), they have %(n)s.",
                    limit=tongue.number(rule.limit), kind=names.kind(tongue, kind), n=tongue.number(n),
                )  # fmt: skip
    return tongue._("Nobody would change: they are one person already, or something else keeps them apart.")


def _clashes(desk: Desk, tongue: Tongue, foreseen: Foreseen) -> tuple[Clash, ...]:
    """What two persons who would be one said of each purpose. Where they differ the refusal holds."""
    if len(foreseen.before) != 2 or len(foreseen.after) != 1:
        return ()
    ids = [part.person_id for part in foreseen.before]
    with desk.stores.state.read() as conn:
        rows: list[dict[str, Any]] = standing_of(conn, ids).to_pylist()
    said = {(row["purpose"], row["channel"], row["person_id"]): row["granted"] for row in rows}
    found = []
    for purpose, channel in sorted({(row["purpose"], row["channel"]) for row in rows}):
        answers = [said.get((purpose, channel, person_id)) for person_id in ids]
        spoken = [answer for answer in answers if answer is not None]
        found.append(
            Clash(
                names.purpose(tongue, purpose),
                names.channel(tongue, channel) if channel else tongue._("every channel"),
                _answer(tongue, answers[0]),
                _answer(tongue, answers[1]),
                _answer(tongue, all(spoken)),
                len(set(spoken)) > 1,
            )
        )
    return tuple(found)


def _answer(tongue: Tongue, granted: bool | None) -> str:
    return tongue._("nothing said") if granted is None else tongue._("yes") if granted else tongue._("no")


def _others(desk: Desk, asked: Asked, thread: Thread) -> tuple[Other, ...]:
    """Whom the search finds, each with a link that merges the strongest identifier of both."""
    q = asked.get("q").strip()
    if not q:
        return ()
    tongue, permit = desk.tongue(asked.lang), faces.permit_of(desk, asked)
    own = next((held for held in thread.identifiers if held.status == "live"), thread.identifiers[0])
    matches = searching.search(desk, asked, q)
    ids = dict.fromkeys(one.person_id for way in ("identifier", "name") for one in matches[way])
    found = []
    for person_id in [one for one in ids if one != thread.person_id][:MOST_FOUND]:
        with desk.stores.state.read() as conn:
            other = identity.person(conn, permit, person_id)
        theirs = next((held for held in other.identifiers if held.status == "live"), other.identifiers[0])
        a, b = Identifier(own.kind, own.value), Identifier(theirs.kind, theirs.value)
        said = tongue.listed(
            [
                tongue.n_("%(n)s identifier", "%(n)s identifiers", len(other.identifiers)),
                tongue.n_("%(n)s event", "%(n)s events", other.n_events),
            ]
        )
        href = asked.link(a=tying.ref(a), b=tying.ref(b), q=None)
        match = next(one for way in ("identifier", "name") for one in matches[way] if one.person_id == person_id)
        found.append(Other(person_id, href, match.kind, searching.said(match, clear=permit.purpose == "service"), said))
    return tuple(found)
