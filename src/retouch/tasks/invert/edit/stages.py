"""The stages of a search: competing starts, one style for all rows, a style for each, a tuned generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor

from retouch.tasks.invert.edit.model import Model
from retouch.tasks.invert.edit.settings import Settings
from retouch.tasks.invert.edit.telling import Teller
from retouch.tasks.invert.method import search, tuning
from retouch.tasks.invert.method.objective import Objective
from retouch.tasks.invert.method.search import Found
from retouch.tasks.invert.method.spaces import Name, Space
from retouch.tasks.invert.method.tuning import Tuned
from retouch.tasks.invert.network import StyleGAN2

SHARED = 1 / 3
"""Part of the evaluations in which all rows have one style, before each gets its own."""


@dataclass(frozen=True)
class Way:
    """What came of the stages.

    Attributes:
        found: the last search's.
        losses: of the candidate that stayed, at every evaluation.
        evaluations: passes forward and back, of all candidates together.
        tuned: what is changed of the generator; None when it stays as it is.
    """

    found: Found
    losses: list[float]
    evaluations: int
    tuned: Tuned | None = None

    @property
    def noise(self) -> Literal["none"] | list[Tensor] | None:
        """The noise with which the picture was found; None for that of the weights file."""
        noise = self.found.noise
        if isinstance(noise, str):
            return "none" if noise == "none" else None
        return noise


@dataclass(frozen=True)
class Stages:
    """What is done with a photo in a space.

    Args:
        model: the generator.
        settings: what is asked for.
        name: of the space.
    """

    model: Model
    settings: Settings
    name: Name

    @property
    def total(self) -> int:
        """Evaluations of all stages, those of candidates in one batch counted once."""
        parts = self._parts()
        _, turns = search.rounds(self.settings.work.starts, 1, parts[0])
        return turns + sum(parts[1:]) + (self.settings.work.tuning if self.settings.tune else 0)

    def run(self, objective: Objective, target: Tensor, tell: Teller) -> Way:
        """Search.

        Args:
            objective: what is wanted.
            target: (1, C, R, R) in [-1, 1], what an encoder guesses of, where there is one.
            tell: hears of every evaluation.

        Returns:
            What was found.
        """
        way = self._shared(objective, self._starts(target), tell)
        if self.name.endswith("+"):
            way = self._each(way, objective, tell)
        return self._tuned(way, objective, tell) if self.settings.tune else way

    def _parts(self) -> list[int]:
        """Share the evaluations out among the searches."""
        work = self.settings.work
        evaluations = max(work.evaluations, work.starts)
        if not self.name.endswith("+"):
            return [evaluations]
        first = max(round(evaluations * SHARED), work.starts)
        return [first, max(evaluations - first, 1)]

    def _shared(self, objective: Objective, starts: Tensor, tell: Teller) -> Way:
        """Search from several starts with one style for all rows."""
        settings, evaluations = self.settings, self._parts()[0]
        noise = settings.noise
        if noise == "fitted" and self.name.endswith("+"):
            noise = "const"
        turns = search.rounds(len(starts), 1, evaluations)[1]
        found = search.best_of(
            self._first,
            objective,
            starts,
            evaluations=evaluations,
            optimiser=settings.optimiser,
            noise=noise,
            seed=settings.seed,
            precision=settings.precision,
            told=tell.searching("trying starts" if len(starts) > 1 else "searching", turns),
        )
        return Way(found, list(found.history[0]), found.evaluations)

    def _each(self, way: Way, objective: Objective, tell: Teller) -> Way:
        """Go on with a style for each row."""
        settings, evaluations = self.settings, self._parts()[1]
        space = self.model.space(self.name, settings.label)
        found = search.search(
            space,
            objective,
            space.code_of(way.found.rows),
            evaluations=evaluations,
            optimiser=settings.optimiser,
            noise=settings.noise,
            seed=settings.seed,
            precision=settings.precision,
            told=tell.searching("searching", evaluations),
        )
        return Way(found, way.losses + found.history[0], way.evaluations + found.evaluations)

    def _tuned(self, way: Way, objective: Objective, tell: Teller) -> Way:
        """Adapt the generator, with the latent as it is."""
        evaluations = self.settings.work.tuning
        tuned = tuning.tune(
            self.model.space(self.name, self.settings.label),
            way.found.rows,
            objective,
            evaluations=evaluations,
            seed=self.settings.seed,
            noise=way.noise or "const",
            told=tell.stage("tuning the generator", evaluations),
        )
        return Way(way.found, way.losses, way.evaluations + tuned.evaluations, tuned)

    @torch.no_grad()
    def _starts(self, target: Tensor) -> Tensor:
        """Give what an encoder guesses, where there is one, the average, and draws around it."""
        count, space = self.settings.work.starts, self._first
        middle = space.average(1)
        starts = [middle]
        encoder = self.model.encoder()
        if encoder is not None:
            z = encoder(target)[0]
            label = self.model.label(self.settings.label)
            network = cast("StyleGAN2", self.model.network)
            guess = z if space.name == "z" else space.code_of(network.mapping(z, label))
            starts = [guess, middle][:count]
        if count > len(starts):
            generator = torch.Generator().manual_seed(self.settings.seed)
            drawn = space.draw(count - len(starts), generator)
            # Of z only the direction counts, so that half of one is no nearer to the average.
            if space.name != "z":
                drawn = torch.lerp(middle, drawn, self.settings.truncation)
            starts.append(drawn)
        return torch.cat(starts)

    @property
    def _first(self) -> Space:
        return self.model.space(cast("Name", self.name[0]), self.settings.label)
