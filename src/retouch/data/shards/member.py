"""A picture in an archive."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from retouch.data.origin import File
from retouch.data.shards.index import Archive
from retouch.errors import PictureTooLarge, UnreadablePicture
from retouch.image import Picture
from retouch.image.picture import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Member(File):
    """A picture file in a tar archive.

    Args:
        archive: where it is.
        name: its name there.
        offset: its first byte.
        weight: its size in bytes.
    """

    archive: Archive
    name: str
    offset: int
    weight: int

    @property
    def path(self) -> Path:
        """The archive's path, and the name as if the archive were a folder."""
        return self.archive.path / self.name

    def data(self) -> bytes:
        """Read its bytes.

        Raises:
            UnreadablePicture: the archive has gone, or is another one by now.
            PictureTooLarge: it has more bytes than are read.
        """
        if self.weight > MAX_BYTES:
            raise PictureTooLarge(
                f"{self.path} has {self.weight:,} bytes, more than the limit of {MAX_BYTES:,}; leave it out"
            )
        path = self.archive.path
        try:
            # Opened anew each time: as fast as a file of its own, and from any thread or process.
            pipe = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            with os.fdopen(pipe, "rb", buffering=0) as file:
                status = os.fstat(pipe)
                if not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (
                    self.archive.size,
                    self.archive.changed,
                ):
                    raise UnreadablePicture(f"{path} was changed while it was in use; start again")
                file.seek(self.offset)
                data = file.read(self.weight)
                while len(data) < self.weight and (more := file.read(self.weight - len(data))):
                    data += more
        except UnreadablePicture:
            raise
        except OSError as error:
            raise UnreadablePicture(f"{path} cannot be read ({error.strerror}); check the disk") from error
        if len(data) < self.weight:
            raise UnreadablePicture(f"{path} ends within {self.name}; copy or pack it again")
        return data

    def picture(self) -> Picture:
        """Decode it.

        Raises:
            PictureError: it is no picture that can be read.
        """
        data = self.data()
        try:
            return Picture.open(data)
        except PictureTooLarge as error:
            raise PictureTooLarge(f"{self.path}: {error}") from error
        except UnreadablePicture as error:
            raise UnreadablePicture(f"{self.path}: {error}") from error
