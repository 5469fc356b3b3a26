"""Tables as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from starlette.responses import Response


def guarded(value: object) -> str:
    """The cell as text. A spreadsheet runs what starts with = + - @, tab or return as a formula; a quote stops it.
    Numbers stay numbers.

    >>> guarded("=1+1"), guarded(-1.5), guarded(None)
    ("'=1+1", '-1.5', '')
    """
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.10g}" if isinstance(value, float) else str(value)
    text = str(value)
    return "'" + text if text.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r")) else text


def instant(micros: int | None) -> str:
    """An instant as ISO 8601 in UTC.

    >>> instant(0)
    '1970-01-01T00:00:00Z'
    """
    if micros is None:
        return ""
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def sheet(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A CSV file to download: UTF-8 with a mark, so that spreadsheets read accents."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([guarded(value) for value in row] for row in rows)
    return Response(
        "\ufeff" + out.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
