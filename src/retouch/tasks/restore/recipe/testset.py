"""The true pictures of an evaluation, named and recognised, so that nobody has to guess what was measured."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from retouch import data as pictures_of
from retouch.data.examples import Together
from retouch.data.listing import Split
from retouch.errors import DataError, InputError

SETS = {
    "dae6952faf580f8a39171753c6bc00af024592694fddf8d9c67492a284e71564": "Set5",
    "ac5133f7cf5b5a1733f9c087e4f8db694c210e6b916d94288230050653c8c3fb": "CBSD68",
}
"""Digest → name of a benchmark."""

_SHOWN = 8


@dataclass(frozen=True)
class TestSet:
    """True pictures.

    Args:
        source: where they are.
        names: what they are called.
        sizes: height and width of each.
        checksums: SHA-256 of the 8-bit RGB samples of each, row by row, behind "HxW" and a line end.
        gray: none of them has a colour.
        examples: the pictures.
    """

    source: str
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    checksums: tuple[str, ...]
    gray: bool
    examples: Together

    def __len__(self) -> int:
        """How many there are."""
        return len(self.names)

    @property
    def digest(self) -> str:
        """SHA-256 of the sorted checksums, a line each: the same pictures under any names."""
        return hashlib.sha256("".join(f"{one}\n" for one in sorted(self.checksums)).encode()).hexdigest()

    @property
    def known(self) -> str:
        """The benchmark that it is; empty when it is none we know."""
        return SETS.get(self.digest, "")

    def __str__(self) -> str:
        """What is printed with every figure."""
        shown = ", ".join(self.names[:_SHOWN]) + (", …" if len(self) > _SHOWN else "")
        count = f"{len(self)} picture{'' if len(self) == 1 else 's'}{', gray' if self.gray else ''}"
        kind = f"{self.known or self.source}: {count}"
        return f"{kind} ({shown}), sha256 {self.digest[:16]}"

    def picture(self, index: int, *, gray: bool, multiple: int) -> Tensor:
        """Read one.

        Args:
            index: from 0 to the length − 1.
            gray: as one channel.
            multiple: rows and columns beyond a multiple of it, at the lower and right border, are cut off.

        Returns:
            (3 or 1, H, W) in [0, 1].
        """
        picture = self.examples.example(index, 0)["image"]
        height, width = (side - side % multiple for side in picture.shape[1:])
        if min(height, width) < 1:
            raise InputError(
                f"{self.names[index]} is {picture.shape[2]}×{picture.shape[1]}, and nothing is left of it at "
                f"1/{multiple} of its size; leave it out"
            )
        picture = picture[:, :height, :width]
        return grayed(picture) if gray else picture


def test_set(data: str | os.PathLike[str], split: Split, limit: int) -> TestSet:
    """Open pictures and look through them.

    Args:
        data: a folder of pictures, a table, or ``synthetic:…``.
        split: train, val, test or all.
        limit: the most pictures; 0: all.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    source = os.fspath(data)
    examples = pictures_of.singles(source, split, augment=False, size=None, load_size=None)
    count = min(len(examples), limit or len(examples))
    if not count:
        raise DataError(f"{source} has no pictures for {split}; give another folder or split")
    sizes, checksums, gray = [], [], True
    for index in range(count):
        picture = examples.example(index, 0)["image"]
        height, width = picture.shape[1], picture.shape[2]
        samples = torch.round(picture * 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
        sizes.append((height, width))
        checksums.append(hashlib.sha256(f"{height}x{width}\n".encode() + samples.tobytes()).hexdigest())
        gray = gray and bool(np.ptp(samples, axis=2).max() == 0)
    return TestSet(source, tuple(examples.names[:count]), tuple(sizes), tuple(checksums), gray, examples)


def grayed(picture: Tensor) -> Tensor:
    """Make a picture gray as MATLAB's ``rgb2gray`` does in 8 bits; one that is gray stays as it is.

    Args:
        picture: (3, H, W) in [0, 1].

    Returns:
        (1, H, W).
    """
    weights = picture.new_tensor((0.298936, 0.587043, 0.114021)).view(3, 1, 1)
    return torch.round((picture * weights).sum(dim=0, keepdim=True) * 255) / 255
