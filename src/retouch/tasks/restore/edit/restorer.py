"""A network that is ready to restore many photos."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from retouch.errors import InputError, UnknownName
from retouch.image import Picture, PictureLike
from retouch.progress import ProgressCallback
from retouch.tasks.restore.edit.cleaning import cleaned
from retouch.tasks.restore.edit.enlarging import enlarged
from retouch.tasks.restore.edit.running import Pieces, Wish, attempted
from retouch.tasks.restore.method import sizes, tiles

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from retouch.tasks.restore.method.tiles import Planes
    from retouch.weights import Card, Loaded

Precision = Literal["float32", "bfloat16"]

COARSEST = 512
"""The largest number of which a network may want the sides of a picture to be multiples."""

LOUDEST = 255.0
"""Levels of noise beyond which a photo is nothing else."""


class Restorer:
    """A network that is ready to restore many photos, from any number of threads.

    >>> photo = np.zeros((10, 12, 3), np.float32)
    >>> Restorer.load("model.safetensors")(photo).size  # doctest: +SKIP
    (40, 48)

    Args:
        loaded: a network, as :func:`retouch.weights.load` gives it. It is not changed.
        precision: "float32", or "bfloat16" for speed.

    Raises:
        InputError: it is for another task, or judges pictures instead of making them, or takes a number of
            channels that no photo has.
        UnknownName: there is no such precision.
    """

    def __init__(self, loaded: Loaded, *, precision: Precision = "float32") -> None:
        from retouch.tasks.restore.method.forward import Forward

        _check_precision(precision)
        _check_card(loaded.card)
        self._card = loaded.card
        self._forward = Forward(loaded.network, loaded.card, precision)

    @staticmethod
    def load(
        model: str | os.PathLike[str],
        *,
        device: str | torch.device = "cpu",
        precision: Precision = "float32",
    ) -> Restorer:
        """Load weights.

        Args:
            model: the name of bundled or fetched weights, or the path of a weights file.
            device: where to compute.
            precision: "float32", or "bfloat16" for speed.

        Returns:
            The network, ready to be called.

        Raises:
            InputError: they are not a network of this task, or there is no such device.
            UnknownName: there are no weights, or there is no precision, of that name.
            WeightsError: they cannot be read, or are not on this machine.
        """
        from retouch import weights
        from retouch.nn.device import usable_device

        _check_precision(precision)
        return Restorer(weights.load(model, usable_device(device)), precision=precision)

    @property
    def card(self) -> Card:
        """What the weights file says about itself."""
        return self._card

    @property
    def scale(self) -> int:
        """New pixels per old one, along a side; 1 for a network that cleans."""
        return self._card.scale

    def __call__(
        self,
        photo: PictureLike,
        *,
        noise: float | None = None,
        strength: float = 1.0,
        scale: float | None = None,
        width: int | None = None,
        height: int | None = None,
        ensemble: bool = False,
        tile: int | None = None,
        budget: float | None = None,
        progress: ProgressCallback | None = None,
    ) -> Picture:
        """Restore one photo; see :func:`retouch.restore` and :func:`retouch.upscale`.

        Args:
            photo: the photo, of any size.
            noise: for a network that cleans: its standard deviation, in levels of 255; estimated when None.
            strength: for a network that cleans: how much of the noise it finds is taken out, 0 to 1.
            scale: for one that enlarges: new pixels per old one, along a side.
            width: for one that enlarges: of the result, in pixels.
            height: likewise.
            ensemble: give the mean over the eight ways to turn and mirror the photo.
            tile: the side in pixels of the pieces; 0 for the whole at once, None to go by the memory.
            budget: megapixels that are computed at once at most; chosen by the free memory when None.
            progress: called after every piece.

        Returns:
            The same kind of file, cleaned or enlarged.

        Raises:
            InputError: an option is out of range, or is not for this kind of network; the result would have
                too many pixels; there is not enough memory for the smallest pieces.
            WeightsError: the network gives NaN or infinity.
        """
        wish = Wish(Pieces(tile, budget), ensemble, progress)
        if self.scale == 1:
            for name, value in (("scale", scale), ("width", width), ("height", height)):
                if value is not None:
                    raise InputError(
                        f"{name} is given, but {self._card.name} leaves the size as it is; leave it out, or "
                        "pass a model that enlarges"
                    )
            _check_noise(noise, strength)
            return cleaned(self._forward, self._card, Picture.of(photo), noise, strength, wish)
        if noise is not None or strength != 1:
            raise InputError(
                f"noise or strength is given, but {self._card.name} enlarges; clean the photo first, with a "
                "model for noise"
            )
        picture = Picture.of(photo)
        goal = sizes.wanted(picture.size, scale, width, height, self.scale)
        return enlarged(self._forward, self._card, picture, goal, wish)

    def planes(
        self,
        pictures: Tensor,
        *,
        noise: float | None = None,
        tile: int | None = None,
        ensemble: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Tensor:
        """Apply the network to a picture as it is measured: nothing clipped, nothing rounded.

        Args:
            pictures: (1, 3, H, W) in [0, 1]. A network for gray is applied to each channel.
            noise: what the network is told of it, in levels of 255; None for nothing.
            tile: the side in pixels of the pieces; 0 for the whole at once, None to go by the memory.
            ensemble: give the mean over the eight ways to turn and mirror.
            progress: called after every piece.

        Returns:
            (1, 3, scale · H, scale · W), float32, on the CPU.

        Raises:
            InputError: the shape is another, or a number is out of range.
            WeightsError: the network gives NaN or infinity.
        """
        import torch

        if pictures.ndim != 4 or pictures.shape[:2] != (1, 3) or 0 in pictures.shape:
            raise InputError(
                f"planes takes (1, 3, H, W), got {tuple(pictures.shape)}; give one picture in colour"
            )
        _check_noise(noise, 1.0)
        given = pictures.detach().float().cpu().numpy()[0]
        size = (given.shape[1], given.shape[2])
        pieces = Pieces(tile)

        def attempt(pixels: float) -> Planes:
            tiling = pieces.tiling(self._forward, size, pixels)
            tell = tiles.teller("restoring", tiling.pieces(size), progress)
            made = np.empty((3, size[0] * self.scale, size[1] * self.scale), np.float32)
            for top, band in tiles.bands(
                lambda x: self._forward.planes(x, noise=noise, ensemble=ensemble),
                lambda box: given[:, *box.slices],
                size,
                tiling,
                tell,
            ):
                made[:, top : top + band.shape[1]] = band
            return made

        found = attempted(attempt, pieces.pixels(self._forward), fixed=tile is not None)
        return torch.from_numpy(found)[None]


def _check_precision(precision: str) -> None:
    if precision not in get_args(Precision):
        raise UnknownName("precision", precision, get_args(Precision))


def _check_noise(noise: float | None, strength: float) -> None:
    for name, value, most in (("noise", noise, LOUDEST), ("strength", strength, 1.0)):
        if value is None and name == "noise":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise InputError(
                f"{name}={value!r}; pass a number from 0 to {most:g}"
                + (", in levels of 255" if name == "noise" else "")
            )


def _check_card(card: Card) -> None:
    """Refuse what is not a network of this task, or takes what no photo has."""
    if card.task != "restore":
        raise InputError(
            f"{card.name} is for {card.task}, not for restore; use the edit it was trained for, "
            "or pass a model of restore"
        )
    if "gan" in card.architecture or "discriminator" in card.architecture:
        raise InputError(
            f"{card.name} is a {card.architecture}, which judges pictures and makes none; pass the network "
            "that it was trained with"
        )
    if card.multiple > COARSEST:
        raise InputError(
            f"{card.name} wants sides that are multiples of {card.multiple}, and more than {COARSEST} is "
            "too much for small photos; correct its card"
        )
    if card.sizes.get("channels", 3) not in (1, 3):
        raise InputError(
            f"{card.name} takes {card.sizes['channels']} channels; networks that restore photos take 1 or 3: "
            "for anything else call retouch.weights.load(...).network"
        )
