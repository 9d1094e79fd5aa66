"""What every network whose features are looked at has in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from torch import Tensor, nn

from retouch.errors import InputError, UnknownName


class Features(nn.Module):
    """A frozen network whose features describe a picture.

    Its ``layers`` are the names of its features, from the picture to the deepest.
    """

    layers: tuple[str, ...]

    @abstractmethod
    def forward(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute features, no further than they are needed.

        Args:
            x: (B, 3, H, W), RGB in [0, 1].
            layers: whose features are wanted.

        Returns:
            Layer → (B, C, h, w).
        """

    @abstractmethod
    def least_side(self, layers: Iterable[str]) -> int:
        """Say how small a picture may be, in pixels of its shorter side.

        Args:
            layers: whose features are wanted.
        """

    def reach(self, layer: str) -> int:
        """Say how far around itself a position of a layer looks.

        Args:
            layer: one of ``layers``.

        Returns:
            Pixels of the picture to each side; 0 where a network does not say.
        """
        del layer
        return 0

    def checked(self, x: Tensor, layers: Iterable[str]) -> set[str]:
        """Refuse a picture or a layer that cannot be meant.

        Args:
            x: as for :meth:`forward`.
            layers: likewise.

        Returns:
            The layers.

        Raises:
            UnknownName: there is no such layer.
            InputError: none was asked for, the picture is too small, or is not (B, 3, H, W).
        """
        wanted = set(layers)
        for name in sorted(wanted):
            if name not in self.layers:
                raise UnknownName("layer", name, self.layers)
        if not wanted:
            raise InputError(f"no layer was asked for; name some of {', '.join(self.layers)}")
        least = self.least_side(wanted)
        if x.dim() != 4 or x.shape[1] != 3 or min(x.shape[2:]) < least:
            raise InputError(
                f"the feature network got {tuple(x.shape)}; it looks at (B, 3, H, W) of at least "
                f"{least}×{least} pixels; enlarge the picture, or choose layers nearer to the picture"
            )
        return wanted
