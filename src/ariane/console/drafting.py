"""The screen that imports a file: the sample, what its columns are for, the events it would make, how far it is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from ariane.console import connecting, inbox, names, roles
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.loading import Job, Loading
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.errors import ArianeError
from ariane.ingest.importers import ImportReport, Mapping, dry_run, mapping_text, propose_mapping, read_mapping
from ariane.model import CHANNELS, SECOND, Event

SHOWN_EVENTS = 5
STATES = {"running": N_("running"), "done": N_("read whole"), "stopped": N_("stopped"), "failed": N_("failed")}
TONES = {"running": "plain", "done": "on", "stopped": "warn", "failed": "off"}


class File(msgspec.Struct, frozen=True):
    """A file of the inbox as a line."""

    name: str
    href: str
    size: str
    at: str
    state: str
    tone: str


class Column(msgspec.Struct, frozen=True):
    """A column of the sample, and what it may be for."""

    at: int
    name: str
    values: tuple[str, ...]
    role: str


class Made(msgspec.Struct, frozen=True):
    """An event the file would make."""

    name: str
    when: str
    channel: str
    channel_name: str
    who: str
    properties: tuple[tuple[str, str], ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The import of a file, as it stands. `again` is where to ask in a moment; empty once it has ended."""

    state: str
    label: str
    tone: str
    share: float
    percent: str
    again: str
    problem: str
    facts: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]
    bad_rows: tuple[str, ...]
    warnings: tuple[str, ...]
    go_on: str
    stop: str
    live: str


class Wizard(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    subtitle: str
    back: str
    upload: str
    most: str
    folder: str
    files: tuple[File, ...]
    chosen: str = ""
    kind: str = ""
    kinds: tuple[tuple[str, str], ...] = ()
    hidden: tuple[tuple[str, str], ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    editable: bool = False
    event_name: str = ""
    channel: str = ""
    channels: tuple[tuple[str, str], ...] = ()
    text: str = ""
    made: tuple[Made, ...] = ()
    head_facts: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    next_step: str = ""
    save: str = ""
    run: str = ""
    remove: str = ""
    propose: str = ""
    progress: Progress | None = None


def screen(desk: Desk, asked: Asked, loading: Loading, problem: ArianeError | None = None, text: str = "") -> Wizard:
    """The screen for a URL: of the inbox, or of one of its files."""
    tongue = desk.tongue(asked.lang)
    folder = desk.path / inbox.FOLDER
    context = Wizard(
        subtitle=tongue._("From a table to events: say what its columns mean, look at what it makes, then read it"),
        back=asked.link("/sources", file=None, kind=None),
        upload=asked.link("/sources/import/upload"),
        most=tongue._("at most %(n)s GiB", n=tongue.number(inbox.MOST_BYTES / 1024**3)),
        folder=str(folder),
        files=tuple(_file(tongue, asked, loading, one) for one in inbox.dropped(desk.path)),
    )
    if asked.get("file"):
        context = _looked_at(desk, asked, loading, context, problem, text)
    return context


def _file(tongue: Tongue, asked: Asked, loading: Loading, one: inbox.Dropped) -> File:
    job = loading.job(one.name)
    state = job.state if job is not None else ""
    size = (
        f"{tongue.plain(one.n_bytes / 1e6, 1)}\xa0MB"
        if one.n_bytes >= 100_000
        else f"{tongue.number(one.n_bytes)}\xa0B"
    )
    label = tongue._(STATES[state]) if state else ""
    return File(one.name, asked.link(file=one.name), size, tongue.moment(one.at_us), label, TONES.get(state, ""))


def _looked_at(
    desk: Desk, asked: Asked, loading: Loading, context: Wizard, problem: ArianeError | None, text: str
) -> Wizard:
    """The screen of one file: its sample and what becomes of it."""
    tongue = desk.tongue(asked.lang)
    name, kind = asked.get("file"), asked.get("kind")
    file = inbox.file_of(desk.path, name)
    mapping: Mapping | None = None
    report: ImportReport | None = None
    sample = inbox.Sample((), ())
    try:
        with inbox.head(file) as head:
            sample = inbox.sample(head)
            mapping = None if kind else mapping_for(desk.path, file, head)
            if problem is None:
                report = dry_run(kind or _format(file), head, mapping=mapping, folder=desk.path / "sources")
    except ArianeError as error:
        problem = problem or error
    said = roles.roles_of(mapping, sample.columns) if mapping is not None else None
    written = text or (mapping_text(mapping) if mapping is not None else _draft_text(desk.path, name))
    rule = mapping.events[0] if mapping is not None else None
    job = loading.job(name)
    return msgspec.structs.replace(
        context,
        chosen=name,
        kind=kind,
        kinds=_kinds(tongue, desk),
        hidden=tuple((key, asked.get(key)) for key in ("lang", "theme", "file") if asked.get(key)),
        columns=tuple(
            Column(at, column, tuple(row[at] for row in sample.rows), (said or {}).get(column, ""))
            for at, column in enumerate(sample.columns)
        ),
        rows=sample.rows,
        roles=_roles(tongue),
        editable=said is not None,
        event_name=rule.name if rule is not None and isinstance(rule.name, str) else "",
        channel=mapping.channel if mapping is not None and isinstance(mapping.channel, str) else "",
        channels=tuple((key, names.channel(tongue, key)) for key in CHANNELS),
        text=written,
        made=tuple(_made(tongue, event) for event in report.samples[:SHOWN_EVENTS]) if report is not None else (),
        head_facts=_facts(tongue, report, whole=False) if report is not None else (),
        problem=_problem(problem),
        next_step=(problem.next_step or problem.allowed or "") if problem is not None else "",
        save=asked.link("/sources/import/mapping", file=name),
        run=asked.link("/sources/import/run", file=name, kind=kind) if report is not None else "",
        remove=asked.link("/sources/import/remove", file=name),
        propose=asked.link("/sources/import/mapping", file=name, propose="1"),
        progress=progress_of(tongue, asked, job) if job is not None else None,
    )


def _format(file: Path) -> str:
    return inbox.format_of(file.name)


def _problem(error: ArianeError | None) -> str:
    return "" if error is None else error.what


def _draft_text(workspace: Path, name: str) -> str:
    with suppress(OSError):
        return inbox.draft_of(workspace, name).read_text(encoding="utf-8")
    return ""


def mapping_for(workspace: Path, file: Path, head: Path) -> Mapping:
    """The draft of a file's mapping, or one proposed from its first rows."""
    draft = inbox.draft_of(workspace, file.name)
    return read_mapping(draft) if draft.exists() else propose_mapping(head)


def _kinds(tongue: Tongue, desk: Desk) -> tuple[tuple[str, str], ...]:
    own = (("", tongue._("A table, with the mapping below")),)
    known = (kind for kind in connecting.kinds(tongue, desk.path / "sources") if kind.is_file)
    return own + tuple((kind.key, kind.title) for kind in known)


def _roles(tongue: Tongue) -> tuple[tuple[str, str], ...]:
    said = {role: tongue._(label) for role, label in roles.ROLES.items() if not role.startswith("id:")}
    who = {f"id:{kind}": names.kind(tongue, kind).lower() for kind in roles.IDENTIFIERS}
    return tuple((role, said.get(role) or tongue._("who: %(kind)s", kind=who[role])) for role in roles.ROLES)


def _made(tongue: Tongue, event: Event) -> Made:
    known = event.context.get("externalIds") or []
    who = [f"{names.kind(tongue, 'user_id')} {event.user_id}"] if event.user_id else []
    who += [f"{names.kind(tongue, 'cookie')} {event.anonymous_id}"] if event.anonymous_id else []
    who += [f"{names.kind(tongue, str(one['type']))} {one['id']}" for one in known if isinstance(one, dict)]
    shown = ((name, value if isinstance(value, str) else str(value)) for name, value in event.properties.items())
    return Made(
        name=names.short(event.name or event.type, 80),
        when=tongue.moment(event.occurred_us),
        channel=event.channel,
        channel_name=names.channel(tongue, event.channel),
        who=", ".join(names.short(one, 60) for one in who),
        properties=tuple((name, names.short(value, 80)) for name, value in shown),
    )


def _facts(tongue: Tongue, report: ImportReport, *, whole: bool) -> tuple[tuple[str, str], ...]:
    facts = [(tongue._("Rows"), report.n_rows), (tongue._("Events"), report.n_events)]
    if whole:
        facts.append((tongue._("New"), 0 if report.already else report.n_added))
    facts += [
        (tongue._("Left out"), sum(report.n_skipped.values())),
        (tongue._("Twice in the file"), report.n_duplicates),
    ]
    said = [(label, tongue.number(n)) for label, n in facts]
    return (*said, *([(tongue._("Time"), tongue.duration(report.seconds * SECOND))] if whole else []))


def progress_of(tongue: Tongue, asked: Asked, job: Job) -> Progress:
    report = job.report
    skipped = report.n_skipped.items() if report is not None else ()
    bad = report.bad_rows if report is not None else ()
    here = asked.link("/sources/import/progress", file=job.name)
    label = (
        tongue._("already imported: nothing was added")
        if report is not None and report.already
        else tongue._(STATES[job.state])
    )
    return Progress(
        state=job.state,
        label=label,
        tone=TONES[job.state],
        share=1.0 if job.state == "done" else job.share,
        percent=tongue.percent(1.0 if job.state == "done" else job.share),
        again=here if job.state == "running" else "",
        problem=" ".join(said for said in (job.problem, job.next_step) if said),
        facts=_facts(tongue, report, whole=True) if report is not None else (),
        left_out=tuple(f"{tongue.number(n)} · {reason}" for reason, n in skipped),
        bad_rows=tuple(tongue._("line %(n)s, %(field)s: %(problem)s", n=tongue.number(one.line), field=one.field,
                                problem=one.problem) for one in bad),
        warnings=report.warnings if report is not None else (),
        go_on=asked.link("/sources/import/run", file=job.name, kind=asked.get("kind") or None)
        if job.state in ("stopped", "failed") else "",
        stop=asked.link("/sources/import/stop", file=job.name) if job.state == "running" else "",
        live=asked.link("/live", source=report.source, file=None, kind=None) if report is not None else "",
    )  # fmt: skip
