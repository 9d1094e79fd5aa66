"""Beginning from a picture of one's own."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from retouch.errors import UnreadablePicture
from retouch.image import Picture
from retouch.tasks.stylize.edit.painting import Size, resized


def from_file(path: str, size: Size, others: Sequence[str]) -> Tensor:
    """Read the picture that a painting begins as.

    Args:
        path: of a file.
        size: height and width that are wanted; the picture is brought to them.
        others: what else could have been said.

    Returns:
        (1, 3, H, W) in [0, 1].

    Raises:
        UnreadablePicture: there is no such file, or it is no picture.
    """
    if not os.path.lexists(path):
        raise UnreadablePicture(
            f"start={path!r:.200} is neither {', '.join(others)} nor a file that is there; give one of these"
        )
    pixels = np.clip(Picture.of(path).pixels, 0, 1)
    return resized(torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)))[None], size)
