"""The verb: a photo painted in the manner of other pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from retouch.image import MaskLike, Picture, PictureLike
from retouch.image.facts import PicturePath
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.stylize.edit.settings import (
    CONTENT_WEIGHT,
    VARIATION,
    Colours,
    Optimiser,
    Precision,
    Preset,
    Statistic,
    Transfer,
)
from retouch.tasks.stylize.edit.stylizer import Stylizer

if TYPE_CHECKING:
    from retouch.weights.find import WeightsName


def stylize(
    content: PictureLike,
    style: PictureLike,
    *,
    styles: tuple[PictureLike, ...] = (),
    shares: str = "",
    mask: MaskLike | None = None,
    masks: tuple[MaskLike, ...] = (),
    preset: Preset = "fast",
    size: int | None = None,
    style_scale: float = 1.0,
    strength: float = 1.0,
    transfer: Transfer = "transport",
    colours: Colours = "style",
    features: WeightsName = "auto",
    content_layer: str = "relu4_2",
    content_weight: float = CONTENT_WEIGHT,
    style_layers: str = "",
    statistic: Statistic = "wasserstein",
    variation: float = VARIATION,
    start: Literal["auto", "content", "noise", "draft"] | PicturePath = "auto",
    steps: int | None = None,
    optimiser: Optimiser = "lbfgs",
    seed: int = 0,
    budget: float | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Paint a photo in the manner of another picture.

    Args:
        content: the photo, of any size.
        style: a picture in the manner that is wanted, such as a painting. What is transparent in it does not
            count.
        styles: more of them, whose manners are mixed with the first.
        shares: how much each style counts, such as "2,1"; all alike when empty.
        mask: where the photo is painted; elsewhere it stays as it is.
        masks: where each style goes, one for each, in their order; elsewhere the photo stays as it is.
        preset: "draft" in one pass, in about a second; "fast" in some seconds; "best" with more steps at
            each size.
        size: longer side of the result in pixels; the photo's own when left out.
        style_scale: size of the style's strokes and motifs: at 1 the style is looked at as large as the
            result, at 0.5 half as large. A style is enlarged twice at most.
        strength: how far the painting goes from the photo to the style, 0 to 1.
        transfer: how a draft, or what starts with one, gets the style's statistics: "transport" by the least
            change of the features, "wct" by whitening and colouring them, "adain" by their means and
            deviations alone.
        colours: "style" for the style's; "photo" repaints the style in the photo's colours first; "luminance"
            paints light and shade alone and keeps the photo's hues.
        features: the network that looks at the pictures: "auto" for a full VGG-19 if one was fetched, else
            the bundled one; "bundled"; "random", which needs no weights; or the name or path of weights.
        content_layer: layers by which the photo stays recognisable, comma-separated; a deeper one leaves the
            painting more freedom.
        content_weight: what they count against the style; more keeps more of the photo.
        style_layers: layers whose statistics make the style, and what each counts, such as
            "relu1_1=1,relu3_1=2"; relu1_1 to relu5_1 alike when empty.
        statistic: what is compared of them: "wasserstein" for means and covariances; "gram" for products of
            channels, as in the paper; "mean-std"; or "patches".
        variation: what smoothness counts against the style.
        start: "content", "noise", "draft" or the path of a picture; "auto" is the draft for preset draft, and
            else the photo.
        steps: of the optimiser, at all sizes together; the preset's when left out.
        optimiser: "lbfgs" or "adam".
        seed: of noise; the same seed gives the same picture.
        budget: megapixels that are computed at once at most; chosen by the free memory when left out. A
            larger result is painted at a reduced size and enlarged, and the report says so.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is faster on processors that have it, and a little less exact.
        progress: called after every step, with the losses and a preview.

    Returns:
        The same kind of file, with the same bit depth and transparency, bit for bit the same outside the
        masks unless its size changes; a gray photo gets colours unless it keeps its own. Its report has the
        losses, and what was done at which size.

    Raises:
        EmptyMask: a mask selects nothing.
        SizeMismatch: a mask does not have the photo's size.
        InputError: an option is out of range, shares or masks are not one for each style, there is no such
            device, or there is not enough memory.
        UnknownName: there are no weights, there is no choice, or no layer, of that name.
        UnreadablePicture: a picture cannot be read.
        WeightsError: the weights cannot be read, or are not on this machine.
        NotConverged: the features are no numbers.

    Source: Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016; from
        small to large: Gatys et al. 2017, arXiv:1611.07865; "wasserstein": Vacher et al. 2020,
        arXiv:2006.03698; "draft": Li et al. 2017, arXiv:1705.08086.
    Departs: networks trained with max pooling look with average pooling, as the paper proposes, and reflect
        the picture at its rim. The statistic is the Wasserstein distance unless asked for otherwise, and the
        colours of the pixels are compared, too. Losses are relative to what the features are, so that weights
        fit any network, and all style layers count alike. Strength mixes the statistics of the style with the
        photo's own.
    """
    if progress:
        progress(Progress("loading the model", 0))
    stylizer = Stylizer.load(
        style, styles=styles, shares=shares, features=features, device=device, precision=precision
    )
    return stylizer(
        content,
        mask=mask,
        masks=masks,
        preset=preset,
        size=size,
        style_scale=style_scale,
        strength=strength,
        transfer=transfer,
        colours=colours,
        content_layer=content_layer,
        content_weight=content_weight,
        style_layers=style_layers,
        statistic=statistic,
        variation=variation,
        start=start,
        steps=steps,
        optimiser=optimiser,
        seed=seed,
        budget=budget,
        progress=progress,
    )
