"""Figures for Prometheus, on an address of their own: how many calls, how long, how full. Never who, whose or where.

Not for: single calls (the log), or whether calls may be given (``portal.api.probes``).
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from exchange.documents import api
from portal.callers.arrivals import Arrivals
from portal.service import Portal

METRICS: "web.AppKey[Metrics]" = web.AppKey("metrics")
PATH = "/metrics"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Of one application; lives on its event loop."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._calls = Counter(
            "handover_calls", "Calls answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "handover_call_seconds",
            "How long calls took, but for held polls and the bytes of uploads and packages.",
            ("caller",),
            buckets=_SECONDS,
            registry=self.registry,
        )

        self._count = functools.cache(self._calls.labels)
        self._bucket = Histogram(
            "handover_bucket_seconds",
            "How long calls to the bucket took, each try by itself, by what was asked and how it ended.",
            ("call", "ended"),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def note(self, method: str, route: str, status: int, caller: str, seconds: float) -> None:
        """``route`` is the pattern, without what a call put into it; ``caller`` is *officer*, *device* or *anyone*."""
        self._count(method, route, str(status)).inc()
        if route not in _HELD and not route.startswith(api.UPLOADS):
            self._seconds.labels(caller).observe(seconds)

    def watch(self, portal: Portal) -> None:
        self.registry.register(_Now(portal))
        portal.uploads.watch(lambda call, ended, seconds: self._bucket.labels(call, ended).observe(seconds))

    def watch_arrivals(self, arrivals: Arrivals) -> None:
        """Of all forces that are served here: whose they are is not known before they begin."""
        waiting = Gauge("handover_arrivals_waiting", "Connections that wait to begin.", registry=self.registry)
        waiting.set_function(lambda: arrivals.waiting)
        self.registry.register(_Refused(arrivals))


_HELD = (api.INBOX, api.CONTENT)


class _Refused(Collector):
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals

    def collect(self) -> Iterable[CounterMetricFamily]:
        says = "Connections that were told to come again before anything was read."
        yield CounterMetricFamily("handover_arrivals_refused", says, self._arrivals.refused)


class _Now(Collector):
    """What is so at the moment of asking."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def collect(self) -> Iterable[GaugeMetricFamily]:
        portal = self._portal
        for name, says, value in (
            ("handover_polls_held", "Devices whose poll is held here.", len(portal.bell.waiting)),
            ("handover_tokens_remembered", "Used tokens held in memory.", portal.devices.tokens_remembered),
            ("handover_keys_known", "Devices' keys held in memory.", portal.devices.keys_known),
            ("handover_uploads_receiving", "Uploads that a call holds here.", portal.uploads.turns.held),
            ("handover_agents_waiting", "Agents' calls that wait for the database.", portal.agents_db.waiting),
            ("handover_turns_waiting", "Agents' calls that wait for their turn here.", portal.turns.waiting),
        ):
            yield GaugeMetricFamily(name, says, value)
        for name, says, known in (
            ("handover_uploads_bytes", "Of all uploads here, and on their way.", portal.room.taken),
            ("handover_uploads_most_bytes", "What limits.storage_bytes allows.", portal.room.most),
        ):
            if known is not None:
                yield GaugeMetricFamily(name, says, known)


def metrics_app(shown: Mapping[str, Metrics]) -> web.Application:
    """The figures at each path, such as those of one of several forces at ``/metrics/kent``."""

    def serve(metrics: Metrics) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            text = await asyncio.to_thread(generate_latest, metrics.registry)  # it reads /proc
            return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

        return answer

    app = web.Application()
    for path, metrics in shown.items():
        app.router.add_route("GET", path, serve(metrics))
    return app
