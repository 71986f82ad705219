"""What one process measures, in the shape that Prometheus reads; no label ever names a customer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, generate_latest, start_http_server
from prometheus_client import Histogram as RequestHistogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from graph_crm import __version__
from graph_crm.clock import CLOCK
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database
from graph_crm.graph.metrics import BOUNDS, Histogram
from graph_crm.graph.outbox import Backlog
from graph_crm.rules.booked import RuleCounters
from graph_crm.rules.manager import RuleBook

REGISTRY: Final = CollectorRegistry()
REQUESTS: Final = Counter(
    "graph_crm_requests", "HTTP requests by path and status.", ["path", "status"], registry=REGISTRY
)
LATENCY: Final = RequestHistogram(
    "graph_crm_request_seconds", "Seconds that an HTTP request took.", ["path"], buckets=BOUNDS, registry=REGISTRY
)


class PlatformCollector(Collector):
    """The numbers that database and rules keep anyway, read when they are asked for."""

    def __init__(
        self,
        database: Database,
        rules: RuleBook,
        outbox: Sequence[Backlog] = (),
        worker: Worker | None = None,
        *,
        events: Mapping[str, int] | None = None,
    ) -> None:
        self._database = database
        self._rules = rules
        self._outbox = outbox
        self._worker = worker
        self._events = events

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        info = GaugeMetricFamily("graph_crm_info", "The running version; always 1.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        if (ahead := CLOCK.ahead) is not None:
            told = "Seconds that this computer's clock is ahead of the database's; negative: behind."
            yield GaugeMetricFamily("graph_crm_clock_ahead_seconds", told, value=ahead)
        yield from self._of_database()
        yield from self._of_rules()
        if self._outbox:
            yield from self._of_outbox()
        if self._worker:
            yield from self._of_worker(self._worker)
        if self._events is not None:
            events = CounterMetricFamily("graph_crm_events", "Events that were sent, by result.", labels=["result"])
            for result in ("recorded", "duplicates", "refused"):
                events.add_metric([result], self._events.get(result, 0))
            yield events

    def _of_database(self) -> Iterator[Metric]:
        numbers = self._database.metrics
        statements = HistogramMetricFamily(
            "graph_crm_statement_seconds", "Seconds that a Cypher statement took.", labels=["kind"]
        )
        _add(statements, ["read"], numbers.reads)
        _add(statements, ["write"], numbers.writes)
        yield statements
        transactions = HistogramMetricFamily(
            "graph_crm_transaction_seconds", "Seconds that a write transaction took, its retries included.", labels=[]
        )
        _add(transactions, [], numbers.transactions)
        yield transactions
        yield CounterMetricFamily("graph_crm_retries", "Repeated reads and transactions.", value=numbers.retries)
        failures = CounterMetricFamily("graph_crm_database_failures", "Failed calls by error code.", labels=["code"])
        for code, count in numbers.failures.items():
            failures.add_metric([code], count)
        yield failures

    def _of_rules(self) -> Iterator[Metric]:
        results = CounterMetricFamily(
            "graph_crm_rule_results", "Customers a rule was asked about.", labels=["rule", "result"]
        )
        seconds = CounterMetricFamily("graph_crm_rule_seconds", "Seconds spent in a rule.", labels=["rule"])
        for rule, counters in self._summed().items():
            no = counters.evaluated - counters.passed - counters.unknown - counters.failed
            counted = {"yes": counters.passed, "no": no, "unknown": counters.unknown, "failed": counters.failed}
            for result, count in counted.items():
                results.add_metric([rule, result], count)
            seconds.add_metric([rule], counters.seconds)
        yield results
        yield seconds
        failures = CounterMetricFamily("graph_crm_plugin_failures", "Calls of a plugin that failed.", labels=["plugin"])
        suspended = GaugeMetricFamily("graph_crm_plugin_suspended", "1: the plugin is suspended.", labels=["plugin"])
        for plugin in self._rules.plugins:
            failures.add_metric([plugin.name], plugin.failures)
            suspended.add_metric([plugin.name], int(plugin.suspended))
        yield failures
        yield suspended

    def _summed(self) -> dict[str, RuleCounters]:
        """The counters of every rule of the book, over all modes that it had in this process."""
        found = {one.rule.id: RuleCounters() for one in self._rules.rules}
        for (rule, _), counters in self._rules.counted().items():
            if rule in found:
                for name in ("evaluated", "passed", "unknown", "failed", "seconds"):
                    setattr(found[rule], name, getattr(found[rule], name) + getattr(counters, name))
        return found

    def _of_outbox(self) -> Iterator[Metric]:
        entries = GaugeMetricFamily(
            "graph_crm_outbox_entries",
            "Outbox entries that are due, by state, and not due yet.",
            labels=["state"],
        )
        lag = GaugeMetricFamily(
            "graph_crm_outbox_lag_seconds", "For how long the oldest entry has been due, by state.", labels=["state"]
        )
        for one in self._outbox:
            entries.add_metric([one.state.lower()], one.entries)
            lag.add_metric([one.state.lower()], one.oldest)
        entries.add_metric(["scheduled"], sum(one.later for one in self._outbox))
        yield entries
        yield lag

    @staticmethod
    def _of_worker(worker: Worker) -> Iterator[Metric]:
        counts = worker.counts
        handled = CounterMetricFamily("graph_crm_worker_entries", "Outbox entries by result.", labels=["result"])
        numbers = (("done", counts.done), ("failed", counts.failed), ("lost", counts.lost), ("strays", counts.strays))
        for result, count in numbers:
            handled.add_metric([result], count)
        yield handled
        yield CounterMetricFamily(
            "graph_crm_worker_lots", "Transactions that handled more than one outbox entry.", value=counts.lots
        )
        yield GaugeMetricFamily(
            "graph_crm_worker_holding", "Outbox entries that the worker has leased now.", value=worker.holding
        )


def serve(collector: Collector, port: int) -> None:
    """Show the metrics on this port of the loopback interface, in a thread, for a process that serves no HTTP."""
    now = CollectorRegistry()
    now.register(collector)
    start_http_server(port, "127.0.0.1", now)


def _add(family: HistogramMetricFamily, labels: list[str], numbers: Histogram) -> None:
    buckets = [("+Inf" if bound == float("inf") else str(bound), float(count)) for bound, count in numbers.cumulative()]
    family.add_metric(labels, buckets, numbers.total)


def text(collector: Collector) -> bytes:
    """Everything that this process measures, with what ``collector`` reads now."""
    now = CollectorRegistry()
    now.register(collector)
    return generate_latest(REGISTRY) + generate_latest(now)
