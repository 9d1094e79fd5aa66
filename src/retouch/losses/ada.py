"""ADA: change what is judged as often as it takes to keep a discriminator from knowing pictures by heart."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName

Kind = Literal["blit", "geometry", "color", "cutout"]

KINDS: tuple[Kind, ...] = ("blit", "geometry", "color", "cutout")
"""The kinds of change, as the paper calls them; the first three are its choice for all data sets."""

OVERSAMPLED = 256
"""Pictures with a longer side are sampled at twice their size, so that turning them leaves no jags."""

EVERY = 4
"""Batches between two changes of the probability."""

_GREY = 1.0 / math.sqrt(3.0)


def adapted(
    x: Tensor, p: float, kinds: str = "blit,geometry,color", *, generator: torch.Generator | None = None
) -> Tensor:
    """Change pictures at random, differentiably, each in every way with probability ``p``.

    What a generator makes does not take on the changes as long as they are not always made: up to a
    probability of 0.8 in practice.

    Args:
        x: ``(B, 3, H, W)`` in [-1, 1]; with another number of channels, colours stay.
        p: of each change, 0 to 1.
        kinds: any of blit (mirroring, quarter turns, moving by whole pixels), geometry (scaling, turning,
            stretching, moving), color (brightness, contrast, hue, saturation) and cutout; with commas.
        generator: where the random numbers come from; torch's own when None.

    Returns:
        ``(B, C, H, W)``. What comes from outside the picture is mirrored in.

    Raises:
        UnknownName: There is no such kind.

    Source: Karras et al. 2020, "Training generative adversarial networks with limited data",
        arXiv:2006.06676, appendix B.
    Departs: no luma flip, filters or noise; bilinear sampling, at twice the size only above 256 pixels,
        in place of the wavelet filters.
    """
    wanted = {item.strip() for item in kinds.split(",")} - {""}
    for kind in wanted - set(KINDS):
        raise UnknownName("kind of ADA", kind, KINDS)
    draw = _Draws(x, p, generator)
    if wanted & {"blit", "geometry"}:
        x = _sampled(x, _places(draw, blit="blit" in wanted, geometry="geometry" in wanted))
    if "color" in wanted and x.shape[1] == 3:
        x = _coloured(x, draw)
    return _cut(x, draw) if "cutout" in wanted else x


class Controller:
    """The probability of ADA's changes, by how sure the discriminator is of the training pictures.

    Args:
        target: wanted mean sign of the logits of real pictures, from 0 (it cannot tell) to 1 (it always can).
        images: real pictures over which the probability would rise from 0 to 1.
        p: the probability at first.

    Source: Karras et al. 2020, arXiv:2006.06676, section 3.1, the heuristic r_t.
    Departs: the probability stays below 1; each process of several has its own.
    """

    def __init__(self, target: float = 0.6, images: int = 500_000, p: float = 0.0) -> None:
        if not 0.0 < target < 1.0 or images < 1 or not 0.0 <= p <= 1.0:
            raise InputError(
                f"ADA with target {target} over {images} images from p={p}; the target lies between 0 and 1, "
                "0.6 in the paper, there is at least 1 image, and p is from 0 to 1"
            )
        self.target, self.images, self.p = target, images, p
        self.sign = 0.0
        self._signs = torch.zeros(())
        self._seen = 0
        self._batches = 0

    def hear(self, real: Tensor) -> None:
        """Take the logits of a batch of real pictures in, and at every fourth batch change the probability.

        Args:
            real: (B, …).
        """
        self._signs = self._signs + real.detach().float().sign().mean() * len(real)
        self._seen += len(real)
        self._batches += 1
        if self._batches % EVERY:
            return
        # Reading it makes a GPU wait: not at every batch.
        self.sign = float(self._signs) / self._seen
        step = math.copysign(self._seen / self.images, self.sign - self.target)
        self.p = min(max(self.p + step, 0.0), 1.0)
        self._signs, self._seen = torch.zeros(()), 0

    def state_dict(self) -> dict[str, Any]:
        """Give it."""
        return {
            "p": self.p,
            "sign": self.sign,
            "signs": self._signs.cpu(),
            "seen": self._seen,
            "batches": self._batches,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.p, self.sign = float(state["p"]), float(state["sign"])
        self._signs = state["signs"].clone()
        self._seen, self._batches = int(state["seen"]), int(state["batches"])


class _Draws:
    """Random numbers for a batch, each 0 where the change is not made.

    Args:
        x: the batch.
        p: probability of a change.
        generator: their source.
    """

    def __init__(self, x: Tensor, p: float, generator: torch.Generator | None) -> None:
        self.count, self.device, self.p, self._generator = len(x), x.device, p, generator
        self.size = (x.shape[2], x.shape[3])

    def uniform(self) -> Tensor:
        """From 0 to 1, (B,)."""
        return torch.rand(self.count, generator=self._generator, device=self.device)

    def happens(self, p: float | None = None) -> Tensor:
        """1 where a change is made, else 0, (B,)."""
        return (self.uniform() < (self.p if p is None else p)).float()

    def bell(self) -> Tensor:
        """N(0, 1), (B,)."""
        return torch.randn(self.count, generator=self._generator, device=self.device)

    def normal(self, deviation: float) -> Tensor:
        """N(0, deviation²) where the change is made, (B,)."""
        return self.bell() * deviation * self.happens()


def _places(draw: _Draws, *, blit: bool, geometry: bool) -> Tensor:
    """From a place in the result to one in the picture, both in pixels from the middle: (B, 3, 3)."""
    H, W = draw.size
    back = torch.eye(3, device=draw.device).expand(draw.count, 3, 3)
    if blit:
        mirrored = 1.0 - 2.0 * draw.happens() * (draw.uniform() < 0.5).float()
        back = back @ _matrix([[mirrored, 0, 0], [0, 1, 0]], draw)
        turns = ((draw.uniform() * 4).floor() * draw.happens()).long()
        if H != W:
            turns = turns // 2 * 2  # a quarter turn would leave the frame
        cosine, sine = (
            torch.tensor(table, device=draw.device)[turns] for table in ([1.0, 0, -1, 0], [0.0, 1, 0, -1])
        )
        back = back @ _matrix([[cosine, sine, 0], [-sine, cosine, 0]], draw)
        moved = draw.happens()
        right, down = (((draw.uniform() * 2 - 1) * 0.125 * side * moved).round() for side in (W, H))
        back = back @ _matrix([[1, 0, -right], [0, 1, -down]], draw)
    if geometry:
        rarely = 1.0 - math.sqrt(1.0 - min(draw.p, 1.0))  # so that one of the two turns comes with p
        scale = torch.exp2(-draw.normal(0.2))
        back = back @ _matrix([[scale, 0, 0], [0, scale, 0]], draw)
        back = back @ _turned(draw, rarely)
        stretch = draw.normal(0.2)
        back = back @ _matrix([[torch.exp2(-stretch), 0, 0], [0, torch.exp2(stretch), 0]], draw)
        back = back @ _turned(draw, rarely)
        moved = draw.happens()
        right, down = (draw.bell() * 0.125 * side * moved for side in (W, H))
        back = back @ _matrix([[1, 0, -right], [0, 1, -down]], draw)
    return back


def _turned(draw: _Draws, p: float) -> Tensor:
    angle = (draw.uniform() * 2 - 1) * math.pi * draw.happens(p)
    cosine, sine = angle.cos(), angle.sin()
    return _matrix([[cosine, sine, 0], [-sine, cosine, 0]], draw)


def _matrix(rows: list[list[Tensor | float]], draw: _Draws) -> Tensor:
    """Put numbers, some of which are (B,), into (B, N, N), whose last row is that of the identity."""
    last: list[Tensor | float] = [*(0.0 for _ in rows[0][1:]), 1.0]
    cells = [
        cell if isinstance(cell, Tensor) else torch.full((draw.count,), float(cell), device=draw.device)
        for row in [*rows, last]
        for cell in row
    ]
    return torch.stack(cells, dim=1).view(draw.count, len(rows) + 1, len(rows[0]))


def _sampled(x: Tensor, back: Tensor) -> Tensor:
    """Read pictures at the places that their pixels come from.

    Four reads by index rather than grid_sample: their second derivative, which R1 needs, is there on every
    device and in every version of torch.
    """
    B, C, H, W = x.shape
    finer = 2 if max(H, W) > OVERSAMPLED else 1
    rows, columns = (
        (torch.arange(side * finer, device=x.device) + 0.5) / finer - 0.5 * side for side in (H, W)
    )
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy")).flatten(1)  # (2, H' W')
    places = back[:, :2, :2] @ grid + back[:, :2, 2:]  # (B, 2, H' W')
    places = places + places.new_tensor([[0.5 * W - 0.5], [0.5 * H - 0.5]])
    corner = places.floor()
    part = (places - corner).to(x.dtype)
    corner = corner.long()
    across = [_mirrored(corner[:, 0] + step, W) for step in (0, 1)]
    along = [_mirrored(corner[:, 1] + step, H) * W for step in (0, 1)]
    shares = [torch.stack([1 - part[:, axis], part[:, axis]]) for axis in (0, 1)]
    flat = x.flatten(2)
    read = torch.zeros_like(flat[:, :, :1])
    for below in (0, 1):
        for beside in (0, 1):
            index = (along[below] + across[beside])[:, None].expand(-1, C, -1)
            read = read + flat.gather(2, index) * (shares[1][below] * shares[0][beside])[:, None]
    result = read.view(B, C, H * finer, W * finer)
    return F.avg_pool2d(result, finer) if finer > 1 else result


def _mirrored(index: Tensor, side: int) -> Tensor:
    """Fold places outside a picture back into it, the border pixel twice."""
    inside = index % (2 * side)
    return torch.minimum(inside, 2 * side - 1 - inside)


def _coloured(x: Tensor, draw: _Draws) -> Tensor:
    """Change brightness, contrast, hue and saturation, by one matrix."""
    light = draw.normal(0.2)
    colour = _matrix([[1, 0, 0, light], [0, 1, 0, light], [0, 0, 1, light]], draw)
    contrast = torch.exp2(draw.normal(0.5))
    colour = _matrix([[contrast, 0, 0, 0], [0, contrast, 0, 0], [0, 0, contrast, 0]], draw) @ colour
    angle = (draw.uniform() * 2 - 1) * math.pi * draw.happens()
    cosine, sine = angle.cos(), angle.sin() * _GREY
    same, other = cosine + (1 - cosine) / 3, (1 - cosine) / 3
    # A turn about the grey axis (Rodrigues).
    hue: list[list[Tensor | float]] = [
        [same, other - sine, other + sine, 0],
        [other + sine, same, other - sine, 0],
        [other - sine, other + sine, same, 0],
    ]
    colour = _matrix(hue, draw) @ colour
    vivid = torch.exp2(draw.normal(1.0))
    grey = (1 - vivid) / 3
    own = grey + vivid
    pure: list[list[Tensor | float]] = [[own, grey, grey, 0], [grey, own, grey, 0], [grey, grey, own, 0]]
    colour = (_matrix(pure, draw) @ colour).to(x.dtype)
    changed = colour[:, :3, :3] @ x.flatten(2) + colour[:, :3, 3:]
    return changed.view_as(x)


def _cut(x: Tensor, draw: _Draws) -> Tensor:
    """Blank half the width and half the height about a random place."""
    H, W = draw.size
    happens, across, along = draw.happens(), draw.uniform(), draw.uniform()
    columns = (torch.arange(W, device=x.device) + 0.5) / W
    rows = (torch.arange(H, device=x.device) + 0.5) / H
    beside = (columns[None] - across[:, None]).abs() < 0.25 * happens[:, None]
    below = (rows[None] - along[:, None]).abs() < 0.25 * happens[:, None]
    return x * ~(below[:, :, None] & beside[:, None, :])[:, None]
