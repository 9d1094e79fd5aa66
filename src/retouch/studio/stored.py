"""What the studio knows of a file that it keeps."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass

from retouch.image.picture import MAX_PIXELS
from retouch.studio.failures import Gone, StoreFull, UnknownHandle

_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Limits:
    """How large things may be.

    Args:
        upload: bytes of one file from outside.
        folder: bytes of all files together.
        pixels: of one picture.
        files: how many there may be.
        block: bytes that the disk gives to a file at a time.
    """

    upload: int = 200_000_000
    folder: int = 10_000_000_000
    pixels: int = MAX_PIXELS
    files: int = 100_000
    block: int = 4096

    def taken(self, size: int) -> int:
        """Say how much of the disk a file takes.

        Args:
            size: its bytes.
        """
        return -(-size // self.block) * self.block


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the store, and what is known of it.

    Args:
        handle: 128 random bits, in hexadecimal; who has it may use the file.
        name: what it is called outside; only to be shown.
        bytes: its size.
        created: seconds since 1970.
        facts: what it is: ``kind``, ``width``, ``height``, ``mode``, ``bits``, ``format``.
    """

    handle: str
    name: str
    bytes: int
    created: float
    facts: Mapping[str, object]


def shown_name(name: str) -> str:
    r"""Give the part of a file's name that is harmless to show.

    >>> shown_name("../../etc/pass\nwd.png")
    'passwd.png'

    Args:
        name: as somebody outside says it.

    Returns:
        At most 120 printable characters without a folder; never empty.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(letter for letter in last if letter.isprintable()).strip().lstrip(".")
    if len(shown) > _LONGEST_NAME:
        stem, dot, ending = shown.rpartition(".")
        kept = dot + ending if stem and len(ending) <= 20 else ""
        shown = shown[: _LONGEST_NAME - len(kept)] + kept
    return shown or "unnamed"


def missing(what: str, handle: str, *, gone: bool) -> UnknownHandle:
    """Say that there is no such thing.

    Args:
        what: a file or a job.
        handle: that was asked for.
        gone: there was one.

    Returns:
        The error, to be raised.
    """
    if gone:
        return Gone(f"the {what} {handle} was removed, to make room or because somebody asked; make it again")
    return UnknownHandle(
        f"there is no {what} {handle!r:.60}; the studio may have been started anew since: send it again"
    )


def refused_by_disk(error: OSError) -> StoreFull:
    """Say that a file cannot be kept.

    Args:
        error: of the system.

    Returns:
        The error, to be raised.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull("the disk of the studio is full; delete some results, or free some space")
    return StoreFull(f"the studio's folder takes no files ({error.strerror}); tell its owner")
