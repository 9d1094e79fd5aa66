"""The files of DCGANs: those of CMU's course 16-726, and those of pytorch/examples and its descendants."""

from __future__ import annotations

import re
from itertools import pairwise

import torch
from torch import Tensor

from retouch.tasks.invert.upstream.fitting import (
    DCGAN_JUDGE,
    DCGAN_MAKER,
    TASK,
    Options,
    Sizes,
    Tensors,
    card_of,
    fitted,
)
from retouch.weights import Card, Layout

COURSE = "DCGAN of CMU 16-726"
EXAMPLES = "DCGAN of pytorch/examples"

_COUNTER = "num_batches_tracked"
"""Which files of torch before 0.4.1 lack."""


def _recognise_course(tensors: Tensors, options: Options) -> Card | None:
    weights = [
        tensors.get(f"deconv{number}.0.weight")
        for number in range(1, 1 + sum(bool(re.fullmatch(r"deconv\d\.0\.weight", name)) for name in tensors))
    ]
    convs = [weight for weight in weights if weight is not None and weight.dim() == 4]
    if len(convs) < 2 or len(convs) != len(weights):
        return None
    # Instance normalisation without scale and shift leaves no trace in a file.
    norm = "batch" if "deconv1.1.running_mean" in tensors else "instance"
    card = card_of(DCGAN_MAKER, _maker_sizes(convs, norm), options)
    _rename_course(tensors, card)
    return card


def _rename_course(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    return fitted(DCGAN_MAKER, card, _counted(dict(tensors)), COURSE, {})


def _recognise_examples(tensors: Tensors, options: Options) -> Card | None:
    found = _row(tensors)
    if found is None:
        return None
    convs, norms = found
    if _chained(convs, inner=0, outer=1) and norms == [weight.shape[1] for weight in convs[:-1]]:
        card = card_of(DCGAN_MAKER, _maker_sizes(convs, "batch"), options)
    elif _chained(convs, inner=1, outer=0) and norms == [len(weight) for weight in convs[1:-1]]:
        sizes: Sizes = {
            "side": 4 << (len(convs) - 1),
            "width": len(convs[0]),
            "norm": "batch",
            "colours": convs[0].shape[1],
        }
        card = card_of(DCGAN_JUDGE, sizes, options)
    else:
        return None
    _rename_examples(tensors, card)
    return card


def _rename_examples(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    parts = {name: _split(name) for name in tensors}
    order = sorted({number for _, number, _ in parts.values()})
    ours: dict[str, str] = {}
    for name, (_, number, part) in parts.items():
        if card.architecture == DCGAN_JUDGE.name:
            ours[name] = f"layers.{number}.{part}"
        else:
            place = order.index(number)
            ours[name] = f"deconv{place // 2 + 1}.{place % 2}.{part}"
    renamed = _counted({ours[name]: tensor for name, tensor in tensors.items()})
    architecture = DCGAN_JUDGE if card.architecture == DCGAN_JUDGE.name else DCGAN_MAKER
    return fitted(architecture, card, renamed, EXAMPLES, {new: name for name, new in ours.items()})


LAYOUTS = (
    Layout(COURSE, TASK, _recognise_course, _rename_course),
    Layout(EXAMPLES, TASK, _recognise_examples, _rename_examples),
)


def _maker_sizes(convs: list[Tensor], norm: str) -> Sizes:
    return {
        "side": 4 << (len(convs) - 1),
        "latent": len(convs[0]),
        "width": convs[-1].shape[0],
        "norm": norm,
        "colours": convs[-1].shape[1],
    }


def _row(tensors: Tensors) -> tuple[list[Tensor], list[int]] | None:
    """Take a file as layers in one row: its convolutions by 4×4, and the channels of its normalisations."""
    convs: dict[int, Tensor] = {}
    norms: dict[int, int] = {}
    prefixes: set[str] = set()
    for name, tensor in tensors.items():
        prefix, number, part = _split(name)
        prefixes.add(prefix)
        if part == "weight" and tensor.dim() == 4 and tensor.shape[2:] == (4, 4):
            convs[number] = tensor
        elif part == "running_mean" and tensor.dim() == 1:
            norms[number] = len(tensor)
        elif part not in ("weight", "bias", "running_var", _COUNTER) or tensor.dim() > 1:
            return None
    if len(prefixes) != 1 or len(convs) < 3:
        return None
    return [convs[number] for number in sorted(convs)], [norms[number] for number in sorted(norms)]


def _split(name: str) -> tuple[str, int, str]:
    """Split ``main.3.weight`` into ``main.``, 3 and ``weight``."""
    match = re.fullmatch(r"(.*?)(\d{1,3})\.(\w+)", name)
    return (match[1], int(match[2]), match[3]) if match else (name, 0, "")


def _chained(convs: list[Tensor], *, inner: int, outer: int) -> bool:
    """Tell whether each convolution takes what the one before gives, and a picture is at one end."""
    fits = all(one.shape[outer] == two.shape[inner] for one, two in pairwise(convs))
    picture = convs[-1].shape[outer] if inner == 0 else convs[0].shape[inner]
    judged = inner == 0 or convs[-1].shape[outer] == 1
    return fits and judged and picture in (1, 3, 4)


def _counted(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the counters of batch normalisations where they are missing."""
    for name in [name for name in tensors if name.endswith(".running_mean")]:
        tensors.setdefault(name.replace("running_mean", _COUNTER), torch.zeros((), dtype=torch.long))
    return tensors
