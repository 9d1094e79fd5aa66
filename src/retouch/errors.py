"""Everything retouch raises, in one tree.

    RetouchError
    ├── InputError (ValueError)          an argument cannot be used
    │   ├── SizeMismatch                 two pictures or masks do not fit each other
    │   ├── EmptyMask                    the mask selects nothing to edit
    │   └── UnknownName                  no such choice; the message names the nearest three
    ├── PictureError (OSError)           a picture file cannot be used
    │   ├── UnreadablePicture            missing, truncated, not a picture, or unsupported
    │   ├── PictureTooLarge              more bytes or pixels than the limit
    │   └── UnwritablePicture            the output cannot be written as asked
    │       └── OutputExists             the output is there and must not be overwritten
    ├── WeightsError (OSError)           a weights file cannot be used
    │   ├── UnreadableWeights            missing, truncated, hostile, or not a weights file
    │   ├── UnknownWeights               tensors that fit no network retouch knows
    │   └── DownloadFailed               a published file could not be fetched
    ├── DataError (OSError)              a folder of training pictures cannot be used
    ├── TrainingError                    a training run cannot start, or cannot be resumed
    │   └── Diverged (ArithmeticError)   a training run broke down: NaN, collapse
    ├── MissingDependency (ImportError)  an optional extra is not installed
    ├── NotConverged (ArithmeticError)   a solver stopped before its tolerance
    └── Cancelled                        the caller stopped the edit from its progress callback

Every message says what was got, what was wanted, and what to do next. The class a caller
would expect from Python (``ValueError``, ``OSError``, …) is a second parent.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RetouchError(Exception):
    """Anything retouch raises on purpose; catch this to catch all of it."""


class InputError(RetouchError, ValueError):
    """An argument has a value that the edit cannot use."""


class SizeMismatch(InputError):
    """Two pictures or masks that must fit each other do not; the message says both sizes."""


class EmptyMask(InputError):
    """The mask selects no pixel, so there is nothing to edit."""


class UnknownName(InputError):
    """A name that is not among the known ones; the message offers the nearest three."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        """Build the message from what was asked for and what exists.

        Args:
            kind: what the name names, singular: ``"gradients mode"``.
            name: the name that was given.
            known: every name that would have been accepted.
        """
        names = list(known)
        near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.0)
        super().__init__(
            f"unknown {kind} {name!r}; did you mean {', '.join(near)}? Known: {', '.join(names)}"
        )


class PictureError(RetouchError, OSError):
    """A picture file cannot be read or written."""


class UnreadablePicture(PictureError):
    """A file that is missing, truncated, not a picture, or of a kind retouch does not read."""


class PictureTooLarge(PictureError):
    """A file with more bytes or pixels than the reader allows."""


class UnwritablePicture(PictureError):
    """A picture that cannot be written where or how the caller asked."""


class OutputExists(UnwritablePicture, FileExistsError):
    """The output file is already there and overwriting was not asked for."""


class WeightsError(RetouchError, OSError):
    """A weights file cannot be read, recognised, fetched or written."""


class UnreadableWeights(WeightsError):
    """A file that is missing, truncated, hostile, or holds no weights."""


class UnknownWeights(WeightsError):
    """Tensors whose names and shapes fit no network that retouch knows."""


class DownloadFailed(WeightsError):
    """A published file could not be fetched, or what came is not the file that was asked for."""


class DataError(RetouchError, OSError):
    """A folder of pictures cannot be used for training or evaluation."""


class TrainingError(RetouchError):
    """A training run cannot start, go on, or be resumed."""


class Diverged(TrainingError, ArithmeticError):
    """A training run broke down; the message says how, and what to change."""


class MissingDependency(RetouchError, ImportError):
    """An optional part of retouch is not installed; the message says what to install."""


class NotConverged(RetouchError, ArithmeticError):
    """A solver ran out of iterations before it met the tolerance it was given."""


class Cancelled(RetouchError):
    """The caller stopped the edit; raised from a progress callback, nothing was written."""
