"""What a file says about itself besides its pixels, so that the same kind can be written back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]
"""Black and white, gray, gray + alpha, palette, colour, colour + alpha, four inks."""

BitDepth = Literal[1, 8, 16, 32]
"""Bits per sample; 32 is floating point."""

CHANNELS: dict[Mode, int] = {"1": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}
"""Samples per pixel; a palette picture is held as RGB or RGBA, so it has no fixed number."""

PicturePath = str
"""The path of a picture, for a verb that takes some words in its place, too."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is needed, besides the samples, to write back the same kind of file.

    Args:
        format: ``"PNG"``, ``"JPEG"``, ``"WEBP"``, ``"AVIF"``, ``"TIFF"``, ``"BMP"``, or None
            for a picture that did not come from a file.
        mode: how the file stores colour.
        bit_depth: bits per sample; 32 means floating point.
        icc: the embedded colour profile, byte for byte; None when there is none (then the
            colours are sRGB, or plain ink percentages for CMYK).
        exif: the EXIF block (TIFF structure, orientation reset to 1, no thumbnail).
        lossless: whether the file kept its samples exactly (a WebP is written back the same way).
        dpi: horizontal and vertical resolution, if the file gives one.
    """

    format: str | None = None
    mode: Mode = "RGB"
    bit_depth: BitDepth = 8
    icc: bytes | None = None
    exif: bytes | None = None
    lossless: bool = True
    dpi: tuple[float, float] | None = None

    @property
    def has_alpha(self) -> bool:
        """Whether the mode itself carries transparency (a palette may, too)."""
        return self.mode in ("LA", "RGBA")
