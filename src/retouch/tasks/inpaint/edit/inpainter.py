"""A network that is ready to fill holes in many photos."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, get_args

from retouch.errors import InputError, UnknownName
from retouch.image import MaskLike, Picture, PictureLike
from retouch.progress import ProgressCallback
from retouch.tasks.inpaint.edit.filling import Precision, Seam, Way, filled
from retouch.tasks.inpaint.method.crops import Limits

if TYPE_CHECKING:
    import torch

    from retouch.tasks.inpaint.method.pyramid import Fill, Pixels, Plane
    from retouch.weights import Card, Loaded

FAMILIAR = 0.4
"""The part of the side of a training picture that a hole may be wide to be filled as it is."""

_TRAINED_SIZE = 256  # what a card that does not say was trained on, as all released networks were
_WIDTH = 64
_MOST_STEPS = 1000


class Inpainter:
    """A network that is ready to fill holes in many photos, from any number of threads.

    >>> import numpy as np
    >>> photo = np.zeros((10, 12, 3), np.float32)
    >>> hole = np.eye(10, 12, dtype=bool)
    >>> Inpainter.load("model.safetensors")(photo, hole).size  # doctest: +SKIP
    (10, 12)

    Args:
        loaded: a generator, as :func:`retouch.weights.load` gives it. It is used as it is, and not changed.
        precision: "float32", or "bfloat16" for speed.

    Raises:
        InputError: it is for another task, or judges pictures instead of making them.
        UnknownName: there is no such precision.
    """

    def __init__(self, loaded: Loaded, *, precision: Precision = "float32") -> None:
        from retouch.tasks.inpaint.network.inference import prepared

        check_precision(precision)
        _check_card(loaded.card)
        self._card = loaded.card
        self._half = precision == "bfloat16"
        self._network = loaded.network
        self._apply = prepared(loaded.network, precision)
        self._device = next(loaded.network.parameters()).device

    @staticmethod
    def load(
        model: str | os.PathLike[str],
        *,
        device: str | torch.device = "cpu",
        precision: Precision = "float32",
    ) -> Inpainter:
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

        check_precision(precision)
        return Inpainter(weights.load(model, usable_device(device)), precision=precision)

    @property
    def card(self) -> Card:
        """What the weights file says about itself."""
        return self._card

    def __call__(
        self,
        photo: PictureLike,
        mask: MaskLike,
        *,
        seam: Seam = "poisson",
        refine: int = 0,
        budget: float | None = None,
        progress: ProgressCallback | None = None,
    ) -> Picture:
        """Fill the hole of one photo; see :func:`retouch.inpaint`.

        Args:
            photo: the photo, of any size.
            mask: what to take out.
            seam: how the fill meets the photo.
            refine: steps by which the fill of a wide hole is improved at each size, 0 for none.
            budget: megapixels that are filled at once at most; chosen by the free memory when None.
            progress: called after every part.

        Returns:
            The same kind of file, bit for bit the same outside the mask.

        Raises:
            EmptyMask: the mask selects nothing.
            SizeMismatch: the mask does not have the photo's size.
            InputError: the mask covers the whole photo, refine or budget is out of range, or there is
                not enough memory for the smallest parts.
            UnknownName: there is no such way to treat the seam.
            WeightsError: the network gives NaN or infinity.
        """
        _check_refine(refine)
        way = Way(
            name=self._card.name,
            fill=self._fill(refine),
            limits=self._limits,
            budget=self._budget(budget, refined=refine > 0),
            multiple=self._card.multiple,
            own_colours=True,
            trust=self._part("trust", 1.0),
            detail=self._part("detail", 0.0),
        )
        return filled(photo, mask, way, seam=seam, progress=progress)

    def _fill(self, steps: int) -> Fill:
        from retouch.tasks.inpaint.method import forward, refine

        device, multiple = self._device, self._card.multiple
        if steps:
            refine.check_halves(self._network, self._card.name)

        def fill(pixels: Pixels, unknown: Plane, guide: Pixels | None) -> Pixels:
            if steps and guide is not None:
                return refine.refined(
                    self._network, pixels, unknown, guide, steps=steps, device=device, multiple=multiple
                )
            return forward.filled(self._apply, pixels, unknown, device=device, multiple=multiple)

        return fill

    def _limits(self, budget: float) -> Limits:
        trained = self._card.settings.get("trained_size", _TRAINED_SIZE)
        side = trained if isinstance(trained, int | float) and trained > 0 else _TRAINED_SIZE
        return Limits(budget=budget, widest=FAMILIAR * side)

    def _part(self, name: str, usual: float) -> float:
        """Read a setting of the card from 0 to 1; cards of small networks have some."""
        said = self._card.settings.get(name, usual)
        return min(max(float(said), 0.0), 1.0) if isinstance(said, int | float) else usual

    def _budget(self, megapixels: float | None, *, refined: bool) -> float:
        from retouch.nn import memory
        from retouch.tasks.inpaint.method import cost

        if megapixels is None:
            width = self._card.sizes.get("width", _WIDTH)
            channels = width if isinstance(width, int) else _WIDTH
            per_pixel = cost.bytes_per_pixel(channels, half=self._half, refined=refined)
            return memory.piece_pixels(per_pixel, self._device, least=cost.LEAST)
        least = cost.LEAST / 1e6
        if isinstance(megapixels, bool) or not isinstance(megapixels, int | float) or not megapixels >= least:
            raise InputError(f"budget={megapixels!r}; pass a number of megapixels, at least {least:g}")
        return megapixels * 1e6


def check_precision(precision: str) -> None:
    """Refuse an arithmetic that no network here has.

    Args:
        precision: of the arithmetic.

    Raises:
        UnknownName: there is no such precision.
    """
    if precision not in get_args(Precision):
        raise UnknownName("precision", precision, get_args(Precision))


def _check_refine(steps: int) -> None:
    if isinstance(steps, bool) or not isinstance(steps, int) or not 0 <= steps <= _MOST_STEPS:
        raise InputError(f"refine={steps!r}; pass a number of steps from 0 to {_MOST_STEPS}; 15 is usual")


def _check_card(card: Card) -> None:
    """Refuse what is not a generator of this task."""
    if card.task != "inpaint":
        raise InputError(
            f"{card.name} is for {card.task}, not for inpaint; use the edit it was trained for, "
            "or pass a model of inpaint"
        )
    if not card.architecture.startswith("lama") or "discriminator" in card.architecture:
        raise InputError(
            f"{card.name} is a {card.architecture}, which fills no holes; pass a generator: the file named "
            "without “discriminator”"
        )
    if card.multiple % 2:
        raise InputError(
            f"the card of {card.name} says that pictures are multiples of {card.multiple}; "
            "a network that halves them takes an even multiple: correct the card"
        )
