"""Tells a surface how far a search is, and shows what it has found."""

from __future__ import annotations

import time
from collections.abc import Callable

from torch import Tensor

from retouch.progress import Progress, ProgressCallback
from retouch.tasks.invert.edit import report
from retouch.tasks.invert.edit.model import Model, as_picture
from retouch.tasks.invert.method.search import Seen, Told

Heard = Callable[[int, Tensor, float], None]
"""The number of an evaluation in its stage, from 1, its picture (1, C, R, R) in [-1, 1], and its loss."""


class Teller:
    """Tells of every evaluation.

    Args:
        progress: whom to tell; None for nobody.
        total: evaluations in all stages.
    """

    def __init__(self, progress: ProgressCallback | None, total: int) -> None:
        self._progress, self._total = progress, total
        self._done = self._before = 0
        self._target: Tensor | None = None
        self._where: Tensor | None = None
        self._since: float | None = None
        self._first = 0

    def against(self, target: Tensor, where: Tensor | None) -> None:
        """Say what is looked for, so that it can be told how near a picture is.

        Args:
            target: (1, 3, R, R) in [0, 1].
            where: (1, 1, R, R), how much a pixel counts; None for all.
        """
        self._target, self._where = target, where

    def searching(self, name: str, evaluations: int) -> Told | None:
        """Give what a search calls.

        Args:
            name: of the stage, for a person.
            evaluations: that it may take.

        Returns:
            It; None when nobody listens.
        """
        heard = self.stage(name, evaluations)
        if heard is None:
            return None

        def told(seen: Seen) -> None:
            best = int(seen.losses.argmin())
            heard(seen.evaluations, seen.pictures[best : best + 1], float(seen.losses[best]))

        return told

    def stage(self, name: str, evaluations: int) -> Heard | None:
        """Give what is called in a stage.

        Args:
            name: of the stage, for a person.
            evaluations: that it may take.

        Returns:
            It; None when nobody listens.
        """
        self._before += self._done
        before, self._done = self._before, evaluations
        if self._progress is None:
            return None
        self._progress(Progress(name, before, self._total))

        def heard(evaluation: int, picture: Tensor, loss: float) -> None:
            self._tell(name, before + min(evaluation, evaluations), picture, loss)

        return heard

    def _tell(self, name: str, done: int, picture: Tensor, loss: float) -> None:
        # A copy: the search goes on to use its own.
        shown = Model.shown(picture.clone())
        facts = {"loss": loss}
        if self._target is not None:
            facts["psnr"] = round(report.psnr(shown, self._target, self._where), 2)
        now = time.perf_counter()
        if self._since is None:
            # The first evaluation also warms up, and would tell too much.
            self._since, self._first = now, done
        elif done > self._first:
            rate = (now - self._since) / (done - self._first)
            facts["seconds_left"] = round(rate * (self._total - done), 1)
        if self._progress is not None:
            self._progress(Progress(name, done, self._total, lambda: as_picture(shown), facts))
