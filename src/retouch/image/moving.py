"""Frames to the bytes of an animation or a video."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import UnwritablePicture
from retouch.image.quiet import no_pillow_warnings

Frame = NDArray[np.uint8]
"""One picture of a film, (H, W, 3) RGB."""

WEBP_QUALITY, AVIF_QUALITY = 80, 60

_COLOURS = 256
_SAMPLES = 1 << 15  # pixels of all frames that the palette is chosen from
_SHORTEST = 20  # ms; players show faster frames of a GIF at a speed of their own
_LONGEST = 60_000  # ms; an animated PNG has 16 bits for it
_RATES = (0.1, 30.0)  # pictures a second of a video

_ORDER = np.array(
    [
        [0, 32, 8, 40, 2, 34, 10, 42],
        [48, 16, 56, 24, 50, 18, 58, 26],
        [12, 44, 4, 36, 14, 46, 6, 38],
        [60, 28, 52, 20, 62, 30, 54, 22],
        [3, 35, 11, 43, 1, 33, 9, 41],
        [51, 19, 59, 27, 49, 17, 57, 25],
        [15, 47, 7, 39, 13, 45, 5, 37],
        [63, 31, 55, 23, 61, 29, 53, 21],
    ]
)
"""Bayer's matrix of order 8."""

_SPREAD = 14.0
"""Levels over which a colour is dithered: about half the distance of neighbours among 256 colours."""


def alike(frames: Sequence[Frame]) -> list[Frame]:
    """Bring frames to the size of the largest.

    Args:
        frames: at least one.
    """
    size = max((frame.shape[:2] for frame in frames), key=lambda size: size[0] * size[1])
    return [frame if frame.shape[:2] == size else resized(frame, (size[0], size[1])) for frame in frames]


def resized(pixels: Frame, size: tuple[int, int]) -> Frame:
    """Give a frame another size.

    Args:
        pixels: the frame.
        size: height and width, at least 1.
    """
    made = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(made, np.uint8)


def encoded(
    frames: Sequence[Frame],
    kind: str,
    *,
    seconds: float,
    hold: float,
    quality: int | None,
    lossless: bool = False,
) -> bytes:
    """Make the bytes of a film.

    Args:
        frames: of one size, at least one.
        kind: ``"GIF"``, ``"WEBP"``, ``"AVIF"``, ``"PNG"`` or ``"MP4"``.
        seconds: how long the frames take together, without the last.
        hold: how long the last one stays.
        quality: for WebP and AVIF.
        lossless: for WebP.

    Raises:
        UnwritablePicture: the format cannot be written here.
    """
    if kind == "MP4":
        return _video(frames, seconds, hold)
    each = min(max(round(1000 * seconds / max(len(frames) - 1, 1)), _SHORTEST), _LONGEST)
    durations = [each] * (len(frames) - 1) + [max(min(round(1000 * hold), _LONGEST), each)]
    images = with_one_palette(frames) if kind == "GIF" else [Image.fromarray(frame) for frame in frames]
    options: dict[str, dict[str, Any]] = {
        "GIF": {"loop": 0, "disposal": 1, "optimize": False},
        "WEBP": {"loop": 0, "quality": quality or WEBP_QUALITY, "method": 4, "lossless": lossless},
        "AVIF": {"quality": quality or AVIF_QUALITY, "speed": 8},
        "PNG": {"loop": 0},
    }
    data = io.BytesIO()
    try:
        with no_pillow_warnings():
            images[0].save(
                data, kind, save_all=True, append_images=images[1:], duration=durations, **options[kind]
            )
    except (OSError, ValueError, KeyError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UnwritablePicture(
            f"the film cannot be written as {kind} ({reason}); write .gif or .webp"
        ) from error
    return data.getvalue()


def with_one_palette(frames: Sequence[Frame]) -> list[Image.Image]:
    """Give all frames the same 256 colours, with a dither that stays where it is.

    Half of the pixels that the palette is chosen from are the last frame's: a process often begins with
    noise, whose many colours would leave few for the result. The dither is ordered, by Bayer's matrix:
    diffused errors crawl from frame to frame where the picture stands still.

    Args:
        frames: of one size.

    Returns:
        Palette images.
    """
    share = _SAMPLES // 2
    sampled = [_some(frames[-1], share)]
    sampled += [_some(frame, max(share // len(frames), 256)) for frame in frames]
    pixels = np.concatenate(sampled)
    rows = pixels[: len(pixels) // 64 * 64].reshape(-1, 64, 3) if len(pixels) >= 64 else pixels[None]
    palette = Image.fromarray(rows).quantize(_COLOURS, Image.Quantize.MEDIANCUT, kmeans=1)
    colours = palette.getpalette() or []
    height, width = frames[0].shape[:2]
    order = np.tile(_ORDER, (height // 8 + 1, width // 8 + 1))[:height, :width, None]
    shift = ((order + 0.5) / 64 - 0.5) * _SPREAD
    nearest = _nearest(palette)
    made = []
    for frame in frames:
        red, green, blue = np.moveaxis(np.clip(frame + shift, 0, 255).astype(np.uint8) >> 2, 2, 0)
        image = Image.fromarray(nearest[red, green, blue])
        image.putpalette(colours)
        made.append(image)
    return made


def _nearest(palette: Image.Image) -> NDArray[np.uint8]:
    """The palette's nearest entry to each of 64 × 64 × 64 colours, in one pass instead of one per frame."""
    steps = np.arange(64, dtype=np.uint8) * np.uint8(4) + np.uint8(2)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    chosen = Image.fromarray(cube.reshape(512, 512, 3)).quantize(palette=palette, dither=Image.Dither.NONE)
    return np.asarray(chosen, np.uint8).reshape(64, 64, 64)


def _some(frame: Frame, count: int) -> Frame:
    """Pixels from all over a frame, (N, 3)."""
    pixels = frame.reshape(-1, 3)
    step = max(len(pixels) // count, 1)
    # A step that shares a factor with the width would take columns.
    return pixels[:: step + 1 - step % 2] if step > 1 else pixels


def _video(frames: Sequence[Frame], seconds: float, hold: float) -> bytes:
    from retouch.image import opencv

    rate = min(max(max(len(frames) - 1, 1) / seconds, _RATES[0]), _RATES[1])
    height, width = frames[0].shape[:2]
    even = max(height // 2 * 2, 2), max(width // 2 * 2, 2)
    shown = [frame if frame.shape[:2] == even else resized(frame, even) for frame in frames]
    still = [shown[-1]] * round(min(hold, _LONGEST / 1000) * rate)
    data = opencv.encode_vp9([*shown, *still], rate)
    if data is None:
        raise UnwritablePicture(
            "this OpenCV writes no VP9 video; write the film as .webp, .avif, .gif or .png instead"
        )
    return data
