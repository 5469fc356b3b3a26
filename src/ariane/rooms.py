"""What hangs on a workspace: one small class a room, each method one question, answered alike in Python, on the command
line and over HTTP. Options `segment`, `since`, `until` and `purpose` narrow every measurement.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import msgspec
import pyarrow as pa

from ariane import attribution, identity, ingest, journeys, measure, predict, segments, voice
from ariane.errors import InputError
from ariane.identity import foresight, history, steering
from ariane.model import Event, Identifier, Purpose, event_id_of
from ariane.opened import Opened, iso, noting, to_us
from ariane.result import Counted, Listed, Result, Tabular

if TYPE_CHECKING:
    from ariane.consent import Population
    from ariane.identity.foresight import Foreseen
    from ariane.identity.history import TellingPage
    from ariane.identity.threads import Explanation, Found, People, Preview, Thread
    from ariane.journeys.measured import Finding, Funnel, JourneyMap

ACTOR = "python"


class Decided(msgspec.Struct, Tabular, frozen=True, dict=True):
    """What somebody decided about two identifiers, as it was written to the log. It holds once the stream has it."""

    event_id: str
    event: str
    a: Identifier
    b: Identifier
    rule: str
    actor: str
    reason: str
    decided_us: int


class Persons:
    """Persons: found, shown, explained, and tied or parted by hand. Every read names its purpose; `service` unless
    another is given."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def find(self, text: str, purpose: Purpose = "service", *, limit: int = 20, actor: str = ACTOR) -> Listed[Found]:
        """Persons whose identifiers or id hold `text`."""
        permit = self._ws.permit(purpose, actor)
        rules = identity.rules_of(self._ws.path)
        return self._ws.looked_up(lambda conn: Listed(identity.find(conn, permit, text, limit=limit, rules=rules)))

    def page(
        self,
        purpose: Purpose = "service",
        *,
        order: str = "last_seen",
        limit: int = 50,
        offset: int = 0,
        actor: str = ACTOR,
    ) -> People:
        """A page of all persons, the highest of `order` first."""
        permit = self._ws.permit(purpose, actor)
        return self._ws.looked_up(lambda conn: identity.people(conn, permit, order=order, limit=limit, offset=offset))

    def person(self, person: str, purpose: Purpose = "service", *, actor: str = ACTOR) -> Thread:
        """One person, by id or by KIND:VALUE. NotFound, or ConsentError when the purpose may not read them."""
        permit = self._ws.permit(purpose, actor)
        rules = identity.rules_of(self._ws.path)
        return self._ws.looked_up(lambda conn: identity.person(conn, permit, person, rules))

    def changes(
        self, *, after: int = 0, limit: int = 100, of: str = "", purpose: Purpose = "service", actor: str = ACTOR
    ) -> TellingPage:
        """What became of persons, in the order it was told, after change number `after`; `of` a person, what led to
        them. Give the page's `next` as `after` to read on."""
        permit = self._ws.permit(purpose, actor)
        return self._ws.looked_up(lambda conn: history.changes(conn, permit, after=after, limit=limit, of=of))

    def timeline(
        self,
        person: Thread | str,
        purpose: Purpose = "service",
        *,
        channel: str = "",
        limit: int = 100,
        before: str = "",
        actor: str = ACTOR,
    ) -> Result:
        """A person's events, newest first: event_id, occurred_at, received_at, source, type, event, channel, properties
        (JSON). `before` is an instant, or "instant,event_id" to go on after that event."""
        thread = self.person(person, purpose, actor=actor) if isinstance(person, str) else person
        return self._ws.measured(
            lambda population: self._happened(population, thread.person_id, channel, limit, before), purpose=purpose
        )

    def _happened(self, population: Population, person_id: str, channel: str, limit: int, before: str) -> Result:
        events = population.events.filter(population.events.person_id == person_id)
        if channel:
            events = events.filter(events.channel == channel)
        if before:
            instant, _, event_id = before.partition(",")
            before_us = to_us(instant)
            earlier = events.occurred_us < before_us
            events = events.filter(earlier | ((events.occurred_us == before_us) & (events.event_id < event_id)))
        columns = ("event_id", "occurred_us", "received_us", "source", "type", "event", "channel", "properties")
        newest = (
            events.order_by([ibis.desc(events.occurred_us), ibis.desc(events.event_id)]).limit(limit).select(*columns)
        )
        found = self._ws.result(population, newest.select(*columns))
        return Result(with_instants(found.to_arrow()), n_held_back=found.n_held_back)

    def explain(
        self, a: Identifier | str, b: Identifier | str, purpose: Purpose = "service", *, actor: str = ACTOR
    ) -> Explanation:
        """Why two identifiers are one person, or are not: the evidence that leads from one to the other."""
        permit, one, other = self._ws.permit(purpose, actor), self.identifier(a), self.identifier(b)
        return self._ws.looked_up(lambda conn: identity.explain(conn, permit, one, other))

    def merge(self, a: Identifier | str, b: Identifier | str, *, actor: str, reason: str) -> Decided:
        """Decide that two identifiers are one person's."""
        return self._decide(steering.merge_event, a, b, actor, reason)

    def split(self, a: Identifier | str, b: Identifier | str, *, actor: str, reason: str) -> Decided:
        """Decide that two identifiers are never one person's, whatever ties them."""
        return self._decide(steering.split_event, a, b, actor, reason)

    def retract(self, a: Identifier | str, b: Identifier | str, *, rule: str = "", actor: str, reason: str) -> Decided:
        """Decide that the evidence between two identifiers counts no more, under one rule or under all."""
        return self._decide(steering.retract_event, a, b, actor, reason, rule=rule)

    def lift(self, a: Identifier | str, b: Identifier | str, *, actor: str, reason: str) -> Decided:
        """Take back a split."""
        return self._decide(steering.lift_event, a, b, actor, reason)

    def restore(self, a: Identifier | str, b: Identifier | str, *, rule: str = "", actor: str, reason: str) -> Decided:
        """Take back a retraction, under one rule or under all."""
        return self._decide(steering.restore_event, a, b, actor, reason, rule=rule)

    def foresee(
        self,
        do: str,
        a: Identifier | str,
        b: Identifier | str,
        purpose: Purpose = "service",
        *,
        rule: str = "",
        actor: str = ACTOR,
    ) -> Foreseen:
        """The persons before and after a decision, without taking it. `do`: merge, split, lift, retract or restore."""
        permit, rules = self._ws.permit(purpose, actor), identity.rules_of(self._ws.path)
        one, other = self.identifier(a), self.identifier(b)
        return self._ws.looked_up(
            lambda conn: foresight.foresee(conn, permit, one, other, do=do, rule=rule, rules=rules)
        )

    def preview(self, a: Identifier | str, b: Identifier | str, *, rule: str = "", actor: str = ACTOR) -> Preview:
        """What retracting that evidence would undo, without doing it."""
        permit, rules = self._ws.permit("service", actor), identity.rules_of(self._ws.path)
        one, other = self.identifier(a), self.identifier(b)
        return self._ws.looked_up(
            lambda conn: steering.what_would_leave(conn, permit, one, other, rule=rule, rules=rules)
        )

    def identifier(self, given: Identifier | str) -> Identifier:
        """The identifier written KIND:VALUE, spelled as events are read. InputError when it is not one."""
        if isinstance(given, Identifier):
            return given
        kind, colon, value = given.partition(":")
        if not (colon and kind and value):
            raise InputError(f"'{given[:80]}' is no identifier.", allowed="kind:value, such as email:ana@example.org")
        spelled = Event(
            event_id="", message_id="", source="", type="track", name="", channel="", occurred_us=0, received_us=0,
            context={"externalIds": [{"id": value, "type": kind}]},
        )  # fmt: skip
        found = identity.identify(spelled, identity.rules_of(self._ws.path))
        return next((one for one in found if one.kind == kind), Identifier(kind, value))

    def _decide(
        self,
        payload_of: Callable[..., dict[str, Any]],
        a: Identifier | str,
        b: Identifier | str,
        actor: str,
        reason: str,
        **more: str,
    ) -> Decided:
        """Write a decision to the log. NotFound when an identifier was never seen, InputError without actor or reason.

        It is an event like any other, so that a rebuild decides the same again.
        """
        actor, reason = actor.strip(), reason.strip()
        for name, said in (("actor", actor), ("reason", reason)):
            if not said:
                raise InputError(f"A decision about persons needs its {name}.", where=name, allowed="a short text")
        one, other = self.identifier(a), self.identifier(b)
        now_us = time.time_ns() // 1000
        payload = payload_of(one, other, actor=actor, reason=reason, at=iso(now_us), **more)
        explained = self.explain(one, other, actor=actor)
        record = ingest.Record(
            source=ingest.RESERVED_SOURCE,
            message_id=payload["messageId"],
            type=payload["type"],
            received_us=now_us,
            event=payload["event"],
            timestamp=payload["timestamp"],
            anonymous_id=payload["anonymousId"],
            properties=payload["properties"],
        )
        self._ws.write([ingest.encode(record)])
        event_id = event_id_of(record.source, record.message_id)
        rule = more.get("rule", "")
        decided = Decided(event_id, payload["event"], one, other, rule, actor, reason, now_us)
        return explained.lend(decided)


class Journeys:
    """Journeys, measured."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def map(self, *, compare_segment: str | None = None, **narrowed: Any) -> JourneyMap:
        """The measured map: stages, steps, emotion with its band, touchpoints, waits, drop-off, marks.

        `compare_segment` sets the figures beside those of another segment in the same period.
        """
        other = None if compare_segment is None else self._ws.population(**narrowed | {"segment": compare_segment})
        minimum = self._ws.settings.minimum_cell
        return self._ws.measured(
            lambda population: journeys.journey_map(
                population, self._ws.journey(), compare=other and noting(other, population.engine), minimum=minimum
            ),
            **narrowed,
        )

    def sessions(self, **narrowed: Any) -> Result:
        """Events of one person with no silence longer than the gap (`journeys.sessions`)."""
        gap_s = self._ws.settings.session_gap_s
        return self._ws.rows(lambda population: journeys.sessions(population, gap_s=gap_s), **narrowed)

    def touchpoints(self, **narrowed: Any) -> Result:
        """The events that are steps of the journey, each with its step, stage and channel."""
        return self._ws.rows(lambda population: journeys.touchpoints(population, self._ws.journey()), **narrowed)

    def funnel(self, steps: Sequence[str] = (), *, window_s: int | None = None, **narrowed: Any) -> Funnel:
        """How many persons reach each step, with Wilson intervals."""
        return self._ws.measured(
            lambda population: journeys.funnel(population, self._ws.journey(), steps, window_s=window_s), **narrowed
        )

    def paths(self, *, collapse_loops: bool = True, **narrowed: Any) -> Result:
        """Which step follows which: n, persons, median and 95th percentile of the wait."""
        return self._ws.rows(
            lambda population: journeys.graph(population, self._ws.journey(), collapse_loops=collapse_loops),
            **narrowed,
        )

    def frictions(self, **narrowed: Any) -> Listed[Finding]:
        """What hurts: since when, for whom, how sure; the surest first."""

        def found(population: Population) -> Listed[Finding]:
            return Listed(journeys.frictions(population, self._ws.journey()), population.n_held_back())

        return self._ws.measured(found, **narrowed)


class Voice:
    """What persons said."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def scores(
        self,
        *,
        about: str | None = None,
        kind: str | None = None,
        question: str | None = None,
        by: str | None = None,
        **narrowed: Any,
    ) -> Result:
        """NPS, CSAT, CES and emotion with their 95 % bounds (`voice.scores`)."""
        least = self._ws.settings.minimum_cell
        return self._ws.measured(
            lambda population: voice.scores(
                population, about=about, kind=kind, question=question, by=by, minimum_cell=least
            ),
            **narrowed,
        )

    def responses(self, *, by: str = "survey_id", **narrowed: Any) -> Result:
        """Of those asked, who answered, dismissed or kept silent (`voice.responses`)."""
        return self._ws.measured(lambda population: voice.responses(population, by=by), **narrowed)


class Attribution:
    """Which channels led to what persons did."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def credit(
        self,
        *,
        model: str = "linear",
        conversion: str = "Order Completed",
        lookback_s: int = 30 * 86_400,
        **narrowed: Any,
    ) -> Result:
        """Credit by channel, with 95 % bounds (`attribution.credit`). `value` holds the totals."""
        gap_s = self._ws.settings.session_gap_s
        return self._ws.measured(
            lambda population: attribution.credit(
                population, model=model, conversion=conversion, lookback_s=lookback_s, gap_s=gap_s
            ),
            **narrowed,
        )


class Segments:
    """Groups of persons named by a rule over what they did."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def counts(self, **narrowed: Any) -> Counted:
        """How many persons each named segment holds."""

        def count(population: Population) -> Counted:
            found = Counted()
            for name in segments.NAMED:
                members = segments.members(population, segments.segment_rule(name))
                counted = population.engine.run(members.aggregate(n=members.count()))
                found[name] = int(counted.column("n")[0].as_py())
            return found

        return self._ws.measured(count, **narrowed)

    def members(self, rule: str, **narrowed: Any) -> Result:
        """The persons a rule names, by id."""
        asked = segments.segment_rule(rule, "rule")
        return self._ws.rows(lambda population: segments.members(population, asked).order_by("person_id"), **narrowed)


class Predict:
    """What persons will probably do. Predicted, never observed."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def score(self, *, horizon_days: int = 90, **narrowed: Any) -> Result:
        """For each person who bought, whether they still will and how often soon (`predict.score`)."""
        return self._ws.measured(lambda population: predict.score(population, horizon_days=horizon_days), **narrowed)


class Measure:
    """What actions changed."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def effect(self, experiment: str, *, outcome: str = "Order Completed", **narrowed: Any) -> Result:
        """Those acted on beside those held out of the same decision (`measure.effect`). `value` holds the Effect."""
        return self._ws.measured(lambda population: measure.effect(population, experiment, outcome=outcome), **narrowed)


def with_instants(rows: pa.Table) -> pa.Table:
    """The rows with instants (`occurred_at`) where there were microseconds (`occurred_us`).

    >>> with_instants(pa.table({"occurred_us": [0]})).column_names
    ['occurred_at']
    """
    for place, name in enumerate(rows.column_names):
        if name.endswith("_us"):
            instants = rows.column(name).cast(pa.timestamp("us", tz="UTC"))
            rows = rows.set_column(place, f"{name[:-3]}_at", instants)
    return rows
