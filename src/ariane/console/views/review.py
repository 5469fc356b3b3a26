"""The review queue: two records that may be one person's, side by side, what speaks for and against, and an answer."""

from __future__ import annotations

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ariane.console import asked as asking
from ariane.console import faces, render, reviewing, tying
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.reviewing import Row
from ariane.console.views import deciding
from ariane.console.words import N_
from ariane.errors import ArianeError, InputError, NotFound
from ariane.identity import matching
from ariane.identity.chosen import whose
from ariane.identity.matching import Pair
from ariane.model import Identifier

REASON = "review"
ANSWERS = {"same": "merge", "different": "split"}
BACK = {"merge": "retract", "split": "lift"}
DONE = {"merge": N_("One person: written to the log."), "split": N_("Two persons: written to the log.")}


class Side(msgspec.Struct, frozen=True):
    """Whose record it is."""

    kind: str
    label: str
    person: str
    href: str


class ReviewScreen(msgspec.Struct, frozen=True, kw_only=True):
    """The screen. `looked`: what the last look found, empty before one; without `rows` nothing is left to ask."""

    looked: str
    n_left: int
    place: int
    a: Side | None
    b: Side | None
    rows: tuple[Row, ...]
    probability: str
    headline: str
    reveal: faces.Reveal
    action: str
    fields: tuple[tuple[str, str], ...]
    actor: str
    before: str
    after: str
    undo: str
    done: str
    problem: str
    next_step: str


def routes() -> list[Route]:
    return [
        Route("/identity/review", show, methods=["GET"]),
        Route("/identity/review", act, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    return _page(desk, asking.read(request, desk.settings.language))


async def act(request: Request) -> Response:
    """Write an answer to the log, take the last one back, or look again; then the next pair."""
    desk: Desk = request.app.state.desk
    fields = await asking.form(request, 20_000)
    return await anyio.to_thread.run_sync(_act, request, desk, fields)


def _act(request: Request, desk: Desk, fields: dict[str, str]) -> Response:
    asked = asking.read(request, desk.settings.language)
    answer, actor = fields.get("answer", ""), fields.get("actor", "")
    try:
        if answer == "look":
            desk.workspace.linkage.look()
            return RedirectResponse(asked.link(page=None, undo=None, actor=actor), 303)
        if len(actor) > 500:
            raise InputError("That is too long.", where="actor", allowed="500 characters")
        undo = None
        if answer == "undo":
            _undo(desk, asked, fields, actor)
        else:
            undo = _answer(desk, asked, fields, actor)
    except ArianeError as error:
        return _page(desk, asked, error)
    return RedirectResponse(asked.link(undo=undo, actor=actor), 303)


def _answer(desk: Desk, asked: Asked, fields: dict[str, str], actor: str) -> str:
    """What takes the answer back, for the address."""
    do = ANSWERS.get(fields.get("answer", ""))
    if do is None:
        raise InputError("That is no answer.", where="answer", allowed=", ".join((*ANSWERS, "undo", "look")))
    a, b = _two(desk, asked, fields.get("a", ""), fields.get("b", ""))
    getattr(desk.workspace.people, do)(a, b, actor=actor, reason=REASON)
    return f"{do}.{tying.ref(a)}.{tying.ref(b)}"


def _undo(desk: Desk, asked: Asked, fields: dict[str, str], actor: str) -> None:
    do, _, ends = fields.get("undo", "").partition(".")
    if do not in BACK:
        raise InputError("There is nothing to take back.", where="undo")
    a, b = _two(desk, asked, *(ends.partition(".")[::2]))
    more = {"rule": "manual"} if do == "merge" else {}
    getattr(desk.workspace.people, BACK[do])(a, b, actor=actor, reason=REASON, **more)


def _two(desk: Desk, asked: Asked, a: str, b: str) -> tuple[Identifier, Identifier]:
    wanted = [tying.unref(one) for one in (a, b)]
    with desk.stores.state.read() as conn:
        found = whose(conn, faces.permit_of(desk, asked), wanted)
    if not all(key in found for key in wanted):
        raise NotFound("One of these identifiers is not known, or may not be read.", next_step="Look again.")
    return found[wanted[0]][0], found[wanted[1]][0]


def _page(desk: Desk, asked: Asked, problem: ArianeError | None = None) -> Response:
    tongue = desk.tongue(asked.lang)
    pairs = reviewing.pending(desk, asked)
    place = min(asked.page, max(len(pairs), 1))
    pair = pairs[place - 1] if pairs else None
    clear = faces.permit_of(desk, asked).purpose == "service"
    undo = asked.get("undo") if asked.get("undo").partition(".")[0] in BACK else ""
    context = ReviewScreen(
        looked=_looked(desk, asked),
        n_left=len(pairs),
        place=place,
        a=_side(desk, asked, pair.a) if pair else None,
        b=_side(desk, asked, pair.b) if pair else None,
        rows=reviewing.rows(tongue, pair, *reviewing.sides(desk, asked, pair), clear=clear) if pair else (),
        probability=tongue.percent(pair.probability) if pair else "",
        headline=_headline(desk, asked, pair) if pair else "",
        reveal=faces.reveal(desk, asked),
        action=asked.link(),
        fields=(("a", tying.ref(pair.a)), ("b", tying.ref(pair.b))) if pair else (),
        actor=asked.get("actor"),
        before=asked.link(page=place - 1, undo=None) if place > 1 else "",
        after=asked.link(page=place + 1, undo=None) if place < len(pairs) else "",
        undo=undo,
        done=tongue._(DONE[undo.partition(".")[0]]) if undo else "",
        problem=problem.what if problem is not None else "",
        next_step=(problem.next_step or problem.allowed or "") if problem is not None else "",
    )
    title = tongue._("Records that may be one person's")
    return render.page(desk, asked, "review.html", context, title=title, status=problem.status if problem else 200)


def _looked(desk: Desk, asked: Asked) -> str:
    kept, tongue = matching.kept(desk.path), desk.tongue(asked.lang)
    if kept is None:
        return ""
    return tongue._(
        "Looked %(when)s at %(records)s records: %(merged)s pairs were tied at once, %(asked)s are asked about. "
        "Model %(model)s.",
        when=tongue.moment(kept.at_us), records=tongue.number(kept.n_records), merged=tongue.number(kept.n_merged),
        asked=tongue.number(len(kept.reviews)), model=kept.version or "–",
    )  # fmt: skip


def _side(desk: Desk, asked: Asked, one: Identifier) -> Side:
    permit = faces.permit_of(desk, asked)
    with desk.stores.state.read() as conn:
        person = whose(conn, permit, [one.key])[one.key][1]
    label = tying.label(one, clear=permit.purpose == "service")
    return Side(one.kind, label, person, asked.link(f"/people/{person}"))


def _headline(desk: Desk, asked: Asked, pair: Pair) -> str:
    """What merging would do, in a sentence."""
    meant = deciding.Meant("merge", pair.a, pair.b, "")
    foreseen = deciding.foreseen_of(desk, asked, meant).regrouped()
    return deciding.headline_of(desk, asked, foreseen, meant)
