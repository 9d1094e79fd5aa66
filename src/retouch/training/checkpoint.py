"""The state of a run on disk: everything that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from retouch.errors import TrainingError

FILE = "checkpoint.pt"

_DRAFT = ".checkpoint-"


def write_state(run: Path, state: dict[str, Any]) -> None:
    """Replace a run's checkpoint; at every moment there is a whole one, the old or the new.

    Args:
        run: the run's folder.
        state: nested dictionaries and lists of tensors, numbers and words.

    Raises:
        TrainingError: The disk takes no more.
    """
    handle, name = tempfile.mkstemp(prefix=_DRAFT, dir=run)
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(run / FILE)
    except (OSError, RuntimeError) as error:
        Path(name).unlink(missing_ok=True)
        raise TrainingError(
            f"the checkpoint cannot be written to {run} ({error}); the one before it is still there. "
            "Free some space and resume the run"
        ) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_drafts(run: Path) -> None:
    """Remove the unfinished checkpoints of a process that was killed while it wrote one.

    Args:
        run: the run's folder, which no other process writes to.
    """
    for draft in run.glob(f"{_DRAFT}*"):
        with contextlib.suppress(OSError):
            draft.unlink()


def read_state(run: Path) -> dict[str, Any]:
    """Read a run's checkpoint.

    Args:
        run: the run's folder.

    Returns:
        What was written; tensors are on the CPU.

    Raises:
        TrainingError: There is none, or it is damaged.
    """
    path = run / FILE
    if not path.is_file():
        raise TrainingError(
            f"{run} has no {FILE} to resume from: no run was there, or it ended before its first checkpoint; "
            "name another folder, or start the run anew with another --out"
        )
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file, none of them documented
        raise TrainingError(f"{path} cannot be read ({error}); start the run anew") from error
    if not isinstance(state, dict) or not {"seen", "networks", "optimisers", "processes"} <= state.keys():
        raise TrainingError(f"{path} is not the checkpoint of a run; start the run anew")
    return state
