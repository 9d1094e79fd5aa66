"""The discriminators: one logit per patch of the picture, or per pixel."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.nn.layers import (
    Blur,
    Downsampling,
    Norm,
    initialise,
    needs_bias,
    normalisation,
)


class PatchGAN(nn.Module):
    """Judge every patch of a picture for itself.

    Args:
        input_channels: channels of the picture; for a conditional judge those of the input and
            of the result together.
        layers: convolutions between the first and the last: 3 for patches of 70×70 pixels, 1 for
            16×16, 5 for 286×286.
        width: channels after the first convolution; doubled at each layer up to eight times that.
        norm: the normalisation; none on the first and the last convolution.
        downsampling: how the size is halved.
        bias: give normalised convolutions a bias; None: when the norm is not batch norm.

    Source: Isola et al. 2017, arXiv:1611.07004, sections 3.2.2 and 6.1.2.
        ``blur`` is the judge of Park et al. 2020 (CUT), arXiv:2007.15651.
    Departs: none.
    """

    def __init__(
        self,
        input_channels: int = 6,
        *,
        layers: int = 3,
        width: int = 64,
        norm: Norm = "batch",
        downsampling: Downsampling = "stride",
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise InputError(f"a PatchGAN of {layers} layers judges nothing; use 1 or more, or PixelGAN")
        own_bias = needs_bias(norm, bias)
        widths = [width * min(2**level, 8) for level in range(layers + 1)]
        halving = 2 if downsampling == "stride" else 1
        self.convs = nn.ModuleList([nn.Conv2d(input_channels, width, 4, stride=halving, padding=1)])
        self.norms = nn.ModuleList([nn.Identity()])
        for level in range(1, layers + 1):
            stride = halving if level < layers else 1
            self.convs.append(
                nn.Conv2d(widths[level - 1], widths[level], 4, stride=stride, padding=1, bias=own_bias)
            )
            self.norms.append(normalisation(norm, widths[level]))
        self.smaller = nn.ModuleList(
            Blur(channels, "down") if downsampling == "blur" and level < layers else nn.Identity()
            for level, channels in enumerate(widths)
        )
        self.head = nn.Conv2d(widths[-1], 1, 4, padding=1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Judge ``(B, input_channels, H, W)``: logits ``(B, 1, h, w)``, 30×30 for 256×256 and 3 layers."""
        return self.features(x)[-1]

    def features(self, x: Tensor) -> list[Tensor]:
        """Give the maps after every layer, the logits last; feature matching compares them."""
        maps: list[Tensor] = []
        for conv, norm, smaller in zip(self.convs, self.norms, self.smaller, strict=True):
            x = smaller(F.leaky_relu(norm(conv(x)), 0.2))
            maps.append(x)
        return [*maps, self.head(x)]


class PixelGAN(nn.Module):
    """Judge every pixel for itself, by convolutions 1×1: it can only see colours.

    Args:
        input_channels: channels of the picture; for a conditional judge those of the input and
            of the result together.
        width: channels after the first convolution.
        norm: the normalisation of the second convolution.
        bias: give the convolutions after the first a bias; None: when the norm is not batch norm.

    Source: Isola et al. 2017, arXiv:1611.07004, section 6.1.2.
    Departs: none.
    """

    def __init__(
        self, input_channels: int = 6, *, width: int = 64, norm: Norm = "batch", bias: bool | None = None
    ) -> None:
        super().__init__()
        own_bias = needs_bias(norm, bias)
        self.convs = nn.ModuleList(
            [nn.Conv2d(input_channels, width, 1), nn.Conv2d(width, 2 * width, 1, bias=own_bias)]
        )
        self.norms = nn.ModuleList([nn.Identity(), normalisation(norm, 2 * width)])
        self.head = nn.Conv2d(2 * width, 1, 1, bias=own_bias)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Judge ``(B, input_channels, H, W)``: logits ``(B, 1, H, W)``."""
        return self.features(x)[-1]

    def features(self, x: Tensor) -> list[Tensor]:
        """Give the maps after every layer, the logits last."""
        maps: list[Tensor] = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
            maps.append(x)
        return [*maps, self.head(x)]
