"""A toy network, our architecture for it, and a foreign family that names its tensors otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from retouch.errors import UnknownWeights
from retouch.weights import Architecture, Card, Layout


class Toy(nn.Module):
    """A convolution, a batch norm, a convolution; and a buffer that no file holds."""

    def __init__(self, width: int, *, blocks: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*(nn.Conv2d(width, width, 1) for _ in range(blocks)))
        self.last = nn.Conv2d(width, 3, 3)
        self.register_buffer("kernel", torch.full((1, 1, 2, 2), 0.25), persistent=False)


TOY = Architecture("toy", "translate", Toy)
CARD = Card(name="a-toy", task="translate", architecture="toy", sizes={"width": 4})


def toy(seed: int = 1, width: int = 4) -> Toy:
    """A toy with numbers of its own, without touching the global random numbers."""
    generator = torch.Generator().manual_seed(seed)
    network = Toy(width)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    network.norm.get_buffer("num_batches_tracked").fill_(7)
    return network


def same(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    """Names, types and bits are equal."""
    return list(found) == list(wanted) and all(
        found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)
        for name, tensor in wanted.items()
    )


def foreign(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Toy tensors as the foreign family names them."""
    return {f"net_{name}": tensor for name, tensor in tensors.items()}


def _recognise(tensors: Mapping[str, Tensor], options: Mapping[str, str]) -> Card | None:
    if "net_first.weight" not in tensors:
        return None
    width = tensors["net_first.weight"].shape[0]
    return Card(
        name=options.get("name", "foreign"),
        task="translate",
        architecture="toy",
        sizes={"width": width},
        settings={"dropout": options.get("no_dropout") != "True"},
    )


def _rename(tensors: Mapping[str, Tensor], card: Card) -> dict[str, Tensor]:
    return {name.removeprefix("net_"): tensor for name, tensor in tensors.items()}


def _write(tensors: Mapping[str, Tensor], card: Card) -> dict[str, Tensor]:
    if card.architecture != "toy":
        raise UnknownWeights(f"no {card.architecture} here")
    return foreign(tensors)


FOREIGN = Layout("the foreign toys", "translate", _recognise, _rename, _write, "junyanz")
