"""The card: what a weights file says about itself.

It travels as JSON in the safetensors metadata, under the key ``retouch``. A file comes from
anywhere, so reading a card checks every field; fields of a later version are ignored.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from retouch.errors import UnreadableWeights

KEY = "retouch"
"""Where the card lies in the metadata of a safetensors file."""

MAX_BYTES = 1 << 20
"""The longest card that is read; real ones have about 2 kB."""

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""What JSON can hold."""

_LARGEST = 1 << 31
_DEEPEST = 6


def _version() -> str:
    # A plain `import retouch` is forbidden below the surfaces: it means the whole house.
    version: str = importlib.import_module("retouch").__version__
    return version


@dataclass(frozen=True, slots=True)
class Card:
    """What a weights file says about itself; nobody types an architecture flag because of it.

    Args:
        name: what the weights are called: ``"sketch-to-kaokore"``.
        task: the slice they are for: ``"translate"``, ``"inpaint"``, …
        architecture: the name of an :class:`~retouch.weights.architecture.Architecture`.
        sizes: the keyword arguments of that architecture's ``build``.
        value_range: smallest and largest value of the network's input and output.
        multiple: the input's height and width must be multiples of it.
        scale: output size divided by input size.
        settings: what the task's verb needs to know beyond the network.
        recipe: the training recipe; empty when not trained by retouch.
        seed: of the training run, or None.
        images_seen: how many training images the network has seen, or None.
        data: the data set it was trained on.
        data_licence: that data set's licence.
        licence: the licence of the weights.
        paper: where the method is from.
        commit: of retouch, when it trained the weights.
        metrics: measured quality, each ``{"name", "value", "protocol", "n"}``.
        source_sha256: checksum of the file these weights were converted from, or empty.
        source_name: that file's name, or empty.
        retouch: the version that wrote the card.
    """

    name: str
    task: str
    architecture: str
    sizes: dict[str, JSON] = field(default_factory=dict)
    value_range: tuple[float, float] = (-1.0, 1.0)
    multiple: int = 1
    scale: int = 1
    settings: dict[str, JSON] = field(default_factory=dict)
    recipe: str = ""
    seed: int | None = None
    images_seen: int | None = None
    data: str = ""
    data_licence: str = ""
    licence: str = ""
    paper: str = ""
    commit: str = ""
    metrics: tuple[dict[str, JSON], ...] = ()
    source_sha256: str = ""
    source_name: str = ""
    retouch: str = field(default_factory=_version)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            complaint = _CHECKS[item.name](getattr(self, item.name))
            if complaint:
                raise UnreadableWeights(
                    f"the card's {item.name} is {_short(getattr(self, item.name))}, but it must be "
                    f"{complaint}; correct the card, or convert the original weights again"
                )

    def to_json(self) -> str:
        """Write the card as one line of strict JSON."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read a card.

        Args:
            text: as :meth:`to_json` writes it; fields that this version does not know are ignored.

        Returns:
            The card.

        Raises:
            UnreadableWeights: It is not JSON, lacks a field, or a field cannot mean what it says.
        """
        if len(text) > MAX_BYTES:
            raise UnreadableWeights(
                f"the card has {len(text):,} characters, more than the {MAX_BYTES:,} allowed"
            )
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnreadableWeights(
                f"the card is not JSON ({_short(error)}); convert the original weights again"
            ) from None
        if not isinstance(found, dict):
            raise UnreadableWeights(f"the card is {_short(found)}, but it must be a JSON object")
        if lacking := [name for name in ("name", "task", "architecture") if name not in found]:
            raise UnreadableWeights(
                f"the card lacks {', '.join(lacking)}; convert the original weights again"
            )
        known: dict[str, Any] = {
            item.name: found[item.name] for item in dataclasses.fields(cls) if item.name in found
        }
        for name in ("value_range", "metrics"):
            if isinstance(known.get(name), list):
                known[name] = tuple(known[name])
        if _numbers(known.get("value_range"), 2):
            known["value_range"] = tuple(float(bound) for bound in known["value_range"])
        return cls(**known)


def _short(value: object) -> str:
    # Of a container only the kind: it may be deep enough to break repr().
    shown = type(value).__name__ if isinstance(value, dict | list | tuple) else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}…"


def _text(value: object) -> str:
    fits = isinstance(value, str) and len(value) <= 10_000
    return "" if fits else "a text of at most 10,000 characters"


def _label(value: object) -> str:
    fits = isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
    return "" if fits else "1 to 200 printable characters"


def _count(largest: int) -> Callable[[object], str]:
    def check(value: object) -> str:
        fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= largest
        return "" if fits else f"a whole number from 1 to {largest}"

    return check


def _maybe_integer(value: object) -> str:
    fits = value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64)
    return "" if fits else "a whole number or null"


def _range(value: object) -> str:
    fits = _numbers(value, 2) and isinstance(value, tuple) and value[0] < value[1]
    return "" if fits else "two finite numbers, the smaller first"


def _numbers(value: object, count: int) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == count
        and all(
            isinstance(item, int | float) and not isinstance(item, bool) and abs(item) < _LARGEST
            for item in value
        )
    )


def _table(value: object) -> str:
    fits = isinstance(value, dict) and _is_json(value, _DEEPEST)
    return "" if fits else "an object of short names and finite JSON values"


def _tables(value: object) -> str:
    fits = isinstance(value, tuple) and all(
        isinstance(item, dict) and _is_json(item, _DEEPEST) for item in value
    )
    return "" if fits else "a list of objects of finite JSON values"


def _is_json(value: object, depth: int) -> bool:
    if depth < 0:
        return False
    if isinstance(value, Mapping):
        return all(
            isinstance(key, str) and 0 < len(key) <= 200 and _is_json(item, depth - 1)
            for key, item in value.items()
        )
    if isinstance(value, list | tuple):
        return all(_is_json(item, depth - 1) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    return value is None or isinstance(value, str)


_CHECKS: dict[str, Callable[[object], str]] = {
    "name": _label,
    "task": _label,
    "architecture": _label,
    "sizes": _table,
    "value_range": _range,
    "multiple": _count(1 << 16),
    "scale": _count(64),
    "settings": _table,
    "recipe": _text,
    "seed": _maybe_integer,
    "images_seen": _maybe_integer,
    "data": _text,
    "data_licence": _text,
    "licence": _text,
    "paper": _text,
    "commit": _text,
    "metrics": _tables,
    "source_sha256": _text,
    "source_name": _text,
    "retouch": _text,
}
"""Field → what it must be, said in words when it is not, else nothing."""
