"""A process that makes cells: ``python -m retouch.sweep.worker``.

It reads jobs as lines of JSON and answers in the same way: how far it is, and what came of each. It ends
when its input does. Ctrl-C is not for it but for its parent, which then ends it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retouch.catalog import Edit, edit_named
from retouch.errors import RetouchError
from retouch.image import Picture
from retouch.image.beside import companion_paths
from retouch.image.plain import decoded, finite, sha256_of
from retouch.progress import Progress
from retouch.sweep.ledger import MOVING

_PAUSE = 0.1  # seconds between two events that are passed on

Answer = Callable[[Mapping[str, object]], None]


def main() -> None:
    """Do jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What a library prints must not get between the answers.
    os.dup2(2, 1)

    def answer(facts: Mapping[str, object]) -> None:
        answers.write(f"{json.dumps(finite(facts))}\n")
        answers.flush()

    for number, line in enumerate(sys.stdin):
        job = json.loads(line)
        try:
            answer({**done(job, answer), "first": number == 0})
        except RetouchError as error:
            answer({"error": type(error).__name__, "message": str(error)})
        except MemoryError:
            answer({"error": "MemoryError", "message": "there is not enough memory; try fewer --jobs"})
        except BrokenPipeError:
            return
        except Exception as error:
            message = f"{type(error).__name__}: {error} (a bug in retouch: please report it)"
            answer({"error": "InternalError", "message": message})


def done(job: Mapping[str, Any], answer: Answer) -> dict[str, object]:
    """Do one job.

    Args:
        job: the edit, its arguments as plain data, and the file to write.
        answer: is told how far it is.

    Returns:
        What there is to say of the result.

    Raises:
        RetouchError: The edit failed.
    """
    edit = edit_named(job["edit"])
    placed, named = _arguments(edit, job["arguments"])
    verb = edit.load()
    started = time.perf_counter()
    made: Picture = verb(*placed, **named, progress=_telling(answer))
    seconds = time.perf_counter() - started
    file = Path(job["file"])
    beside = list(companion_paths(file, made.companions))
    if made.animation is not None:
        beside.append(made.save(file.with_suffix(MOVING)))
    made.save(file, companions=True)
    return {
        "width": made.width,
        "height": made.height,
        "seconds": round(seconds, 4),
        "report": dict(made.report),
        "sha256": sha256_of(file),
        "companions": {f"{file.parent.name}/{path.name}": sha256_of(path) for path in beside},
    }


def _arguments(edit: Edit, plain: Mapping[str, Any]) -> tuple[list[object], dict[str, object]]:
    """The files that the edit needs, pictures opened, and the rest by name."""
    values = {name: decoded(value) for name, value in plain.items()}
    placed: list[object] = []
    for option in edit.options():
        if option.placed:
            value = values.pop(option.name)
            placed.append(Picture.of(value) if option.kind == "picture" else value)  # type: ignore[arg-type]
    return placed, values


def _telling(answer: Answer) -> Callable[[Progress], None]:
    last = 0.0

    def told(event: Progress) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last >= _PAUSE:
            last = now
            answer({"fraction": event.fraction or 0.0, "stage": event.stage})

    return told


if __name__ == "__main__":
    main()
