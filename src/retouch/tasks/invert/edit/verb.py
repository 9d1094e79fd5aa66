"""The verb: a photo as a generator makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.image import Picture, PictureLike
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.invert.edit.inverter import Inverter
from retouch.tasks.invert.edit.settings import (
    FIDELITY,
    Crop,
    Noise,
    Optimiser,
    PixelLoss,
    Precision,
    Preset,
    SpaceChoice,
)
from retouch.tasks.invert.method.wish import Perceptual

if TYPE_CHECKING:
    from retouch.weights.find import WeightsName


def invert(
    photo: PictureLike,
    *,
    model: WeightsName = "kaokore",
    preset: Preset = "fast",
    fidelity: float = FIDELITY,
    space: SpaceChoice = "auto",
    noise: Noise = "const",
    tune: bool = False,
    pixel_loss: PixelLoss = "l2",
    pixel_weight: float = 1.0,
    perceptual: Perceptual = "auto",
    perceptual_weight: float | None = None,
    delta: float = 0.0,
    prior: float | None = None,
    together: float | None = None,
    optimiser: Optimiser = "lbfgs",
    evaluations: int | None = None,
    starts: int | None = None,
    truncation: float = 0.5,
    crop: Crop = "centre",
    align: bool = False,
    label: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Find the latent of a photo: what a generator makes the same picture of, ready to be edited.

    Args:
        photo: the photo, of any size and kind. Gray, 16 bits and profiles are read as the colours they mean;
            what is transparent does not count.
        model: the generator: the name of bundled or fetched weights, or the path of a weights file. StyleGAN2
            files of NVIDIA's, rosinality's and PTI's programs work as they are.
        preset: "fast" in some seconds at 64 pixels; "best" with more starts and a longer search.
        fidelity: one number between what can be edited best, at 0, and what is nearest to the photo, at 1; it
            chooses the space and the prior.
        space: where the latent is looked for: "z"; "w", one style; "w+", a style for each row; "p" and "p+",
            the same in whitened coordinates, where what the generator was trained with lies close together.
            "auto" goes by the fidelity, and is p+ in its middle. A DCGAN has z alone.
        noise: maps of noise: "const" for those of the weights file, "none", or "fitted" to look for them too.
        tune: adapt the generator to the photo afterwards, by a change of low rank that the latent file holds.
        pixel_loss: how differences of pixels count: "l2" by their squares, "l1" by their size.
        pixel_weight: what they count.
        perceptual: what is compared beside pixels: "features" of a VGG; "lpips" where it is there; "judge"
            for features of the generator's own discriminator; "pyramid" for gradients at all sizes, which
            takes no network; "none"; or "auto" for LPIPS where it is there, and else the pyramid.
        perceptual_weight: what that counts; the usual when left out.
        delta: what the distance to where the search began counts.
        prior: what the distance to the latents of the training counts; by the fidelity when left out.
        together: what it counts that the rows have different styles, which the training seldom had; by
            the fidelity when left out.
        optimiser: "lbfgs" or "adam".
        evaluations: of the generator and its slope, of all starts together; the preset's when left out.
        starts: from how many latents the search begins; the best go on; the preset's when left out. Where an
            encoder lies beside the generator's file, its guess is one of them.
        truncation: how far random starts are from the average: 0 for none, 1 as the generator was trained.
        crop: how a photo becomes square: "centre" takes its middle, "pad" all of it.
        align: look for the scale, turn and place in which the generator knows such a photo, too.
        label: the class, for generators that were trained with labels.
        seed: of the starts; the same seed gives the same latent.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        precision: "bfloat16" is faster on processors that have it; a search by L-BFGS then ends earlier.
        progress: called after every evaluation, with the loss and a preview.

    Returns:
        What the generator makes of the latent, of its own size, with 8 bits; ``out.latent.safetensors``
        beside it gives the same picture again, bit for bit on the same machine. Its report has the psnr in
        dB, the ssim, the prior (the mean square of whitened coordinates, 1 for latents of the training), the
        lpips where LPIPS is there, losses, evaluations, seconds, and a note where something should be known.

    Raises:
        InputError: an option is out of range, or not for this generator; nothing of the photo can be seen;
            there is no such device.
        UnknownName: there are no weights, or there is no choice, of that name.
        UnreadablePicture: the photo cannot be read.
        WeightsError: the weights cannot be read, or are not on this machine.
        NotConverged: the losses are no numbers.

    Source: Abdal, Qin, Wonka, "Image2StyleGAN", ICCV 2019, arXiv:1904.03189 (w+); Karras et al. 2020,
        arXiv:1912.04958, appendix D (w, noise maps, Adam); Zhu et al. 2020, arXiv:2012.09036 (p, p+); Roich
        et al. 2021, arXiv:2106.05744 (tuning).
    Departs: L-BFGS from several starts, in whitened coordinates with one style for all rows before each has
        its own, unless asked for otherwise. Tuning is of low rank.
    """
    if progress:
        progress(Progress("loading the model", 0))
    inverter = Inverter.load(model, device=device, precision=precision)
    found = inverter(
        photo,
        preset=preset,
        fidelity=fidelity,
        space=space,
        noise=noise,
        tune=tune,
        pixel_loss=pixel_loss,
        pixel_weight=pixel_weight,
        perceptual=perceptual,
        perceptual_weight=perceptual_weight,
        delta=delta,
        prior=prior,
        together=together,
        optimiser=optimiser,
        evaluations=evaluations,
        starts=starts,
        truncation=truncation,
        crop=crop,
        align=align,
        label=label,
        seed=seed,
        progress=progress,
    )
    return found.picture
