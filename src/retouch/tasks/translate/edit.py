"""The verb: a photo translated by a trained network, whatever the photo's size and kind."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from retouch.errors import InputError, UnknownName, UnknownWeights, WeightsError
from retouch.image import Mode, Picture, PictureLike
from retouch.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from retouch.weights import Card, Loaded
    from retouch.weights.find import WeightsName
    from retouch.weights.remembered import Remembered

Precision = Literal["float32", "bfloat16"]

GENERATORS = ("fcn", "resnet", "unet")
"""The architectures that make pictures; the others of this task judge them."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow and upstream's loaders have it


def translate(
    photo: PictureLike,
    *,
    model: WeightsName = "sketch-to-kaokore",
    seed: int | None = None,
    tile: int | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Translate a photo into another kind of picture, as a network was trained to.

    Everything about the network comes from its file: its architecture, its direction, whether it
    makes colours for a gray photo, and how it was found to work best after training.

    Args:
        photo: the photo, of any size.
        model: the name of bundled or fetched weights, or the path of a weights file; files of
            pytorch-CycleGAN-and-pix2pix and of CUT (.pth) work as they are.
        seed: draw another variant: dropout, the only noise of pix2pix, goes by this number. Without
            it the result is always the same.
        tile: the side in pixels of the pieces in which a large photo is computed, to save memory; 0
            for the whole at once. Chosen by the photo's size when left out. It leaves no seams.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is two to three times faster on processors that have it, and off by
            one 8-bit level on average.
        progress: called after every piece.

    Returns:
        A picture of the photo's size, bit depth and transparency: in colour, or gray when the
        network makes gray.

    Raises:
        InputError: the weights are for another task or are a discriminator; the network cannot take
            a photo; the seed is for a network without dropout; the tile is negative; there is no
            such device.
        UnknownName: there are no weights, or there is no precision, of that name.
        WeightsError: the weights cannot be read, are not on this machine, or give no numbers.

    Source: Isola et al. 2017, arXiv:1611.07004; Zhu et al. 2017, arXiv:1703.10593; Park et al. 2020,
        arXiv:2007.15651; colour for a gray photo as Zhang et al. 2016, arXiv:1603.08511, poses it.
    Departs: a photo of another size than the network wants is continued by its mirror image and cut
        back, not scaled. Dropout, where the file asks for it, is drawn from a fixed seed.
    """
    if progress:
        progress(Progress("loading the model", 0))
    _check_precision(precision)
    translator = _loaded()(model, device, precision)
    return translator(photo, seed=seed, tile=tile, progress=progress)


class Translator:
    """A network that is ready to translate many photos.

    >>> photo = np.zeros((10, 12, 3), np.float32)
    >>> Translator.load("model.safetensors")(photo).size  # doctest: +SKIP
    (10, 12)

    Args:
        loaded: a generator, as :func:`retouch.weights.load` gives it. It is used as it is, not
            copied, and not changed.
        precision: "float32", or "bfloat16" for speed.

    Raises:
        InputError: it is for another task, or judges pictures instead of making them, or takes or
            makes a number of channels that no photo has.
        UnknownName: there is no such precision.
        UnknownWeights: the card's settings say something that this version does not know.
    """

    def __init__(self, loaded: Loaded, *, precision: Precision = "float32") -> None:
        from retouch.nn.pieces.plan import plan_of

        _check_precision(precision)
        _check_card(loaded.card)
        settings = loaded.card.settings
        self._card = loaded.card
        self._half = precision == "bfloat16"
        self._plan = plan_of(loaded.network, own_statistics=settings.get("inference", "eval") == "batch")
        self._device = next(loaded.network.parameters()).device
        self._input, self._output = _channels(loaded.card)

    @staticmethod
    def load(
        model: str | os.PathLike[str],
        *,
        device: str | torch.device = "cpu",
        precision: Precision = "float32",
    ) -> Translator:
        """Load weights.

        Args:
            model: the name of bundled or fetched weights, or the path of a weights file.
            device: where to compute.
            precision: "float32", or "bfloat16" for speed.

        Returns:
            The network, ready to be called.

        Raises:
            InputError: they are not a generator of this task, or there is no such device.
            UnknownName: there are no weights, or there is no precision, of that name.
            WeightsError: they cannot be read, or are not on this machine.
        """
        from retouch import weights
        from retouch.nn.device import usable_device

        _check_precision(precision)
        return Translator(weights.load(model, usable_device(device)), precision=precision)

    @property
    def card(self) -> Card:
        """What the weights file says about itself."""
        return self._card

    def __call__(
        self,
        photo: PictureLike,
        *,
        seed: int | None = None,
        tile: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> Picture:
        """Translate one photo.

        Args:
            photo: the photo, of any size.
            seed: for dropout; without it the result is always the same.
            tile: the side in pixels of the pieces; 0 for the whole at once, None to choose by size.
            progress: called after every piece.

        Returns:
            A picture of the photo's size, bit depth and transparency.

        Raises:
            InputError: the seed is for a network without dropout, or the tile is negative.
            WeightsError: the network gives NaN or infinity.
        """
        if tile is not None and tile < 0:
            raise InputError(
                f"tile={tile}; pass the side of the pieces in pixels, or 0 for the whole at once"
            )
        if seed is not None and not self._plan.has_dropout:
            raise InputError(
                f"seed={seed}, but {self._card.name} has no dropout and so only one result; leave it out"
            )
        picture = Picture.of(photo)
        if seed is None and self._card.settings.get("dropout") is True:
            seed = 0
        if self._card.settings.get("colour", "rgb") == "lab":
            return self._coloured(picture, seed, tile, progress)
        return self._translated(picture, seed, tile, progress)

    def _translated(
        self, picture: Picture, seed: int | None, tile: int | None, progress: ProgressCallback | None
    ) -> Picture:
        low, high = self._card.value_range
        pixels = np.clip(picture.pixels, 0, 1)
        if self._input == 1:
            pixels = (pixels @ _LUMA)[..., None]
        made = self._apply(low + (high - low) * pixels, seed, tile, progress)
        made = np.clip((made - low) / (high - low), 0, 1)
        file = _in_gray(picture) if self._output == 1 else _in_colour(picture)
        return file.edited(np.broadcast_to(made, (*picture.size, 3)), report=self._report)

    def _coloured(
        self, picture: Picture, seed: int | None, tile: int | None, progress: ProgressCallback | None
    ) -> Picture:
        from retouch.tasks.translate.method import lab

        light = lab.lightness(np.clip(picture.pixels, 0, 1))
        made = self._apply((light / lab.LIGHTNESS - 1)[..., None], seed, tile, progress)
        return _in_colour(picture).edited(lab.coloured(light, made * lab.CHROMA), report=self._report)

    def _apply(
        self,
        values: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
        seed: int | None,
        tile: int | None,
        progress: ProgressCallback | None,
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """Apply the network to (H, W, C) in its own range."""
        import torch

        from retouch.nn.pieces.frame import framed
        from retouch.nn.pieces.stream import apply

        tensor = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), np.float32))[None]
        frame, inside = framed(tensor.to(self._device), self._card.multiple)
        result: Tensor = apply(self._plan, frame, tile=tile, seed=seed, half=self._half, progress=progress)
        held = result[0, :, slice(*inside.rows), slice(*inside.columns)].permute(1, 2, 0)
        found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = held.cpu().numpy()
        if not np.isfinite(found).all():
            raise WeightsError(
                f"{self._card.name} gives NaN or infinity for this photo; its weights are damaged or its "
                "training broke down: take an earlier checkpoint, or convert the original again"
            )
        return found

    @property
    def _report(self) -> dict[str, float | int | str]:
        return {"model": self._card.name}


@functools.cache
def _loaded() -> Remembered[Translator]:
    from retouch.weights.remembered import Remembered

    def load(model: str, device: str, precision: Precision) -> Translator:
        return Translator.load(model, device=device, precision=precision)

    return Remembered(load)


def _check_precision(precision: str) -> None:
    if precision not in get_args(Precision):
        raise UnknownName("precision", precision, get_args(Precision))


def _check_card(card: Card) -> None:
    """Refuse what is not a generator of this task, or asks for what this version cannot do."""
    if card.task != "translate":
        raise InputError(
            f"{card.name} is for {card.task}, not for translate; use the edit it was trained for, "
            "or pass a model of translate"
        )
    if card.architecture not in GENERATORS:
        raise InputError(
            f"{card.name} is a {card.architecture}, which judges pictures and makes none; pass a generator: "
            "of upstream's files, the one with G in its name"
        )
    for name, known in (("inference", ("eval", "batch")), ("colour", ("rgb", "lab"))):
        if card.settings.get(name, known[0]) not in known:
            raise UnknownWeights(
                f"the card of {card.name} sets {name} to {card.settings[name]!r}, and this version knows "
                f"{' and '.join(known)}; correct the card, or use a later version of retouch"
            )


def _channels(card: Card) -> tuple[int, int]:
    """How many channels the network takes and makes, which must be those of a photo."""
    found = tuple(card.sizes.get(name, 3) for name in ("input_channels", "output_channels"))
    lab = card.settings.get("colour", "rgb") == "lab"
    wanted = [(1, 2)] if lab else [(1, 1), (1, 3), (3, 1), (3, 3)]
    for pair in wanted:
        if found == pair:
            return pair
    usual = "lightness (1) and takes a*b* (2)" if lab else "gray (1) or RGB (3), and takes either"
    raise InputError(
        f"{card.name} turns {found[0]} channels into {found[1]}; translate gives a network {usual}; "
        "for anything else call retouch.weights.load(...).network"
    )


def _in_colour(picture: Picture) -> Picture:
    """The file that holds a coloured result: the photo's own, unless that can only hold gray."""
    modes: dict[Mode, Mode] = {"1": "RGB", "L": "RGB", "LA": "RGBA"}
    mode = modes.get(picture.file.mode)
    return picture if mode is None else picture.converted(mode=mode)


def _in_gray(picture: Picture) -> Picture:
    """The file that holds a gray result."""
    mode: Mode = "L" if picture.alpha is None else "LA"
    return picture if picture.file.mode == mode else picture.converted(mode=mode)
