"""Which feature network is used: the best that is on this machine, or the one that was asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from retouch.errors import InputError, UnknownName, UnknownWeights, WeightsError
from retouch.features.network import Features
from retouch.features.untrained import WIDTH, untrained
from retouch.features.upstream import ARCHITECTURES, TASK
from retouch.features.upstream.preparing import Preparation, entry_of
from retouch.features.vgg import WIDTHS, Border, Pooling
from retouch.weights.bundled import bundled
from retouch.weights.card import JSON, Card
from retouch.weights.fetch import home
from retouch.weights.load import Identified, build, identify
from retouch.weights.registry import PUBLISHED

BUNDLED = "features"
"""What the network that travels with retouch is called."""

CHOICES = ("auto", "bundled", "random")
"""What can be asked for beside the names and paths of weights."""

FULL = (
    "vgg19.pth",
    "perceptual-vgg.pth",
    "vgg19-dcbb9e9d.pth",
    "vgg19-caffe.pth",
    "vgg19-d01eb7cb.pth",
    "vgg19-gatys.pth",
    "vgg_conv.pth",
    "vgg19-normalised.pth",
    "vgg_normalised.pth",
    "vgg19*.safetensors",
    "vgg_*.safetensors",
)
"""Under which names a full VGG-19 is looked for among the fetched weights; the first is taken."""

BETTER = "retouch weights fetch vgg19"
"""The line that brings the best network onto this machine."""


@dataclass(frozen=True, slots=True)
class Found:
    """A feature network that is ready to use.

    Args:
        network: frozen, float32, in eval mode.
        card: what is known about it.
        description: for a person: which it is, what pictures can be expected, and how to get better ones.
    """

    network: Features
    card: Card
    description: str


def find(
    name: str | os.PathLike[str] = "auto",
    *,
    pooling: Pooling | None = None,
    border: Border | None = None,
    preparation: Preparation | None = None,
    seed: int = 0,
    width: float = WIDTH,
) -> Found:
    """Give the feature network that was asked for, or the best that is on this machine.

    Args:
        name: "auto": a full VGG-19 if one was fetched, else the bundled network; "bundled"; "random": an
            untrained VGG-19, which needs no weights; or the name or path of weights.
        pooling: how the size is halved between stages; as the network was trained when None, and for
            "random" by the average.
        border: what convolutions see beyond the picture's rim; as it was trained when None.
        preparation: how the picture is prepared, for a file of which it cannot be told: "imagenet" for
            weights of torchvision, "caffe" for those from Caffe.
        seed: of the random network's numbers.
        width: the part of VGG-19's channels that the random network has.

    Returns:
        The network, its card, and a description.

    Raises:
        UnknownName: there are no weights, pooling or border of that name.
        UnknownWeights: the file holds another kind of network.
        UnreadableWeights: it is missing or damaged.
        WeightsError: the weights are not on this machine.
        InputError: the width is out of range, or the file says itself how the picture is prepared.
    """
    if not isinstance(name, str | os.PathLike):
        raise InputError(f"features={name!r:.60}; name weights, or give their path: {', '.join(CHOICES)}")
    place: str | os.PathLike[str] | None = _best() if name == "auto" else name
    if place is None or name == "random":
        made, card = untrained(seed, width=width, pooling=pooling or "average", border=border or "reflect")
        return Found(made, card, _random(card))
    found = _named(_bundled() if name == "bundled" else place)
    changes: dict[str, JSON] = {"pooling": pooling, "border": border}
    found = _changed(found, {key: value for key, value in changes.items() if value is not None}, preparation)
    network = cast("Features", build(found, ARCHITECTURES).requires_grad_(False))
    return Found(network, found.card, _described(found))


def _best() -> Path | None:
    """A full VGG-19 that was fetched, else the bundled network, else none."""
    folder = home()
    for pattern in FULL:
        for file in sorted(folder.glob(pattern)):
            return file
    return bundled().get(BUNDLED)


def _bundled() -> Path:
    place = bundled().get(BUNDLED)
    if place is None:
        raise WeightsError(
            "this copy of retouch came without its feature network; install retouch again, choose 'random', "
            f"which needs no weights, or run `{BETTER}` and choose 'vgg19'"
        )
    return place


def _named(name: str | os.PathLike[str]) -> Identified:
    try:
        found = identify(name)
    except UnknownName:
        known = [item.name for item in PUBLISHED if item.task == TASK]
        raise UnknownName("feature network", name, [*CHOICES, *known]) from None
    known = [architecture.name for architecture in ARCHITECTURES]
    if found.card.task != TASK or found.card.architecture not in known:
        raise UnknownWeights(
            f"{found.path!s:.200} holds a network of another kind ({found.card.task}: "
            f"{found.card.architecture}), and one whose features can be looked at is wanted; give the "
            f"weights of a VGG, or choose {', '.join(CHOICES)}"
        )
    return found


def _changed(found: Identified, changes: dict[str, JSON], preparation: Preparation | None) -> Identified:
    """What was asked for instead of how the network was trained."""
    card, tensors = replace(found.card, sizes=found.card.sizes | changes), found.tensors
    if preparation is not None:
        if preparation not in ("imagenet", "caffe"):
            raise UnknownName("preparation", preparation, ("imagenet", "caffe"))
        if "preparation" not in card.settings:
            raise InputError(
                f"preparation={preparation!r} was asked for, and {found.path.name:.200} holds how the "
                "picture is prepared; leave preparation out"
            )
        card = replace(card, settings=card.settings | {"preparation": preparation})
        tensors = {**tensors, **entry_of(preparation)}
    return replace(found, card=card, tensors=tensors)


def _described(found: Identified) -> str:
    convolutions = cast("list[int]", found.card.sizes.get("convolutions", [0]))
    widths = cast("list[int]", found.card.sizes.get("widths", list(WIDTHS)))
    depth = {4: "VGG-19", 3: "VGG-16"}.get(convolutions[2] if len(convolutions) > 2 else 0, "VGG")
    file = f"{found.path.name:.100}"
    if widths == list(WIDTHS[: len(widths)]):
        return f"{depth} ({file}): the best pictures, in about ten times the bundled network's time"
    if found.path == bundled().get(BUNDLED):
        return (
            f"the bundled feature network (a narrow {depth}): pictures near those of the full VGG-19, in a "
            f"tenth of the time; for the best run `{BETTER}`"
        )
    return f"a narrow {depth} ({file}): pictures near those of the full network; for the best run `{BETTER}`"


def _random(card: Card) -> str:
    widths = cast("list[int]", card.sizes["widths"])
    return (
        f"an untrained VGG-19 of {widths[0]} to {widths[-1]} channels (seed {card.seed}): fair textures from "
        "its first three stages; a style gives its colours and its grain, not its motifs; for better "
        f"pictures choose 'bundled', or run `{BETTER}`"
    )
