"""The film of a run: what it made of the same input at every evaluation, from the first to the last."""

from __future__ import annotations

from pathlib import Path

from retouch.image import Picture
from retouch.image.film import Film
from retouch.training.logs import plain

SECONDS = 0.2
"""For which a frame is seen."""

FRAMES = 60
SIDE = 512


def write_film(run: Path, panel: str) -> Path | None:
    """Join the pictures of a panel to a film, ``samples.gif``.

    Args:
        run: the run's folder.
        panel: what the pictures show.

    Returns:
        The file; None when there are not two pictures.
    """
    name = plain(panel)
    paths = sorted((run / "samples").glob(f"[0-9]*-{name}.jpg"))
    if len(paths) < 2:
        return None
    film = Film(frames=FRAMES, side=SIDE, spacing="even")
    for path in paths:
        film.add(Picture.open(path))
    target = run / f"{name}.gif"
    film.save(target, seconds=SECONDS * len(film))
    return target
