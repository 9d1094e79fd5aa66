"""How well is the rest of a picture imagined of which a scribble shows one twelfth?

Pictures of the generator itself, drawn from noise; strokes at random that cover 8 % of each, with its own
colours. What is measured is the mean of |difference| over the pixels outside the strokes, of [0, 1]: whatever
is found should be a picture like the one that the strokes came from. Side by side, of the same strokes:

* **draw** — :func:`retouch.draw` with its defaults, from a scribble file on;
* **w+** — a style for each row by Adam with StyleGAN2's schedule and pixels alone, 150 evaluations, from the
  average: what one would do without a prior;
* **w+ lbfgs** — the same by L-BFGS;
* **average** — the generator's average picture, which knows nothing of the strokes.

``--model PATH`` takes another generator, ``--cpu`` counts the processor's seconds.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from record import keep
from torch import Tensor

from retouch.image import Picture
from retouch.tasks.invert.edit.draw import draw
from retouch.tasks.invert.edit.model import Model, remembered
from retouch.tasks.invert.method.objective import Objective
from retouch.tasks.invert.method.search import Optimiser, search
from retouch.tasks.invert.method.wish import Wish

SHARE = 0.08
EVALUATIONS = 150
TARGETS = {"outside, draw / w+": 0.5, "seconds": 10.0}


def main() -> None:
    """Measure, print the table, and keep the figures."""
    parser = argparse.ArgumentParser(description="draw: what is imagined outside the strokes")
    parser.add_argument("--model", default="kaokore")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--realism", type=float, default=0.5)
    parser.add_argument("--cpu", action="store_true", help="count the processor's seconds")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    model = remembered(options.model)
    model.space("p+")  # what is measured once for each generator is no part of a drawing
    ways: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "draw": lambda target, where: drawing(options.model, target, where, options.realism),
        "w+": lambda target, where: plain(model, target, where, "adam"),
        "w+ lbfgs": lambda target, where: plain(model, target, where, "lbfgs"),
        "average": lambda _target, _where: average(model),
    }
    rows: dict[str, dict[str, list[float]]] = {
        name: {"outside": [], "inside": [], "seconds": []} for name in ways
    }
    for number in range(options.samples):
        target, where = case(model, options.seed + number)
        for name, way in ways.items():
            started = clock()
            made = way(target, where)
            row = rows[name]
            row["seconds"].append(clock() - started)
            row["outside"].append(apart(made, target, 1 - where))
            row["inside"].append(apart(made, target, where))
    figures: dict[str, object] = {
        "model": model.name,
        "side": model.side,
        "digest": model.digest,
        "samples": options.samples,
        "seed": options.seed,
        "share": SHARE,
        "threads": torch.get_num_threads(),
        "clock": "processor" if options.cpu else "wall",
        "targets": TARGETS,
    }
    ratios = [a / b for a, b in zip(rows["draw"]["outside"], rows["w+"]["outside"], strict=True)]
    figures["outside, draw / w+"] = {
        **spread(ratios),
        "of medians": middle(rows, "draw") / middle(rows, "w+"),
    }
    figures["rows"] = {
        name: {what: spread(values) for what, values in row.items()} for name, row in rows.items()
    }
    print(f"{model.name}, {model.side} px, {options.samples} scribbles of {SHARE:.0%}")
    for name, row in rows.items():
        outside, inside, seconds = (spread(row[what]) for what in ("outside", "inside", "seconds"))
        print(
            f"{name:10}outside {outside['median']:.4f} ({outside['least']:.4f} … {outside['most']:.4f})  "
            f"inside {inside['median']:.4f}  {seconds['median']:.2f} s"
        )
    print(f"outside, draw / w+: {statistics.median(ratios):.2f} (target {TARGETS['outside, draw / w+']})")
    keep("scribbles", figures, ("torch", "numpy"))


def case(model: Model, seed: int) -> tuple[Tensor, Tensor]:
    """Draw a picture and strokes: (1, 3, R, R) in [0, 1], and (1, 1, R, R) of 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    space = model.space("z")
    target = model.render(space.rows(space.draw(1, generator)))
    return target, strokes(model.side, generator)


def strokes(side: int, generator: torch.Generator) -> Tensor:
    """Draw round strokes, bent a little, of 3 to 8 % of the side across, until they cover the share."""
    y, x = torch.meshgrid(torch.arange(side) + 0.5, torch.arange(side) + 0.5, indexing="ij")
    drawn = torch.zeros(side, side)
    while float(drawn.mean()) < SHARE:
        u = torch.rand(6, generator=generator).tolist()
        left, top, angle = u[0] * side, u[1] * side, u[2] * 2 * math.pi
        radius, bend = max((0.015 + 0.025 * u[4]) * side, 0.8), (u[5] - 0.5) * 4 / side
        for _ in range(max(int((0.1 + 0.3 * u[3]) * side), 1)):
            drawn[(x - left).square() + (y - top).square() <= radius**2] = 1
            if float(drawn.mean()) >= SHARE:
                break
            left, top, angle = left + math.cos(angle), top + math.sin(angle), angle + bend
    return drawn[None, None]


def drawing(name: str, target: Tensor, where: Tensor, realism: float) -> Tensor:
    """What draw makes of the strokes, as a sketch with transparency."""
    sketch = torch.cat([target * where, where], dim=1)[0].permute(1, 2, 0).numpy()
    picture = draw(Picture.of(np.ascontiguousarray(sketch)), model=name, realism=realism)
    return torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None]


def plain(model: Model, target: Tensor, where: Tensor, optimiser: Optimiser) -> Tensor:
    """What a search in w+ makes of them by pixels alone."""
    space = model.space("w+")
    wish = Wish(power=2, perceptual="none", prior=0.0)
    objective = Objective(target * 2 - 1, wish, mask=where)
    found = search(space, objective, space.average(1), evaluations=EVALUATIONS, optimiser=optimiser)
    return model.shown(found.pictures)


def average(model: Model) -> Tensor:
    """The average picture."""
    space = model.space("w")
    return model.render(space.rows(space.average(1)))


def apart(made: Tensor, target: Tensor, where: Tensor) -> float:
    """The mean of |difference| where it counts."""
    return float(((made - target).abs() * where).sum() / (3 * where.sum()))


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def middle(rows: dict[str, dict[str, list[float]]], name: str) -> float:
    """The median of the error outside."""
    return statistics.median(rows[name]["outside"])


if __name__ == "__main__":
    main()
