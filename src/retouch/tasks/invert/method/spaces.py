"""Where the code of a picture is looked for: z, w, w+, and the whitened p and p+."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from retouch.errors import InputError, UnknownName
from retouch.tasks.invert.method import whitening as whitenings
from retouch.tasks.invert.method.whitening import Whitening
from retouch.tasks.invert.network import DCGAN, NoiseMode, StyleGAN2

Name = Literal["z", "w", "w+", "p", "p+"]
"""z: the mapping's noise. w: one style. w+: a style for each row. p, p+: the same in whitened coordinates."""

NAMES: tuple[Name, ...] = get_args(Name)

Noise = NoiseMode | Sequence[Tensor]

PACE = 0.5
"""Power of the spread by which a search goes faster along whitened coordinates of little variance. At ½,
photos are about 0.3 dB nearer after 150 evaluations than at 0."""

_TRIED = 1000
"""Draws of z among which the nearest is looked for."""


class Space(ABC):
    """Codes of pictures.

    Attributes:
        name: of the space.
        network: whose codes they are.
        shape: of one code.
        deviation: √ of the mean squared distance of drawn styles from the middle.
        pace: what a step of 1 of a search changes of a code, of any shape that fits one.
    """

    name: Name
    network: StyleGAN2 | DCGAN
    shape: tuple[int, ...]
    deviation: float
    pace: Tensor

    @abstractmethod
    def average(self, count: int = 1) -> Tensor:
        """Give codes in the middle: (count, …), from which the whole space is about equally near."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw codes like those of the training.

        Args:
            count: how many.
            generator: of the CPU, so that every device gets the same.

        Returns:
            (count, …).
        """

    @abstractmethod
    def rows(self, codes: Tensor) -> Tensor:
        """Give what the network takes.

        Args:
            codes: (N, …).

        Returns:
            (N, rows, style); the codes themselves for a DCGAN.
        """

    @abstractmethod
    def code_of(self, rows: Tensor) -> Tensor:
        """Give the nearest codes of what the network takes, the inverse of :meth:`rows` where there is one.

        Args:
            rows: (N, rows, style), or (N, latent) of a DCGAN.

        Returns:
            (N, …).
        """

    @abstractmethod
    def prior(self, codes: Tensor) -> Tensor:
        """Say how unlike the training's codes are.

        Args:
            codes: (N, …).

        Returns:
            (N,), the mean square of the whitened coordinates of all rows, whatever the space: about 1 for
            what the mapping makes, 0 in the middle.
        """

    @abstractmethod
    def apart(self, codes: Tensor) -> Tensor:
        """Say how far the rows of a code are from being the same.

        Args:
            codes: (N, …).

        Returns:
            (N,), the mean square by which whitened coordinates of a row are off the mean of the rows; 0 where
            there is one row.
        """

    @abstractmethod
    def render(self, codes: Tensor, noise: Noise = "const") -> Tensor:
        """Make the pictures of codes.

        Args:
            codes: (N, …).
            noise: as for the network.

        Returns:
            (N, C, R, R), nominally in [-1, 1].
        """


def space(
    network: StyleGAN2 | DCGAN, name: Name, whitening: Whitening | None = None, label: Tensor | None = None
) -> Space:
    """Give a space of a network's codes.

    Args:
        network: whose pictures are made.
        name: of the space; a DCGAN has z alone.
        whitening: of the network's styles; measured when None.
        label: (1, classes), for networks with labels.

    Returns:
        The space.

    Raises:
        UnknownName: there is no such space.
        InputError: a DCGAN has no such space, or the network wants a label.
    """
    if name not in NAMES:
        raise UnknownName("space", name, NAMES)
    if isinstance(network, DCGAN):
        if name != "z":
            raise InputError(
                f"space {name!r} was asked for, and a DCGAN has no styles, only its noise; choose space 'z', "
                "or the model of a StyleGAN2"
            )
        return _Plain(network)
    found = whitenings.whitening(network, label=label) if whitening is None else whitening
    kinds: dict[Name, type[_Styled]] = {"z": _Latent, "w": _Styles, "w+": _Styles, "p": _White, "p+": _White}
    return kinds[name](network, name, found, label)


class _Styled(Space):
    """Codes of a StyleGAN2."""

    network: StyleGAN2

    def __init__(self, network: StyleGAN2, name: Name, found: Whitening, label: Tensor | None) -> None:
        self.network, self.name, self.whitening, self.label = network, name, found, label
        self.count = network.synthesis.rows
        self.shape = (self.count, network.style) if name.endswith("+") else (network.style,)
        self.deviation = found.deviation if name.startswith("w") else math.sqrt(self.shape[-1])
        self.pace = torch.ones_like(found.spread)

    def prior(self, codes: Tensor) -> Tensor:
        return self.whitening.coordinates(self.rows(codes)).square().flatten(1).mean(dim=1)

    def apart(self, codes: Tensor) -> Tensor:
        if len(self.shape) == 1:
            return codes.new_zeros(len(codes))
        white = codes if self.name == "p+" else self.whitening.coordinates(codes)
        return (white - white.mean(dim=1, keepdim=True)).square().flatten(1).mean(dim=1)

    def render(self, codes: Tensor, noise: Noise = "const") -> Tensor:
        pictures: Tensor = self.network.synthesis(self.rows(codes), noise)
        return pictures

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        return self.code_of(self.spread(self.mapped(self.noise(count, generator))))

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.network.latent, generator=generator).to(self.whitening.mean)

    def mapped(self, z: Tensor) -> Tensor:
        label = self.label
        if label is not None:
            label = label.to(z).expand(len(z), -1)
        return self.network.mapping.style(z, label)

    def spread(self, w: Tensor) -> Tensor:
        return w[:, None].expand(-1, self.count, -1)


class _Styles(_Styled):
    """w and w+."""

    def average(self, count: int = 1) -> Tensor:
        return self.whitening.average.expand(count, *self.shape).clone()

    def rows(self, codes: Tensor) -> Tensor:
        return codes if codes.dim() == 3 else self.spread(codes)

    def code_of(self, rows: Tensor) -> Tensor:
        return rows.contiguous() if len(self.shape) == 2 else rows.mean(dim=1)


class _White(_Styled):
    """p and p+."""

    def __init__(self, network: StyleGAN2, name: Name, found: Whitening, label: Tensor | None) -> None:
        super().__init__(network, name, found, label)
        self.pace = (found.spread / found.spread[-1]) ** -PACE

    def average(self, count: int = 1) -> Tensor:
        return torch.zeros(count, *self.shape).to(self.whitening.mean)

    def rows(self, codes: Tensor) -> Tensor:
        styles = self.whitening.styles(codes)
        return styles if styles.dim() == 3 else self.spread(styles)

    def code_of(self, rows: Tensor) -> Tensor:
        codes = self.whitening.coordinates(rows)
        return codes if len(self.shape) == 2 else codes.mean(dim=1)

    def prior(self, codes: Tensor) -> Tensor:
        return codes.square().flatten(1).mean(dim=1)


class _Latent(_Styled):
    """z of a StyleGAN2. At 0 the mapping divides by nothing, so no code starts there.

    Its middle and the code of a style are the nearest of many draws.
    """

    def __init__(self, network: StyleGAN2, name: Name, found: Whitening, label: Tensor | None) -> None:
        super().__init__(network, name, found, label)
        self.shape = (network.latent,)
        self.deviation = math.sqrt(network.latent)
        self.pace = torch.ones(()).to(next(network.parameters()))

    @torch.no_grad()
    def average(self, count: int = 1) -> Tensor:
        many = self._many(count)
        return many[self.prior(many).argsort(stable=True)[:count]]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        return self.noise(count, generator)

    def rows(self, codes: Tensor) -> Tensor:
        return self.spread(self.mapped(codes))

    @torch.no_grad()
    def code_of(self, rows: Tensor) -> Tensor:
        many = self._many(1)
        white = self.whitening.coordinates
        distances = torch.cdist(white(rows.detach().mean(dim=1)), white(self.mapped(many)))
        return many[distances.argmin(dim=1)]

    def _many(self, least: int) -> Tensor:
        return self.noise(max(_TRIED, least), torch.Generator().manual_seed(0))


class _Plain(Space):
    """z of a DCGAN, which is normal as it is."""

    name: Name = "z"

    def __init__(self, network: DCGAN) -> None:
        self.network = network
        self.shape = (network.latent,)
        self.deviation = math.sqrt(network.latent)
        self.pace = torch.ones(()).to(next(network.parameters()))

    @torch.no_grad()
    def average(self, count: int = 1) -> Tensor:
        # Zero noise is a grey picture of which nothing can be learned, where maps are normalised.
        many = self.draw(max(_TRIED // 4, count), torch.Generator().manual_seed(0))
        pictures = self.network(many).flatten(1)
        distances = (pictures - pictures.mean(dim=0)).square().mean(dim=1)
        return many[distances.argsort(stable=True)[:count]]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        like = next(self.network.parameters())
        return torch.randn(count, self.network.latent, generator=generator).to(like)

    def rows(self, codes: Tensor) -> Tensor:
        return codes

    def code_of(self, rows: Tensor) -> Tensor:
        return rows

    def prior(self, codes: Tensor) -> Tensor:
        return codes.square().mean(dim=1)

    def apart(self, codes: Tensor) -> Tensor:
        return codes.new_zeros(len(codes))

    def render(self, codes: Tensor, noise: Noise = "const") -> Tensor:
        del noise
        pictures: Tensor = self.network(codes)
        return pictures
