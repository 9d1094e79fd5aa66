"""The blend verbs: Poisson image editing on photographs.

Source: P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing", ACM SIGGRAPH 2003.
"""

from __future__ import annotations

from typing import Literal

from retouch.image import MaskLike, Picture, PictureLike, Point
from retouch.progress import ProgressCallback

Gradients = Literal["source", "mixed", "average", "mono"]
MaskFrame = Literal["auto", "source", "target"]
Tolerance = Literal["visual", "exact"] | float
Axes = Literal["both", "horizontal", "vertical"]
Background = Literal["keep", "gray"]


def blend(
    source: PictureLike,
    target: PictureLike,
    mask: MaskLike | None = None,
    *,
    at: Point | None = None,
    center: Point | None = None,
    gradients: Gradients = "source",
    source_weight: float = 0.5,
    mask_on: MaskFrame = "auto",
    linear_light: bool = False,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Clone a region of one photo into another so that no seam shows."""
    raise AssertionError


def flatten(
    photo: PictureLike,
    mask: MaskLike | None = None,
    *,
    edges: MaskLike | None = None,
    low: float = 0.04,
    high: float = 0.1,
    sigma: float = 1.0,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Wash out the texture of a region and keep its strong edges."""
    raise AssertionError


def relight(
    photo: PictureLike,
    mask: MaskLike,
    *,
    alpha: float = 0.2,
    beta: float = 0.2,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Even out the light of a region: lift shadows, calm highlights."""
    raise AssertionError


def recolor(
    photo: PictureLike,
    mask: MaskLike,
    *,
    red: float = 1.0,
    green: float = 1.0,
    blue: float = 1.0,
    hue: float = 0.0,
    background: Background = "keep",
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Change the colour of an object, or take the colour out of everything around it."""
    raise AssertionError


def tile(
    photo: PictureLike,
    *,
    axes: Axes = "both",
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Make a picture that repeats without a visible seam."""
    raise AssertionError


def fill(
    photo: PictureLike,
    mask: MaskLike,
    *,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Fill a hole with the smoothest surface through its rim."""
    raise AssertionError
