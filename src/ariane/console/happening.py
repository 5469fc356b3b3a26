"""An event of the lake in words: what happened, with what, and whether it went well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ariane.console import masking, names
from ariane.console.tongue import Tongue
from ariane.console.words import N_

COLUMNS = (
    "event_id",
    "event",
    "type",
    "channel",
    "source",
    "occurred_us",
    "prop_revenue_minor",
    "prop_currency",
    "prop_order_id",
    "prop_store",
    "prop_carrier",
    "prop_category",
    "prop_reason",
    "prop_wait_s",
    "prop_resolved",
    "prop_question",
    "prop_score",
    "prop_comment",
    "prop_late_days",
    "prop_code",
    "prop_campaign",
    "prop_offer_id",
    "prop_offer_type",
)
"""What a timeline reads of an event."""

TYPE_NAMES = {
    "identify": N_("Made themselves known"),
    "alias": N_("Known under another name"),
    "group": N_("Joined a group"),
    "page": N_("Page viewed"),
    "screen": N_("Screen viewed"),
    "track": N_("Something happened"),
}
QUESTION_NAMES = {"nps": "NPS", "csat": "CSAT", "ces": "CES", "emotion": N_("Emotion"), "text": N_("Comment")}
GOOD = {"nps": 9.0, "csat": 4.0, "ces": 6.0, "emotion": 1.0}
BAD = {"nps": 6.0, "csat": 2.0, "ces": 3.0, "emotion": -1.0}
SCALES = {"nps": "/10", "csat": "/5", "ces": "/7", "emotion": ""}


def headline(tongue: Tongue, row: Mapping[str, Any]) -> str:
    """The event's own name; for a page, what was looked at; for one without a name, its kind."""
    kind = tongue._(TYPE_NAMES.get(row["type"], TYPE_NAMES["track"]))
    if row["type"] in ("page", "screen") and row["event"]:
        return f"{kind}: {str(row['event'])[:160]}"
    return str(row["event"] or kind)[:160]


def details(tongue: Tongue, row: Mapping[str, Any]) -> str:
    """What the event carried that a reader wants, in the order they want it. Comments are masked."""
    said: list[str] = []
    if row["prop_revenue_minor"] is not None:
        said.append(tongue.money(row["prop_revenue_minor"], row["prop_currency"] or "EUR"))
    if row["prop_question"] is not None and row["prop_score"] is not None:
        question = QUESTION_NAMES.get(row["prop_question"], names.plain(row["prop_question"]))
        said.append(f"{tongue._(question)} {tongue.plain(row['prop_score'], 1)}{SCALES.get(row['prop_question'], '')}")
    for column in (
        "prop_store",
        "prop_category",
        "prop_carrier",
        "prop_reason",
        "prop_campaign",
        "prop_offer_type",
        "prop_code",
    ):
        if row[column]:
            said.append(str(row[column])[:60])
    if row["prop_wait_s"] is not None:
        said.append(tongue._("waited %(time)s", time=tongue.duration(row["prop_wait_s"] * 1_000_000)))
    if row["prop_late_days"]:
        late = row["prop_late_days"]
        said.append(tongue.n_("%(n)s day late", "%(n)s days late", int(late)) if late > 0 else tongue._("early"))
    if row["prop_resolved"] is not None:
        said.append(tongue._("resolved") if row["prop_resolved"] else tongue._("not resolved"))
    if row["prop_comment"]:
        said.append(f"“{masking.comment(row['prop_comment'])}”")
    return " · ".join(said)


def tone(row: Mapping[str, Any]) -> str:
    """pos, neg, or nothing: what the person said of it, or what plainly went wrong."""
    question, score = row["prop_question"], row["prop_score"]
    if question in GOOD and score is not None:
        return "pos" if score >= GOOD[question] else "neg" if score <= BAD[question] else ""
    if (row["prop_late_days"] or 0) >= 1 or row["prop_resolved"] is False:
        return "neg"
    if row["event"] in ("Call Abandoned", "Rage Click", "Error Shown", "Object Error", "Order Refunded"):
        return "neg"
    return "pos" if row["event"] in ("Referral Made", "Friend Mentioned") else ""
