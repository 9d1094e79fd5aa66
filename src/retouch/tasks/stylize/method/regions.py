"""Where each style goes, and where the photo stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retouch.errors import EmptyMask, InputError
from retouch.image import Mask, MaskLike, resample

Floats = NDArray[np.float32]
Size = tuple[int, int]


@dataclass(frozen=True)
class Regions:
    """Parts of a photo.

    Args:
        where: (H, W) in [0, 1], how much of the painting each pixel gets; None for all of it everywhere.
        each: for each style, (H, W) in [0, 1], how much the painting of a pixel is in that style; None for
            everywhere.
        note: what a person should know about the masks, or "".
    """

    where: Floats | None
    each: tuple[Floats | None, ...]
    note: str = ""

    def resized(self, size: Size) -> Regions:
        """Give the same parts of the photo at another size.

        Args:
            size: height and width that are wanted.
        """
        each = tuple(None if part is None else fitted(part, size) for part in self.each)
        return Regions(None if self.where is None else fitted(self.where, size), each, self.note)


def read(
    mask: MaskLike | None,
    masks: Sequence[MaskLike],
    size: Size,
    *,
    styles: int,
    seen: NDArray[np.bool_] | None = None,
) -> Regions:
    """Read the masks of a photo.

    Args:
        mask: where any style may go; everywhere when None.
        masks: where each style goes, within ``mask``; none when all go everywhere.
        size: height and width of the photo.
        styles: how many there are.
        seen: (H, W), where the photo is not fully transparent; everywhere when None.

    Returns:
        The parts; what no mask selects stays as it is, and so does what cannot be seen.

    Raises:
        EmptyMask: a mask selects nothing that can be seen.
        SizeMismatch: a mask does not have the photo's size.
        InputError: there are masks, but not one for each style.
    """
    if masks and len(masks) != styles:
        raise InputError(
            f"there are {len(masks)} masks and {styles} styles; give one mask for each style, in their "
            "order, or none"
        )
    notes: list[str] = []
    visible = None if seen is None or seen.all() or not seen.any() else seen.astype(np.float32)
    over_all = _read(mask, size, "the mask", visible, notes)
    parts = [
        _read(each, size, f"the mask of style {number}", over_all, notes)
        for number, each in enumerate(masks, start=1)
    ]
    if not masks:
        return Regions(over_all, (over_all,) * styles, "; ".join(notes))
    where = np.max([part for part in parts if part is not None], axis=0)
    return Regions(None if (where == 1).all() else where, tuple(parts), "; ".join(notes))


def fitted(plane: Floats, size: Size) -> Floats:
    """Bring a mask or an opacity to another size.

    Args:
        plane: (H, W) in [0, 1].
        size: height and width that are wanted.

    Returns:
        (height, width) in [0, 1].
    """
    if plane.shape == size:
        return plane
    found: Floats = np.clip(resample.resize(plane, size, kernel="bilinear"), 0, 1, dtype=np.float32)
    return found


def _read(
    mask: MaskLike | None, size: Size, name: str, within: Floats | None, notes: list[str]
) -> Floats | None:
    if mask is None:
        return within
    opened = Mask.of(mask, size)
    if opened.hygiene is not None:
        notes.append(opened.hygiene)
    values = opened.values if within is None else np.minimum(opened.values, within)
    if not (values > 0).any():
        raise EmptyMask(
            f"{name} selects no pixel"
            + (" of what may be painted" if within is not None else "")
            + "; mark at least one"
        )
    return values
