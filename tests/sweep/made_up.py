"""A verb that no task has, to test sweeps without waiting for an edit."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal
from unittest import mock

import numpy as np

from retouch import catalog
from retouch.errors import InputError
from retouch.image import Picture
from retouch.progress import Progress

if TYPE_CHECKING:
    from retouch.image import MaskLike, PictureLike, Point
    from retouch.progress import ProgressCallback


def dye(
    photo: PictureLike,
    cloth: PictureLike,
    *,
    mask: MaskLike | None = None,
    at: Point = (0, 0),
    manner: Literal["wash", "print"] = "wash",
    strength: Literal["full"] | float = 1.0,
    count: int = 1,
    wet: bool = False,
    note: str = "",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Dye a photo like a cloth.

    Args:
        photo: the picture.
        cloth: whose mean colour is taken.
        mask: where.
        at: a place.
        manner: how.
        strength: how much.
        count: how often.
        wet: whether.
        note: "fail", "die", "shout" and "wait" do that.
        progress: told after each step.

    Returns:
        The dyed picture.
    """
    opened = Picture.of(photo)
    if note == "fail":
        raise InputError("the dye\tran <out>; buy some")
    if note == "die":
        sys.stderr.write("a line\nthe last words\n")
        sys.stderr.flush()
        os._exit(3)
    if note == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if note == "bug":
        raise ZeroDivisionError("nought")
    if note == "shout":
        os.write(1, b"not an answer\n")
        print('{"not": "an answer"}', flush=True)  # noqa: T201
    if progress:
        progress(Progress("dyeing", 1, 2))
    if note == "wait":
        time.sleep(60)
    share = 1.0 if strength == "full" else strength
    colour = Picture.of(cloth).pixels.mean(axis=(0, 1))
    pixels = opened.pixels * (1 - share) + colour * share
    report: dict[str, float | int | str] = {
        "loss": 1 / (1 + share),
        "broken": float("nan"),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "process": os.getpid(),
        "module": str(Path(sys.modules["retouch"].__file__ or "").parent),
    }
    return opened.edited(pixels.astype(np.float32), report=report)


@contextmanager
def in_catalog() -> Iterator[None]:
    """Make the verb of this file the only edit there is."""
    home = ModuleType("retouch.tasks.made_up_dye.edit")
    home.__dict__.update(dye=dye)
    edits = (catalog.Edit("dye", "made_up_dye", "Dye a photo like a cloth."),)
    sys.modules[home.__name__] = home
    try:
        with mock.patch.object(catalog, "EDITS", edits):
            yield
    finally:
        del sys.modules[home.__name__]
