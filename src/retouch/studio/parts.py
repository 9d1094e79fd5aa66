"""The parts of a running studio, as its routes find them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from starlette.requests import HTTPConnection

from retouch.image.picture import MAX_PIXELS
from retouch.studio import logs
from retouch.studio.documents import ServerState
from retouch.studio.job import Job
from retouch.studio.queue import Jobs
from retouch.studio.reading import Reader
from retouch.studio.settings import Settings
from retouch.studio.store import Limits, Store

if TYPE_CHECKING:
    from retouch.studio.metrics import Metrics

_Made = TypeVar("_Made")


@dataclass(slots=True)
class Parts:
    """What answers requests.

    Args:
        settings: of the owner.
        store: of files.
        reader: the process that decodes them.
        jobs: the queue.
        metrics: that count; None where nobody asks for them.
        ending: the studio ends; who listens to it stops.
        listeners: are woken when it ends.
    """

    settings: Settings
    store: Store
    reader: Reader
    jobs: Jobs
    metrics: Metrics | None = None
    ending: bool = False
    listeners: set[asyncio.Event] = field(default_factory=set)

    @classmethod
    def of(cls, settings: Settings, metrics: Metrics | None = None) -> Parts:
        """Make the parts; nothing runs yet.

        Args:
            settings: of the owner.
            metrics: that count.

        Raises:
            RetouchError: There is no place for files.
        """
        pixels = MAX_PIXELS if settings.pixels is None else settings.pixels
        limits = Limits(settings.upload_bytes, settings.folder_bytes, pixels)
        store = Store(settings.folder, limits)
        reader = Reader(limits)

        def heard(job: Job) -> None:
            if metrics is not None:
                metrics.heard(job)
            logs.note(job)

        jobs = Jobs(
            store,
            settings.devices,
            workers=settings.workers,
            batch=settings.batch,
            waiting=settings.waiting,
            heard=heard,
        )
        made = cls(settings, store, reader, jobs, metrics)
        if metrics is not None:
            metrics.watch(made)
        return made

    @property
    def state(self) -> ServerState:
        """Whether jobs are taken and would be done, and if not, why."""
        if self.ending or self.jobs.draining:
            return "draining"
        devices = self.jobs.devices
        if all(device.ready for device in devices) and self.reader.ready:
            return "ready"
        broken = self.reader.trouble or any(device.trouble for device in devices)
        return "broken" if broken else "starting"

    def start(self) -> None:
        """Start the processes, in the background."""
        self.reader.start()
        self.jobs.start()

    def close(self) -> None:
        """End the processes and remove the files."""
        self.jobs.close()
        self.reader.close()
        self.store.close()

    def end(self) -> None:
        """Let all listeners go. To be called in the loop that they are in."""
        self.ending = True
        for listener in self.listeners:
            listener.set()


def parts_of(connection: HTTPConnection) -> Parts:
    """Find the parts of the studio that a request came to.

    Args:
        connection: the request.
    """
    return cast("Parts", connection.app.state.parts)


async def made(future: Future[_Made]) -> _Made:
    """Wait for what another process makes, without holding the server up.

    Args:
        future: of the reader.
    """
    return await asyncio.wrap_future(future)
