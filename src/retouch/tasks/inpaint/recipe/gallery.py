"""The worst results of an evaluation, kept while it runs and shown as a page and as contact sheets."""

from __future__ import annotations

import heapq
import html
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from retouch.errors import InputError, UnwritablePicture

Pixels = NDArray[np.uint8]

Measure = Literal["lpips", "hole_l1"]

PAGE, PICTURES = "gallery.html", "gallery"
"""The file that shows all of it, and the folder beside it with its pictures."""

_CELL = 192
_GAP = 6
_TEXT = 13
_GRAY = 128

_TEMPLATE = string.Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>retouch: the worst filled holes</title>
<style>
:root { color-scheme: light dark; }
body { margin: 2rem; font: 1rem/1.5 system-ui, sans-serif; }
article { margin: 0 0 2.5rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; }
figure { margin: 0; width: min(100%, 17rem); }
img { display: block; width: 100%; height: auto; }
figcaption { font-size: .85rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>The worst filled holes</h1>
<p>For each kind of holes and each network, the pictures on which it has the highest $measure.</p>
$cases
</body>
</html>
""")


@dataclass(frozen=True, slots=True)
class Case:
    """One of the worst results.

    Args:
        holes: the kind of its hole.
        method: what is bad at it.
        badness: its figure.
        measure: which figure that is.
        name: the picture.
        area: the hole's part of it.
        pictures: caption → (H, W, 3): with the hole, filled by each method, and the true one.
    """

    holes: str
    method: str
    badness: float
    measure: Measure
    name: str
    area: float
    pictures: dict[str, Pixels]

    @property
    def title(self) -> str:
        """What it is, in one line."""
        return (
            f"{self.holes} holes, {_plain(self.name)}, {self.area:.0%} of the picture: "
            f"{self.method} has {self.measure} {self.badness:.3f}"
        )


class Gallery:
    """Keeps the worst results of every network with every kind of holes.

    Args:
        worst: how many of each.

    Raises:
        InputError: ``worst`` is negative.
    """

    def __init__(self, worst: int = 4) -> None:
        if worst < 0:
            raise InputError(f"worst is {worst}; pass how many of the worst results are shown, or 0")
        self._worst = worst
        self._kept: dict[tuple[str, str], list[tuple[float, int, Case]]] = {}
        self._offered = 0

    def offer(
        self,
        holes: str,
        name: str,
        true: Tensor,
        hole: Tensor,
        filled: Mapping[str, Tensor],
        values: Mapping[str, Mapping[str, float]],
        *,
        watched: Sequence[str],
    ) -> None:
        """Show the results for one picture; they are kept when they are among the worst so far.

        Args:
            holes: the kind of its hole.
            name: what it is called.
            true: (1, 3, H, W) in [0, 1].
            hole: (1, 1, H, W), 1 = hole.
            filled: method → (1, 3, H, W).
            values: method → metric → value.
            watched: the methods whose worst results are looked for.
        """
        self._offered += 1
        for method in watched:
            measure: Measure = "lpips" if "lpips" in values[method] else "hole_l1"
            badness = values[method].get(measure)
            kept = self._kept.setdefault((holes, method), [])
            if badness is None or not self._worst or (len(kept) == self._worst and badness <= kept[0][0]):
                continue
            shown = {"hole": torch.where(hole >= 0.5, _GRAY / 255, true), **filled, "true": true}
            captions = {
                key: key
                + (f"\n{measure} {values[key][measure]:.3f}" if measure in values.get(key, {}) else "")
                for key in shown
            }
            pictures = {captions[key]: _pixels(picture) for key, picture in shown.items()}
            case = Case(holes, method, badness, measure, name, float(hole.double().mean()), pictures)
            # The number keeps equal figures in the order of the pictures.
            heapq.heappush(kept, (badness, -self._offered, case))
            if len(kept) > self._worst:
                heapq.heappop(kept)

    def cases(self) -> list[Case]:
        """What was kept: by kind and method, the worst first."""
        return [case for kept in self._kept.values() for *_, case in sorted(kept, reverse=True)]

    def write(self, folder: Path) -> list[Path]:
        """Write the page, its pictures, and a contact sheet for each kind of holes.

        Args:
            folder: where; it is made when it is not there.

        Returns:
            The page first, then the contact sheets; nothing when nothing was kept.

        Raises:
            UnwritablePicture: The folder cannot be written to.
        """
        cases = self.cases()
        if not cases:
            return []
        try:
            (folder / PICTURES).mkdir(parents=True, exist_ok=True)
            articles = [_article(folder, number, case) for number, case in enumerate(cases)]
            page = folder / PAGE
            page.write_text(
                _TEMPLATE.substitute(measure=cases[0].measure, cases="\n".join(articles)),
                encoding="utf-8",
                errors="backslashreplace",  # names of files
            )
            sheets = []
            for number, holes in enumerate(dict.fromkeys(case.holes for case in cases)):
                sheet = folder / f"worst-{number}-{_file_name(holes)}.png"
                _sheet([case for case in cases if case.holes == holes]).save(sheet)
                sheets.append(sheet)
        except OSError as error:
            raise UnwritablePicture(
                f"the gallery cannot be written to {folder} ({error.strerror or error}); "
                "choose another folder"
            ) from None
        return [page, *sheets]


def _article(folder: Path, number: int, case: Case) -> str:
    figures = []
    for place, (caption, pixels) in enumerate(case.pictures.items()):
        name = f"{number:03}-{place}-{_file_name(caption.splitlines()[0])}.png"
        Image.fromarray(pixels).save(folder / PICTURES / name)
        words = html.escape(caption.replace("\n", ": "))
        figures.append(
            f'<figure><img src="{PICTURES}/{quote(name)}" alt="{words}" loading="lazy">'
            f"<figcaption>{words}</figcaption></figure>"
        )
    return f'<article><h3>{html.escape(case.title)}</h3><div class="row">{"".join(figures)}</div></article>'


def _sheet(cases: Sequence[Case]) -> Image.Image:
    """A row of small pictures for each case, under its title."""
    font = ImageFont.load_default(_TEXT)
    line = _TEXT + 4
    rows = [[(caption, _small(pixels)) for caption, pixels in case.pictures.items()] for case in cases]
    heights = [max(small.height for _, small in row) + 3 * line + _GAP for row in rows]
    width = max(len(row) for row in rows) * (_CELL + _GAP) + _GAP
    sheet = Image.new("RGB", (width, sum(heights) + _GAP), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    top = _GAP
    for case, row, height in zip(cases, rows, heights, strict=True):
        pen.text((_GAP, top), case.title, fill=(0, 0, 0), font=font)
        for place, (caption, small) in enumerate(row):
            left = _GAP + place * (_CELL + _GAP)
            sheet.paste(small, (left, top + line))
            pen.multiline_text(
                (left, top + line + small.height), caption, fill=(60, 60, 60), font=font, spacing=1
            )
        top += height
    return sheet


def _small(pixels: Pixels) -> Image.Image:
    picture = Image.fromarray(pixels)
    scale = min(1.0, _CELL / max(picture.size))
    if scale == 1.0:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.BOX)


def _pixels(picture: Tensor) -> Pixels:
    samples = torch.round(picture[0].clamp(0, 1) * 255).to(torch.uint8)
    return np.ascontiguousarray(samples.permute(1, 2, 0).cpu().numpy())


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:40] or "other"


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
