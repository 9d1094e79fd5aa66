"""The parts of a running studio, as its routes find them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar, cast

from starlette.requests import HTTPConnection

from retouch.image.picture import MAX_PIXELS
from retouch.studio.queue import Jobs
from retouch.studio.reading import Reader
from retouch.studio.settings import Settings
from retouch.studio.store import Limits, Store

_Made = TypeVar("_Made")


@dataclass(slots=True)
class Parts:
    """What answers requests.

    Args:
        settings: of the owner.
        store: of files.
        reader: the process that decodes them.
        jobs: the queue.
        ending: the studio ends; who listens to it stops.
        listeners: are woken when it ends.
    """

    settings: Settings
    store: Store
    reader: Reader
    jobs: Jobs
    ending: bool = False
    listeners: set[asyncio.Event] = field(default_factory=set)

    @classmethod
    def of(cls, settings: Settings) -> Parts:
        """Make the parts; nothing runs yet.

        Args:
            settings: of the owner.

        Raises:
            RetouchError: There is no place for files.
        """
        pixels = MAX_PIXELS if settings.pixels is None else settings.pixels
        limits = Limits(settings.upload_bytes, settings.folder_bytes, pixels)
        store = Store(settings.folder, limits)
        reader = Reader(limits)
        return cls(settings, store, reader, Jobs(store, settings.devices, waiting=settings.waiting))

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
