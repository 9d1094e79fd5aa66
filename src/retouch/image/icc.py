"""The few parts of an ICC profile that say what an RGB or gray number means.

Source: ICC.1:2022 (profile version 4.4), sections 7 (layout), 10.6 (curveType), 10.18
(parametricCurveType) and 10.31 (XYZType).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LARGEST_PROFILE = 16 << 20
"""Bytes; the largest profile that is looked into (press profiles have 3 MB)."""

_MOST_TAGS = 200
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


class ProfileError(Exception):
    """A profile that cannot be used; the reader falls back to sRGB and says so."""


class ToneCurve(Protocol):
    """How much light a sample stands for; odd about zero, so that negative values survive."""

    def light(self, samples: Floats) -> Floats:
        """Turn samples into light, both nominally in [0, 1]."""

    def samples(self, light: Floats) -> Floats:
        """Turn light into samples; the inverse of :meth:`light`."""


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """The general parametric curve: (a·x + b)^g + e from d upwards, c·x + f below."""

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    def light(self, samples: Floats) -> Floats:
        """Evaluate the curve."""
        x = np.abs(samples)
        bent = np.maximum(np.float32(self.a) * x + np.float32(self.b), 0) ** np.float32(self.g) + np.float32(
            self.e
        )
        light = np.where(x >= self.d, bent, np.float32(self.c) * x + np.float32(self.f))
        return np.copysign(light, samples).astype(np.float32, copy=False)

    def samples(self, light: Floats) -> Floats:
        """Solve the curve for its argument."""
        y = np.abs(light)
        root = np.maximum(y - np.float32(self.e), 0) ** np.float32(1 / self.g)
        bent = (root - np.float32(self.b)) / np.float32(self.a)
        straight = (y - np.float32(self.f)) / np.float32(self.c) if self.c > 0 else np.zeros_like(y)
        joint = max(self.a * self.d + self.b, 0.0) ** self.g + self.e
        return np.copysign(np.where(y >= joint, bent, straight), light).astype(np.float32, copy=False)


class SampledCurve:
    """A curve given by equally spaced values, straight in between and beyond the last."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self._y = np.maximum.accumulate(values)
        self._x = np.linspace(0, 1, len(values))
        if self._y[-1] <= self._y[0]:
            raise ProfileError("a tone curve is flat")
        # np.interp needs rising values to be inverted; a flat run inverts to its lower end,
        # but the last one to 1, so that black and white go back to black and white.
        rising = np.append(True, np.diff(self._y) > 0)
        self._rising_y, self._rising_x = self._y[rising], self._x[rising]
        self._rising_x[-1] = 1.0
        self._slope = float((self._y[-1] - self._y[-2]) / (self._x[-1] - self._x[-2])) or 1.0

    def light(self, samples: Floats) -> Floats:
        """Look the curve up."""
        x = np.abs(samples)
        over = np.maximum(x - 1, 0) * self._slope
        return _float32(np.copysign(np.interp(x, self._x, self._y) + over, samples))

    def samples(self, light: Floats) -> Floats:
        """Look the inverse up."""
        y = np.abs(light)
        over = np.maximum(y - self._y[-1], 0) / self._slope
        found = np.interp(y, self._rising_y, self._rising_x)
        return _float32(np.copysign(found + over, light))


@dataclass(frozen=True, slots=True)
class Profile:
    """An opened profile: what its samples are, and its tags.

    Args:
        space: ``"RGB"``, ``"GRAY"``, ``"CMYK"`` or another four-letter name.
        pcs: the space it connects to, ``"XYZ"`` or ``"Lab"``.
        tags: the data of each tag.
    """

    space: str
    pcs: str
    tags: dict[bytes, bytes]

    @classmethod
    def parse(cls, icc: bytes) -> Profile:
        """Open a profile.

        Args:
            icc: the whole profile.

        Raises:
            ProfileError: it is not a profile, too large, or its tags do not lie inside it.
        """
        if len(icc) < 132 or icc[36:40] != b"acsp":
            raise ProfileError("it is not an ICC profile")
        if len(icc) > LARGEST_PROFILE:
            raise ProfileError(f"it has {len(icc)} bytes")
        (count,) = struct.unpack_from(">I", icc, 128)
        if count > _MOST_TAGS or 132 + 12 * count > len(icc):
            raise ProfileError("its table of tags is broken")
        tags = {}
        for i in range(count):
            name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
            if offset + size > len(icc):
                raise ProfileError(f"its tag {name!r} lies outside it")
            tags[name] = icc[offset : offset + size]
        return cls(icc[16:20].decode("latin-1").strip(), icc[20:24].decode("latin-1").strip(), tags)

    @property
    def is_matrix(self) -> bool:
        """Whether three primaries and three curves say everything."""
        needed = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
        tables = (b"A2B0", b"A2B1", b"D2B0", b"D2B1")
        return (
            self.pcs == "XYZ"
            and all(t in self.tags for t in needed)
            and not any(t in self.tags for t in tables)
        )

    @property
    def is_gray_curve(self) -> bool:
        """Whether one curve from gray to light says everything."""
        return self.pcs == "XYZ" and b"kTRC" in self.tags and b"A2B0" not in self.tags

    def matrix(self) -> NDArray[np.float64]:
        """Linear samples to XYZ under D50, (3, 3), one primary per column.

        Raises:
            ProfileError: a primary is missing or the three are no basis.
        """
        matrix = np.stack([_xyz(self.tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
        if abs(np.linalg.det(matrix)) < 1e-4:
            raise ProfileError("its primaries are no basis")
        return matrix

    def curves(self) -> tuple[ToneCurve, ToneCurve, ToneCurve]:
        """The tone curves of red, green and blue.

        Raises:
            ProfileError: a curve cannot be read.
        """
        return _curve(self.tags[b"rTRC"]), _curve(self.tags[b"gTRC"]), _curve(self.tags[b"bTRC"])

    def gray_curve(self) -> ToneCurve:
        """The tone curve of gray.

        Raises:
            ProfileError: the curve cannot be read.
        """
        return _curve(self.tags[b"kTRC"])


def _float32(values: NDArray[Any]) -> Floats:
    return values.astype(np.float32, copy=False)


def _xyz(data: bytes) -> NDArray[np.float64]:
    if len(data) < 20 or data[:4] != b"XYZ ":
        raise ProfileError("a primary cannot be read")
    return np.frombuffer(data, ">i4", 3, 8) / 65536.0


def _curve(data: bytes) -> ToneCurve:
    if len(data) >= 12 and data[:4] == b"curv":
        return _sampled(data)
    if len(data) >= 12 and data[:4] == b"para":
        return _parametric(data)
    raise ProfileError("a tone curve cannot be read")


def _sampled(data: bytes) -> ToneCurve:
    (count,) = struct.unpack_from(">I", data, 8)
    if 12 + 2 * count > len(data):
        raise ProfileError("a tone curve is cut short")
    values = np.frombuffer(data, ">u2", count, 12)
    if count == 0:
        return PowerCurve(1.0)
    if count == 1:
        if values[0] == 0:
            raise ProfileError("a tone curve has the exponent 0")
        return PowerCurve(float(values[0]) / 256)
    return SampledCurve(values / 65535.0)


def _parametric(data: bytes) -> ToneCurve:
    (kind,) = struct.unpack_from(">H", data, 8)
    count = _PARAMETERS.get(kind)
    if count is None or 12 + 4 * count > len(data):
        raise ProfileError("a tone curve cannot be read")
    p = [float(v) for v in np.frombuffer(data, ">i4", count, 12) / 65536.0]
    if p[0] <= 0 or (count > 1 and p[1] <= 0):
        raise ProfileError("a tone curve is not rising")
    if kind == 0:
        return PowerCurve(p[0])
    if kind in (1, 2):
        floor = p[3] if kind == 2 else 0.0
        return PowerCurve(p[0], p[1], p[2], 0.0, -p[2] / p[1], floor, floor)
    g, a, b, c, d, *rest = p
    return PowerCurve(g, a, b, c, d, *rest)
