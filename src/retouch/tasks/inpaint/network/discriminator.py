"""The network that judges filled pictures, patch by patch."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from retouch.errors import InputError, UnknownName

DiscriminatorNorm = Literal["batch", "instance", "none", "spectral"]


class PatchDiscriminator(nn.Module):
    """Judge overlapping patches of pictures.

    Args:
        width: channels of the first layer; each layer doubles them, up to 512.
        layers: halvings.
        norm: ``batch`` as LaMa; a Wasserstein critic must not have it, since its penalty is each picture's
            own: ``instance``, ``none``, or ``spectral`` normalisation of the weights.

    Raises:
        InputError: It has no layer or no channel.
        UnknownName: There is no such normalisation.

    Source: Wang et al. 2018 (pix2pixHD), arXiv:1711.11585; Suvorov et al. 2021, arXiv:2109.07161; names as
        in the authors' files.
    Departs: normalisations other than batch are ours.
    """

    def __init__(self, width: int = 64, layers: int = 4, norm: DiscriminatorNorm = "batch") -> None:
        super().__init__()
        if width < 1 or layers < 1:
            raise InputError(
                f"a discriminator of width {width} with {layers} layers; both must be at least 1"
            )
        widths = [min(512, width << stage) for stage in range(layers)]
        stages: list[list[nn.Module]] = [[_conv(3, width, 2, norm), nn.LeakyReLU(0.2)]]
        for come, go in zip(widths, [*widths[1:], min(512, widths[-1] * 2)], strict=True):
            stride = 1 if len(stages) == layers else 2
            stages.append([_conv(come, go, stride, norm), *_norm(norm, go), nn.LeakyReLU(0.2)])
        stages.append([_conv(min(512, widths[-1] * 2), 1, 1, norm)])
        self.count = len(stages)
        for number, stage in enumerate(stages):
            setattr(self, f"model{number}", nn.Sequential(*stage))

    def features(self, x: Tensor) -> list[Tensor]:
        """See pictures.

        Args:
            x: ``(B, 3, H, W)`` in [0, 1].

        Returns:
            The maps after each layer; the last is the logits.
        """
        found = []
        for number in range(self.count):
            x = getattr(self, f"model{number}")(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Judge pictures.

        Args:
            x: ``(B, 3, H, W)`` in [0, 1].

        Returns:
            ``(B, 1, h, w)`` logits: above 0 for what looks real.
        """
        return self.features(x)[-1]


def _conv(come: int, go: int, stride: int, norm: DiscriminatorNorm) -> nn.Module:
    layer = nn.Conv2d(come, go, 4, stride, 2)
    return spectral_norm(layer) if norm == "spectral" else layer


def _norm(norm: DiscriminatorNorm, channels: int) -> list[nn.Module]:
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    if norm == "instance":
        return [nn.InstanceNorm2d(channels)]
    if norm in ("none", "spectral"):
        return []
    raise UnknownName("normalisation", norm, ("batch", "instance", "none", "spectral"))
