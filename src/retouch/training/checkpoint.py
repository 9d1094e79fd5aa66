"""The state of a run on disk: everything that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from retouch.errors import TrainingError

FILE = "checkpoint.pt"


def write_state(run: Path, state: dict[str, Any]) -> None:
    """Replace a run's checkpoint; at every moment there is a whole one, the old or the new.

    Args:
        run: the run's folder.
        state: nested dictionaries and lists of tensors, numbers and words.

    Raises:
        TrainingError: The disk takes no more.
    """
    handle, name = tempfile.mkstemp(prefix=".checkpoint-", dir=run)
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
        raise TrainingError(f"{run} has no {FILE} to resume from; name the folder that --out made")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except Exception as error:  # torch raises many kinds for a damaged file, none of them documented
        raise TrainingError(f"{path} cannot be read ({error}); start the run anew") from error
    return state
