"""The verb: more of the same texture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.errors import InputError
from retouch.image import Picture, PictureLike
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.stylize.edit.settings import (
    LARGEST,
    Optimiser,
    Precision,
    Statistic,
    check_choice,
    check_number,
)

if TYPE_CHECKING:
    from retouch.tasks.stylize.edit.painting import Size
    from retouch.weights.find import WeightsName

PATCHES = "patches"
"""The feature network that is learnt from the exemplar itself."""


def texture(
    exemplar: PictureLike,
    *,
    width: int | None = None,
    height: int | None = None,
    tileable: bool = False,
    scale: float = 1.0,
    features: WeightsName = "auto",
    style_layers: str = "",
    statistic: Statistic = "wasserstein",
    variation: float = 0.0,
    steps: int | None = None,
    optimiser: Optimiser = "lbfgs",
    seed: int = 0,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Make more of a texture, of any size.

    Args:
        exemplar: a picture of the texture. What is transparent in it does not count.
        width: of the result, in pixels; goes with the height, or is the exemplar's, when left out.
        height: of the result, in pixels; goes with the width, or is the exemplar's, when left out.
        tileable: the result repeats without a seam.
        scale: size of the grains, relative to the exemplar's.
        features: the network that looks at the pictures: "auto" for a full VGG-19 if one was fetched, else
            the bundled one; "bundled"; "random"; "patches", which is learnt from the exemplar itself and
            needs no weights; or the name or path of weights.
        style_layers: layers whose statistics make the texture, and what each counts, such as
            "relu1_1=1,relu3_1=2"; relu1_1 to relu5_1, each half as much as the one before,
            or those of "patches", alike, when empty.
        statistic: what is compared of them: "wasserstein" for means and covariances; "gram" for products of
            channels, as in the paper; "mean-std"; or "patches".
        variation: what smoothness counts.
        steps: of the optimiser, at all sizes together; 100 at 128 pixels and fewer at each larger size when
            left out.
        optimiser: "lbfgs" or "adam".
        seed: of the noise that it begins with; another seed gives another piece of the same texture.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is faster on processors that have it, and a little less exact.
        progress: called after every step, with the losses and a preview.

    Returns:
        The same kind of file as the exemplar, of the size asked for, opaque. Its report has the losses, and
        what was done at which size.

    Raises:
        InputError: an option is out of range, there is no such device, or there is not enough memory.
        UnknownName: there are no weights, there is no choice, or no layer, of that name.
        UnreadablePicture: the exemplar cannot be read.
        WeightsError: the weights cannot be read, or are not on this machine.
        NotConverged: the features are no numbers.

    Source: Gatys, Ecker, Bethge, "Texture Synthesis Using Convolutional Neural Networks", NIPS 2015,
        arXiv:1505.07376; from small to large: Snelgrove 2017, "High-resolution multi-scale neural texture
        synthesis".
    Departs: networks trained with max pooling look with average pooling, and reflect the picture at its rim.
        The statistic is the Wasserstein distance unless asked for otherwise, and the colours of the
        pixels are compared, too. Of a texture that repeats, the network sees the
        neighbours of the picture, too.
    """
    for name, side in (("width", width), ("height", height)):
        if side is not None:
            check_number(name, side, 1, LARGEST, whole=True)
    check_choice("statistic", statistic, Statistic)
    check_choice("optimiser", optimiser, Optimiser)
    check_choice("precision", precision, Precision)
    check_number("scale", scale, 0.05, 20)
    check_number("variation", variation, 0, 1e9)
    check_number("seed", seed, 0, 2**63 - 1, whole=True)
    if steps is not None:
        check_number("steps", steps, 0, 100_000, whole=True)
    if progress:
        progress(Progress("loading the model", 0))
    picture = Picture.of(exemplar)
    from retouch.tasks.stylize.edit.weaving import Loom

    loom = Loom(
        picture,
        _size(picture.size, width, height),
        features=features,
        style_layers=style_layers,
        statistic=statistic,
        variation=variation,
        scale=scale,
        tileable=tileable,
        seed=seed,
        device=device,
        precision=precision,
    )
    return loom.woven(steps=steps, optimiser=optimiser, progress=progress)


def _size(own: Size, width: int | None, height: int | None) -> Size:
    """Height and width of the result."""
    if width is None:
        width = max(round(own[1] * (height or own[0]) / own[0]), 1)
    if height is None:
        height = max(round(own[0] * width / own[1]), 1)
    if max(width, height) > LARGEST:
        raise InputError(
            f"the texture would have {width}×{height} pixels; give a width and a height of at most {LARGEST}"
        )
    return height, width
