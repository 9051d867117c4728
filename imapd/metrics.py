"""Numbers for monitoring: what happened, by the log's own events, and what is open.

Each worker counts for itself and tells the others its numbers now and then; whichever
is asked gives those of all, by worker. A worker that begins anew counts from zero, as
Prometheus expects of counters.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

TELL_SECONDS = 2.0
_PER_NOTE = 40


def load() -> None:
    """Load what writes the page, for who is going to be asked for it."""
    import prometheus_client  # noqa: F401


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric as it is documented; ``label`` beside the worker, if it has one."""

    name: str
    kind: str
    label: str
    doc: str


EVENTS = MetricSpec(
    "imapd_events_total", "counter", "event", "entries of the log, written or not"
)
LOGINS = MetricSpec(
    "imapd_logins_total", "counter", "mechanism", "logins that succeeded"
)
DELIVERIES = MetricSpec(
    "imapd_deliveries_total",
    "counter",
    "code",
    "answers to messages by LMTP and SMTP, one for each recipient",
)
SESSIONS = MetricSpec(
    "imapd_sessions_total", "counter", "protocol", "sessions that began"
)
CONNECTIONS = MetricSpec("imapd_connections", "gauge", "", "connections that are open")
STRANGERS = MetricSpec(
    "imapd_connections_unauthenticated",
    "gauge",
    "",
    "those that are not logged in; without those of an MTA",
)
KEPT_OCTETS = MetricSpec(
    "imapd_answer_cache_octets",
    "gauge",
    "",
    "octets of answers to FETCH that are kept for another time",
)
KEPT_HITS = MetricSpec(
    "imapd_answer_cache_hits_total",
    "counter",
    "",
    "messages that were listed from what is kept",
)
KEPT_MISSES = MetricSpec(
    "imapd_answer_cache_misses_total",
    "counter",
    "",
    "messages that were listed and had to be read",
)
METRICS = (
    EVENTS,
    LOGINS,
    DELIVERIES,
    SESSIONS,
    CONNECTIONS,
    STRANGERS,
    KEPT_OCTETS,
    KEPT_HITS,
    KEPT_MISSES,
)

_Key = tuple[str, str]  # metric, value of its label
_EVENTS = EVENTS.name
# Events that are counted by one of their facts too: metric, fact, what it is else.
_BY_A_FACT: Mapping[str, tuple[str, str, str]] = {
    "login": (LOGINS.name, "mechanism", ""),
    "delivery": (DELIVERIES.name, "code", ""),
    "connect": (SESSIONS.name, "protocol", "imap"),
}


@dataclass(slots=True)
class _Worker:
    numbers: dict[_Key, float] = field(default_factory=dict)


class Metrics:
    """The numbers of this worker and what the others told. Event thread only."""

    def __init__(self, worker: int = 0) -> None:
        self._worker = str(worker)
        self._counts: Counter[_Key] = Counter()
        self._silent: dict[_Key, Callable[[], int]] = {}
        self._gauges: dict[str, Callable[[], float]] = {}
        self._others: dict[str, _Worker] = {}
        self._told: dict[_Key, float] = {}

    def event(self, kind: str, facts: Mapping[str, object]) -> None:
        """Count an entry of the log."""
        self._counts[_EVENTS, kind] += 1
        told = _BY_A_FACT.get(kind)
        if told is not None:
            name, fact, default = told
            self._counts[name, str(facts.get(fact, default))] += 1

    def silent(self, kind: str, read: Callable[[], int]) -> None:
        """Have those read, when numbers are asked for, that are no entries of the log.

        What happens for each command is counted by who does it.
        """
        self._silent[_EVENTS, kind] = read

    def gauge(self, spec: MetricSpec, read: Callable[[], float]) -> None:
        """Have a number read when it is asked for."""
        self._gauges[spec.name] = read

    # -- several workers

    def notes(self) -> Iterable[bytes]:
        """Write what changed since the last time, for the other workers."""
        now = self._numbers()
        changed = [
            [*key, value] for key, value in now.items() if self._told.get(key) != value
        ]
        self._told = now
        for at in range(0, len(changed), _PER_NOTE):
            yield json.dumps([self._worker, changed[at : at + _PER_NOTE]]).encode()

    def hear(self, note: bytes) -> None:
        """Take a note of another worker."""
        try:
            worker, numbers = json.loads(note)
            for name, label, value in numbers:
                held = self._others.setdefault(str(worker), _Worker())
                held.numbers[str(name), str(label)] = float(value)
        except (ValueError, TypeError):
            return

    def _numbers(self) -> dict[_Key, float]:
        gauges = {(name, ""): float(read()) for name, read in self._gauges.items()}
        silent = Counter({key: read() for key, read in self._silent.items()})
        return {**(self._counts + silent), **gauges}

    # -- asked for

    def collect(self) -> Iterable[Metric]:
        """Give all numbers of all workers, as prometheus_client wants them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        all_ = {who: held.numbers for who, held in self._others.items()}
        all_[self._worker] = self._numbers()
        for spec in METRICS:
            labels = ["worker", spec.label] if spec.label else ["worker"]
            family: CounterMetricFamily | GaugeMetricFamily
            if spec.kind == "counter":
                family = CounterMetricFamily(spec.name, spec.doc, labels=labels)
            else:
                family = GaugeMetricFamily(spec.name, spec.doc, labels=labels)
            for worker, numbers in sorted(all_.items()):
                for (name, label), value in sorted(numbers.items()):
                    if name == spec.name:
                        values = [worker, label] if spec.label else [worker]
                        family.add_metric(values, value)
            yield family

    def text(self) -> bytes:
        """Write all numbers in Prometheus's text format."""
        from prometheus_client.exposition import generate_latest
        from prometheus_client.registry import CollectorRegistry

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)
