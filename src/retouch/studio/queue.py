"""The queue of the studio: edits in the order in which they were asked for, one at a time in each process."""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import shutil
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retouch.catalog import Edit, edit_named
from retouch.errors import InputError, RetouchError, UnknownName
from retouch.image.write import format_for
from retouch.studio.child import Message, draining, ending
from retouch.studio.failures import Gone, QueueFull, Unavailable, UnknownHandle, plain
from retouch.studio.grouping import likeness_of
from retouch.studio.job import Device, Job, Process, State
from retouch.studio.lane import Lane
from retouch.studio.order import Order, handles_in, pixels_of, with_drawings_stored, with_paths
from retouch.studio.owed import Owed
from retouch.studio.record import Held, Listener, Record
from retouch.studio.results import kept, unkept
from retouch.studio.store import Store
from retouch.studio.stored import missing
from retouch.studio.worker import PREVIEW

logger = logging.getLogger(__name__)

MODULE = "retouch.studio.worker"

__all__ = ["Device", "Job", "Jobs", "Listener"]

_PATIENCE = 1.0  # seconds that a lane waits for an edit at a time
_KEPT = 10_000  # jobs that have ended
_REMEMBERED = 100_000  # those that are known to be gone


class Jobs:
    """Takes orders, and does them in processes of their own.

    All methods may be called from any thread, and none waits for an edit.

    Args:
        store: the files.
        devices: as torch calls them.
        workers: processes for each of them.
        batch: jobs that a process may do together; see :mod:`retouch.studio.grouping`.
        waiting: the most jobs that may wait.
        grace: seconds that an edit may take to stop by itself, after which its process is killed.
        growth: bytes that a process may take more than at its start while it has nothing to do.
        idle: seconds without an edit after which such a process is started anew.
        module: what the processes run; it answers as :mod:`retouch.studio.worker` does.
        heard: is called when a job has come, has begun and has ended; it must not hold the queue up.

    ``owed`` are the results that nobody has fetched yet.
    """

    def __init__(
        self,
        store: Store,
        devices: Sequence[str] = ("cpu",),
        *,
        workers: int = 1,
        batch: int = 1,
        waiting: int = 1000,
        grace: float = 3.0,
        growth: int = 512 << 20,
        idle: float = 120.0,
        module: str = MODULE,
        heard: Listener | None = None,
    ) -> None:
        if not devices:
            raise InputError('the studio needs at least one device, got none; give devices=("cpu",)')
        self._store, self._most, self._batch = store, waiting, batch
        self._heard = heard
        self._changed = threading.Condition(threading.RLock())
        self._records: dict[str, Record] = {}
        self._waiting: deque[Record] = deque()
        self._running: dict[Lane, list[Record]] = {}
        self._ended: deque[str] = deque()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self.owed = Owed()
        self._closed = self._draining = False
        self._tokens = 0
        empty = store.room()
        self._lanes = [
            Lane(device, self._take, folder=empty, module=module, grace=grace, growth=growth, idle=idle)
            for device in dict.fromkeys(devices)
            for _ in range(workers)
        ]

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def devices(self) -> tuple[Device, ...]:
        """Where edits are done, and what goes on there."""
        with self._changed:
            running = {
                lane: [record.job.id for record in self._running.get(lane, ())] for lane in self._lanes
            }
        found: dict[str, list[Lane]] = {}
        for lane in self._lanes:
            found.setdefault(lane.device, []).append(lane)
        return tuple(
            Device(
                name,
                tuple(Process(lane.ready, lane.pid, lane.trouble, lane.restarts) for lane in lanes),
                tuple(job for lane in lanes for job in running[lane]),
            )
            for name, lanes in found.items()
        )

    @property
    def ready(self) -> bool:
        """Whether a job would begin at once on every device, were there no other."""
        return all(device.ready for device in self.devices)

    @property
    def draining(self) -> bool:
        """Whether no more jobs are taken."""
        return self._draining or self._closed

    @property
    def idle(self) -> bool:
        """Whether no job waits, and none runs."""
        with self._changed:
            return not self._waiting and not any(self._running.values())

    def drain(self) -> None:
        """Take no more jobs; those that were taken go on."""
        with self._changed:
            self._draining = True
        self.owed.end(lambda handle: self._store.known(handle) is not None)

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
            Unavailable: The studio ends, or takes no more jobs before it does.
        """
        entry = edit_named(edit)
        ending_in = format or ("gif" if entry.moving else "png")
        format_for(Path(f"result.{ending_in}"), moving=entry.moving)
        names = list(dict.fromkeys(lane.device for lane in self._lanes))
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
        if self._draining:
            raise draining()
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
    ) -> Record:
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
        likeness = likeness_of(edit.name, order, form, self._store) if self._batch > 1 else None
        return Record(job, wanted, handles, drawings, task, likeness)

    def _enter(self, record: Record) -> Job:
        with self._changed:
            self._check_room()
            self._records[record.job.id] = record
            self._waiting.append(record)
            self.owed.fetched(*record.handles)
            self._noted(record)
            self._changed.notify_all()
            return self._shown(record)

    def _take(self, lane: Lane) -> Sequence[Held]:
        """Give a lane its next edits, to be done together; none when there are none for some time."""
        with self._changed:
            if (record := self._first_for(lane)) is None:
                self._changed.wait(_PATIENCE)
                record = self._first_for(lane)
            if record is None:
                return ()
            taken = [record, *self._like(lane, record)]
            self._running[lane] = list(taken)
            for each in taken:
                self._waiting.remove(each)
                each.job = replace(each.job, state="running", device=lane.device, started=time.time())
                self._noted(each)
                self._tell(each)
            self._moved_up()
        held = []
        for each in taken:
            try:
                each.room = self._store.room()
            except (OSError, RetouchError) as error:
                self._end(each, {"failed": plain(unkept(error))})
            else:
                held.append(Held(each, self._report, self._end))
        return held

    def _like(self, lane: Lane, first: Record) -> list[Record]:
        """Find what waits and may be done together with what is to be done next."""
        if first.likeness is None:
            return []
        found = [
            record
            for record in self._waiting
            if record is not first and record.likeness == first.likeness and record.wanted == first.wanted
        ]
        # What is alike is for all processes that have nothing to do, not for the first that asks.
        free = sum(
            each is lane or (each.device == lane.device and each.ready and not self._running.get(each))
            for each in self._lanes
        )
        share = math.ceil((1 + len(found)) / free)
        return found[: min(share, self._batch) - 1]

    def _first_for(self, lane: Lane) -> Record | None:
        # A device without a process takes only what nobody else can do.
        last = lane.trouble is None or all(each.trouble is not None for each in self._lanes)
        for record in self._waiting:
            if record.wanted == lane.device or (record.wanted is None and last):
                return record
        return None

    def _report(self, record: Record, progress: Message) -> None:
        with self._changed:
            record.job = replace(record.job, progress=MappingProxyType(dict(progress)))
            self._tell(record)

    def _end(self, record: Record, said: Message) -> None:
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
                said = {"failed": plain(unkept(error))}
        with self._changed:
            for running in self._running.values():
                if record in running:
                    running.remove(record)
            if result is not None:
                self._close(record, state="done", result=result)
            elif record.stopping or "stopped" in said:
                self._close(record, state="cancelled")
            else:
                failed = {name: said["failed"][name] for name in ("type", "detail")}
                self._close(record, state="failed", error=failed)

    def _close(
        self,
        record: Record,
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
        if result is not None:
            self.owed.add(result["picture"])
        self._noted(record)
        self._tell(record)
        record.listeners.clear()
        self._ended.append(record.job.id)
        while len(self._ended) > _KEPT:
            forgotten = self._ended.popleft()
            self._drop(self._records.pop(forgotten).drawings)
            self._gone[forgotten] = None
            while len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)

    def _noted(self, record: Record) -> None:
        """Tell whoever keeps count of all jobs."""
        if self._heard is not None:
            self._heard(record.job)

    def _drop(self, drawings: tuple[str, ...]) -> None:
        for drawing in drawings:
            with contextlib.suppress(UnknownHandle, Unavailable):
                self._store.drop(drawing)

    def _known(self, job: str) -> Record:
        record = self._records.get(job)
        if record is None:
            raise missing("job", job, gone=job in self._gone)
        return record

    def _shown(self, record: Record) -> Job:
        if record.job.state == "queued":
            return replace(record.job, position=self._waiting.index(record) + 1)
        return replace(record.job, position=0 if record.job.state == "running" else None)

    def _moved_up(self) -> None:
        """Tell those who wait where they are now."""
        for position, record in enumerate(self._waiting, 1):
            if record.listeners:
                self._call(record, record.listeners, replace(record.job, position=position))

    def _tell(self, record: Record) -> None:
        if record.listeners:
            self._call(record, record.listeners, self._shown(record))

    def _call(self, record: Record, listeners: Mapping[int, Listener], job: Job) -> None:
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
