"""The queue of the studio: edits in the order in which they were asked for, one at a time on each device."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retouch.catalog import Edit, edit_named
from retouch.errors import InputError, RetouchError, UnknownName
from retouch.image.write import format_for
from retouch.studio.child import Message, ending
from retouch.studio.failures import Gone, InternalError, QueueFull, Unavailable, UnknownHandle, plain
from retouch.studio.job import Device, Job, State
from retouch.studio.lane import Lane
from retouch.studio.order import Order, handles_in, pixels_of, with_drawings_stored, with_paths
from retouch.studio.results import kept
from retouch.studio.store import Store
from retouch.studio.stored import missing, refused_by_disk
from retouch.studio.worker import PREVIEW

logger = logging.getLogger(__name__)

MODULE = "retouch.studio.worker"

__all__ = ["Device", "Job", "Jobs", "Listener"]

Listener = Callable[[Job], None]

_PATIENCE = 1.0  # seconds that a lane waits for an edit at a time
_KEPT = 10_000  # jobs that have ended
_REMEMBERED = 100_000  # those that are known to be gone


@dataclass(slots=True, eq=False)
class _Record:
    """A job, and what it needs."""

    job: Job
    wanted: str | None
    handles: tuple[str, ...]
    drawings: tuple[str, ...]
    task: dict[str, Any]
    room: Path | None = None
    stopping: bool = False
    listeners: dict[int, Listener] = field(default_factory=dict)


class Jobs:
    """Takes orders, and does them in processes of their own.

    All methods may be called from any thread, and none waits for an edit.

    Args:
        store: the files.
        devices: as torch calls them; each gets a process.
        waiting: the most jobs that may wait.
        grace: seconds that an edit may take to stop by itself, after which its process is killed.
        growth: bytes that a process may take more than at its start while it has nothing to do.
        idle: seconds without an edit after which such a process is started anew.
        module: what the processes run; it answers as :mod:`retouch.studio.worker` does.
    """

    def __init__(
        self,
        store: Store,
        devices: Sequence[str] = ("cpu",),
        *,
        waiting: int = 1000,
        grace: float = 3.0,
        growth: int = 512 << 20,
        idle: float = 120.0,
        module: str = MODULE,
    ) -> None:
        if not devices:
            raise InputError('the studio needs at least one device, got none; give devices=("cpu",)')
        self._store, self._most = store, waiting
        self._changed = threading.Condition(threading.RLock())
        self._records: dict[str, _Record] = {}
        self._waiting: deque[_Record] = deque()
        self._running: dict[str, _Record] = {}
        self._ended: deque[str] = deque()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._closed = False
        self._tokens = 0
        empty = store.room()
        self._lanes = [
            Lane(device, self._take, folder=empty, module=module, grace=grace, growth=growth, idle=idle)
            for device in dict.fromkeys(devices)
        ]

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def devices(self) -> tuple[Device, ...]:
        """Where edits are done, and what goes on there."""
        with self._changed:
            running = {device: record.job.id for device, record in self._running.items()}
        return tuple(
            Device(lane.device, lane.ready, running.get(lane.device), lane.pid, lane.trouble)
            for lane in self._lanes
        )

    @property
    def ready(self) -> bool:
        """Whether a job would begin at once everywhere, were there no other."""
        return all(lane.ready for lane in self._lanes)

    def start(self) -> None:
        """Start the processes, in the background."""
        for lane in self._lanes:
            lane.start()

    def submit(self, edit: str, order: Order, format: str | None = None) -> Job:  # noqa: A002 - as Picture.save
        """Ask for an edit.

        Args:
            edit: the verb.
            order: its options. Their values are checked already.
            format: of the result, as a file's suffix without the dot; png, or gif for an edit that makes an
                animation, when None.

        Returns:
            The job. What it needs is kept until it has ended.

        Raises:
            QueueFull: Too many jobs wait.
            UnknownHandle: A file of the order never was there.
            Gone: A file of the order was removed.
            StoreFull: There is no room for a drawing of the order.
            UnknownName: There is no such edit or device.
            UnwritablePicture: There is no such format.
            Unavailable: The studio ends.
        """
        entry = edit_named(edit)
        ending_in = format or ("gif" if entry.moving else "png")
        format_for(Path(f"result.{ending_in}"), moving=entry.moving)
        names = [lane.device for lane in self._lanes]
        wanted = order.get("device")
        if wanted is not None and wanted not in names:
            raise UnknownName("device", wanted, names)
        self._check_room()
        # Held already, so that room for the drawings is not made at the cost of the order's own files.
        with self._store.holding(*handles_in(order)):
            order, drawings = with_drawings_stored(order, self._store)
            handles = handles_in(order)
            try:
                self._store.hold(*handles)
                try:
                    return self._enter(self._record(entry, order, ending_in, wanted, handles, drawings))
                except BaseException:
                    self._store.let_go(*handles)
                    raise
            except BaseException:
                self._drop(drawings)
                raise

    def get(self, job: str) -> Job:
        """Say how far a job is.

        Args:
            job: its id.

        Raises:
            UnknownHandle: There never was such a job.
            Gone: It has ended long ago, and was forgotten.
        """
        with self._changed:
            return self._shown(self._known(job))

    def cancel(self, job: str) -> Job:
        """Stop a job; nothing happens to one that has ended.

        One that waits is cancelled at once. One that runs is when its edit reports its progress the next
        time, or when its process was killed, shortly after.

        Args:
            job: its id.

        Returns:
            The job.

        Raises:
            UnknownHandle: There never was such a job.
            Gone: It has ended long ago, and was forgotten.
        """
        with self._changed:
            record = self._known(job)
            record.stopping = True
            if record in self._waiting:
                self._waiting.remove(record)
                self._close(record, state="cancelled")
                self._moved_up()
            return self._shown(record)

    def subscribe(self, job: str, listener: Listener) -> Callable[[], None]:
        """Hear of a job: how it is now, and each time that it changes.

        Args:
            job: its id.
            listener: is called at once, and then from threads of the queue, which it must not hold up. The
                last call is with a job that has ended.

        Returns:
            Ends the subscription.

        Raises:
            UnknownHandle: There never was such a job.
            Gone: It has ended long ago, and was forgotten.
        """
        with self._changed:
            record = self._known(job)
            self._tokens += 1
            token = self._tokens
            record.listeners[token] = listener
            self._call(record, {token: listener}, self._shown(record))

        def unsubscribe() -> None:
            with self._changed:
                record.listeners.pop(token, None)

        return unsubscribe

    def preview(self, job: str) -> Path:
        """Find the latest picture of a running job's state.

        Args:
            job: its id.

        Returns:
            Where it lies, a JPEG. It is replaced as a whole when there is another.

        Raises:
            UnknownHandle: There never was such a job.
            Gone: The job does not run, or shows none.
        """
        with self._changed:
            record = self._known(job)
            if record.room is None or not (record.job.progress or {}).get("preview"):
                raise Gone(f"the job {job} shows no picture of its progress now; wait for its result")
            return record.room / PREVIEW

    def close(self) -> None:
        """Stop everything; what waits and what runs fails."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            waiting, self._waiting = list(self._waiting), deque()
            for record in waiting:
                self._close(record, state="failed", error=plain(ending()))
        for lane in self._lanes:
            lane.stop()
        with self._changed:
            self._changed.notify_all()
        for lane in self._lanes:
            lane.close()

    def _check_room(self) -> None:
        if self._closed:
            raise ending()
        if len(self._waiting) >= self._most:
            raise QueueFull(
                f"{len(self._waiting):,} edits wait already, the limit of this studio; ask again in a while"
            )

    def _record(
        self,
        edit: Edit,
        order: dict[str, Any],
        form: str,
        wanted: str | None,
        handles: tuple[str, ...],
        drawings: tuple[str, ...],
    ) -> _Record:
        values, names = with_paths(order, self._store)
        # An edit may have made a picture that is larger than those that may be sent.
        limit = self._store.limits.pixels
        job = Job(
            id=secrets.token_hex(16),
            edit=edit.name,
            task=edit.task,
            order=order,
            format=form,
            state="queued",
            position=None,
            device=None,
            created=time.time(),
        )
        task = {
            "edit": edit.name,
            "values": values,
            "format": form,
            "pixels": max([limit, *(pixels_of(self._store.get(handle)) for handle in handles)]),
            "places": names,
        }
        return _Record(job, wanted, handles, drawings, task)

    def _enter(self, record: _Record) -> Job:
        with self._changed:
            self._check_room()
            self._records[record.job.id] = record
            self._waiting.append(record)
            self._changed.notify_all()
            return self._shown(record)

    def _take(self, lane: Lane) -> _Work | None:
        """Give a lane its next edit; None when there is none for some time."""
        with self._changed:
            if (record := self._first_for(lane)) is None:
                self._changed.wait(_PATIENCE)
                record = self._first_for(lane)
            if record is None:
                return None
            self._waiting.remove(record)
            self._running[lane.device] = record
            record.job = replace(record.job, state="running", device=lane.device, started=time.time())
            self._tell(record)
            self._moved_up()
        try:
            record.room = self._store.room()
        except (OSError, RetouchError) as error:
            self._end(record, {"failed": plain(_unkept(error))})
            return None
        return _Work(self, record)

    def _first_for(self, lane: Lane) -> _Record | None:
        # A device without a process takes only what nobody else can do.
        last = lane.trouble is None or all(each.trouble is not None for each in self._lanes)
        for record in self._waiting:
            if record.wanted == lane.device or (record.wanted is None and last):
                return record
        return None

    def _report(self, record: _Record, progress: Message) -> None:
        with self._changed:
            record.job = replace(record.job, progress=MappingProxyType(dict(progress)))
            self._tell(record)

    def _end(self, record: _Record, said: Message) -> None:
        """Hear from a lane what came of an edit."""
        if record.job.ended:
            return
        if "traceback" in said.get("failed", {}):
            logger.error("%s failed:\n%s", record.job.edit, said["failed"]["traceback"])
        result = None
        if "done" in said and not record.stopping and record.room is not None:
            try:
                result = kept(self._store, record.job, record.room, said["done"])
            except Exception as error:
                said = {"failed": plain(_unkept(error))}
        with self._changed:
            self._running.pop(record.job.device or "", None)
            if result is not None:
                self._close(record, state="done", result=result)
            elif record.stopping or "stopped" in said:
                self._close(record, state="cancelled")
            else:
                failed = {name: said["failed"][name] for name in ("type", "detail")}
                self._close(record, state="failed", error=failed)

    def _close(
        self,
        record: _Record,
        *,
        state: State,
        error: Mapping[str, str] | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """Bring a job to its end, and let go of what it needed."""
        room, record.room = record.room, None
        if room is not None:
            shutil.rmtree(room, ignore_errors=True)
        self._store.let_go(*record.handles)
        record.task = {}
        record.job = replace(record.job, state=state, finished=time.time(), error=error, result=result)
        self._tell(record)
        record.listeners.clear()
        self._ended.append(record.job.id)
        while len(self._ended) > _KEPT:
            forgotten = self._ended.popleft()
            self._drop(self._records.pop(forgotten).drawings)
            self._gone[forgotten] = None
            while len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)

    def _drop(self, drawings: tuple[str, ...]) -> None:
        for drawing in drawings:
            with contextlib.suppress(UnknownHandle, Unavailable):
                self._store.drop(drawing)

    def _known(self, job: str) -> _Record:
        record = self._records.get(job)
        if record is None:
            raise missing("job", job, gone=job in self._gone)
        return record

    def _shown(self, record: _Record) -> Job:
        if record.job.state == "queued":
            return replace(record.job, position=self._waiting.index(record) + 1)
        return replace(record.job, position=0 if record.job.state == "running" else None)

    def _moved_up(self) -> None:
        """Tell those who wait where they are now."""
        for position, record in enumerate(self._waiting, 1):
            if record.listeners:
                self._call(record, record.listeners, replace(record.job, position=position))

    def _tell(self, record: _Record) -> None:
        if record.listeners:
            self._call(record, record.listeners, self._shown(record))

    def _call(self, record: _Record, listeners: Mapping[int, Listener], job: Job) -> None:
        for token, listener in list(listeners.items()):
            try:
                listener(job)
            except Exception as error:
                # An event loop that was closed says no more than RuntimeError, and is no bug.
                logger.warning(
                    "a listener of the job %s failed (%s), and is not called any more",
                    job.id,
                    error,
                    exc_info=not isinstance(error, RuntimeError),
                )
                record.listeners.pop(token, None)


class _Work:
    """A job in the hands of a lane."""

    def __init__(self, jobs: Jobs, record: _Record) -> None:
        self._jobs, self._record = jobs, record
        self.task: Message = {**record.task, "room": str(record.room)}

    @property
    def stopping(self) -> bool:
        return self._record.stopping

    def report(self, progress: Message) -> None:
        self._jobs._report(self._record, progress)

    def end(self, said: Message) -> None:
        self._jobs._end(self._record, said)


def _unkept(error: Exception) -> RetouchError:
    if isinstance(error, RetouchError):
        return error
    if isinstance(error, OSError):
        return refused_by_disk(error)
    logger.error("a result could not be kept", exc_info=error)
    return InternalError(
        "the result could not be kept: a bug in retouch; please report it with what the studio's log says"
    )
