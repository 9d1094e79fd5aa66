"""What restores pictures in a comparison: networks as the verbs apply them, and what needs no network."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from retouch.errors import InputError, UnknownName
from retouch.image.resample import Kernel, resize
from retouch.tasks.restore.recipe.cases import Pair
from retouch.weights.load import identify

Told = Literal["blind", "told", "both"]
"""Whether a denoiser that can be told the strength of the noise is told it."""

Precision = Literal["float32", "bfloat16"]

ENLARGERS: dict[str, Kernel] = {"bicubic": "bicubic", "lanczos": "lanczos", "nearest": "nearest"}
"""Name → kernel of the methods that enlarge without a network."""

INPUT = "input"
"""The picture as it came, where nothing is to be enlarged."""

TASK = "restore"


@dataclass(frozen=True, slots=True)
class Method:
    """Something that restores pictures.

    Args:
        name: in the tables.
        scale: by how much it enlarges; 0: by whatever is asked.
        restore: a picture to restore → (1, 3, H, W), around [0, 1].
        protocol: how it was applied.
        trained: whether it is a network.
        raw: what it gives is measured as it is, neither clipped nor rounded.
        remark: what one should know beside its figures.
    """

    name: str
    scale: int
    restore: Callable[[Pair], Tensor]
    protocol: str = ""
    trained: bool = True
    raw: bool = False
    remark: str = ""


def baseline(name: str) -> Method:
    """Take a method without a network.

    Args:
        name: one of :data:`ENLARGERS`, or :data:`INPUT`.

    Raises:
        UnknownName: There is no such method.
    """
    if name == INPUT:
        return Method(INPUT, 1, lambda pair: _rgb(pair.spoiled), trained=False, raw=True)
    if name not in ENLARGERS:
        raise UnknownName("baseline", name, (*ENLARGERS, INPUT))
    kernel = ENLARGERS[name]

    def enlarge(pair: Pair) -> Tensor:
        height, width = pair.true.shape[1:]
        return _rgb(torch.from_numpy(resize(pair.spoiled.numpy(), (height, width), kernel=kernel)))

    return Method(name, 0, enlarge, trained=False)


def networks(
    model: str | os.PathLike[str],
    *,
    told: Told = "blind",
    ensemble: bool = False,
    tile: int | None = None,
    precision: Precision = "float32",
    device: str = "cpu",
) -> list[Method]:
    """Take weights as something that restores pictures.

    Args:
        model: a weights file, or the name of bundled or fetched weights.
        told: whether a denoiser that can be told of the noise is told; "both" measures it twice.
        ensemble: the mean of the eight turned and mirrored pictures.
        tile: side of the tiles in pixels of the input; None: as the verb chooses.
        precision: what the network computes in.
        device: where.

    Raises:
        InputError: The weights are for another task.
        UnknownName: There are no weights of that name.
        WeightsError: They cannot be read.
    """
    card = identify(model).card
    if card.task != TASK:
        raise InputError(
            f"{os.fspath(model)} is a {card.architecture} for {card.task} and restores nothing; give weights "
            f"for {TASK}, or measure it with: retouch evaluate {os.fspath(model)}"
        )
    from retouch.tasks.restore.edit import Restorer

    restorer = Restorer.load(os.fspath(model), device=device, precision=precision)

    def method(name: str, *, tell: bool) -> Method:
        def restore(pair: Pair) -> Tensor:
            made: Tensor = restorer.planes(
                _rgb(pair.spoiled), noise=pair.sigma if tell else None, tile=tile, ensemble=ensemble
            )
            return made.float().cpu()

        applied = [
            precision,
            *(["ensemble of 8"] if ensemble else []),
            *([f"tiles of {tile}"] if tile else []),
        ]
        if can_be_told:
            applied.append("told the true noise level" if tell else "not told the noise level")
        sigma = card.settings.get("sigma")
        remark = f"{name} was trained for noise of σ {sigma} alone" if sigma is not None else ""
        return Method(name, card.scale, restore, ", ".join(applied), remark=remark)

    can_be_told = card.architecture == "denoiser"
    if not can_be_told:
        return [method(card.name, tell=False)]
    return [
        *([method(card.name, tell=False)] if told != "told" else []),
        *([method(f"{card.name} (told)", tell=True)] if told != "blind" else []),
    ]


def opened(
    models: Sequence[str | os.PathLike[str] | Method],
    *,
    told: Told,
    ensemble: bool,
    tile: int | None,
    precision: Precision,
    device: str,
) -> list[Method]:
    """Open everything that is to be compared; the names of networks are made distinct.

    Args:
        models: weights, or things that restore.
        told: as for :func:`networks`.
        ensemble: as for :func:`networks`.
        tile: as for :func:`networks`.
        precision: as for :func:`networks`.
        device: as for :func:`networks`.

    Raises:
        InputError: weights are for another task, or two methods have one name.
        UnknownName: there are no weights of that name.
        WeightsError: weights cannot be read.
    """
    found: list[Method] = []
    taken = {*ENLARGERS, INPUT}
    for model in models:
        if isinstance(model, Method):
            made = [model]
        else:
            made = networks(
                model, told=told, ensemble=ensemble, tile=tile, precision=precision, device=device
            )
            made = [
                one if one.name not in taken else replace(one, name=f"{one.name} ({os.fspath(model)})")
                for one in made
            ]
        for one in made:
            if one.name in taken:
                raise InputError(f"{one.name} is there twice; give everything that is compared its own name")
            taken.add(one.name)
        found += made
    return found


def _rgb(picture: Tensor) -> Tensor:
    """(1, 3, H, W): a gray picture thrice."""
    return picture[None].expand(1, 3, -1, -1).contiguous()
