"""The generator of pix2pix as a network that restores."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate

from retouch.errors import InputError
from retouch.nn.layers import Norm, Upsampling
from retouch.nn.unet import UNet


class UNetRestorer(nn.Module):
    """Bring a spoiled picture to the size of the true one, and translate it with a U-Net.

    Args:
        scale: new pixels per old one, along a side; 1 keeps the size.
        depth: how often the enlarged picture is halved; its sides must be multiples of 2**depth.
        width: channels at half size; doubled at each halving up to eight times that.
        norm: the normalisation.
        dropout: the share of features dropped in the deep half of the decoder; 0 for none.
        upsampling: how the decoder doubles maps.

    Source: Isola et al. 2017, arXiv:1611.07004.
    Departs: pictures in [0, 1] outside; no dropout unless asked for, since a restored picture is not one of
        many.
    """

    def __init__(
        self,
        scale: int = 1,
        *,
        depth: int = 7,
        width: int = 64,
        norm: Norm = "batch",
        dropout: float = 0.0,
        upsampling: Upsampling = "transpose",
    ) -> None:
        super().__init__()
        if scale < 1:
            raise InputError(f"scale is {scale}; it is a whole number from 1")
        self.scale = scale
        self.unet = UNet(depth=depth, width=width, norm=norm, dropout=dropout, upsampling=upsampling)

    def forward(self, x: Tensor) -> Tensor:
        """Restore.

        Args:
            x: (B, 3, H, W) in [0, 1]; scale · H and scale · W multiples of 2**depth.

        Returns:
            (B, 3, scale · H, scale · W) in (0, 1).
        """
        if self.scale > 1:
            size = (self.scale * x.shape[2], self.scale * x.shape[3])
            # With antialias torch's cubic is that of MATLAB and Pillow (a = −1/2), also when enlarging.
            x = interpolate(x.float(), size, mode="bicubic", antialias=True, align_corners=False)
        made: Tensor = self.unet(x * 2.0 - 1.0)
        return made.float() * 0.5 + 0.5
