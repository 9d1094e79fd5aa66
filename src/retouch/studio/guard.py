"""What stands before every request: whose it is, where it came from, how large and how slow it may be."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retouch.errors import RetouchError
from retouch.studio.problems import Problem
from retouch.studio.settings import Settings

logger = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer says to a browser."""

UPLOADS = "/v1/pictures"
"""Where a body may be as large as a picture."""

PROBES = ("/v1/health/live", "/v1/health/ready")
"""What tells nothing but yes or no, so that whoever starts servers needs no token to ask."""

_READING = ("GET", "HEAD", "OPTIONS")
_DRAINED = 32_000_000  # bytes of a refused body that are thrown away, so that the client gets to the answer
_DRAINING = 2.0  # seconds for that


class Guard:
    """Middleware that lets only requests through which the studio's owner wanted.

    Args:
        app: what is guarded.
        settings: of the studio.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._limit(scope), self._settings)
        answer = _Answer(send, body)
        headers = Headers(scope=scope)
        try:
            self._check_place(scope, headers)
            welcome = self._check_token(scope, headers)
            body.check_length(headers)
            if welcome is None:
                await self._app(scope, body, answer)
            else:
                await welcome(scope, body, answer)
        except Exception as error:
            if answer.begun and not isinstance(error, Problem):
                raise
            if not isinstance(error, Problem | RetouchError):
                logger.exception("a request failed")
            if not answer.begun:
                await Problem.of(error).response()(scope, receive, answer)

    def _limit(self, scope: Scope) -> int:
        uploads = scope["method"] == "POST" and scope["path"] == UPLOADS
        return self._settings.upload_bytes if uploads else self._settings.json_bytes

    def _check_place(self, scope: Scope, headers: Headers) -> None:
        """Refuse what another site's page sends."""
        asked = headers.getlist("host")
        name = _host_in(asked[0]) if len(asked) == 1 else None
        if name is None or not self._settings.knows(name):
            shown = asked[0][:100] if asked else ""
            raise Problem(
                421, f"{shown!r} is not the name of this studio; open {self._settings.address.split('?')[0]}"
            )
        reading = scope["method"] in _READING
        # It could not read the answer, but every picture that it shows of ours is work for us.
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if foreign and (not reading or not self._is_page(scope)):
            raise Problem(403, "the request comes from another site's page; use the studio's own")
        origin = headers.get("origin")
        if origin is not None and not reading and not self._ours(origin, asked[0]):
            raise Problem(
                403,
                f"the request comes from a page of {origin[:100]!r}, and only the studio's own page may send "
                "it; programs leave Origin out",
            )

    def _ours(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        named = (parts.hostname or "") in {name.lower() for name in self._settings.names}
        return named or parts.netloc.lower() == host.lower()

    def _is_page(self, scope: Scope) -> bool:
        """Whether something is asked for that people see; where there is no page, nothing is."""
        return self._settings.page and not scope["path"].startswith("/v1")

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse who does not know the token; who brings it in the address gets a cookie instead.

        Returns:
            An answer to be given at once, or None to go on.
        """
        token = self._settings.token
        if token is None or (scope["method"] in ("GET", "HEAD") and scope["path"] in PROBES):
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), token):
            return None
        worth, name = _worth(token), f"retouch-{self._settings.port}"
        if any(_same(value, worth) for value in _cookies(headers.getlist("cookie"), name)):
            return None
        query = _query(scope)
        brought = [value for key, value in query if key == "token"]
        page = scope["method"] in ("GET", "HEAD") and self._is_page(scope)
        if page and brought and _same(brought[0], token):
            rest = urlencode([(key, value) for key, value in query if key != "token"])
            # A path with two slashes in front would lead to another site.
            place = "/" + scope["path"].lstrip("/\\")
            moved = RedirectResponse(place + (f"?{rest}" if rest else ""), 303, {"Cache-Control": "no-store"})
            safe = scope.get("scheme") == "https"
            # Not "strict": who follows the link from a mail would get no cookie on the way, and be refused.
            moved.set_cookie(name, worth, httponly=True, samesite="lax", secure=safe)
            return moved
        raise Problem(
            401,
            "this studio needs its token: open the address that was printed when it was started, or send "
            "Authorization: Bearer TOKEN"
            if self._settings.page
            else "this server needs its token: send Authorization: Bearer TOKEN; its owner has set it, or it "
            "was printed when the server was started",
            headers={"WWW-Authenticate": "Bearer"},
        )


class _Body:
    """A request's body, counted and timed while it is received."""

    def __init__(self, receive: Receive, limit: int, settings: Settings) -> None:
        self._receive = receive
        self._limit = limit
        self._silence = settings.silence
        self._pace = settings.pace
        self._bytes = 0
        self._waited = 0.0
        self.finished = False
        self._announced: int | None = None

    def check_length(self, headers: Headers) -> None:
        """Refuse a body that says itself that it is too large.

        Raises:
            Problem: it does, or its length is no number.
        """
        if "content-length" in headers and "transfer-encoding" in headers:
            # Who stands between may believe one and we the other, and then see different requests.
            raise Problem(
                400,
                "the request has both Content-Length and Transfer-Encoding; send one of them",
                headers={"Connection": "close"},
            )
        length = headers.get("content-length")
        if length is not None and not re.fullmatch("[0-9]{1,20}", length):
            raise Problem(
                400,
                f"Content-Length is {length[:40]!r}; send the number of bytes",
                headers={"Connection": "close"},
            )
        self._announced = None if length is None else int(length)
        if self._announced is None and "transfer-encoding" not in headers:
            self.finished = True
        if self._announced is not None and self._announced > self._limit:
            raise self._too_large()
        self.finished = self.finished or self._announced == 0

    async def __call__(self) -> Message:
        """Receive the next part.

        Raises:
            Problem: there is too much of it, or it comes too slowly.
        """
        if self.finished:
            return self._counted(await self._receive())
        began = time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), self._silence)
        except TimeoutError:
            raise Problem(
                408,
                f"no byte of the body came for {self._silence:g} seconds; send it again, without a pause",
                headers={"Connection": "close"},
            ) from None
        self._waited += time.monotonic() - began
        if message["type"] != "http.request":
            self.finished = True
            return message
        self.finished = not message.get("more_body", False)
        self._counted(message)
        if not self.finished and self._waited > self._silence and self._bytes < self._pace * self._waited:
            raise Problem(
                408,
                f"the body comes at {self._bytes / self._waited:.0f} bytes a second, and at least "
                f"{self._pace:.0f} are needed; use a faster line or a smaller file",
                headers={"Connection": "close"},
            )
        return message

    async def drain(self) -> None:
        """Take a little of what is still coming, because a client that is cut off sees no answer."""
        dropped = 0
        try:
            async with asyncio.timeout(_DRAINING):
                while not self.finished and dropped < _DRAINED:
                    message = await self._receive()
                    dropped += len(message.get("body", b""))
                    self.finished = not message.get("more_body", False)
        except TimeoutError:
            return

    def _counted(self, message: Message) -> Message:
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limit:
            raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        return Problem(
            413,
            f"the body is {'at least ' if self._announced is None else ''}"
            f"{max(self._announced or 0, self._bytes):,} bytes, more than the limit of {self._limit:,}; send "
            "less",
            headers={"Connection": "close"},
        )


class _Answer:
    """Sends an answer, with what every answer says to a browser."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.begun = False

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            if not self._body.finished:
                await self._body.drain()
        await self._send(message)


def _host_in(header: str) -> str | None:
    """Take the port off a ``Host``; None if it is none."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == header and "@" not in header else None


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _worth(token: str) -> str:
    """What the cookie holds: of no use as a token elsewhere."""
    return hashlib.sha256(b"retouch studio cookie:" + token.encode("utf-8", "replace")).hexdigest()


def _cookies(headers: Sequence[str], name: str) -> list[str]:
    """Find all cookies of a name, whatever else other programs of this machine have put beside them."""
    pairs = [pair.partition("=") for header in headers for pair in header.split(";")]
    return [value.strip().strip('"') for key, _, value in pairs if key.strip() == name]


def _query(scope: Scope) -> list[tuple[str, str]]:
    try:
        return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return []
