"""How long does a step take, and how long a picture, beside plain loops of eager PyTorch?

Three questions:

* **steps** — a picture of 4 : 3, its longer side 128, 256 and 512 pixels, full VGG-19 (He weights of a seed),
  content relu4_2, style relu1_1 … relu5_1, L-BFGS with ten steps of memory. Ours in float32 and bfloat16, and
  a plain loop in float32, which goes its authors' way: the matrix square root by twelve Newton-Schulz
  steps, its slope by as many steps of a Lyapunov equation (crowsonkb's style-transfer-pytorch), and
  ``torch.optim.LBFGS``. In the same run, in turns. What is wanted is the same, and the losses of all are
  compared at the same pictures with one of exact roots in float64: after twelve steps in float32 the plain
  loop's own is 1 to 6 % off, as covariances of features are ill-conditioned;
* **gram** — the same at 512 pixels with the products of channels in place of the Wasserstein distance;
* **jobs** — whole pictures of 512 and 1024 pixels with the bundled features, each in a process of its own:
  seconds, peak memory, losses.

``--only steps`` (or gram, jobs) asks one of them; ``--cpu`` counts the processor's seconds, for machines
that have other things to do.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import keep
from torch import Tensor, nn
from torch.nn import functional as F

from retouch import weights
from retouch.features import find
from retouch.features.frozen import natural_precision
from retouch.features.vgg import Vgg
from retouch.image import samples
from retouch.image.resample import resize
from retouch.nn.quasinewton import QuasiNewton
from retouch.tasks.stylize.method.descent import descend
from retouch.tasks.stylize.method.objective import Objective, Style, Wish
from retouch.tasks.stylize.method.scales import brought, scales

SIDES = (128, 256, 512)
TARGETS = {
    "times_wasserstein": {"128": 5.0, "256": 3.5, "512": 2.3},
    "times_gram_512": 2.5,
    "loss_apart": 1e-3,
    "seconds_512": 12.0,
    "seconds_1024": 30.0,
    "peak_gib": 2.0,
}
JOBS = {512: (100, 80, 60), 1024: (100, 80, 60, 25)}

STEPS = 12
"""Of Newton and Schulz, in the plain loop, as its authors have it."""

Step = Callable[[], float]
"""One step of an optimiser; gives the loss before it."""


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(description="stylize: seconds beside plain loops")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=("steps", "gram", "jobs"), default=None)
    parser.add_argument("--cpu", action="store_true", help="count the processor's seconds")
    parser.add_argument("--network", default="bundled", help="features of the jobs: a name or a file")
    parser.add_argument("--job", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(job(options.job, options.network)))
        return
    clock = time.process_time if options.cpu else time.perf_counter
    asked = (options.only,) if options.only else ("steps", "gram", "jobs")
    figures: dict[str, object] = {
        "threads": torch.get_num_threads(),
        "clock": "processor" if options.cpu else "wall",
        "targets": TARGETS,
    }
    if "steps" in asked:
        figures["steps"] = {str(side): steps(side, options.rounds, clock, gram=False) for side in SIDES}
    if "gram" in asked:
        figures["gram"] = {"512": steps(512, options.rounds, clock, gram=True)}
    if "jobs" in asked:
        figures["jobs"] = {str(side): apart(side, options.network) for side in JOBS}
    keep("stylize" if not options.only else f"stylize-{options.only}", figures, ("torch", "numpy"))


def steps(side: int, rounds: int, clock: Callable[[], float], *, gram: bool) -> dict[str, object]:
    """Seconds a step at one size, and how far the losses are apart."""
    network = drawn()
    size = (side * 3 // 4, side)
    content, style = photo("coffee", size), photo("rocket", size)
    wish = Wish(rgb_weight=0.0, box=0.0, statistic="gram" if gram else "wasserstein")
    rival = Plain(network, wish, content, style)
    ours = {
        f"retouch {kind}": Objective.of(
            network, wish, size=size, content=content, styles=[Style(style)], precision=kind
        )
        for kind in ("float32", "bfloat16")
    }
    pictures = (content, content.lerp(style, 0.3).flip(3).contiguous())
    with torch.no_grad():
        exact = [float(rival(each, exact=True)[0]) for each in pictures]
    seen: dict[str, Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]]] = {"plain": rival, **ours}
    losses = {
        name: [float(objective(each.clone().requires_grad_())[0].detach()) for each in pictures]
        for name, objective in seen.items()
    }
    ways: dict[str, Step] = {"plain": rival.stepping(content)}
    ways.update({name: stepping(objective, content) for name, objective in ours.items()})
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            started = clock()
            ways[name]()
            if number:
                seconds[name].append(clock() - started)
    made: dict[str, object] = {
        "plain loss apart": max(abs(a / b - 1) for a, b in zip(losses["plain"], exact, strict=True)),
        "exact losses": exact,
        "rows": {name: {**spread(values), "losses": losses[name]} for name, values in seconds.items()},
    }
    for name in ours:
        faster = statistics.median(a / b for a, b in zip(seconds["plain"], seconds[name], strict=True))
        off = max(abs(a / b - 1) for a, b in zip(losses[name], exact, strict=True))
        made[f"{name} is times faster"] = faster
        made[f"{name} loss apart"] = off
        print(f"{'gram' if gram else 'W2':<5}{side:5d}  {name:<18}{faster:6.2f} times  loss {off:.1e} apart")
    for name, values in seconds.items():
        print(f"           {name:<18}{statistics.median(values):8.3f} s a step")
    return made


def stepping(objective: Objective, start: Tensor) -> Step:
    """Our own steps."""
    stepper = QuasiNewton(first=None)  # as the plain loop begins
    picture = start

    def step() -> float:
        nonlocal picture
        asked = picture.detach().requires_grad_()
        loss, _ = objective(asked)
        (slope,) = torch.autograd.grad(loss, asked)
        picture = stepper.step(picture, slope, 1.0)
        return float(loss.detach())

    return step


class Plain:
    """The same wish, as one writes it down: nn.Sequential, autograd, torch.optim.

    Args:
        network: its weights are copied.
        wish: what is wanted.
        content: (1, 3, H, W).
        style: (1, 3, h, w).
    """

    def __init__(self, network: Vgg, wish: Wish, content: Tensor, style: Tensor) -> None:
        self.wish = wish
        self.layers = nn.ModuleList()
        self.names: list[str] = []
        self.entry = network.entry
        asked = {*wish.content_layers, *wish.shares()}
        last = max(map(network.layers.index, asked))
        for name in network.layers[1 : last + 1]:
            if name.startswith("conv"):
                theirs = network.convolution(name)
                layer: nn.Module = nn.Conv2d(theirs.in_channels, theirs.out_channels, 3, padding=1)
                layer.load_state_dict(theirs.state_dict())
            else:
                layer = nn.ReLU() if name.startswith("relu") else nn.MaxPool2d(2)
            self.layers.append(layer)
            self.names.append(name)
        self.layers.requires_grad_(False)
        with torch.no_grad():
            seen = self.features(content)
            self.content = {name: seen[name] for name in wish.content_layers}
            seen = self.features(style)
            self.style = {name: self.statistics(seen[name]) for name in wish.shares()}
            self.energy = {name: seen[name].square().mean() for name in wish.shares()}
        self.roots = {
            name: newton_schulz(_regular(spread)) for name, (_, spread) in self.style.items() if not self.gram
        }

    @property
    def gram(self) -> bool:
        """Whether products are compared, not Gaussians."""
        return self.wish.statistic == "gram"

    def features(self, picture: Tensor) -> dict[str, Tensor]:
        """Of all layers that are asked for."""
        x: Tensor = self.entry(picture)
        found = {}
        for name, layer in zip(self.names, self.layers, strict=True):
            x = layer(x)
            if name in self.wish.content_layers or name in self.wish.style_layers:
                found[name] = x
        return found

    def statistics(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and covariance, or 0 and products."""
        rows = seen[0].flatten(1)
        mean = rows.mean(dim=1, keepdim=True)
        if not self.gram:
            return mean, (rows - mean) @ (rows - mean).T / rows.shape[1]
        return torch.zeros_like(mean), rows @ rows.T / rows.shape[1]

    def unlike(self, name: str, spread: Tensor, wanted: Tensor, *, exact: bool) -> Tensor:
        """The part of the distance that the covariances make, per channel."""
        if exact:
            # The trace of the root of √T S √T is the sum of the singular values of √S √T.
            spread, wanted = spread.double(), wanted.double()
            both = torch.linalg.svdvals(square_root(spread) @ square_root(wanted)).sum()
            between: Tensor = (wanted.trace() + spread.trace() - 2 * both) / len(wanted)
            return between
        spread, wanted, root = _regular(spread), _regular(wanted), self.roots[name]
        middle: Tensor = SquareRoot.apply(root @ spread @ root)
        apart_by: Tensor = (wanted + spread - 2 * middle).diagonal().mean()
        return apart_by

    def __call__(self, picture: Tensor, *, exact: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss; exact: with roots by eigenvalues, in float64."""
        seen = self.features(picture)
        loss = torch.zeros(())
        for name, wanted in self.content.items():
            loss = loss + self.wish.content_weight * F.mse_loss(seen[name], wanted) / wanted.square().mean()
        for name, share in self.wish.shares().items():
            mean, spread = self.statistics(seen[name])
            n, t = self.style[name]
            if self.gram:
                apart_by = (spread - t).square().sum() / (2 * len(t) * t.norm())
            else:
                apart_by = (mean - n).square().mean() + self.unlike(name, spread, t, exact=exact)
            loss = loss + self.wish.style_weight * share * apart_by / self.energy[name]
        return loss + self.wish.variation * variation(picture), {}

    def stepping(self, start: Tensor) -> Step:
        """Steps of torch's own L-BFGS."""
        picture = start.clone().requires_grad_()
        optimiser = torch.optim.LBFGS([picture], lr=1, max_iter=1, history_size=10)

        def loss() -> Tensor:
            optimiser.zero_grad()
            found, _ = self(picture)
            found.backward()  # type: ignore[no-untyped-call]
            return found

        return lambda: float(optimiser.step(loss).detach())  # type: ignore[no-untyped-call]


class SquareRoot(torch.autograd.Function):
    """Of a symmetric matrix, by twelve Newton-Schulz steps; its slope by as many of a Lyapunov equation."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        """The root."""
        root = newton_schulz(matrix)
        ctx.save_for_backward(root)
        return root

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        """Its slope."""
        (root,) = ctx.saved_tensors
        size = root.norm()
        a, q, eye = root / size, grads[0] / size, torch.eye(len(root))
        for _ in range(STEPS):
            rest = 3 * eye - a @ a
            q = 0.5 * (q @ rest - a.T @ (a.T @ q - q @ a))
            a = 0.5 * a @ rest
        slope: Tensor = 0.5 * q
        return slope


def newton_schulz(matrix: Tensor) -> Tensor:
    """The square root of a symmetric matrix."""
    size, eye = matrix.norm(), torch.eye(len(matrix), dtype=matrix.dtype)
    y, z = matrix / size, eye
    for _ in range(STEPS):
        t = (3 * eye - z @ y) / 2
        y, z = y @ t, t @ z
    root: Tensor = y * size.sqrt()
    return root


def square_root(matrix: Tensor) -> Tensor:
    """The square root of a symmetric matrix, by its eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


def _regular(spread: Tensor) -> Tensor:
    return spread + 1e-6 * torch.eye(len(spread), dtype=spread.dtype)


def variation(picture: Tensor) -> Tensor:
    """Nine points."""
    many = picture.numel()
    beside = [picture.diff(dim=side).square().sum() / many for side in (2, 3)]
    a = picture[:, :, 1:, 1:] - picture[:, :, :-1, :-1]
    b = picture[:, :, 1:, :-1] - picture[:, :, :-1, 1:]
    found: Tensor = 2 * ((beside[0] + beside[1]) / 3 + (a.square().sum() + b.square().sum()) / many / 12)
    return found


def apart(side: int, network: str) -> dict[str, object]:
    """Make a picture in a process of its own."""
    words = [sys.executable, __file__, "--job", str(side), "--network", network]
    found: dict[str, object] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    print(f"{side} px: {found['seconds']:.1f} s, {found['peak_gib']:.2f} GiB, loss {found['loss']:.4f}")
    return found


def job(side: int, network: str) -> dict[str, object]:
    """A picture from the smallest scale on."""
    found = opened(network)
    size = (side * 3 // 4, side)
    content, style = photo("coffee", size), photo("rocket", size)
    started, before = time.perf_counter(), time.process_time()
    picture = content
    seconds: list[float] = []
    loss = 0.0
    kind = natural_precision(torch.device("cpu"))
    for each, count in zip(scales(size), JOBS[side], strict=True):
        begun = time.perf_counter()
        small = brought(content, each, kernel="area")
        picture = small if not seconds else brought(picture, each)
        objective = Objective.of(
            found,
            Wish(),
            size=each,
            content=small,
            styles=[Style(brought(style, each, kernel="area"))],
            precision=kind,
        )
        made = descend(picture, objective, steps=count)
        picture, loss = made.picture, made.losses[-1]["loss"]
        seconds.append(time.perf_counter() - begun)
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - before,
        "seconds_of_scales": seconds,
        "steps": JOBS[side],
        "peak_gib": peak(),
        "loss": loss,
        "precision": kind,
    }


def peak() -> float:
    """The most memory this program has had, in GiB; getrusage would count that of its parent, too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 2**20


def opened(name: str) -> Vgg:
    """Features by name, or from a file."""
    network = weights.load(name).network if Path(name).exists() else find(name).network
    assert isinstance(network, Vgg)
    return network.eval().requires_grad_(False)


def drawn() -> Vgg:
    """VGG-19 with He weights from a seed."""
    network = Vgg()
    generator = torch.Generator().manual_seed(0)
    for name in network.layers:
        if name.startswith("conv"):
            layer = network.convolution(name)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return network.requires_grad_(False)


def photo(name: str, size: tuple[int, int]) -> Tensor:
    """(1, 3, height, width) in [0, 1]."""
    pixels = np.asarray(samples.open(name).pixels, np.float32).transpose(2, 0, 1)
    return torch.from_numpy(resize(pixels, size, kernel="area").clip(0, 1))[None].contiguous()


def spread(values: list[float]) -> Mapping[str, float]:
    """Median and interquartile range."""
    low, median, high = statistics.quantiles(values, n=4)
    return {"median_s": median, "iqr_s": high - low, "min_s": min(values)}


if __name__ == "__main__":
    main()
