"""Write a synthetic data set to a folder, in a layout that any program for such data reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retouch.data import synthetic
from retouch.data.listing import SPLITS, Split
from retouch.errors import DataError
from retouch.image import Picture
from retouch.progress import Progress, ProgressCallback


def make(source: str, out: Path, *, progress: ProgressCallback | None = None) -> dict[Split, int]:
    """Write a synthetic data set.

    Pairs become ``out/train/00001.png`` with both pictures side by side; sets without pairs become
    ``out/trainA/00001.png`` and ``out/trainB/00001.png``; ``val`` and ``test`` likewise.

    Args:
        source: ``"synthetic:facades?count=100&size=128"``.
        out: a folder, which is made; it must be empty if it is there.
        progress: called after every number.

    Returns:
        Split → how many pairs, or pictures of a side, were written.

    Raises:
        DataError: the source is no synthetic set, or the folder is not empty or cannot be written.
        InputError: an option of the source has a value that cannot be used.
        UnknownName: there is no such synthetic set or option.
        UnwritablePicture: a picture cannot be written.
        Cancelled: the progress callback stopped the work.
    """
    listing = synthetic.listing(source)
    if listing is None:
        raise DataError(
            f"{source} is no synthetic data set; give synthetic:{' or synthetic:'.join(synthetic.KINDS)}"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        full = any(out.iterdir())
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}; choose another folder") from error
    if full:
        raise DataError(f"{out} is not empty; choose another folder, or empty it")
    counts: dict[Split, int] = {split: len(listing.splits[split].a) for split in SPLITS}
    done, total = 0, sum(counts.values())
    for split in SPLITS:
        sides = listing.splits[split]
        for name, part in sides.a.items():
            drawn = part.origin.parts(("a", "b"), None)
            pictures = {f"{split}A": drawn["a"], f"{split}B": drawn["b"]}
            if listing.matches:
                pictures = {split: np.concatenate([drawn["a"], drawn["b"]], axis=2)}
            for folder, planes in pictures.items():
                (out / folder).mkdir(exist_ok=True)
                Picture.of(planes.transpose(1, 2, 0)).save(out / folder / f"{name}.png")
            done += 1
            if progress is not None:
                progress(Progress("drawing", done, total))
    return counts
