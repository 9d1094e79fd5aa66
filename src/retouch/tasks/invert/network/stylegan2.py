"""StyleGAN2's generator: a mapping from noise to a style, and a synthesis from styles to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName
from retouch.tasks.invert.network.modulated import FullyConnected, ModulatedConv, ToRGB, unit_mean_square
from retouch.tasks.invert.network.resampling import doubled

Design = Literal["skip", "residual", "original"]
"""How pictures leave the blocks: ``skip`` sums a picture of every size, ``residual`` sums maps, ``original``
takes the picture from the last maps alone."""

NoiseMode = Literal["const", "random", "none"]
"""``const``: the maps that the file holds. ``random``: drawn anew in every call. ``none``: no noise."""

AVERAGING = 0.995
"""How much of the average style is kept when a batch is added to it."""


LARGE = 1024
"""Pixels of all pictures together from which maps are laid out with their channels last. Below, the weights
are more than the maps, and they would have to be laid out so in every call."""


class Mapping(nn.Module):
    """From noise to styles.

    Args:
        latent: numbers of the noise z.
        style: numbers of a style w.
        rows: styles that the synthesis takes.
        layers: fully connected layers.
        classes: numbers of a label; 0: there are no labels.
        pace: the rate of learning, relative to the synthesis.

    Source: Karras et al., "A Style-Based Generator Architecture for GANs", CVPR 2019, arXiv:1812.04948,
        section 2; truncation in appendix B.
    """

    def __init__(
        self, latent: int, style: int, rows: int, *, layers: int = 8, classes: int = 0, pace: float = 0.01
    ) -> None:
        super().__init__()
        self.latent, self.rows, self.layers, self.classes = latent, rows, layers, classes
        inner = latent
        if classes:
            self.embed = FullyConnected(classes, style)
            inner += style
        for number in range(layers):
            layer = FullyConnected(inner if number == 0 else style, style, active=True, pace=pace)
            self.add_module(f"fc{number}", layer)
        self.w_avg: Tensor
        self.register_buffer("w_avg", torch.zeros(style))

    def forward(
        self, z: Tensor, label: Tensor | None = None, *, truncation: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """Map noise to styles, the same for each row.

        Args:
            z: (B, latent), normal.
            label: (B, classes), for networks with labels.
            truncation: how far styles are from their average, 1: as they are; 0: all average.
            cutoff: rows that are truncated, from the coarsest; None: all.

        Returns:
            (B, rows, style).

        Raises:
            InputError: the network wants a label, or has none, or numbers are too many or too few.
        """
        w = self.style(z, label)
        if truncation == 1.0:
            return w[:, None].expand(-1, self.rows, -1)
        nearer = torch.lerp(self.w_avg.to(w.dtype), w, truncation)
        if cutoff is None:
            return nearer[:, None].expand(-1, self.rows, -1)
        first = torch.arange(self.rows, device=w.device) < cutoff
        return torch.where(first[None, :, None], nearer[:, None], w[:, None])

    def style(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Map noise to one style each.

        Args:
            z: (B, latent).
            label: (B, classes), for networks with labels.

        Returns:
            (B, style).

        Raises:
            InputError: as for calling it.
        """
        if z.dim() != 2 or z.shape[1] != self.latent:
            raise InputError(f"the noise is {tuple(z.shape)}; this network takes (B, {self.latent})")
        x = unit_mean_square(z)
        if self.classes:
            if label is None or label.dim() != 2 or label.shape[1] != self.classes:
                got = "none was given" if label is None else f"it is {tuple(label.shape)}"
                raise InputError(f"this network wants a label (B, {self.classes}); {got}")
            x = torch.cat([x, unit_mean_square(self.embed(label.to(x.dtype)))], dim=1)
        elif label is not None and label.shape[-1]:
            raise InputError("this network was trained without labels; leave the label out")
        for number in range(self.layers):
            x = cast("FullyConnected", self.get_submodule(f"fc{number}"))(x)
        return x

    @torch.no_grad()
    def follow(self, w: Tensor) -> None:
        """Take a batch of styles into their average.

        Args:
            w: (B, style).
        """
        self.w_avg.lerp_(w.detach().to(self.w_avg.dtype).mean(dim=0), 1.0 - AVERAGING)


class Block(nn.Module):
    """Layers of one size of maps.

    Args:
        inner: channels in; 0 for the first block, which begins with a constant.
        outer: channels out.
        style: numbers of a style.
        side: of the maps, in pixels.
        colours: channels of the picture.
        design: how pictures leave.
        last: whether it is the largest.
        limit: where maps are clamped; 0: not at all.
    """

    def __init__(
        self,
        inner: int,
        outer: int,
        style: int,
        *,
        side: int,
        colours: int,
        design: Design,
        last: bool,
        limit: float,
    ) -> None:
        super().__init__()
        self.design = design
        self.convs = 1 if inner == 0 else 2
        if inner == 0:
            self.const = nn.Parameter(torch.randn(outer, side, side))
        else:
            self.conv0 = ModulatedConv(inner, outer, style, side=side, up=True, limit=limit)
        self.conv1 = ModulatedConv(outer, outer, style, side=side, limit=limit)
        self.shows = last or design == "skip"
        if self.shows:
            self.torgb = ToRGB(outer, colours, style, limit=limit)
        if inner and design == "residual":
            self.skip = Skip(inner, outer)

    def forward(
        self, x: Tensor | None, picture: Tensor | None, w: Tensor, noise: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor | None]:
        """Apply it.

        Args:
            x: (B, inner, S/2, S/2); None for the first block.
            picture: (B, colours, S/2, S/2) so far, or None.
            w: (B, 2 or 3, style): of its convolutions, then of its picture.
            noise: for each convolution.

        Returns:
            (B, outer, S, S), and the picture (B, colours, S, S) when there is one.
        """
        if x is not None and x[:, 0].numel() >= LARGE:
            x = x.contiguous(memory_format=torch.channels_last)
        if x is None:
            x = self.const.expand(len(w), -1, -1, -1).contiguous()
            x = self.conv1(x, w[:, 0], noise[0])
        elif self.design == "residual":
            beside = self.skip(x)
            x = self.conv0(x, w[:, 0], noise[0])
            x = beside + self.conv1(x, w[:, 1], noise[1], gain=0.5**0.5)
        else:
            x = self.conv1(self.conv0(x, w[:, 0], noise[0]), w[:, 1], noise[1])
        if picture is not None:
            picture = doubled(picture)
        if self.shows:
            shown = self.torgb(x, w[:, self.convs])
            shown = shown.to(torch.promote_types(shown.dtype, torch.float32))
            picture = shown if picture is None else picture + shown
        return x, picture


class Skip(nn.Module):
    """The way around a residual block: a 1×1 convolution, doubled, times √½.

    Args:
        inner: channels in.
        outer: channels out.
    """

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outer, inner, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to (B, inner, S, S), which gives (B, outer, 2S, 2S)."""
        return doubled(F.conv2d(x, self.weight * (0.5 / self.weight.shape[1]) ** 0.5))


class Synthesis(nn.Module):
    """From styles to a picture.

    Args:
        style: numbers of a style.
        channels: of the maps at 4 pixels, 8, 16 and so on.
        colours: channels of the picture.
        design: how pictures leave the blocks.
        limit: where maps are clamped, on either side of 0; 0: not at all.

    Source: Karras et al. 2020, arXiv:1912.04958, figures 2 and 7.
    """

    def __init__(
        self,
        style: int,
        channels: Sequence[int],
        *,
        colours: int = 3,
        design: Design = "skip",
        limit: float = 0.0,
    ) -> None:
        super().__init__()
        self.style, self.sides = style, [4 << number for number in range(len(channels))]
        for number, (side, outer) in enumerate(zip(self.sides, channels, strict=True)):
            block = Block(
                0 if number == 0 else channels[number - 1],
                outer,
                style,
                side=side,
                colours=colours,
                design=design,
                last=number == len(channels) - 1,
                limit=limit,
            )
            self.add_module(f"b{side}", block)
        self.rows = 2 * len(channels)

    def block(self, side: int) -> Block:
        """Give the block whose maps have a side, in pixels."""
        return cast("Block", self.get_submodule(f"b{side}"))

    def convolutions(self) -> list[ModulatedConv]:
        """Give the convolutions that take noise, from the coarsest."""
        return [module for module in self.modules() if isinstance(module, ModulatedConv)]

    def forward(
        self,
        w: Tensor,
        noise: NoiseMode | Sequence[Tensor] = "const",
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Make pictures.

        Args:
            w: (B, rows, style), or (B, style) for the same style in each row.
            noise: which noise, or a map for each convolution, (S, S) or (B, 1, S, S), from the coarsest.
            generator: where random noise comes from; torch's own when None.

        Returns:
            (B, colours, R, R), nominally in [-1, 1].

        Raises:
            InputError: there are more or fewer rows, or maps of noise, than the network takes.
            UnknownName: there is no such noise.
        """
        if w.dim() == 2:
            w = w[:, None].expand(-1, self.rows, -1)
        if w.dim() != 3 or w.shape[1:] != (self.rows, self.style):
            raise InputError(
                f"the styles are {tuple(w.shape)}; this network takes (B, {self.rows}, {self.style})"
            )
        maps = iter(self._noise(noise, len(w), generator))
        x: Tensor | None = None
        picture: Tensor | None = None
        row = 0
        for side in self.sides:
            block = self.block(side)
            own = [next(maps) for _ in range(block.convs)]
            x, picture = block(x, picture, w[:, row : row + block.convs + 1], own)
            row += block.convs
        return cast("Tensor", picture)

    def _noise(
        self, noise: NoiseMode | Sequence[Tensor], count: int, generator: torch.Generator | None
    ) -> list[Tensor | None]:
        convs = self.convolutions()
        if not isinstance(noise, str):
            if len(noise) != len(convs):
                raise InputError(f"there are {len(noise)} maps of noise; this network takes {len(convs)}")
            return list(noise)
        if noise == "const":
            return [conv.noise_const for conv in convs]
        if noise == "none":
            return [None] * len(convs)
        if noise != "random":
            raise UnknownName("kind of noise", noise, get_args(NoiseMode))
        device = convs[0].noise_const.device
        return [
            torch.randn((count, 1, conv.side, conv.side), generator=generator, device=device)
            for conv in convs
        ]


class StyleGAN2(nn.Module):
    """Make pictures from noise.

    Its tensors are named as in NVIDIA's files. Networks of maps at 4 pixels, 8, … up to the side of the
    picture.

    Args:
        side: of the picture, in pixels: a power of 2, at least 8.
        channels: of the maps at 4 pixels, 8, …: ``"512,512,256"``.
        latent: numbers of the noise z.
        style: numbers of a style w.
        layers: of the mapping.
        classes: numbers of a label; 0: there are no labels.
        colours: channels of the picture.
        design: how pictures leave the blocks.
        limit: where maps are clamped, on either side of 0; 0: not at all.
        pace: the rate at which the mapping learns, relative to the synthesis.

    Source: Karras et al. 2020, arXiv:1912.04958.
    """

    def __init__(
        self,
        *,
        side: int,
        channels: str,
        latent: int = 512,
        style: int = 512,
        layers: int = 8,
        classes: int = 0,
        colours: int = 3,
        design: Design = "skip",
        limit: float = 0.0,
        pace: float = 0.01,
    ) -> None:
        super().__init__()
        widths = self.check_sizes(side, channels, latent, style, layers, classes, colours)
        if design not in get_args(Design):
            raise UnknownName("design of StyleGAN2", design, get_args(Design))
        self.side, self.latent, self.style, self.colours = side, latent, style, colours
        self.synthesis = Synthesis(style, widths, colours=colours, design=design, limit=limit)
        self.mapping = Mapping(latent, style, self.synthesis.rows, layers=layers, classes=classes, pace=pace)

    @staticmethod
    def check_sizes(
        side: int, channels: str, latent: int, style: int, layers: int, classes: int, colours: int
    ) -> list[int]:
        """Refuse sizes that cannot be built.

        Args:
            side: as for the network, and so the others.
            channels: …
            latent: …
            style: …
            layers: …
            classes: …
            colours: …

        Returns:
            The channels of the maps, as numbers.

        Raises:
            InputError: one is too small or too large, or they contradict one another.
        """
        widths = [int(item) if item.strip().isdecimal() else 0 for item in channels.split(",")]
        if side < 8 or side & (side - 1) or side > 4096:
            raise InputError(f"a picture of {side} pixels was asked for; a side is 8, 16, 32, … 4096")
        if len(widths) != side.bit_length() - 2 or not all(0 < width <= 4096 for width in widths):
            raise InputError(
                f"channels={channels!r} was given for {side} pixels; that takes {side.bit_length() - 2} "
                "numbers from 1 to 4096 with commas between, for maps of 4, 8, … pixels"
            )
        for name, value, least, most in (
            ("latent", latent, 1, 1 << 14),
            ("style", style, 1, 1 << 14),
            ("layers", layers, 1, 64),
            ("classes", classes, 0, 1 << 16),
            ("colours", colours, 1, 16),
        ):
            if not least <= value <= most:
                raise InputError(f"{name} is {value}; it must be from {least} to {most}")
        return widths

    def forward(
        self,
        z: Tensor,
        label: Tensor | None = None,
        *,
        truncation: float = 1.0,
        cutoff: int | None = None,
        noise: NoiseMode | Sequence[Tensor] = "const",
    ) -> Tensor:
        """Make pictures from noise.

        Args:
            z: (B, latent), normal.
            label: (B, classes), for networks with labels.
            truncation: 1: as trained; towards 0: nearer to the average picture.
            cutoff: rows that are truncated, from the coarsest; None: all.
            noise: const, random, none, or maps.

        Returns:
            (B, colours, R, R), nominally in [-1, 1].
        """
        w = self.mapping(z, label, truncation=truncation, cutoff=cutoff)
        pictures: Tensor = self.synthesis(w, noise)
        return pictures
