"""Read every network file of LaMa, and write theirs.

Our networks have the names of theirs, so a file differs by what stands before each name: ``generator.`` in
Lightning checkpoints, ``model.generator.`` in TorchScript files such as big-lama.pt, ``model.`` in
spandrel's, nothing in a bare state dict. What a checkpoint holds beside the generator is left out.

Source: https://github.com/advimman/lama at 786f593, February 2025: key names, shapes and indices; the
    TorchScript and spandrel names from Sanster/IOPaint 1.6.0 and chaiNNer-org/spandrel.
Departs:
    The last activation leaves no tensor: it is taken for the sigmoid of every released network, though
        the class's own default is tanh.
    Of a checkpoint that also holds averaged weights (``generator_average.``) the plain ones are read, as
        their ``predict.py`` does.
    Gated convolutions, squeeze-and-excitation, positional encoding and spatial transforms, which no
        released network has, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from retouch.errors import InputError, UnknownWeights
from retouch.tasks.inpaint.network.dilated import MultiDilatedGlobalGenerator
from retouch.tasks.inpaint.network.discriminator import PatchDiscriminator
from retouch.tasks.inpaint.network.generator import FFCGenerator
from retouch.tasks.inpaint.network.regular import GlobalGenerator
from retouch.weights.architecture import Architecture, Layout
from retouch.weights.card import JSON, Card

TASK = "inpaint"

ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture("lama", TASK, FFCGenerator),
    Architecture("lama-regular", TASK, GlobalGenerator),
    Architecture("lama-dilated", TASK, MultiDilatedGlobalGenerator),
    Architecture("lama-discriminator", TASK, PatchDiscriminator),
)
"""The networks of this task, under the names that cards use."""

LAMA = "lama"
"""What ``retouch weights convert --to`` calls LaMa's own layout."""

TRAINED_SIZE = 256
"""The side of the pictures that every released network was trained on."""

_PAPER = "arXiv:2109.07161"
_COUNTER = ".num_batches_tracked"
_BUILD: dict[str, Callable[..., nn.Module]] = {item.name: item.build for item in ARCHITECTURES}
_FIRST_LAYER = {
    "lama": "model.1.ffc.convl2l.weight",
    "lama-regular": "model.1.weight",
    "lama-dilated": "model.1.weight",
    "lama-discriminator": "model0.0.weight",
}

Tensors = Mapping[str, Tensor]
Sizes = dict[str, JSON]


def inside(tensors: Tensors, architecture: str) -> dict[str, Tensor] | None:
    """Take one network out of a checkpoint that may hold several, under our names.

    Args:
        tensors: all that the file holds.
        architecture: which network, the name of one of :data:`ARCHITECTURES`.

    Returns:
        Its tensors without what stands before each name; None when there is no such network. Nothing
        but the first layer was looked at.
    """
    first = _FIRST_LAYER[architecture]
    bare = first.removeprefix("model.")
    if first.startswith("model.") and bare in tensors:
        # Of nested modules, as TorchScript files are, the reader takes the innermost with a familiar name.
        return {f"model.{key}": tensor for key, tensor in tensors.items()}
    prefixes = [key.removesuffix(first) for key in tensors if key == first or key.endswith(f".{first}")]
    if not prefixes:
        return None
    prefix = min(prefixes, key=len)  # "generator." before "generator_average."
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def discriminator_in(tensors: Tensors, what: str = "the file") -> tuple[dict[str, Tensor], Sizes]:
    """Take the discriminator out of a checkpoint, for training on from it.

    Args:
        tensors: all that the file holds.
        what: what to call the file in messages.

    Returns:
        Its tensors under our names, and the arguments of :class:`PatchDiscriminator`.

    Raises:
        UnknownWeights: There is none, or it does not fit; released checkpoints lack it but for those
            called "with-discr".
    """
    found = inside(tensors, "lama-discriminator")
    sizes = None if found is None else _discriminator_sizes(found)
    if found is None or sizes is None:
        raise UnknownWeights(
            f"{what:.200} holds no discriminator of LaMa; use a checkpoint that kept it (with-discr), or "
            "start with a fresh one"
        )
    return _fitted("lama-discriminator", found, sizes, what), sizes


def _lama_sizes(tensors: Tensors) -> Sizes | None:
    stem = _kernel(tensors, "model.1.ffc.convl2l", 7)
    halving = _numbers(r"model\.(\d{1,6})\.ffc\.", tensors)
    blocks = _numbers(r"model\.(\d{1,6})\.conv1\.ffc\.", tensors)
    if stem is None or stem.shape[1] != 4 or halving != set(range(1, len(halving) + 1)):
        return None
    last = f"model.{max(halving)}.ffc"
    near, far = (
        0 if kernel is None else kernel.shape[0]
        for kernel in (_kernel(tensors, f"{last}.{path}", 3) for path in ("convl2l", "convl2g"))
    )
    sizes = _frame_sizes(stem.shape[0], len(blocks), max(halving) - 1, near + far)
    if near + far == 0:
        return None
    ratio = far / (near + far)
    # Where dividing and multiplying lose a channel to rounding.
    sizes["ratio"] = ratio if int((near + far) * ratio) == far else (far + 0.5) / (near + far)
    sizes["lfu"] = any(".lfu." in key for key in tensors)
    if any(".ffc.convl2g.conv1." in key or ".ffc.convg2l.conv1." in key for key in tensors):
        sizes["local"] = "all-spectral"
    elif any(".ffc.convl2l.conv1." in key for key in tensors):
        sizes["local"] = "spectral"
    return sizes


def _regular_sizes(tensors: Tensors) -> Sizes | None:
    return _plain_sizes(tensors, "conv_block.1")


def _dilated_sizes(tensors: Tensors) -> Sizes | None:
    sizes = _plain_sizes(tensors, "conv_block.0.convs.0")
    if sizes is None:
        return None
    dilations = _numbers(r"model\.\d+\.conv_block\.0\.convs\.(\d{1,6})\.weight", tensors)
    return {**sizes, "dilations": len(dilations)}


def _plain_sizes(tensors: Tensors, conv: str) -> Sizes | None:
    blocks = _numbers(rf"model\.(\d{{1,6}})\.{re.escape(conv)}\.weight", tensors)
    stem = _kernel(tensors, "model.1", 7)
    # CycleGAN has the same numbers: with instance normalisation and a bias, or batch and none.
    own = all(key in tensors for key in ("model.1.bias", "model.2.running_mean"))
    if stem is None or stem.shape[1] != 4 or not blocks or not own:
        return None
    downsampling, rest = divmod(min(blocks) - 4, 3)
    inner = _kernel(tensors, f"model.{min(blocks)}.{conv}", 3)
    if rest or not 1 <= downsampling <= len(tensors) or inner is None:
        return None
    return _frame_sizes(stem.shape[0], len(blocks), downsampling, inner.shape[0])


def _frame_sizes(width: int, blocks: int, downsampling: int, inside_width: int) -> Sizes:
    sizes: Sizes = {"width": width, "blocks": blocks, "downsampling": downsampling}
    if inside_width != min(1024, width << min(downsampling, 32)):
        sizes["max_width"] = inside_width
    return sizes


def _discriminator_sizes(tensors: Tensors) -> Sizes | None:
    stem = _kernel(tensors, "model0.0", 4)
    stages = _numbers(r"model(\d{1,6})\.0\.weight", tensors)
    if stem is None or stem.shape[1] != 3 or len(stages) < 3:
        return None
    return {"width": stem.shape[0], "layers": len(stages) - 2, "norm": "batch"}


_SIZES: dict[str, Callable[[Tensors], Sizes | None]] = {
    "lama": _lama_sizes,
    "lama-regular": _regular_sizes,
    "lama-dilated": _dilated_sizes,
    "lama-discriminator": _discriminator_sizes,
}


def _recognising(architecture: str) -> Callable[[Tensors, Mapping[str, str]], Card | None]:
    def recognise(tensors: Tensors, options: Mapping[str, str]) -> Card | None:
        found = inside(tensors, architecture)
        sizes = None if found is None else _SIZES[architecture](found)
        if found is None or sizes is None:
            return None
        file = options.get("file_name", "")
        file = file if len(file) <= 99 and file.isprintable() else ""
        _fitted(architecture, found, sizes, file or "the file")
        generator = architecture != "lama-discriminator"
        return Card(
            name=file.rpartition(".")[0] or architecture,
            task=TASK,
            architecture=architecture,
            sizes=sizes,
            value_range=(0.0, 1.0),
            multiple=2 ** int(str(sizes["downsampling"])) if generator else 1,
            settings={"trained_size": TRAINED_SIZE} if generator else {},
            paper=_PAPER,
        )

    return recognise


def _renaming(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    found = inside(tensors, card.architecture)
    return _fitted(card.architecture, found or {}, card.sizes, card.name)


def _writing(architecture: str) -> Callable[[Tensors, Card], dict[str, Tensor]]:
    prefix = "discriminator." if architecture == "lama-discriminator" else "generator."

    def write(tensors: Tensors, card: Card) -> dict[str, Tensor]:
        if card.architecture != architecture:
            raise UnknownWeights(f"{card.name} is a {card.architecture}, and {architecture} is wanted")
        unknown = [
            f"{name} {card.sizes[name]!r}"
            for name, theirs in _THEIRS.items()
            if card.sizes.get(name, theirs[0]) not in theirs
        ]
        if float(str(card.sizes.get("ratio", 0.75))) == 1.0:
            unknown.append("a ratio of 1")
        if unknown:
            raise UnknownWeights(
                f"{card.name} has {' and '.join(unknown)}, which LaMa's own code cannot compute; keep it as "
                "safetensors"
            )
        fitted = _fitted(architecture, tensors, card.sizes, card.name)
        return {f"{prefix}{key}": tensor for key, tensor in fitted.items()}

    return write


_THEIRS: dict[str, tuple[JSON, ...]] = {
    "local": ("conv",),
    "edges": ("periodic",),
    "norm": ("batch",),
    "activation": ("sigmoid", "tanh"),
}
"""Options of ours that leave no room in their networks for any other value."""


def _fitted(architecture: str, tensors: Tensors, sizes: Mapping[str, JSON], what: str) -> dict[str, Tensor]:
    """Compare tensors with the network they are taken for; those of the network, in its order.

    Raises:
        UnknownWeights: One is missing, left over, or of another shape; the first five are named.
    """
    try:
        with torch.device("meta"):
            wanted = _BUILD[architecture](**sizes).state_dict()
    except (InputError, RuntimeError) as error:
        raise UnknownWeights(
            f"{what:.200} looks like a {architecture}, but no such network can be built ({error}); use the "
            "original file"
        ) from None
    complaints = {
        "lacks": [key for key in wanted if key not in tensors and not key.endswith(_COUNTER)],
        "also holds": [key for key in tensors if key not in wanted],
        "has other shapes at": [
            f"{key} {tuple(tensors[key].shape)} instead of {tuple(tensor.shape)}"
            for key, tensor in wanted.items()
            if key in tensors and tensors[key].shape != tensor.shape
        ],
    }
    said = [f"{verb} {_first_five(names)}" for verb, names in complaints.items() if names]
    if said:
        described = ", ".join(f"{name} {value}" for name, value in sizes.items())
        raise UnknownWeights(
            f"{what:.200} looks like a {architecture} with {described}, but it {'; it '.join(said)}. It is "
            "incomplete or from a changed copy of LaMa; use the original file, or convert it with the code "
            "that wrote it"
        )
    # Batch normalisation has counted its batches since PyTorch 0.4.1 only, and exports drop the count.
    none = torch.zeros((), dtype=torch.int64)
    return {key: tensors.get(key, none) for key in wanted}


def _kernel(tensors: Tensors, layer: str, side: int) -> Tensor | None:
    found = tensors.get(f"{layer}.weight")
    fits = found is not None and found.dim() == 4 and found.shape[2:] == (side, side) and found.numel() > 0
    return found if fits else None


def _numbers(pattern: str, tensors: Tensors) -> set[int]:
    """The numbers in the keys that begin with a pattern."""
    return {int(match[1]) for key in tensors if (match := re.match(pattern, key))}


def _first_five(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(f"{name:.100}" for name in listed[:5]) + more


def _layout(name: str, architecture: str) -> Layout:
    return Layout(
        name, TASK, _recognising(architecture), _renaming, _writing(architecture), LAMA, "state_dict"
    )


LAYOUTS: tuple[Layout, ...] = (
    _layout("LaMa-Fourier", "lama"),
    _layout("LaMa-Regular", "lama-regular"),
    _layout("LaMa-Dilated", "lama-dilated"),
    _layout("LaMa discriminator", "lama-discriminator"),
)
"""Every family, tried in this order: of a checkpoint with a discriminator the generator is taken."""
