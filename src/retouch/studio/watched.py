"""Every request counted, timed and written to the log, under the template of its route."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from retouch.studio.metrics import Metrics

logger = logging.getLogger(__name__)

GONE = 499
"""The status of a request that was not answered, because its client left before or the server ended."""

_ENDLESS = "/events"
_ASKED_OFTEN = ("/metrics", "/v1/health", "/v1/health/live", "/v1/health/ready")


class Watched:
    """Middleware that hears of every request, also of those that are refused.

    Args:
        app: what answers.
        metrics: that count.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = GONE
        began = time.monotonic()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            self._tell(scope, status, time.monotonic() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = str(getattr(scope.get("route"), "path_format", "none"))
        method = str(scope["method"])[:10]
        self._metrics.answered(method, route, status, None if route.endswith(_ENDLESS) else seconds)
        # A probe every second that is answered as always is no news.
        level = logging.DEBUG if route in _ASKED_OFTEN and status < 400 else logging.INFO
        facts = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
        logger.log(level, "%s %s %d in %.3f s", method, route, status, seconds, extra={"facts": facts})
