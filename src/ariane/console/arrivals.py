"""What arrives, as lines of a feed: taken or refused and why, which person it joined, which persons it made one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ariane import consent, identity, ingest
from ariane.console import faces, masking, names
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.tailing import Arrival
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.identity.threads import Joined, joined
from ariane.ingest.refusals import Refusal
from ariane.processes.outcomes import Outcome, outcomes

STATUSES = {
    "accepted": N_("Accepted"),
    "warned": N_("With a warning"),
    "bot": N_("Machines"),
    "duplicate": N_("Seen before"),
    "quarantined": N_("In quarantine"),
    "rejected": N_("Rejected"),
}
SAID = {
    "accepted": N_("accepted"),
    "warned": N_("warning"),
    "bot": N_("machine"),
    "duplicate": N_("seen before"),
    "quarantined": N_("quarantine"),
    "rejected": N_("rejected"),
}
TONES = {
    "accepted": "on",
    "warned": "warn",
    "bot": "plain",
    "duplicate": "plain",
    "quarantined": "off",
    "rejected": "off",
}
ICONS = {
    "accepted": "circle-check",
    "warned": "triangle-alert",
    "bot": "bot",
    "duplicate": "copy",
    "quarantined": "ban",
    "rejected": "circle-x",
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One arrival as a line of the feed. `test` opens what makes a test of it; a refused request has none."""

    key: str
    clock: str
    at: str
    channel: str
    channel_name: str
    name: str
    source: str
    detail: str
    status: str
    said: str
    tone: str
    icon: str
    reasons: tuple[str, ...]
    person: str = ""
    person_href: str = ""
    merged: str = ""
    tied: str = ""
    why_href: str = ""
    test_href: str = ""
    test_part: str = ""


class Judged(msgspec.Struct, frozen=True):
    """An arrival and what became of it."""

    arrival: Arrival
    status: str
    reasons: tuple[str, ...]
    joined: Joined | None = None


def judge(desk: Desk, arrivals: Sequence[Arrival]) -> list[Judged]:
    """What became of each arrival, as far as the stream has come; those of erased people are left out."""
    events = [one.event for one in arrivals if one.event is not None]
    permit = consent.permit("measurement", actor="console", bases=faces.bases(desk))
    with desk.stores.state.read() as conn:
        known = joined(conn, permit, events, identity.rules_of(desk.path))
        ended = outcomes(conn, [(one.partition, one.offset) for one in arrivals if one.offset >= 0])
    found = [(one, ended.get((one.partition, one.offset))) for one in arrivals]
    return [
        _judged(one, outcome, known.get(one.event.event_id) if one.event else None)
        for one, outcome in found
        if outcome is None or outcome.what != "suppressed"
    ]


def _judged(one: Arrival, outcome: Outcome | None, found: Joined | None) -> Judged:
    if outcome is not None:
        return Judged(one, outcome.what, outcome.reasons, found)
    if one.refused or one.event is None:
        return Judged(one, "warned", (one.refused,), found)
    return Judged(one, "bot" if one.event.is_bot else "accepted", (), found)


def wanted(one: Judged, asked: Asked) -> bool:
    """Whether the URL's filters let an arrival through."""
    arrival = one.arrival
    if not _is(one.status, asked, "status") or not _is(arrival.source, asked, "source"):
        return False
    if not _is(arrival.name, asked, "event") or not _is(
        arrival.event.channel if arrival.event else "", asked, "channel"
    ):
        return False
    text = asked.get("q").casefold().strip()
    return not text or any(text in said.casefold() for said in _texts(one))


def refusal_wanted(refusal: Refusal, asked: Asked) -> bool:
    """Whether the URL's filters let a refused request through: it has no source, channel or event."""
    if not _is("rejected", asked, "status") or any(asked.get(name) for name in ("source", "channel", "event")):
        return False
    text = asked.get("q").casefold().strip()
    said = (refusal.reason, refusal.code, refusal.path, refusal.agent, str(refusal.status))
    return not text or any(text in one.casefold() for one in said)


def _is(value: str, asked: Asked, name: str) -> bool:
    return not asked.get(name) or asked.get(name) == value


def _texts(one: Judged) -> Iterable[str]:
    """What the search looks into: nothing that would show an identifier the page hides."""
    event = one.arrival.event
    yield from (one.arrival.name, one.arrival.source, *one.reasons)
    if event is not None:
        yield from (event.message_id, event.type, event.channel)
    if one.joined is not None:
        yield one.joined.person_id


def lines(desk: Desk, asked: Asked, judged: Iterable[Judged]) -> list[Line]:
    tongue = desk.tongue(asked.lang)
    return [_line(tongue, asked, one) for one in judged]


def _line(tongue: Tongue, asked: Asked, one: Judged) -> Line:
    arrival, event, found = one.arrival, one.arrival.event, one.joined
    place = f"{arrival.partition}:{arrival.offset}"
    person = found.person_id if found is not None else ""
    return Line(
        key=place,
        clock=tongue.clock(arrival.received_us, "HH:mm:ss"),
        at=tongue.moment(arrival.received_us),
        channel=event.channel if event else "",
        channel_name=names.channel(tongue, event.channel) if event else "",
        name=arrival.name[:200] or (event.type if event else "–"),
        source=arrival.source[:80],
        detail=event.type if event else "",
        status=one.status,
        said=tongue._(SAID[one.status]),
        tone=TONES[one.status],
        icon=ICONS[one.status],
        reasons=_reasons(tongue, one),
        person=person,
        person_href=asked.link(f"/people/{person}") if person else "",
        merged=_merged(tongue, found),
        tied=_tied(tongue, found),
        why_href=asked.link(f"/people/{person}") + "#why" if person else "",
        test_href=asked.link(open=place),
        test_part=asked.link("/live/test", at=place),
    )


def _reasons(tongue: Tongue, one: Judged) -> tuple[str, ...]:
    if one.status == "bot":
        return (tongue._("kept, in no number about persons"),)
    if one.status == "duplicate":
        return (tongue._("counted once"),)
    return tuple(reason[:300] for reason in one.reasons if reason)


def _merged(tongue: Tongue, found: Joined | None) -> str:
    if found is None or not found.merged:
        return ""
    return tongue.n_("merged %(n)s person into this one", "merged %(n)s persons into this one", len(found.merged))


def _tied(tongue: Tongue, found: Joined | None) -> str:
    """The first evidence the event brought, its identifiers masked."""
    if found is None or not found.ties:
        return ""
    a, b, _ = found.ties[0]
    said = [f"{names.kind(tongue, one.kind)} {masking.identifier(one.kind, one.value)}" for one in (a, b)]
    more = f" +{len(found.ties) - 1}" if len(found.ties) > 1 else ""
    return " = ".join(said) + more


def refused(tongue: Tongue, refusal: Refusal) -> Line:
    """A request that was refused, as a line."""
    detail = [str(refusal.status), refusal.path, _size(tongue, refusal.n_bytes)]
    return Line(
        key=f"refused:{refusal.received_us}",
        clock=tongue.clock(refusal.received_us, "HH:mm:ss"),
        at=tongue.moment(refusal.received_us),
        channel="",
        channel_name="",
        name=refusal.code.replace("_", " ")[:80],
        source=refusal.agent[:60],
        detail=" · ".join(detail),
        status="rejected",
        said=tongue._(SAID["rejected"]),
        tone=TONES["rejected"],
        icon=ICONS["rejected"],
        reasons=(refusal.reason[:300], *([refusal.outline] if refusal.outline else [])),
    )


def _size(tongue: Tongue, n_bytes: int) -> str:
    return f"{tongue.number(n_bytes)}\xa0B" if n_bytes < 1000 else f"{tongue.plain(n_bytes / 1000, 1)}\xa0kB"


def chosen_from(arrivals: Iterable[Arrival], asked: Asked) -> dict[str, list[str]]:
    """The sources, channels and events there are to filter by, with the ones the URL names."""
    found: dict[str, set[str]] = {"source": set(), "channel": set(), "event": set()}
    for one in arrivals:
        found["source"].add(one.source)
        found["event"].add(one.name)
        if one.event is not None:
            found["channel"].add(one.event.channel)
    for name, held in found.items():
        held |= {asked.get(name)}
    return {name: sorted(held - {""}, key=str.casefold) for name, held in found.items()}


def internal(one: Arrival) -> bool:
    """Whether Ariane itself wrote it."""
    return one.source == ingest.RESERVED_SOURCE
