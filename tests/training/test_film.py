"""The film that a run leaves of its samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from retouch.training.film import write_film
from retouch.training.logs import PictureFiles


def test_the_pictures_of_a_panel_become_a_film_in_their_order(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path / "samples")
    assert write_film(tmp_path, "samples") is None
    for number, images in enumerate((200, 1000, 30_000)):
        files.picture(images, "samples", torch.full((3, 16, 16), 0.2 + 0.3 * number))
        files.picture(images, "samples, truncated", torch.zeros(3, 16, 16))
    path = write_film(tmp_path, "samples")
    assert path == tmp_path / "samples.gif"
    with Image.open(path) as film:
        assert getattr(film, "n_frames", 1) == 3
        seen = []
        for number in range(3):
            film.seek(number)
            seen.append(int(np.asarray(film.convert("L"))[8, 8]))
    assert seen == sorted(seen)
    assert seen[0] < 70 < 110 < seen[1] < 150 < seen[2]
