"""A film of a process: pictures kept while an edit runs, written as an animation or a video.

>>> import numpy as np
>>> from retouch.progress import Progress
>>> film = Film(frames=3)
>>> for step in range(100):
...     film(Progress("drawing", step, preview=lambda: np.full((4, 6, 3), 0.5)))
>>> len(film)
3
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from retouch.errors import InputError, UnknownName, UnwritablePicture
from retouch.image.animation import on_white
from retouch.image.picture import Picture, PictureLike

if TYPE_CHECKING:
    from retouch.image.moving import Frame
    from retouch.progress import Progress

SUFFIXES = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG", ".avif": "AVIF", ".mp4": "MP4"}
"""Which format a film's file name means; PNG is an animated one."""

Spacing = Literal["log", "even"]
"""How frames lie in time: ever farther apart, as a process changes ever less, or evenly."""


class Film:
    """Keeps pictures of a process; give it to an edit as its ``progress``.

    It looks at the events that carry a preview, and asks for a picture only where it keeps one. However long
    the process, it never keeps more than ``frames`` of them, so its memory is bounded by
    ``frames × side × side × 3`` bytes: 47 MB by default. The first picture and the latest one that was kept
    are never dropped. When the edit is stopped, what was kept until then can still be saved.

    Args:
        frames: the most that are kept, from 2.
        side: the longest side of a frame in pixels, from 2; larger pictures are reduced.
        spacing: how frames are chosen when there are more pictures.

    Raises:
        InputError: a number is too small.
        UnknownName: there is no such spacing.
    """

    def __init__(self, *, frames: int = 60, side: int = 512, spacing: Spacing = "log") -> None:
        for name, value, usual in (("frames", frames, 60), ("side", side, 512)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 2:
                raise InputError(
                    f"{name} must be a whole number from 2, got {value!r}; left out it is {usual}"
                )
        if spacing not in ("log", "even"):
            raise UnknownName("spacing", spacing, ("log", "even"))
        self._most, self._side, self._log = frames, side, spacing == "log"
        self._seen = 0
        self._places: list[float] = []
        self._frames: list[Frame] = []

    def __call__(self, event: Progress) -> None:
        """Look at an event, and keep its picture if it is due.

        Args:
            event: what the edit reports; without a preview it is passed over.
        """
        if event.preview is None:
            return
        self._seen += 1
        last = event.total is not None and event.done >= event.total
        if last or self._is_due():
            self._keep(cast("PictureLike", event.preview()))

    def add(self, picture: PictureLike) -> None:
        """Keep a picture as the latest frame, such as the edit's result.

        Args:
            picture: of any size, in any form that :meth:`retouch.image.Picture.of` takes.
        """
        self._seen += 1
        self._keep(picture)

    def __len__(self) -> int:
        """How many frames are kept."""
        return len(self._frames)

    def save(
        self,
        path: str | Path,
        *,
        seconds: float = 4.0,
        hold: float = 1.5,
        quality: int | None = None,
        overwrite: bool = True,
    ) -> Path:
        """Write the film; the file appears complete or not at all.

        The suffix chooses the format: ``.gif`` (one palette for all frames, so that colours do not flicker),
        ``.webp``, ``.avif`` (the smallest), ``.png`` or ``.apng`` (animated PNG, exact), ``.mp4`` (VP9, which
        browsers play). Frames of several sizes are brought to the largest; transparent pixels are laid on
        white. It starts again when it is over, but for a video, which the player decides.

        Args:
            path: where to; the folder must exist.
            seconds: how long the frames take together, without the last one; more than 0.
            hold: how long the last frame stays.
            quality: 1 … 100 for WebP (80 when None) and AVIF (60).
            overwrite: replace a file that is there.

        Returns:
            The path.

        Raises:
            InputError: no picture was reported, or a number is out of range.
            OutputExists: the file is there and overwrite is False.
            UnwritablePicture: the folder is missing, the suffix is unknown, or the format cannot be written.
        """
        from retouch.image import moving, write

        path = Path(path)
        kind = check_film(path, overwrite=overwrite)
        if not self._frames:
            raise InputError(
                "no picture of the process was reported, so there is no film; give the film to an edit that "
                "shows previews as progress=film, or add pictures by film.add(picture)"
            )
        if not (math.isfinite(seconds) and math.isfinite(hold) and seconds > 0 and hold >= 0):
            raise InputError(f"a film takes more than 0 seconds, got seconds={seconds!r}, hold={hold!r}")
        if quality is not None and not (isinstance(quality, int) and 1 <= quality <= 100):
            raise InputError(f"quality must be a whole number from 1 (small) to 100 (best), got {quality!r}")
        frames = moving.alike(self._frames)
        data = moving.encoded(frames, kind, seconds=seconds, hold=hold, quality=quality)
        write.put(path, data, overwrite=overwrite)
        return path

    def _is_due(self) -> bool:
        """Whether the present picture is far enough from the latest one kept to stay."""
        if len(self._places) < self._most:
            return True
        densest = (
            min(self._gap(number) for number in range(1, len(self._places) - 1)) if self._most > 2 else 0.0
        )
        return self._place() - self._places[-1] >= densest / 2

    def _keep(self, picture: PictureLike) -> None:
        self._frames.append(_frame(Picture.of(picture), self._side))
        self._places.append(self._place())
        if len(self._frames) > self._most:
            inner = range(1, len(self._places) - 1)
            crowded = min(inner, key=self._gap)
            del self._frames[crowded], self._places[crowded]

    def _place(self) -> float:
        return math.log(self._seen) if self._log else float(self._seen)

    def _gap(self, number: int) -> float:
        """How far apart a frame's neighbours are, which is the gap that it would leave."""
        return self._places[number + 1] - self._places[number - 1]


def check_film(path: Path, *, overwrite: bool) -> str:
    """Find out before the work whether a film may be written.

    Args:
        path: the output.
        overwrite: whether a file that is there may be replaced.

    Returns:
        The format.

    Raises:
        OutputExists: it is there and may not be replaced.
        UnwritablePicture: the suffix is unknown or the place takes no file.
    """
    from retouch.image.write import check_target

    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        got = f"ends in {path.suffix!r}" if path.suffix else "has no suffix"
        raise UnwritablePicture(f"{path} {got}; a film is one of {', '.join(SUFFIXES)}")
    check_target(path, overwrite=overwrite)
    return kind


def _frame(picture: Picture, side: int) -> Frame:
    """The picture as 8-bit RGB on white, at most so large."""
    from retouch.image.moving import resized

    pixels = on_white(picture)
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    return resized(pixels, (max(round(height * scale), 1), max(round(width * scale), 1)))
