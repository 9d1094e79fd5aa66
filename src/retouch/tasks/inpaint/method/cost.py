"""What a crop of a photo costs in memory."""

from __future__ import annotations

LEAST = 25_000
"""Pixels of the smallest crop that is worth trying: a few pixels of hole and 64 around them."""

PER_CHANNEL = 16.0
"""Bytes for every pixel of a crop and every channel of the network's first layer, in float32.

Four maps of the first layer's size at once: what goes into its widest step, that with a border, what comes
out, and the convolution's own workspace. Measured on a CPU: 12 (64 channels) to 17 (24 channels)."""

REFINED = 8.0
"""How many times more a crop takes while its features are refined, for the maps that are kept: 6.5 measured
with nine blocks."""


def bytes_per_pixel(width: int, *, half: bool = False, refined: bool = False) -> float:
    """Estimate what a pixel of a crop costs.

    Args:
        width: channels of the network's first layer, which works on all pixels.
        half: it works in bfloat16.
        refined: its features are refined.

    Returns:
        Bytes.
    """
    # Half the bytes for most maps, but the transforms stay in float32.
    return PER_CHANNEL * max(width, 8) * (0.6 if half else 1.0) * (REFINED if refined else 1.0)
