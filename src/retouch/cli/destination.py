"""Where an edit's picture goes, and whether it can, found out before the work starts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from retouch.cli.printing import OUTPUT_GROUP
from retouch.cli.words import colour, converter, integer
from retouch.errors import UnwritablePicture

if TYPE_CHECKING:
    from retouch.image import Picture


@Parameter(name="*", group=OUTPUT_GROUP)
@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how to write; every edit takes these.

    Args:
        output: The file to write; its ending says the format. For a folder of photos the folder to write.
        overwrite: Replace what is there already.
        quality: 1 to 100, for JPEG, WebP and AVIF.
        lossless: Keep every sample exactly, or not, in a WebP.
        bit_depth: Bits per sample, instead of the photo's own.
        matte: Colour R,G,B, each 0 to 1, to lay under transparent pixels: 1,1,1 is white.
        film: A film of the making as well: a .gif, .webp, .avif, .png (animated) or .mp4 file.
    """

    output: Annotated[Path, Parameter(name=["--output", "-o"])]
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False
    quality: Annotated[
        int | None,
        Parameter(metavar="N", n_tokens=1, converter=converter(integer), validator=Number(gte=1, lte=100)),
    ] = None
    lossless: bool | None = None
    bit_depth: Literal[8, 16, 32] | None = None
    matte: Annotated[
        tuple[float, float, float] | None,
        Parameter(
            metavar="R,G,B", n_tokens=1, converter=converter(colour), negative="", allow_leading_hyphen=True
        ),
    ] = None
    film: Annotated[Path | None, Parameter(show_default=False)] = None

    def save(self, picture: Picture) -> tuple[Path, ...]:
        """Write a picture and what belongs beside it; a file appears complete or not at all.

        Args:
            picture: what was made; moving if it has an animation and the output can move.

        Returns:
            The files beside it.
        """
        from retouch.image.beside import companion_paths

        picture.save(
            self.output,
            overwrite=self.overwrite,
            quality=self.quality,
            lossless=self.lossless,
            bit_depth=self.bit_depth,
            background=self.matte,
            companions=True,
        )
        return companion_paths(self.output, picture.companions)


def check_destination(
    output: Path, *, overwrite: bool, companions: Iterable[str] = (), moving: bool = False
) -> None:
    """Refuse a place where a picture could not be saved, before any time is spent on the picture.

    Saving checks again: the file may appear, or the disk fill, while the edit runs.

    Args:
        output: the file to be written.
        overwrite: a file that is there may be replaced.
        companions: how the names end of files that are written beside it.
        moving: the picture has an animation, which more formats hold.

    Raises:
        OutputExists: A file is there and must not be replaced.
        UnwritablePicture: The folder is missing or takes no files, the place holds something that
            is not a file, or the ending names no picture format.
    """
    from retouch.image.beside import companion_paths
    from retouch.image.write import check_target, format_for

    format_for(output, moving=moving)
    for path in (output, *companion_paths(output, companions)):
        check_target(path, overwrite=overwrite)
    check_folder(output.parent)


def check_folder(folder: Path) -> None:
    """Refuse a folder that takes no files.

    Args:
        folder: that is there.

    Raises:
        UnwritablePicture: No file can be made in it.
    """
    try:
        # Permission bits do not tell that a disk is full or mounted read-only; a file does.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UnwritablePicture(
            f"the folder {folder} takes no files ({error.strerror}); choose another output"
        ) from None
