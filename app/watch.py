"""What happens, counted for Prometheus: the numbers of ``/metrics``."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call] # twice the lines, for nothing that anyone here asks

PREFIX = "gradient_highways"
# From a kept answer to the time limit.
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


class Watch:
    """The counters of one service."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"{PREFIX}_{name}", what, registry=registry)

        self.requests = counter("requests", "Answers sent, by address and status", "route", "code")
        self.latency = Histogram(
            f"{PREFIX}_request_seconds",
            "From a request to the end of its answer",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.kept = counter("kept_answers", "Answers found finished", "found")
        self.refused = counter("refused", "Requests refused, by the title of the refusal", "title")
        self.jobs = counter("jobs", "Work that ended, by how", "outcome")
        self.restarts = counter("worker_restarts", "Workers replaced, by the reason", "reason")
        self.engine_s = counter("engine_seconds", "Time that workers spent in the engine")
        self.figures_s = counter("figures_seconds", "Time that workers spent writing answers")
        self.queue_length = gauge("queue_length", "Jobs that wait for a worker")
        self.workers_busy = gauge("workers_busy", "Workers at work")
        self.wait_s = gauge("queue_wait_seconds", "Predicted time until all that waits is done")
        self.streams = gauge("streams", "Phase maps and trainings that are watched")
        self.held_bytes = gauge("held_bytes", "Large answers that clients have not taken yet")
        self.kept_bytes = gauge("kept_bytes", "Memory that finished answers take")

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
