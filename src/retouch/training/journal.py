"""What a run tells while it goes: log files, sample pictures, warnings, and the report at its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from retouch.training.film import write_film
from retouch.training.logs import CsvLog, Log, Logs, PictureFiles, TensorBoardLog, WandbLog
from retouch.training.recipe import Engine, Evaluation
from retouch.training.report import write_report
from retouch.training.watchdogs import Watchdogs

logger = logging.getLogger(__name__)


class Journal:
    """Gather the losses of a run and pass them on.

    Losses stay on the device until a line of the log is due: reading one makes a GPU wait.

    Args:
        run: the run's folder.
        logs: where lines and pictures go.
    """

    def __init__(self, run: Path, logs: Logs) -> None:
        self.run = run
        self.logs = logs
        self.watchdogs = Watchdogs()
        self.facts: dict[str, float] = {}
        self.waited = 0.0
        self._film = ""
        self._sums: dict[str, Tensor] = {}
        self._steps = 0
        self._images = 0
        self._since = time.monotonic()
        self._waited_before = 0.0

    @classmethod
    def opened(cls, run: Path, engine: Engine, *, since: int | None) -> Journal:
        """Open the logs of a run.

        Args:
            run: its folder.
            engine: which logs.
            since: images seen at the checkpoint from which the run goes on; None at its beginning.

        Returns:
            The journal; lines after the checkpoint are gone from it.
        """
        logs: list[Log] = [CsvLog(run / "log.csv"), PictureFiles(run / "samples")]
        if engine.tensorboard:
            logs.append(TensorBoardLog(run))
        if engine.wandb:
            logs.append(WandbLog(run))
        every = Logs(logs)
        if since is not None:
            every.resume_at(since)
        return cls(run, every)

    def add(self, told: Mapping[str, Tensor], images: int) -> None:
        """Take the losses of a step.

        Args:
            told: name → scalar tensor on the device.
            images: images in the step.
        """
        for name, value in told.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._steps += 1
        self._images += images

    def write(self, seen: int, seconds: float) -> None:
        """Write one line: the means since the last one.

        Args:
            seen: images of the run so far.
            seconds: of the run so far.

        Raises:
            Diverged: A loss is not a number.
        """
        if not self._steps:
            return
        means = {name: float(value) / self._steps for name, value in self._sums.items()}
        passed = max(time.monotonic() - self._since, 1e-9)
        pace = self._images / passed
        waiting = max(self.waited - self._waited_before, 0.0) / passed
        self.facts = {**means, "images/s": pace}
        self.logs.scalars(seen, {**means, "images_per_second": pace, "waiting": waiting, "seconds": seconds})
        self._sums, self._steps, self._images = {}, 0, 0
        self._since, self._waited_before = time.monotonic(), self.waited
        self._warn(self.watchdogs.look(seen, {**means, "waiting": waiting}, None), seen)

    def evaluated(self, seen: int, evaluation: Evaluation) -> None:
        """Write what a validation found.

        Args:
            seen: images of the run so far.
            evaluation: the figures and the pictures.
        """
        figures = {f"validation_{name}": value for name, value in evaluation.metrics.items()}
        self.logs.scalars(seen, figures)
        for name, picture in evaluation.panels.items():
            self.logs.picture(seen, name, picture)
        self._film = evaluation.film
        self._warn(self.watchdogs.look(seen, figures, evaluation.outputs, targets=evaluation.targets), seen)
        write_report(self.run)
        # The time of an evaluation is not that of the steps after it.
        self._since = time.monotonic()

    def finish(self) -> None:
        """Write the report, and the film of the run when its recipe wants one."""
        if self._film:
            write_film(self.run, self._film)
        write_report(self.run)

    def close(self) -> None:
        """Close the files."""
        self.logs.close()

    def _warn(self, messages: list[str], seen: int) -> None:
        if messages:
            for message in messages:
                logger.warning("after %s images: %s", f"{seen:,}", message)
            with (self.run / "warnings.txt").open("a", encoding="utf-8") as file:
                file.writelines(f"{seen}\t{message}\n" for message in messages)
