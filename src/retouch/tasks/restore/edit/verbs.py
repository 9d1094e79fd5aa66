"""The verbs: a photo cleaned of noise, and a photo enlarged."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

from retouch.errors import InputError
from retouch.image import Picture, PictureLike
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.restore.edit.restorer import Precision, Restorer
from retouch.tasks.restore.edit.sheet import with_report

if TYPE_CHECKING:
    from retouch.weights.find import WeightsName
    from retouch.weights.remembered import Remembered

CLEANER = "denoise"
"""The bundled network that cleans a photo before it is enlarged."""

_REMEMBERED = 2  # networks: one that cleans and one that enlarges


def restore(
    photo: PictureLike,
    *,
    model: WeightsName = "denoise",
    noise: float | None = None,
    strength: float = 1.0,
    ensemble: bool = False,
    tile: int | None = None,
    budget: float | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Take the noise out of a photo.

    A photo in which hardly any noise is found is left as it is, and the report says so.

    Args:
        photo: the photo, of any size.
        model: the name of bundled or fetched weights, or the path of a weights file; DnCNN's own files work
            as they are.
        noise: how strong the noise is: its standard deviation in levels of 255, whatever the bit depth.
            Estimated when left out.
        strength: how much of the noise that is found is taken out: 1 for all, 0.7 leaves some grain.
        ensemble: take the mean over the eight ways to turn and mirror the photo: a little better, and takes
            eight times as long.
        tile: the side in pixels of the pieces in which a large photo is computed; 0 for the whole at once.
            Chosen by the free memory when left out. It leaves no seams.
        budget: megapixels that are computed at once at most; chosen by the free memory when left out.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is faster on processors that have it, and a little less exact.
        progress: called after every piece.

    Returns:
        The same kind of file, of the same size, bit depth and transparency. Its report has the ``noise`` in
        levels of 255.

    Raises:
        InputError: the weights are for another task, or enlarge; there is no such device; a number is out of
            range; tile and budget are both given; there is not enough memory for the smallest pieces.
        UnknownName: there are no weights, or there is no precision, of that name.
        WeightsError: the weights cannot be read, are not on this machine, or give no numbers.

    Source: Zhang et al. 2018, arXiv:1710.04026; Zhang et al. 2017, arXiv:1608.03981; the noise: Chen, Zhu,
        Heng 2015, and Liu, Tanaka, Okutomi 2013.
    Departs: light and colours outside the network's range keep what they have beyond it.
    """
    restorer = _ready(model, device, precision, progress)
    if restorer.scale != 1:
        raise InputError(
            f"{restorer.card.name} makes photos {restorer.scale} times larger; use upscale, or pass a model "
            "for noise"
        )
    return restorer(
        photo,
        noise=noise,
        strength=strength,
        ensemble=ensemble,
        tile=tile,
        budget=budget,
        progress=progress,
    )


def upscale(
    photo: PictureLike,
    *,
    model: WeightsName = "upscale-x4",
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    denoise: Literal["auto"] | float | None = None,
    ensemble: bool = False,
    tile: int | None = None,
    budget: float | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Enlarge a photo, four times or to any size.

    Args:
        photo: the photo, of any size.
        model: the name of bundled or fetched weights, or the path of a weights file; the files of IMDN,
            SRResNet, SRGAN and Real-ESRGAN work as they are.
        scale: new pixels per old one, along a side, such as 2.5; at most 16. When no size is given, the
            network's own, which is 4.
        width: of the result, in pixels; the height follows unless it is given, too.
        height: of the result, in pixels; the width follows unless it is given, too.
        denoise: clean the photo first: a number says how strong the noise is, in levels of 255; "auto" finds
            that out. For small noisy pictures.
        ensemble: take the mean over the eight ways to turn and mirror the photo: a little better, and takes
            eight times as long.
        tile: the side in pixels of the pieces in which a large photo is computed; 0 for the whole at once.
            Chosen by the free memory when left out. It leaves no seams.
        budget: megapixels of the photo that are computed at once at most; chosen by the free memory when left
            out.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is faster on processors that have it, and a little less exact.
        progress: called after every piece.

    Returns:
        The same kind of file, of the size asked for; a palette becomes colours, and black and white gray. A
        size that is smaller than the photo's is made without the network.

    Raises:
        InputError: the weights are for another task, or leave the size as it is; there is no such device; a
            number is out of range, or contradicts another; the result would have too many pixels; there is
            not enough memory for the smallest pieces.
        UnknownName: there are no weights, or there is no precision, of that name.
        WeightsError: the weights cannot be read, are not on this machine, or give no numbers.

    Source: Lim et al. 2017, arXiv:1707.02921; Shi et al. 2016, arXiv:1609.05158.
    Departs: what is larger than asked for is reduced by an antialiased bicubic. Beyond its scale the network
        is applied again, to the size from which it just reaches the one asked for.
    """
    restorer = _ready(model, device, precision, progress)
    if restorer.scale == 1:
        raise InputError(
            f"{restorer.card.name} leaves the size as it is; use restore, or pass a model that enlarges"
        )
    cleaned = Picture.of(photo)
    report: dict[str, float | int | str] = {}
    if denoise is not None and denoise != 0:
        if isinstance(denoise, str) and denoise != "auto":
            raise InputError(f'denoise={denoise!r}; pass "auto", or the noise in levels of 255')
        cleaner = _ready(CLEANER, device, precision, progress)
        noise = None if isinstance(denoise, str) else denoise
        cleaned = cleaner(
            cleaned, noise=noise, ensemble=ensemble, tile=tile, budget=budget, progress=progress
        )
        report = {name: value for name, value in cleaned.report.items() if name.startswith("noise")}
        report["cleaned_by"] = cleaner.card.name if "pieces" in cleaned.report else "nothing: it is clean"
    made = restorer(
        cleaned,
        scale=scale,
        width=width,
        height=height,
        ensemble=ensemble,
        tile=tile,
        budget=budget,
        progress=progress,
    )
    return with_report(made, {**report, **made.report}) if report else made


@functools.cache
def _loaded() -> Remembered[Restorer]:
    from retouch.weights.remembered import Remembered

    def load(model: str, device: str, precision: Precision) -> Restorer:
        return Restorer.load(model, device=device, precision=precision)

    return Remembered(load, _REMEMBERED)


def _ready(model: str, device: str, precision: Precision, progress: ProgressCallback | None) -> Restorer:
    """Load a network, or take the one that was used last: a folder of photos needs it once."""
    if progress:
        progress(Progress("loading the model", 0))
    return _loaded()(model, device, precision)
