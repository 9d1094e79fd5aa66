"""From a weights file to a network, with no flag typed: by its card, or by its keys and shapes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from retouch.errors import MissingDependency, RetouchError, UnknownWeights, UnreadableWeights
from retouch.weights.architecture import Architecture, Layout
from retouch.weights.card import Card
from retouch.weights.find import find
from retouch.weights.limited import Limited
from retouch.weights.read import Contents, read
from retouch.weights.sidecar import options_beside

_STEPS_PER_TENSOR = 200


@dataclass(frozen=True)
class Loaded:
    """A network that is ready to use.

    Args:
        card: what is known about it.
        network: float32, in eval mode, in its own value range (``card.value_range``).
        path: the file it came from.
    """

    card: Card
    network: nn.Module
    path: Path


@dataclass(frozen=True)
class Identified:
    """A weights file of which is known what network it is for.

    Args:
        card: what is known about it.
        tensors: under our names, in the file's own types.
        layout: the family of foreign files it belongs to, or None when it is ours.
        contents: all that the file holds.
        path: the file.
        network: the network itself, filled, when another library computes it; else None.
    """

    card: Card
    tensors: Mapping[str, Tensor]
    layout: Layout | None
    contents: Contents
    path: Path
    network: nn.Module | None = None


def load(
    path_or_name: str | os.PathLike[str],
    device: str | torch.device = "cpu",
    *,
    architectures: Sequence[Architecture] | None = None,
    layouts: Sequence[Layout] | None = None,
    part: str | None = None,
) -> Loaded:
    """Load weights of ours, or of a project whose files retouch knows.

    Args:
        path_or_name: a file, or the name of bundled or fetched weights.
        device: where the network shall be.
        architectures: the networks that can be built; those of the catalog when None.
        layouts: the foreign files that are recognised, in this order; those of the catalog when None.
        part: which network, when a checkpoint holds several: ``"G_A"``.

    Returns:
        The network and its card.

    Raises:
        UnknownName: There is no file and no weights of that name.
        UnreadableWeights: The file is damaged, hostile, or its tensors do not fit its card.
        UnknownWeights: Its tensors fit no network that retouch knows.
        WeightsError: The name is of published weights that were not fetched yet.
    """
    if architectures is None:
        from retouch import catalog

        architectures = catalog.architectures()
    found = identify(path_or_name, layouts=layouts, part=part)
    network = build(found, architectures, device)
    return Loaded(found.card, network, found.path)


def identify(
    path_or_name: str | os.PathLike[str],
    *,
    layouts: Sequence[Layout] | None = None,
    part: str | None = None,
) -> Identified:
    """Read a weights file and find out what network it is for.

    Args:
        path_or_name: a file, or the name of bundled or fetched weights.
        layouts: the foreign files that are recognised, in this order; those of the catalog when None.
        part: which network, when a checkpoint holds several.

    Returns:
        Its card and tensors under our names.

    Raises:
        UnknownName: There is no file and no weights of that name.
        UnreadableWeights: The file is damaged or hostile.
        UnknownWeights: It has no card and no layout recognises it; the message names the first
            five of its tensors.
    """
    path = find(path_or_name)
    contents = read(path, part=part)
    if contents.card is not None:
        return Identified(contents.card, contents.tensors, None, contents, path)
    if layouts is None:
        from retouch import catalog

        layouts = catalog.layouts()
    options = {**contents.options, **options_beside(path), "file_name": path.name}
    lacking: list[str] = []
    for layout in sorted(layouts, key=lambda layout: layout.load is not None):
        if layout.load is not None:
            try:
                made = layout.load(contents.tensors, options)
            except MissingDependency as error:
                lacking.append(str(error))
                continue
            if made is not None:
                return Identified(made[0], contents.tensors, layout, contents, path, made[1])
        elif (card := layout.recognise(contents.tensors, options)) is not None:
            tensors = layout.rename(contents.tensors, card)
            return Identified(card, tensors, layout, contents, path)
    raise UnknownWeights(
        f"{path!s:.200} holds {len(contents.tensors)} tensors, {_first(contents.tensors)}, and they fit no "
        f"network that retouch knows ({', '.join(layout.name for layout in layouts) or 'none'}); "
        "check that it is the generator's file, and see `retouch weights show` for all of them"
        + "".join(f"; {hint}" for hint in lacking)
    )


def build(
    found: Identified, architectures: Sequence[Architecture], device: str | torch.device = "cpu"
) -> nn.Module:
    """Build the network of identified weights and fill it.

    Args:
        found: the weights.
        architectures: the networks that can be built.
        device: where the network shall be.

    Returns:
        The network, float32, in eval mode.

    Raises:
        UnreadableWeights: The card's sizes cannot be built, or a shape differs.
        UnknownWeights: The architecture is unknown, or a tensor is missing or left over; the
            message names the first five.
    """
    if found.network is not None:
        return found.network.to(device).eval()
    card, tensors = found.card, found.tensors
    architecture = next(
        (item for item in architectures if (item.name, item.task) == (card.architecture, card.task)), None
    )
    if architecture is None:
        known = ", ".join(f"{item.task} {item.name}" for item in architectures) or "none"
        raise UnknownWeights(
            f"{found.path!s:.200} is for the {card.task} network {card.architecture!r}, and this version has "
            f"{known}; update retouch (the file was written by version {card.retouch!r:.40})"
        )
    network = _on_meta(architecture, card, len(tensors), found.path)
    _check_fit(network, tensors, found.path)
    wanted = network.state_dict()
    # Copies: the file's tensors lie in a map of it, and may be views of one another.
    state = {
        name: torch.empty(tensor.shape, dtype=wanted[name].dtype, device=device).copy_(tensor)
        for name, tensor in tensors.items()
    }
    if any(tensor.is_meta for tensor in _unsaved(network)):
        # Buffers that no file holds are made by the constructor alone. It draws random weights on
        # the way, which must not be felt by the caller's own random numbers.
        with torch.random.fork_rng(devices=[]):
            network = architecture.build(**card.sizes).to(device)
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval()


def _on_meta(architecture: Architecture, card: Card, tensors: int, path: Path) -> nn.Module:
    """Build without memory for numbers: a card may claim any size."""
    try:
        with torch.device("meta"), Limited(1000 + _STEPS_PER_TENSOR * tensors):
            return architecture.build(**card.sizes)
    except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, RetouchError) as error:
        raise UnreadableWeights(
            f"{path!s:.200} cannot be used: its card describes a {card.architecture} that cannot be built "
            f"({error!s:.200}); convert the original weights again"
        ) from None


def _check_fit(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in tensors]
    surplus = [name for name in tensors if name not in wanted]
    if missing or surplus:
        parts = [f"lacks {_first(missing)}"] if missing else []
        parts += [f"has {_first(surplus)} left over"] if surplus else []
        raise UnknownWeights(
            f"{path!s:.200} does not fit its network: it {' and '.join(parts)}; convert the original "
            "weights again, or update retouch"
        )
    wrong = [name for name, tensor in tensors.items() if tensor.shape != wanted[name].shape]
    if wrong:
        shown = "; ".join(
            f"{name:.100} is {list(tensors[name].shape)}, wanted {list(wanted[name].shape)}"
            for name in wrong[:5]
        )
        raise UnreadableWeights(
            f"{path!s:.200} does not fit its card: {shown}; convert the original weights again"
        )


def _unsaved(network: nn.Module) -> list[Tensor]:
    saved = set(network.state_dict())
    return [tensor for name, tensor in network.named_buffers() if name not in saved]


def _first(names: Sequence[str] | Mapping[str, object]) -> str:
    listed = [f"{name:.100}" for name in list(names)[:5]]
    return ", ".join(listed) + (f" (and {len(names) - 5} more)" if len(names) > 5 else "")
