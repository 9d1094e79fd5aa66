"""The single degradations: smaller, blurred, noisy, compressed."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from PIL import Image
from scipy import ndimage

from retouch.data.degradations.degradation import Planes, Spoiled, plain
from retouch.errors import InputError
from retouch.image.resample import Kernel, resize, weights_along

Range = tuple[float, float]
"""Lowest and highest; both included, drawn evenly."""

_WEAKEST = 1e-7


@dataclass(frozen=True, slots=True)
class _Smaller:
    """Make pictures smaller by a whole factor, in 8 bits as files are.

    Args:
        factor: 2, 3, 4 …
    """

    name: ClassVar[str]
    kernel: ClassVar[Kernel]
    factor: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.factor <= 64:
            raise InputError(f"{self.name} has the factor {self.factor}; give a whole one from 1 to 64")

    @property
    def spec(self) -> str:
        """As :func:`parse` reads it."""
        return f"{self.name}({self.factor})"

    @property
    def scale(self) -> int:
        """The factor."""
        return self.factor

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Make it smaller.

        Raises:
            InputError: its sides are no multiples of the factor.
        """
        del random
        height, width = picture.planes.shape[1:]
        if height % self.factor or width % self.factor:
            raise InputError(
                f"{self.name}({self.factor}) got a picture of {width}×{height}; cut its sides to multiples "
                f"of {self.factor}"
            )
        size = height // self.factor, width // self.factor
        noisy = picture.noise.any()
        planes = resize(picture.planes, size, kernel=self.kernel, levels=0 if noisy else 255)
        if not noisy:
            return Spoiled.clean(planes)
        # Averaged with weights whose squares sum to less than 1, independent noise gets weaker.
        noise = resize(picture.noise, size, kernel="area") * np.float32(_gain(self.kernel, self.factor))
        return Spoiled(planes, noise)


class Bicubic(_Smaller):
    """Smaller by a bicubic kernel with antialiasing, as the inputs of the benchmarks are made by MATLAB."""

    __slots__ = ()
    name = "bicubic"
    kernel = "bicubic"


class Area(_Smaller):
    """Smaller by the mean of whole blocks, as a camera bins its pixels."""

    __slots__ = ()
    name = "area"
    kernel = "area"


class Lanczos(_Smaller):
    """Smaller by a windowed sinc."""

    __slots__ = ()
    name = "lanczos"
    kernel = "lanczos"


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Leave the size of a picture, and do something of a strength that is drawn.

    Args:
        strength: from which range.
    """

    name: ClassVar[str]
    limits: ClassVar[Range] = (0, 255)
    strength: Range

    def __post_init__(self) -> None:
        (low, high), (least, most) = self.strength, self.limits
        if not least <= low <= high <= most:
            raise InputError(
                f"{self.spec} is out of range; give a number from {least:g} to {most:g}, or low..high"
            )

    @property
    def spec(self) -> str:
        """As :func:`parse` reads it."""
        low, high = self.strength
        return f"{self.name}({plain(low) if low == high else f'{plain(low)}..{plain(high)}'})"

    @property
    def scale(self) -> int:
        """1."""
        return 1


@dataclass(frozen=True, slots=True)
class Noise(_Drawn):
    """White Gaussian noise, not clipped.

    Args:
        strength: its standard deviation in levels of 255, drawn anew for every picture.
    """

    name: ClassVar[str] = "noise"
    strength: Range = (25.0, 25.0)

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Add it."""
        sigma = np.float32(random.uniform(*self.strength) / 255)
        return picture.add(random.standard_normal(picture.planes.shape, np.float32) * sigma, float(sigma))


@dataclass(frozen=True, slots=True)
class ChannelNoise(_Drawn):
    """White Gaussian noise of another strength in each channel, not clipped.

    Args:
        strength: the standard deviations in levels of 255, drawn anew for every channel of every picture.
    """

    name: ClassVar[str] = "channel-noise"
    strength: Range = (5.0, 50.0)

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Add it."""
        planes = picture.planes
        sigma = random.uniform(*self.strength, (planes.shape[0], 1, 1)).astype(np.float32) / np.float32(255)
        mean = float(np.sqrt(np.mean(sigma**2)))
        return picture.add(random.standard_normal(planes.shape, np.float32) * sigma, mean)


@dataclass(frozen=True, slots=True)
class MappedNoise(_Drawn):
    """White Gaussian noise whose strength changes smoothly across the picture, not clipped.

    Args:
        strength: its standard deviation in levels of 255: the range between corners of a 4×4 grid.
    """

    name: ClassVar[str] = "mapped-noise"
    strength: Range = (5.0, 50.0)

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Add it."""
        planes = picture.planes
        corners = random.uniform(*self.strength, (1, 4, 4)).astype(np.float32) / np.float32(255)
        height, width = planes.shape[1:]
        sigma = resize(corners, (height, width), kernel="bilinear")
        return picture.add(random.standard_normal(planes.shape, np.float32) * sigma, sigma)


@dataclass(frozen=True, slots=True)
class Poisson(_Drawn):
    """Photon noise: few photons per pixel, so that bright places are noisier than dark ones.

    Args:
        strength: its standard deviation at white in levels of 255, drawn evenly for every picture; at half
            that brightness it is √½ of that.
    """

    name: ClassVar[str] = "poisson"
    strength: Range = (5.0, 50.0)

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Count photons."""
        sigma = random.uniform(*self.strength) / 255
        # Weaker than float32 can show beside white, and more photons than numpy can count.
        if sigma < _WEAKEST:
            return picture
        photons = 1 / sigma**2
        wanted = picture.planes.clip(0, 1)
        counted = (random.poisson(wanted * photons) / photons).astype(np.float32)
        deviation = np.sqrt(wanted.mean(axis=0, keepdims=True) / np.float32(photons))
        return picture.add(counted - wanted, np.asarray(deviation, np.float32))


@dataclass(frozen=True, slots=True)
class Blur(_Drawn):
    """A Gaussian blur.

    Args:
        strength: its standard deviation in pixels, drawn anew for every picture.
    """

    name: ClassVar[str] = "blur"
    limits: ClassVar[Range] = (0, 50)
    strength: Range = (1.0, 1.0)

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Blur it."""
        sigma = random.uniform(*self.strength)
        planes = ndimage.gaussian_filter(picture.planes, sigma, mode="reflect", axes=(1, 2))
        noise = picture.noise
        if noise.any():
            noise = ndimage.gaussian_filter(noise, sigma, mode="reflect", axes=(1, 2)) * _kept(sigma)
        return Spoiled(np.asarray(planes, np.float32), np.asarray(noise, np.float32))


@dataclass(frozen=True, slots=True)
class JPEG(_Drawn):
    """JPEG compression, which clips and rounds to 8 bits.

    Args:
        strength: the quality, 1 to 95, drawn anew for every picture.
    """

    name: ClassVar[str] = "jpeg"
    limits: ClassVar[Range] = (1, 95)
    strength: Range = (40.0, 95.0)

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Write and read it."""
        quality = round(random.uniform(*self.strength))
        levels = _eight_bits(picture.planes)
        gray = levels.shape[0] == 1
        image = Image.fromarray(levels[0] if gray else np.ascontiguousarray(levels.transpose(1, 2, 0)))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        read = np.asarray(Image.open(file), np.float32) / np.float32(255)
        planes = read[None] if gray else read.transpose(2, 0, 1)
        return Spoiled(np.ascontiguousarray(planes), picture.noise)


@dataclass(frozen=True, slots=True)
class EightBits:
    """Clip to what a file can hold, and round to its 256 levels."""

    name: ClassVar[str] = "8-bit"

    @property
    def spec(self) -> str:
        """As :func:`parse` reads it."""
        return self.name

    @property
    def scale(self) -> int:
        """1."""
        return 1

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Round it."""
        del random
        return Spoiled(_eight_bits(picture.planes).astype(np.float32) / np.float32(255), picture.noise)


def _eight_bits(planes: Planes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.rint(planes.clip(0, 1) * np.float32(255)).astype(np.uint8)


def _gain(kernel: Kernel, factor: int) -> float:
    """The norm of a kernel's weights: how much of independent noise is left."""
    _, weights = weights_along(16 * factor, 16, kernel=kernel)
    return float(np.square(weights[8]).sum())


def _kept(sigma: float) -> float:
    """How much of independent noise is left by a Gaussian blur, sampled and cut as it is done."""
    line = np.zeros(2 * math.ceil(4 * sigma) + 3)
    line[len(line) // 2] = 1
    return float(np.square(ndimage.gaussian_filter1d(line, sigma)).sum())
