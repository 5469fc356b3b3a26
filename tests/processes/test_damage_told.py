"""A flipped bit under a workspace is told by note, metrics and doctor, and all the rest is in the lake."""

from __future__ import annotations

import time
from pathlib import Path

from ariane.cli.checks import examine
from ariane.ingest.lag import lags
from ariane.ingest.metrics import Metrics
from ariane.processes import catch_up
from tests.processes.living import deliver, town_events, workspace


def test_a_damaged_record_is_told_with_what_it_cost(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, town_events(20)[:300])
    struck = stores.log.read("web-0", 0, 1 << 30).records[120]
    (segment,) = (stores.path / "log" / "web-0").glob("*.log")
    content = bytearray(segment.read_bytes())
    content[struck.offset + 30] ^= 4
    segment.write_bytes(content)
    catch_up(stores)  # by workers
    assert stores.lake.n_rows("events") == 299
    told = [check for check in examine(stores.path) if check.name == "log web-0"]
    cost = len(struck.payload) + 10
    assert [check.verdict for check in told] == ["warning"]
    assert told[0].found == f"1 record lost to damage, {cost:,} bytes, at offset {struck.offset:,}"
    behind = lags(stores.path, stores.log, time.time_ns() // 1000)
    text = Metrics("web-0").text(behind)
    for consumer in ("stream", "lake"):
        label = f'{{consumer="{consumer}",partition="web-0"}}'
        assert f"ariane_consumer_damaged_records_total{label} 1\n" in text
        assert f"ariane_consumer_damaged_bytes_total{label} {cost}\n" in text
        assert f"ariane_consumer_lag_bytes{label} 0\n" in text
    stores.close()
