"""The orders of a Brazilian marketplace: customers, orders, items, payments, products and reviews, as CSV.

| file and columns                                    | becomes                                                     |
|-----------------------------------------------------|-------------------------------------------------------------|
| customers: customer_unique_id                       | user_id; identify {city, state} with the first order        |
| orders: order_purchase_timestamp                    | Order Completed {order_id, revenue, currency, products …}   |
| orders: order_estimated_delivery_date               | Delivery Promised {order_id, promised_at}, when ordered     |
| orders: order_delivered_customer_date               | Delivery Made {order_id, delivered_at, late_days, late}     |
| reviews: review_score, title, message               | Survey Answered {survey_id, question csat, score, comment}  |

Clock times are those of São Paulo. An order is late when it was delivered after the instant estimated (midnight of that
day); `late_days` counts days after it, negative when early, and `outcome` says `late`, `on time` or `not delivered`.
An answer is about Delivery Made, or about Delivery Promised when nothing came, and carries the order's outcome. The
files hold only reviews that were answered, so no Survey Sent is written: it would show a response rate of 100 %.
Files may be named as here or as Kaggle names them (`olist_orders_dataset.csv`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ariane.errors import InputError
from ariane.ingest.convert import instant
from ariane.ingest.importers.files import find, need
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import csv_rows
from ariane.ingest.record import Record

ZONE = "America/Sao_Paulo"
CURRENCY = "BRL"
CONTEXT = {"channel": "web"}
NEEDED = {
    "customers": ("customer_id", "customer_unique_id", "customer_city", "customer_state"),
    "orders": (
        "order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_delivered_customer_date",
        "order_estimated_delivery_date",
    ),
    "order_items": ("order_id", "product_id", "price"),
    "order_payments": ("order_id", "payment_type", "payment_value"),
    "order_reviews": (
        "review_id", "order_id", "review_score", "review_comment_title", "review_comment_message",
        "review_answer_timestamp",
    ),
}  # fmt: skip
Columns = dict[str, str]


def _paths(folder: Path) -> list[Path]:
    products = find(folder, "olist_products.csv", "olist_products_dataset.csv")
    found = [need(folder, f"olist_{name}.csv", f"olist_{name}_dataset.csv") for name in NEEDED]
    return [*found, products] if products is not None else found


def _records(job: Job) -> Iterator[Record]:
    customers, orders, items, payments, reviews, *products = _paths(job.path)
    categories = (
        {row["product_id"]: row["product_category_name"] for _, row in _rows(products[0], job)} if products else {}
    )
    persons = {row["customer_id"]: row for _, row in _rows(customers, job, NEEDED["customers"])}
    bought, paid = _bought(items, job, categories), _paid(payments, job)
    whose: dict[str, tuple[str, str]] = {}
    known: set[str] = set()
    for line, row in _by_time(_rows(orders, job, NEEDED["orders"]), "order_purchase_timestamp"):
        person = persons.get(row["customer_id"])
        if person is None:
            job.tally.bad(orders, line, "customer_id", "the customer is not in the customers' file")
            continue
        try:
            happened = list(_order(row, person, bought, paid, known, job))
        except ValueError as error:
            job.tally.bad(orders, line, "", str(error))
            continue
        whose[row["order_id"]] = (person["customer_unique_id"], _outcome(row)[0])
        yield from happened
    yield from _answers(reviews, job, whose)
    _figures(job, whose, known)


def _rows(
    path: Path, job: Job, columns: tuple[str, ...] = ("product_id", "product_category_name")
) -> Iterator[tuple[int, Columns]]:
    header, rows = csv_rows(path, job.tally)
    lacking = [column for column in columns if column not in header]
    if lacking:
        raise InputError(f"Column '{lacking[0]}' is missing.", where=f"{path}:1", allowed=", ".join(columns))
    for line, values in rows:
        yield line, dict(zip(header, values, strict=True))


def _by_time(rows: Iterator[tuple[int, Columns]], column: str) -> list[tuple[int, Columns]]:
    """The rows in order of time: the lake keeps a file a day, and unsorted rows would touch every day at once."""
    return sorted(rows, key=lambda row: (row[1][column], row[0]))


def _bought(path: Path, job: Job, categories: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    bought: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line, row in _rows(path, job, NEEDED["order_items"]):
        try:
            product: dict[str, Any] = {"product_id": row["product_id"], "price": float(row["price"]), "quantity": 1}
        except ValueError:
            job.tally.bad(path, line, "price", f"'{row['price'][:40]}' is not a number")
            continue
        if category := categories.get(row["product_id"]):
            product["category"] = category
        bought[row["order_id"]].append(product)
    return bought


def _paid(path: Path, job: Job) -> dict[str, tuple[int, str]]:
    """What was paid for each order, in centavos, and by which means first."""
    paid: dict[str, tuple[int, str]] = {}
    for line, row in _rows(path, job, NEEDED["order_payments"]):
        try:
            amount = round(float(row["payment_value"]) * 100)
        except (ValueError, OverflowError):
            job.tally.bad(path, line, "payment_value", f"'{row['payment_value'][:40]}' is not a number")
            continue
        before, means = paid.get(row["order_id"], (0, row["payment_type"]))
        paid[row["order_id"]] = (before + amount, means)
    return paid


def _order(
    row: Columns, person: Columns, bought: dict[str, list[dict[str, Any]]], paid: dict[str, tuple[int, str]],
    known: set[str], job: Job,
) -> Iterator[Record]:  # fmt: skip
    order_id, user_id = row["order_id"], person["customer_unique_id"]
    at = instant(row["order_purchase_timestamp"], timezone=ZONE)
    if user_id not in known:
        known.add(user_id)
        place = {"city": person["customer_city"], "state": person["customer_state"]}
        yield _record(job, f"person-{user_id}", None, at, user_id, place)
    centavos, means = paid.get(order_id, (0, ""))
    products = bought.get(order_id, [])
    said: dict[str, Any] = {
        "order_id": order_id,
        "revenue": centavos / 100,
        "currency": CURRENCY,
        "status": row["order_status"],
    }
    said |= {"payment": means, "products": products}
    if products and "category" in products[0]:
        said["category"] = products[0]["category"]
    yield _record(job, f"order-{order_id}", "Order Completed", at, user_id, said)
    promised = instant(row["order_estimated_delivery_date"], timezone=ZONE)
    # A microsecond later: the promise follows the order it is made for.
    just_after = at.removesuffix("Z") + ".000001Z"
    outcome, late_days = _outcome(row)
    promise = {"order_id": order_id, "promised_at": promised, "outcome": outcome}
    yield _record(job, f"promise-{order_id}", "Delivery Promised", just_after, user_id, promise)
    if late_days is not None:
        delivered = instant(row["order_delivered_customer_date"], timezone=ZONE)
        made = {
            "order_id": order_id,
            "delivered_at": delivered,
            "late_days": late_days,
            "late": late_days > 0,
            "outcome": outcome,
        }
        yield _record(job, f"delivery-{order_id}", "Delivery Made", delivered, user_id, made)


def _outcome(row: Columns) -> tuple[str, float | None]:
    """Late, on time or not delivered, and the days between the estimate and the delivery."""
    if not row["order_delivered_customer_date"]:
        return "not delivered", None
    zone = ZoneInfo(ZONE)
    delivered = datetime.fromisoformat(row["order_delivered_customer_date"]).replace(tzinfo=zone)
    estimated = datetime.fromisoformat(row["order_estimated_delivery_date"]).replace(tzinfo=zone)
    late_days = (delivered - estimated) / timedelta(days=1)
    return ("late" if late_days > 0 else "on time"), round(late_days, 3)


def _answers(path: Path, job: Job, whose: dict[str, tuple[str, str]]) -> Iterator[Record]:
    n: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line, row in _by_time(_rows(path, job, NEEDED["order_reviews"]), "review_answer_timestamp"):
        if row["order_id"] not in whose:
            job.tally.bad(path, line, "order_id", "the order is not in the orders' file")
            continue
        user_id, outcome = whose[row["order_id"]]
        try:
            score = int(row["review_score"])
            at = instant(row["review_answer_timestamp"], timezone=ZONE)
        except ValueError as error:
            job.tally.bad(path, line, "review_score", str(error))
            continue
        n[outcome] += 1
        total[outcome] += score
        comment = "\n".join(
            part for text in ("review_comment_title", "review_comment_message") if (part := row[text].strip())
        )
        said: dict[str, Any] = {
            "survey_id": "order_review",
            "question": "csat",
            "score": score,
            "kind": "transactional",
        }
        said |= {"about": "Delivery Promised" if outcome == "not delivered" else "Delivery Made"}
        said |= {"order_id": row["order_id"], "outcome": outcome} | ({"comment": comment} if comment else {})
        yield _record(job, f"review-{row['review_id']}-{row['order_id']}", "Survey Answered", at, user_id, said)
    for outcome in ("late", "on time", "not delivered"):
        if n[outcome]:
            job.tally.figures[f"mean score, {outcome}"] = total[outcome] / n[outcome]
    job.tally.figures["answers"] = n.total()


def _record(job: Job, message_id: str, event: str | None, at: str, user_id: str, properties: dict[str, Any]) -> Record:
    return Record(
        source=job.source,
        message_id=message_id,
        type="track" if event else "identify",
        event=event,
        received_us=job.received_us,
        timestamp=at,
        user_id=user_id,
        properties=properties,
        context=CONTEXT,
    )


def _figures(job: Job, whose: dict[str, tuple[str, str]], known: set[str]) -> None:
    outcomes = Counter(outcome for _, outcome in whose.values())
    delivered = outcomes["late"] + outcomes["on time"]
    job.tally.figures |= {"persons": len(known), "orders": len(whose), "delivered": delivered, "late": outcomes["late"]}
    if delivered:
        job.tally.figures["share late"] = outcomes["late"] / delivered


OLIST = Importer(
    kind="olist",
    about="Orders, promised and actual deliveries, and reviews of a marketplace (folder)",
    files=_paths,
    records=_records,
    journey="olist.toml",
    aliases=("olist-sample",),
)
