"""Begin with weights that there are: of the same networks, or of those of a smaller picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.weights import Loaded, load

FAINT = 0.1
"""The share of its usual size at which a new block adds to the picture, so that it begins as it was."""


def opened(start: str, architecture: str) -> Loaded:
    """Open weights to begin with.

    Args:
        start: their name or path.
        architecture: the one that is wanted.

    Returns:
        The network and its card.

    Raises:
        WeightsError: they cannot be read.
        InputError: they are of another architecture.
    """
    # A checkpoint of NVIDIA's holds both.
    whole = Path(start).suffix.lower() in (".pkl", ".pt", ".pth")
    loaded = load(start, part="D" if whole and architecture == "stylegan2-judge" else None)
    if loaded.card.architecture != architecture:
        raise InputError(
            f"{start} holds weights of {loaded.card.architecture!r}, where {architecture!r} is wanted; "
            "give a file of a StyleGAN2 to start, and of its discriminator to start_judge"
        )
    return loaded


@torch.no_grad()
def begin(network: nn.Module, loaded: Loaded, start: str) -> None:
    """Give a network the weights of a file, its larger blocks excepted when the file has fewer.

    Args:
        network: a StyleGAN2 or its discriminator, with fresh weights.
        loaded: what the file holds.
        start: its name, for messages.

    Raises:
        InputError: the file's maps have other channels, or its network is larger.
    """
    theirs: Mapping[str, Tensor] = loaded.network.state_dict()
    ours = network.state_dict()
    sides = [
        max(int(found) for key in state for found in re.findall(r"\bb(\d+)\.", key))
        for state in (theirs, ours)
    ]
    old, new = sides
    taken = {
        # A larger discriminator has other eyes: the small picture is no longer shown to it.
        key: value
        for key, value in theirs.items()
        if old == new or not key.startswith(f"b{old}.fromrgb.")
    }
    wrong = [key for key, value in taken.items() if key not in ours or ours[key].shape != value.shape]
    fresh = [key for key in ours.keys() - taken.keys() if not _of_larger(key, old)]
    if old > new or wrong or fresh:
        first = (wrong or sorted(fresh) or ["…"])[0]
        raise InputError(
            f"start={start} makes pictures of {old} pixels and the run {new}, and they differ in {first}; "
            "give the same channels for all sizes of maps that the file has, and its latent, style and layers"
        )
    for key in ours.keys() - taken.keys():
        if key.endswith("torgb.weight"):
            ours[key].mul_(FAINT)
    for key, value in taken.items():
        ours[key].copy_(value)


def _of_larger(key: str, old: int) -> bool:
    found = re.search(r"\bb(\d+)\.", key)
    return found is not None and int(found[1]) > old
