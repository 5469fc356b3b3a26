"""The invoices of a British online shop for gifts, one row an article, as Parquet or CSV.

| rows                                    | becomes                                                              |
|-----------------------------------------|----------------------------------------------------------------------|
| the rows of one InvoiceNo               | Order Completed {order_id, revenue, currency, products, country}     |
| the rows of one InvoiceNo led by C      | Order Refunded, the same; revenue is what went back, positive        |
| CustomerID                              | user_id; without one nobody is known, and the order is its own person|

An event is an invoice, not one of its rows. Clock times are those of London, amounts are pounds. Rows without a person
and without a price (counts of the stock, goods broken or lost) and the three that adjust bad debts (A…) are the shop's
own bookkeeping: left out and counted. Postage, discounts and charges stay in the order. Invoices stand together in the
file; one whose rows are scattered over more than 500 others is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from ariane.ingest.convert import instant
from ariane.ingest.importers.files import Part, part
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import named_rows, read_rows
from ariane.ingest.record import Record

ZONE = "Europe/London"
FORMATS = ("iso", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M")
CURRENCY = "GBP"
CONTEXT = {"channel": "web"}
OPEN = 500
NEEDED = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
NAMES = (
    "online_retail.parquet", "online_retail.csv", "Online_Retail.csv", "Online Retail.csv", "OnlineRetail.csv",
    "data.csv",
)  # fmt: skip


class _Invoice(msgspec.Struct):
    """One invoice being gathered. Exact pounds: a price may have three decimals."""

    number: str
    at: str
    person: str
    country: str
    pounds: Decimal
    products: list[dict[str, Any]]


def _part(path: Path) -> Part:
    return part(path, *NAMES)


def _records(job: Job) -> Iterator[Record]:
    tally, waiting, closed = job.tally, dict[str, _Invoice](), set[str]()
    known, n_orders, n_refunds, n_nobody = set[str](), 0, 0, 0
    path = _part(job.path).path

    def close(invoice: _Invoice) -> Record:
        nonlocal n_orders, n_refunds, n_nobody
        closed.add(invoice.number)
        n_refunds += invoice.number[0] == "C"
        n_orders += invoice.number[0] != "C"
        n_nobody += not invoice.person
        return _record(invoice, job)

    for line, row in _rows(job):
        number, person = row["InvoiceNo"] or "", (row["CustomerID"] or "").removesuffix(".0")
        if person:
            known.add(person)
        try:
            quantity, price = int(float(row["Quantity"])), Decimal(row["UnitPrice"])
            if not number or not price.is_finite():
                raise ValueError
        except (ValueError, InvalidOperation, TypeError, OverflowError):
            tally.bad(path, line, "", f"invoice '{number[:20]}': no quantity and price")
            continue
        reason = _bookkeeping(number, person, price)
        if reason:
            tally.skip(reason)
            continue
        invoice = waiting.get(number)
        if invoice is None:
            if number in closed:
                tally.bad(path, line, "InvoiceNo", f"more than {OPEN} invoices after the rest of invoice {number[:20]}")
                continue
            try:
                at = _instant(row["InvoiceDate"])
            except (ValueError, TypeError) as error:
                tally.bad(path, line, "InvoiceDate", str(error))
                continue
            waiting[number] = invoice = _Invoice(number, at, person, row["Country"] or "", Decimal(0), [])
            if len(waiting) > OPEN:
                yield close(waiting.pop(next(iter(waiting))))
        invoice.pounds += price * quantity
        invoice.products.append(_product(row, quantity, price))
    yield from [close(invoice) for invoice in waiting.values()]
    figures = {"invoice lines": tally.n_rows, "persons": len(known), "orders": n_orders, "refunds": n_refunds}
    tally.figures |= figures | {"orders and refunds of nobody known": n_nobody}


def _rows(job: Job) -> Iterator[tuple[int, dict[str, Any]]]:
    found = _part(job.path)
    if found.path.suffix != ".parquet":
        yield from named_rows(found, job.tally, NEEDED, encoding="cp1252")
        return
    _, rows = read_rows(found.path, job.tally, format="parquet")
    for row in rows:
        yield row.line, {name: _text(row.values.get(name)) for name in NEEDED}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _bookkeeping(number: str, person: str, price: Decimal) -> str:
    if number.startswith("A"):
        return "adjustment of bad debts"
    return "stock counted, broken or lost" if not person and price == 0 else ""


def _instant(text: str) -> str:
    for format in FORMATS:
        try:
            return instant(text, format, ZONE)
        except ValueError:
            continue
    raise ValueError(f"'{text[:40]}' is no instant")


def _product(row: dict[str, Any], quantity: int, price: Decimal) -> dict[str, Any]:
    product: dict[str, Any] = {"product_id": row["StockCode"], "price": float(price), "quantity": abs(quantity)}
    if name := (row["Description"] or "").strip():
        product["name"] = name
    return product


def _record(invoice: _Invoice, job: Job) -> Record:
    refund = invoice.number.startswith("C")
    said: dict[str, Any] = {
        "order_id": invoice.number,
        "revenue": round(float(-invoice.pounds if refund else invoice.pounds), 2),
        "currency": CURRENCY,
        "country": invoice.country,
        "products": invoice.products,
    }
    return Record(
        source=job.source,
        message_id=f"order-{invoice.number}",
        type="track",
        event="Order Refunded" if refund else "Order Completed",
        received_us=job.received_us,
        timestamp=invoice.at,
        anonymous_id=None if invoice.person else f"order-{invoice.number}",
        user_id=invoice.person or None,
        properties=said,
        context=CONTEXT,
    )


ONLINE_RETAIL = Importer(
    kind="online-retail",
    about="Invoices of an online shop, row by row (Parquet or CSV file, or its folder)",
    files=lambda path: [_part(path).path],
    records=_records,
    journey="online_retail.toml",
)
