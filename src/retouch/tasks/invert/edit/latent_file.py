"""The file of a latent: safetensors with a head of JSON. It comes from anywhere, so every part is checked."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import stat
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, get_args

import torch
from torch import Tensor

from retouch.errors import UnreadableWeights, WeightsError
from retouch.tasks.invert.method.spaces import Name
from retouch.weights.card import JSON

Facts: TypeAlias = Mapping[str, JSON]
"""What is known of a latent beside its numbers."""

SUFFIX = ".latent.safetensors"
"""How the name of a latent file ends."""

KEY = "retouch-latent"
"""Where the head lies in the metadata."""

VERSION = 1
"""Of the format; a file of a later one is refused."""

MAX_BYTES = 32 << 20
"""Of the largest file that is read: with maps of noise for 1024 pixels and tuning, one has about 10 MB."""

_HEADER_BYTES = 2 << 20
_HEAD_CHARACTERS = 1 << 20
_DEEPEST = 8
_MOST_TENSORS = 1000
_MOST_ROWS = 64
_MOST_NUMBERS = 1 << 14
_LARGEST_SIDE = 4096

_NOISE = re.compile(r"noise\.(\d{2})")
_TUNING = "tuning."
_DTYPES = {"F32": torch.float32, "F16": torch.float16}


@dataclass(frozen=True)
class Head:
    """What a latent file says about itself.

    Args:
        model: what the generator is called.
        digest: SHA-256 of its numbers, 64 hexadecimal digits.
        kind: "stylegan2" or "dcgan".
        side: of the picture, in pixels.
        space: in which it was found.
        seed: with which it was found.
        noise: "const" for the maps of the weights file, "none", or "maps" for those of the latent file.
        label: of the class that it was looked for in, or None.
        facts: what else is known.
        retouch: the version that wrote the file.
    """

    model: str
    digest: str
    kind: str
    side: int
    space: str
    noise: str = "const"
    seed: int = 0
    label: int | None = None
    facts: Facts = field(default_factory=dict)
    retouch: str = ""


@dataclass(frozen=True)
class Stored:
    """What a latent file holds.

    Args:
        head: what it says.
        tensors: by name: rows, codes, noise.00 …, tuning.….
    """

    head: Head
    tensors: Mapping[str, Tensor]


def is_latent(head: bytes) -> bool:
    """Whether a file begins as a latent file does, and no picture.

    Args:
        head: its first nine bytes.
    """
    return len(head) >= 9 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= MAX_BYTES


def noise_name(number: int) -> str:
    """Name a map of noise."""
    return f"noise.{number:02d}"


def noise_names(tensors: Mapping[str, Tensor]) -> list[str]:
    """List the names of the maps of noise, from the coarsest."""
    return sorted(name for name in tensors if _NOISE.fullmatch(name))


def named_tuning(changes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the tensors of tuning as the file does."""
    return {f"{_TUNING}{name}": tensor for name, tensor in changes.items()}


def tuning_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of tuning under their own names."""
    return {name.removeprefix(_TUNING): value for name, value in tensors.items() if name.startswith(_TUNING)}


def written(head: Head, tensors: Mapping[str, Tensor]) -> bytes:
    """Make the file.

    Args:
        head: what it says.
        tensors: what it holds.

    Returns:
        Its bytes, the same for the same latent.

    Raises:
        WeightsError: it would not be read again: it is too large, or says what cannot be.
    """
    from safetensors.torch import save

    version: str = importlib.import_module("retouch").__version__
    try:
        text = json.dumps(
            {
                "version": VERSION,
                "model": head.model,
                "sha256": head.digest,
                "kind": head.kind,
                "side": head.side,
                "space": head.space,
                "noise": head.noise,
                "seed": head.seed,
                "label": head.label,
                "facts": dict(head.facts),
                "retouch": version,
            },
            allow_nan=False,
        )
        plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        made: bytes = save(plain, metadata={KEY: text})
        _parsed(made)
    except (ValueError, TypeError, RecursionError, UnreadableWeights) as error:
        raise WeightsError(f"the latent cannot be written: {error!s:.300}") from error
    return made


def read(source: str | Path | bytes) -> Stored:
    """Read a latent file.

    Args:
        source: its path, or its bytes.

    Raises:
        UnreadableWeights: it is missing, damaged, of another kind, or says what cannot be.
    """
    shown = "the latent" if isinstance(source, bytes) else f"{source!s:.200}"
    data = source if isinstance(source, bytes) else _bytes_of(Path(source))
    try:
        return _parsed(data)
    except UnreadableWeights as error:
        raise UnreadableWeights(
            f"{shown} cannot be used as a latent: {error}; invert the photo again, which writes NAME{SUFFIX}"
        ) from None


def _bytes_of(path: Path) -> bytes:
    # A pipe would wait for a writer without O_NONBLOCK; O_BINARY exists on Windows alone.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        opened = os.open(path, flags)
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableWeights(
                    f"{path!s:.200} is not a regular file; give the path of a latent file, NAME{SUFFIX}"
                )
            if status.st_size > MAX_BYTES:
                raise UnreadableWeights(
                    f"{path!s:.200} has {status.st_size:,} bytes, and a latent file at most {MAX_BYTES:,}; "
                    f"give the latent of a photo, NAME{SUFFIX}"
                )
            with os.fdopen(opened, "rb", closefd=False) as file:
                return file.read(MAX_BYTES + 1)
        finally:
            os.close(opened)
    except (OSError, ValueError) as error:
        if isinstance(error, UnreadableWeights):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableWeights(
            f"{path!s:.200} cannot be read ({reason}); give the path of a latent file, NAME{SUFFIX}"
        ) from None


def _parsed(data: bytes) -> Stored:
    from safetensors import SafetensorError, deserialize

    if len(data) > MAX_BYTES:
        raise UnreadableWeights(f"it has {len(data):,} bytes, more than the {MAX_BYTES:,} allowed")
    if not is_latent(data):
        raise UnreadableWeights("it is no safetensors file")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(len(data) - 8, _HEADER_BYTES):
        raise UnreadableWeights(f"its header announces {length:,} bytes and the file has {len(data):,}")
    try:
        header = json.loads(data[8 : 8 + length])
        found = deserialize(data)  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError, RecursionError) as error:
        raise UnreadableWeights(f"its safetensors header is broken ({error!s:.200})") from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    text = metadata.get(KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise UnreadableWeights("it is a safetensors file, but not one of a latent")
    if len(found) > _MOST_TENSORS:
        raise UnreadableWeights(f"it holds {len(found):,} tensors, more than the {_MOST_TENSORS:,} allowed")
    head = _head(text)
    return Stored(head, _checked({name: _tensor(name, entry) for name, entry in found}, head))


def _tensor(name: str, entry: Mapping[str, Any]) -> Tensor:
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise UnreadableWeights(f"{name!r:.80} is of {entry['dtype']!s:.20}, not of F32 or F16")
    shape = tuple(entry["shape"])
    if not 1 <= len(shape) <= 4 or 0 in shape:
        raise UnreadableWeights(f"{name!r:.80} is {shape}, which no part of a latent is")
    tensor = torch.frombuffer(bytearray(entry["data"]), dtype=dtype).reshape(shape)
    if not bool(torch.isfinite(tensor).all()):
        raise UnreadableWeights(f"{name!r:.80} holds NaN or infinity")
    return tensor


def _checked(tensors: dict[str, Tensor], head: Head) -> Mapping[str, Tensor]:
    """Refuse what no latent holds."""
    rows = tensors.get("rows")
    axes = 1 if head.kind == "dcgan" else 2
    if rows is None or rows.dim() != axes or rows.dtype != torch.float32:
        got = "missing" if rows is None else f"{tuple(rows.shape)} of {rows.dtype}"
        raise UnreadableWeights(f"its rows are {got}, and must be of {axes} axes and float32")
    if rows.shape[-1] > _MOST_NUMBERS or rows.numel() > _MOST_ROWS * _MOST_NUMBERS:
        raise UnreadableWeights(f"its rows are {tuple(rows.shape)}, more than any generator takes")
    codes = tensors.get("codes")
    if codes is not None and (codes.dtype != torch.float32 or codes.numel() > _MOST_ROWS * _MOST_NUMBERS):
        raise UnreadableWeights(f"its codes are {tuple(codes.shape)} of {codes.dtype}")
    maps = noise_names(tensors)
    if maps != [noise_name(number) for number in range(len(maps))]:
        raise UnreadableWeights(f"its maps of noise are {', '.join(maps)[:200]}, and one is missing")
    if (head.noise == "maps") != bool(maps):
        raise UnreadableWeights(f"its head says noise = {head.noise!r}, and it holds {len(maps)} maps")
    for name in maps:
        plane = tensors[name]
        square = plane.dim() == 2 and plane.shape[0] == plane.shape[1] <= _LARGEST_SIDE
        if not square or plane.dtype != torch.float16:
            raise UnreadableWeights(f"{name} is {tuple(plane.shape)} of {plane.dtype}, and must be a square")
    known = {"rows", "codes", *maps}
    foreign = [name for name in tensors if name not in known and not name.startswith(_TUNING)]
    if foreign:
        raise UnreadableWeights(f"it holds {foreign[0]!r:.80}, which no latent has")
    return tensors


def _head(text: str) -> Head:
    if len(text) > _HEAD_CHARACTERS:
        raise UnreadableWeights(f"its head has {len(text):,} characters, more than {_HEAD_CHARACTERS:,}")
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UnreadableWeights(f"its head is no JSON ({error!s:.80})") from None
    if not isinstance(found, dict):
        raise UnreadableWeights("its head is no JSON object")
    version = found.get("version")
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        raise UnreadableWeights(f"it has version {version} and this retouch reads {VERSION}; update retouch")
    for name, check in _CHECKS.items():
        if not check(found.get(name)):
            raise UnreadableWeights(f"its head says {name} = {_short(found.get(name))}, which cannot be")
    return Head(
        model=found["model"],
        digest=found["sha256"],
        kind=found["kind"],
        side=found["side"],
        space=found["space"],
        noise=found["noise"],
        seed=found["seed"],
        label=found["label"],
        facts=found["facts"],
        retouch=found["retouch"],
    )


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _short(value: object) -> str:
    # Of a container only the kind: it may be deep enough to break repr().
    return type(value).__name__ if isinstance(value, dict | list) else f"{value!r:.80}"


def _label(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def _whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_json(value: object, depth: int) -> bool:
    if depth < 0:
        return False
    if isinstance(value, dict):
        return all(len(key) <= 200 and _is_json(item, depth - 1) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_json(item, depth - 1) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < 1 << 64
    return value is None or isinstance(value, str)


_CHECKS: dict[str, Callable[[object], bool]] = {
    "version": _whole(1, VERSION),
    "model": _label,
    "sha256": lambda value: isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None,
    "kind": lambda value: value in ("stylegan2", "dcgan"),
    "side": _whole(4, _LARGEST_SIDE),
    "space": lambda value: value in get_args(Name),
    "noise": lambda value: value in ("const", "none", "maps"),
    "seed": _whole(0, (1 << 63) - 1),
    "label": lambda value: value is None or _whole(0, 1 << 20)(value),
    "facts": lambda value: isinstance(value, dict) and _is_json(value, _DEEPEST),
    "retouch": _label,
}
"""Entry of the head → whether it can be."""
