"""A verb that no task has: it takes a latent, moves, and leaves a file beside its picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from retouch import catalog
from retouch.errors import UnreadableWeights
from retouch.image import Animation, Picture

if TYPE_CHECKING:
    from retouch.image import PictureLike
    from retouch.progress import ProgressCallback

    LatentLike = PictureLike

ENDING = ".latent.safetensors"

calls: list[dict[str, Any]] = []
"""What the verb was given, the latest last."""


def trace(
    latent: LatentLike,
    *,
    others: tuple[LatentLike, ...] = (),
    start: LatentLike | None = None,
    level: int = 10,
    progress: ProgressCallback | None = None,
) -> Picture:
    """Trace a latent.

    Args:
        latent: what is traced.
        others: more of them.
        start: where it begins.
        level: of gray.
        progress: not told.

    Returns:
        A gray picture, moving, with the latent's bytes beside it.
    """
    calls.append(dict(locals()))
    if Path(str(latent)).name.startswith("damaged"):
        raise UnreadableWeights(f"{Path(str(latent))} cannot be used as a latent")
    frames = [np.full((8, 12, 3), level + step, np.uint8) for step in (0, 100)]
    made = Picture.of(np.full((4, 6, 3), level, np.uint8)).edited(
        np.full((4, 6, 3), level / 255, np.float32), report={"loss": float(level)}
    )
    beside = {ENDING: Path(str(latent)).read_bytes()[:20]}
    return made.with_companions(beside).with_animation(Animation(tuple(frames), 1.0))


@contextmanager
def in_catalog() -> Iterator[None]:
    """Make the verb of this file the only edit there is."""
    home = ModuleType("retouch.tasks.made_up_trace.edit")
    home.__dict__.update(trace=trace)
    edits = (catalog.Edit("trace", "made_up_trace", "Trace a latent.", companions=(ENDING,), moving=True),)
    sys.modules[home.__name__] = home
    try:
        with mock.patch.object(catalog, "EDITS", edits):
            yield
    finally:
        del sys.modules[home.__name__]
