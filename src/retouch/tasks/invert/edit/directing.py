"""Which direction a person means: one that is found in the generator, or one from a file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from retouch.errors import InputError, UnknownName, UnreadableWeights
from retouch.tasks.invert.edit import arrays
from retouch.tasks.invert.method import directions
from retouch.tasks.invert.method.whitening import Whitening, whitening
from retouch.tasks.invert.network import StyleGAN2

if TYPE_CHECKING:
    from retouch.tasks.invert.edit.model import Model

FOUND = ("sefa", "pca", "white")
"""Ways to find directions in a generator."""

_NAMES = ("direction", "boundary", "")


@dataclass(frozen=True)
class Direction:
    """A direction among what a generator takes.

    Attributes:
        offset: (rows, style), what one standard deviation adds; (latent,) for a DCGAN.
        spread: the standard deviation of the training's codes along it.
        name: for a person.
        white: what the offset is added to instead of styles: their whitened coordinates by this; None for
            styles.
    """

    offset: Tensor
    spread: float
    name: str
    white: Whitening | None = None

    def applied(self, rows: Tensor, strength: float) -> Tensor:
        """Go along it.

        Args:
            rows: (rows, style); (latent,) for a DCGAN.
            strength: how far, in standard deviations.

        Returns:
            The same shape; rows that the direction does not move stay as they are, bit for bit.
        """
        if self.white is None:
            return rows + strength * self.offset
        changed = self.white.styles(self.white.coordinates(rows) + strength * self.offset)
        return torch.where((self.offset != 0).any(dim=-1, keepdim=True), changed, rows)


def direction_of(text: str, model: Model, rows: Sequence[int], label: int | None = None) -> Direction:
    """Give a direction of a generator.

    Args:
        text: "sefa:1", "pca:3", "white:2" (the first, the third, the second, by strength) or the path of a
            file that holds one.
        model: the generator.
        rows: which rows of styles are moved; of a DCGAN row 0, which is z.
        label: the class, for networks with labels.

    Returns:
        The direction, of which one standard deviation is as long as the training's codes spread along it.

    Raises:
        InputError: there is no such direction, or the file's does not fit.
        UnknownName: it is neither a way to find one nor a file.
        UnreadableWeights: the file is damaged, or holds no direction.
    """
    if not isinstance(text, str):
        raise InputError(f"direction={text!r:.60}; pass text: 'sefa:1', 'pca:1' or the path of a file")
    match = re.fullmatch(r"\s*([A-Za-z]+)\s*(?::\s*(\d{1,6}))?\s*", text)
    way = match[1].lower() if match else ""
    # A name that no way has may still be a file's.
    if match is None or (way not in FOUND and _is_file(text)):
        return _filed(Path(text), model, rows, label)
    if way not in FOUND:
        raise UnknownName("direction", text, [f"{name}:1" for name in FOUND])
    number = int(match[2] or 1)
    if not 1 <= number <= model.style:
        raise InputError(f"direction={text!r}; {model.name} has {way}:1 to {way}:{model.style}")
    if way != "sefa" and model.kind == "dcgan":
        raise InputError(
            f"direction={text!r}, and {model.name} is a DCGAN, whose noise varies alike in all directions; "
            "pass direction='sefa:1', which asks its first layer, and for that layer is the same"
        )
    if way == "white" and isinstance(model.network, StyleGAN2):
        return _white(model.network, model, number, rows, label)
    styles = directions.drawn(model.network, label=model.label(label))
    found = directions.pca(styles) if way == "pca" else directions.sefa(model.network, styles, rows)
    vector, spread = found.vectors[number - 1].cpu(), float(found.spreads[number - 1])
    return Direction(_laid(vector * spread, model, rows), spread, f"{way}:{number}")


def _white(
    network: StyleGAN2, model: Model, number: int, rows: Sequence[int], label: int | None
) -> Direction:
    """Give an axis of the whitened coordinates, along which the training's codes are normal."""
    white = whitening(network, label=model.label(label)).to(torch.device("cpu"))
    at = model.style - number  # the smallest spread is the first
    axis = white.directions[:, at]
    unit = torch.zeros(model.style)
    unit[at] = float(axis[axis.abs().argmax()].sign())
    return Direction(_laid(unit, model, rows), float(white.spread[at]), f"white:{number}", white)


def _filed(path: Path, model: Model, rows: Sequence[int], label: int | None) -> Direction:
    """Read a direction: its length counts for nothing."""
    vector = _vector(_tensors(path), path)
    if not bool(torch.isfinite(vector).all()) or not float(vector.abs().max()) > 0:
        raise UnreadableWeights(f"the direction in {path!s:.200} is zero or no number; make it again")
    wanted = [(model.style,)] if model.kind == "dcgan" else [(model.style,), (model.rows, model.style)]
    if tuple(vector.shape) not in wanted:
        raise InputError(
            f"the direction in {path!s:.200} is {tuple(vector.shape)}, and {model.name} takes "
            f"{' or '.join(map(str, wanted))}; pass the model that it was found with"
        )
    each = vector.reshape(-1, model.style).double()
    each = each / each.abs().max()  # so that no square is infinite
    each = each / math.sqrt(float(each.square().sum(dim=1).mean()))
    styles = directions.drawn(model.network, label=model.label(label)).cpu()
    spread = math.sqrt(float(directions.spread_along(each, styles.double()).square().mean()))
    offset = (each * spread).float()
    return Direction(_laid(offset if len(each) > 1 else offset[0], model, rows), spread, path.name[:200])


def _laid(offset: Tensor, model: Model, rows: Sequence[int]) -> Tensor:
    """Lay an offset over the rows that are moved."""
    if model.kind == "dcgan":
        return offset
    moved = torch.zeros(model.rows, model.style)
    moved[list(rows)] = offset if offset.dim() == 1 else offset[list(rows)]
    return moved


def _tensors(path: Path) -> Mapping[str, Tensor]:
    if not _is_file(path):
        raise UnreadableWeights(
            f"{path!s:.200} does not exist; pass direction='sefa:1', 'pca:1' or the path of a file"
        )
    if path.suffix.lower() in arrays.SUFFIXES:
        return arrays.arrays(path)
    from retouch.weights import read

    return {name: tensor for name, tensor in read(path).tensors.items() if tensor.is_floating_point()}


def _vector(found: Mapping[str, Tensor], path: Path) -> Tensor:
    name = next((name for name in _NAMES if name in found), None)
    if name is None and len(found) != 1:
        held = ", ".join(map(repr, list(found)[:5])) or "no array of numbers"
        raise UnreadableWeights(
            f"{path!s:.200} holds {held}, and none is called direction; save one direction under that name"
        )
    vector = found[next(iter(found)) if name is None else name].float()
    while vector.dim() > 1 and vector.shape[0] == 1:
        vector = vector[0]
    return vector


def _is_file(path: str | Path) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
