"""What a pickle holds, as plain data: no class of the file is ever imported or called."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field


class Malformed(Exception):
    """What the bytes say is impossible; the message is a clause, told on as UnreadableWeights."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a buffer, not copied.

    Args:
        buffer: a private map of a file, or bytes; writable, so that tensors may lie in it.
        start: the first byte.
        stop: the byte after the last.
    """

    buffer: mmap.mmap | bytearray
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def part(self, start: int, size: int) -> Window:
        """Take a part.

        Args:
            start: its first byte, counted from this window's.
            size: its length in bytes.

        Raises:
            Malformed: It would leave this window.
        """
        if start < 0 or size < 0 or start + size > len(self):
            raise Malformed(f"{size:,} bytes at {start:,} are announced and {len(self):,} are there in all")
        return Window(self.buffer, self.start + start, self.start + start + size)

    def copied(self) -> bytes:
        """The bytes themselves."""
        return bytes(self.buffer[self.start : self.stop])


class Budget:
    """How many bytes reading one file may still allocate, so that sharing cannot multiply them.

    Args:
        size: in bytes.
    """

    def __init__(self, size: int) -> None:
        self.left = size

    def spend(self, size: int) -> None:
        """Take some away.

        Raises:
            Malformed: It is used up.
        """
        self.left -= size
        if self.left < 0:
            raise Malformed("its parts, taken together, are many times larger than the file")


@dataclass(frozen=True, slots=True)
class Name:
    """Something that the pickle would have imported: ``torch._utils._rebuild_tensor_v2``."""

    text: str


@dataclass(slots=True, eq=False)
class Call:
    """Something that the pickle would have called or built.

    Args:
        target: the name of the function or class; empty when it is not a plain name.
        args: what it would have been given.
        states: what would have been set on the result: usually one dict of attributes.
        entries: what would have been stored in the result as in a dict.
        elements: what would have been appended to the result as to a list.
    """

    target: str
    args: tuple[object, ...] = ()
    states: list[object] = field(default_factory=list)
    entries: dict[object, object] = field(default_factory=dict)
    elements: list[object] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Storage:
    """A run of numbers that tensors are views of.

    Args:
        dtype: torch's name of the number type: ``"float32"``; ``"uint8"`` for untyped bytes.
        key: how the file refers to it.
        count: how many numbers it announces.
        big_endian: the most significant byte comes first.
        where: its bytes, once they are found.
        shift: its first number, counted in the numbers of ``where``.
        flat: its numbers as a tensor, by type, once one was made.
    """

    dtype: str
    key: object
    count: int
    big_endian: bool = False
    where: Window | None = None
    shift: int = 0
    flat: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A tensor: a view of a storage, nothing of which is checked yet."""

    storage: Storage
    offset: object
    size: object
    stride: object
    dtype: str
