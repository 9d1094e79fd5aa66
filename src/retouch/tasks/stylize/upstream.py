"""Read the published files of networks that paint: pytorch/examples, AdaIN and Collaborative Distillation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from retouch.errors import InputError, UnknownWeights
from retouch.tasks.stylize.network.decoder import Decoders
from retouch.tasks.stylize.network.fast import FastStyle
from retouch.weights import JSON, Architecture, Card, Layout

TASK = "stylize"

Tensors = Mapping[str, Tensor]
Options = Mapping[str, str]
Sizes = dict[str, JSON]

FAST_STYLE = Architecture("fast-style", TASK, FastStyle)
DECODERS = Architecture("decoders", TASK, Decoders)

ARCHITECTURES: tuple[Architecture, ...] = (FAST_STYLE, DECODERS)
"""The networks of this task, under the names that cards use."""

EXAMPLES = "pytorch-examples"
"""What ``retouch weights convert --to`` calls the files of pytorch/examples."""

_BYTES = (0.0, 255.0)  # the range of their pictures

_RUNNING = re.compile(r"(?:.*\.)?in\d+\.(?:running_mean|running_var|num_batches_tracked)")

_IN_BLOCKS = {
    "first.conv.conv": "conv1.conv2d",
    "first.norm": "in1",
    "second.conv": "conv2.conv2d",
    "norm": "in2",
}
_OUTSIDE = {
    "stem.conv.conv": "conv1.conv2d",
    "stem.norm": "in1",
    "down.0.conv.conv": "conv2.conv2d",
    "down.0.norm": "in2",
    "down.1.conv.conv": "conv3.conv2d",
    "down.1.norm": "in3",
    "up.0.conv.conv": "deconv1.conv2d",
    "up.0.norm": "in4",
    "up.1.conv.conv": "deconv2.conv2d",
    "up.1.norm": "in5",
    "head.conv": "deconv3.conv2d",
}
"""What pytorch/examples calls our layers, in its residual blocks and outside them."""

_ADAIN = {
    1: "conv4_1",
    5: "conv3_4",
    8: "conv3_3",
    11: "conv3_2",
    14: "conv3_1",
    18: "conv2_2",
    21: "conv2_1",
    25: "conv1_2",
    28: "conv1_1",
}
"""The places of convolutions in AdaIN's decoder, and those that they mirror."""


def _recognise_examples(tensors: Tensors, options: Options) -> Card | None:
    stem = tensors.get("conv1.conv2d.weight")
    if stem is None or stem.dim() != 4 or "deconv1.conv2d.weight" not in tensors:
        return None
    blocks = {
        match[1] for key in tensors if (match := re.fullmatch(r"res(\d{1,3})\.conv1\.conv2d\.weight", key))
    }
    sizes: Sizes = {"width": len(stem), "blocks": len(blocks)}
    card = _card(FAST_STYLE, sizes, options, "arXiv:1603.08155", value_range=_BYTES, multiple=4)
    _rename_examples(tensors, card)
    return card


def _rename_examples(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    kept = {key: tensor for key, tensor in tensors.items() if not _RUNNING.fullmatch(key)}
    return _compared("pytorch/examples fast neural style", FAST_STYLE, card, kept, _of_examples)


def _of_examples(key: str) -> str:
    """Give their name of one of our tensors."""
    layer, _, part = key.rpartition(".")
    if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", layer):
        return f"res{int(match[1]) + 1}.{_IN_BLOCKS[match[2]]}.{part}"
    return f"{_OUTSIDE[layer]}.{part}"


def _write_examples(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    """Name a network's tensors as theirs, and bring its pictures to their range."""
    if card.architecture != FAST_STYLE.name:
        raise UnknownWeights(
            f"{card.name} is a {card.architecture}, and {EXAMPLES} knows {FAST_STYLE.name} alone; keep it as "
            "safetensors"
        )
    theirs_alone: Sizes = {"blocks": 5, "norm": "everywhere"}
    for name, known in theirs_alone.items():
        if (found := card.sizes.get(name, known)) != known:
            raise UnknownWeights(
                f"{card.name} has {name}={found}, and {EXAMPLES} builds {name}={known} alone; keep it as "
                "safetensors"
            )
    low, high = card.value_range
    unit = (high - low) / 255
    theirs = {_of_examples(key): tensor.float() for key, tensor in tensors.items()}
    stem, head = "conv1.conv2d", "deconv3.conv2d"
    # Where their 0 lies does not matter to the first convolution: a normalisation is behind it.
    theirs[f"{stem}.weight"] = theirs[f"{stem}.weight"] * unit
    theirs[f"{head}.bias"] = (theirs[f"{head}.bias"] - low) / unit
    theirs[f"{head}.weight"] = theirs[f"{head}.weight"] / unit
    return theirs


def _recognise_adain(tensors: Tensors, options: Options) -> Card | None:
    if set(tensors) != {f"{place}.{part}" for place in _ADAIN for part in ("weight", "bias")}:
        return None
    weights = {name: tensors[f"{place}.weight"] for place, name in _ADAIN.items()}
    if any(weight.dim() != 4 for weight in weights.values()):
        return None
    widths: list[JSON] = [len(weights[name]) for name in ("conv2_1", "conv3_1", "conv4_1")]
    sizes: Sizes = {"levels": [4], "widths": [*widths, weights["conv4_1"].shape[1]]}
    card = _card(DECODERS, sizes, options, "arXiv:1703.06868")
    _rename_adain(tensors, card)
    return card


def _rename_adain(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    places = {name: place for place, name in _ADAIN.items()}

    def theirs(key: str) -> str:
        _, name, part = key.split(".")
        return f"{places[name]}.{part}"

    return _compared("AdaIN decoder", DECODERS, card, tensors, theirs)


def _recognise_distilled(tensors: Tensors, options: Options) -> Card | None:
    last = tensors.get("conv11.weight")
    if "conv0.weight" in tensors or last is None or last.dim() != 4 or len(last) != 3:
        return None
    stages = [int(match[1]) for key in tensors if (match := re.fullmatch(r"conv([1-5])1\.weight", key))]
    level = max(stages)
    outer = [tensors.get(f"conv{stage}1.weight") for stage in range(2, level + 1)]
    deepest = tensors[f"conv{level}1.weight"]
    if deepest.dim() != 4 or any(weight is None or weight.dim() != 4 for weight in outer):
        return None
    widths: list[JSON] = [len(weight) for weight in outer if weight is not None]
    sizes: Sizes = {"levels": [level], "widths": [*widths, deepest.shape[1]], "last": "relu"}
    card = _card(DECODERS, sizes, options, "arXiv:2003.08436")
    _rename_distilled(tensors, card)
    return card


def _rename_distilled(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    def theirs(key: str) -> str:
        _, name, part = key.split(".")
        return f"{name.replace('_', '')}.{part}"

    return _compared("distilled decoder", DECODERS, card, tensors, theirs)


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "pytorch/examples fast neural style",
        TASK,
        _recognise_examples,
        _rename_examples,
        _write_examples,
        EXAMPLES,
    ),
    Layout("AdaIN decoder", TASK, _recognise_adain, _rename_adain),
    Layout("distilled decoder (Collaborative Distillation)", TASK, _recognise_distilled, _rename_distilled),
)
"""The ways in which published files name their tensors."""


def _card(
    architecture: Architecture,
    sizes: Sizes,
    options: Options,
    paper: str,
    *,
    value_range: tuple[float, float] = (0.0, 1.0),
    multiple: int = 1,
) -> Card:
    file = options.get("file_name", "")
    file = file if len(file) <= 99 and file.isprintable() else ""
    name = file.rpartition(".")[0] or architecture.name
    return Card(
        name=name,
        task=TASK,
        architecture=architecture.name,
        sizes=sizes,
        value_range=value_range,
        multiple=multiple,
        paper=paper,
    )


def _compared(
    family: str, architecture: Architecture, card: Card, tensors: Tensors, theirs: Callable[[str], str]
) -> dict[str, Tensor]:
    """Take the tensors of a network, which must be all there are, under our names."""
    build: Callable[..., Any] = architecture.build
    known = inspect.signature(build).parameters
    try:
        with torch.device("meta"):
            wanted = build(
                **{name: value for name, value in card.sizes.items() if name in known}
            ).state_dict()
    except (InputError, RuntimeError, TypeError) as error:
        raise UnknownWeights(
            f"{card.name:.200} looks like a {family}, but no such network can be built ({error!s:.200}); "
            "use the original file"
        ) from None
    # Others' decoders take features as they are.
    added = {key: torch.ones(()) for key in wanted if key.endswith(".scale")}
    names = {key: theirs(key) for key in wanted if key not in added}
    complaints = {
        "lacks": [name for name in names.values() if name not in tensors],
        "also holds": [name for name in tensors if name not in set(names.values())],
        "has other shapes at": [
            f"{name} {tuple(tensors[name].shape)} instead of {tuple(wanted[key].shape)}"
            for key, name in names.items()
            if name in tensors and tensors[name].shape != wanted[key].shape
        ],
    }
    said = [f"{verb} {_first_five(listed)}" for verb, listed in complaints.items() if listed]
    if said:
        raise UnknownWeights(
            f"{card.name:.200} looks like a {family}, but it {'; it '.join(said)}. It is incomplete or from "
            "a changed copy of that project; use the original file"
        )
    return {key: tensors[name] for key, name in names.items()} | added


def _first_five(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(f"{name:.100}" for name in listed[:5]) + more
