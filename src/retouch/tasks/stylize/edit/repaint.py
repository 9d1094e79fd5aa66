"""The verb: a photo painted in one style, in one pass."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from retouch.image import Picture, PictureLike
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.stylize.edit.painter import PaintedColours, Painter
from retouch.tasks.stylize.edit.settings import Precision

if TYPE_CHECKING:
    from retouch.weights.find import WeightsName
    from retouch.weights.remembered import Remembered


def repaint(
    photo: PictureLike,
    *,
    model: WeightsName = "starry-night",
    strength: float = 1.0,
    colours: PaintedColours = "style",
    budget: float | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Paint a photo in the style that a network was trained for, in one pass.

    Args:
        photo: the photo, of any size.
        model: the name of bundled or fetched weights, or the path of a weights file; the files of
            pytorch/examples (candy, mosaic, rain_princess, udnie) work as they are.
        strength: how far the painting goes from the photo: 1 for all the way, 0.5 for halfway.
        colours: "style" for the style's, "photo" to keep the photo's own and paint its light and shade.
        budget: megapixels that are computed at once at most; chosen by the free memory when left out. It
            leaves no seams.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is faster on processors that have it, and a little less exact.
        progress: called after every piece.

    Returns:
        The same kind of file, of the same size, bit depth and transparency; a gray photo gets colours
        unless it keeps its own.

    Raises:
        InputError: the weights are for another task, or paint from features; there is no such device; a
            number is out of range; there is not enough memory.
        UnknownName: there are no weights, no colours or no precision of that name.
        WeightsError: the weights cannot be read, are not on this machine, or give no numbers.

    Source: Johnson, Alahi, Fei-Fei 2016, arXiv:1603.08155; Ulyanov, Vedaldi, Lempitsky 2016,
        arXiv:1607.08022; the photo's colours: Gatys et al. 2016, arXiv:1606.05897, section 6.
    Departs: a photo of another size than the network wants is continued by its mirror image and cut back.
        Mean and variance of instance normalisation are those of the whole photo, however it is cut up.
    """
    painter = _ready(model, device, precision, progress)
    return painter(photo, strength=strength, colours=colours, budget=budget, progress=progress)


@functools.cache
def _loaded() -> Remembered[Painter]:
    from retouch.weights.remembered import Remembered

    def load(model: str, device: str, precision: Precision) -> Painter:
        return Painter.load(model, device=device, precision=precision)

    return Remembered(load)


def _ready(model: str, device: str, precision: Precision, progress: ProgressCallback | None) -> Painter:
    """Load a network, or take the one that was used last: a folder of photos needs it once."""
    if progress:
        progress(Progress("loading the model", 0))
    return _loaded()(model, device, precision)
