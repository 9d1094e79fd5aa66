"""What a drawing is looked for by: its terms, codes that stay usual, and candidates that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.tasks.invert.method.objective import Judged
from retouch.tasks.invert.method.spaces import Name, Noise, Space
from retouch.tasks.invert.method.strokes import Strokes, colour_error, edge_error, keep_error, lab
from retouch.tasks.invert.method.wish import Wish
from retouch.tasks.invert.network import DCGAN, StyleGAN2

EDGES = 0.01
"""What outlines count beside colours."""

WALL = 10.0
"""What the square counts by which codes are outside the ball of usual ones."""

THUMBNAIL = 8
"""Side of the pictures by which candidates are told apart."""


class Drawing:
    """Likeness to a scribble, as a search takes it.

    Args:
        strokes: what pictures should show.
        edges: what directions of outlines count, relative to colours.
        tolerance: pixels by which outlines may be missed.
        kept: (1, 3, R, R) in [0, 1], what pictures should stay like elsewhere; None for nothing.
        keep: what that counts, relative to colours.
        prior: what the mean square of whitened coordinates counts.
        together: what it counts that rows are not the same.
    """

    def __init__(
        self,
        strokes: Strokes,
        *,
        edges: float = EDGES,
        tolerance: int = 1,
        kept: Tensor | None = None,
        keep: float = 1.0,
        prior: float = 0.0,
        together: float = 0.0,
    ) -> None:
        self.strokes, self.edges, self.tolerance = strokes, edges, tolerance
        self.kept, self.keep = kept, keep
        self.wish = Wish(perceptual="none", prior=prior, together=together)

    def __call__(self, pictures: Tensor) -> Judged:
        """Judge pictures.

        Args:
            pictures: (N, C, R, R), nominally in [-1, 1].

        Returns:
            Losses and terms.
        """
        seen = pictures[:, :3].expand(-1, 3, -1, -1) * 0.5 + 0.5
        terms = {"colour": colour_error(seen, self.strokes, tolerance=self.tolerance)}
        if self.edges:
            terms["edges"] = self.edges * edge_error(seen, self.strokes)
        if self.kept is not None and self.keep:
            terms["keep"] = self.keep * keep_error(seen, self.kept, self.strokes)
        loss = torch.stack(list(terms.values())).sum(dim=0)
        return Judged(loss, {name: term.detach() for name, term in terms.items()})

    def taking(self, numbers: Sequence[int]) -> Self:
        """Give itself: all candidates are to show the same."""
        del numbers
        return self


class Bound(Space):
    """Codes whose rows are tied in groups, in a ball of usual ones.

    One group is the space p, as many as there are rows is p+. The prior rises steeply beyond a limit and not
    much before: what is wanted is met as well as codes within the ball can, without a weight to choose.

    Args:
        inner: p+ of a StyleGAN2, or z of a DCGAN, which has no rows.
        groups: of rows, from the coarsest; 0 for a DCGAN.
        limit: of the mean square of whitened coordinates.
        weight: by which a search multiplies the prior; the wall is as high whatever it is.
    """

    def __init__(self, inner: Space, groups: int, limit: float, weight: float = 1e-4) -> None:
        self.inner, self.groups, self.limit, self.weight = inner, groups, limit, weight
        self.network: StyleGAN2 | DCGAN = inner.network
        self.name: Name = inner.name
        self.shape = (groups, *inner.shape[1:]) if groups else inner.shape
        self.deviation, self.pace = inner.deviation, inner.pace

    def spread(self, codes: Tensor) -> Tensor:
        """Give each row the code of its group: codes of the inner space."""
        return codes[:, self._places()] if self.groups else codes

    def gathered(self, codes: Tensor) -> Tensor:
        """Give the means of each group's rows, of codes of the inner space."""
        if not self.groups:
            return codes
        places = torch.tensor(self._places(), device=codes.device)
        shares = F.one_hot(places, self.groups).to(codes)
        return torch.einsum("nrs,rg->ngs", codes, shares / shares.sum(dim=0))

    def average(self, count: int = 1) -> Tensor:
        """Give codes in the middle."""
        return self.gathered(self.inner.average(count))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw codes like those of the training; rows are alike as far as they are tied."""
        return self.gathered(self.inner.draw(count, generator))

    def rows(self, codes: Tensor) -> Tensor:
        """Give what the network takes."""
        return self.inner.rows(self.spread(codes))

    def code_of(self, rows: Tensor) -> Tensor:
        """Give the nearest codes of what the network takes."""
        return self.gathered(self.inner.code_of(rows))

    def render(self, codes: Tensor, noise: Noise = "const") -> Tensor:
        """Make the pictures of codes."""
        return self.inner.render(self.spread(codes), noise)

    def apart(self, codes: Tensor) -> Tensor:
        """Say how far rows are from being the same: (N,)."""
        return self.inner.apart(self.spread(codes))

    def plain(self, codes: Tensor) -> Tensor:
        """Give the mean square of whitened coordinates, without the wall: (N,)."""
        return self.inner.prior(self.spread(codes))

    def prior(self, codes: Tensor) -> Tensor:
        """Give that with the wall."""
        plain = self.plain(codes)
        return plain + WALL / self.weight * (plain - self.limit).clamp(min=0).square()

    def _places(self) -> list[int]:
        count = self.inner.shape[0]
        return [row * self.groups // count for row in range(count)]


def diverse(pictures: Tensor, losses: Tensor, count: int) -> list[int]:
    """Choose pictures that are good and unlike each other.

    Args:
        pictures: (N, C, R, R) in any range of about 2.
        losses: (N,).
        count: how many are wanted.

    Returns:
        Their numbers: the best one, then always the one that is farthest from all before, among the better
        quarter, or among twice as many as are wanted.
    """
    if count < 1:
        return []
    good = losses.argsort(stable=True)[: max(len(losses) // 4, 2 * count)]
    small = lab(pictures[good, :3].expand(-1, 3, -1, -1).float() * 0.5 + 0.5)
    small = F.adaptive_avg_pool2d(small, THUMBNAIL).flatten(1)
    chosen = [0]
    away = torch.cdist(small, small[:1])[:, 0]
    while len(chosen) < min(count, len(good)):
        away[chosen[-1]] = -1  # nothing is chosen twice
        chosen.append(int(away.argmax()))
        away = torch.minimum(away, torch.cdist(small, small[chosen[-1:]])[:, 0])
    return cast("list[int]", good[chosen].tolist())
