"""Every kind of import, by name."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from importlib.resources import files
from pathlib import Path

from ariane.errors import InputError
from ariane.ingest import sources
from ariane.ingest.importers.access_log import ACCESS_LOG
from ariane.ingest.importers.bank_marketing import BANK_MARKETING
from ariane.ingest.importers.call_centre import CALL_CENTRE
from ariane.ingest.importers.comcast import COMCAST
from ariane.ingest.importers.decentraland import DECENTRALAND
from ariane.ingest.importers.elasticoffee import ELASTICOFFEE
from ariane.ingest.importers.fitbit import FITBIT
from ariane.ingest.importers.google_store import GOOGLE_STORE
from ariane.ingest.importers.job import Importer
from ariane.ingest.importers.olist import OLIST
from ariane.ingest.importers.online_retail import ONLINE_RETAIL
from ariane.ingest.importers.starbucks import STARBUCKS
from ariane.ingest.importers.table import TABLES, one_file, source_records

IMPORTERS: dict[str, Importer] = {
    found.kind: found
    for found in (
        *TABLES, ACCESS_LOG, STARBUCKS, OLIST, CALL_CENTRE, ONLINE_RETAIL, BANK_MARKETING, COMCAST, GOOGLE_STORE,
        ELASTICOFFEE, FITBIT, DECENTRALAND,
    )
}  # fmt: skip

_ALIASES = {alias: one.kind for one in IMPORTERS.values() for alias in one.aliases}


def importer(kind: str, folder: Path | None = None) -> Importer:
    """The importer of a kind, or of another name it answers to: a format, a known data set, or a kind of source.

    `folder` holds a workspace's own kinds of source. Raises InputError naming the kinds there are.

    >>> importer("csv").kind, importer("olist_sample").kind, importer("till").kind
    ('csv', 'olist', 'till')
    """
    named = kind.lower().replace("_", "-")
    named = _ALIASES.get(named, named)
    if named in sources.kinds(folder) and named not in IMPORTERS:
        about = sources.source_kind(named, folder).title.get("en", "")
        mapping = sources.mapping_of(named, folder)
        return Importer(named, about, one_file, partial(source_records, named), mapping.basis, mapping=mapping)
    if named not in IMPORTERS:
        close = get_close_matches(named, (*IMPORTERS, *sources.kinds(folder)), n=1)
        raise InputError(
            f"Unknown kind of import '{kind}'" + (f": did you mean '{close[0]}'?" if close else "."),
            allowed=", ".join((*IMPORTERS, *sources.kinds(folder))),
        )
    return IMPORTERS[named]


def template(kind: str, folder: Path | None = None) -> str | None:
    """The journey file that fits a kind, as TOML, for a workspace that has none. None for tables and sources.

    >>> template("csv") is None
    True
    """
    name = importer(kind, folder).journey
    return (files(__package__) / name).read_text(encoding="utf-8") if name else None
