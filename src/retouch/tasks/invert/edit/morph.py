"""The verb: a film from one photo to another, through the pictures of a generator."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, get_args

from retouch.errors import InputError, UnknownName
from retouch.image import Animation, Picture
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.invert.edit.settings import MOST_SEED, check_number

if TYPE_CHECKING:
    from torch import Tensor

    from retouch.tasks.invert.edit.between import Between
    from retouch.tasks.invert.edit.latent import Latent, LatentLike
    from retouch.tasks.invert.edit.model import Model
    from retouch.tasks.invert.method.retiming import Timing
    from retouch.weights.find import WeightsName

Way = Literal["linear", "spherical", "cubic"]
Place = Literal["p", "w", "z"]

COLUMNS = 10
"""Frames side by side on the still."""

MOST_FRAMES = 10_000


def morph(
    a: LatentLike,
    b: LatentLike,
    *,
    others: tuple[LatentLike, ...] = (),
    model: WeightsName = "kaokore",
    frames: int = 60,
    seconds: float = 3.0,
    path: Way = "linear",
    space: Place = "p",
    loop: bool = False,
    even: bool = True,
    label: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Make a film from one photo to another.

    Args:
        a: where it begins: a photo, or the latent file that invert wrote of one. A photo is looked for in the
            generator first, with the usual settings.
        b: where it leads, likewise.
        others: where it goes on to, likewise.
        model: the generator: a name, or the path of a StyleGAN2 or DCGAN.
        frames: of the film; the first is the picture of a, the last that of b or of the last of the others.
        seconds: how long the film takes.
        path: "linear" for the straight way, "spherical" around the average, "cubic" for a smooth way through
            more than two.
        space: where the way leads: "p" through styles in whitened coordinates, in which it stays among the
            pictures that the generator knows; "w" through styles; "z" through noise, for latents found there.
            A DCGAN has z alone.
        loop: go back to a at the end, and leave out the last frame, so that the film goes on for ever.
        even: place frames so that each differs from the next by as much, as far as a person sees it.
        label: the class in which photos are looked for, for generators with labels.
        seed: of the search, for photos.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        progress: called after every step, with a preview.

    Returns:
        The frames side by side, row by row, with the film as its animation, which is what is written to
        .gif, .webp, .apng, .avif or .mp4. Its report says how even the steps are.

    Raises:
        InputError: an option is out of range, a latent is of another generator, or was not found in z.
        UnknownName: there are no weights, or there is no choice, of that name.
        UnreadablePicture: a photo cannot be read.
        UnreadableWeights: a latent file is damaged.
        WeightsError: the generator cannot be read, or is not on this machine.
        NotConverged: a photo cannot be found.

    Source: Karras et al., "A Style-Based Generator Architecture for GANs", CVPR 2019, arXiv:1812.04948, for
        ways through styles; Zhu et al. 2020, arXiv:2012.09036, for whitened ones.
    Departs: each row of styles has a way of its own. Frames lie at even lengths of the way as a feature
        network sees it. Maps of noise and changed weights are mixed along.
    """
    _check(frames, seconds, path, space, seed, others)
    started = time.perf_counter()
    if progress:
        progress(Progress("loading the model", 0))
    from retouch.tasks.invert.edit.between import Between
    from retouch.tasks.invert.edit.contact import check_sheet, tiled
    from retouch.tasks.invert.edit.model import as_picture, remembered

    generator = remembered(model, device)
    check_sheet(frames, generator.side, min(COLUMNS, frames))
    generator.label(label)
    latents = _opened((a, b, *others), generator, label, seed, progress)
    between = Between(generator, latents, place=space, route=path, closed=loop)
    timing = _timing(between, generator, frames, closed=loop, even=even, progress=progress)
    shown = _rendered(between, timing.times, progress)
    report: dict[str, float | int | str] = {
        "model": generator.name,
        "space": between.place,
        "path": path,
        "frames": frames,
        "unevenness_before": timing.before,
        "unevenness": timing.after,
        "seconds": round(time.perf_counter() - started, 3),
    }
    pictures = [as_picture(each[None]) for each in shown]
    return tiled(shown, COLUMNS, report).with_animation(Animation.of(pictures, seconds=seconds))


def _check(
    frames: int, seconds: float, path: Way, space: Place, seed: int, others: tuple[LatentLike, ...]
) -> None:
    for name, value, known in (("path", path, Way), ("space", space, Place)):
        if value not in get_args(known):
            raise UnknownName(name, value, get_args(known))
    if not isinstance(others, tuple | list):
        raise InputError(f"others is one {type(others).__name__}; pass a tuple, as others=(one, another)")
    check_number("frames", frames, 2 + len(others), MOST_FRAMES, whole=True)
    check_number("seconds", seconds, 0.01, 3600)
    check_number("seed", seed, 0, MOST_SEED, whole=True)


def _opened(
    values: tuple[LatentLike, ...],
    model: Model,
    label: int | None,
    seed: int,
    progress: ProgressCallback | None,
) -> list[Latent]:
    from retouch.tasks.invert.edit.opening import opened

    found = []
    for number, value in enumerate(values, 1):
        told = _counted(progress, number, len(values))
        found.append(opened(value, model, label=label, seed=seed, progress=told))
    return found


def _counted(progress: ProgressCallback | None, number: int, total: int) -> ProgressCallback | None:
    """Say which of the photos it is that is looked for."""
    if progress is None:
        return None

    def told(event: Progress) -> None:
        stage = f"photo {number} of {total}: {event.stage}"
        progress(Progress(stage, event.done, event.total, event.preview, event.facts))

    return told


def _timing(
    between: Between,
    model: Model,
    frames: int,
    *,
    closed: bool,
    even: bool,
    progress: ProgressCallback | None,
) -> Timing:
    """Find out when the frames are."""
    from retouch.tasks.invert.edit.between import BATCH
    from retouch.tasks.invert.edit.seeing import Eye
    from retouch.tasks.invert.method.retiming import Timing, retimed, spaced, unevenness

    eye = Eye(model.device, model.side)
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(Progress("measuring the way", done))

    def distances(times: Tensor) -> Tensor:
        return eye.lengths(between.pictures, times, BATCH, told)

    if even:
        return retimed(between.segments, frames, distances, closed=closed)
    times = spaced(between.segments, frames, closed=closed)
    found = unevenness(distances(times))
    return Timing(times, found, found)


def _rendered(between: Between, times: Tensor, progress: ProgressCallback | None) -> Tensor:
    """Make the frames: (N, 3, R, R) in [0, 1]."""
    import torch

    from retouch.tasks.invert.edit.contact import previewed

    made: list[Tensor] = []
    for number, moment in enumerate(times.tolist(), 1):
        made.append(between.frame(moment).cpu())
        if progress:
            progress(Progress("rendering", number, len(times), previewed(made[-1])))
    return torch.cat(made)
