"""Measuring translated pictures while a network trains, and choosing how it is applied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from retouch import metrics
from retouch.training import Evaluation

Inference = Literal["eval", "batch"]
"""``eval``: batch norm goes by the statistics of the training. ``batch``: by those of the picture itself,
as the pix2pix paper does at test time."""

ROWS = 4
"""Examples shown in a panel."""

CLOSE = 1.01
"""How many times the lowest error still counts as the lowest: chance must not decide."""

Measuring = (nn.BatchNorm2d, nn.SyncBatchNorm)
"""The layers that keep statistics."""


@contextmanager
def applied(network: nn.Module, inference: Inference, *, dropout: bool = False) -> Iterator[None]:
    """Put a network into a mode of inference, and back.

    Args:
        network: changed for the time being.
        inference: whose statistics batch norm uses.
        dropout: whether dropout stays on.
    """
    training = {module: module.training for module in network.modules()}
    statistics = {}
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.Dropout) and dropout:
            module.train()
        if isinstance(module, Measuring) and inference == "batch":
            # Without statistics of its own, batch norm measures what it is given.
            statistics[module] = (module.running_mean, module.running_var)
            module.running_mean = module.running_var = None
    try:
        yield
    finally:
        for module, (mean, variance) in statistics.items():
            module.running_mean, module.running_var = mean, variance
        for module, was in training.items():
            module.training = was


@dataclass(frozen=True)
class Results:
    """What a network made of some examples; all float32 ``(N, 3, H, W)`` in [0, 1]."""

    inputs: Tensor
    outputs: Tensor
    targets: Tensor


def results(triples: Iterable[tuple[Tensor, Tensor, Tensor]], limit: int) -> Results:
    """Gather inputs, outputs and targets.

    Args:
        triples: of ``(B, 3, H, W)`` in [0, 1].
        limit: how many pictures at most.

    Returns:
        All of them on the CPU, in float32.
    """
    columns: tuple[list[Tensor], ...] = ([], [], [])
    count = 0
    for triple in triples:
        for column, pictures in zip(columns, triple, strict=True):
            column.append(pictures.detach().float().clamp(0.0, 1.0).contiguous().cpu())
        count += len(triple[0])
        if count >= limit:
            break
    inputs, outputs, targets = (torch.cat(column)[:limit] for column in columns)
    return Results(inputs, outputs, targets)


def exactly() -> AbstractContextManager[object]:
    """Measure in float32 although the engine validates under autocast; results are on the CPU."""
    return torch.autocast("cpu", enabled=False)


def fidelity(found: Results, prefix: str = "") -> dict[str, float]:
    """Compare outputs with their targets, picture by picture.

    Args:
        found: what a network made.
        prefix: put before the names.

    Returns:
        Means of l1, psnr (dB) and ssim.
    """
    outputs = torch.round(found.outputs * 255) / 255
    with exactly():
        return {
            f"{prefix}l1": metrics.mean_absolute_difference(outputs, found.targets).mean().item(),
            f"{prefix}psnr": metrics.psnr(outputs, found.targets).mean().item(),
            f"{prefix}ssim": metrics.ssim(outputs, found.targets, dtype=torch.float32).mean().item(),
        }


def likeness(found: Results) -> dict[str, float]:
    """Compare the textures of outputs and targets as two sets.

    Args:
        found: what a network made.

    Returns:
        swd, the sliced Wasserstein distance × 1000; nothing for pictures smaller than 16 pixels.
    """
    if min(found.outputs.shape[-2:]) < 16:
        return {}
    with exactly():
        distance = metrics.sliced_wasserstein(
            found.outputs, found.targets, projections=256, normalise="reference"
        )
    return {"swd": distance}


def panel(found: Results) -> Tensor:
    """Show examples: a row each, with input, output and target side by side.

    Args:
        found: what a network made.

    Returns:
        ``(3, rows·H, 3·W)`` in [0, 1].
    """
    # Neighbours look alike where the pictures are frames of a film.
    shown = torch.linspace(0, len(found.inputs) - 1, min(ROWS, len(found.inputs))).round().long()
    columns = (found.inputs[shown], found.outputs[shown], found.targets[shown])
    return torch.cat([torch.cat(row, dim=2) for row in zip(*columns, strict=True)], dim=1)


def evaluated(found: Results, learned: Results | None) -> Evaluation:
    """Sum up a validation of pairs.

    Args:
        found: results on validation examples.
        learned: results on training examples, which show how far the network has learned them by heart.

    Returns:
        The figures, a panel and the protocol.
    """
    figures = fidelity(found) | likeness(found)
    if learned is not None:
        figures |= fidelity(learned, "train_")
    height, width = found.outputs.shape[-2:]
    return Evaluation(
        figures,
        {"validation": panel(found)},
        outputs=found.outputs,
        targets=found.targets,
        protocol=f"RGB 8 bit, {width}×{height} px, no border cut; SSIM 11×11 Gaussian σ 1.5; "
        "SWD 7×7 patches, 256 projections, normalised by the reference",
        count=len(found.outputs),
    )


def best_inference(
    network: nn.Module, measure: Callable[[], dict[str, float]]
) -> tuple[dict[str, object], dict[str, dict[str, float]]]:
    """Try every way of applying a network, and choose the one that is closest to the targets.

    Of ways that are as close, up to chance, it is the simplest: the statistics of the training before
    those of the picture, and both without dropout before either with it.

    Args:
        network: the trained network.
        measure: applies it to the validation examples and measures l1 and more.

    Returns:
        The settings of the card, and the figures of each way.
    """
    normalised = any(isinstance(module, Measuring) for module in network.modules())
    drops = any(isinstance(module, nn.Dropout) and module.p > 0 for module in network.modules())
    statistics: tuple[Inference, ...] = ("eval", "batch") if normalised else ("eval",)
    ways = [(inference, dropout) for dropout in (False, True)[: 1 + drops] for inference in statistics]
    scores: dict[str, dict[str, float]] = {}
    for inference, dropout in ways:
        with applied(network, inference, dropout=dropout):
            scores[f"{inference}{'+dropout' if dropout else ''}"] = measure()
    errors = [each["l1"] if math.isfinite(each["l1"]) else math.inf for each in scores.values()]
    close = CLOSE * min(errors)
    inference, dropout = next(way for way, error in zip(ways, errors, strict=True) if error <= close)
    settings: dict[str, object] = {
        "inference": inference,
        "dropout": dropout,
        # JSON has no infinity, which is the PSNR of a picture that is met exactly.
        "inference_scores": {
            name: {key: round(value, 5) for key, value in each.items() if math.isfinite(value)}
            for name, each in scores.items()
        },
    }
    return settings, scores
