"""A picture that is like photos in its spectrum alone, for measuring how strong features are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def clouds(side: int = 128) -> Tensor:
    """Draw a fixed colour picture whose spectrum falls as that of photos does.

    Args:
        side: height and width in pixels.

    Returns:
        (1, 3, side, side) in [0, 1], always the same.
    """
    random = np.random.default_rng(0)
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    falling = 1 / np.maximum(np.hypot(rows, columns), 1 / side)
    noise = random.standard_normal((3, side, side))
    # Photos are nearly grey: their channels share most of their light.
    shared = 0.9 * noise[:1] + 0.45 * noise
    drawn = np.fft.irfft2(np.fft.rfft2(shared) * falling, s=(side, side))
    drawn /= drawn.std()
    return torch.from_numpy(np.clip(0.45 + 0.22 * drawn, 0, 1)[None]).float()
