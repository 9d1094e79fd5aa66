"""Find the code of a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from retouch.errors import InputError, UnknownName
from retouch.tasks.invert.method import noise as noises
from retouch.tasks.invert.method.adam import JITTER, adam
from retouch.tasks.invert.method.descent import Best, Patience, Way, descend, quasi_newton
from retouch.tasks.invert.method.objective import Judged, Wanted
from retouch.tasks.invert.method.spaces import Space
from retouch.tasks.invert.network import DCGAN, StyleGAN2

Optimiser = Literal["lbfgs", "adam"]
OPTIMISERS: tuple[Optimiser, ...] = get_args(Optimiser)

NoiseChoice = Literal["const", "none", "random", "fitted"]
"""const: the file's maps. none: no noise. random: drawn in each call, with Adam only. fitted: looked for."""

NOISES: tuple[NoiseChoice, ...] = get_args(NoiseChoice)

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

SCREENING = 1 / 3
"""Part of the evaluations in which starts compete."""

MOST_PIXELS = 1 << 19
"""Of the pictures that are made and judged at once: one of 1024 pixels, 128 of 64, some 1.2 GB."""

_PRUNING = 4
"""One of so many starts stays in each round."""


@dataclass(frozen=True)
class Seen:
    """What a search hears of on its way.

    Attributes:
        evaluations: passes forward and back of each candidate so far.
        numbers: which candidates were looked at.
        pictures: theirs, (K, C, R, R); not to be kept.
        losses: theirs, (K,).
    """

    evaluations: int
    numbers: list[int]
    pictures: Tensor
    losses: Tensor


Told = Callable[[Seen], None]


@dataclass(frozen=True)
class Found:
    """What came of a search.

    Attributes:
        codes: (N, …) of the space.
        rows: what the network takes: (N, rows, style), or (N, latent) of a DCGAN.
        noise: maps (N, 1, S, S) where they were fitted, those that were given, or "const", "none", "random".
        pictures: (N, C, R, R), nominally in [-1, 1].
        losses: (N,), all terms.
        terms: name → (N,), weighted; their sum is the loss.
        prior: (N,), as the space says.
        history: of each candidate, the loss at each evaluation.
        evaluations: passes forward and back, of all candidates together.
    """

    codes: Tensor
    rows: Tensor
    noise: NoiseChoice | list[Tensor]
    pictures: Tensor
    losses: Tensor
    terms: dict[str, Tensor]
    prior: Tensor
    history: list[list[float]]
    evaluations: int

    def taking(self, numbers: Sequence[int]) -> Found:
        """Give some of the candidates, by their places; evaluations stay those of all."""
        chosen = list(numbers)
        maps = self.noise
        if not isinstance(maps, str):
            maps = [each[chosen] if each.dim() == 4 and len(each) > 1 else each for each in maps]
        return replace(
            self,
            codes=self.codes[chosen],
            rows=self.rows[chosen],
            noise=maps,
            pictures=self.pictures[chosen],
            losses=self.losses[chosen],
            terms={name: term[chosen] for name, term in self.terms.items()},
            prior=self.prior[chosen],
            history=[self.history[number] for number in chosen],
        )


def search(
    space: Space,
    objective: Wanted,
    start: Tensor,
    *,
    evaluations: int = 150,
    optimiser: Optimiser = "lbfgs",
    noise: NoiseChoice | Sequence[Tensor] = "const",
    seed: int = 0,
    precision: Precision = "float32",
    patience: Patience | None = None,
    pruning: dict[int, int] | None = None,
    told: Told | None = None,
) -> Found:
    """Change codes so that their pictures become what is wanted.

    The same arguments give the same codes. Candidates do not know of each other, but are computed in one
    batch.

    Args:
        space: of the codes. Its network's weights should not require slopes, which costs.
        objective: what is wanted; its wish also says how dear it is to leave the start or the training's
            codes.
        start: (N, …) of the space.
        evaluations: passes forward and back, of each candidate.
        optimiser: L-BFGS with a line search, or Adam with StyleGAN2's schedule.
        noise: which, or maps.
        seed: of Adam's noise of the code, of random noise, and of the first fitted maps.
        precision: of the network's maps; a line search wants float32.
        patience: when a candidate is given up before.
        pruning: after so many evaluations → how many candidates stay, those of least loss.
        told: hears of each batch; may raise to stop.

    Returns:
        The best that each candidate has seen.

    Raises:
        UnknownName: there is no such optimiser, noise or precision.
        InputError: the start is not of the space, there are no evaluations, or the noise is random and the
            optimiser compares losses.
        NotConverged: the loss of a start is not a number.
    """
    _check(space, start, evaluations, optimiser, noise, precision)
    variables = _Variables(space, objective, start, noise, optimiser, seed, precision)
    shown = None if told is None else partial(_tell, told, variables)
    found = descend(
        variables.start,
        variables.asked,
        variables.way(optimiser, evaluations, seed),
        evaluations=evaluations,
        patience=patience,
        pruning=pruning,
        told=shown,
    )
    return variables.found(found)


def best_of(
    space: Space,
    objective: Wanted,
    starts: Tensor,
    *,
    evaluations: int = 600,
    keep: int = 1,
    optimiser: Optimiser = "lbfgs",
    noise: NoiseChoice | Sequence[Tensor] = "const",
    seed: int = 0,
    precision: Precision = "float32",
    patience: Patience | None = None,
    told: Told | None = None,
) -> Found:
    """Search from many starts, of which fewer and fewer stay.

    Args:
        space: as for :func:`search`, and so what is not named here.
        objective: with one target, not one for each start.
        starts: (N, …).
        evaluations: passes forward and back, of all candidates together.
        keep: how many stay to the end.
        optimiser: …
        noise: …
        seed: …
        precision: …
        patience: …
        told: …

    Returns:
        Those that stayed, the best first.

    Raises:
        InputError: more are to stay than there are, or evaluations do not reach for one of each start; and as
            for :func:`search`.
    """
    count = len(starts)
    if not 1 <= keep <= count:
        raise InputError(f"{keep} of {count} starts are to stay; give from 1 to {count}")
    if evaluations < count:
        raise InputError(
            f"{evaluations} evaluations were asked for, of {count} starts together; take at least "
            f"{count}, or fewer starts"
        )
    pruning, turns = rounds(count, keep, evaluations)
    found = search(
        space,
        objective,
        starts,
        evaluations=turns,
        optimiser=optimiser,
        noise=noise,
        seed=seed,
        precision=precision,
        patience=patience,
        pruning=pruning,
        told=told,
    )
    stayed = [number for number, past in enumerate(found.history) if len(past) > max(pruning, default=0)]
    stayed = stayed or list(range(count))
    return found.taking(sorted(stayed, key=lambda number: float(found.losses[number]))[:keep])


def rounds(count: int, keep: int, evaluations: int) -> tuple[dict[int, int], int]:
    """Plan how starts compete.

    Args:
        count: of starts.
        keep: how many stay to the end.
        evaluations: of all together.

    Returns:
        After so many evaluations of each → how many stay; and evaluations of each that stays to the end.
    """
    crowds = []
    while count > keep:
        crowds.append(count)
        count = max(keep, count // _PRUNING)
    plan: dict[int, int] = {}
    turn, left = 0, evaluations
    for place, crowd in enumerate(crowds):
        following = crowds[place + 1] if place + 1 < len(crowds) else keep
        turns = max(1, int(evaluations * SCREENING / len(crowds) / crowd))
        turns = min(turns, left // crowd)
        if turns < 1:
            break
        turn, left = turn + turns, left - turns * crowd
        plan[turn] = following
    return plan, turn + max(left // keep, 0)


class _Variables:
    """What is looked for, as rows of numbers, and what becomes of them."""

    def __init__(
        self,
        space: Space,
        objective: Wanted,
        start: Tensor,
        noise: NoiseChoice | Sequence[Tensor],
        optimiser: Optimiser,
        seed: int,
        precision: Precision,
    ) -> None:
        self.space, self.objective, self.first, self.noise = space, objective, start.detach(), noise
        self.precision, self.optimiser = precision, optimiser
        self.generator = torch.Generator().manual_seed(seed)
        self.width = start[0].numel()
        self.like: list[Tensor] = []
        # Adam's rates are of the codes themselves.
        pace = space.pace if optimiser == "lbfgs" else torch.ones_like(space.pace)
        self.pace = pace.expand(space.shape)
        self.start = (start.detach() / self.pace).flatten(1)
        self.history: list[list[float]] = [[] for _ in start]
        self.seen: Seen | None = None
        if noise == "fitted":
            self.like = noises.normalised(noises.drawn(cast("StyleGAN2", space.network), seed))
            self.start = torch.cat([self.start, noises.flattened(self.like, len(start))], dim=1)

    def way(self, optimiser: Optimiser, evaluations: int, seed: int) -> Callable[[Tensor], Way]:
        """Give what begins a search at a point."""
        if optimiser == "lbfgs":
            return quasi_newton
        jitter = torch.zeros_like(self.start[0])
        jitter[: self.width] = JITTER * self.space.deviation
        return partial(
            adam,
            evaluations=evaluations,
            jitter=jitter,
            generator=torch.Generator().manual_seed(seed),
            settled=self._settled,
        )

    def asked(self, points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        """Give losses and slopes at points."""
        most = max(1, MOST_PIXELS // self.space.network.side**2)
        losses: list[Tensor] = []
        slopes: list[Tensor] = []
        pictures: list[Tensor] = []
        for first in range(0, len(numbers), most):
            some = numbers[first : first + most]
            with torch.enable_grad():
                part = points[first : first + most].detach().requires_grad_()
                made, judged = self.judged(part, some)
                slopes.append(torch.autograd.grad(judged.loss.sum(), part)[0])
            losses.append(judged.loss.detach())
            pictures.append(made.detach())
            for number, loss in zip(some, losses[-1].tolist(), strict=True):
                self.history[number].append(loss)
        found = torch.cat(losses)
        self.seen = Seen(0, numbers, torch.cat(pictures), found)
        return found, torch.cat(slopes)

    def judged(self, points: Tensor, numbers: list[int]) -> tuple[Tensor, Judged]:
        """Make the pictures of points and judge them, with what their codes cost."""
        codes, maps = self.parts(points)
        given = self._noise(maps, numbers)
        short = self.precision == "bfloat16"
        with torch.autocast(points.device.type, dtype=torch.bfloat16, enabled=short):
            pictures = self.space.render(codes, given)
        pictures = pictures.to(points.dtype)
        judged = self.objective.taking(numbers)(pictures)
        wish, extra = self.objective.wish, {}
        if wish.prior:
            extra["prior"] = wish.prior * self.space.prior(codes)
        if wish.together:
            extra["together"] = wish.together * self.space.apart(codes)
        if wish.delta:
            extra["delta"] = wish.delta * (codes - self.first[numbers]).square().flatten(1).mean(dim=1)
        if maps and wish.noise:
            extra["noise"] = wish.noise * noises.likeness(maps)
        loss = torch.stack([judged.loss, *extra.values()]).sum(dim=0)
        return pictures, Judged(loss, judged.terms | {name: each.detach() for name, each in extra.items()})

    def parts(self, points: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Read codes and maps of noise from rows of numbers."""
        codes = points[:, : self.width].reshape(len(points), *self.first.shape[1:]) * self.pace
        if not self.like:
            return codes, []
        return codes, noises.normalised(noises.restored(points[:, self.width :], self.like))

    @torch.no_grad()
    def found(self, best: Sequence[Best]) -> Found:
        """Look at the best points once more."""
        points = torch.stack([each.point for each in best])
        codes, maps = self.parts(points)
        pictures, judged = self.judged(points, list(range(len(points))))
        kept: NoiseChoice | list[Tensor]
        if maps or not isinstance(self.noise, str):
            kept = maps or list(cast("Sequence[Tensor]", self.noise))
        else:
            kept = self.noise
        return Found(
            codes,
            self.space.rows(codes),
            kept,
            pictures,
            judged.loss,
            judged.terms,
            self.space.prior(codes),
            self.history,
            sum(each.evaluations for each in best),
        )

    def _noise(self, maps: list[Tensor], numbers: list[int]) -> Literal["const", "none"] | list[Tensor]:
        if maps:
            return maps
        if self.noise == "random":
            network = cast("StyleGAN2", self.space.network)
            return [
                torch.randn((len(numbers), 1, *each.shape), generator=self.generator).to(each)
                for each in noises.given(network)
            ]
        if isinstance(self.noise, str):
            return "none" if self.noise == "none" else "const"
        return [each[numbers] if each.dim() == 4 and len(each) > 1 else each for each in self.noise]

    def _settled(self, point: Tensor) -> Tensor:
        if not self.like:
            return point
        codes, maps = self.parts(point[None])
        return torch.cat([codes.flatten(1), noises.flattened(maps, 1)], dim=1)[0]


def _tell(told: Told, variables: _Variables, turn: int) -> None:
    if variables.seen is not None:
        told(replace(variables.seen, evaluations=turn))


def _check(
    space: Space,
    start: Tensor,
    evaluations: int,
    optimiser: str,
    noise: str | Sequence[Tensor],
    precision: str,
) -> None:
    if optimiser not in OPTIMISERS:
        raise UnknownName("optimiser", optimiser, OPTIMISERS)
    if precision not in PRECISIONS:
        raise UnknownName("precision", precision, PRECISIONS)
    if isinstance(noise, str) and noise not in NOISES:
        raise UnknownName("noise", noise, NOISES)
    if tuple(start.shape[1:]) != space.shape or not len(start):
        raise InputError(
            f"the start is {tuple(start.shape)}; a code of space {space.name!r} is {space.shape}: "
            f"give (N, {', '.join(map(str, space.shape))})"
        )
    if evaluations < 1:
        raise InputError(f"{evaluations} evaluations were asked for; take at least 1")
    if noise == "random" and optimiser == "lbfgs":
        raise InputError(
            "L-BFGS compares losses, and with random noise the same code gives others each time; "
            "choose noise 'const' or 'fitted', or optimiser 'adam'"
        )
    if noise == "fitted" and isinstance(space.network, DCGAN):
        raise InputError("a DCGAN takes no noise maps to be fitted; leave noise at 'const'")
