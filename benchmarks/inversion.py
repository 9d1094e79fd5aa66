"""How near does the search for a code come, in how many evaluations, and how far from the training's codes?

An evaluation is one pass forward and back of one picture. Four questions:

* **own** — pictures of the generator's own, of drawn noise: the mean square error, in [-1, 1], that L-BFGS
  reaches in whitened coordinates, and after how many evaluations it is below 1e-4;
* **held out** — pictures that the generator was not trained with: PSNR and prior (the mean square of the
  whitened coordinates, 1 for what the generator was trained with) of the whitened spaces beside Adam in w
  and w+ with StyleGAN2's schedule, at the same number of evaluations, by pixels alone;
* **fidelity** — the same for the values of that option, by its weights;
* **tuning** — what changing the generator gains, from p+, and what it does to other pictures.

Held-out pictures lie in a folder that is not part of retouch: --pictures. Seeds are those of the drawn
pictures, of the samples that the whitening is measured with, and of Adam's noise. ``--draw FILE`` shows what
was found.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from record import keep
from torch import Tensor

from retouch import Picture
from retouch.image.resample import resize
from retouch.tasks.invert.edit.model import Model
from retouch.tasks.invert.method.fidelity import DEFAULT, opening
from retouch.tasks.invert.method.objective import Objective
from retouch.tasks.invert.method.search import Found, Optimiser, search
from retouch.tasks.invert.method.spaces import Name, Space, space
from retouch.tasks.invert.method.tuning import tune
from retouch.tasks.invert.method.whitening import Whitening, whitening
from retouch.tasks.invert.method.wish import Wish
from retouch.tasks.invert.network import StyleGAN2

FOLDER = Path(__file__).resolve().parents[2] / "shared/data/kaokore128/dev"
TARGETS = {"own_error": 1e-4, "own_evaluations": 150, "prior_times": 100.0}
PIXELS = Wish(perceptual="none", prior=0.0)
PRIOR = 3e-4
"""Weight of the prior where rows may differ as they like."""

WAYS: tuple[tuple[str, Name, Optimiser, Wish], ...] = (
    ("w+ Adam", "w+", "adam", PIXELS),
    ("w Adam", "w", "adam", PIXELS),
    ("w+ L-BFGS", "w+", "lbfgs", PIXELS),
    ("p L-BFGS", "p", "lbfgs", replace(PIXELS, prior=PRIOR)),
    ("p+ L-BFGS", "p+", "lbfgs", opening(DEFAULT).applied(PIXELS)),
)
"""Ours is the last, with the weights of the usual fidelity."""

FIDELITIES = (0.0, 0.25, 0.5, DEFAULT, 0.85, 1.0)


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(description="invert: how near, how fast, how likely")
    parser.add_argument("--model", default="kaokore", help="a name or a file")
    parser.add_argument("--pictures", type=Path, default=FOLDER)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=150)
    parser.add_argument("--draw", type=Path, default=None, help="a picture of what was found")
    parser.add_argument("--dry", action="store_true", help="do not keep the figures")
    options = parser.parse_args()
    model = Model.load(options.model)
    network = model.network.requires_grad_(False)
    if not isinstance(network, StyleGAN2):
        raise SystemExit("this benchmark is about the styles of a StyleGAN2")
    held = pictures(options.pictures, options.count, network.side)
    whites = [whitening(network, seed=seed) for seed in range(options.seeds)]
    figures: dict[str, object] = {
        "model": {"name": str(options.model), "digest": model.digest, "side": network.side},
        "threads": torch.get_num_threads(),
        "clock": "processor",
        "evaluations": options.evaluations,
        "pictures": len(held),
        "seeds": options.seeds,
        "targets": TARGETS,
        "own": own(network, whites, options.evaluations),
    }
    found, shown = held_out(network, whites, held, options.evaluations)
    figures["held out"] = found
    figures["fidelity"] = fidelities(network, whites[0], held, options.evaluations)
    figures["tuning"] = tunings(network, whites[0], held[:4], options.evaluations)
    if options.draw:
        sheet = torch.cat([torch.cat(list(row[:8]), dim=2) for row in (held, *shown)], dim=1)
        Picture.of(((sheet.clamp(-1, 1) + 1) / 2).permute(1, 2, 0).contiguous().numpy()).save(
            options.draw, overwrite=True
        )
    if not options.dry:
        keep("inversion", figures, ("torch", "numpy"))


def pictures(folder: Path, count: int, side: int) -> Tensor:
    """Read pictures from all over a folder: (N, 3, side, side) in [-1, 1]."""
    files = sorted(folder.rglob("*.jpg"))
    chosen = files[:: max(1, len(files) // count)][:count]
    planes = [resize(Picture.of(file).pixels.transpose(2, 0, 1), (side, side)) for file in chosen]
    return torch.stack([torch.from_numpy(each) for each in planes]).clamp(0, 1) * 2 - 1


def own(network: StyleGAN2, whites: Sequence[Whitening], evaluations: int) -> dict[str, object]:
    """Look for the generator's own pictures."""
    made: dict[str, object] = {}
    for name in ("p", "p+"):
        errors: list[float] = []
        reached: list[int] = []
        for seed, white in enumerate(whites):
            z = torch.randn(8, network.latent, generator=torch.Generator().manual_seed(1000 + seed))
            with torch.no_grad():
                targets = network(z)
            found, _ = looked(space(network, name, white), targets, PIXELS, evaluations)
            errors += error(found.pictures, targets)
            for past in found.history:
                below = [number for number, loss in enumerate(past, 1) if loss < TARGETS["own_error"]]
                reached.append(below[0] if below else 0)
        hit = [number for number in reached if number]
        made[name] = {
            "error": spread(errors),
            "reached": f"{len(hit)} of {len(reached)}",
            "evaluations to 1e-4": spread(hit) if hit else None,
        }
        print(
            f"own       {name:<10} error {statistics.median(errors):.1e} (most {max(errors):.1e}), below "
            f"1e-4: {len(hit)} of {len(reached)}, after {statistics.median(hit) if hit else 0:.0f}"
        )
    return made


def held_out(
    network: StyleGAN2, whites: Sequence[Whitening], held: Tensor, evaluations: int
) -> tuple[dict[str, object], list[Tensor]]:
    """Look for pictures that the generator was not trained with."""
    rows: dict[str, dict[str, object]] = {}
    middles: dict[str, tuple[float, float]] = {}
    shown: list[Tensor] = []
    for title, name, optimiser, wish in WAYS:
        ratios: list[float] = []
        priors: list[float] = []
        seconds: list[float] = []
        for seed, white in enumerate(whites):
            found, took = looked(space(network, name, white), held, wish, evaluations, optimiser, seed)
            ratios += psnr(found.pictures, held)
            priors += found.prior.tolist()
            seconds.append(took / len(held))
        shown.append(found.pictures)
        rows[title] = {"psnr": spread(ratios), "prior": spread(priors), "seconds a picture": spread(seconds)}
        middles[title] = statistics.median(ratios), statistics.median(priors)
        report("held out", title, ratios, priors, statistics.median(seconds))
    ours, theirs = middles["p+ L-BFGS"], middles["w+ Adam"]
    made: dict[str, object] = {
        "rows": rows,
        "psnr above w+ Adam": ours[0] - theirs[0],
        "prior times smaller than w+ Adam": theirs[1] / ours[1],
    }
    print(
        f"          p+ L-BFGS: {ours[0] - theirs[0]:+.2f} dB, prior {theirs[1] / ours[1]:.0f} times smaller"
    )
    return made, shown


def fidelities(network: StyleGAN2, white: Whitening, held: Tensor, evaluations: int) -> dict[str, object]:
    """Turn the one knob."""
    made: dict[str, object] = {}
    for fidelity in FIDELITIES:
        asked = opening(fidelity)
        found, _ = looked(space(network, asked.space, white), held, asked.applied(PIXELS), evaluations)
        ratios, priors = psnr(found.pictures, held), found.prior.tolist()
        made[str(fidelity)] = {"psnr": spread(ratios), "prior": spread(priors)}
        report("fidelity", f"{fidelity}", ratios, priors, 0.0)
    return made


def tunings(network: StyleGAN2, white: Whitening, held: Tensor, evaluations: int) -> dict[str, object]:
    """Change the generator for a few pictures."""
    before: list[float] = []
    after: list[float] = []
    drifts: list[float] = []
    seconds: list[float] = []
    bytes_ = 0
    made = space(network, "p+", white)
    for each in torch.split(held, 1):
        objective = Objective(each, replace(PIXELS, prior=PRIOR))
        found = search(made, objective, made.average(), evaluations=evaluations)
        started = time.process_time()
        tuned = tune(made, found.rows, objective)
        seconds.append(time.process_time() - started)
        before += psnr(found.pictures, each)
        after += psnr(tuned.picture, each)
        drifts.append(tuned.drift)
        bytes_ = tuned.tuning.size
    print(
        f"tuning    {statistics.median(before):.2f} dB to {statistics.median(after):.2f} dB, others move by "
        f"{statistics.median(drifts):.3f}, {bytes_ / 1e6:.2f} MB, {statistics.median(seconds):.1f} s"
    )
    return {
        "psnr before": spread(before),
        "psnr after": spread(after),
        "drift": spread(drifts),
        "seconds": spread(seconds),
        "bytes": bytes_,
    }


def looked(
    made: Space,
    targets: Tensor,
    wish: Wish,
    evaluations: int,
    optimiser: Optimiser = "lbfgs",
    seed: int = 0,
) -> tuple[Found, float]:
    """Search from the middle; also gives seconds."""
    started = time.process_time()
    found = search(
        made,
        Objective(targets, wish),
        made.average(len(targets)),
        evaluations=evaluations,
        optimiser=optimiser,
        seed=seed,
    )
    return found, time.process_time() - started


def error(made: Tensor, wanted: Tensor) -> list[float]:
    """Mean square errors in [-1, 1]."""
    found: list[float] = (made - wanted).square().flatten(1).mean(dim=1).tolist()
    return found


def psnr(made: Tensor, wanted: Tensor) -> list[float]:
    """PSNR of what can be shown, in dB."""
    found: list[float] = (-10 * torch.log10(torch.tensor(error(made.clamp(-1, 1), wanted)) / 4)).tolist()
    return found


def report(table: str, title: str, ratios: Sequence[float], priors: Sequence[float], seconds: float) -> None:
    """Print a row."""
    print(
        f"{table:<10}{title:<11}{statistics.median(ratios):.2f} dB ({min(ratios):.2f} to {max(ratios):.2f}), "
        f"prior {statistics.median(priors):8.2f} (to {max(priors):.2f})"
        + (f", {seconds:.2f} s a picture" if seconds else ""),
        flush=True,
    )


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median and the spread."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


if __name__ == "__main__":
    main()
