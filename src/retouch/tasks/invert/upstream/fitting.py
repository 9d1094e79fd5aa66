"""What the families of files have in common: the networks, the cards, and the check that all tensors fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor

from retouch.errors import InputError, UnknownWeights
from retouch.tasks.invert.network import DCGAN, DCGANJudge, StyleGAN2, StyleGAN2Encoder, StyleGAN2Judge
from retouch.tasks.invert.network.resampling import TAPS
from retouch.weights import JSON, Architecture, Card

TASK = "invert"

Tensors = Mapping[str, Tensor]
Options = Mapping[str, str]
Sizes = dict[str, JSON]

STYLEGAN2 = Architecture("stylegan2", TASK, StyleGAN2)
STYLEGAN2_JUDGE = Architecture("stylegan2-judge", TASK, StyleGAN2Judge)
DCGAN_MAKER = Architecture("dcgan", TASK, DCGAN)
DCGAN_JUDGE = Architecture("dcgan-judge", TASK, DCGANJudge)
STYLEGAN2_ENCODER = Architecture("stylegan2-encoder", TASK, StyleGAN2Encoder)

ARCHITECTURES: tuple[Architecture, ...] = (
    STYLEGAN2,
    DCGAN_MAKER,
    STYLEGAN2_JUDGE,
    DCGAN_JUDGE,
    STYLEGAN2_ENCODER,
)
"""The networks of this task, under the names that cards use."""

PAPERS = {
    STYLEGAN2.name: "arXiv:1912.04958",
    STYLEGAN2_JUDGE.name: "arXiv:1912.04958",
    DCGAN_MAKER.name: "arXiv:1511.06434",
    DCGAN_JUDGE.name: "arXiv:1511.06434",
}

DRAWS = 4096
"""Styles whose mean is the average style of a file that has none, as rosinality's own programs do."""


def card_of(architecture: Architecture, sizes: Sizes, options: Options) -> Card:
    """Make the card of a recognised file.

    Args:
        architecture: of its network.
        sizes: of its network.
        options: what lies beside its tensors.

    Returns:
        The card, named after the file.
    """
    file = options.get("file_name", "")
    file = file if len(file) <= 99 and file.isprintable() else ""
    return Card(
        name=file.rpartition(".")[0] or architecture.name,
        task=TASK,
        architecture=architecture.name,
        sizes=sizes,
        paper=PAPERS[architecture.name],
    )


def prefix_of(tensors: Tensors, key: str) -> str | None:
    """Find what stands before the names of a network.

    Args:
        tensors: of the file.
        key: of a tensor that the network has.

    Returns:
        ``"G_ema."`` or the like; of several, smoothed (EMA) weights come first; None when no name ends so.
    """
    found = [name.removesuffix(key) for name in tensors if name == key or name.endswith(f".{key}")]
    smoothed = [prefix for prefix in found if re.search(r"(^|[._])ema\.", prefix, re.IGNORECASE)]
    return next(iter([*smoothed, *found]), None)


def under(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    """Take the tensors whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def shape_of(tensors: Tensors, name: str, family: str, dimensions: int = 2) -> tuple[int, ...]:
    """Give the shape of a tensor that must be there.

    Args:
        tensors: of the file.
        name: the tensor's.
        family: of the file, for the message.
        dimensions: how many sides the shape must have.

    Raises:
        UnknownWeights: It is not there, or has another number of sides.
    """
    tensor = tensors.get(name)
    if tensor is None or tensor.dim() != dimensions:
        found = "is not there" if tensor is None else f"has the shape {tuple(tensor.shape)}"
        raise UnknownWeights(
            f"the file looks like {family}, but {name:.100} {found}; it is incomplete or from a changed copy "
            "of that project; use the original file"
        )
    return tuple(tensor.shape)


def fitted(
    architecture: Architecture, card: Card, ours: Tensors, family: str, theirs: Mapping[str, str]
) -> dict[str, Tensor]:
    """Check that tensors are just those of a network.

    Args:
        architecture: of the network.
        card: with its sizes.
        ours: tensors under our names; those that the network does not have stand under their own.
        family: of the file, for the message.
        theirs: our names → those in the file, where they differ.

    Returns:
        The tensors, in the network's order.

    Raises:
        UnknownWeights: The network cannot be built, or a tensor is missing, left over or of another shape.
    """
    try:
        with torch.device("meta"):
            wanted = architecture.build(**card.sizes).state_dict()
    except (InputError, RuntimeError, TypeError) as error:
        raise UnknownWeights(
            f"{card.name:.200} looks like {family}, but no such network can be built ({error!s:.200}); use "
            "the original file"
        ) from None
    complaints = {
        "lacks": [theirs.get(name, name) for name in wanted if name not in ours],
        "also holds": [theirs.get(name, name) for name in ours if name not in wanted],
        "has other shapes at": [
            f"{theirs.get(name, name)} {tuple(ours[name].shape)} instead of {tuple(wanted[name].shape)}"
            for name in wanted
            if name in ours and ours[name].shape != wanted[name].shape
        ],
    }
    said = [f"{verb} {_first_five(listed)}" for verb, listed in complaints.items() if listed]
    if said:
        raise UnknownWeights(
            f"{card.name:.200} looks like {family}, but it {'; it '.join(said)}. It is incomplete or from a "
            "changed copy of that project; use the original file"
        )
    return {name: ours[name] for name in wanted}


def check_filter(name: str, kernel: Tensor, gain: float = 1.0) -> None:
    """Refuse another low-pass filter than the network's.

    Args:
        name: of the tensor.
        kernel: the filter, as the file has it.
        gain: its sum.

    Raises:
        UnknownWeights: It is another.
    """
    wanted = low_pass(gain)
    if kernel.shape != wanted.shape or not torch.allclose(kernel.float(), wanted, atol=1e-4 * gain):
        raise UnknownWeights(
            f"{name:.100} is a filter of {tuple(kernel.shape)} that is not [1, 3, 3, 1]; retouch computes "
            "StyleGAN2 with that filter alone, so this network would not make its pictures"
        )


def low_pass(gain: float = 1.0) -> Tensor:
    """Give the low-pass filter [1, 3, 3, 1] over both axes: (4, 4) with a sum."""
    taps = torch.tensor(TAPS)
    return torch.outer(taps, taps) * (gain / sum(TAPS) ** 2)


def average_style(tensors: Tensors, card: Card) -> Tensor:
    """Compute the average style of a network whose file has none.

    Args:
        tensors: under our names, all but the average.
        card: with the network's sizes.

    Returns:
        (style): the mean over :data:`DRAWS` draws, always the same ones.
    """
    sizes = {**card.sizes, "side": 8, "channels": "1,1"}
    with torch.random.fork_rng(devices=[]):
        mapping = cast("StyleGAN2", STYLEGAN2.build(**sizes)).mapping
    held = {
        name.removeprefix("mapping."): tensor.float()
        for name, tensor in tensors.items()
        if name.startswith("mapping.")
    }
    try:
        mapping.load_state_dict({**held, "w_avg": mapping.w_avg})
    except RuntimeError as error:
        raise UnknownWeights(
            f"{card.name:.200} has a mapping that does not fit its synthesis ({error!s:.200}); use the "
            "original file"
        ) from None
    draw = torch.Generator().manual_seed(0)
    z = torch.randn((DRAWS, mapping.latent), generator=draw)
    label = None
    if mapping.classes:
        chosen = torch.randint(mapping.classes, (DRAWS,), generator=draw)
        label = torch.nn.functional.one_hot(chosen, mapping.classes).float()
    with torch.no_grad():
        return mapping.style(z, label).mean(dim=0)


def _first_five(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(f"{name:.100}" for name in listed[:5]) + more
