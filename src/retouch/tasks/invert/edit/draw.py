"""The verb: a coloured scribble as a picture of what a generator knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.image import MaskLike, Picture, PictureLike
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.invert.edit.settings import (
    MOST_EVALUATIONS,
    MOST_SEED,
    MOST_STARTS,
    Crop,
    check_number,
)

if TYPE_CHECKING:
    from retouch.tasks.invert.edit.latent import LatentLike
    from retouch.weights.find import WeightsName

MOST_CANDIDATES = 64


def draw(
    scribble: PictureLike,
    *,
    mask: MaskLike | None = None,
    model: WeightsName = "kaokore",
    start: LatentLike | None = None,
    realism: float = 0.5,
    edges: float = 1.0,
    tolerance: int = 1,
    keep: float = 1.0,
    candidates: int = 1,
    starts: int = 64,
    evaluations: int = 100,
    crop: Crop = "pad",
    label: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Make a picture of a coloured scribble, such as a generator was trained to make.

    Args:
        scribble: strokes in the colours that are wanted, of any size and kind of file; what is not drawn is
            imagined. Where it is transparent by more than half there is no stroke. Without transparency there
            is none where it has the colour of its border, or else white.
        mask: where the strokes are, in place of that rule.
        model: the generator: the name of bundled or fetched weights, or the path of a StyleGAN2 or DCGAN.
        start: a photo, or the latent file of one, that the strokes change; elsewhere it is kept.
        realism: 0 follows the strokes wherever they lead, 1 stays with the most usual pictures that the
            generator knows.
        edges: what the directions of outlines count, which are thin dark strokes; 0 for nothing.
        tolerance: pixels, of the generator's, by which outlines may be missed.
        keep: what it counts to change a start outside the strokes.
        candidates: how many different pictures are made; more than 1 lie side by side, the best first.
        starts: how many pictures are tried first; those that are near to the strokes and unlike each other
            go on.
        evaluations: of the generator and its slope, for each candidate.
        crop: how a scribble becomes square: "pad" takes all of it, "centre" its middle.
        label: the class, for generators with labels.
        seed: of the starts; another seed gives other pictures.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        progress: called after every evaluation, with the loss and a preview.

    Returns:
        The picture, of the generator's own size, with its latent file beside it; or candidates side by side,
        with theirs. Its report has the coverage of the strokes, how they were told from the rest, and of each
        candidate the colour, which is the distance of the colours in the strokes (ΔE, root mean square), and
        the prior, 1 for pictures like those of the training, less for more usual ones.

    Raises:
        EmptyMask: there is no stroke.
        SizeMismatch: the mask does not have the scribble's size.
        InputError: strokes cannot be told from the rest, an option is out of range or not for this generator,
            or there is no such device.
        UnknownName: there are no weights, or there is no choice, of that name.
        UnreadablePicture: the scribble cannot be read.
        UnreadableWeights: the latent file of the start is damaged.
        WeightsError: the generator cannot be read, or is not on this machine.
        NotConverged: the losses are no numbers.

    Source: Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", ECCV 2016,
        arXiv:1609.03552: colour and edge terms over the mask, many starts at once; Zhu et al. 2020,
        arXiv:2012.09036: whitened coordinates.
    Departs: colours are compared in CIE L*a*b* at three scales. Codes are held in a ball about the middle of
        whitened coordinates in place of a weighed prior. Rows of styles are tied, and become free from coarse
        to fine where strokes are not met. Candidates are chosen to differ.
    """
    check_number("realism", realism, 0, 1)
    check_number("edges", edges, 0, 1e6)
    check_number("tolerance", tolerance, 0, 4, whole=True)
    check_number("keep", keep, 0, 1e6)
    check_number("candidates", candidates, 1, MOST_CANDIDATES, whole=True)
    check_number("starts", starts, 1, MOST_STARTS, whole=True)
    check_number("evaluations", evaluations, 1, MOST_EVALUATIONS, whole=True)
    check_number("seed", seed, 0, MOST_SEED, whole=True)
    if progress:
        progress(Progress("loading the model", 0))
    from retouch.tasks.invert.edit.easel import Easel, Effort
    from retouch.tasks.invert.edit.model import remembered

    easel = Easel(
        remembered(model, device),
        Picture.of(scribble),
        mask=mask,
        crop=crop,
        label=label,
        edges=edges,
        tolerance=tolerance,
        seed=seed,
    )
    if start is not None:
        easel.begin(start, keep=keep, progress=progress)
    effort = Effort(candidates=candidates, starts=starts, evaluations=evaluations)
    return easel.drawn(realism, effort, progress)
