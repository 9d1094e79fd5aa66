"""Running a studio: its socket, its page in a browser, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType
from typing import Any

import uvicorn
from h11 import IDLE
from uvicorn.protocols.http.h11_impl import H11Protocol

from retouch.errors import InputError
from retouch.studio.front import Studio
from retouch.studio.settings import Settings

PORTS = 100
"""Ports that are tried, from the one that was asked for."""

CONNECTIONS = 1000
"""Lines that are open at once, at most; fewer where the system allows few files."""

HEADERS_WITHIN = 15.0
"""Seconds in which a line that was opened must have said what it wants."""

_FILES = 65_536  # that are asked of the system; some give any number, and then tables as long
_BACKLOG = 2048
_LOOK = 0.05  # seconds
_LEAVING = 3  # seconds that requests have to end, after the studio was told to


def serve(settings: Settings, *, opened: Callable[[Settings], None]) -> None:
    """Run a studio until it is stopped by Ctrl-C or SIGTERM, and what it does has ended if it has that grace.

    Args:
        settings: of the owner. A token is made where other machines reach the studio and none is given; the
            next free port is taken where the given one is not.
        opened: is called once the page can be opened, with the settings that hold.

    Raises:
        InputError: The address or the port cannot be had.
        RetouchError: The studio cannot be started.
    """
    settings = with_token(settings)
    bound = _bound(settings.host, settings.port)
    with bound:
        settings = replace(settings, port=bound.getsockname()[1])
        studio = Studio(settings)
        server = _Server(
            studio,
            lambda: None if studio.failed else opened(settings),
            min(CONNECTIONS, _files_allowed() // 2),
            settings.grace,
            logged=not settings.page,
        )
        asyncio.run(server.run_until_stopped(bound))


def with_token(settings: Settings) -> Settings:
    """Make a token where other machines reach the studio and none is given.

    Args:
        settings: of the owner.

    Returns:
        The same, with a token where one is needed.
    """
    if settings.token is not None or settings.local:
        return settings
    return replace(settings, token=secrets.token_urlsafe(24))


def show_in_browser(settings: Settings) -> threading.Thread:
    """Open the page in the person's own browser, where there is one.

    Args:
        settings: of the studio.

    Returns:
        What does it: a browser may wait for the page, so the studio must not wait for the browser.
    """

    def show() -> None:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(settings.address)

    showing = threading.Thread(target=show, name="retouch-browser", daemon=True)
    showing.start()
    return showing


class Line(H11Protocol):
    """A connection that is closed when it keeps its place and asks for nothing."""

    _silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the line, unless there are too many."""
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the line."""
        self._hush()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Give it some time as long as no request is complete, however many bytes of it come."""
        if self.conn.their_state is not IDLE:
            self._hush()
        elif self._silent is None:
            self._silent = self.loop.call_later(HEADERS_WITHIN, self.transport.abort)

    def _hush(self) -> None:
        if self._silent is not None:
            self._silent.cancel()
            self._silent = None


class _Server(uvicorn.Server):
    """Says when the page is there, and ends when the studio cannot be built."""

    def __init__(
        self,
        studio: Studio,
        opened: Callable[[], None],
        connections: int = CONNECTIONS,
        grace: float = 0.0,
        *,
        logged: bool = False,
    ) -> None:
        # Who has a log of his own (retouch.studio.logs) has it for the server's lines, too.
        beside: dict[str, Any] = {"log_config": None} if logged else {}
        super().__init__(
            uvicorn.Config(
                studio,
                **beside,
                http=Line,
                loop="asyncio",
                lifespan="on",
                limit_concurrency=connections,
                # So many are taken before any of them is looked at, and turned away if there are too many.
                backlog=max(connections // 8, 8),
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=_LEAVING,
                ws="none",
            )
        )
        self._studio = studio
        self._opened = opened
        self._failure: BaseException | None = None
        self._grace, self._leaving = grace, False

    async def run_until_stopped(self, bound: socket.socket) -> None:
        """Serve on a socket.

        Args:
            bound: that listens.
        """
        beside = [asyncio.create_task(self._watch()), asyncio.create_task(self._leave())]
        try:
            await self.serve(sockets=[bound])
        finally:
            for task in beside:
                task.cancel()
        if self._failure is not None:
            raise self._failure

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End when the person or the system asks for it; that is no error."""
        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
        wanted = [getattr(signal, name) for name in names if hasattr(signal, name)]
        # Who started it by nohup wants it to outlive the terminal.
        wanted = [
            each
            for each in wanted
            if not (each.name == "SIGHUP" and signal.getsignal(each) is signal.SIG_IGN)
        ]
        if threading.current_thread() is not threading.main_thread():
            wanted = []
        earlier = {each: signal.signal(each, self.handle_exit) for each in wanted}
        try:
            yield
        finally:
            for each, handler in earlier.items():
                signal.signal(each, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._opened()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Hear that the end is wanted: the first time after what was begun, the second time at once."""
        if self._grace > 0 and not self._leaving:
            self._leaving = True
            return
        if self._leaving:
            self.config.timeout_graceful_shutdown = 0
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: first those who listen without end."""
        await self._studio.end()
        await super().shutdown(sockets)

    async def _leave(self) -> None:
        while not self._leaving:
            await asyncio.sleep(_LOOK)
        await self._studio.drain(self._grace)
        self.should_exit = True

    async def _watch(self) -> None:
        while not self.started:
            await asyncio.sleep(0.01)
        try:
            await self._studio.built()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._failure = error
            self.should_exit = True


def _files_allowed() -> int:
    """Have as many files and lines open as the system lets one, and say how many these are."""
    try:
        import resource
    except ImportError:
        return 2 * CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _FILES if soft == resource.RLIM_INFINITY else soft


def _bound(host: str, port: int) -> socket.socket:
    """Take the first free port, from the one that is wanted."""
    last: Any = None
    for number in range(port, min(port + PORTS, 65_536)) if port else (0,):
        try:
            return _listening(host, number)
        except UnicodeError:
            raise InputError(
                f"the address {host[:80]!r} cannot be had (no machine has such a name); choose one of this "
                "machine with --host"
            ) from None
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise InputError(
                    f"the address {host!r} cannot be had ({error.strerror or error}); choose one of this "
                    "machine with --host"
                ) from None
            last = error
    raise InputError(
        f"no port from {port} to {min(port + PORTS - 1, 65_535)} is free on {host} ({last.strerror}); "
        "choose another with --port"
    )


def _listening(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # With the protocol named, asyncio sends small parts of an answer at once (TCP_NODELAY), else 40 ms late.
    made = socket.socket(*found[:3])
    try:
        if os.name == "posix":  # elsewhere it would let two programs have one port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(found[4])
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
