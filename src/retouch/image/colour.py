"""Between the numbers in a file and sRGB, in floating point.

A picture's colours are sRGB-encoded inside the library. A file may mean something else by its
numbers: its embedded ICC profile says what. Profiles made of a matrix and three tone curves
(every camera, phone and monitor RGB space) are computed here in float, so that 16-bit
precision and colours outside sRGB (values below 0 or above 1) survive. Table profiles (CMYK
and a few RGB ones) go through LittleCMS in 8 bits, relative colorimetric with black point
compensation.

Source: ICC.1:2022 (profile version 4.4), sections 7, 8.3, 10.6 and 10.18; IEC 61966-2-1.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from retouch.image.icc import Profile, ProfileError, ToneCurve

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

logger = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Space = Literal["GRAY", "RGB", "CMYK"]

XYZ_OF_SRGB = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""Linear sRGB to XYZ under D50, the white of ICC profiles (Bradford adaptation from D65)."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""The weight of linear sRGB red, green and blue in luminance (ITU-R BT.709)."""


class Colour(Protocol):
    """A meaning for the numbers of a file; both directions keep values outside [0, 1]."""

    def decode(self, samples: Floats) -> Floats:
        """Turn a file's samples (N, C) in [0, 1] into sRGB (N, 3)."""

    def encode(self, rgb: Floats) -> Floats:
        """Turn sRGB (N, 3) into a file's samples (N, C), nominally in [0, 1]."""


def colour_of(icc: bytes | None, space: Space) -> Colour:
    """Choose the conversion for a file.

    A profile that is damaged, or made for another kind of picture, is reported through
    ``logging`` and the picture is taken for sRGB (ink percentages for CMYK).

    Args:
        icc: the embedded profile, or None.
        space: what the samples are.
    """
    return _colour_of(icc, space)


def linear_from_srgb(values: Floats) -> Floats:
    """Decode the sRGB curve; odd about zero, so that out-of-gamut colours survive.

    Args:
        values: any shape, sRGB-encoded.

    Returns:
        The same shape, proportional to light.
    """
    size = np.abs(values)
    light = np.where(
        size <= 0.04045, size / np.float32(12.92), ((size + np.float32(0.055)) / np.float32(1.055)) ** 2.4
    )
    return np.copysign(light, values).astype(np.float32, copy=False)


def srgb_from_linear(light: Floats) -> Floats:
    """Apply the sRGB curve; the inverse of :func:`linear_from_srgb`.

    Args:
        light: any shape, proportional to light.

    Returns:
        The same shape, sRGB-encoded.
    """
    size = np.abs(light)
    bent = np.float32(1.055) * size ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.copysign(np.where(size <= 0.0031308, size * np.float32(12.92), bent), light).astype(
        np.float32, copy=False
    )


class SRGB:
    """Samples that already are sRGB."""

    def decode(self, samples: Floats) -> Floats:
        """Return the samples as they are."""
        return samples

    def encode(self, rgb: Floats) -> Floats:
        """Return the colours as they are."""
        return rgb


@dataclass(frozen=True, slots=True)
class Gray:
    """One sample per pixel; a colour becomes the gray of the same luminance.

    Args:
        curve: gray sample to light; None for the sRGB curve.
    """

    curve: ToneCurve | None = None

    def decode(self, samples: Floats) -> Floats:
        """Give red, green and blue the same value."""
        gray = samples if self.curve is None else srgb_from_linear(self.curve.light(samples))
        return np.repeat(gray, 3, axis=1)

    def encode(self, rgb: Floats) -> Floats:
        """Keep the luminance; a neutral colour keeps its value exactly when there is no curve."""
        luminance = (linear_from_srgb(rgb) @ LUMINANCE)[:, None]
        if self.curve is not None:
            return self.curve.samples(luminance)
        neutral = (rgb[:, :1] == rgb[:, 1:2]) & (rgb[:, 1:2] == rgb[:, 2:])
        return np.where(neutral, rgb[:, :1], srgb_from_linear(luminance))


class Matrix:
    """An RGB space given by three tone curves and three primaries."""

    def __init__(self, profile: Profile) -> None:
        self._curves = profile.curves()
        to_srgb = np.linalg.inv(XYZ_OF_SRGB) @ profile.matrix()
        self._to_srgb = to_srgb.T.astype(np.float32)
        self._from_srgb = np.linalg.inv(to_srgb).T.astype(np.float32)

    def decode(self, samples: Floats) -> Floats:
        """Undo the curves, change primaries, apply the sRGB curve."""
        light = np.empty_like(samples)
        for channel, curve in enumerate(self._curves):
            light[:, channel] = curve.light(samples[:, channel])
        return srgb_from_linear(light @ self._to_srgb)

    def encode(self, rgb: Floats) -> Floats:
        """Undo the sRGB curve, change primaries, apply the curves."""
        light = linear_from_srgb(rgb) @ self._from_srgb
        for channel, curve in enumerate(self._curves):
            light[:, channel] = curve.samples(light[:, channel])
        return light


class PlainInks:
    """CMYK without a profile: light = (1 − ink)(1 − black)."""

    def decode(self, samples: Floats) -> Floats:
        """Multiply what each ink lets through."""
        return (1 - samples[:, :3]) * (1 - samples[:, 3:])

    def encode(self, rgb: Floats) -> Floats:
        """Put all the gray there is into the black ink."""
        inside = np.clip(rgb, 0, 1)
        brightest = inside.max(axis=1, keepdims=True)
        inks = 1 - inside / np.maximum(brightest, np.float32(1e-9))
        return np.concatenate([np.where(brightest > 0, inks, 0), 1 - brightest], axis=1)


class Table:
    """A profile made of tables, through LittleCMS: 8 bits per sample in and out."""

    def __init__(self, icc: bytes, space: Space) -> None:
        import io

        from PIL import ImageCms

        self._mode = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}[space]
        self._channels = {"GRAY": 1, "RGB": 3, "CMYK": 4}[space]
        try:
            own = ImageCms.getOpenProfile(io.BytesIO(icc))
            srgb = ImageCms.createProfile("sRGB")
            how = ImageCms.Intent.RELATIVE_COLORIMETRIC
            flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
            build = ImageCms.buildTransform
            self._decoder = build(own, srgb, self._mode, "RGB", how, flags)
            self._encoder = build(srgb, own, "RGB", self._mode, how, flags)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            raise ProfileError(str(error)) from None

    def decode(self, samples: Floats) -> Floats:
        """Look the colours up."""
        return _transformed(self._decoder, samples, self._mode, 3)

    def encode(self, rgb: Floats) -> Floats:
        """Look the inks up; colours outside sRGB are clipped to it."""
        return _transformed(self._encoder, rgb, "RGB", self._channels)


def _transformed(transform: ImageCmsTransform, values: Floats, mode: str, channels: int) -> Floats:
    from PIL import Image

    eight = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    picture = Image.frombytes(mode, (len(eight), 1), eight.tobytes())
    flat = np.frombuffer(transform.apply(picture).tobytes(), np.uint8).reshape(-1, channels)
    return flat.astype(np.float32) / np.float32(255)


@lru_cache(maxsize=16)
def _colour_of(icc: bytes | None, space: Space) -> Colour:
    plains: dict[Space, Colour] = {"GRAY": Gray(), "RGB": SRGB(), "CMYK": PlainInks()}
    plain = plains[space]
    if icc is None:
        return plain
    try:
        return _profiled(Profile.parse(icc), icc, space)
    except ProfileError as error:
        meaning = "ink percentages" if space == "CMYK" else "sRGB"
        logger.warning(
            "the embedded colour profile is ignored (%s); the picture is taken for %s", error, meaning
        )
        return plain


def _profiled(profile: Profile, icc: bytes, space: Space) -> Colour:
    if space == "GRAY" and profile.space == "RGB" and profile.is_matrix:
        return _gray(profile.curves()[1])
    if profile.space != space:
        raise ProfileError(f"it is made for {profile.space} and the picture is {space}")
    if space == "GRAY" and profile.is_gray_curve:
        return _gray(profile.gray_curve())
    if space == "RGB" and profile.is_matrix:
        colour = Matrix(profile)
        return SRGB() if _is_srgb(colour) else colour
    return Table(icc, space)


def _gray(curve: ToneCurve) -> Gray:
    ramp = np.linspace(0, 1, 65, dtype=np.float32)[:, None]
    same = np.abs(Gray(curve).decode(ramp)[:, :1] - ramp).max() < _SAME
    return Gray() if same else Gray(curve)


_SAME = 1 / 255
"""Real sRGB profiles differ by this much from each other where a channel is almost 0."""


def _is_srgb(colour: Matrix) -> bool:
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    return bool(np.abs(colour.decode(grid) - grid).max() < _SAME)
