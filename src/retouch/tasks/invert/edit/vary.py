"""The verb: a photo changed along a direction of a generator."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from retouch.image import Animation, Picture
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.invert.edit.settings import MOST_SEED, check_number

if TYPE_CHECKING:
    from retouch.tasks.invert.edit.directing import Direction
    from retouch.tasks.invert.edit.latent import Latent, LatentLike
    from retouch.weights.find import WeightsName

COLUMNS = 10
"""Pictures side by side."""

MOST_STEPS = 10_000


def vary(
    latent: LatentLike,
    *,
    model: WeightsName = "kaokore",
    direction: WeightsName = "sefa:1",
    strength: float = 3.0,
    steps: int = 9,
    rows: str = "",
    seconds: float = 2.0,
    label: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Change a photo along a direction that a generator knows.

    Args:
        latent: a photo, or the latent file that invert wrote of one. A photo is looked for in the generator
            first, with the usual settings.
        model: the generator: a name, or the path of a StyleGAN2 or DCGAN.
        direction: "sefa:1", the direction to which the generator's weights respond most, "sefa:2" and so on;
            "pca:1", the one along which its styles vary most, and so on; "white:1", the same before the last
            rectifier of its mapping, where going far leads to no styles that it does not know; or the path of
            a .npy, .npz or .safetensors file with a direction of w. Of a DCGAN, "sefa" asks the first layer,
            and there are no others.
        strength: how far, in standard deviations of what the generator was trained with: from less by so much
            to more by so much.
        steps: how many pictures; of an odd number, the one in the middle is the photo's own. With 1 there is
            only the picture with the strength itself, and its latent file beside it.
        rows: which rows of styles are moved, such as "0-3": the first are for the shape, the last for the
            colours; all when empty.
        seconds: how long the film takes, there and back.
        label: the class in which a photo is looked for, and to whose pictures directions belong, for
            generators with labels; the latent's own when left out.
        seed: of the search, for a photo.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        progress: called after every step, with a preview.

    Returns:
        The pictures side by side, row by row, with the film there and back as animation, which is what is
        written to .gif, .webp, .apng, .avif or .mp4.

    Raises:
        InputError: an option is out of range, the latent is of another generator, or the direction does not
            fit.
        UnknownName: there are no weights, or there is no direction, of that name.
        UnreadablePicture: the photo cannot be read.
        UnreadableWeights: the latent file, or that of the direction, is damaged.
        WeightsError: the generator cannot be read, or is not on this machine.
        NotConverged: the photo cannot be found.

    Source: Shen, Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021, arXiv:2007.06600;
        Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls", NeurIPS 2020, arXiv:2004.02546.
        "white": in the coordinates of Zhu et al. 2020, arXiv:2012.09036.
    Departs: strength counts in standard deviations along the direction, in all. "sefa" takes the weights of
        the convolutions in the rows that are moved, as they are, and none to the colours.
    """
    check_number("strength", strength, -100, 100)
    check_number("steps", steps, 1, MOST_STEPS, whole=True)
    check_number("seconds", seconds, 0.01, 3600)
    check_number("seed", seed, 0, MOST_SEED, whole=True)
    started = time.perf_counter()
    if progress:
        progress(Progress("loading the model", 0))
    import torch

    from retouch.tasks.invert.edit.contact import check_sheet, previewed, rows_of, tiled
    from retouch.tasks.invert.edit.directing import direction_of
    from retouch.tasks.invert.edit.latent import SUFFIX
    from retouch.tasks.invert.edit.model import as_picture, remembered
    from retouch.tasks.invert.edit.opening import opened

    generator = remembered(model, device)
    check_sheet(steps, generator.side, min(COLUMNS, steps))
    moved = rows_of(rows, generator.rows)
    generator.label(label)
    found = opened(latent, generator, label=label, seed=seed, progress=progress)
    belongs = found.label if label is None and generator.classes else label
    space = generator.space("z" if generator.kind == "dcgan" else "p+", belongs)
    way = direction_of(direction, generator, moved, belongs)
    strengths = (
        [strength * (2 * number / (steps - 1) - 1) for number in range(steps)] if steps > 1 else [strength]
    )
    changed = [_moved(found, way, share) for share in strengths]
    shown = []
    for number, each in enumerate(changed, 1):
        shown.append(each.render(generator).cpu())
        if progress:
            progress(Progress("rendering", number, steps, previewed(shown[-1])))
    ends = torch.stack([changed[0].rows, changed[-1].rows]).to(generator.device)
    report: dict[str, float | int | str] = {
        "model": generator.name,
        "direction": way.name,
        "spread": way.spread,
        "strength": strength,
        "prior": float(space.prior(space.code_of(ends)).max()),
        "seconds": round(time.perf_counter() - started, 3),
    }
    if steps == 1:
        return tiled(shown[0], 1, report).with_companions({SUFFIX: changed[0].encoded()})
    frames = [as_picture(each) for each in [*shown, *shown[-2:0:-1]]]
    sheet = tiled(torch.cat(shown), COLUMNS, report)
    return sheet.with_animation(Animation.of(frames, seconds=seconds))


def _moved(latent: Latent, direction: Direction, strength: float) -> Latent:
    """Give the latent of the changed picture; with strength 0 the same one."""
    if strength == 0:
        return latent
    from dataclasses import replace

    return replace(
        latent,
        rows=direction.applied(latent.rows, strength),
        space="z" if latent.kind == "dcgan" else "w+",
        codes=None,
        facts={**latent.facts, "direction": direction.name, "strength": float(strength)},
    )
