"""Training on from weights that there are."""

from __future__ import annotations

import inspect

from torch import nn

from retouch.errors import InputError
from retouch.weights import Card, load


def begin(network: nn.Module, start: str, card: Card, *, options: str) -> None:
    """Give a network the weights of a file.

    Args:
        network: to be trained.
        start: the name or the path of weights.
        card: the network's own.
        options: which options of the recipe decide its architecture and sizes.

    Raises:
        WeightsError: the file cannot be read.
        InputError: it is of another architecture, or of other sizes.
    """
    loaded = load(start)
    usual = {name: item.default for name, item in inspect.signature(type(network)).parameters.items()}
    if loaded.card.architecture != card.architecture or usual | loaded.card.sizes != usual | card.sizes:
        theirs, ours = (
            ", ".join([each.architecture, *(f"{name}={value}" for name, value in each.sizes.items())])
            for each in (loaded.card, card)
        )
        raise InputError(
            f"start={start} is {theirs}, and the run trains {ours}; give the options {options} of the file"
        )
    network.load_state_dict(loaded.network.state_dict())
