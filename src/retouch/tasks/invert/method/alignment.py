"""Where in a photo the network's picture is: at which size and place, and how it is turned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.tasks.invert.method.descent import descend, quasi_newton
from retouch.tasks.invert.method.search import rounds
from retouch.tasks.invert.method.spaces import Space

STARTS = ((1.0, 0.0, 0.0), (0.8, 0.0, 0.0), (1.2, 0.0, 0.0), (0.85, -0.1, 0.0), (0.85, 0.1, 0.0),
          (0.85, 0.0, -0.1), (0.85, 0.0, 0.1))  # fmt: skip
"""Scale, right and down of the frames from which one is looked for; the first is the photo as it is."""

WORTH = 0.05
"""Part of what is left unlike that a frame must take away to be kept."""

HOLDING = 0.01
"""Weight of leaving the photo's own frame, per square of ``REACH``, beside the part that is unlike."""

REACH = (0.25, 15.0, 0.15, 0.15)
"""Logarithm of the scale, degrees, right and down that are far."""

PRIOR = 3e-3

_LEAST = 1e-4


@dataclass(frozen=True)
class Frame:
    """A square in a photo.

    Attributes:
        scale: its side, of the largest centred square's.
        angle: degrees by which it is turned clockwise.
        right: how far its middle is from the photo's, of the largest square's side.
        down: likewise.
    """

    scale: float = 1.0
    angle: float = 0.0
    right: float = 0.0
    down: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not all(map(math.isfinite, (self.scale, self.angle, self.right, self.down))) or self.scale <= 0:
            raise InputError(f"the frame is {self}; its numbers are finite and its scale is above 0")


@dataclass(frozen=True)
class Alignment:
    """What came of looking for a frame.

    Attributes:
        frame: the best one that was found; the photo's own when it is no better.
        before: part of the photo's variance that the network's picture did not explain, in its own frame.
        after: the same of the photo in the frame, looked at for as long.
        kept: whether the frame is another than the photo's own.
        evaluations: passes forward and back of all frames together.
    """

    frame: Frame
    before: float
    after: float
    kept: bool
    evaluations: int


def framed(photo: Tensor, frame: Frame, side: int) -> Tensor:
    """Cut a frame out of a photo.

    Args:
        photo: (1, C, H, W); beyond its border it is mirrored.
        frame: where.
        side: of the result, in pixels.

    Returns:
        (1, C, side, side).
    """
    numbers = torch.tensor([_numbers(frame)]).to(photo)
    return _cut(_sized(photo, side, frame.scale), numbers, side)


def align(space: Space, photo: Tensor, *, evaluations: int = 300) -> Alignment:
    """Look for the frame in which the network's pictures are most like a photo.

    Codes and frames are looked for at once, from a few frames, of which fewer and fewer stay. What is
    compared is the part of the frame's own variance that is unlike, so that to shrink into a flat corner
    gains nothing.

    Args:
        space: of the codes; p is best, as it cannot follow what is not like the training's pictures.
        photo: (1, C, H, W) in [-1, 1].
        evaluations: passes forward and back, of all frames together.

    Returns:
        The frame.

    Raises:
        InputError: the photo is no (1, C, H, W), or there are fewer evaluations than frames.
    """
    count = len(STARTS)
    if photo.dim() != 4 or len(photo) != 1:
        raise InputError(f"the photo is {tuple(photo.shape)}; (1, C, H, W) was wanted")
    if evaluations < 2 * count:
        raise InputError(
            f"{evaluations} evaluations were asked for, of {count} frames; take at least {2 * count}"
        )
    looking = _Looking(space, photo)
    # The photo's own frame is looked at for as long as the best other, for the comparison to be fair.
    shared = next(
        each for each in range(evaluations, 0, -1) if each + rounds(count, 1, each)[1] <= evaluations
    )
    pruning, turns = rounds(count, 1, shared)
    own = descend(looking.start(STARTS[:1]), looking.fixed, quasi_newton, evaluations=turns)
    free = descend(looking.start(STARTS), looking.free, quasi_newton, evaluations=turns, pruning=pruning)
    best = min(free, key=lambda each: each.loss)
    before, after = (looking.unlike(each.point) for each in (own[0], best))
    kept = after < before * (1.0 - WORTH)
    used = sum(each.evaluations for each in (*own, *free))
    frame = _frame(best.point[-len(REACH) :]) if kept else Frame()
    return Alignment(frame, before, after if kept else before, kept, used)


class _Looking:
    """Codes and frames as rows of numbers: the frame's come last, in units of ``REACH``."""

    def __init__(self, space: Space, photo: Tensor) -> None:
        self.space = space
        with torch.no_grad():
            self.middle = space.average(1)
            self.side = space.render(self.middle).shape[-1]
        self.photo = _sized(photo.to(self.middle), self.side, 1.0)

    def start(self, frames: tuple[tuple[float, float, float], ...]) -> Tensor:
        """Begin in the middle of the space, in these frames."""
        numbers = torch.tensor([_numbers(Frame(scale, 0.0, right, down)) for scale, right, down in frames])
        codes = self.middle.flatten(1).expand(len(frames), -1)
        return torch.cat([codes, numbers.to(codes)], dim=1)

    def free(self, points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        """Give losses, and slopes along codes and frames."""
        del numbers
        return self._asked(points)

    def fixed(self, points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        """Give losses, and slopes along codes alone."""
        del numbers
        losses, slopes = self._asked(points)
        slopes[:, -len(REACH) :] = 0.0
        return losses, slopes

    @torch.no_grad()
    def unlike(self, point: Tensor) -> float:
        """Say which part of the variance in a frame its picture does not explain."""
        picture, target = self._pair(point[None])
        return float(_unlike(picture, target))

    def _asked(self, points: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            points = points.detach().requires_grad_()
            picture, target = self._pair(points)
            coarse = (F.avg_pool2d(each, 4) for each in (picture, target))
            likeness = (_unlike(picture, target) + _unlike(*coarse)) / 2
            held = points[:, -len(REACH) :].square().sum(dim=1)
            losses = likeness + PRIOR * self.space.prior(self._codes(points)) + HOLDING * held
            (slopes,) = torch.autograd.grad(losses.sum(), points)
        return losses.detach(), slopes

    def _codes(self, points: Tensor) -> Tensor:
        return points[:, : -len(REACH)].reshape(len(points), *self.space.shape)

    def _pair(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return (
            self.space.render(self._codes(points)),
            _cut(self.photo, points[:, -len(REACH) :], self.side),
        )


def _unlike(pictures: Tensor, targets: Tensor) -> Tensor:
    """Give the mean square difference of each, (N,), of the target's variance."""
    variance = (targets - targets.mean(dim=(2, 3), keepdim=True)).square().flatten(1).mean(dim=1)
    return (pictures - targets).square().flatten(1).mean(dim=1) / (variance + _LEAST)


def _numbers(frame: Frame) -> tuple[float, ...]:
    parts = (math.log(frame.scale), frame.angle, frame.right, frame.down)
    return tuple(part / far for part, far in zip(parts, REACH, strict=True))


def _frame(numbers: Tensor) -> Frame:
    logarithm, angle, right, down = (own * far for own, far in zip(numbers.tolist(), REACH, strict=True))
    return Frame(math.exp(logarithm), angle, right, down)


def _sized(photo: Tensor, side: int, scale: float) -> Tensor:
    """Make a photo smaller, where pixels of it would be left out in between."""
    height, width = photo.shape[2:]
    factor = 2.0 * side / scale / min(height, width)
    if factor >= 1.0:
        return photo
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    return F.interpolate(photo, size, mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)


def _cut(photo: Tensor, numbers: Tensor, side: int) -> Tensor:
    """Sample frames (N, 4) of a photo, four samples a pixel: (N, C, side, side), with slopes along frames."""
    height, width = photo.shape[2:]
    logarithm, degrees, right, down = (numbers * numbers.new_tensor(REACH)).unbind(dim=1)
    scale, angle = logarithm.exp(), torch.deg2rad(degrees)
    across, along = scale * angle.cos(), scale * angle.sin()
    wide, high = min(height, width) / width, min(height, width) / height
    rows = torch.stack(
        [
            torch.stack([across * wide, -along * wide, 2.0 * right * wide], dim=1),
            torch.stack([along * high, across * high, 2.0 * down * high], dim=1),
        ],
        dim=1,
    )
    count = len(numbers)
    grid = F.affine_grid(rows, [count, photo.shape[1], 2 * side, 2 * side], align_corners=False)
    fine = F.grid_sample(
        photo.expand(count, -1, -1, -1), grid, padding_mode="reflection", align_corners=False
    )
    return F.avg_pool2d(fine, 2)
