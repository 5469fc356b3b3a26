"""What a collector counts, in Prometheus's text format."""

from __future__ import annotations

from collections import Counter

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counts of one collector process since it started.

    >>> metrics = Metrics("web-0")
    >>> metrics.accepted(3, 900, 1); metrics.rejected(401); metrics.synced(0.002)
    >>> [line for line in metrics.text().splitlines() if line.startswith("ariane_ingest_accepted")]
    ['ariane_ingest_accepted_events_total{partition="web-0"} 3']
    """

    def __init__(self, partition: str = "") -> None:
        self.partition = partition
        self.n_events = self.n_bytes = self.n_invalid = self.n_syncs = 0
        self.sync_s = 0.0
        self._rejected: Counter[int] = Counter()
        self._buckets = [0] * len(BUCKETS_S)

    def accepted(self, n_events: int, n_bytes: int, n_invalid: int) -> None:
        self.n_events += n_events
        self.n_bytes += n_bytes
        self.n_invalid += n_invalid

    def rejected(self, status: int) -> None:
        self._rejected[status] += 1

    def synced(self, seconds: float) -> None:
        """A group was written and made durable in this time."""
        self.n_syncs += 1
        self.sync_s += seconds
        for place, bound in enumerate(BUCKETS_S):
            self._buckets[place] += seconds <= bound

    def text(self) -> str:
        """The exposition, version 0.0.4."""
        label = f'partition="{self.partition}"'
        lines = [
            "# HELP ariane_ingest_accepted_events_total Events acknowledged, each on disk.",
            "# TYPE ariane_ingest_accepted_events_total counter",
            f"ariane_ingest_accepted_events_total{{{label}}} {self.n_events}",
            "# HELP ariane_ingest_invalid_events_total Acknowledged events that carry a reason why they are not valid.",
            "# TYPE ariane_ingest_invalid_events_total counter",
            f"ariane_ingest_invalid_events_total{{{label}}} {self.n_invalid}",
            "# HELP ariane_ingest_body_bytes_total Bytes of the accepted request bodies, as sent.",
            "# TYPE ariane_ingest_body_bytes_total counter",
            f"ariane_ingest_body_bytes_total{{{label}}} {self.n_bytes}",
            "# HELP ariane_ingest_rejected_requests_total Requests refused, by status.",
            "# TYPE ariane_ingest_rejected_requests_total counter",
        ]
        for status, count in sorted(self._rejected.items()):
            lines.append(f'ariane_ingest_rejected_requests_total{{{label},status="{status}"}} {count}')
        lines += [
            "# HELP ariane_log_sync_seconds Time to write a group of events and make it durable.",
            "# TYPE ariane_log_sync_seconds histogram",
        ]
        for bound, count in zip(BUCKETS_S, self._buckets, strict=True):
            lines.append(f'ariane_log_sync_seconds_bucket{{{label},le="{bound}"}} {count}')
        lines += [
            f'ariane_log_sync_seconds_bucket{{{label},le="+Inf"}} {self.n_syncs}',
            f"ariane_log_sync_seconds_sum{{{label}}} {self.sync_s:.6f}",
            f"ariane_log_sync_seconds_count{{{label}}} {self.n_syncs}",
        ]
        return "\n".join(lines) + "\n"
