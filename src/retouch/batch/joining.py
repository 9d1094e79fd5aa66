"""How this process becomes part of a Ray cluster, or starts a Ray of its own, and leaves no trace of it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from retouch.errors import InputError, MissingDependency
from retouch.processes import cores

if TYPE_CHECKING:
    from types import ModuleType

LOCAL = "local"
"""The address that starts a Ray of this machine's own, which ends with the batch."""

_REACHED = 10.0  # seconds for the first machine of a cluster to answer
_STORE = 100 * 2**20  # bytes; rows are so small that none lies in Ray's store

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_task_events_report_interval_ms": "0"}
"""Nothing is reported to Ray's makers, and no list of past calls grows."""

_TOKEN = secrets.token_hex(32)  # Ray would write one of its own into the home folder


@contextlib.contextmanager
def joined(address: str, workers: int | None) -> Iterator[ModuleType]:
    """Be part of a cluster for a while.

    A program that is part of one already stays in that one.

    Args:
        address: as ``ray.init`` takes it, or :data:`LOCAL`.
        workers: for how many a Ray of our own has CPUs; None: as many as this process may run on.

    Yields:
        The module ``ray``, connected.

    Raises:
        MissingDependency: Ray is not installed.
        InputError: There is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingDependency(
            f'a batch on a cluster needs Ray ({error}); install it: pip install "retouch[ray]"'
        ) from None
    if ray.is_initialized():
        yield ray
        return
    local = address == LOCAL
    own: dict[str, Any] = {
        "num_cpus": workers or cores(),
        "include_dashboard": False,
        "object_store_memory": _STORE,
    }
    try:
        _check_there(address)
        with _environment(_QUIET | (_guarded() if local else {})), _no_dashboard(ray), _own_sigterm():
            context: Any = ray.init(
                address, log_to_driver=False, logging_level=logging.CRITICAL, **(own if local else {})
            )
    except (ImportError, OSError, OverflowError, RuntimeError, ValueError) as error:
        raise InputError(
            f"cannot join Ray at {address!r:.200} ({' '.join(str(error).split())[:300]}); give the address "
            'of a cluster that runs ("host:6379", "ray://host:10001" or, on its machines, "auto"), or "local"'
        ) from None
    try:
        _hush(ray)
        yield ray
    finally:
        ray.shutdown()
        if local:
            shutil.rmtree(context.address_info["session_dir"], ignore_errors=True)


def _guarded() -> dict[str, str]:
    """Ray listens on every interface; so nobody but this process and its own may talk to it."""
    own = os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}
    return {} if own else {"RAY_AUTH_TOKEN": _TOKEN}


def _check_there(address: str) -> None:
    """Ask whether anyone listens: Ray itself would try for minutes, and say so line by line."""
    server = re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d{1,5})/?", address)
    if server:
        socket.create_connection((server[1], int(server[2])), timeout=_REACHED).close()


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Ray takes these settings from nowhere else, for itself and for what it starts; and it adds its own."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep Ray from reacting to SIGTERM: it ends the process without a word, and its own work unfinished."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        # None: whoever set it was not Python, and it cannot be set from here.
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _no_dashboard(ray: ModuleType) -> Iterator[None]:
    """Keep a Ray of our own from starting the server of its page.

    It does so even without the page, and that server asks the network in whose cloud it is, even when nothing
    is to be reported.
    """
    import ray._private.node

    node = ray._private.node.Node
    before = getattr(node, "start_api_server", None)
    if before is None:
        yield
        return

    def nothing(self: Any, **_: object) -> None:
        self._webui_url = ""

    node.start_api_server = nothing
    try:
        yield
    finally:
        node.start_api_server = before


def _hush(ray: ModuleType) -> None:
    """Stop the thread by which Ray prints to the standard output that a worker died."""
    worker = getattr(getattr(getattr(ray, "_private", None), "worker", None), "global_worker", None)
    thread, messages = getattr(worker, "listener_thread", None), getattr(worker, "gcs_error_subscriber", None)
    stop = getattr(worker, "threads_stopped", None)
    if thread is not None and messages is not None and stop is not None:
        stop.set()
        messages.close()
        thread.join()
