"""A network that is ready to paint many photos in its style."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Literal

import numpy as np

from retouch.errors import InputError, WeightsError
from retouch.image import Picture, PictureLike
from retouch.progress import ProgressCallback
from retouch.tasks.stylize.edit.settings import Precision, check_choice, check_number
from retouch.tasks.stylize.edit.sheet import Sheet

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from retouch.weights import Card, Loaded

PaintedColours = Literal["style", "photo"]

LEAST_BYTES = 1 << 26
"""Maps that a network keeps in memory at least."""

LEAST_BUDGET = 0.004
"""The fewest megapixels that can be computed at once."""


class Painter:
    """A network that is ready to paint many photos.

    >>> photo = np.zeros((10, 12, 3), np.float32)
    >>> Painter.load("candy.pth")(photo).size  # doctest: +SKIP
    (10, 12)

    Args:
        loaded: a network of one style, as :func:`retouch.weights.load` gives it. It is not changed.
        precision: "float32", or "bfloat16" for speed.

    Raises:
        InputError: it is for another task, or paints from features instead of photos.
        UnknownName: there is no such precision.
    """

    def __init__(self, loaded: Loaded, *, precision: Precision = "float32") -> None:
        from retouch.nn.pieces.plan import plan_of

        check_choice("precision", precision, Precision)
        _check_card(loaded.card)
        self._card = loaded.card
        self._half = precision == "bfloat16"
        self._plan = plan_of(loaded.network)
        self._device = next(loaded.network.parameters()).device

    @staticmethod
    def load(
        model: str | os.PathLike[str],
        *,
        device: str | torch.device = "cpu",
        precision: Precision = "float32",
    ) -> Painter:
        """Load weights.

        Args:
            model: the name of bundled or fetched weights, or the path of a weights file.
            device: where to compute.
            precision: "float32", or "bfloat16" for speed.

        Returns:
            The network, ready to be called.

        Raises:
            InputError: they are not a network of one style, or there is no such device.
            UnknownName: there are no weights, or there is no precision, of that name.
            WeightsError: they cannot be read, or are not on this machine.
        """
        from retouch import weights
        from retouch.nn.device import usable_device

        check_choice("precision", precision, Precision)
        return Painter(weights.load(model, usable_device(device)), precision=precision)

    @property
    def card(self) -> Card:
        """What the weights file says about itself."""
        return self._card

    def __call__(
        self,
        photo: PictureLike,
        *,
        strength: float = 1.0,
        colours: PaintedColours = "style",
        budget: float | None = None,
        progress: ProgressCallback | None = None,
    ) -> Picture:
        """Paint one photo; see :func:`retouch.repaint`.

        Args:
            photo: the photo, of any size.
            strength: how far the painting goes from the photo, 0 to 1.
            colours: whose colours it has.
            budget: megapixels that are computed at once at most; by the free memory when None.
            progress: called after every piece.

        Returns:
            The same kind of file, of the same size.

        Raises:
            InputError: a number is out of range, or there is not enough memory.
            UnknownName: there are no such colours.
            WeightsError: the network gives NaN or infinity.
        """
        check_number("strength", strength, 0, 1)
        check_choice("colours", colours, PaintedColours)
        if budget is not None:
            check_number("budget", budget, LEAST_BUDGET, 1e6)
        picture = Picture.of(photo)
        sheet = Sheet(picture, picture.size, coloured=colours == "style")
        where = None if sheet.seen is None else sheet.seen.astype(np.float32)
        return sheet.finished(self._painted(sheet, strength, colours, budget, progress), where, self._report)

    def _painted(
        self,
        sheet: Sheet,
        strength: float,
        colours: PaintedColours,
        budget: float | None,
        progress: ProgressCallback | None,
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """Paint (H, W, 3)."""
        import torch

        from retouch.tasks.stylize.method.colours import with_hues

        planes = np.ascontiguousarray(sheet.pixels().transpose(2, 0, 1))
        photo = torch.from_numpy(planes)[None]
        made = self.planes(photo, budget=budget, progress=progress)
        with torch.inference_mode():
            made = with_hues(made, photo) if colours == "photo" else made
            made = torch.lerp(photo, made, strength) if strength != 1 else made
        painted: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = made[0].permute(1, 2, 0).numpy()
        return painted

    def planes(
        self, photo: Tensor, *, budget: float | None = None, progress: ProgressCallback | None = None
    ) -> Tensor:
        """Apply the network.

        Args:
            photo: (1, 3, H, W), RGB in [0, 1], of any size.
            budget: megapixels that are computed at once at most; by the free memory when None.
            progress: called after every piece.

        Returns:
            (1, 3, H, W) in [0, 1], on the CPU.

        Raises:
            InputError: there is not enough memory.
            WeightsError: the network gives NaN or infinity.
        """
        import torch

        from retouch.nn import memory
        from retouch.nn.pieces.frame import framed

        low, high = self._card.value_range
        frame, inside = framed(photo.to(self._device) * (high - low) + low, self._card.multiple)
        try:
            made = self._apply(frame, budget, progress)
        except Exception as error:
            if not memory.is_shortage(error):
                raise
            raise InputError(
                f"there is not enough memory ({error!s:.120}); pass a smaller budget, close other "
                "programs, or shrink the photo"
            ) from error
        del frame
        held = made[:, :, slice(*inside.rows), slice(*inside.columns)].cpu()
        if not bool(torch.isfinite(held.sum())):
            raise WeightsError(
                f"{self._card.name} gives NaN or infinity for this photo; its weights are damaged or its "
                "training broke down: take an earlier checkpoint, or convert the original again"
            )
        return held.sub_(low).div_(high - low).clamp_(0, 1)

    def _apply(self, frame: Tensor, budget: float | None, progress: ProgressCallback | None) -> Tensor:
        from retouch.nn import memory
        from retouch.nn.pieces.stream import apply

        pixels = frame.shape[2] * frame.shape[3]
        tile, limit = None, None
        if budget is not None:
            tile = 0 if pixels <= budget * 1e6 else self._tile(budget * 1e6)
        if self._device.type != "cuda":
            limit = memory.piece_pixels(1.0, self._device, least=LEAST_BYTES)
        return apply(
            self._plan, frame, tile=tile, limit=limit, half=self._half, stage="painting", progress=progress
        )

    def _tile(self, pixels: float) -> int:
        """The side of pieces of so many pixels, as the stream counts it: by maps of 64 channels."""
        from retouch.nn.pieces.operations import Shape

        size = Shape(3, 64, 64)
        widest = max(math.prod(shape) for shape in self._plan.shapes(size)) / (size.height * size.width)
        return max(1, math.floor(math.sqrt(pixels * min(widest / 64, 1))))

    @property
    def _report(self) -> dict[str, float | int | str]:
        report: dict[str, float | int | str] = {"model": self._card.name}
        for name in ("style", "style_credit"):
            told = self._card.settings.get(name)
            if isinstance(told, str) and told:
                report[name] = told
        return report


def _check_card(card: Card) -> None:
    """Refuse what does not paint photos."""
    if card.task != "stylize":
        raise InputError(
            f"{card.name} is for {card.task}, not for stylize; use the edit it was trained for, or pass a "
            "model of one style"
        )
    if card.architecture != "fast-style":
        raise InputError(
            f"{card.name} is a {card.architecture}, which paints from features; pass a model of one style, "
            "or use stylize with --preset draft"
        )
