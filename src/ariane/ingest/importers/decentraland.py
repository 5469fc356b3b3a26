"""Sales of land in a virtual world, one row a sale, as read off the blockchain.

| columns                | becomes                                                                                  |
|------------------------|------------------------------------------------------------------------------------------|
| parcel, dateYMD        | Virtual Item Bought {product_id, category, revenue, currency, paid_in, x, y, …}          |
| LpriceUSD              | revenue: its exponential, in US cents                                                    |
| payMANA, payETH        | paid_in: MANA, ETH, or neither                                                           |

The file names no buyer: the events carry no identifier, count for no person, and are only good for what was sold, when
and for how much. LpriceUSD is a logarithm whose unit the file does not say; only as cents are the prices those that
were paid in these years (the middle one is some 400 dollars, not 40,000). Instants are UTC. A parcel sold twice in one
second at one price is one sale listed twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from math import exp
from pathlib import Path
from typing import Any

from ariane.ingest.convert import instant, number
from ariane.ingest.importers.files import Part, part
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import named_rows
from ariane.ingest.record import Record

CONTEXT = {"channel": "virtual_world"}
CURRENCY = "USD"
DISTANCES = {"distOrigin": "to_origin", "distRoad": "to_road", "distPlaza": "to_plaza", "distDistrict": "to_district"}
NEEDED = ("parcel", "dateYMD", "LpriceUSD", "x", "y", *DISTANCES, "payMANA", "payETH")
HIGHEST = 40.0
"""A logarithm above this is no price of anything."""


def _part(path: Path) -> Part:
    return part(path, "sales_parcels.csv", "sales_parcels_181920.csv")


def _records(job: Job) -> Iterator[Record]:
    tally, parcels, paid = job.tally, set[str](), Counter[str]()
    found = _part(job.path)
    for line, row in named_rows(found, tally, NEEDED):
        try:
            at, said = instant(row["dateYMD"]), _said(row)
        except ValueError as error:
            tally.bad(found.path, line, "", str(error))
            continue
        content = "\0".join(row.values()).encode()
        if tally.seen(content):
            continue
        parcels.add(row["parcel"])
        paid[said["paid_in"]] += 1
        yield Record(
            source=job.source,
            message_id=f"sale-{blake2b(content, digest_size=12).hexdigest()}",
            type="track",
            event="Virtual Item Bought",
            received_us=job.received_us,
            timestamp=at,
            properties=said,
            context=CONTEXT,
        )
    tally.figures |= {"rows": tally.n_rows, "parcels": len(parcels), "persons": 0}
    tally.figures |= {f"paid in {name}": n for name, n in paid.most_common()}


def _said(row: dict[str, str]) -> dict[str, Any]:
    logarithm = number(row["LpriceUSD"])
    if not 0 <= logarithm <= HIGHEST:
        raise ValueError(f"LpriceUSD {logarithm} is no logarithm of a price")
    said: dict[str, Any] = {
        "product_id": row["parcel"],
        "category": "land",
        "revenue": round(exp(logarithm)) / 100,
        "currency": CURRENCY,
        "paid_in": "MANA" if row["payMANA"] == "1" else "ETH" if row["payETH"] == "1" else "other",
        "x": int(row["x"]),
        "y": int(row["y"]),
    }
    return said | {name: round(number(row[column]), 4) for column, name in DISTANCES.items()}


DECENTRALAND = Importer(
    kind="decentraland",
    about="Sales of land in a virtual world, without buyers (CSV file, or its folder)",
    files=lambda path: [_part(path).path],
    records=_records,
    aliases=("decentraland-parcels",),
)
