"""A job in the queue, what it needs, and how a lane holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retouch.studio.child import Message
from retouch.studio.grouping import Likeness
from retouch.studio.job import Job

Listener = Callable[[Job], None]


@dataclass(slots=True, eq=False)
class Record:
    """A job, and what it needs.

    Args:
        job: as it is known outside.
        wanted: the device that it asks for; None for any.
        handles: of the files that it needs.
        drawings: those of them that go with it.
        task: what a process is asked.
        likeness: what others must have in common with it to be computed together; None for by itself.
        room: where its process writes.
        stopping: somebody has cancelled it.
        listeners: hear of it.
    """

    job: Job
    wanted: str | None
    handles: tuple[str, ...]
    drawings: tuple[str, ...]
    task: dict[str, Any]
    likeness: Likeness | None = None
    room: Path | None = None
    stopping: bool = False
    listeners: dict[int, Listener] = field(default_factory=dict)


class Held:
    """A job in the hands of a lane.

    Args:
        record: of the job.
        report: hears how far it is.
        end: hears what came of it.
    """

    def __init__(
        self,
        record: Record,
        report: Callable[[Record, Message], None],
        end: Callable[[Record, Message], None],
    ) -> None:
        self._record, self._report, self._end = record, report, end
        self.task: Message = {**record.task, "room": str(record.room)}

    @property
    def stopping(self) -> bool:
        """Whether somebody has cancelled it."""
        return self._record.stopping

    def report(self, progress: Message) -> None:
        """Hear how far it is.

        Args:
            progress: as the process says it.
        """
        self._report(self._record, progress)

    def end(self, said: Message) -> None:
        """Hear what came of it.

        Args:
            said: as the process says it.
        """
        self._end(self._record, said)
