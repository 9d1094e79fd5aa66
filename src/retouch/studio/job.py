"""What is known of an edit that somebody asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["queued", "running", "done", "failed", "cancelled"]
"""How far a job is; the last three are final."""


@dataclass(frozen=True, slots=True)
class Job:
    """An edit that waits, runs or has ended, as it was at one moment.

    Args:
        id: 128 random bits, in hexadecimal; who has it may see the job.
        edit: the verb.
        task: the slice of the edit.
        order: its options as they were asked for; a file is ``{"file": its handle}``.
        format: of the result, as a file's suffix without the dot.
        state: how far it is.
        position: 0 while it runs, n for the n-th that waits, None when it has ended.
        device: where it runs or ran; None while it waits.
        created: seconds since 1970.
        started: likewise; None before.
        finished: likewise; None before.
        progress: ``stage``, ``done``, ``total``, ``fraction``, ``facts``, and ``preview``: how many pictures
            of its state there have been, None for none. None before the edit has reported anything.
        error: ``type`` and ``detail`` of a job that failed; None otherwise.
        result: of a job that is done: the handle of the ``picture``, the ``report``, the ``companions``
            (``suffix`` and handle of the ``picture`` of each), and the ``seconds`` that the edit took; None
            otherwise.
    """

    id: str
    edit: str
    task: str
    order: Mapping[str, Any]
    format: str
    state: State
    position: int | None
    device: str | None
    created: float
    started: float | None = None
    finished: float | None = None
    progress: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None
    result: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Process:
    """One of those that do the edits of a device.

    Args:
        ready: it waits for a job, or does one.
        pid: its number; None when there is none.
        trouble: why it could not be started; None when it could.
        restarts: how often it was started anew.
    """

    ready: bool
    pid: int | None
    trouble: str | None
    restarts: int


@dataclass(frozen=True, slots=True)
class Device:
    """A place where edits are done.

    Args:
        name: as torch calls it.
        processes: that do them.
        jobs: that run there.
    """

    name: str
    processes: tuple[Process, ...]
    jobs: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether one of its processes waits for a job, or does one."""
        return any(process.ready for process in self.processes)

    @property
    def running(self) -> str | None:
        """The job that runs there, the first of several; None when there is none."""
        return self.jobs[0] if self.jobs else None

    @property
    def pid(self) -> int | None:
        """The number of its process, the first of several; None when there is none."""
        return next((process.pid for process in self.processes if process.pid is not None), None)

    @property
    def trouble(self) -> str | None:
        """Why none of its processes could be started; None when one could."""
        troubles = [process.trouble for process in self.processes]
        return troubles[0] if all(troubles) else None
