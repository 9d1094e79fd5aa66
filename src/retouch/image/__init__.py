"""Pictures and masks: read, written, and kept as their files had them.

>>> from retouch.image import Box, Mask
>>> Mask.of(Box(0, 0, 2, 1), size=(4, 4)).coverage
0.125
"""

from __future__ import annotations

from retouch.image.animation import Animation
from retouch.image.drawing import Drawing, Stroke
from retouch.image.facts import BitDepth, FileFacts, Mode
from retouch.image.film import Film
from retouch.image.mask import Mask, MaskLike
from retouch.image.picture import Picture, PictureLike
from retouch.image.shapes import Box, Point, Polygon, Region

__all__ = [
    "Animation",
    "BitDepth",
    "Box",
    "Drawing",
    "FileFacts",
    "Film",
    "Mask",
    "MaskLike",
    "Mode",
    "Picture",
    "PictureLike",
    "Point",
    "Polygon",
    "Region",
    "Stroke",
]
