"""A latent of anything that a latent can be made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retouch.image import Picture
from retouch.progress import ProgressCallback
from retouch.tasks.invert.edit import foreign, latent_file
from retouch.tasks.invert.edit.inverter import Inverter
from retouch.tasks.invert.edit.latent import Latent

if TYPE_CHECKING:
    from retouch.tasks.invert.edit.latent import LatentLike
    from retouch.tasks.invert.edit.model import Model


def opened(
    value: LatentLike,
    model: Model,
    *,
    label: int | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Latent:
    """Give the latent of a photo, or of a latent file.

    Args:
        value: a latent, the path or the bytes of a latent file, the path of a latent that another program
            wrote (.npz, .npy, .pt), or a photo in any form that :meth:`retouch.image.Picture.of` takes, which
            is looked for with the usual settings.
        model: the generator.
        label: of the class in which a photo is looked for, for networks with labels.
        seed: of the search.
        progress: called while a photo is looked for.

    Returns:
        The latent, which fits the generator.

    Raises:
        InputError: the latent is of another generator.
        UnreadableWeights: the file is damaged.
        UnreadablePicture: it is neither a latent nor a picture.
    """
    if isinstance(value, Latent):
        value.check(model)
        return value
    if isinstance(value, str | Path) and Path(value).suffix.lower() in foreign.SUFFIXES:
        return foreign.read(Path(value), model)
    if isinstance(value, str | Path | bytes) and latent_file.is_latent(_head(value)):
        found = Latent.read(value if isinstance(value, bytes) else Path(value))
        found.check(model)
        return found
    return Inverter(model)(Picture.of(value), label=label, seed=seed, progress=progress).latent


def _head(value: str | Path | bytes) -> bytes:
    """Give the first bytes; none where nothing can be read, so that the reader of pictures complains."""
    if isinstance(value, bytes):
        return value[:9]
    try:
        path = Path(value)
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(9)
    except (OSError, ValueError):
        return b""
