"""Where the maps of a large picture are kept while its network is computed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.nn.pieces.operations import Shape

_FLOAT = 4  # bytes


class Maps:
    """Storage for maps: in memory up to a limit, beyond it one temporary file for each map.

    Use it in a ``with`` statement: the files go when it ends, however it ends.

    Args:
        device: where the maps lie that fit.
        limit: bytes that the maps in memory may have together.
    """

    def __init__(self, device: torch.device, limit: int) -> None:
        self._device = device
        self._left = limit
        self._held: dict[int, Tensor] = {}
        self._files: dict[int, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Maps:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of everything."""
        self._held.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def __contains__(self, number: int) -> bool:
        """Whether the map of a step is kept."""
        return number in self._held

    def __getitem__(self, number: int) -> Tensor:
        """The map of a step, ``(1, C, H, W)``."""
        return self._held[number]

    def make(self, number: int, shape: Shape) -> Tensor:
        """Make room for the map of a step.

        Args:
            number: the step.
            shape: its shape.

        Returns:
            The map ``(1, C, H, W)``, to be filled.

        Raises:
            InputError: It does not fit in memory, and the folder for temporary files is full.
        """
        values = shape.channels * shape.height * shape.width
        if values * _FLOAT <= self._left:
            self._left -= values * _FLOAT
            made = torch.empty((1, *shape), device=self._device)
        else:
            made = self._on_disk(number, values).view(1, *shape)
        self._held[number] = made
        return made

    def drop(self, number: int) -> None:
        """Give the room of a map back."""
        gone = self._held.pop(number)
        if number not in self._files:
            self._left += gone.numel() * _FLOAT
            return
        del gone
        self._files.pop(number).unlink(missing_ok=True)

    def _on_disk(self, number: int, values: int) -> Tensor:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="retouch-", ignore_cleanup_errors=True)
        path = Path(self._folder.name) / f"map-{number}"
        free = shutil.disk_usage(path.parent).free
        # Writing to a mapped file on a full disk ends the process, so its room is taken first.
        try:
            if values * _FLOAT > free:
                raise OSError
            with path.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, values * _FLOAT)
        except OSError:
            raise InputError(
                f"the picture needs {values * _FLOAT / 1e9:.1f} GB for a temporary file and "
                f"{path.parent.parent} has {free / 1e9:.1f} GB free; set TMPDIR to a folder with more room, "
                "or pass a smaller picture"
            ) from None
        self._files[number] = path
        return torch.from_file(str(path), shared=True, size=values, dtype=torch.float32)
