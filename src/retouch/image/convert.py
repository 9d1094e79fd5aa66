"""The same picture as another kind of file would hold it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np

from retouch.errors import InputError, UnknownName
from retouch.image import native
from retouch.image.facts import BitDepth, FileFacts, Mode
from retouch.image.native import Samples
from retouch.image.picture import Picture

RGB = tuple[float, float, float]

_WITHOUT_ALPHA: dict[Mode, Mode] = {"LA": "L", "RGBA": "RGB"}
_COLOURS: dict[Mode, int] = {"1": 1, "L": 1, "LA": 1, "P": 3, "RGB": 3, "RGBA": 3, "CMYK": 4}


def converted(
    picture: Picture, *, mode: Mode | None, bit_depth: BitDepth | None, srgb: bool, background: RGB | None
) -> Picture:
    """Convert a picture; see :meth:`retouch.image.Picture.converted`."""
    if mode is not None and mode not in get_args(Mode):
        raise UnknownName("mode", mode, get_args(Mode))
    if bit_depth is not None and bit_depth not in get_args(BitDepth):
        raise InputError(f"bit_depth must be 1, 8, 16 or 32 (floating point), got {bit_depth!r}")
    if background is not None:
        picture = _flattened(picture, background)
    return _stored_as(picture, _target(picture, mode, bit_depth, srgb))


def is_opaque(picture: Picture) -> bool:
    """Whether no pixel is transparent at all."""
    channel = native.alpha_channel(picture.samples, picture.file)
    return channel is None or bool(
        (picture.samples[..., channel] >= native.full_scale(picture.samples)).all()
    )


def _target(picture: Picture, mode: Mode | None, bit_depth: BitDepth | None, srgb: bool) -> FileFacts:
    file = picture.file
    mode = mode or file.mode
    depth = bit_depth or file.bit_depth
    if depth == 1 and mode != "1":
        depth = 8
    if mode == "1":
        depth = 1
    if mode == "P" and depth != 8:
        raise InputError(f"a palette picture has 8 bits, not {depth}; leave bit_depth out or choose RGB")
    has_alpha = native.alpha_channel(picture.samples, file) is not None
    if has_alpha and mode not in ("LA", "RGBA", "P") and not is_opaque(picture):
        raise InputError(
            f"the picture has transparent pixels and mode {mode} has none; choose LA or RGBA, "
            "or pass background=(1, 1, 1) to lay white under it"
        )
    same_space = _COLOURS[mode] == _COLOURS[file.mode]
    return replace(file, mode=mode, bit_depth=depth, icc=None if srgb or not same_space else file.icc)


def _stored_as(picture: Picture, target: FileFacts) -> Picture:
    old = picture.samples
    if target == picture.file:
        return picture
    alpha = _alpha(picture, target)
    if target.icc == picture.file.icc and _COLOURS[target.mode] == _COLOURS[picture.file.mode]:
        inks = native.as_depth(native.colour_samples(old, picture.file), target.bit_depth)
        samples = _joined(inks, alpha)
        if inks.dtype.itemsize > old.dtype.itemsize:
            samples = samples if samples is not old else samples.copy()
            for box, values in picture.patches:
                native.encode_into(samples[box.slices], target, values)
    else:
        count = _COLOURS[target.mode]
        inks = np.empty((*picture.size, count), _dtype(target.bit_depth))
        for rows in native.strips(*picture.size):
            native.encode_into(
                inks[rows], replace(target, mode=_plain(count)), picture.decode(picture.box.rows(rows))
            )
        samples = _joined(inks, alpha)
    return Picture(samples, target, patches=picture.patches, report=picture.report)


def _alpha(picture: Picture, target: FileFacts) -> Samples | None:
    """The alpha channel that the target needs, (H, W, 1), or None."""
    channel = native.alpha_channel(picture.samples, picture.file)
    if target.mode not in ("LA", "RGBA") and not (target.mode == "P" and channel is not None):
        return None
    if channel is not None:
        return native.as_depth(picture.samples[..., channel : channel + 1], target.bit_depth)
    alpha = np.empty((*picture.size, 1), _dtype(target.bit_depth))
    alpha[...] = native.full_scale(alpha)
    return alpha


def _flattened(picture: Picture, background: RGB) -> Picture:
    colour = np.asarray(background, np.float32)
    if colour.shape != (3,) or not np.isfinite(colour).all() or colour.min() < 0 or colour.max() > 1:
        raise InputError(f"background must be red, green and blue in [0, 1], got {background!r}")
    alpha = picture.alpha
    if alpha is None:
        return picture
    mode = _WITHOUT_ALPHA.get(picture.file.mode, picture.file.mode)
    see_through = alpha < 1
    inks = np.ascontiguousarray(native.colour_samples(picture.samples, picture.file))
    flat = Picture(inks, replace(picture.file, mode=mode), patches=picture.patches, report=picture.report)
    if not see_through.any():
        return flat
    if len(set(background)) > 1 and inks.shape[2] == 1:
        flat = converted(flat, mode="RGB", bit_depth=None, srgb=False, background=None)
    opacity = alpha[..., None]
    mixed = flat.decode(flat.box) * opacity + colour * (1 - opacity)
    return flat.edited(mixed, where=see_through, report=picture.report)


def _joined(inks: Samples, alpha: Samples | None) -> Samples:
    return inks if alpha is None else np.concatenate([inks, alpha], axis=2)


def _plain(count: int) -> Mode:
    modes: dict[int, Mode] = {1: "L", 3: "RGB", 4: "CMYK"}
    return modes[count]


def _dtype(bit_depth: BitDepth) -> np.dtype[Any]:
    if bit_depth == 32:
        return np.dtype(np.float32)
    return np.dtype(np.uint16) if bit_depth == 16 else np.dtype(np.uint8)
