"""All results of a sweep in one captioned picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from retouch.errors import RetouchError
from retouch.image import Picture
from retouch.image.write import put
from retouch.sweep.facts import brief
from retouch.sweep.lettering import Lettering

if TYPE_CHECKING:
    from retouch.sweep.axes import Axis
    from retouch.sweep.ledger import Outcome
    from retouch.sweep.plan import Cell
    from retouch.sweep.run import Swept

PAPER, CARD, FAULT = (255, 255, 255), (243, 242, 239), (253, 236, 233)
TITLE = Lettering(26, (20, 20, 20))
SUBTITLE = Lettering(16, (90, 88, 84))
NAME = Lettering(14, (120, 117, 110))
HEADING = Lettering(17, (20, 20, 20))
CAPTION = Lettering(13, (90, 88, 84))
WRONG = Lettering(14, (150, 30, 20))

_MARGIN, _GAP = 28, 14
_LARGEST, _SMALLEST = 320, 120  # side of a cell's box, and its least width
_LOWEST = 100  # box of a row in which a cell failed
_NARROWEST = 480  # for the title
_ROOM = 4  # between a picture and what is written under it
_WIDEST = 8000  # of the picture, while cells are not smaller than the smallest
_ASIDE = 170  # width of the rows' headings, at most
_THUMB = 96
_IN_A_ROW = 6  # cells, when only one option is varied


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things are; sides in pixels."""

    wide: int  # of a cell's box
    high: tuple[int, ...]  # of the boxes of each row
    aside: int
    above: int  # height of the columns' headings
    below: int  # height of what is written under a cell
    top: int  # where the columns' headings begin
    columns: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        width = self.column(self.columns) - _GAP + _MARGIN
        return max(width, _NARROWEST + 2 * _MARGIN), self.row(len(self.high)) + _MARGIN

    def column(self, number: int) -> int:
        """The left side of a column."""
        return _MARGIN + self.aside + number * (self.wide + _GAP)

    def row(self, number: int) -> int:
        """The top of a row."""
        before = sum(high + self.below + _GAP for high in self.high[:number])
        return self.top + self.above + before


def write_grids(swept: Swept) -> tuple[Path, ...]:
    """Draw a grid for each combination of the outer options, and write them.

    Args:
        swept: the finished sweep.

    Returns:
        The files: ``grid.png``, or ``grid-1.png`` … when there are several.
    """
    grids = list(swept.plan.grids)
    outcomes = {outcome.key: outcome for outcome in swept.outcomes}
    made = []
    for number, (outer, cells) in enumerate(grids, 1):
        image = drawn(swept, outer, cells, outcomes)
        data = io.BytesIO()
        image.save(data, "PNG")
        path = swept.folder / ("grid.png" if len(grids) == 1 else f"grid-{number}.png")
        put(path, data.getvalue(), overwrite=True)
        made.append(path)
    return tuple(made)


def drawn(
    swept: Swept,
    outer: Sequence[tuple[Axis, int]],
    cells: Sequence[Cell],
    outcomes: Mapping[str, Outcome],
) -> Image.Image:
    """Draw one grid.

    Args:
        swept: the finished sweep.
        outer: the value of each outer option.
        cells: of this grid, row by row.
        outcomes: key → what came of it.
    """
    across = swept.plan.axes[-1]
    down = swept.plan.axes[-2] if len(swept.plan.axes) > 1 else None
    columns = len(across.values) if down else min(len(across.values), _IN_A_ROW)
    pictures = [_opened(swept.folder, outcomes[cell.key]) for cell in cells]
    wide, high = _boxes(pictures, columns)
    heads = [_Head(across, number, wide, beside=down is None) for number in range(len(across.values))]
    tallest = max(head.height for head in heads)
    asides = [_Head(down, number, _ASIDE, beside=True) for number in range(len(high))] if down else []
    captions = [CAPTION.lines(brief(outcomes[cell.key], swept.outcomes), wide, 3) for cell in cells]
    below = _ROOM + max(CAPTION.height(len(lines)) for lines in captions) + (0 if down else tallest)
    aside = max((head.width for head in asides), default=-_GAP) + _GAP
    titles = _Titles(swept, outer, max(aside + columns * (wide + _GAP), _NARROWEST))
    top = _MARGIN + titles.height + _GAP
    if asides:  # a heading that is higher than its row
        high = [max(box, head.height - below) for box, head in zip(high, asides, strict=True)]
    layout = _Layout(wide, tuple(high), aside, tallest if down else 0, below, top, columns)
    image = Image.new("RGB", layout.size, PAPER)
    titles.draw(image, (_MARGIN, _MARGIN))
    for number, head in enumerate(asides):
        head.draw(image, (_MARGIN, layout.row(number)))
    for number, head in enumerate(heads if down else []):
        head.draw(image, (layout.column(number), layout.top + tallest - head.height))
    for number, cell in enumerate(cells):
        row = number // columns
        x, y = layout.column(number % columns), layout.row(row)
        _put_picture(image, (x, y), (wide, high[row]), pictures[number], outcomes[cell.key])
        y += high[row] + _ROOM
        if not down:
            y = heads[number].draw(image, (x, y))
        CAPTION.write(image, (x, y), captions[number])
    return image


class _Titles:
    """What is said above a grid: the edit, what is varied, and what all cells have in common."""

    def __init__(self, swept: Swept, outer: Sequence[tuple[Axis, int]], width: int) -> None:
        axes = " x ".join(axis.name for axis in swept.plan.axes)
        held = ", ".join(f"{axis.name} = {axis.labels[number]}" for axis, number in outer)
        fixed = ", ".join(f"{name} = {value}" for name, value in swept.plan.fixed.items())
        title = f"{swept.plan.edit.name}: {axes}"
        self._title = TITLE.lines(f"{title} ({held})" if held else title, width, 3)
        self._fixed = SUBTITLE.lines(fixed, width, 4)

    @property
    def height(self) -> int:
        """In pixels."""
        return TITLE.height(len(self._title)) + SUBTITLE.height(len(self._fixed))

    def draw(self, image: Image.Image, place: tuple[int, int]) -> None:
        SUBTITLE.write(image, (place[0], TITLE.write(image, place, self._title)), self._fixed)


class _Head:
    """The heading of a row or a column: the option, a small picture if the value is one, and the value."""

    def __init__(self, axis: Axis, number: int, width: int, *, beside: bool) -> None:
        self._room, self._beside = width, beside
        self._name = NAME.lines(axis.name, width, 2)
        self._value = HEADING.lines(axis.labels[number], width, 6)
        self._thumb = thumbnail(axis.pictures[number], _THUMB)

    @property
    def width(self) -> int:
        """Of what is in it, in pixels."""
        thumb = self._thumb.width if self._thumb else 0
        return max(NAME.width(self._name), HEADING.width(self._value), thumb)

    @property
    def height(self) -> int:
        """In pixels."""
        thumb = self._thumb.height + 6 if self._thumb else 0
        return NAME.height(len(self._name)) + HEADING.height(len(self._value)) + thumb + 4

    def draw(self, image: Image.Image, place: tuple[int, int]) -> int:
        x, y = place
        centred = 0 if self._beside else self._room
        y = NAME.write(image, (x, y), self._name, width=centred)
        if self._thumb:
            image.paste(self._thumb, (x + (0 if self._beside else (self._room - self._thumb.width) // 2), y))
            y += self._thumb.height + 6
        return HEADING.write(image, (x, y), self._value, width=centred)


def thumbnail(path: Path | None, side: int) -> Image.Image | None:
    """A small version of a picture file on white; None when there is none or it cannot be read.

    Args:
        path: of the file.
        side: the longest side in pixels.
    """
    if path is None:
        return None
    try:
        picture = _on_white(Picture.of(path))
    except (RetouchError, MemoryError):
        return None
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def _opened(folder: Path, outcome: Outcome) -> Image.Image | None:
    """The picture of a cell, no larger than it will be shown; None when the cell failed."""
    return thumbnail(folder / outcome.file, _LARGEST) if outcome.file else None


def _on_white(picture: Picture) -> Image.Image:
    pixels = picture.numpy("uint8")
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:].astype(np.float32) / 255
        pixels = np.rint(pixels[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _boxes(pictures: Sequence[Image.Image | None], columns: int) -> tuple[int, list[int]]:
    """The width of all cells, and the height of each row's: what their pictures need at one scale."""
    most = min(_LARGEST, max(_WIDEST // columns - _GAP, _SMALLEST))
    sizes = [picture.size if picture else (0, 0) for picture in pictures]
    longest = max(side for size in sizes for side in size)
    scale = min(most / max(longest, 1), 1.0)
    wide = max(round(max(size[0] for size in sizes) * scale), _SMALLEST)
    rows = [sizes[start : start + columns] for start in range(0, len(sizes), columns)]
    return wide, [max(round(max(size[1] for size in row) * scale), _lowest(row)) for row in rows]


def _lowest(sizes: Sequence[tuple[int, int]]) -> int:
    """The least height of a row: room for the message where a cell failed."""
    return _LOWEST if (0, 0) in sizes else 1


def _put_picture(
    image: Image.Image,
    place: tuple[int, int],
    box: tuple[int, int],
    picture: Image.Image | None,
    outcome: Outcome,
) -> None:
    x, y = place
    ImageDraw.Draw(image).rectangle((x, y, x + box[0] - 1, y + box[1] - 1), fill=CARD if picture else FAULT)
    if picture is None:
        room = max((box[1] - 12) // WRONG.leading, 1)
        WRONG.write(image, (x + 8, y + 6), WRONG.lines(outcome.message or "failed", box[0] - 16, room))
        return
    scale = min(box[0] / picture.width, box[1] / picture.height)
    if scale >= 2:
        factor = int(scale)
        size = picture.width * factor, picture.height * factor
        picture = picture.resize(size, Image.Resampling.NEAREST)
    elif scale < 1:
        size = max(int(picture.width * scale), 1), max(int(picture.height * scale), 1)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    image.paste(picture, (x + (box[0] - picture.width) // 2, y + (box[1] - picture.height) // 2))
