"""Pickles as NVlabs' programs write them: objects that bring the source of their class along.

Building them is safe; nothing here ever opens one with pickle.
"""

from __future__ import annotations

import contextlib
import io
import pickle  # noqa: TID251 - to build files, never to open them
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SOURCE = "raise SystemExit('the source in the file was run')  # " + "x" * 30_000

FILTER = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64

_HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
)
_BUFFERS = ("noise_const", "resample_filter", "w_avg")


def _reconstruct_persistent_obj(meta: Any) -> Any:
    raise AssertionError("a persistent object was rebuilt")


class EasyDict(dict[str, Any]):
    """A dictionary whose entries are attributes."""


class Persistent:
    """An object that is pickled with its source."""

    def __init__(self, class_name: str, state: dict[str, Any], source: str = SOURCE) -> None:
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": source,
            "class_name": class_name,
            "state": state,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _reconstruct_persistent_obj, (self.meta,), None


@contextlib.contextmanager
def their_modules() -> Iterator[None]:
    """Let pickle find the names that their files use."""
    made = {name: types.ModuleType(name) for name in ("torch_utils.persistence", "dnnlib.util")}
    for name in list(made):
        made[name.partition(".")[0]] = types.ModuleType(name.partition(".")[0])
    vars(made["torch_utils.persistence"])["_reconstruct_persistent_obj"] = _reconstruct_persistent_obj
    vars(made["dnnlib.util"])["EasyDict"] = EasyDict
    homes = (_reconstruct_persistent_obj.__module__, EasyDict.__module__)
    _reconstruct_persistent_obj.__module__, EasyDict.__module__ = "torch_utils.persistence", "dnnlib.util"
    sys.modules.update(made)
    try:
        yield
    finally:
        _reconstruct_persistent_obj.__module__, EasyDict.__module__ = homes
        for name in made:
            del sys.modules[name]


def filtered(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add their filters to a generator's tensors, which are otherwise named alike."""
    found = dict(ours)
    for name in ours:
        place, _, last = name.rpartition(".")
        if place.startswith("synthesis.") and (last == "noise_const" or place.endswith(".skip")):
            found[f"{place}.resample_filter"] = FILTER.clone()
        if place.endswith(".conv1") and last == "weight":
            found[f"{place.removesuffix('.conv1')}.resample_filter"] = FILTER.clone()
    return found


def filtered_judge(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = dict(ours)
    for name in ours:
        place, _, last = name.rpartition(".")
        if last == "weight" and ours[name].dim() == 4:
            found[f"{place}.resample_filter"] = FILTER.clone()
        if place.endswith(".conv0") and last == "weight":
            found[f"{place.removesuffix('.conv0')}.resample_filter"] = FILTER.clone()
    return found


def module(
    tensors: Mapping[str, Tensor], class_name: str, kwargs: Mapping[str, Any], *, clamp: float | None = 256
) -> Persistent:
    """Nest tensors into persistent modules."""
    own = {name: tensor for name, tensor in tensors.items() if "." not in name}
    names = list(dict.fromkeys(name.partition(".")[0] for name in tensors if "." in name))
    inner: dict[str, Any] = {}
    for name in names:
        held = {
            key.removeprefix(f"{name}."): value
            for key, value in tensors.items()
            if key.startswith(f"{name}.")
        }
        inner[name] = module(held, f"Layer_{name}", {}, clamp=clamp)
    if class_name == "Layer_b4" and "out" in inner:
        inner["mbstd"] = Persistent("MinibatchStdLayer", {**_empty(), "group_size": 2, "num_channels": 1})
    state: dict[str, Any] = {
        "training": False,
        "_parameters": OrderedDict(
            (name, nn.Parameter(value, requires_grad=False))
            for name, value in own.items()
            if name not in _BUFFERS
        ),
        "_buffers": OrderedDict((name, value) for name, value in own.items() if name in _BUFFERS),
        "_non_persistent_buffers_set": set(),
        **{hook: OrderedDict() for hook in _HOOKS},
        "_modules": OrderedDict(inner),
        "_init_args": (),
        "_init_kwargs": EasyDict(kwargs),
        "weight_gain": np.float64(0.0441),
        "padding": 1,
    }
    if own:
        state["conv_clamp"] = clamp
        state["activation"] = "lrelu" if "bias" in own else "linear"
    return Persistent(class_name, state)


def _empty() -> dict[str, Any]:
    return {"training": False, "_parameters": {}, "_buffers": {}, "_modules": {}}


def pickled(value: object, protocol: int = 4) -> bytes:
    with their_modules():
        return pickle.dumps(value, protocol)


def zipped(value: object, path: Path) -> Path:
    """As ``torch.save`` writes it: what PTI keeps of a tuned generator."""
    made = io.BytesIO()
    with their_modules():
        torch.save(value, made)
    path.write_bytes(made.getvalue())
    return path
