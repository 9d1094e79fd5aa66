"""DnCNN: a plain stack of convolutions that predicts the noise."""

from __future__ import annotations

from torch import Tensor, nn

from retouch.errors import InputError


class DnCNN(nn.Module):
    """Take out noise, of one level or of any in a range, as it was trained.

    Args:
        depth: convolutions: 17 for one level of noise, 20 for a range.
        width: channels between them.
        channels: of the pictures.

    Raises:
        InputError: a size is impossible.

    Source: Zhang, Zuo, Chen, Meng, Zhang 2017, arXiv:1608.03981; the names of the tensors are those of KAIR's
        files.
    Departs: batch normalisation is folded into the convolution before it, as in KAIR's files.
    """

    def __init__(self, depth: int = 17, width: int = 64, channels: int = 1) -> None:
        super().__init__()
        if depth < 2 or min(width, channels) < 1:
            raise InputError(
                f"a DnCNN has {depth} convolutions, width {width} and {channels} channels; it has at least "
                "two convolutions, and the others are at least 1"
            )
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)]
        self.model = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Take the noise out.

        Args:
            x: (B, channels, H, W), 0 black and 1 white.

        Returns:
            The clean pictures, of the same size, not clipped.
        """
        clean: Tensor = x - self.model(x)
        return clean
