"""Frozen evaluation sets: which hole is in which picture, so that anyone gets the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retouch.data.examples import tensor_of
from retouch.data.framing import Framing, resized
from retouch.data.holes.raster import Hole, Size
from retouch.data.holes.spec import parse
from retouch.data.origin import WHOLE, PictureFile
from retouch.data.seeds import generator
from retouch.errors import DataError, InputError
from retouch.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Item:
    """A hole in a picture.

    Attributes:
        path: the picture's file.
        picture: the file's name inside the folder of the set, with ``/``.
        sha256: of the file.
        size: height and width of the hole, and of the picture as it is used: resized so that it
            covers them, and cut to its middle.
        kind: the holes that were asked for, to sort results by.
        spec: how the hole is drawn.
        seed: what it is drawn with.
        variant: from 0; tells several holes of one kind in one picture apart.
        area: part of the picture that is missing.
        hole_sha256: of the hole's size and pixels.
    """

    path: Path
    picture: str
    sha256: str
    size: Size
    kind: str
    spec: str
    seed: int
    variant: int
    area: float
    hole_sha256: str

    @property
    def name(self) -> str:
        """A name that no other item of the set has."""
        return f"{self.picture} {self.kind} {self.variant}"

    def hole(self) -> Hole:
        """Draw the hole.

        Returns:
            (H, W), True in the hole.

        Raises:
            DataError: it is not the one that was frozen, or its label maps are missing.
        """
        hole = parse(self.spec).draw(self.size, generator(self.seed))
        if digest(hole) != self.hole_sha256:
            raise DataError(
                f"the hole {self.spec} of {self.picture} comes out different from the frozen one; other "
                "label maps or other versions of retouch, NumPy or Pillow draw otherwise: use those it was "
                "made with"
            )
        return hole

    def image(self) -> torch.Tensor:
        """Read the picture as it is used.

        Returns:
            float32 (3, H, W) in [0, 1].

        Raises:
            DataError: the file cannot be read, or is not the one that was frozen.
        """
        if file_sha256(self.path) != self.sha256:
            raise DataError(
                f"{self.path!s:.200} has changed since its holes were frozen, so that figures would not "
                "compare; put the old picture back, or freeze holes again with `retouch data holes`"
            )
        planes = PictureFile(self.path, 0).parts((WHOLE,), None)[WHOLE]
        framing = Framing.of(self.size, None, resize="cover")
        stored = framing.stored((int(planes.shape[1]), int(planes.shape[2])))
        return tensor_of(resized(planes, stored, nearest=False), framing.view(stored, generator(0)))


@dataclass(frozen=True, slots=True)
class Difference:
    """What is no longer as it was frozen; all three are empty when the set is whole.

    Attributes:
        missing: pictures that are gone or cannot be read.
        changed: pictures whose files have another content.
        redrawn: items whose holes come out different.
    """

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    redrawn: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.redrawn)


class Manifest:
    """A frozen evaluation set: its items in order, which can also be used as examples.

    Args:
        folder: where the pictures are.
        items: the holes.
        facts: how they were chosen; plain JSON values.
    """

    def __init__(self, folder: Path, items: Sequence[Item], facts: dict[str, Any]) -> None:
        self.folder = folder
        self.facts = dict(facts)
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __getitem__(self, index: int) -> Item:
        return self._items[index]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per item."""
        return tuple(item.name for item in self._items)

    def example(self, index: int, seed: int = 0) -> dict[str, torch.Tensor]:
        """Give a picture and its hole.

        Args:
            index: from 0 to the length − 1.
            seed: changes nothing; the set is frozen.

        Returns:
            ``image``, float32 (3, H, W) in [0, 1], and ``hole``, float32 (1, H, W), 1 in the hole.

        Raises:
            DataError: the picture cannot be read, or the hole comes out different.
        """
        import torch

        del seed
        item = self._items[index]
        return {"image": item.image(), "hole": torch.from_numpy(item.hole()[None].astype(np.float32))}

    def describe(self) -> dict[str, object]:
        """Say what this is, for the record of a run."""
        return {**self.facts, "folder": str(self.folder), "count": len(self), "frozen": True}

    def plain(self) -> Manifest:
        """Give the same examples; nothing about them is random."""
        return self

    def verify(self, *, progress: ProgressCallback | None = None) -> Difference:
        """Compare the pictures and the holes with what was frozen.

        Args:
            progress: called after every item.

        Returns:
            What differs; false when nothing does.

        Raises:
            Cancelled: the progress callback stopped the work.
        """
        known: dict[str, str] = {}
        redrawn = []
        for done, item in enumerate(self._items, start=1):
            if item.picture not in known:
                try:
                    known[item.picture] = "" if file_sha256(item.path) == item.sha256 else "changed"
                except DataError:
                    known[item.picture] = "missing"
            try:
                item.hole()
            except (DataError, InputError):
                redrawn.append(item.name)
            if progress is not None:
                progress(Progress("verifying", done, len(self)))
        missing, changed = (
            tuple(name for name, now in known.items() if now == state) for state in ("missing", "changed")
        )
        return Difference(missing, changed, tuple(redrawn))


def digest(hole: Hole) -> str:
    """Give the sha256 of a hole's size and pixels, in hexadecimal.

    Args:
        hole: (H, W).
    """
    head = f"{hole.shape[0]}×{hole.shape[1]}\n".encode()
    return hashlib.sha256(head + np.packbits(hole).tobytes()).hexdigest()


def file_sha256(path: Path) -> str:
    """Give the sha256 of a file.

    Args:
        path: the file.

    Raises:
        DataError: it cannot be read.
    """
    # A device or a pipe would be read without end.
    if not path.is_file():
        raise DataError(
            f"{path!s:.200} cannot be read (there is no such file); check the folder of the pictures"
        )
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); check the folder of the pictures"
        ) from error
