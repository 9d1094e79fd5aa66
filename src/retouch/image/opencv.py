"""The three things OpenCV does for us: 16-bit PNG rows, exact Euclidean distances, and video.

OpenCV orders channels BGR(A) and reports errors on stderr; both stay inside this file (the
caller has checked the PNG before).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def decode_png16(data: bytes) -> NDArray[np.uint16] | None:
    """Decode a 16-bit PNG.

    Args:
        data: a file that holds nothing but IHDR, IDAT and IEND, already found intact.

    Returns:
        (H, W, 1), (H, W, 3) RGB, or (H, W, 4) RGBA (gray + alpha has three equal colours);
        None when it cannot be decoded after all.
    """
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint16:
        return None
    if picture.ndim == 2:
        return np.asarray(picture[..., None], np.uint16)
    order = cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return np.asarray(cv2.cvtColor(picture, order), np.uint16)


def distance_to(goal: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Measure how far every pixel is from the nearest pixel of a set.

    Args:
        goal: (H, W).

    Returns:
        (H, W) Euclidean distance between pixel centres; 0 in the set, infinite when it is empty.
    """
    if not goal.any():
        return np.full(goal.shape, np.inf, np.float32)
    away = np.logical_not(goal).view(np.uint8)
    return np.asarray(cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def widest_in_disk(
    values: NDArray[np.float32], radius: float, *, smallest: bool = False
) -> NDArray[np.float32]:
    """Give every pixel the largest value within a distance of it.

    Args:
        values: (H, W).
        radius: distance between pixel centres, at least 0.
        smallest: the smallest value instead. Pixels outside the picture never count.

    Returns:
        (H, W).
    """
    best = values.copy()
    height = values.shape[0]
    choose = np.minimum if smallest else np.maximum
    spread = cv2.erode if smallest else cv2.dilate
    for dy in range(min(int(radius), height - 1) + 1):
        half = min(int(np.sqrt(radius * radius - dy * dy)), values.shape[1])
        row = spread(values, np.ones((1, 2 * half + 1), np.uint8)) if half else values
        choose(best[: height - dy], row[dy:], out=best[: height - dy])
        choose(best[dy:], row[: height - dy], out=best[dy:])
    return best


def encode_vp9(frames: Sequence[NDArray[np.uint8]], rate: float) -> bytes | None:
    """Make the bytes of an MP4 video whose pictures are VP9, the codec of OpenCV's wheels that browsers play.

    Args:
        frames: (H, W, 3) RGB of one size, both sides even.
        rate: frames a second.

    Returns:
        The file; None when this OpenCV cannot write it, or it does not hold all frames.
    """
    height, width = frames[0].shape[:2]
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        # The writer knows only file names, and tells of no failure.
        with tempfile.TemporaryDirectory(prefix="retouch-film-") as folder:
            path = str(Path(folder) / "film.mp4")
            writer = cv2.VideoWriter(
                path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"vp09"), rate, (width, height)
            )
            if not writer.isOpened():
                return None
            for frame in frames:
                writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            writer.release()
            return Path(path).read_bytes() if _frames_in(path) == len(frames) else None
    except (OSError, cv2.error):
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)


def _frames_in(path: str) -> int:
    reader = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    try:
        count = 0
        while reader.grab():
            count += 1
        return count
    finally:
        reader.release()
