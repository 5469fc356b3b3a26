"""Brings files of the past into the log. Tables (CSV, NDJSON, Parquet) come with a mapping file, proposed from their
first rows; the formats of three known data sets come with their own. Each importer turns rows into log records whose
message ids depend on the rows alone, so that importing again adds nothing, and an interrupted import goes on.
"""

from ariane.ingest.importers.propose import propose_mapping
from ariane.ingest.importers.registry import IMPORTERS, template
from ariane.ingest.importers.report import BadRow, ImportReport
from ariane.ingest.importers.run import dry_run, run_import
from ariane.ingest.mapping import Mapping, mapping_text, read_mapping

__all__ = [
    "IMPORTERS",
    "BadRow",
    "ImportReport",
    "Mapping",
    "dry_run",
    "mapping_text",
    "propose_mapping",
    "read_mapping",
    "run_import",
    "template",
]
