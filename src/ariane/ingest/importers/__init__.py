"""Brings files of the past into the log. Tables (CSV, NDJSON, Parquet) come with a mapping file, proposed from their
first rows; process logs (XES), a web server's access logs and the formats of known data sets come with their own. Each
importer turns rows into log records whose message ids depend on the rows alone, so that importing again adds nothing,
and an interrupted import goes on.
"""

from ariane.ingest.importers.propose import propose_mapping
from ariane.ingest.importers.registry import IMPORTERS, importer, template
from ariane.ingest.importers.report import ImportReport
from ariane.ingest.importers.run import dry_run, run_import
from ariane.ingest.mapping import Mapping, mapping_text, read_mapping

__all__ = [
    "IMPORTERS",
    "ImportReport",
    "Mapping",
    "dry_run",
    "importer",
    "mapping_text",
    "propose_mapping",
    "read_mapping",
    "run_import",
    "template",
]
