"""Between the samples as a file stores them and float sRGB, in strips of rows.

Samples are held as (H, W, C): uint8, uint16 or float32; C is 1 (gray), 2 (gray + alpha),
3 (RGB) or 4 (RGBA, or CMYK where 0 is no ink). Black-and-white pictures are held as 0 and 255,
palettes as the colours they name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retouch.image.colour import SRGB, Colour, Gray, Space, colour_of
from retouch.image.facts import BitDepth, FileFacts

Samples = NDArray[Any]
"""uint8, uint16 or float32."""

Floats = NDArray[np.float32]

_STRIP = 1 << 18
"""Pixels converted at a time: large enough for numpy, small enough for the cache."""


def full_scale(samples: Samples) -> int:
    """The sample value that means 1."""
    return {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(samples.dtype, 1)


def alpha_channel(samples: Samples, facts: FileFacts) -> int | None:
    """The index of the channel that holds transparency, or None."""
    channels = samples.shape[2]
    if channels == 2:
        return 1
    return 3 if channels == 4 and facts.mode != "CMYK" else None


def colour_samples(samples: Samples, facts: FileFacts) -> Samples:
    """The channels that hold colour, (H, W, 1 | 3 | 4)."""
    return samples[..., : alpha_channel(samples, facts)]


def decoded(samples: Samples, facts: FileFacts) -> Floats:
    """Turn samples into colours.

    Args:
        samples: (H, W, C).
        facts: what they mean.

    Returns:
        (H, W, 3) sRGB-encoded, nominally in [0, 1].
    """
    inks = colour_samples(samples, facts)
    colour = _meaning(inks, facts)
    height, width, count = inks.shape
    rgb = np.empty((height, width, 3), np.float32)
    if isinstance(colour, SRGB) or colour == Gray():
        return unit(inks, rgb)
    for rows in strips(height, width):
        strip = unit(inks[rows]).reshape(-1, count)
        rgb[rows] = colour.decode(strip).reshape(-1, width, 3)
    return rgb


def encode_into(
    samples: Samples, facts: FileFacts, rgb: Floats, where: NDArray[np.bool_] | None = None
) -> None:
    """Write colours into the colour channels of samples, rounded to the nearest value.

    Args:
        samples: (H, W, C), changed in place.
        facts: what they mean.
        rgb: (H, W, 3) sRGB-encoded; values that the samples cannot hold are clipped.
        where: (H, W); only these pixels are written. None: all.
    """
    inks = colour_samples(samples, facts)
    colour = _meaning(inks, facts)
    height, width, count = inks.shape
    for rows in strips(height, width):
        chosen = None if where is None else where[rows]
        if chosen is not None and np.count_nonzero(chosen) < chosen.size // 4:
            inks[rows][chosen] = quantised(colour.encode(rgb[rows][chosen]), samples.dtype)
            continue
        encoded = colour.encode(rgb[rows].reshape(-1, 3))
        whole = quantised(encoded, samples.dtype).reshape(-1, width, count)
        if chosen is None:
            inks[rows] = whole
        else:
            # copying under a mask is several times faster than gathering and scattering most pixels
            np.copyto(inks[rows], whole, where=chosen[..., None])


def unit(samples: Samples, out: Floats | None = None) -> Floats:
    """Scale samples to [0, 1] in one pass.

    Args:
        samples: any shape.
        out: where to write; None for a new array.
    """
    scale = np.float32(full_scale(samples))
    out = np.empty(samples.shape, np.float32) if out is None else out
    return np.divide(samples, scale, out=out)


def quantised(values: Floats, dtype: np.dtype[np.generic]) -> Samples:
    """Round values in [0, 1] to the nearest sample; floating-point samples are not changed.

    Args:
        values: any shape; for whole-number samples what lies outside [0, 1] is clipped.
        dtype: uint8, uint16 or float32.
    """
    if dtype == np.float32:
        return values.astype(np.float32, copy=False)
    limit = 255 if dtype == np.uint8 else 65535
    with np.errstate(over="ignore"):  # infinity is clipped like any other large value
        scaled = values * np.float32(limit)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, limit, out=scaled)
    return scaled.astype(np.uint8 if dtype == np.uint8 else np.uint16)


def as_depth(samples: Samples, bit_depth: BitDepth) -> Samples:
    """Give samples another bit depth, rounded; more bits keep every value exactly.

    Args:
        samples: any shape.
        bit_depth: 8, 16 or 32 bits; 1 counts as 8.
    """
    if bit_depth == 32:
        return unit(samples)
    if bit_depth == 16:
        if samples.dtype == np.uint8:
            return samples.astype(np.uint16) * np.uint16(257)
        return samples if samples.dtype == np.uint16 else quantised(unit(samples), np.dtype(np.uint16))
    if samples.dtype == np.uint16:
        # 65535 / 255 = 257, so this is the exact rounding, without a float copy.
        return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return samples if samples.dtype == np.uint8 else quantised(unit(samples), np.dtype(np.uint8))


def strips(height: int, width: int) -> Iterator[slice]:
    """Cut a picture into runs of rows that fit the processor's cache.

    Args:
        height: rows in all.
        width: pixels in a row.
    """
    step = max(1, _STRIP // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Give a view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def _meaning(inks: Samples, facts: FileFacts) -> Colour:
    spaces: dict[int, Space] = {1: "GRAY", 3: "RGB", 4: "CMYK"}
    return colour_of(facts.icc, spaces[inks.shape[2]])
