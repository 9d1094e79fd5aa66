"""SRVGGNetCompact: a plain stack of convolutions on the small picture; the light networks of Real-ESRGAN."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle

from retouch.errors import InputError


class SRVGGNetCompact(nn.Module):
    """Enlarge pictures fast; what is missing is added to the repeated pixels.

    Args:
        width: channels.
        depth: convolutions between the first and the last.
        scale: new pixels per old one, along a side.
        channels: of the pictures.

    Raises:
        InputError: a size is impossible.

    Source: Wang, Xie, Dong, Shan 2021, arXiv:2107.10833, and https://github.com/xinntao/Real-ESRGAN, version
        0.2.5; the names of the tensors are those of its files.
    Departs: rectifiers with learnt slopes alone, as in every released file.
    """

    def __init__(self, width: int = 64, depth: int = 16, scale: int = 4, channels: int = 3) -> None:
        super().__init__()
        if min(width, scale, channels) < 1 or depth < 0:
            raise InputError(
                f"an SRVGGNetCompact has width {width}, depth {depth}, scale {scale} and {channels} "
                "channels; the depth is at least 0, and the others are at least 1"
            )
        self.scale = scale
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.PReLU(width)]
        for _ in range(depth):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, channels * scale**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge.

        Args:
            x: (B, channels, H, W) in [0, 1].

        Returns:
            (B, channels, scale · H, scale · W), not clipped.
        """
        repeated = interpolate(x, scale_factor=float(self.scale), mode="nearest") if self.scale > 1 else x
        return pixel_shuffle(self.body(x), self.scale) + repeated
