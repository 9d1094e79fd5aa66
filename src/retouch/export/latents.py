"""Generators, as graphs: from noise or styles to pictures; and the encoder, from pictures to noise."""

from __future__ import annotations

import copy
from typing import Literal, cast

import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.export.graph import Graph, Port, Sizes
from retouch.tasks.invert.network import DCGAN, StyleGAN2
from retouch.tasks.invert.network.encoder import StyleGAN2Encoder
from retouch.weights import Loaded

Latent = Literal["z", "w", "w+"]
"""What a StyleGAN2 is written to take: noise, one style, or a style for each row."""

_EXACT = "it makes pictures of noise, and there are no photos to set its 8 bits by"


class FromNoise(nn.Module):
    """A DCGAN.

    Args:
        network: it.
    """

    def __init__(self, network: DCGAN) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor) -> Tensor:
        """Make ``(B, 3, R, R)`` in [0, 1] of ``(B, latent)``."""
        return _shown(self.network(z))


class FromStyles(nn.Module):
    """The synthesis of a StyleGAN2.

    Args:
        network: it.
    """

    def __init__(self, network: StyleGAN2) -> None:
        super().__init__()
        self.network = network

    def forward(self, w: Tensor, *noise: Tensor) -> Tensor:
        """Make pictures.

        Args:
            w: ``(B, style)`` or ``(B, rows, style)``.
            noise: ``(S, S)`` for each convolution.

        Returns:
            ``(B, 3, R, R)`` in [0, 1].
        """
        return _shown(self.network.synthesis(w, noise))


class FromMapping(FromStyles):
    """All of a StyleGAN2."""

    def forward(self, z: Tensor, truncation: Tensor, *noise: Tensor) -> Tensor:  # type: ignore[override]
        """Make pictures of ``(B, latent)``."""
        return super().forward(self.near(z, None, truncation), *noise)

    def near(self, z: Tensor, label: Tensor | None, truncation: Tensor) -> Tensor:
        """Give styles, drawn towards their average."""
        mapping = self.network.mapping
        average = mapping.w_avg
        return average + (mapping.style(z, label) - average) * truncation


class FromLabels(FromMapping):
    """All of a StyleGAN2 that was trained with labels."""

    def forward(  # type: ignore[override]
        self, z: Tensor, label: Tensor, truncation: Tensor, *noise: Tensor
    ) -> Tensor:
        """Make pictures of ``(B, latent)`` and ``(B, classes)``."""
        return FromStyles.forward(self, self.near(z, label, truncation), *noise)


class Guessed(nn.Module):
    """An encoder.

    Args:
        network: it.
    """

    def __init__(self, network: StyleGAN2Encoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Guess z of ``(B, 3, R, R)`` in [0, 1]."""
        mean, spread = self.network(2.0 * picture.clamp(0.0, 1.0) - 1.0)
        return mean, spread


def dcgan(loaded: Loaded) -> Graph:
    """Make the graph of a DCGAN.

    Args:
        loaded: the weights.

    Raises:
        InputError: its pictures have a number of channels that no photo has.
    """
    network = cast("DCGAN", _checked(loaded))
    z = Port("z", ("batch", network.latent), "normal noise", content="noise")
    return Graph(FromNoise(network).eval(), (z,), _made(network), _batches(), exact=_EXACT)


def stylegan2(loaded: Loaded, latent: Latent = "z") -> Graph:
    """Make the graph of a StyleGAN2.

    Args:
        loaded: the weights.
        latent: what it shall take.

    Raises:
        InputError: its pictures have a number of channels that no photo has.
    """
    network = cast("StyleGAN2", _checked(loaded))
    maps = tuple(
        Port(
            f"noise{number}",
            (conv.side, conv.side),
            "normal noise for a convolution; the map of the weights file when left out",
            content="noise",
            default=conv.noise_const.detach().clone(),
        )
        for number, conv in enumerate(network.synthesis.convolutions())
    )
    module: nn.Module = FromStyles(network)
    inputs: tuple[Port, ...]
    if latent == "z":
        classes = network.mapping.classes
        module = FromLabels(network) if classes else FromMapping(network)
        label = Port("label", ("batch", classes), "1 at the class, 0 elsewhere", content="label")
        inputs = (
            Port("z", ("batch", network.latent), "normal noise", content="noise"),
            *((label,) if classes else ()),
            Port(
                "truncation",
                (),
                "how far styles are from their average: 1 as they are, 0 all average",
                content="number",
                default=torch.ones(()),
            ),
        )
    elif latent == "w":
        inputs = (Port("w", ("batch", network.style), "a style, as the mapping makes it", content="noise"),)
    else:
        rows = network.synthesis.rows
        inputs = (Port("w", ("batch", rows, network.style), "a style for each row", content="noise"),)
    return Graph(module.eval(), (*inputs, *maps), _made(network), _batches(), exact=_EXACT)


def encoder(loaded: Loaded) -> Graph:
    """Make the graph of an encoder.

    Args:
        loaded: the weights.
    """
    network = cast("StyleGAN2Encoder", copy.deepcopy(loaded.network))
    side, latent = loaded.card.sizes["side"], loaded.card.sizes["latent"]
    colours = loaded.card.sizes.get("colours", 3)
    if colours != 3 or not isinstance(side, int) or not isinstance(latent, int):
        raise InputError(
            f"{loaded.card.name} looks at pictures of {colours} channels, and photos have 3; call "
            "retouch.weights.load(...).network for anything else"
        )
    picture = Port("picture", ("batch", 3, side, side), "sRGB in [0, 1]")
    outputs = (
        Port("z", ("batch", latent), "the likeliest noise"),
        Port("log_variance", ("batch", latent), "the logarithm of its variance"),
    )
    return Graph(
        Guessed(network).eval(), (picture,), outputs, _batches(), exact="it gives numbers, no picture"
    )


def _checked(loaded: Loaded) -> nn.Module:
    from retouch.tasks.invert.edit.model import Model

    network = copy.deepcopy(loaded.network)
    Model(Loaded(loaded.card, network, loaded.path))  # refuses what the verbs refuse
    return network


def _shown(made: Tensor) -> Tensor:
    seen = (made[:, :3] * 0.5 + 0.5).clamp(0.0, 1.0)
    return seen.expand(-1, 3, -1, -1)


def _made(network: DCGAN | StyleGAN2) -> tuple[Port, ...]:
    return (Port("made", ("batch", 3, network.side, network.side), "sRGB in [0, 1]"),)


def _batches() -> tuple[Sizes, ...]:
    return tuple({"batch": count} for count in (2, 1, 5))
