"""Every kind of import, by name."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files

from ariane.errors import InputError
from ariane.ingest.importers.call_centre import CALL_CENTRE
from ariane.ingest.importers.job import Importer
from ariane.ingest.importers.olist import OLIST
from ariane.ingest.importers.starbucks import STARBUCKS
from ariane.ingest.importers.table import TABLES

IMPORTERS: dict[str, Importer] = {found.kind: found for found in (*TABLES, STARBUCKS, OLIST, CALL_CENTRE)}


def importer(kind: str) -> Importer:
    """The importer of a kind. Raises InputError naming the kinds there are.

    >>> importer("csv").kind
    'csv'
    """
    if kind not in IMPORTERS:
        close = get_close_matches(kind, IMPORTERS, n=1)
        raise InputError(
            f"Unknown kind of import '{kind}'" + (f": did you mean '{close[0]}'?" if close else "."),
            allowed=", ".join(IMPORTERS),
        )
    return IMPORTERS[kind]


def template(kind: str) -> str | None:
    """The journey file that fits a kind, as TOML, for a workspace that has none. None for plain tables.

    >>> template("csv") is None
    True
    """
    name = importer(kind).journey
    return (files(__package__) / name).read_text(encoding="utf-8") if name else None
