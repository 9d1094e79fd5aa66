"""The studio as the server sees it: the page at once, the API as soon as it is there."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from retouch.studio.guard import Guard
from retouch.studio.pages import Pages
from retouch.studio.settings import Settings

if TYPE_CHECKING:
    from retouch.studio.parts import Parts

AFTER_THE_PAGE = 0.1
"""Seconds that whoever opens the page first has the processor for himself."""

logger = logging.getLogger(__name__)


class Studio:
    """The studio as an ASGI application; its processes and files live from its startup to its shutdown.

    To import what the API is made of takes longer than a person wants to look at an empty window. So the page
    is there before, and what it asks of the API waits.

    Args:
        settings: of the owner.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pages = Pages()
        self._guard = Guard(self._answer, settings)
        self._building: asyncio.Task[tuple[ASGIApp, Parts]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._guard(scope, receive, send)

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
        if self._building is not None and self._building.done() and not self._building.exception():
            self._building.result()[1].end()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._pages.have(scope["path"]):
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
        await asyncio.sleep(AFTER_THE_PAGE)
        return await asyncio.to_thread(_made, self.settings)


def _made(settings: Settings) -> tuple[ASGIApp, Parts]:
    from retouch.studio.parts import Parts

    parts = Parts.of(settings)
    try:
        from retouch.studio.app import api_of

        api = api_of(parts)
        # The processes take the processor from what a visitor waits for, so they come last.
        parts.start()
        return api, parts
    except BaseException:
        parts.close()
        raise
