"""Bring samples to another size, with the conventions of the published super-resolution benchmarks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from retouch.errors import InputError, UnknownName

Kernel = Literal["bicubic", "lanczos", "bilinear", "area", "nearest"]
"""How samples are weighed: a cubic with a = −0.5 over 4 samples, a sinc windowed to 6, a tent over 2, the
part of the new pixel that each old one covers, or the nearest alone."""

KERNELS: tuple[Kernel, ...] = get_args(Kernel)

_DENSE = 1 << 18
"""Matrices up to so many entries are kept dense, which is faster for the small pictures of training."""

Planes = NDArray[np.float32]


def resize(
    planes: NDArray[np.floating],
    size: tuple[int, int],
    *,
    kernel: Kernel = "bicubic",
    antialias: bool = True,
    levels: int = 0,
) -> Planes:
    """Bring planes of samples to another size, as MATLAB's ``imresize`` does.

    Args:
        planes: (…, H, W) of any range; what overshoots is not clipped.
        size: height and width that are wanted.
        kernel: how samples are weighed.
        antialias: widen the kernel when a side gets smaller, so that nothing is skipped.
        levels: 255 rounds values in [0, 1] to 8 bits after each side, rows first, as MATLAB does with 8-bit
            pictures: the published inputs of benchmarks are made so. 0 rounds nothing.

    Returns:
        (…, height, width), float32.

    Raises:
        InputError: a side is below 1.
        UnknownName: there is no such kernel.

    Source: MATLAB's documentation of ``imresize``; Keys 1981, "Cubic convolution interpolation for digital
        image processing" (a = −1/2). Pixel centres at (i + 1/2), mirrored beyond the edges.
    Departs: computed in float32 throughout; ``area`` and ``nearest`` are exact for any size, where MATLAB's
        box is so for whole factors alone.
    """
    if kernel not in KERNELS:
        raise UnknownName("kernel", kernel, KERNELS)
    if min(size) < 1 or min(planes.shape[-2:]) < 1:
        raise InputError(
            f"cannot bring {planes.shape[-1]}×{planes.shape[-2]} pixels to {size[1]}×{size[0]}; a picture "
            "has at least 1×1"
        )
    found = np.asarray(planes, np.float32)
    # The side that shrinks most goes first, for the least work.
    for axis in sorted((-2, -1), key=lambda side: size[side] / planes.shape[side] if not levels else side):
        found = _along(found, axis, size[axis], kernel, antialias)
        if levels:
            found = np.floor(found.clip(0, 1) * np.float32(levels) + np.float32(0.5)) / np.float32(levels)
    return found


def weights_along(
    old: int, new: int, *, kernel: Kernel = "bicubic", antialias: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Say of which old samples each new one is made, along one side.

    Args:
        old: samples there are.
        new: samples that are wanted.
        kernel: how they are weighed.
        antialias: widen the kernel when there are fewer new samples than old ones.

    Returns:
        Indices and weights, (new, taps); the weights of a row sum to 1.
    """
    factor = new / old
    middles = np.arange(new) + 0.5
    # Multiplied first, so that the middle between two samples is found to be just that.
    place = middles * old / new - 0.5
    if kernel == "nearest":
        nearest = np.clip(np.floor(place + 0.5), 0, old - 1).astype(np.int64)
        return nearest[:, None], np.ones((new, 1))
    wide = 1.0 / factor if (antialias and factor < 1) or kernel == "area" else 1.0
    reach = 0.5 * (_SUPPORT[kernel] * wide + (kernel == "area"))
    first = np.floor(place - reach).astype(np.int64)
    taps = first[:, None] + np.arange(math.ceil(2 * reach) + 2)
    away = place[:, None] - taps
    if kernel == "area":
        weights = np.clip(np.minimum(away + wide / 2, 0.5) - np.maximum(away - wide / 2, -0.5), 0, None)
    else:
        weights = _SHAPE[kernel](away / wide)
    weights /= weights.sum(axis=1, keepdims=True)
    used = np.flatnonzero(np.abs(weights).max(axis=0) > 0)
    mirrored = np.mod(taps[:, used], 2 * old)
    return np.where(mirrored < old, mirrored, 2 * old - 1 - mirrored), weights[:, used]


def _along(planes: Planes, axis: int, new: int, kernel: Kernel, antialias: bool) -> Planes:
    old = planes.shape[axis]
    if new == old:
        return planes
    matrix = _matrix(old, new, kernel, antialias)
    if isinstance(matrix, np.ndarray):
        product = matrix @ planes if axis == -2 else planes @ matrix.T
        return np.asarray(product, np.float32)
    lying = np.moveaxis(planes, axis, 0)
    found = matrix @ lying.reshape(old, -1)
    return np.ascontiguousarray(np.moveaxis(found.reshape(new, *lying.shape[1:]), 0, axis), np.float32)


@lru_cache(maxsize=256)
def _matrix(old: int, new: int, kernel: Kernel, antialias: bool) -> Planes | sparse.csr_array:
    indices, weights = weights_along(old, new, kernel=kernel, antialias=antialias)
    rows = np.repeat(np.arange(new), indices.shape[1])
    made = sparse.csr_array(
        (weights.ravel().astype(np.float32), (rows, indices.ravel())), shape=(new, old), dtype=np.float32
    )
    return np.asarray(made.toarray(), np.float32) if old * new <= _DENSE else made


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def _tent(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < 1, 1 - np.abs(x), 0.0)


_SHAPE: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "bicubic": _cubic,
    "lanczos": _lanczos,
    "bilinear": _tent,
}
_SUPPORT = {"bicubic": 4.0, "lanczos": 6.0, "bilinear": 2.0, "area": 1.0}
