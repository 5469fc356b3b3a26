"""The tracking plan: what each event should look like, what breaks it, what is held until it is mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ariane.console import asked as asking
from ariane.console import names, render, sheets
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.figures import Figure, counted
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.errors import ArianeError, InputError, NotFound
from ariane.planning import HeldEvent, PlannedEvent, Quarantine

STATUSES = {
    "new": (N_("no schema"), "plain", N_("taken as it comes; a schema can be proposed from what has arrived")),
    "drafted": (N_("drafted"), "plain", N_("there is a schema, and nothing is held to it yet")),
    "frozen": (N_("frozen"), "on", N_("held to the schema as it is written")),
    "edited": (N_("edited"), "warn", N_("held to what was frozen; the file says something else by now")),
    "thawed": (N_("thawed"), "plain", N_("held to nothing again")),
    "broken": (N_("unreadable"), "off", N_("the schema's file cannot be used")),
}
MODES = {"warn": N_("counted"), "quarantine": N_("held apart"), "off": "", "": ""}
MOST_HELD, MOST_REASONS, MOST_SUSPICIONS = 12, 12, 30


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of event as a line."""

    name: str
    href: str
    part: str
    sources: str
    n: str
    status: str
    tone: str
    why: str
    mode: str
    version: str
    n_warned: str
    n_held: str
    breaks: bool


class Reason(msgspec.Struct, frozen=True):
    name: str
    reason: str
    n: str


class Suspect(msgspec.Struct, frozen=True):
    """A field that looks personal."""

    source: str
    event: str
    field: str
    kind: str
    n: str
    example: str


class Held(msgspec.Struct, frozen=True):
    at: str
    name: str
    source: str
    message_id: str
    reasons: str


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The drawer: one kind of event. `acts` are the buttons it may be given: key and label."""

    name: str
    about: str
    facts: tuple[tuple[str, str], ...]
    schema: str
    changes: tuple[tuple[str, str, str, str], ...]
    arrived: tuple[tuple[str, str, str, str], ...]
    reasons: tuple[Reason, ...]
    versions: tuple[tuple[str, str, str], ...]
    act: str
    acts: tuple[tuple[str, str, bool], ...]


class PlanScreen(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    subtitle: str
    figures: tuple[Figure, ...]
    kinds: tuple[Kind, ...]
    csv: str
    csv_held: str
    n_held: int
    reasons: tuple[Reason, ...]
    held: tuple[Held, ...]
    suspects: tuple[Suspect, ...]
    act: str
    problem: str = ""
    next_step: str = ""
    opened: Opened | None = None


def routes() -> list[Route]:
    return [
        Route("/plan", show),
        Route("/plan.csv", download),
        Route("/plan/quarantine.csv", download_held),
        Route("/plan/event", event),
        Route("/plan/act", act, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    return _page(request)


def _page(request: Request, problem: ArianeError | None = None) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    asked = Asked("/plan", asked.params, asked.lang)
    tongue, plan = desk.tongue(asked.lang), desk.workspace.plan
    kinds, quarantine, suspicions = plan.events(), plan.quarantine(limit=MOST_HELD), plan.personal()
    context = PlanScreen(
        subtitle=tongue._("What each event should look like, what breaks it, what looks personal"),
        figures=tuple(_figures(tongue, kinds, quarantine, len(suspicions))),
        kinds=tuple(_kind(tongue, asked, one) for one in kinds),
        csv=asked.link("/plan.csv"),
        csv_held=asked.link("/plan/quarantine.csv"),
        n_held=quarantine.n,
        reasons=tuple(Reason(one.name, one.reason, tongue.number(one.n)) for one in quarantine.reasons[:MOST_REASONS]),
        held=tuple(_held(tongue, one) for one in quarantine.events),
        suspects=tuple(
            Suspect(
                one.source,
                one.event or one.type,
                one.field,
                names.kind(tongue, one.kind),
                f"{tongue.number(one.n)} / {tongue.number(one.n_values)}",
                one.example,
            )
            for one in suspicions[:MOST_SUSPICIONS]
        ),
        act=asked.link("/plan/act"),
        problem=problem.what if problem is not None else "",
        next_step=(problem.next_step or problem.allowed or "") if problem is not None else "",
        opened=_opened(desk, asked, kinds) if asked.get("open") else None,
    )
    status = problem.status if problem is not None else 200
    return render.page(desk, asked, "plan.html", context, title=tongue._("Tracking plan"), status=status)


def _figures(
    tongue: Tongue, kinds: tuple[PlannedEvent, ...], quarantine: Quarantine, n_suspicions: int
) -> list[Figure]:
    frozen = sum(one.status in ("frozen", "edited") for one in kinds)
    warned = sum(one.n_warned for one in kinds)
    of_kinds = tongue.n_("of %(n)s kind of event", "of %(n)s kinds of event", len(kinds))
    kept = tongue._("of the plan, by events that were kept")
    mended = tongue._("until plan or sender is mended")
    undeclared = tongue._("not declared as personal")
    return [
        counted(tongue, "frozen", N_("Held to the plan"), frozen, basis=of_kinds),
        counted(tongue, "warned", N_("Parts broken"), warned, basis=kept),
        counted(tongue, "held", N_("In quarantine"), quarantine.n, basis=mended),
        counted(tongue, "personal", N_("Fields that look personal"), n_suspicions, basis=undeclared),
    ]


def _kind(tongue: Tongue, asked: Asked, one: PlannedEvent) -> Kind:
    label, tone, why = STATUSES[one.status]
    since = tongue._("since %(day)s", day=tongue.day(one.since_us)) if one.since_us is not None else ""
    return Kind(
        name=one.name,
        href=asked.link(open=one.name),
        part=asked.link("/plan/event", open=one.name),
        sources=", ".join(one.sources),
        n=tongue.number(one.n),
        status=tongue._(label),
        tone=tone,
        why=tongue._(why),
        mode=tongue._(MODES[one.mode]) if MODES.get(one.mode) else "",
        version=f"{one.version} · {since}" if one.version else "",
        n_warned=tongue.number(one.n_warned),
        n_held=tongue.number(one.n_held),
        breaks=bool(one.n_warned or one.n_held),
    )


def _held(tongue: Tongue, one: HeldEvent) -> Held:
    return Held(tongue.moment(one.received_us), one.name, one.source, one.message_id, "; ".join(one.reasons))


def event(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    asked = Asked("/plan", asked.params, asked.lang)
    return render.part(desk, asked, "plan_event.html", _opened(desk, asked, desk.workspace.plan.events()))


def _opened(desk: Desk, asked: Asked, kinds: tuple[PlannedEvent, ...]) -> Opened:
    tongue, plan = desk.tongue(asked.lang), desk.workspace.plan
    name = asked.get("open")
    one = next((kind for kind in kinds if kind.name == name), None)
    if one is None:
        raise NotFound(f"No event '{name[:80]}' has arrived or is planned.", next_step="See the list.")
    has_schema = one.status not in ("new", "broken")
    try:
        schema = plan.schema(name) if has_schema else plan.infer(name).get(name, {})
        changes = plan.differences(name) if one.status == "edited" else ()
        arrived = plan.differences(name, arrived=True) if has_schema else ()
    except InputError:
        schema, changes, arrived = {}, (), ()
    label, _, why = STATUSES[one.status]
    facts = [
        (tongue._("Events"), tongue.number(one.n)),
        (tongue._("Sources"), ", ".join(one.sources)),
        (tongue._("Last event"), tongue.moment(one.last_us)),
    ]
    broken = [(one.reason, one.n) for one in plan.warnings(name)]
    broken += [(one.reason, one.n) for one in plan.quarantine(name, limit=0).reasons]
    thawed = tongue._("thawed")
    return Opened(
        name=name,
        about=names.pair(tongue, tongue._(label), tongue._(why)),
        facts=tuple((title, said) for title, said in facts if said),
        schema=msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() if schema else "",
        changes=tuple((d.field, d.what, d.before, d.after) for d in changes),
        arrived=tuple((d.field, d.what, d.before, d.after) for d in arrived),
        reasons=tuple(Reason(name, reason, tongue.number(n)) for reason, n in broken),
        versions=tuple(
            (str(one.version), tongue._(MODES[one.mode]) if MODES[one.mode] else thawed, tongue.moment(one.since_us))
            for one in reversed(plan.versions(name))
        ),
        act=asked.link("/plan/act"),
        acts=_acts(tongue, one),
    )


def _acts(tongue: Tongue, one: PlannedEvent) -> tuple[tuple[str, str, bool], ...]:
    """What may be done with a kind of event now: key, label, and whether it is the likely one."""
    held = one.status in ("frozen", "edited")
    found = [("draft", tongue._("Keep this schema"), True)] if one.status == "new" else []
    if one.status != "broken":
        found.append(("freeze", tongue._("Freeze: count what breaks it"), one.status in ("drafted", "edited")))
        found.append(("quarantine", tongue._("Freeze: hold apart what breaks it"), False))
    if held:
        found.append(("thaw", tongue._("Thaw"), False))
    if one.n_held:
        found.append(("replay", tongue._("Let out what keeps to the plan"), True))
    return tuple(found)


async def act(request: Request) -> Response:
    """Draft, freeze, thaw, or let out of quarantine: what the form says."""
    desk: Desk = request.app.state.desk
    form = await asking.form(request)
    return await anyio.to_thread.run_sync(_act, request, desk, form)


def _act(request: Request, desk: Desk, form: dict[str, str]) -> Response:
    plan, name = desk.workspace.plan, form.get("event", "")
    does: dict[str, Callable[[], Any]] = {
        "draft": lambda: plan.draft(name),
        "freeze": lambda: plan.freeze(name, "warn"),
        "quarantine": lambda: plan.freeze(name, "quarantine"),
        "thaw": lambda: plan.thaw(name),
        "replay": lambda: plan.replay(name or None),
    }
    try:
        what = form.get("do", "")
        if what not in does or (what != "replay" and name not in {one.name for one in plan.events()}):
            raise InputError("There is nothing to do.", where="do, event", allowed=", ".join(does))
        does[what]()
    except ArianeError as error:
        return _page(request, error)
    asked = asking.read(request, desk.settings.language)
    return RedirectResponse(Asked("/plan", asked.params, asked.lang).link(), 303)


def download(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    header = ("event", "sources", "n_events", "status", "mode", "version", "since_at", "n_warned", "n_held")
    rows = (
        (one.name, " ".join(one.sources), one.n, one.status, one.mode, one.version, sheets.instant(one.since_us),
         one.n_warned, one.n_held)
        for one in desk.workspace.plan.events()
    )  # fmt: skip
    return sheets.sheet("plan", header, rows)


def download_held(request: Request) -> Response:
    """The newest 10,000 events in quarantine and what each breaks."""
    desk: Desk = request.app.state.desk
    rows = (
        (sheets.instant(one.received_us), one.name, one.source, one.message_id, one.version, "; ".join(one.reasons))
        for one in desk.workspace.plan.quarantine(limit=10_000).events
    )
    return sheets.sheet("quarantine", ("received_at", "event", "source", "message_id", "version", "breaks"), rows)
