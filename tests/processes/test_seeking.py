"""Looking for somebody's events the short way finds what looking at each of them finds, in addresses of pages too."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.errors import InputError
from ariane.identity import Rules
from ariane.ingest import read
from ariane.model import Identifier
from ariane.processes.seeking import Seeker
from tests.ingest.test_rows import RECORDS

WANTED = [Identifier("email", "ana@example.org"), Identifier("user_id", "7"), Identifier("cookie", "c-1")]


@settings(max_examples=80, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=4), st.sampled_from(WANTED))
def test_the_short_way_finds_what_the_long_way_finds(records: list[dict[str, Any]], wanted: Identifier) -> None:
    seeker = Seeker({wanted.key}, Rules.default())
    for record in records:
        payload = json.dumps(record).encode()
        try:
            event = read(payload)
        except InputError:
            assert seeker.in_record(payload) is None
            continue
        found = Seeker({wanted.key}, Rules.default()).concerns(event)
        assert (seeker.in_record(payload) is not None) == found
