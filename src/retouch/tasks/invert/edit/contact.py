"""Many pictures on one sheet, and numbers of rows as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.image import Picture
from retouch.image.picture import MAX_PIXELS
from retouch.tasks.invert.edit.model import as_picture


def check_sheet(count: int, side: int, columns: int) -> None:
    """Refuse a sheet that would be larger than pictures are read.

    Args:
        count: of pictures.
        side: of each, in pixels.
        columns: of the sheet.

    Raises:
        InputError: it would.
    """
    rows = math.ceil(count / columns)
    if rows * columns * side * side > MAX_PIXELS:
        raise InputError(
            f"{count} pictures of {side}×{side} make a sheet of {columns * side}×{rows * side}, more than "
            f"{MAX_PIXELS:,} pixels; ask for fewer"
        )


def tiled(shown: Tensor, columns: int, report: Mapping[str, float | int | str]) -> Picture:
    """Put pictures on a sheet, row by row, with nothing between them.

    Args:
        shown: (N, 3, R, R) in [0, 1].
        columns: of the sheet; what is left of its last row is white.
        report: what was done.
    """
    count, _, height, width = shown.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    sheet = torch.ones(3, rows * height, columns * width)
    for number, each in enumerate(shown.cpu()):
        row, column = divmod(number, columns)
        sheet[:, row * height : (row + 1) * height, column * width : (column + 1) * width] = each
    return as_picture(sheet[None], report)


def previewed(shown: Tensor) -> Callable[[], Picture]:
    """Give what makes a picture for those who watch, and costs nothing when nobody does.

    Args:
        shown: (1, 3, R, R) in [0, 1].
    """
    return lambda: as_picture(shown)


def rows_of(text: str, count: int, name: str = "rows") -> tuple[int, ...]:
    """Read which rows are meant.

    >>> rows_of("0-2,5", 10)
    (0, 1, 2, 5)

    Args:
        text: numbers and ranges, with commas between; all of them when empty.
        count: how many there are.
        name: of the option.

    Returns:
        Their numbers, from 0, rising.

    Raises:
        InputError: it is something else, or there are no such rows.
    """
    if not isinstance(text, str):
        raise InputError(f"{name}={text!r:.60}; pass text, such as '0-3'")
    if not text.strip():
        return tuple(range(count))
    chosen: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < count:
            raise InputError(
                f"{name}={text!r:.60}; this generator has rows 0 (the coarsest) to {count - 1}: pass some of "
                f"them, such as '0-{min(3, count - 1)}'"
            )
        chosen.update(range(first, last + 1))
    return tuple(sorted(chosen))
