"""What a server tells Prometheus of itself: requests, jobs, processes, memory, files.

No label has a value that a visitor chooses: routes are templates, methods and edits are those that there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from retouch import __version__
from retouch.catalog import EDITS
from retouch.studio.child import resident
from retouch.studio.job import Job

if TYPE_CHECKING:
    from retouch.studio.parts import Parts

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""How the text is declared."""

ELSEWHERE = "none"
"""The route of a request that none takes."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class Metrics:
    """Counts what a server does."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "retouch_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "retouch_request_seconds",
            "Seconds from a request's headers to the end of its answer; event streams are not among them.",
            ("method", "route"),
            buckets=_QUICK,
            registry=self._registry,
        )
        self._jobs = Counter(
            "retouch_jobs", "Jobs that came into a state.", ("edit", "state"), registry=self._registry
        )
        self._waited = Histogram(
            "retouch_job_wait_seconds",
            "Seconds that a job waited before it ran.",
            buckets=_LONG,
            registry=self._registry,
        )
        self._ran = Histogram(
            "retouch_job_run_seconds",
            "Seconds that a job ran, its result written.",
            ("edit",),
            buckets=_LONG,
            registry=self._registry,
        )
        for edit in EDITS:  # so that a rate is known from the first job on
            for state in ("queued", "done", "failed", "cancelled"):
                self._jobs.labels(edit.name, state)

    def watch(self, parts: Parts) -> None:
        """Tell of a server's queue, processes and files, too.

        Args:
            parts: of the server.
        """
        self._registry.register(_Present(parts))

    def answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count a request.

        Args:
            method: of HTTP.
            route: the template that it fitted.
            status: of the answer.
            seconds: that it took; None for one that lasts as long as the client wants.
        """
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(method, route).observe(seconds)

    def heard(self, job: Job) -> None:
        """Count a job that has come, has begun or has ended.

        Args:
            job: as it is now.
        """
        if job.state == "running":
            if job.started is not None:
                self._waited.observe(max(job.started - job.created, 0.0))
            return
        self._jobs.labels(job.edit, job.state).inc()
        if job.ended and job.started is not None and job.finished is not None:
            self._ran.labels(job.edit).observe(max(job.finished - job.started, 0.0))

    def text(self) -> bytes:
        """Give everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _Present(Collector):
    """What is looked up when somebody asks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        jobs, store = self._parts.jobs, self._parts.store
        yield _gauge("retouch_queue_length", "Jobs that wait.", jobs.waiting)
        yield _gauge("retouch_ready", "1 when jobs are taken and every device has a worker.", self._ready)
        yield _gauge("retouch_folder_bytes", "Bytes of the disk that all files take.", store.bytes)
        yield _gauge("retouch_folder_limit_bytes", "Bytes that they may take.", store.limits.folder)
        info = GaugeMetricFamily("retouch_info", "The version.", labels=("version",))
        info.add_metric((__version__,), 1)
        yield info
        yield from self._processes()

    @property
    def _ready(self) -> bool:
        return self._parts.state == "ready"

    def _processes(self) -> Iterator[Metric]:
        running = GaugeMetricFamily("retouch_jobs_running", "Jobs that run.", labels=("device",))
        workers = GaugeMetricFamily("retouch_workers", "Processes that do edits.", labels=("device", "ready"))
        restarts = CounterMetricFamily(
            "retouch_worker_restarts", "Processes started anew, whatever the reason.", labels=("device",)
        )
        memory = GaugeMetricFamily(
            "retouch_resident_bytes", "Memory of the processes.", labels=("process", "device")
        )
        memory.add_metric(("server", ""), resident(os.getpid()))
        memory.add_metric(("reader", ""), sum(resident(pid) for pid in self._parts.reader.pids))
        for device in self._parts.jobs.devices:
            ready = sum(process.ready for process in device.processes)
            running.add_metric((device.name,), len(device.jobs))
            workers.add_metric((device.name, "yes"), ready)
            workers.add_metric((device.name, "no"), len(device.processes) - ready)
            restarts.add_metric((device.name,), sum(process.restarts for process in device.processes))
            pids = [process.pid for process in device.processes if process.pid is not None]
            memory.add_metric(("worker", device.name), sum(resident(pid) for pid in pids))
        yield from (running, workers, restarts, memory)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=float(value))
