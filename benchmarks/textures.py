"""How near are the textures and transfers that each feature network makes to what was asked?

Quality, not speed. One question, three tables:

* textures: more of an exemplar, from noise, by :func:`retouch.texture`. Baselines: the exemplar's own blocks
  of 16 and 32 pixels in random order, and noise of its colours;
* transfers: a photo in the manner of a painting, by :func:`retouch.stylize`. Baselines: the photo itself, and
  the photo with the painting's mean and covariance of colours;
* reconstructions: a photo from one layer, by :func:`retouch.reconstruct`.

Networks: the bundled one; its teacher, 5SE.pth of Collaborative-Distillation, where that lies in a folder
that is not part of retouch (--shared); and what needs no weights: filters of the exemplar's own patches, and
an untrained VGG with average pooling.

Columns:

* gram: by how many per cent the Gram distance, |G − H|² / |H|², the mean over relu1_1 … relu5_1, fell from
  the start, which is noise or the photo. It is of the teacher's features, else of the bundled network's, and
  so favours those two;
* swd: sliced Wasserstein distance of 7×7 patches of the pixels, over the levels of a Laplacian pyramid,
  × 1000, in the exemplar's deviations: no network's own measure;
* colour: mean difference of the sorted samples of each channel, × 255;
* content: of transfers, the relative distance of relu4_2 from the photo's;
* cpu_s: processor seconds of one thread.

Each figure is the median over the seeds, then the mean over the pictures; the spread is the largest less the
smallest over the seeds, likewise.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from record import HOUSE, keep
from skimage import data as skimage_data
from torch import Tensor

import retouch
from retouch.features import Features
from retouch.features.finding import find
from retouch.image import Picture, samples
from retouch.image.resample import resize
from retouch.metrics.sliced import sliced_wasserstein
from retouch.tasks.stylize.edit.settings import Preset, Statistic
from retouch.tasks.stylize.method import colours, starts

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
RECONSTRUCTED = ("relu1_1", "relu1_2", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = "relu4_2"
TARGETS = {"texture_gram_fall": 99.0, "reconstruction_db": 30.0, "first_layers": RECONSTRUCTED[:3]}
STONES = ("brick", "gravel", "grass")
PAINTINGS = ("starry_night", "composition_vii", "wave", "mosaic")
BLOCKS = {"blocks of 16": 16, "blocks of 32": 32}
PHOTOS = ("astronaut", "cat")
MANNERS = ("starry_night", "the_scream", "wave")

Figures = dict[str, float]
Make = Callable[[int], Picture]
"""A seed → a picture."""


Judged = Callable[[Tensor], Figures]
"""(1, 3, H, W) → how near it is to what was asked."""


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(
        description="how near textures and transfers are, for each feature network"
    )
    parser.add_argument("--side", type=int, default=256, help="of textures and transfers, in pixels")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shared", type=Path, default=HOUSE.parent / "shared" / "data")
    parser.add_argument("--pictures", type=Path, help="a folder for what is made, to be looked at")
    parser.add_argument("--only", choices=("textures", "transfers", "reconstructions"), action="append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    teacher = options.shared / "checkpoints" / "distilled_vgg19" / "5SE.pth"
    networks = {"bundled": "bundled", "teacher": str(teacher), "random": "random"}
    if not teacher.exists():
        print(f"skipped, for {teacher} is not there: the teacher")
        del networks["teacher"]
    judge = find(networks.get("teacher", "bundled")).network
    only = options.only or ("textures", "transfers", "reconstructions")
    figures: dict[str, object] = {
        "side": options.side,
        "seeds": options.seeds,
        "judge": "teacher" if "teacher" in networks else "bundled",
        "bundled": find("bundled").card.commit,
        "targets": TARGETS,
    }
    folder = options.shared / "style" / "fns_styles"
    if "textures" in only:
        exemplars = {name: square(getattr(skimage_data, name)(), options.side) for name in STONES}
        exemplars |= paintings(folder, PAINTINGS, options.side)
        figures["textures"] = textures(exemplars, networks, judge, options.seeds, options.pictures)
    if "transfers" in only:
        photos = {name: square(samples.open(name).pixels, options.side) for name in PHOTOS}
        manners = paintings(folder, MANNERS, options.side)
        figures["transfers"] = transfers(photos, manners, networks, judge, options.seeds, options.pictures)
    if "reconstructions" in only:
        figures["reconstructions"] = reconstructions(networks, options.side // 2)
    keep("textures", figures, ("torch", "numpy", "scikit-image"))


def textures(
    exemplars: Mapping[str, Tensor],
    networks: Mapping[str, str],
    judge: Features,
    seeds: int,
    folder: Path | None,
) -> dict[str, object]:
    """More of each exemplar."""
    rows: dict[str, dict[str, list[Figures]]] = {}
    for subject, exemplar in exemplars.items():
        begin = starts.noise(size(exemplar), 0, like=exemplar)
        judged = partial(nearness, wanted=exemplar, start=begin, judge=judge)
        for name, make in texture_ways(exemplar, networks).items():
            found = measured(make, seeds, judged, folder, f"texture-{subject}-{name}")
            rows.setdefault(name, {})[subject] = found
    table = {name: summary(found) for name, found in rows.items()}
    show("textures", table)
    floor = {subject: min(middle(rows[name][subject], "swd") for name in BLOCKS) for subject in exemplars}
    nearer = {
        name: [subject for subject in floor if middle(found[subject], "swd") < floor[subject]]
        for name, found in rows.items()
    }
    for name, won in nearer.items():
        print(f"{name:<22} nearer than the exemplar's own blocks (swd): {len(won)} of {len(floor)}")
    return {"rows": table, "swd_below_blocks": nearer}


def texture_ways(exemplar: Tensor, networks: Mapping[str, str]) -> dict[str, Make]:
    """The methods and the baselines."""
    picture = shown(exemplar)

    def woven(seed: int, features: str, statistic: Statistic = "wasserstein") -> Picture:
        return retouch.texture(picture, features=features, statistic=statistic, seed=seed)

    ways: dict[str, Make] = {name: partial(woven, features=features) for name, features in networks.items()}
    ways["patches"] = partial(woven, features="patches")
    for features in ("bundled", "patches"):
        ways[f"{features}, gram"] = partial(woven, features=features, statistic="gram")
    for name, side in BLOCKS.items():
        ways[name] = lambda seed, side=side: shown(blocks(exemplar, side, seed))  # type: ignore[misc]
    ways["noise"] = lambda seed: shown(starts.noise(size(exemplar), seed + 1, like=exemplar))
    return ways


def transfers(
    photos: Mapping[str, Tensor],
    manners: Mapping[str, Tensor],
    networks: Mapping[str, str],
    judge: Features,
    seeds: int,
    folder: Path | None,
) -> dict[str, object]:
    """Each photo in each manner."""
    rows: dict[str, dict[str, list[Figures]]] = {}
    for (subject, photo), (manner, style) in itertools.product(photos.items(), manners.items()):
        judged = partial(likeness, photo=photo, style=style, judge=judge)
        for name, make in transfer_ways(photo, style, networks).items():
            found = measured(make, seeds, judged, folder, f"transfer-{subject}-{manner}-{name}")
            rows.setdefault(name, {})[f"{subject} + {manner}"] = found
    table = {name: summary(found) for name, found in rows.items()}
    show("transfers", table)
    return {"rows": table}


def transfer_ways(photo: Tensor, style: Tensor, networks: Mapping[str, str]) -> dict[str, Make]:
    """The methods and the baselines."""
    content, painting = shown(photo), shown(style)

    def painted(seed: int, features: str, preset: Preset, statistic: Statistic = "wasserstein") -> Picture:
        return retouch.stylize(
            content, painting, features=features, preset=preset, statistic=statistic, seed=seed
        )

    ways: dict[str, Make] = {
        f"{name}, {preset}": partial(painted, features=features, preset=preset)
        for name, features in networks.items()
        for preset in ("fast", "best")
    }
    ways["bundled, best, gram"] = partial(painted, features="bundled", preset="best", statistic="gram")
    ways["colours alone"] = lambda _: shown(colours.recoloured(photo, style))
    ways["the photo"] = lambda _: content
    return ways


def reconstructions(networks: Mapping[str, str], side: int) -> dict[str, object]:
    """A photo from one layer: PSNR in dB, the median over the photos."""
    made: dict[str, dict[str, float]] = {}
    for name, features in networks.items():
        made[name] = {
            layer: statistics.median(
                float(
                    retouch.reconstruct(
                        shown(square(samples.open(photo).pixels, side)), layer=layer, features=features
                    ).report["psnr"]
                )
                for photo in PHOTOS
            )
            for layer in RECONSTRUCTED
        }
        print(f"reconstructions, {name:<10}", {layer: round(value, 1) for layer, value in made[name].items()})
    return {"side": side, "db": made}


def measured(make: Make, seeds: int, judged: Judged, folder: Path | None, name: str) -> list[Figures]:
    """Make a picture with each seed, and say how near it is."""
    found = []
    for seed in range(seeds):
        started = time.process_time()
        picture = make(seed)
        seconds = time.process_time() - started
        found.append(judged(planes(picture.pixels)) | {"cpu_s": seconds})
        if folder is not None and seed == 0:
            picture.save(folder / f"{name.replace(', ', '-').replace(' ', '_')}.png", overwrite=True)
    return found


def nearness(made: Tensor, wanted: Tensor, start: Tensor, judge: Features) -> Figures:
    """How far the Gram distance fell from the start, and two distances on the pixels."""
    sorted_apart = made.flatten(2).sort().values - wanted.flatten(2).sort().values
    return {
        "gram": 100 * (1 - apart(made, wanted, judge) / apart(start, wanted, judge)),
        "swd": sliced_wasserstein(made, wanted, patches=8192, projections=256, normalise="reference"),
        "colour": 255 * float(sorted_apart.abs().mean()),
    }


def likeness(made: Tensor, photo: Tensor, style: Tensor, judge: Features) -> Figures:
    """The same for a transfer, and how far its content is from the photo's."""
    with torch.no_grad():
        known = judge(photo, [CONTENT])[CONTENT]
        moved = judge(made, [CONTENT])[CONTENT] - known
    content = float(moved.square().mean() / known.square().mean())
    return nearness(made, style, photo, judge) | {"content": content}


def apart(one: Tensor, other: Tensor, judge: Features) -> float:
    """The mean over the layers of |G − H|² / |H|²."""
    with torch.no_grad():
        ours, theirs = judge(one, LAYERS), judge(other, LAYERS)
    pairs = [(gram(ours[layer]), gram(theirs[layer])) for layer in LAYERS]
    return statistics.mean(float((g - h).square().sum() / h.square().sum()) for g, h in pairs)


def gram(features: Tensor) -> Tensor:
    """The mean product of each pair of channels, (C, C)."""
    flat = features[0].flatten(1).double()
    return flat @ flat.T / flat.shape[1]


def blocks(exemplar: Tensor, side: int, seed: int) -> Tensor:
    """The exemplar's blocks in random order."""
    _, channels, height, width = exemplar.shape
    cut = exemplar[0].unfold(1, side, side).unfold(2, side, side)  # (3, h, w, side, side)
    rows, columns = cut.shape[1:3]
    order = torch.randperm(rows * columns, generator=torch.Generator().manual_seed(seed))
    mixed = cut.flatten(1, 2)[:, order].view(channels, rows, columns, side, side)
    whole = mixed.transpose(2, 3).reshape(1, channels, rows * side, columns * side)
    assert whole.shape[2:] == (height, width), "the blocks must fill the exemplar"
    return whole


def paintings(folder: Path, names: Sequence[str], side: int) -> dict[str, Tensor]:
    """The middle squares of those pictures that are there."""
    found = {}
    for name in names:
        if (folder / f"{name}.jpg").exists():
            found[name] = square(Picture.open(folder / f"{name}.jpg").pixels, side)
        else:
            print(f"skipped, for {folder / name}.jpg is not there: {name}")
    return found


def square(pixels: np.ndarray[tuple[int, ...], np.dtype[np.generic]], side: int) -> Tensor:
    """The middle square of a picture, reduced to (1, 3, side, side) in [0, 1]."""
    values = np.asarray(pixels, np.float32) / (255 if pixels.dtype == np.uint8 else 1)
    values = np.broadcast_to(values[..., None], (*values.shape, 3)) if values.ndim == 2 else values[..., :3]
    shorter = min(values.shape[:2])
    top, left = ((length - shorter) // 2 for length in values.shape[:2])
    cut = np.moveaxis(values[top : top + shorter, left : left + shorter], 2, 0)
    made = torch.from_numpy(resize(cut, (side, side)).clip(0, 1))
    return made.expand(3, -1, -1)[None].contiguous()


def shown(made: Tensor) -> Picture:
    """A picture of 8-bit samples."""
    return Picture.of((made[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def planes(pixels: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
    """(1, 3, H, W) in [0, 1]."""
    made = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)))[None]
    return made.expand(1, 3, -1, -1).contiguous()


def size(picture: Tensor) -> tuple[int, int]:
    """Height and width."""
    return picture.shape[2], picture.shape[3]


def middle(found: list[Figures], name: str) -> float:
    """The median over the seeds."""
    return statistics.median(each[name] for each in found)


def summary(found: Mapping[str, list[Figures]]) -> dict[str, object]:
    """Medians and spreads over the seeds, for each picture, and their means."""
    names = list(next(iter(found.values()))[0])
    each = {subject: {name: middle(of_seeds, name) for name in names} for subject, of_seeds in found.items()}
    spreads = {
        name: statistics.mean(
            max(one[name] for one in of_seeds) - min(one[name] for one in of_seeds)
            for of_seeds in found.values()
        )
        for name in names
    }
    means = {name: statistics.mean(one[name] for one in each.values()) for name in names}
    return {"mean": means, "spread_over_seeds": spreads, "each": each}


def show(title: str, table: Mapping[str, Mapping[str, object]]) -> None:
    """Print a table."""
    print(f"\n{title}")
    for name, row in table.items():
        means, spreads = row["mean"], row["spread_over_seeds"]
        assert isinstance(means, dict)
        assert isinstance(spreads, dict)
        print(f"{name:<22}" + "  ".join(f"{key} {means[key]:8.3f} ±{spreads[key]:.3f}" for key in means))


if __name__ == "__main__":
    main()
