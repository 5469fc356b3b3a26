"""A merchandise shop's web analytics, exported through a spreadsheet: two tables, both damaged.

| rows                                            | becomes                                                         |
|-------------------------------------------------|-----------------------------------------------------------------|
| analytics: all rows of one visit                | Site Visited {pages, time_s, bounced}                           |
| analytics: those of a visit with a revenue      | Order Completed {order_id, revenue, currency}                   |
| all_sessions: one hit                           | page, Product Clicked, Viewed, Added or Removed, Checkout …     |
| channel_grouping                                | context.campaign.medium                                         |

`full_visitor_id` went through a spreadsheet, which kept three digits of nineteen (9.44E+18): it tells some 2,500 values
apart where there were tens of thousands of visitors. It is refused as identity: a visit is its own person, nobody is
merged with anybody, and nothing here says who came back. Beside visit_id it only tells apart two visits that began in
the same second. Exact repeats of a row are joins of the export, not events; an order's revenue is the sum of the
distinct rows of its visit. Amounts are millionths of a US dollar. The table ends at the last row a sheet can hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ariane.ingest.importers.files import Part, part
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import csv_rows, named_rows
from ariane.ingest.record import Record

CURRENCY = "USD"
MILLIONTHS = 1_000_000
SHEET_ROWS = 1_048_575
"""Rows below the header that one sheet can hold."""
NONE = frozenset({"", "(not set)", "not available in demo dataset"})
VISIT_COLUMNS = (
    "visit_id", "visit_start_time", "full_visitor_id", "channel_grouping", "page_views", "time_on_site", "bounces",
    "revenue",
)  # fmt: skip
HIT_COLUMNS = (
    "full_visitor_id", "channel_grouping", "elapsed_time", "country", "city", "total_transactions_revenue", "visit_id",
    "product_price", "product_sku", "v2_product_name", "v2_product_category", "transaction_id", "page_title",
    "page_path_level1", "ecommerce_action_type", "ecommerce_action_step",
)  # fmt: skip
ACTIONS = {
    "1": "Product Clicked",
    "2": "Product Viewed",
    "3": "Product Added",
    "4": "Product Removed",
    "5": "Checkout Started",
    "6": "Order Completed",
}
LATER_STEPS = {"2": "Payment Info Entered", "3": "Checkout Step Viewed"}


class _Key(NamedTuple):
    """What tells a visit apart: when it began, and the little that is left of who."""

    visit_id: str
    visitor: str

    @property
    def named(self) -> str:
        return f"visit-{self.visit_id}-{blake2b(self.visitor.encode(), digest_size=4).hexdigest()}"


class _Visit(msgspec.Struct):
    began: int
    medium: str
    pages: int
    time_s: int
    bounced: bool
    revenue: int = 0


def _parts(path: Path) -> list[Part]:
    return [part(path, "analytics.csv"), part(path, "all_sessions.csv")]


def _files(path: Path) -> list[Path]:
    return list(dict.fromkeys(found.path for found in _parts(path)))


def _records(job: Job) -> Iterator[Record]:
    analytics, sessions = _parts(job.path)
    visits = _visits(analytics, job)
    n_rows, n_repeats = job.tally.n_rows, job.tally.n_duplicates
    if n_rows == SHEET_ROWS:
        job.tally.warn(
            f"analytics: ends at row {n_rows:,}, the last a spreadsheet can hold: the rest of it is missing."
        )
    orders = sum(visit.revenue > 0 for visit in visits.values())
    figures = {"rows of visits": n_rows, "exact repeats": n_repeats, "visits": len({key.visit_id for key in visits})}
    figures |= {"visits told apart": len(visits), "visitor ids refused": len({key.visitor for key in visits})}
    job.tally.figures |= figures | {"orders": orders}
    for key, visit in visits.items():
        yield from _visit(job, key, visit)
    ordered = {key for key, visit in visits.items() if visit.revenue}
    del visits
    yield from _hits(sessions, job, ordered)
    job.tally.figures["hits"] = job.tally.n_rows - n_rows


def _visits(found: Part, job: Job) -> dict[_Key, _Visit]:
    """Every visit, in the order the file first tells of it: its rows may stand apart."""
    tally = job.tally
    header, rows = csv_rows(found.path, tally, inside=found.inside)
    places = [header.index(column) for column in VISIT_COLUMNS if column in header]
    if len(places) < len(VISIT_COLUMNS):
        next(named_rows(found, tally, VISIT_COLUMNS))  # says which is missing
    visits: dict[_Key, _Visit] = {}
    for line, values in rows:
        visit_id, began, visitor, medium, pages, time_s, bounces, revenue = [values[place] for place in places]
        tally.identity("full_visitor_id", visitor)
        if tally.seen("\0".join(values).encode()):
            continue
        try:
            key, at = _Key(visit_id, visitor), int(began)
            visit = visits.get(key)
            if visit is None:
                visits[key] = visit = _Visit(at, medium, int(pages or 0), int(time_s or 0), bounces == "1")
            visit.began = min(visit.began, at)
            visit.revenue += int(revenue or 0)
        except ValueError as error:
            tally.bad(found.path, line, "", str(error))
    return visits


def _visit(job: Job, key: _Key, visit: _Visit) -> Iterator[Record]:
    context = _context(visit.medium)
    said = {"pages": visit.pages, "time_s": visit.time_s, "bounced": visit.bounced}
    began = datetime.fromtimestamp(visit.began, UTC)
    yield _record(job, key, key.named, "Site Visited", began, said, context)
    if visit.revenue > 0:
        ended = began + timedelta(seconds=visit.time_s)
        bought = {"order_id": key.named, "revenue": round(visit.revenue / MILLIONTHS, 2), "currency": CURRENCY}
        yield _record(job, key, f"{key.named}-order", "Order Completed", ended, bought, context)


def _hits(found: Part, job: Job, ordered: set[_Key]) -> Iterator[Record]:
    for line, row in named_rows(found, job.tally, HIT_COLUMNS):
        visitor = row["full_visitor_id"]
        job.tally.identity("full_visitor_id", visitor)
        content = "\0".join(row.values()).encode()
        if job.tally.seen(content):
            continue
        key = _Key(row["visit_id"], visitor)
        try:
            at = datetime.fromtimestamp(int(key.visit_id), UTC) + timedelta(milliseconds=int(row["elapsed_time"] or 0))
            said = _hit(row)
        except (ValueError, OverflowError, OSError) as error:
            job.tally.bad(found.path, line, "visit_id", str(error))
            continue
        name = ACTIONS.get(row["ecommerce_action_type"])
        if name == "Checkout Started":
            name = LATER_STEPS.get(row["ecommerce_action_step"], name)
            said["step"] = row["ecommerce_action_step"]
        if name == "Order Completed":
            if key in ordered:
                job.tally.skip("order told by both tables")
                continue
            ordered.add(key)
            said |= {"order_id": row["transaction_id"] or key.named, "currency": CURRENCY}
            said["revenue"] = round(int(row["total_transactions_revenue"] or 0) / MILLIONTHS, 2)
        message_id = f"hit-{blake2b(content, digest_size=12).hexdigest()}"
        context = _context(row["channel_grouping"]) | {"page": {"path": row["page_path_level1"]}}
        yield _record(job, key, message_id, name, at, said, context, row["page_title"])


def _hit(row: dict[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {"product_id": row["product_sku"], "name": row["v2_product_name"]}
    said |= {"category": row["v2_product_category"], "country": row["country"], "city": row["city"]}
    said = {name: value for name, value in said.items() if value not in NONE}
    if row["product_price"] not in ("", "0"):
        said["price"] = int(row["product_price"]) / MILLIONTHS
    return said


def _context(medium: str) -> dict[str, Any]:
    return {"channel": "web", "campaign": {"medium": medium}}


def _record(
    job: Job, key: _Key, message_id: str, name: str | None, at: datetime, said: dict[str, Any], context: dict[str, Any],
    title: str = "",
) -> Record:  # fmt: skip
    return Record(
        source=job.source,
        message_id=message_id,
        type="track" if name else "page",
        event=name,
        name=None if name else title or "Page",
        received_us=job.received_us,
        timestamp=at.isoformat().removesuffix("+00:00") + "Z",
        anonymous_id=key.named,
        properties=said,
        context=context,
    )


GOOGLE_STORE = Importer(
    kind="google-store",
    about="Web analytics of a merchandise shop, its mangled visitor ids refused (zip file, or its folder)",
    files=_files,
    records=_records,
    journey="google_store.toml",
    aliases=("google-merchandise-store",),
)
