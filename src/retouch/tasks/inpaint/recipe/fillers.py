"""What fills holes in a comparison: networks as they are, the verb with all it does, classical methods."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from retouch import weights
from retouch.errors import InputError, UnknownName
from retouch.weights import Card
from retouch.weights.load import identify

Apply = Literal["network", "edit"]
"""``network``: its output in the hole, the photo elsewhere, as in LaMa's evaluation. ``edit``: as
:func:`retouch.inpaint` does it, with the rim blended."""

Classical = Literal["telea", "navier-stokes", "biharmonic", "membrane"]

CLASSICAL: tuple[Classical, ...] = ("telea", "navier-stokes", "biharmonic", "membrane")
"""Methods without a network."""

TASK = "inpaint"
SMALLEST = 16
"""The shorter side, in pixels, of the smallest picture that a network is given."""

Fill = Callable[[Tensor, Tensor], Tensor]
"""Picture (3, H, W) in [0, 1], black in the hole, and hole (1, H, W), 1 = hole → (3, H, W); what it says
outside the hole is not looked at."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Something that fills holes.

    Args:
        name: in the tables.
        fill: what it does.
        protocol: how it was applied.
        trained: whether it is a network, whose worst results are worth looking at.
    """

    name: str
    fill: Fill
    protocol: str = ""
    trained: bool = True


def network_filler(model: str | os.PathLike[str], *, apply: Apply = "network", device: str = "cpu") -> Filler:
    """Take weights as something that fills holes.

    Args:
        model: a weights file, or the name of bundled or fetched weights.
        apply: the network as it is, or all that the verb does.
        device: where it is computed.

    Raises:
        InputError: The weights are for another task.
        UnknownName: There is no such way to apply them, or there are no weights of that name.
        WeightsError: They cannot be read.
    """
    if apply not in ("network", "edit"):
        raise UnknownName("way to apply a network", apply, ("network", "edit"))
    card = identify(model).card
    if card.task != TASK:
        raise InputError(
            f"{os.fspath(model)} is a {card.architecture} for {card.task} and fills no holes; give weights "
            f"for {TASK}, or measure it with: retouch evaluate {os.fspath(model)}"
        )
    if apply == "edit":
        from retouch.tasks.inpaint.edit import Inpainter

        inpainter = Inpainter.load(os.fspath(model), device=device)

        def edited(picture: Tensor, hole: Tensor) -> Tensor:
            made: Tensor = inpainter(picture, hole).tensor()
            return made[0].float().cpu()

        return Filler(card.name, edited, "as retouch.inpaint applies it, rim blended")
    loaded = weights.load(model, device)
    return Filler(
        card.name, network_fill(loaded.network, card), "its output in the hole, the photo elsewhere"
    )


def network_fill(network: nn.Module, card: Card) -> Fill:
    """Apply a network of this task to one picture of any size.

    Args:
        network: (1, 4, H, W) in [0, 1], the masked picture and the mask → (1, 3, H, W).
        card: says the multiple that H and W must be of.

    Returns:
        A function; the picture is mirrored at its lower and right border up to a size that fits, as in
        LaMa's evaluation.
    """
    multiple = max(card.multiple, 1)

    def fill(picture: Tensor, hole: Tensor) -> Tensor:
        device = next(network.parameters()).device
        height, width = picture.shape[1:]
        shown = torch.cat((picture * (1 - hole), hole))[None]
        for axis, length in ((2, height), (3, width)):
            shown = _mirrored(shown, axis, -(-max(length, SMALLEST, 2 * multiple) // multiple) * multiple)
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            made: Tensor = network(shown.to(device))
        return made[0, :, :height, :width].float().cpu()

    return fill


def classical_filler(method: str) -> Filler:
    """Take a method without a network as something that fills holes.

    Args:
        method: one of :data:`CLASSICAL`.

    Raises:
        UnknownName: There is no such method.
    """
    for known in CLASSICAL:
        if known == method:
            return Filler(method, _classical_fill(known), "as retouch.inpaint applies it", trained=False)
    raise UnknownName("method", method, CLASSICAL)


def fillers(
    models: Sequence[str | os.PathLike[str] | Filler],
    baselines: Sequence[str],
    *,
    apply: Apply,
    device: str,
) -> tuple[Filler, ...]:
    """Open everything that is to be compared; names are made distinct.

    Args:
        models: weights, or things that fill holes.
        baselines: some of :data:`CLASSICAL`.
        apply: as for :func:`network_filler`.
        device: as for :func:`network_filler`.

    Raises:
        InputError: There is nothing to compare, weights are for another task, or a name comes twice.
        UnknownName: There is no such baseline or no weights of that name.
        WeightsError: Weights cannot be read.
    """
    if not models and not baselines:
        raise InputError(f"there is nothing to measure; give weights, or some of {', '.join(CLASSICAL)}")
    opened: list[Filler] = []
    for model in models:
        if isinstance(model, Filler):
            opened.append(model)
            continue
        one = network_filler(model, apply=apply, device=device)
        taken = {*CLASSICAL, *(other.name for other in opened)}
        opened.append(replace(one, name=_distinct(one.name, Path(model), taken)))
    opened += [classical_filler(method) for method in dict.fromkeys(baselines)]
    names = [one.name for one in opened]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{', '.join(twice)} is there twice; give everything that is compared its own name")
    return tuple(opened)


def _classical_fill(method: Classical) -> Fill:
    from retouch.tasks.inpaint.method import classical

    def fill(picture: Tensor, hole: Tensor) -> Tensor:
        pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
        filled = classical.fill(method, pixels, hole[0].numpy() >= 0.5)
        return torch.from_numpy(np.ascontiguousarray(filled)).permute(2, 0, 1).float()

    return fill


def _distinct(name: str, path: Path, taken: set[str]) -> str:
    """The card's name; with the file's when several have it: runs are told apart by their folders."""
    return name if name not in taken else f"{name} ({path})"


def _mirrored(stack: Tensor, axis: int, wanted: int) -> Tensor:
    """Go on at the end of an axis with the mirror image, as often as needed."""
    length = stack.shape[axis]
    if length == wanted:
        return stack
    place = torch.arange(wanted) % (2 * length)
    return stack.index_select(axis, torch.where(place < length, place, 2 * length - 1 - place))
