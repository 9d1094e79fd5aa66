"""The published networks that measure filled holes, and which metrics there are without them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from retouch.errors import InputError
from retouch.metrics import InceptionV3, Lpips, features_of
from retouch.metrics.inception import INCEPTION_FILE

USUAL = ("psnr", "ssim", "l1", "hole_psnr", "hole_ssim", "hole_l1", "seam", "hole_swd")
"""What is measured when nothing is asked for; and lpips, fid and kid where their networks are."""


@dataclass(frozen=True)
class Judges:
    """The networks that measure.

    Args:
        lpips: of LPIPS.
        inception: of FID and KID.
        known: features of true pictures, by checksum; the same picture comes with several kinds of holes.
    """

    lpips: Lpips | None = None
    inception: InceptionV3 | None = None
    known: dict[bytes, Tensor] = field(default_factory=dict)

    def features(self, picture: Tensor) -> Tensor:
        """The features (1, D) of a filled picture (1, 3, H, W)."""
        if self.inception is None:
            raise InputError("the features of a picture need Inception; give its published file")
        return features_of(self.inception, picture)

    def features_of_true(self, picture: Tensor) -> Tensor:
        """The features (1, D) of a true picture (1, 3, H, W), computed once."""
        key = hashlib.blake2b(picture.contiguous().numpy().tobytes(), digest_size=16).digest()
        if key not in self.known:
            self.known[key] = self.features(picture)
        return self.known[key]


def judges_for(asked: Sequence[str], folder: Path) -> tuple[frozenset[str], Judges]:
    """Say what is measured, and load the networks that measure.

    Args:
        asked: metrics by name; none: the usual ones, and those whose networks are there.
        folder: where published networks are.

    Returns:
        The names of the metrics, and the networks.

    Raises:
        WeightsError: The network of a metric that was asked for is not there, or is another file.
    """
    lpips, inception = None, None
    wanted = set(asked) or {*USUAL, "lpips", "fid", "kid"}
    if "lpips" in wanted:
        # LaMa's LPIPS is VGG's.
        lpips = Lpips.in_folder(folder, ("vgg", "alex"), needed="lpips" in asked)
    if wanted & {"fid", "kid"} and (set(asked) & {"fid", "kid"} or (folder / INCEPTION_FILE.name).is_file()):
        inception = InceptionV3.from_file(folder / INCEPTION_FILE.name, "legacy")
    gone = ({"lpips"} if lpips is None else set()) | ({"fid", "kid"} if inception is None else set())
    return frozenset(wanted - gone), Judges(lpips, inception)
