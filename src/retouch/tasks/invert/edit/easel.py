"""A scribble, a generator, and the pictures that come of them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from retouch.image import MaskLike, Picture
from retouch.progress import ProgressCallback
from retouch.tasks.invert.edit import scribble as scribbles
from retouch.tasks.invert.edit.contact import tiled
from retouch.tasks.invert.edit.latent import SUFFIX, Latent
from retouch.tasks.invert.edit.opening import opened
from retouch.tasks.invert.edit.settings import Crop
from retouch.tasks.invert.edit.telling import Teller
from retouch.tasks.invert.method import spaces
from retouch.tasks.invert.method.descent import Patience
from retouch.tasks.invert.method.drawing import EDGES, Bound, Drawing, diverse
from retouch.tasks.invert.method.search import Found, search
from retouch.tasks.invert.method.strokes import colour_error

if TYPE_CHECKING:
    from retouch.tasks.invert.edit.latent import LatentLike
    from retouch.tasks.invert.edit.model import Model

FEWEST = 4
"""Candidates that are looked for, even where one picture is asked for: the best of them is better."""

USUAL = 1.0
"""The mean square of whitened coordinates that codes may have at most, at realism ½; 1 for the training's."""

RANGE = 8.0
"""How many times more at realism 0, and less at 1."""

PRIORS = (1e-3, 1e-5)
"""What the prior counts inside the ball, while candidates compete and afterwards."""

COMPETING = 1 / 3
"""Part of the evaluations of a candidate before the best ones go on alone."""

UNMET = 8.0
"""The distance of colours (ΔE) at realism ½ from which strokes are not met by one style for all rows."""

COLUMNS = 8
"""Candidates in a row of the sheet."""

KEEP = 5.0
"""What it counts to change a start, relative to colours: the strokes are few, and the rest is much."""

TOGETHER = 1e-4
"""What it counts that rows are not the same, once they are free."""

AWAY = 0.3
"""How far other candidates for a change begin from the start, towards a draw."""

_BATCH = 16
_ROOM = 0.8
_PATIENCE = Patience(25, 0.01)


@dataclass(frozen=True)
class Effort:
    """How much is done.

    Attributes:
        candidates: pictures that are wanted.
        starts: that are tried first.
        evaluations: for each candidate.
    """

    candidates: int
    starts: int
    evaluations: int


@dataclass(frozen=True)
class Candidate:
    """One picture that meets the strokes.

    Attributes:
        latent: what makes it.
        shown: (1, 3, R, R) in [0, 1].
        colour: root mean square of ΔE in the strokes.
        prior: mean square of whitened coordinates.
        styles: that its rows share; 0 for a DCGAN.
    """

    latent: Latent
    shown: Tensor
    colour: float
    prior: float
    styles: int


class Easel:
    """What is needed to draw.

    Args:
        model: the generator.
        picture: the scribble.
        mask: where its strokes are.
        crop: how it becomes square.
        label: the class, for generators with labels.
        edges: what outlines count, relative to the usual.
        tolerance: pixels by which they may be missed.
        seed: of the starts.

    Raises:
        RetouchError: as :func:`retouch.draw` says.
    """

    def __init__(
        self,
        model: Model,
        picture: Picture,
        *,
        mask: MaskLike | None = None,
        crop: Crop = "pad",
        label: int | None = None,
        edges: float = 1.0,
        tolerance: int = 1,
        seed: int = 0,
    ) -> None:
        self._started = time.perf_counter()
        self._model, self._seed = model, seed
        self._rows = 0 if model.kind == "dcgan" else model.rows
        self._label = 0 if label is None and model.classes else label
        self._inner = model.space("z") if model.kind == "dcgan" else model.space("p+", self._label)
        self._scribble = scribbles.read(picture, model.side, mask=mask, crop=crop)
        self._strokes = self._scribble.strokes.to(model.device)
        self._edges, self._tolerance = edges * EDGES, tolerance
        self._start: Latent | None = None
        self._kept: Tensor | None = None
        self._keep = 0.0
        self._evaluations = 0

    def begin(self, start: LatentLike, *, keep: float, progress: ProgressCallback | None) -> None:
        """Change a picture instead of making one.

        Args:
            start: a photo, or a latent of one.
            keep: what it counts to change it outside the strokes.
            progress: called while a photo is looked for.
        """
        self._start = opened(start, self._model, label=self._label, seed=self._seed, progress=progress)
        if self._start.label is not None and self._start.label != self._label:
            self._label = self._start.label
            self._inner = self._model.space("p+", self._label)
        self._kept, self._keep = self._start.render(self._model), KEEP * keep

    def drawn(self, realism: float, effort: Effort, progress: ProgressCallback | None) -> Picture:
        """Give the picture.

        Args:
            realism: 0 follows the strokes, 1 stays with usual pictures.
            effort: how much is done.
            progress: called after every evaluation.

        Returns:
            The best candidate, or a sheet of as many as are wanted, with latents and the report.
        """
        found = self.candidates(realism, effort, progress)
        shown = found[: effort.candidates]
        sheet = tiled(torch.cat([each.shown for each in shown]), COLUMNS, self._report(found))
        names = ["", *(f".{number}" for number in range(2, len(shown) + 1))]
        return sheet.with_companions(
            {f"{name}{SUFFIX}": each.latent.encoded() for name, each in zip(names, shown, strict=True)}
        )

    def candidates(
        self, realism: float, effort: Effort, progress: ProgressCallback | None = None
    ) -> list[Candidate]:
        """Find pictures that meet the strokes.

        Args:
            realism: as for :meth:`drawn`, and so the others.
            effort: …
            progress: …

        Returns:
            As many as are wanted, the best first.
        """
        limit = USUAL * RANGE ** (1 - 2 * realism)
        first = max(1, round(effort.evaluations * COMPETING))
        freed = [groups for groups in (2, self._rows // 2, self._rows) if 1 < groups <= self._rows]
        if self._start is not None:
            space, codes = self._changing(self._start, limit, effort.candidates)
            teller = Teller(progress, effort.evaluations)
            return self._told(space, self._sought(space, codes, effort.evaluations, teller, "changing"))
        teller = Teller(progress, first + effort.evaluations * (1 + len(freed)))
        space, codes = self._first(limit, effort)
        found = self._sought(space, codes, first, teller, "trying", PRIORS[0])
        best = found.losses.argsort(stable=True)[: effort.candidates]
        found = self._sought(space, found.codes[best], effort.evaluations, teller, "drawing")
        for groups in sorted(set(freed)):
            if self._met(found, realism):
                break
            codes = space.spread(found.codes)
            space = Bound(self._inner, groups, limit)
            found = self._sought(space, space.gathered(codes), effort.evaluations, teller, "freeing styles")
        return self._told(space, found)

    def _first(self, limit: float, effort: Effort) -> tuple[Bound, Tensor]:
        """The middle, and of many draws good ones that differ."""
        space = Bound(self._inner, min(self._rows, 1), limit)
        drawn = space.draw(effort.starts, torch.Generator().manual_seed(self._seed))
        if self._rows:
            drawn = drawn * min(1.0, (_ROOM * limit) ** 0.5)
        with torch.no_grad():
            parts = [space.render(each) for each in torch.split(drawn, _BATCH)]
            wanted = Drawing(self._strokes, edges=self._edges, tolerance=self._tolerance)
            losses = torch.cat([wanted(each).loss for each in parts])
        made = torch.cat(parts)
        chosen = diverse(made, losses, max(FEWEST, effort.candidates) - 1)
        return space, torch.cat([space.average(1), drawn[chosen]])

    def _changing(self, start: Latent, limit: float, count: int) -> tuple[Bound, Tensor]:
        """The start, with its rows as free as they are, and others about it."""
        inner, model = self._inner, self._model
        if start.tuning is not None:
            inner = spaces.space(model.tuned(start.tuning), "p+", label=model.label(self._label))
        codes = inner.code_of(start.rows[None].to(model.device))
        limit = max(limit, float(inner.prior(codes)) / _ROOM)
        space = Bound(inner, self._rows, limit)
        drawn = space.draw(count - 1, torch.Generator().manual_seed(self._seed)) if count > 1 else codes[:0]
        return space, torch.cat([codes, torch.lerp(codes, drawn, AWAY)])

    def _sought(
        self,
        space: Bound,
        codes: Tensor,
        evaluations: int,
        teller: Teller,
        name: str,
        prior: float = PRIORS[-1],
    ) -> Found:
        wanted = Drawing(
            self._strokes,
            edges=self._edges,
            tolerance=self._tolerance,
            kept=self._kept,
            keep=self._keep,
            prior=prior,
            together=TOGETHER,
        )
        found = search(
            Bound(space.inner, space.groups, space.limit, prior),
            wanted,
            codes,
            evaluations=evaluations,
            noise=self._noise(),
            patience=_PATIENCE,
            told=teller.searching(name, evaluations),
        )
        self._evaluations += found.evaluations
        return found

    def _noise(self) -> Literal["const", "none"] | list[Tensor]:
        if self._start is None or self._start.noise is None:
            return "const"
        if self._start.noise == "none":
            return "none"
        return [plane.to(self._model.device, torch.float32) for plane in self._start.noise]

    def _met(self, found: Found, realism: float) -> bool:
        """Whether the best candidate is as near to the strokes as is wanted of one style for all rows."""
        best = int(found.losses.argmin())
        return realism == 1 or self._off(found.pictures[best : best + 1]) <= 2 * realism * UNMET

    def _off(self, made: Tensor) -> float:
        """Root mean square of ΔE in the strokes, pixel by pixel, of one picture of the network's."""
        seen = self._model.shown(made)
        error = colour_error(seen, self._strokes, tolerance=self._tolerance, coarseness=1)
        return 100 * math.sqrt(float(error))

    def _told(self, space: Bound, found: Found) -> list[Candidate]:
        priors = space.plain(found.codes).tolist()
        made = []
        for number in found.losses.argsort(stable=True).tolist():
            off = self._off(found.pictures[number : number + 1])
            latent = Latent.of(
                self._model,
                found.rows[number],
                space=space.name,
                codes=space.spread(found.codes)[number],
                noise=None if self._start is None else self._start.noise,
                tuning=None if self._start is None else self._start.tuning,
                seed=self._seed,
                label=self._label,
                facts={"edit": "draw", "colour": round(off, 3), "prior": round(priors[number], 4)},
            )
            made.append(Candidate(latent, latent.render(self._model), off, priors[number], space.groups))
        return made

    def _report(self, found: list[Candidate]) -> dict[str, float | int | str]:
        best, read = found[0], self._scribble
        report: dict[str, float | int | str] = {
            "model": self._model.name,
            "strokes": read.rule,
            "coverage": round(read.coverage, 4),
            "colour": round(best.colour, 3),
            "prior": round(best.prior, 4),
            "styles": best.styles or 1,
            "evaluations": self._evaluations,
            "seconds": round(time.perf_counter() - self._started, 3),
        }
        for number, each in enumerate(found, 1):
            report[f"candidate_{number}"] = f"colour {each.colour:.2f}, prior {each.prior:.3f}"
        if read.note:
            report["note"] = read.note
        return report
