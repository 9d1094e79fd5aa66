"""The log of a server: a line for each event, for people or for programs, without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

from retouch.studio.job import Job

logger = logging.getLogger(__name__)

_HANDLE = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_HIDDEN = "[hidden]"
_WRITTEN = {"retouch": logging.INFO, "uvicorn": logging.WARNING, "asyncio": logging.WARNING}


@contextmanager
def written(*, as_json: bool, token: str | None, stream: TextIO | None = None) -> Iterator[None]:
    """Write what retouch and its server log, meanwhile.

    Args:
        as_json: one JSON object a line instead of text.
        token: that must not be written.
        stream: where to; standard error when None.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(as_json=as_json, token=token))
    with ExitStack() as after:
        for name, level in _WRITTEN.items():
            log = logging.getLogger(name)
            after.callback(log.removeHandler, handler)
            after.callback(log.setLevel, log.level)
            after.callback(setattr, log, "propagate", log.propagate)
            log.addHandler(handler)
            log.setLevel(level)
            log.propagate = False
        yield


class Lines(logging.Formatter):
    """Makes a line of an event.

    The token is left out, and so are handles: who has one may use the file.

    Args:
        as_json: one JSON object instead of text.
        token: that must not be written.
    """

    def __init__(self, *, as_json: bool, token: str | None) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime
        self._as_json, self._token = as_json, token

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        if not self._as_json:
            return self._without_secrets(super().format(record))
        members: dict[str, object] = {
            "time": f"{self.formatTime(record, self.datefmt)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return self._without_secrets(json.dumps(members, ensure_ascii=False, default=str))

    def _without_secrets(self, line: str) -> str:
        line = _HANDLE.sub(_HIDDEN, line)
        return line.replace(self._token, _HIDDEN) if self._token else line


def note(job: Job) -> None:
    """Log a job that has ended.

    Args:
        job: as it is now; nothing is said of others.
    """
    if not job.ended:
        return
    started = job.finished if job.started is None else job.started
    seconds = round((job.finished or 0.0) - (started or 0.0), 4)
    waited = round((started or 0.0) - job.created, 4)
    error = (job.error or {}).get("type")
    facts = {
        "edit": job.edit,
        "state": job.state,
        "device": job.device,
        "waited": waited,
        "seconds": seconds,
        "error": error,
    }
    logger.info(
        "%s %s after %.3f s (waited %.3f s)%s",
        job.edit,
        job.state,
        seconds,
        waited,
        f": {error}" if error else "",
        extra={"facts": {name: value for name, value in facts.items() if value is not None}},
    )
