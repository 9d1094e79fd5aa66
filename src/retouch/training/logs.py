"""Where a run's figures and pictures go: a table, a folder, TensorBoard, Weights & Biases."""

from __future__ import annotations

import csv
import io
import logging
import math
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from retouch.errors import MissingDependency
from retouch.image import Picture

HEADER = "images,name,value\n"
VALIDATION = "validation_"
"""What the names of figures measured on the validation examples begin with."""

ABOUT_THE_RUN = frozenset({"images_per_second", "waiting", "seconds"})
"""Figures about the machine and not about what is learned."""

_LOGGER = logging.getLogger(__name__)


class Log(Protocol):
    """Something that keeps what a run tells."""

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        """Keep figures.

        Args:
            images: images seen so far.
            values: name → figure; the names may differ from one call to the next.
        """
        ...

    def picture(self, images: int, name: str, picture: Tensor) -> None:
        """Keep a picture.

        Args:
            images: images seen so far.
            name: what it shows.
            picture: float32 ``(3, H, W)`` in [0, 1].
        """
        ...

    def resume_at(self, images: int) -> None:
        """Forget what came after a checkpoint; called before anything is kept.

        Args:
            images: images seen at the checkpoint.
        """
        ...

    def close(self) -> None:
        """Finish writing."""
        ...


class Logs:
    """Several logs as one; a log that fails is dropped with one warning and the run goes on.

    Args:
        logs: where everything is kept.
    """

    def __init__(self, logs: Sequence[Log]) -> None:
        self._logs = list(logs)

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        """Keep figures in every log."""
        self._tell(lambda log: log.scalars(images, values))

    def picture(self, images: int, name: str, picture: Tensor) -> None:
        """Keep a picture in every log."""
        self._tell(lambda log: log.picture(images, name, picture))

    def resume_at(self, images: int) -> None:
        """Forget in every log what came after a checkpoint."""
        self._tell(lambda log: log.resume_at(images))

    def close(self) -> None:
        """Close every log."""
        self._tell(lambda log: log.close())

    def _tell(self, tell: Callable[[Log], None]) -> None:
        for log in list(self._logs):
            try:
                tell(log)
            except Exception as error:  # a day of training is worth more than any line of its log
                self._logs.remove(log)
                _LOGGER.warning("%s stopped and the run goes on without it: %s", type(log).__name__, error)


class CsvLog:
    """A table with one line per figure: images, name, value. New names may appear at any time.

    A line that was torn by a crash is dropped when the table is opened again.

    Args:
        path: the file; made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: io.TextIOWrapper | None = None

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        """Append figures; they are in the file when this returns."""
        file = self._file or self._opened()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows((images, name, repr(float(value))) for name, value in values.items())
        file.write(text.getvalue())
        file.flush()

    def picture(self, images: int, name: str, picture: Tensor) -> None:
        """Do nothing: a table has no pictures."""

    def resume_at(self, images: int) -> None:
        """Drop the lines after a checkpoint; the table is replaced as a whole or stays."""
        self.close()
        if not self._path.is_file():
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for name, points in read_figures(self._path).items():
            writer.writerows((at, name, repr(value)) for at, value in points if at <= images)
        # Kept in the order of the run: tools that follow the file expect it to grow in time.
        lines = sorted(text.getvalue().splitlines(keepends=True), key=lambda line: int(line.split(",", 1)[0]))
        draft = self._path.with_name(f".{self._path.name}-{secrets.token_hex(4)}")
        try:
            draft.write_text(HEADER + "".join(lines), encoding="utf-8", newline="")
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> io.TextIOWrapper:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(self._path)
        self._file = self._path.open("a", encoding="utf-8", newline="")
        if self._file.tell() == 0:
            self._file.write(HEADER)
        return self._file


def read_figures(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Read what :class:`CsvLog` wrote, as far as it can be read.

    Args:
        path: the table; it may be missing, torn or damaged.

    Returns:
        Name → points ``(images, value)`` by ascending images; of two at the same place the last.
        Figures that are not finite are left out.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found: dict[str, dict[int, float]] = {}
    whole = text[: text.rfind("\n") + 1]
    for row in csv.reader(line for line in whole.splitlines() if "\0" not in line):
        try:
            at, name, value = row
            place, figure = int(at), float(value)
        except ValueError:
            continue
        if math.isfinite(figure) and place >= 0:
            found.setdefault(name, {})[place] = figure
    return {name: sorted(points.items()) for name, points in found.items()}


def plain(name: str) -> str:
    """Make a file name of what a picture shows."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "picture"


class PictureFiles:
    """A folder of pictures, named by when and what: ``00012000-validation.jpg``.

    Args:
        folder: made with the first picture.
        suffix: ``.jpg`` or ``.png``.
    """

    def __init__(self, folder: Path, *, suffix: str = ".jpg") -> None:
        self._folder = folder
        self._suffix = suffix

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        """Do nothing: a folder of pictures has no figures."""

    def picture(self, images: int, name: str, picture: Tensor) -> None:
        """Write a picture; the file appears complete or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        Picture.of(_shown(picture)).save(
            self._folder / f"{images:08d}-{plain(name)}{self._suffix}",
            quality=90 if self._suffix == ".jpg" else None,
            bit_depth=8,
        )

    def resume_at(self, images: int) -> None:
        """Delete the pictures that were made after a checkpoint."""
        for path in self._folder.glob(f"[0-9]*-*{self._suffix}"):
            number = path.name.split("-", 1)[0]
            if number.isdecimal() and int(number) > images:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing: every picture is written at once."""


class TensorBoardLog:
    """TensorBoard's event files; ``tensorboard --logdir`` shows them.

    Args:
        folder: where the files go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._purge: int | None = None
        self._writer: Any = None

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        """Write figures, those of training and of validation under headings of their own."""
        writer = self._opened()
        for name, value in values.items():
            writer.add_scalar(_tag(name), value, images)

    def picture(self, images: int, name: str, picture: Tensor) -> None:
        """Write a picture."""
        self._opened().add_image(name, _shown(picture), images)

    def resume_at(self, images: int) -> None:
        """Have TensorBoard ignore what came after a checkpoint."""
        self._purge = images + 1

    def close(self) -> None:
        """Write what is still in memory."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _opened(self) -> Any:
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise MissingDependency(
                    'TensorBoard is not installed; pip install "retouch[train]", or train with '
                    "--engine.tensorboard false"
                ) from error
            self._writer = SummaryWriter(str(self._folder), purge_step=self._purge, flush_secs=20)
        return self._writer


class WandbLog:
    """Weights & Biases. Without an account it keeps the run in the folder: ``wandb sync`` sends it later.

    Args:
        folder: the run's folder, which also names the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run: Any = None

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        """Send figures."""
        self._opened().log({"images": images, **{_tag(name): value for name, value in values.items()}})

    def picture(self, images: int, name: str, picture: Tensor) -> None:
        """Send a picture."""
        run = self._opened()
        import wandb  # type: ignore[import-not-found]

        pixels = _shown(picture).mul(255).round().byte().permute(1, 2, 0).numpy()
        run.log({"images": images, name: wandb.Image(pixels)})

    def resume_at(self, images: int) -> None:
        """Do nothing: figures are placed by images, and a resumed run goes on under the same name."""

    def close(self) -> None:
        """Send what is left."""
        if self._run is not None:
            self._run.finish()
            self._run = None

    def _opened(self) -> Any:
        if self._run is None:
            try:
                import wandb
            except ImportError as error:
                raise MissingDependency(
                    "Weights & Biases is not installed; pip install wandb, or train with --engine.wandb false"
                ) from error
            note = self._folder / "wandb-id.txt"
            name = note.read_text(encoding="utf-8").strip() if note.is_file() else secrets.token_hex(8)
            note.write_text(name, encoding="utf-8")
            known = "WANDB_MODE" in os.environ or "WANDB_API_KEY" in os.environ
            self._run = wandb.init(
                project="retouch",
                name=self._folder.absolute().name,
                id=name,
                dir=str(self._folder),
                resume="allow",
                mode=None if known else "offline",
            )
            self._run.define_metric("*", step_metric="images")
        return self._run


def _tag(name: str) -> str:
    if name.startswith(VALIDATION):
        return f"validation/{name.removeprefix(VALIDATION)}"
    return f"{'run' if name in ABOUT_THE_RUN else 'train'}/{name}"


def _shown(picture: Tensor) -> Tensor:
    """Bring a picture to float32 in [0, 1] on the CPU; what is not a number becomes black."""
    return torch.nan_to_num(picture.detach().float().cpu()).clamp(0, 1)


def _drop_torn_line(path: Path) -> None:
    """Cut a table after its last whole line."""
    if not path.is_file():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 4096)
            file.seek(start)
            block = file.read(end - start)
            if (last := block.rfind(b"\n")) >= 0:
                file.truncate(start + last + 1)
                return
            end = start
        file.truncate(0)
