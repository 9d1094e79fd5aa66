"""Change the generator itself a little, so that a code's picture becomes the photo."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from retouch.errors import InputError, SizeMismatch
from retouch.tasks.invert.method.descent import Patience, descend, quasi_newton
from retouch.tasks.invert.method.objective import Judged, Wanted
from retouch.tasks.invert.method.spaces import Noise, Space
from retouch.tasks.invert.network import DCGAN, StyleGAN2
from retouch.tasks.invert.network.modulated import ModulatedConv, ToRGB

RANK = 16

MOST = 5 * 10**6
"""Bytes that a tuning may take."""

LOCALITY = 1.0
"""Weight of the change of other pictures, beside that of the photo's own pixels."""

ANCHORS = 3

PART = 0.5
"""How far other pictures are from the pivot, of the way to one that is drawn."""

FIRST = 1e-3
"""Root mean square of the first step, of that of the weights."""

_MEMORY = 10


@dataclass(frozen=True)
class Tuning:
    """Changes of weights, each a product of two narrow matrices, in 16 bits.

    Attributes:
        left: name of a weight of the synthesis (O, I, k, k) → (O, rank).
        right: the same names → (rank, I·k·k).

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv:2106.09685.
    """

    left: Mapping[str, Tensor]
    right: Mapping[str, Tensor]

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Tuning:
        """Read it from named tensors, the inverse of :meth:`tensors`.

        Args:
            tensors: ``left.NAME`` and ``right.NAME`` of each weight.

        Returns:
            The tuning.

        Raises:
            InputError: a half is missing, is no matrix of 16 bits, or two halves do not fit.
        """
        left = {name[5:]: each for name, each in tensors.items() if name.startswith("left.")}
        right = {name[6:]: each for name, each in tensors.items() if name.startswith("right.")}
        if not left or left.keys() != right.keys() or len(left) + len(right) != len(tensors):
            raise InputError(
                f"a tuning is left.NAME and right.NAME of each weight; the names are "
                f"{', '.join(sorted(tensors)[:4]) or 'none'}, …: save the latent again"
            )
        for name, one in left.items():
            two = right[name]
            if (
                one.dtype != torch.float16
                or two.dtype != torch.float16
                or one.dim() != 2
                or two.dim() != 2
                or one.shape[1] != two.shape[0]
            ):
                raise InputError(
                    f"the tuning of {name} is {tuple(one.shape)} by {tuple(two.shape)} of {one.dtype}; "
                    "matrices (O, rank) and (rank, I) of float16 were wanted"
                )
        return cls(left, right)

    def tensors(self) -> dict[str, Tensor]:
        """Give it as named tensors, for a file."""
        return {
            **{f"left.{name}": each for name, each in self.left.items()},
            **{f"right.{name}": each for name, each in self.right.items()},
        }

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return sum(each.numel() * each.element_size() for each in self.tensors().values())


@dataclass(frozen=True)
class Tuned:
    """What came of tuning.

    Attributes:
        tuning: the changes, already rounded.
        picture: (1, C, R, R) by the network with the rounded changes.
        loss: of that picture, as the objective says.
        before: the same without the changes.
        drift: root mean square change of drawn pictures near the pivot that were not watched, in [-1, 1].
        history: loss and locality at each evaluation.
        evaluations: passes forward and back of the photo; each of them took the anchors, too.
    """

    tuning: Tuning
    picture: Tensor
    loss: float
    before: float
    drift: float
    history: list[float]
    evaluations: int


@torch.no_grad()
def tuned(network: StyleGAN2, tuning: Tuning) -> StyleGAN2:
    """Give a network with changed weights.

    Args:
        network: stays as it is.
        tuning: the changes.

    Returns:
        A copy with the changes; the same tuning gives the same bits.

    Raises:
        SizeMismatch: the tuning is of another network.
    """
    changed = copy.deepcopy(network).requires_grad_(False)
    weights = dict(changed.synthesis.named_parameters())
    for name, left in tuning.left.items():
        right = tuning.right[name]
        weight = weights.get(name)
        if weight is None or left.shape[0] != weight.shape[0] or right.shape[1] != weight[0].numel():
            raise SizeMismatch(
                f"the tuning changes {left.shape[0]}×{right.shape[1]} numbers of {name}, and the network has "
                f"{'none' if weight is None else tuple(weight.shape)} there; take the model it was made with"
            )
        change = left.to(weight.device).float() @ right.to(weight.device).float()
        weight.add_(change.to(weight.dtype).view_as(weight))
    return changed


def tune(
    space: Space,
    rows: Tensor,
    objective: Wanted,
    *,
    rank: int = RANK,
    evaluations: int = 60,
    noise: Noise = "const",
    locality: float = LOCALITY,
    anchors: int = ANCHORS,
    patience: Patience | None = None,
    seed: int = 0,
    told: Callable[[int, Tensor, float], None] | None = None,
) -> Tuned:
    """Change weights so that the picture of a pivot becomes what is wanted, and others stay.

    Args:
        space: of the frozen network, which stays as it is; other pictures are drawn from it.
        rows: (1, rows, style), the pivot.
        objective: what is wanted.
        rank: of each change.
        evaluations: at most so many passes forward and back.
        noise: of the pivot's picture.
        locality: weight of the mean square change of pictures between the pivot and drawn ones.
        anchors: how many of those are watched; 0: none.
        patience: when to stop before; None: when 15 evaluations gain less than 2 %.
        seed: of the draws and of the first matrices.
        told: hears of each evaluation: its number from 1, the picture, the loss; may raise to stop.

    Returns:
        The changes.

    Raises:
        InputError: the network is a DCGAN, a number is out of range, or the changes would be too large.

    Source: Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", 2021, arXiv:2106.05744,
        sections 3.2 and 3.3.
    Departs: convolutions alone, by changes of low rank; L-BFGS; the same few other pictures all the time,
        a part of the way to what is drawn, where the authors go a length that suits FFHQ.
    """
    weights = _checked(space.network, rank, evaluations, locality, anchors)
    network = cast("StyleGAN2", space.network)
    factors = _Factors(weights, rank, seed)
    generator = torch.Generator().manual_seed(seed)
    drawn = space.rows(space.draw(2 * anchors, generator)) if anchors else rows[:0]
    near = torch.lerp(rows.expand_as(drawn), drawn, PART).detach()
    watched, unwatched = near[:anchors], near[anchors:]
    with torch.no_grad():
        kept = network.synthesis(watched) if anchors else None
        before = float(objective(network.synthesis(rows, noise)).loss)
    history: list[float] = []
    latest: list[tuple[Tensor, float]] = []

    def asked(points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        del numbers
        with torch.enable_grad():
            point = points[0].detach().requires_grad_()
            changed = factors.changed(point)
            render = partial(_render, network.synthesis, changed)
            picture = render(rows, noise)
            judged: Judged = objective(picture)
            loss = judged.loss.sum()
            if kept is not None and locality:
                loss = loss + locality * (render(watched, "const") - kept).square().mean()
            (slope,) = torch.autograd.grad(loss, point)
        history.append(float(loss.detach()))
        latest[:] = [(picture.detach(), float(judged.loss.detach()))]
        return loss.detach()[None], slope[None]

    best = descend(
        factors.start[None],
        asked,
        partial(quasi_newton, memory=_MEMORY, first=FIRST),
        evaluations=evaluations,
        patience=patience or Patience(15, 0.02),
        told=None if told is None else lambda turn: told(turn, *latest[0]),
    )[0]
    tuning = factors.rounded(best.point)
    after = tuned(network, tuning)
    with torch.no_grad():
        picture = after.synthesis(rows, noise)
        loss = float(objective(picture).loss)
        drift = 0.0
        if anchors:
            moved = after.synthesis(unwatched) - network.synthesis(unwatched)
            drift = math.sqrt(float(moved.square().mean()))
    return Tuned(tuning, picture, loss, before, drift, history, best.evaluations)


class _Factors:
    """The matrices of all changes as one row of numbers, at first with products of 0."""

    def __init__(self, weights: Mapping[str, Tensor], rank: int, seed: int) -> None:
        self.weights = weights
        generator = torch.Generator().manual_seed(seed)
        self.shapes: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
        parts: list[Tensor] = []
        self.scales: list[float] = []
        for name, weight in weights.items():
            outer, inner = weight.shape[0], weight[0].numel()
            narrow = min(rank, outer, inner)
            self.shapes.append((name, (outer, narrow), (narrow, inner)))
            parts.append(torch.zeros(outer * narrow))
            parts.append(torch.randn(narrow * inner, generator=generator) / math.sqrt(narrow))
            self.scales.append(float(weight.square().mean().sqrt()) or 1.0)
        self.start = torch.cat(parts).to(next(iter(weights.values())))

    def pairs(self, point: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Read the matrices of each weight."""
        lengths = [math.prod(shape) for _, left, right in self.shapes for shape in (left, right)]
        parts = torch.split(point, lengths)
        found = {}
        for number, (name, left, right) in enumerate(self.shapes):
            one, two = parts[2 * number].view(left), parts[2 * number + 1].view(right)
            root = math.sqrt(self.scales[number])
            found[name] = one * root, two * root
        return found

    def changed(self, point: Tensor) -> dict[str, Tensor]:
        """Give the weights with their changes."""
        return {
            name: self.weights[name] + (left @ right).view_as(self.weights[name])
            for name, (left, right) in self.pairs(point).items()
        }

    def rounded(self, point: Tensor) -> Tuning:
        """Round the matrices, once and for all."""
        pairs = self.pairs(point.detach())
        return Tuning(
            {name: left.half().cpu() for name, (left, _) in pairs.items()},
            {name: right.half().cpu() for name, (_, right) in pairs.items()},
        )


def _render(synthesis: nn.Module, changed: Mapping[str, Tensor], rows: Tensor, noise: Noise) -> Tensor:
    made: Tensor = functional_call(synthesis, dict(changed), (rows, noise))
    return made


def _checked(
    network: StyleGAN2 | DCGAN, rank: int, evaluations: int, locality: float, anchors: int
) -> dict[str, Tensor]:
    """Refuse what cannot be meant; give the weights that are changed."""
    if isinstance(network, DCGAN):
        raise InputError(
            "a DCGAN has no convolutions that a style modulates; tune a StyleGAN2, or leave tuning out"
        )
    if rank < 1 or evaluations < 1 or anchors < 0 or not 0 <= locality < math.inf:
        raise InputError(
            f"rank {rank}, {evaluations} evaluations, {anchors} anchors and locality {locality} were asked "
            "for; rank and evaluations are at least 1, the others at least 0"
        )
    weights = {
        f"{name}.weight": module.weight.detach()
        for name, module in network.synthesis.named_modules()
        if isinstance(module, ModulatedConv | ToRGB)
    }
    size = 0
    for own in weights.values():
        outer, inner = own.shape[0], own[0].numel()
        size += 2 * min(rank, outer, inner) * (outer + inner)
    if size > MOST:
        most = int(rank * MOST / size)
        raise InputError(
            f"changes of rank {rank} would take {size / 1e6:.1f} MB and {MOST / 1e6:.0f} MB are the most; "
            f"take rank {max(most, 1)} or less"
        )
    return weights
