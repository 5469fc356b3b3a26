"""What a collector counts, in Prometheus's text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ariane.ingest.lag import Lag

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

FAMILIES: dict[str, tuple[str, str]] = {
    "ariane_ingest_accepted_events_total": ("counter", "Events acknowledged, each on disk."),
    "ariane_ingest_accepted_requests_total": ("counter", "Requests acknowledged."),
    "ariane_ingest_invalid_events_total": (
        "counter",
        "Acknowledged events that carry a reason why they are not valid.",
    ),
    "ariane_ingest_body_bytes_total": ("counter", "Bytes of the accepted request bodies, as sent."),
    "ariane_ingest_rejected_requests_total": ("counter", "Requests refused, by status and code."),
    "ariane_ingest_client_metrics_total": ("counter", "Measurements that client libraries sent about themselves."),
    "ariane_ingest_acknowledgement_seconds": ("histogram", "From the request's head to its answer, events on disk."),
    "ariane_ingest_queue_events": ("gauge", "Events that wait for the disk."),
    "ariane_ingest_queue_bytes": ("gauge", "Bytes of the requests being read or waiting for the disk."),
    "ariane_log_sync_seconds": ("histogram", "Time to write a group of events and make it durable."),
    "ariane_log_writable": ("gauge", "1 while the log can be written."),
    "ariane_consumer_lag_bytes": ("gauge", "Bytes of the log that a consumer has not read."),
    "ariane_consumer_lag_seconds": ("gauge", "Age of the first event that a consumer has not read."),
    "ariane_consumer_duplicates_total": (
        "counter",
        "Events left out because they were known, since the consumer started.",
    ),
    "ariane_consumer_quarantined_total": (
        "counter",
        "Events set aside by the tracking plan, since the consumer started.",
    ),
    "ariane_consumer_damaged_records_total": (
        "counter",
        "Records that failed their checksum and were left out, since the consumer started.",
    ),
    "ariane_consumer_damaged_bytes_total": ("counter", "Bytes of the log that could not be read, since it started."),
}
"""Every family: its type, and what it counts. docs/ingest.md lists the same."""

COUNTS = ("duplicates", "quarantined", "damaged_records", "damaged_bytes")
"""What consumers count."""

_LABELS = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Histogram:
    """How many durations fell below each bound of `BUCKETS_S`."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self.n = 0
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.n += 1
        self.seconds += seconds

    def lines(self, name: str, label: str) -> Iterator[str]:
        below = 0
        for bound, count in zip(BUCKETS_S, self._counts, strict=False):
            below += count
            yield f'{name}_bucket{{{label},le="{bound}"}} {below}'
        yield f'{name}_bucket{{{label},le="+Inf"}} {self.n}'
        yield f"{name}_sum{{{label}}} {self.seconds:.6f}"
        yield f"{name}_count{{{label}}} {self.n}"


class Metrics:
    """Counts of one collector process since it started.

    >>> metrics = Metrics("web-0")
    >>> metrics.accepted(3, 900, 1, 0.004); metrics.rejected(401, "unknown_write_key"); metrics.synced(0.002)
    >>> [line for line in metrics.text().splitlines() if line.startswith("ariane_ingest_accepted_events")]
    ['ariane_ingest_accepted_events_total{partition="web-0"} 3']
    """

    def __init__(self, partition: str = "") -> None:
        self.partition = partition
        self.n_events = self.n_requests = self.n_bytes = self.n_invalid = self.n_client_metrics = 0
        self.queue_events = self.queue_bytes = 0
        self.writable = True
        self.sync, self.acknowledged = Histogram(), Histogram()
        self._rejected: Counter[tuple[int, str]] = Counter()

    def accepted(self, n_events: int, n_bytes: int, n_invalid: int, seconds: float) -> None:
        self.n_events += n_events
        self.n_requests += 1
        self.n_bytes += n_bytes
        self.n_invalid += n_invalid
        self.acknowledged.add(seconds)

    def rejected(self, status: int, code: str) -> None:
        self._rejected[status, code] += 1

    def synced(self, seconds: float) -> None:
        """A group was written and made durable in this time."""
        self.sync.add(seconds)

    def samples(self) -> dict[str, list[str]]:
        """This process's lines, by family."""
        label = f'partition="{self.partition.translate(_LABELS)}"'
        plain = {
            "ariane_ingest_accepted_events_total": self.n_events,
            "ariane_ingest_accepted_requests_total": self.n_requests,
            "ariane_ingest_invalid_events_total": self.n_invalid,
            "ariane_ingest_body_bytes_total": self.n_bytes,
            "ariane_ingest_client_metrics_total": self.n_client_metrics,
            "ariane_ingest_queue_events": self.queue_events,
            "ariane_ingest_queue_bytes": self.queue_bytes,
            "ariane_log_writable": int(self.writable),
        }
        samples = {name: [f"{name}{{{label}}} {value}"] for name, value in plain.items()}
        refused = "ariane_ingest_rejected_requests_total"
        samples[refused] = [
            f'{refused}{{{label},status="{status}",code="{code.translate(_LABELS)}"}} {count}'
            for (status, code), count in sorted(self._rejected.items())
        ]
        for name, histogram in (
            ("ariane_ingest_acknowledgement_seconds", self.acknowledged),
            ("ariane_log_sync_seconds", self.sync),
        ):
            samples[name] = list(histogram.lines(name, label))
        return samples

    def text(self, lags: Sequence[Lag] = (), others: Sequence[Mapping[str, Sequence[str]]] = ()) -> str:
        """The exposition, version 0.0.4; `others` are samples of other workers of this collector."""
        told = [self.samples(), *others, _of_consumers(lags)]
        lines: list[str] = []
        for name, (kind, help_) in FAMILIES.items():
            lines += (f"# HELP {name} {help_}", f"# TYPE {name} {kind}")
            lines += [line for samples in told for line in samples.get(name, ())]
        return "\n".join(lines) + "\n"


def _of_consumers(lags: Sequence[Lag]) -> dict[str, list[str]]:
    """Samples of the families that tell of the log's consumers."""
    found: dict[str, list[str]] = {}
    for lag in lags:
        label = f'consumer="{lag.consumer.translate(_LABELS)}",partition="{lag.partition.translate(_LABELS)}"'
        values = {"lag_bytes": lag.bytes, "lag_seconds": round(lag.seconds, 3)}
        values |= {f"{what}_total": lag.counts[what] for what in COUNTS if what in lag.counts}
        for what, value in values.items():
            name = f"ariane_consumer_{what}"
            found.setdefault(name, []).append(f"{name}{{{label}}} {value}")
    return found
