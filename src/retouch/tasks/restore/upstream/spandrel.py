"""Networks that the library spandrel knows and retouch does not: some forty kinds, from SwinIR to HAT.

They are built by spandrel out of tensors that our own reader took from the file: its own way of opening files
is never used. A constructor that would make far more than the file holds is stopped.

Source: https://github.com/chaiNNer-org/spandrel, version 0.4.2, MIT.
Departs:
    Networks for faces and for holes are refused: they want a picture cut out and turned upright, or a mask.
    DRUNet, which wants to be told the level of the noise, is told 15 of 255, as spandrel does.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from retouch.errors import MissingDependency, UnknownWeights
from retouch.tasks.restore.upstream.fitting import TASK, Options, Tensors
from retouch.weights.architecture import Layout
from retouch.weights.card import JSON, Card
from retouch.weights.limited import Limited

NAME = "spandrel"
"""What the cards of such networks call the architecture."""

_STEPS, _STEPS_PER_TENSOR = 10_000, 1_000
_SPARE_ELEMENTS = 1 << 26
_REFUSED = {
    "FaceSR": "restores faces that are cut out and upright",
    "Inpainting": "fills holes, and wants a mask",
}
_LEVEL = re.compile(r"noise[-_]?(\d{1,2})(?!\d)", re.ASCII)
_DRUNET_LEVEL = 15


class Borrowed(nn.Module):
    """A network that spandrel computes.

    Args:
        descriptor: spandrel's: the network, and how it wants to be called.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network: nn.Module = descriptor.model
        self._call = descriptor

    def forward(self, x: Tensor) -> Tensor:
        """Restore or enlarge.

        Args:
            x: (B, channels, H, W) in [0, 1], of any size.

        Returns:
            (B, channels, scale · H, scale · W) in [0, 1]; no gradient flows through it.
        """
        # It takes one picture at a time; its results are inference tensors, and joining makes them plain.
        return torch.cat([self._call(picture) for picture in torch.split(x, 1)])


def described(tensors: Tensors, options: Options) -> tuple[Card, Borrowed] | None:
    """Let spandrel build the network that a file is for.

    Args:
        tensors: of the file, as our reader gives them.
        options: what lies beside them; the file's name is looked at.

    Returns:
        The network, filled, and its card; None when spandrel does not know it either.

    Raises:
        MissingDependency: spandrel is not installed.
        UnknownWeights: it looks like one of its networks and cannot be built, or is for another task.
    """
    library = _library()
    file = options.get("file_name", "")
    file = file if len(file) <= 99 and file.isprintable() else ""
    what = file or "the file"
    descriptor = _built(library, tensors, what)
    if descriptor is None:
        return None
    kind = str(descriptor.architecture.name)
    if descriptor.purpose in _REFUSED:
        raise UnknownWeights(
            f"{what} is a {kind}, which {_REFUSED[descriptor.purpose]}; retouch restores and enlarges whole "
            "photos: use a network for that"
        )
    channels = descriptor.input_channels
    if channels != descriptor.output_channels or channels not in (1, 3):
        raise UnknownWeights(
            f"{what} is a {kind} that takes {channels} channels and gives {descriptor.output_channels}; use "
            "one that takes and gives colour pictures or gray ones"
        )
    card = Card(
        name=file.rpartition(".")[0] or kind,
        task=TASK,
        architecture=NAME,
        sizes={"channels": channels},
        value_range=(0.0, 1.0),
        multiple=descriptor.size_requirements.multiple_of,
        scale=descriptor.scale,
        settings=_settings(descriptor, kind, file),
    )
    return card, Borrowed(descriptor)


def _library() -> Any:
    try:
        return importlib.import_module("spandrel")
    except ImportError as error:
        raise MissingDependency(
            f"spandrel, which knows some forty further networks, cannot be imported ({error!s:.100}); "
            "install it: pip install 'retouch[spandrel]'"
        ) from None


def _built(library: Any, tensors: Tensors, what: str) -> Any:
    elements = sum(tensor.numel() for tensor in tensors.values())
    limits = Limited(_STEPS + _STEPS_PER_TENSOR * len(tensors), _SPARE_ELEMENTS + 4 * elements)
    kind = "network"
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), limits:
            warnings.simplefilter("ignore")  # of what torch will one day ask of its networks
            state = library.canonicalize_state_dict(dict(tensors))
            for known in library.MAIN_REGISTRY.architectures("detection"):
                if known.detect(state):
                    kind = known.architecture.name
                    descriptor = known.architecture.load(state)
                    descriptor.model.float().eval().requires_grad_(False)
                    return descriptor
    except Exception as error:  # whatever its forty constructors raise at tensors that do not fit
        raise UnknownWeights(
            f"spandrel takes {what} for a {kind:.60}, but cannot build it ({type(error).__name__}: "
            f"{error!s:.200}); check that it is the generator's file"
        ) from None
    return None


def _settings(descriptor: Any, kind: str, file: str) -> dict[str, JSON]:
    found: dict[str, JSON] = {
        "network": kind,
        "tiles": str(descriptor.tiling.name).lower(),
        "least": int(descriptor.size_requirements.minimum),
        "bfloat16": bool(descriptor.supports_bfloat16),
    }
    level = _LEVEL.search(file)
    if descriptor.purpose == "Restoration" and level and int(level[1]):
        found["sigma"] = int(level[1])
    elif kind == "DRUNet":
        found["sigma"] = _DRUNET_LEVEL
    return found


def _recognise(tensors: Tensors, options: Options) -> Card | None:
    made = described(tensors, options)
    return made[0] if made else None


def _rename(tensors: Mapping[str, Tensor], card: Card) -> dict[str, Tensor]:
    del card
    return dict(tensors)


LAYOUT = Layout(NAME, TASK, _recognise, _rename, load=described)
"""What the reader of weights asks when no other layout knows a file."""
