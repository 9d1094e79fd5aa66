"""How fast is a step of training, beside a plain loop with the settings of pytorch-CycleGAN-and-pix2pix?

The plain loop is written here: networks of the same structure and widths, which the tests keep
(tests/tasks/translate/originals.py), float32, contiguous, torch's default Adam, the same losses in
upstream's order, batch 1 at 256 pixels. Both are fed from memory. They take turns step by step, the first
of a round changing, so that a busy moment of the machine falls on both; the first steps, which allocate
and choose algorithms, are not counted.

Then the engine itself: blocks of a whole run (``training.train`` with its data, logs and progress) and
blocks of a bare loop over one batch in memory, with the same networks, bfloat16, channels last and fused
Adam, take turns within the run. The run's eight pairs of synthetic:facades are drawn before the counting
starts and then come from the cache, like decoded photos: drawing a facade takes a core about 9 ms, which
is not the engine's. Last, the run goes on alone, and its own log says for what share of the time it
waited for data.

On a machine with a GPU all of it runs there, with compiled networks and CUDA graphs beside, peak memory
and a profile.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from record import HOUSE, keep
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import Cancelled
from retouch.nn.layers import initialise
from retouch.progress import Progress
from retouch.tasks.translate.recipe import CycleGAN, Pix2Pix
from retouch.tasks.translate.recipe.pool import ImagePool
from retouch.training import Recipe, changed, train
from retouch.training.distributed import Group
from retouch.training.step import Stepper, autocast_type

Step = Callable[[], object]

TARGETS = {"pix2pix": 2.2, "cyclegan": 1.8}
GPU_TARGET = 3.0
OVERHEAD = 0.03
BLOCK = 10
"""Steps of the engine, and of the bare loop, in a turn."""

ALONE = 5
"""Blocks in which the engine runs alone, for the share of waiting."""


@dataclass(frozen=True)
class Shape:
    """How large everything is; the defaults are the papers'.

    Args:
        size: of the pictures, in pixels.
        width: of the networks.
        depth: of the U-Net.
        blocks: of the ResNet; 6 or 9.
        device: where to train.
    """

    size: int = 256
    width: int = 64
    depth: int = 8
    blocks: int = 9
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def options(self) -> dict[str, dict[str, object]]:
        """The recipes' options for these sizes."""
        common = {
            "generator.width": self.width,
            "discriminator.width": self.width,
            "pictures.size": self.size,
        }
        return {
            "pix2pix": {**common, "generator.kind": "unet", "generator.depth": self.depth},
            "cyclegan": {**common, "generator.kind": f"resnet-{self.blocks}"},
        }

    def batch(self, *names: str) -> dict[str, Tensor]:
        """Random pictures in [0, 1]."""
        numbers = torch.Generator().manual_seed(0)
        drawn = (torch.rand(1, 3, self.size, self.size, generator=numbers) for _ in names)
        return {name: picture.to(self.device) for name, picture in zip(names, drawn, strict=True)}


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(description="training: retouch beside a plain eager float32 loop")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each program")
    parser.add_argument(
        "--quick", action="store_true", help="tiny networks, to see that it runs; nothing is kept"
    )
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shape = Shape(device=device)
    if options.quick:
        shape = Shape(size=64, width=4, depth=5, blocks=6, device=device)
    rounds = 3 if options.quick else max(options.rounds, 5)
    torch.backends.cudnn.benchmark = device.type == "cuda"
    figures: dict[str, object] = {
        "rounds": rounds,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "size": shape.size,
        "batch": 1,
        "precision": str(autocast_type("auto", device)).removeprefix("torch."),
        "steps": {name: compare(name, shape, rounds) for name in TARGETS},
        "engine": overhead(shape, rounds),
    }
    if not options.quick:
        keep("training" if device.type == "cpu" else "training_gpu", figures, ("torch",))


def compare(name: str, shape: Shape, rounds: int) -> dict[str, object]:
    """Let every way of training one recipe take turns."""
    makers: dict[str, Callable[[], Step]] = {
        "eager float32": lambda: {"pix2pix": plain_pix2pix, "cyclegan": plain_cyclegan}[name](shape),
        "retouch": lambda: ours(name, shape),
    }
    gpu = shape.device.type == "cuda"
    if gpu:
        makers["retouch, graphs"] = lambda: ours(name, shape, compile="graphs")
    memory = {label: peak_memory(make) for label, make in makers.items()} if gpu else {}
    steps = {label: make() for label, make in makers.items()}
    seconds = in_turns(steps, rounds, each=20 if gpu else 1, device=shape.device)
    if gpu:
        profile(name, steps["retouch, graphs"])
    base = seconds["eager float32"]
    rows: dict[str, object] = {}
    print(f"{name:<12}{'median':>12}{'IQR':>9}{'images/s':>10}{'times as fast':>15}{'IQR':>7}")
    for label, times in seconds.items():
        ratio = statistics.median(base) / statistics.median(times)
        ratios = [slow / quick for slow, quick in zip(base, times, strict=True)]
        rows[label] = {
            "median_s": statistics.median(times),
            "iqr_s": spread(times),
            "images_per_s": 1 / statistics.median(times),
            "times_as_fast": ratio,
            "times_as_fast_iqr": spread(ratios),
            **({"peak_bytes": memory[label]} if memory else {}),
        }
        held = f"  {memory[label] / 2**30:.2f} GiB" if memory else ""
        print(
            f"  {label:<16}{statistics.median(times):>7.4f}s{spread(times):>8.4f}s"
            f"{1 / statistics.median(times):>10.2f}{ratio:>15.2f}{spread(ratios):>7.2f}{held}"
        )
    target = GPU_TARGET if gpu else TARGETS[name]
    best = max(row["times_as_fast"] for row in rows.values() if isinstance(row, dict))
    print(f"  target {target}: {'met' if best >= target else 'MISSED'}")
    return {"target": target, "rows": rows}


def ours(name: str, shape: Shape, **engine: object) -> Step:
    """The engine's own step, with its defaults."""
    recipe = recipe_of(name, shape, **engine)
    torch.manual_seed(0)
    networks = {key: network.to(shape.device).train() for key, network in recipe.networks().items()}
    stepper = Stepper(recipe, networks, recipe.memory(), Group(0, 1, shape.device))
    batch = shape.batch(*(("input", "target") if name == "pix2pix" else ("a", "b")))
    return lambda: stepper.step([batch], 0, 1_000_000)


def recipe_of(name: str, shape: Shape, **engine: object) -> Recipe:
    """The recipe for these sizes."""
    recipe: Recipe = {"pix2pix": Pix2Pix, "cyclegan": CycleGAN}[name]()
    given = {f"engine.{key}": value for key, value in engine.items()}
    return changed(recipe, {**shape.options()[name], **given})


def plain_pix2pix(shape: Shape) -> Step:
    """Forward, the discriminator's turn, the generator's turn: binary cross-entropy and 100 · L1."""
    originals = plain_networks()
    maker = ready(originals.unet(width=shape.width, depth=shape.depth), shape)
    judge = ready(originals.patchgan(inner=6, width=shape.width), shape)
    of_maker, of_judge = adam(maker), adam(judge)
    pair = {name: 2 * picture - 1 for name, picture in shape.batch("input", "target").items()}
    shown, wanted = pair["input"], pair["target"]

    def step() -> None:
        made = maker(shown)
        judge.requires_grad_(True)
        of_judge.zero_grad()
        fake = entropy(judge(torch.cat([shown, made.detach()], 1)), 0.0)
        real = entropy(judge(torch.cat([shown, wanted], 1)), 1.0)
        backward((fake + real) * 0.5)
        of_judge.step()
        judge.requires_grad_(False)
        of_maker.zero_grad()
        loss = entropy(judge(torch.cat([shown, made], 1)), 1.0) + 100 * F.l1_loss(made, wanted)
        backward(loss)
        of_maker.step()

    return step


def plain_cyclegan(shape: Shape) -> Step:
    """Generators with cycle 10 and identity 0.5, then discriminators; pools of 50, least squares."""
    originals = plain_networks()
    to_b, to_a = (ready(originals.resnet(width=shape.width, blocks=shape.blocks), shape) for _ in range(2))
    judge_a, judge_b = (
        ready(originals.patchgan(inner=3, width=shape.width, norm="instance"), shape) for _ in range(2)
    )
    of_makers, of_judges = adam(to_b, to_a), adam(judge_a, judge_b)
    pools = ImagePool(50), ImagePool(50)
    a, b = (2 * picture - 1 for picture in shape.batch("a", "b").values())

    def step() -> None:
        made_b = to_b(a)
        again_a = to_a(made_b)
        made_a = to_a(b)
        again_b = to_b(made_a)
        for judge in (judge_a, judge_b):
            judge.requires_grad_(False)
        of_makers.zero_grad()
        same = F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a)
        cycle = F.l1_loss(again_a, a) + F.l1_loss(again_b, b)
        loss = squares(judge_b(made_b), 1.0) + squares(judge_a(made_a), 1.0) + 10 * cycle + 5 * same
        backward(loss)
        of_makers.step()
        of_judges.zero_grad()
        for judge, pool, real, made in ((judge_b, pools[0], b, made_b), (judge_a, pools[1], a, made_a)):
            judge.requires_grad_(True)
            fake = squares(judge(pool.swapped(made.detach())), 0.0)
            backward((squares(judge(real), 1.0) + fake) * 0.5)
        of_judges.step()

    return step


def overhead(shape: Shape, rounds: int) -> dict[str, object]:
    """Let blocks of a run and of a bare loop take turns, then let the run go on alone."""
    recipe = recipe_of(
        "pix2pix", shape, log_every=BLOCK, images=10**9, validate_every=10**9, save_every=10**9
    )
    turns = Turns(bare(shape), rounds, shape.device)
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(Cancelled):
            train(recipe, f"synthetic:facades?count=8&size={shape.size}", folder, progress=turns)
        with (Path(folder) / "log.csv").open(encoding="utf-8") as file:
            lines = [(int(row["images"]), row["name"], float(row["value"])) for row in csv.DictReader(file)]
    waiting = [value for images, name, value in lines if name == "waiting" and images > turns.together]
    ratios = [mine / plain - 1 for mine, plain in zip(turns.engine, turns.bare, strict=True)]
    share = statistics.median(turns.engine) / statistics.median(turns.bare) - 1
    print(
        f"engine      {statistics.median(turns.engine):.4f} s a step, bare loop "
        f"{statistics.median(turns.bare):.4f} s: {100 * share:+.2f} % (IQR {100 * spread(ratios):.2f})"
        f"\n  target {100 * OVERHEAD:.0f} %: {'met' if share <= OVERHEAD else 'MISSED'}"
        f"\n  waiting for data: {100 * statistics.median(waiting):.2f} % of the time"
    )
    return {
        "target": OVERHEAD,
        "engine_median_s": statistics.median(turns.engine),
        "engine_iqr_s": spread(turns.engine),
        "bare_median_s": statistics.median(turns.bare),
        "bare_iqr_s": spread(turns.bare),
        "overhead": share,
        "overhead_iqr": spread(ratios),
        "waiting_share": statistics.median(waiting),
        "waiting_share_max": max(waiting),
    }


class Turns:
    """The progress callback that lets a bare loop take turns with the run that calls it.

    Args:
        step: of the bare loop.
        rounds: blocks of each; one more of each comes before, and is not counted.
        device: where both compute.
    """

    def __init__(self, step: Step, rounds: int, device: torch.device) -> None:
        self.step, self.rounds, self.device = step, rounds, device
        self.engine: list[float] = []
        self.bare: list[float] = []
        self.together = BLOCK * (rounds + 1)
        self._steps = 0
        self._left = 0.0

    def __call__(self, event: Progress) -> None:
        """Count a step of the run; after each block, time it and run the other's."""
        del event
        self._steps += 1
        if self._steps % BLOCK:
            return
        if self._steps > self.together:
            if self._steps == self.together + (ALONE + 1) * BLOCK:
                raise Cancelled("measured")
            return
        synchronise(self.device)
        arrived = time.perf_counter()
        spent = (arrived - self._left) / BLOCK
        for _ in range(BLOCK):
            self.step()
        synchronise(self.device)
        self._left = time.perf_counter()
        if self._steps > BLOCK:
            self.engine.append(spent)
            self.bare.append((self._left - arrived) / BLOCK)


def bare(shape: Shape) -> Step:
    """pix2pix with nothing around it: one batch in memory, our networks, bfloat16 and fused Adam."""
    recipe = recipe_of("pix2pix", shape)
    networks = {key: network.to(shape.device).train() for key, network in recipe.networks().items()}
    maker, judge = networks["generator"], networks["discriminator"]
    of_maker, of_judge = adam(maker, fused=True), adam(judge, fused=True)
    placed = {
        name: picture.contiguous(memory_format=torch.channels_last)
        for name, picture in shape.batch("input", "target").items()
    }
    shown, wanted = placed["input"] * 2 - 1, placed["target"] * 2 - 1
    precision = autocast_type("auto", shape.device)

    def judged(picture: Tensor) -> Tensor:
        logits: Tensor = judge(torch.cat([shown, picture.to(shown.dtype)], 1))
        return logits.float()

    def step() -> None:
        with torch.autocast(shape.device.type, precision, enabled=precision is not torch.float32):
            made = maker(shown)
            judge.requires_grad_(True)
            maker.requires_grad_(False)
            real, fake = judged(wanted), judged(made.detach())
            loss = 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())
        backward(loss)
        of_judge.step()
        of_judge.zero_grad()
        judge.requires_grad_(False)
        maker.requires_grad_(True)
        with torch.autocast(shape.device.type, precision, enabled=precision is not torch.float32):
            loss = F.softplus(-judged(made)).mean() + 100 * F.l1_loss(made.float(), wanted)
        backward(loss)
        of_maker.step()
        of_maker.zero_grad()

    return step


def in_turns(
    steps: dict[str, Step], rounds: int, *, each: int, device: torch.device
) -> dict[str, list[float]]:
    """Time every program in turns, after three steps that are not counted.

    Args:
        steps: the programs.
        rounds: turns of each.
        each: steps in a turn.
        device: where they compute.

    Returns:
        Program → seconds of a step, for each round.
    """
    seconds: dict[str, list[float]] = {label: [] for label in steps}
    for step, _ in itertools.product(steps.values(), range(3)):
        step()
    order = list(steps)
    for turn in range(rounds):
        for label in order if turn % 2 == 0 else reversed(order):
            synchronise(device)
            started = time.perf_counter()
            for _ in range(each):
                steps[label]()
            synchronise(device)
            seconds[label].append((time.perf_counter() - started) / each)
    return seconds


def peak_memory(make: Callable[[], Step]) -> int:
    """The most bytes that a program takes on the GPU, its weights and optimisers included."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step = make()
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def profile(name: str, step: Step) -> None:
    """Write where the time of five steps goes."""
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds) as profiler:
        for _ in range(5):
            step()
        torch.cuda.synchronize()
    path = HOUSE / "benchmarks" / "results" / f"training_gpu_profile_{name}.txt"
    path.write_text(profiler.key_averages().table(sort_by="self_cuda_time_total", row_limit=25) + "\n")


def plain_networks() -> Any:
    """The module with the networks as upstream lays them out, which the tests keep."""
    sys.path.insert(0, str(HOUSE))
    from tests.tasks.translate import originals

    return originals


def ready(network: nn.Module, shape: Shape) -> nn.Module:
    """Give a network first weights as upstream does, and bring it to the device."""
    initialise(network)
    return network.to(shape.device).train()


def adam(*networks: nn.Module, fused: bool | None = None) -> torch.optim.Optimizer:
    """Adam with upstream's numbers."""
    weights = [weight for network in networks for weight in network.parameters()]
    return torch.optim.Adam(weights, lr=2e-4, betas=(0.5, 0.999), fused=fused)


def entropy(logits: Tensor, truth: float) -> Tensor:
    """The vanilla adversarial loss."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))


def squares(logits: Tensor, truth: float) -> Tensor:
    """The least-squares adversarial loss."""
    return F.mse_loss(logits, torch.full_like(logits, truth))


def backward(loss: Tensor) -> None:
    """Compute the gradients."""
    loss.backward()  # type: ignore[no-untyped-call]


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def spread(values: Sequence[float]) -> float:
    """The interquartile range."""
    low, _, high = statistics.quantiles(values, n=4)
    return high - low


if __name__ == "__main__":
    main()
