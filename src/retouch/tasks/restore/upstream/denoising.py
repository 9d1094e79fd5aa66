"""The files of DnCNN: KAIR's, with normalisation folded or not, and the older PyTorch projects'."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from retouch.tasks.restore.network.dncnn import DnCNN
from retouch.tasks.restore.upstream.fitting import TASK, Family, Options, Sizes, Tensors, kernel, numbers
from retouch.tasks.restore.upstream.folding import fold
from retouch.weights.architecture import Architecture

ARCHITECTURES = (Architecture("dncnn", TASK, DnCNN),)
"""The network, under the name that cards use."""

_FEWEST = 8  # seven convolutions under these names are an IRCNN, whose kernels are dilated
_EPS = 1e-4
_EPS_OF_TORCH = 1e-5
_LEVEL = re.compile(r"dncnn(?:[-_](?:gray|color|colour))?[-_](?:sigma|noise)?[-_]?(\d{1,2})(?!\d)", re.ASCII)


def _sizes(tensors: Tensors) -> Sizes | None:
    layers = numbers(r"model\.(\d{1,6})\.weight", tensors)
    if len(layers) < _FEWEST:
        return None
    first, last = kernel(tensors, "model.0"), kernel(tensors, f"model.{max(layers)}")
    if first is None or last is None or first.shape[1] not in (1, 3) or len(last) != first.shape[1]:
        return None
    return {"depth": len(layers), "width": len(first), "channels": len(last)}


def _folded(tensors: Tensors, eps: float = _EPS, *, biased: bool = True) -> dict[str, Tensor]:
    """Fold normalisation and number the layers as if there had been none."""
    norms = numbers(r"model\.(\d{1,6})\.running_mean", tensors)
    depth = len(norms) + 2
    if not norms or norms != {3 * number for number in range(1, depth - 1)}:
        return dict(tensors)
    found = dict(tensors)
    for norm in norms:
        fold(found, f"model.{norm - 1}", f"model.{norm}", eps=eps, biased=biased)
    renamed: dict[str, Tensor] = {}
    for key, tensor in found.items():
        match = re.fullmatch(r"model\.(\d{1,6})\.(weight|bias)", key)
        place = int(match[1]) if match else -1
        # Convolutions stand at 0, 2, 5, 8, …; a rectifier and a normalisation between them.
        if match and (place == 0 or place % 3 == 2):
            renamed[f"model.{2 * ((place + 1) // 3)}.{match[2]}"] = tensor
        else:
            renamed[key] = tensor
    return renamed


def _older(tensors: Tensors) -> dict[str, Tensor]:
    """Read the names of the projects before KAIR, whose convolutions have no bias, or only the first has."""
    if not all(key.startswith("dncnn.") for key in tensors):
        return {}
    found = {f"model.{key.removeprefix('dncnn.')}": tensor for key, tensor in tensors.items()}
    eps = _EPS if "model.0.bias" in found else _EPS_OF_TORCH
    found = _folded(found, eps, biased=False)
    for layer in numbers(r"model\.(\d{1,6})\.weight", found):
        weight = found[f"model.{layer}.weight"]
        if weight.dim() == 4:
            found.setdefault(f"model.{layer}.bias", torch.zeros(len(weight)))
    return found


def _settings(sizes: Sizes, options: Options) -> Sizes:
    del sizes
    level = _LEVEL.search(options.get("file_name", "").lower())
    return {"sigma": int(level[1])} if level and int(level[1]) else {}


_DNCNN = ARCHITECTURES[0]
_PAPER = "arXiv:1608.03981"

FAMILIES: tuple[Family, ...] = (
    Family("KAIR DnCNN", _DNCNN, _PAPER, _sizes, prepared=_folded, settings=_settings, writes="kair"),
    Family("DnCNN-PyTorch", _DNCNN, _PAPER, _sizes, prepared=_older, settings=_settings),
)
"""The ways in which files name its tensors, in the order in which they are tried."""
