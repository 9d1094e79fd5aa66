"""A verb that no task has, with one option of every kind, to test the command line alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal
from unittest import mock

import numpy as np

from retouch import catalog
from retouch.image import Mask, Picture
from retouch.progress import Progress

if TYPE_CHECKING:
    from retouch.image import MaskLike, PictureLike, Point
    from retouch.progress import ProgressCallback

calls: list[dict[str, Any]] = []
"""What the verb was given, the latest last."""

meanwhile: list[Callable[[], object]] = []
"""What happens while the verb runs."""


def darken(
    photo: PictureLike,
    mask: MaskLike,
    *,
    at: Point = (0, 0),
    gradients: Literal["source", "mixed"] = "source",
    strength: float = 0.5,
    tolerance: Literal["visual", "exact"] | float = "visual",
    steps: int = 3,
    linear_light: bool = False,
    note: str = "",
    edges: MaskLike | None = None,
    progress: ProgressCallback | None = None,
) -> Picture:
    """Make a region darker.

    Args:
        photo: the picture.
        mask: where.
        at: a place.
        gradients: which gradients.
        strength: how much darker, 0 … 1, over two
            lines of text.
        tolerance: how exact.
        steps: how many steps to take, 10 ms each.
        linear_light: work in linear light.
        note: words; "silent" reports no progress, "pictures" shows the photo in it.
        edges: another mask.
        progress: told after each step.

    Returns:
        The darker picture.
    """
    given = dict(locals())
    calls.append(given)
    for happen in meanwhile:
        happen()
    opened = Picture.of(photo)
    inside = Mask.of(mask, opened.size).inside
    for step in range(steps):
        time.sleep(0.01)
        if progress and note != "silent":
            progress(Progress("darkening", step + 1, steps, _showing(opened) if note == "pictures" else None))
    pixels = np.where(inside[..., None], opened.pixels * (1 - strength), opened.pixels)
    return opened.edited(
        pixels.astype(np.float32), where=inside, report={"residual": 1.5e-7, "cycles": steps}
    )


def _showing(picture: Picture) -> Callable[[], object]:
    return lambda: picture


def soften(
    photo: PictureLike, mask: MaskLike | None = None, *, progress: ProgressCallback | None = None
) -> Picture:
    """Do nothing, with a mask that may be left out."""
    calls.append({"mask": mask})
    return Picture.of(photo)


@contextmanager
def in_catalog() -> Iterator[None]:
    """Make the verbs of this file the only edits there are."""
    home = ModuleType("retouch.tasks.made_up.edit")
    home.__dict__.update(darken=darken, soften=soften)
    edits = (
        catalog.Edit("darken", "made_up", "Make a region darker."),
        catalog.Edit("soften", "made_up", "Do nothing, with a mask that may be left out."),
    )
    # Not patch.dict: it would also forget every module that is imported meanwhile.
    sys.modules[home.__name__] = home
    try:
        with mock.patch.object(catalog, "EDITS", edits):
            yield
    finally:
        del sys.modules[home.__name__]
