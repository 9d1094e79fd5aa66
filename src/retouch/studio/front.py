"""The studio as its server sees it: the page at once, the API as soon as it is there."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from retouch.studio.guard import Guard
from retouch.studio.pages import Pages
from retouch.studio.settings import Settings

if TYPE_CHECKING:
    from retouch.studio.metrics import Metrics
    from retouch.studio.parts import Parts

AFTER_THE_PAGE = 0.1
"""Seconds that whoever opens the page first has the processor for himself."""

_SHOWN = 2.0  # seconds that a server ends at least, so that probes see it and others are sent no more
_SETTLED = 1.0  # seconds without anything to do after which whoever fetches a result has got all of it
_LOOK = 0.05  # seconds

logger = logging.getLogger(__name__)


class Studio:
    """The studio as an ASGI application; its processes and files live from its startup to its shutdown.

    To import what the API is made of takes longer than a person wants to look at an empty window. So the page
    is there before, and what it asks of the API waits. Without a page there is nobody to look, and the first
    request is taken when the API is there.

    Args:
        settings: of the owner.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pages = Pages() if settings.page else None
        self._metrics: Metrics | None = None
        self._app: ASGIApp = Guard(self._answer, settings)
        if not settings.page:
            from retouch.studio.metrics import Metrics
            from retouch.studio.watched import Watched

            self._metrics = Metrics()
            self._app = Watched(self._app, self._metrics)
        self._building: asyncio.Task[tuple[ASGIApp, Parts]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    @property
    def failed(self) -> bool:
        """Whether it could not be built."""
        task = self._building
        return task is not None and task.done() and (task.cancelled() or task.exception() is not None)

    async def built(self) -> Parts:
        """Wait until the API is there.

        Returns:
            The parts of the studio.

        Raises:
            RetouchError: Its folder cannot be made.
        """
        return (await self._built())[1]

    async def end(self) -> None:
        """Let those go who listen to jobs, so that the server can end."""
        parts = self._there()
        if parts is None:
            return
        if not self.settings.page:
            # A program that listens to a job is told of its end, whatever end that is.
            await asyncio.to_thread(parts.jobs.close)
        parts.end()

    async def drain(self, grace: float) -> None:
        """Take no more jobs, and wait for those that were taken, and until their results were fetched.

        Args:
            grace: seconds after which it is enough.
        """
        parts = self._there()
        if parts is None:
            return
        jobs = parts.jobs
        jobs.drain()
        logger.info(
            "the server ends: no more jobs are taken; %d wait, %d run, %d results are to be fetched",
            jobs.waiting,
            sum(len(device.jobs) for device in jobs.devices),
            len(jobs.owed),
        )
        began = now = time.monotonic()
        quiet = began - _SETTLED
        while now - began < min(grace, _SHOWN) or (now - quiet < _SETTLED and now - began < grace):
            await asyncio.sleep(_LOOK)
            now = time.monotonic()
            if not jobs.idle or len(jobs.owed) or jobs.owed.under_way:
                quiet = now
        if not jobs.idle:
            logger.warning("some jobs did not end within %g s, and fail", grace)
        if jobs.owed.under_way:
            logger.warning("%d downloads did not end within %g s, and are cut", jobs.owed.under_way, grace)
        if jobs.owed.left:
            logger.warning("%d results are removed that nobody has fetched", jobs.owed.left)

    def _there(self) -> Parts | None:
        task = self._building
        return task.result()[1] if task is not None and task.done() and not self.failed else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._pages is not None and self._pages.have(scope["path"]):
            await self._pages(scope, receive, send)
        else:
            api, _ = await self._built()
            await api(scope, receive, send)

    async def _built(self) -> tuple[ASGIApp, Parts]:
        if self._building is None:
            raise RuntimeError("the studio was not started; run it by a server that knows ASGI's lifespan")
        # One visitor who leaves must not stop the building for all others.
        return await asyncio.shield(self._building)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._building = asyncio.create_task(self._build())
        if not self.settings.page:
            await asyncio.wait([self._building])
        await send({"type": "lifespan.startup.complete"})
        try:
            await receive()
        except asyncio.CancelledError:
            # The person would not wait for those who are still connected (Ctrl-C twice): nobody hears us.
            await self._close()
        else:
            await self._close()
            await send({"type": "lifespan.shutdown.complete"})

    async def _close(self) -> None:
        try:
            parts = await self.built()
        except (Exception, asyncio.CancelledError):
            logger.debug("nothing to close: the studio was never built")
        else:
            parts.end()
            await asyncio.to_thread(parts.close)

    async def _build(self) -> tuple[ASGIApp, Parts]:
        if self.settings.page:
            await asyncio.sleep(AFTER_THE_PAGE)
        return await asyncio.to_thread(_made, self.settings, self._metrics)


def _made(settings: Settings, metrics: Metrics | None) -> tuple[ASGIApp, Parts]:
    from retouch.studio.parts import Parts

    parts = Parts.of(settings, metrics)
    try:
        from retouch.studio.app import api_of

        api = api_of(parts)
        # The processes take the processor from what a visitor waits for, so they come last.
        parts.start()
        return api, parts
    except BaseException:
        parts.close()
        raise
