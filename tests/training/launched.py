"""The command line with a line and a small pix2pix as recipes, whose processes can be made to die.

The variable ``DIE`` says where: ``RANK:step:N`` before the batch after N images, ``RANK:saving:N`` in the
middle of writing the N-th checkpoint of an attempt, ``RANK:start:0`` at once. Each happens as often as the
file that ``DEATHS`` names has lines left; it loses one with each.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from retouch import catalog
from retouch.cli import launch, main
from retouch.data import Drawn
from retouch.tasks.translate.recipe import Pix2Pix
from retouch.training import Batch
from tests.training.line import Line, LineRecipe

MODULE = "tests.training.launched"


def due(at: str, number: int) -> bool:
    rank, where, when = os.environ.get("DIE", "-1::0").split(":")
    if rank != os.environ.get("RANK", "0") or where != at or int(when) > number:
        return False
    deaths = Path(os.environ["DEATHS"])
    left = deaths.read_text().splitlines()
    deaths.write_text("\n".join(left[1:]))
    return bool(left)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def mortal(drawn: Iterator[Batch], start: int, step: int) -> Iterator[Batch]:
    seen = start
    for each in drawn:
        if due("step", seen):
            die()
        time.sleep(float(os.environ.get("PAUSE", "0")))
        yield each
        seen += step


class MortalLine(Line):
    def stream(self, *, batch: int, world: int, start: int, **rest: int) -> Iterator[Batch]:
        drawn = super().stream(batch=batch, world=world, start=start, **rest)
        return mortal(drawn, start, batch * world)


class MortalRecipe(LineRecipe):
    def data(self, source: str) -> MortalLine:
        if due("start", 0):
            die()
        return MortalLine(int(source))


class MortalDrawn(Drawn):
    def stream(self, *, batch: int, world: int, start: int, **rest: int) -> Iterator[Batch]:
        drawn = super().stream(batch=batch, world=world, start=start, **rest)
        return mortal(drawn, start, batch * world)


class MortalPix2Pix(Pix2Pix):
    def data(self, source: str) -> MortalDrawn:
        drawn: Any = super().data(source)
        return MortalDrawn(drawn.train, drawn.validation)


def saving() -> Any:
    whole, count = torch.save, 0

    def save(state: object, file: Any, **rest: Any) -> None:
        nonlocal count
        count += isinstance(file, io.BufferedWriter)
        if isinstance(file, io.BufferedWriter) and due("saving", count):
            data = io.BytesIO()
            whole(state, data)
            file.write(data.getvalue()[: data.tell() // 2])
            file.flush()
            die()
        whole(state, file, **rest)

    return mock.patch.object(torch, "save", save)


if __name__ == "__main__":
    # A shell that starts jobs in the background makes them ignore Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    recipes = (MortalRecipe, MortalPix2Pix)
    with (
        mock.patch.object(catalog, "recipes", return_value=recipes),
        mock.patch.object(launch, "PROGRAM", ("-m", MODULE)),
        saving(),
    ):
        sys.exit(main())
