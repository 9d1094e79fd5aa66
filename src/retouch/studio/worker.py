"""The process that does the edits of one device: ``python -m retouch.studio.worker cpu``.

An edit is what it is in Python: the verb with its pictures and options, and ``save`` of what it makes, so
that the file is the library's own, bit for bit.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from retouch.catalog import EDITS, Edit, Option, edit_named
from retouch.errors import Cancelled, RetouchError
from retouch.image import Picture, PictureLike
from retouch.image.animation import on_white
from retouch.image.write import format_for, motion_for
from retouch.studio import described
from retouch.studio.parent import Message, Parent, failed, finite

if TYPE_CHECKING:
    from retouch.progress import Progress

PREVIEW = "preview.jpg"
"""What the picture of a job's present state is called."""

VerbOf = Callable[[Edit, Mapping[str, object]], Callable[..., Any]]

_PREVIEW_SIDE = 512
_PREVIEW_PAUSE = 1.0  # seconds between two pictures of the present state
_PREVIEW_SHARE = 0.1  # of the time that these pictures may take


def main() -> None:
    """Do edits until there are no more."""
    device = sys.argv[1]
    parent = Parent()
    from retouch.nn.device import usable_device  # torch, which every edit would wait for

    try:
        usable_device(device)
    except RetouchError as error:
        # Not by sys.exit: the threads that listen to the parent would not let the interpreter end in peace.
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(1)
    for edit in EDITS:
        edit.load()
    parent.answer({"ready": True})
    for task in parent:
        if "together" in task:
            _do_together(parent, task["together"], device)
        else:
            parent.answer({"began": True, "number": task["number"]})
            parent.answer({**_outcome(parent, task, device), "number": task["number"]})


def _do_together(parent: Parent, tasks: Sequence[Message], device: str) -> None:
    """Do several edits, each in a thread of its own; their networks are called in this one."""
    from retouch.studio.meeting import Meeting
    from retouch.studio.together import verb_of

    meeting = Meeting(len(tasks))

    def member(task: Message) -> None:
        with meeting.attended():
            said = _outcome(parent, task, device, verb_of)
        parent.answer({**said, "number": task["number"]})

    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(member, task), daemon=True)
        for task in tasks
    ]
    for thread in threads:
        thread.start()
    meeting.preside()
    for thread in threads:
        thread.join()


def _outcome(parent: Parent, task: Message, device: str, verb_of: VerbOf | None = None) -> Message:
    """What is to be said of an edit when it has ended."""
    try:
        return {"done": done(task, device, Listener(parent, task), verb_of)}
    except Cancelled:
        return {"stopped": True}
    except Exception as error:
        return {"failed": failed(error, task["edit"], task["places"])}


def done(task: Message, device: str, progress: Listener, verb_of: VerbOf | None = None) -> dict[str, object]:
    """Do an edit, and write what it makes.

    Args:
        task: ``edit``, ``values`` by option, ``room`` to write to, ``format``, ``pixels`` that a picture may
            have. A file is ``{"file": its path}``.
        device: where it is done if its options name none.
        progress: is told how far it is.
        verb_of: finds what does the edit with these arguments; the verb itself when None.

    Returns:
        The ``facts`` of the file, its ``report``, the ``companions`` (endings), and the ``seconds``.

    Raises:
        RetouchError: The edit failed.
    """
    edit = edit_named(task["edit"])
    out = Path(task["room"]) / f"result.{task['format']}"
    format_for(out, moving=edit.moving)
    arguments = _arguments(edit, task["values"], task["pixels"], device)
    started = time.perf_counter()
    verb = edit.load() if verb_of is None else verb_of(edit, arguments)
    made: Picture = verb(**arguments, progress=progress)
    seconds = time.perf_counter() - started
    made.save(out, companions=True)
    moves = made.animation is not None and motion_for(out) is not None
    if moves:
        made.save(out.with_name("still.png"))
    return {
        "facts": described.of_written(made, out),
        "still": moves,
        "report": finite(made.report),
        "companions": list(made.companions),
        "seconds": round(seconds, 4),
    }


class Listener:
    """Hears of an edit's progress, passes it on, and stops the edit when that is wanted.

    Args:
        parent: to be told.
        task: that is done.
    """

    def __init__(self, parent: Parent, task: Message) -> None:
        self._parent = parent
        self._number: int = task["number"]
        self._preview = Path(task["room"]) / PREVIEW
        self._pictures = 0
        self._next_picture = 0.0

    def __call__(self, event: Progress) -> None:
        """Pass an event on.

        Args:
            event: as the edit reports it.

        Raises:
            Cancelled: The edit is to stop.
        """
        if self._parent.is_stopped(self._number):
            raise Cancelled("the edit was cancelled; nothing was written")
        if event.preview is not None and time.monotonic() >= self._next_picture:
            self._show(event.preview())
        self._parent.report(
            {
                "number": self._number,
                "progress": {
                    "stage": event.stage,
                    "done": event.done,
                    "total": event.total,
                    "fraction": event.fraction,
                    "facts": {
                        name: value for name, value in finite(event.facts).items() if value is not None
                    },
                    "preview": self._pictures or None,
                },
            }
        )

    def _show(self, picture: object) -> None:
        from retouch.image.moving import resized

        began = time.monotonic()
        pixels = on_white(Picture.of(cast("PictureLike", picture)))
        height, width = pixels.shape[:2]
        scale = min(_PREVIEW_SIDE / max(height, width), 1.0)
        small = resized(pixels, (max(round(height * scale), 1), max(round(width * scale), 1)))
        Picture.of(small).save(self._preview)
        self._pictures += 1
        now = time.monotonic()
        self._next_picture = now + max(_PREVIEW_PAUSE, (now - began) / _PREVIEW_SHARE)


def _arguments(edit: Edit, values: Mapping[str, Any], pixels: int, device: str) -> dict[str, object]:
    """What the verb is called with, by name."""
    options = {option.name: option for option in edit.options()}
    given = {name: _argument(value, options[name], pixels) for name, value in values.items()}
    return given if given.get("device") or "device" not in options else {**given, "device": device}


def _argument(value: Any, option: Option, pixels: int) -> object:
    if isinstance(value, Mapping):
        if option.kind not in ("picture", "pictures"):
            return Path(value["file"])
        # Where words are taken, too, a picture is known by its path.
        return value["file"] if option.choices else Picture.open(value["file"], max_pixels=pixels)
    if isinstance(value, list):
        return tuple(_argument(item, option, pixels) for item in value)
    if option.kind == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


if __name__ == "__main__":
    main()
