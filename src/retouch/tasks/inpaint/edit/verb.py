"""The verb: a hole of a photo filled by a network, or by a classical method."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from retouch.image import MaskLike, Picture, PictureLike
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.inpaint.edit.filling import CLASSICAL, Precision, Seam, classical, filled
from retouch.tasks.inpaint.edit.inpainter import Inpainter, check_precision

if TYPE_CHECKING:
    from retouch.weights.find import WeightsName
    from retouch.weights.remembered import Remembered


def inpaint(
    photo: PictureLike,
    mask: MaskLike,
    *,
    model: WeightsName = "lama-small",
    seam: Seam = "poisson",
    refine: int = 0,
    budget: float | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Take something out of a photo and fill the hole with what could be behind it.

    The mask should cover all of the thing, with its shadow and its blurred rim: grow it by a few pixels
    when it was drawn closely (``Mask.grow``, on the command line ``--grow``). Where it has values between
    0 and 1, the photo and the fill are mixed.

    Args:
        photo: the photo, of any size.
        mask: what to take out; nothing else changes, except as "feather" says.
        model: the name of bundled or fetched weights, or the path of a weights file; LaMa's own files work
            as they are. Or "telea", "navier-stokes", "biharmonic", "membrane": methods without a
            network, good for scratches, dust and writing.
        seam: how a network's fill meets the photo: "poisson" corrects its colours by what they lack at the
            rim; "feather" lets it fade into the photo over six pixels outside the mask; "none" leaves it.
        refine: steps by which the fill of a wide hole is improved at each size, 0 for none; 15 is
            usual, and takes about fifty times as long.
        budget: megapixels that are filled at once at most; chosen by the free memory when left out. A
            larger hole is filled at a reduced size first, and then in parts.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is faster on processors that have it, and a little less exact.
        progress: called after every part.

    Returns:
        The same kind of file, bit for bit the same outside the mask.

    Raises:
        EmptyMask: the mask selects nothing.
        SizeMismatch: the mask does not have the photo's size.
        InputError: the mask covers the whole photo; the weights are for another task; there is no
            such device; refine or budget is out of range, or is not for this model; there is not
            enough memory for the smallest parts.
        UnknownName: there are no weights, or there is no way to treat the seam, or no precision, of that
            name.
        WeightsError: the weights cannot be read, are not on this machine, or give no numbers.

    Source: Suvorov et al. 2021, arXiv:2109.07161; refinement: Kulshreshtha et al. 2022, arXiv:2206.13644;
        the seam: Pérez, Gangnet, Blake 2003.
    Departs: the photo is not filled as a whole but in crops around the hole, as large as the hole is wide;
        holes wider than those of the network's training go from coarse to fine. With seam "poisson" the
        fill of a network whose card says so, as that of lama-small does, is mixed with the membrane
        (``trust``) and gets the photo's texture (``detail``, after Yi et al. 2020, arXiv:2005.09704).
    """
    if progress:
        progress(Progress("loading the model", 0))
    if model in CLASSICAL:
        way = classical(model, refine=refine, budget=budget, device=device, precision=precision)
        return filled(photo, mask, way, seam=seam, progress=progress)
    check_precision(precision)
    inpainter = _loaded()(model, device, precision)
    return inpainter(photo, mask, seam=seam, refine=refine, budget=budget, progress=progress)


@functools.cache
def _loaded() -> Remembered[Inpainter]:
    from retouch.weights.remembered import Remembered

    def load(model: str, device: str, precision: Precision) -> Inpainter:
        return Inpainter.load(model, device=device, precision=precision)

    return Remembered(load)
