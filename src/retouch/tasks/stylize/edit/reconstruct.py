"""The verb: a photo made anew from what one layer of a network knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from retouch.image import Picture, PictureLike
from retouch.image.facts import PicturePath
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.stylize.edit.settings import (
    LARGEST,
    MOST_STEPS,
    Optimiser,
    Precision,
    check_choice,
    check_number,
)

if TYPE_CHECKING:
    from retouch.weights.find import WeightsName

STEPS = 300
"""After which a reconstruction hardly changes: a hundred at each of three sizes."""


def reconstruct(
    photo: PictureLike,
    *,
    layer: str = "relu4_2",
    size: int | None = None,
    features: WeightsName = "auto",
    start: Literal["noise"] | PicturePath = "noise",
    variation: float = 0.05,
    steps: int = STEPS,
    optimiser: Optimiser = "lbfgs",
    seed: int = 0,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Show what a layer of a network knows of a photo, by making it anew from that alone.

    Args:
        photo: the photo, of any size.
        layer: the layer, such as relu1_1, which knows nearly all, or relu5_1; or several, comma-separated.
        size: longer side of the result in pixels; the photo's own when left out.
        features: the network that looks at the photo: "auto" for a full VGG-19 if one was fetched, else the
            bundled one; "bundled"; "random", which needs no weights; or the name or path of weights.
        start: "noise", which has nothing of the photo, or the path of a picture.
        variation: what smoothness counts; 0.05 takes out the noise that deep layers do not see.
        steps: of the optimiser, shared alike among three sizes, the last of which is the result's.
        optimiser: "lbfgs" or "adam".
        seed: of the noise; another seed shows what the layer does not know.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is faster on processors that have it, and a little less exact.
        progress: called after every step, with the losses, the PSNR and a preview.

    Returns:
        The same kind of file, with the same bit depth and transparency. Its report has the ``psnr`` in dB,
        against the photo at the same size.

    Raises:
        InputError: an option is out of range, there is no such device, or there is not enough memory.
        UnknownName: there are no weights, there is no optimiser, or no layer, of that name.
        UnreadablePicture: a picture cannot be read.
        WeightsError: the weights cannot be read, or are not on this machine.
        NotConverged: the features are no numbers.

    Source: Mahendran, Vedaldi, "Understanding deep image representations by inverting them", CVPR 2015,
        arXiv:1412.0035; Gatys, Ecker, Bethge, CVPR 2016, section 2.1.
    Departs: the loss is relative to the size of the features. From small to large: what pooling hides would
        else stay noise.
    """
    check_choice("optimiser", optimiser, Optimiser)
    check_choice("precision", precision, Precision)
    check_number("variation", variation, 0, 1e9)
    check_number("steps", steps, 1, MOST_STEPS, whole=True)
    check_number("seed", seed, 0, 2**63 - 1, whole=True)
    if size is not None:
        check_number("size", size, 1, LARGEST, whole=True)
    if progress:
        progress(Progress("loading the model", 0))

    from retouch.tasks.stylize.edit.inverting import Inversion

    inversion = Inversion(
        Picture.of(photo),
        layer=layer,
        size=size,
        features=features,
        variation=variation,
        device=device,
        precision=precision,
    )
    return inversion.made(start=start, steps=steps, optimiser=optimiser, seed=seed, progress=progress)
