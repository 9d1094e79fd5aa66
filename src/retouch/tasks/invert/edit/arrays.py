"""Arrays of numpy's files, read as data: nothing in them is run, and what they announce is checked."""

from __future__ import annotations

import io
import math
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retouch.errors import UnreadableWeights

SUFFIXES = (".npy", ".npz")

MAX_BYTES = 64 << 20
"""Of the largest file that is read, and of all that is in it."""

_HEADER = 10_000  # characters of an array's header
_MOST = 256  # arrays of a file

_BROKEN = (
    OSError,
    ValueError,
    TypeError,
    OverflowError,
    SyntaxError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise of damaged files."""


def arrays(path: Path) -> dict[str, Tensor]:
    """Read the arrays of numbers in a file of numpy.

    Args:
        path: .npy, or .npz, in which other arrays than of numbers are passed over.

    Returns:
        Name → float32 tensor; the name of what a .npy holds is empty.

    Raises:
        UnreadableWeights: it is missing, damaged, too large, or holds objects, which would be a pickle.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UnreadableWeights(f"{path!s:.200} has {size:,} bytes, more than the {MAX_BYTES:,} allowed")
        alone = path.suffix.lower() == ".npy"
        found = {"": _array(path.read_bytes(), path)} if alone else _members(path)
    except _BROKEN as error:
        if isinstance(error, UnreadableWeights):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableWeights(
            f"{path!s:.200} cannot be read as arrays of numbers ({reason:.120}); save it by numpy.savez(…)"
        ) from None
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _members(path: Path) -> dict[str, Tensor | None]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > _MOST or sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise UnreadableWeights(
                f"{path!s:.200} holds {len(entries)} arrays of {sum(entry.file_size for entry in entries):,} "
                f"bytes; at most {_MOST} of {MAX_BYTES:,} are read"
            )
        found: dict[str, Tensor | None] = {}
        for entry in entries:
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnreadableWeights(
                    f"{path!s:.200} is compressed in a way that numpy does not write; save it by "
                    "numpy.savez(…)"
                )
            with archive.open(entry) as file:
                # What the archive says of a size may be a lie.
                data = file.read(MAX_BYTES + 1)
            found[entry.filename.removesuffix(".npy")] = _array(data, path)
    return found


def _array(data: bytes, path: Path) -> Tensor | None:
    """Read an array; None when it is not one of numbers."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise UnreadableWeights(f"{path!s:.200} is of numpy's format {version}, and 1.0 and 2.0 are read")
    try:
        with warnings.catch_warnings():
            # Files of Python 2 are read with a warning, which is nothing to the person who has one.
            warnings.simplefilter("ignore")
            shape, columns_first, dtype = read[version](file, max_header_size=_HEADER)
    except (tokenize.TokenError, MemoryError):
        # Python's parser gives up so on a header of nothing but brackets or signs.
        raise UnreadableWeights(f"{path!s:.200} has a header that is none; make it again") from None
    if dtype.hasobject or dtype.kind not in "fiu":
        return None
    wanted = math.prod(shape) * dtype.itemsize
    start = file.tell()
    if any(length < 0 for length in shape) or len(data) - start != wanted:
        raise UnreadableWeights(
            f"{path!s:.200} announces {shape} of {dtype}, {wanted:,} bytes, and holds {len(data) - start:,}"
        )
    flat = np.frombuffer(data, dtype, offset=start)
    values = flat.reshape(shape[::-1]).T if columns_first else flat.reshape(shape)
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.array(values, np.float32, order="C"))
