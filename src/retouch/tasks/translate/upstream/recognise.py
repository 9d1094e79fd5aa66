"""Tell from keys and shapes alone which network of those projects a file holds.

A family's first layers decide whether a file is of it. From then on everything must fit: a key
too many, one too few or another shape is an error that names them, never a wrong network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile

from torch import Tensor

from retouch.errors import UnknownWeights
from retouch.tasks.translate.network import Norm
from retouch.tasks.translate.upstream.options import modern
from retouch.tasks.translate.upstream.parts import (
    PIXELGAN,
    STATISTICS,
    TASK,
    Slot,
    Variant,
    parts,
    patchgan_parts,
    resnet_parts,
    slots,
    unet_levels,
)
from retouch.weights.card import JSON, Card

Tensors = Mapping[str, Tensor]
Options = Mapping[str, str]
Sizes = dict[str, JSON]

WRAPPERS = frozenset({"module", "_orig_mod"})
"""What DataParallel and torch.compile put into the keys of a network they wrap."""

_BLOCK = re.compile(r"model\.(\d+)\.conv_block\.")


def unwrapped(tensors: Tensors) -> dict[str, Tensor]:
    """Drop what wrappers have put into the keys, wherever it stands.

    Args:
        tensors: a file's tensors.

    Returns:
        The same tensors in the same order; unchanged where two keys would become one.
    """
    plain = {
        ".".join(piece for piece in key.split(".") if piece not in WRAPPERS): tensor
        for key, tensor in tensors.items()
    }
    return plain if len(plain) == len(tensors) else dict(tensors)


def recognise_resnet(name: str, variant: Variant) -> Callable[[Tensors, Options], Card | None]:
    """Make the function that recognises one variant of the residual generator.

    Args:
        name: the layout's name, for errors.
        variant: how the generator changes sizes and pads.

    Returns:
        A layout's ``recognise``. It raises UnknownWeights for a file of this family that does not fit.
    """

    def recognise(tensors: Tensors, options: Options) -> Card | None:
        tensors, options = unwrapped(tensors), modern(options)
        sizes = _resnet_sizes(tensors, variant, options)
        if sizes is None:
            return None
        return _card(name, "resnet", sizes, tensors, options, multiple=4)

    return recognise


def recognise_unet(name: str) -> Callable[[Tensors, Options], Card | None]:
    """Make the function that recognises the U-Net generator.

    Its dropout has no tensors. ``train_opt.txt`` tells of it; without one, a U-Net with batch
    normalisation is taken for pix2pix, which has it, and any other for CycleGAN, which has not.

    Args:
        name: the layout's name, for errors.

    Returns:
        A layout's ``recognise``. It raises UnknownWeights for a file of this family that does not fit.
    """

    def recognise(tensors: Tensors, options: Options) -> Card | None:
        tensors, options = unwrapped(tensors), modern(options)
        outermost = _convolution(tensors, "model.model.0", 4)
        levels = list(
            takewhile(
                lambda path: _convolution(tensors, f"{path}.1", 4) is not None, unet_levels(len(tensors))
            )
        )
        if outermost is None or not levels:
            return None
        result = _convolution(tensors, "model.model.3", 4)
        sizes: Sizes = {
            "input_channels": outermost.shape[1],
            "output_channels": 3 if result is None else result.shape[1],
            "depth": len(levels) + 1,
            "width": outermost.shape[0],
            **_normalisation(tensors, f"{levels[-1]}.3", f"{levels[-1]}.4", options),
        }
        told = options.get("no_dropout")
        wanted = sizes["norm"] == "batch" if told is None else told != "True"
        sizes["dropout"] = 0.5 if wanted else 0.0
        return _card(name, "unet", sizes, tensors, options, multiple=2 ** (len(levels) + 1))

    return recognise


def recognise_patchgan(name: str, *, blur: bool) -> Callable[[Tensors, Options], Card | None]:
    """Make the function that recognises the n-layer discriminator.

    Args:
        name: the layout's name, for errors.
        blur: whether to recognise the one that halves sizes by low-pass filters.

    Returns:
        A layout's ``recognise``. It raises UnknownWeights for a file of this family that does not fit.
    """

    def recognise(tensors: Tensors, options: Options) -> Card | None:
        tensors, options = unwrapped(tensors), modern(options)
        first, second = (part for part in patchgan_parts(1, blur=blur) if part.ours in ("convs.0", "convs.1"))
        stem, hidden = (_convolution(tensors, part.theirs, 4) for part in (first, second))
        if stem is None or hidden is None:
            return None
        convolutions = [
            key for key, tensor in tensors.items() if tensor.dim() == 4 and key.endswith(".weight")
        ]
        norm = f"model.{int(second.theirs.removeprefix('model.')) + 1}"
        sizes: Sizes = {
            "input_channels": stem.shape[1],
            "layers": max(len(convolutions) - 2, 1),
            "width": stem.shape[0],
            "downsampling": "blur" if blur else "stride",
            **_normalisation(tensors, second.theirs, norm, options),
        }
        return _card(name, "patchgan", sizes, tensors, options)

    return recognise


def recognise_pixelgan(name: str) -> Callable[[Tensors, Options], Card | None]:
    """Make the function that recognises the pixel discriminator.

    Args:
        name: the layout's name, for errors.

    Returns:
        A layout's ``recognise``. It raises UnknownWeights for a file of this family that does not fit.
    """

    def recognise(tensors: Tensors, options: Options) -> Card | None:
        tensors, options = unwrapped(tensors), modern(options)
        first, second, norm, _ = (part.theirs for part in PIXELGAN)
        stem = _convolution(tensors, first, 1)
        if stem is None or _convolution(tensors, second, 1) is None:
            return None
        sizes: Sizes = {
            "input_channels": stem.shape[1],
            "width": stem.shape[0],
            **_normalisation(tensors, second, norm, options),
        }
        return _card(name, "pixelgan", sizes, tensors, options)

    return recognise


def check_fits(name: str, tensors: Tensors, card: Card, file: str = "") -> dict[str, Slot]:
    """Compare a file with the network it is taken for.

    Args:
        name: the layout's name.
        tensors: the file's tensors, without what wrappers add.
        card: the network.
        file: its name, for the error.

    Returns:
        Their key → what lies there.

    Raises:
        UnknownWeights: A tensor is missing, left over, or of another shape; the first five are named.
    """
    wanted = slots(card)
    ignored = _statistics_without_use(card)
    complaints = {
        "lacks": [key for key in wanted if key not in tensors and not key.endswith(".num_batches_tracked")],
        "also holds": [key for key in tensors if key not in wanted and key not in ignored],
        "has other shapes at": [
            f"{key} {tuple(tensors[key].shape)} instead of {slot.shape}"
            for key, slot in wanted.items()
            if key in tensors and tuple(tensors[key].shape) != slot.shape
        ],
    }
    said = [f"{verb} {_first_five(names)}" for verb, names in complaints.items() if names]
    if said:
        raise UnknownWeights(
            f"{file or 'the file'} looks like a {name} with {_description(card)}, but it "
            f"{'; it '.join(said)}. It is incomplete or from a changed copy of that project; "
            "use the original file, or convert it with the code that wrote it"
        )
    return wanted


def _resnet_sizes(tensors: Tensors, variant: Variant, options: Options) -> Sizes | None:
    lead = resnet_parts(blocks=1, dropout=False, variant=variant)
    at = next(index for index, part in enumerate(lead) if part.ours.startswith("blocks"))
    stem = _convolution(tensors, lead[0].theirs, 7)
    numbers = {int(match[1]) for key in tensors if (match := _BLOCK.match(key))}
    first = int(lead[at].theirs.split(".")[1])
    if stem is None or not numbers or min(numbers) != first:
        return None
    blurs = f"model.{first + len(numbers)}.filt" in tensors
    if blurs != (variant.upsampling == "blur"):
        return None
    if any(f"{part.theirs}.filt" not in tensors for part in lead[:at] if part.kind == "filter"):
        return None
    # Without dropout the second convolution stands where the padding stands with it.
    second = lead[at + 2].theirs
    dropout = _convolution(tensors, second, 3) is None
    layers = resnet_parts(blocks=len(numbers), dropout=dropout, variant=variant)
    head = _convolution(tensors, layers[-1].theirs, 7)
    return {
        "input_channels": stem.shape[1],
        "output_channels": 3 if head is None else head.shape[0],
        "blocks": len(numbers),
        "width": stem.shape[0],
        "dropout": 0.5 if dropout else 0.0,
        "downsampling": variant.downsampling,
        "upsampling": variant.upsampling,
        "border": variant.border,
        **_normalisation(tensors, lead[0].theirs, lead[1].theirs, options),
    }


def _normalisation(tensors: Tensors, conv: str, norm: str, options: Options) -> Sizes:
    # Looks at one normalised convolution; check_fits() sees to it that the others are alike.
    bias = f"{conv}.bias" in tensors
    kind: Norm
    if f"{norm}.weight" not in tensors:
        kind = "instance" if bias else "none"
    elif not bias:
        kind = "batch"
    else:
        # From before July 2017, when batch-normalised convolutions had a bias too. Only the options
        # tell that from instance normalisation with a scale; at batch 1 the two are the same.
        batch = options.get("norm") == "batch" and f"{norm}.running_mean" in tensors
        kind = "batch" if batch else "instance-affine"
    return {"norm": kind, "bias": bias}


def _convolution(tensors: Tensors, layer: str, side: int) -> Tensor | None:
    tensor = tensors.get(f"{layer}.weight")
    fits = (
        tensor is not None and tensor.dim() == 4 and tensor.shape[2:] == (side, side) and tensor.numel() > 0
    )
    return tensor if fits else None


def _statistics_without_use(card: Card) -> set[str]:
    # PyTorch 0.2 to 0.4 stored running statistics for instance normalisation, which nothing used.
    if card.sizes["norm"] not in ("instance", "instance-affine"):
        return set()
    layers = parts(card.architecture, card.sizes)
    return {f"{part.theirs}.{name}" for part in layers if part.kind == "norm" for name in STATISTICS}


def _card(
    name: str, architecture: str, sizes: Sizes, tensors: Tensors, options: Options, *, multiple: int = 1
) -> Card:
    card = Card(
        name=_title(options, architecture),
        task=TASK,
        architecture=architecture,
        sizes=sizes,
        multiple=multiple,
        settings=_settings(sizes, options) if "output_channels" in sizes else {},
        paper="arXiv:2007.15651" if "blur" in sizes.values() else _PAPERS[architecture],
    )
    check_fits(name, tensors, card, _printable(options.get("file_name", "")))
    return card


def _settings(sizes: Sizes, options: Options) -> dict[str, JSON]:
    # Their test.py leaves batch statistics and dropout on unless it is called with --eval.
    live = options.get("eval") != "True"
    found: dict[str, JSON] = {
        "inference": "batch" if live and sizes["norm"] == "batch" else "eval",
        "dropout": live and bool(sizes["dropout"]),
        "colour": "lab" if (sizes["input_channels"], sizes["output_channels"]) == (1, 2) else "rgb",
    }
    for name, known in _KNOWN.items():
        if options.get(name) in known:
            found[name] = options[name]
    side = options.get("crop_size", "")
    if side.isascii() and side.isdigit() and 1 <= int(side[:6]) <= 1 << 14:
        found["trained_size"] = int(side[:6])
    return found


def _title(options: Options, architecture: str) -> str:
    # The experiment's name alone would be that of both generators of a CycleGAN.
    run = _printable(options.get("name", ""))
    stem = _printable(options.get("file_name", "")).rpartition(".")[0]
    return "/".join(text for text in (run, stem) if text) or architecture


def _printable(text: str) -> str:
    return text if len(text) <= 99 and text.isprintable() else ""


def _description(card: Card) -> str:
    shown = ("blocks", "depth", "layers", "width", "norm")
    return ", ".join(f"{name} {card.sizes[name]}" for name in shown if name in card.sizes)


def _first_five(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more


_PAPERS = {
    "unet": "arXiv:1611.07004",
    "resnet": "arXiv:1703.10593",
    "patchgan": "arXiv:1611.07004",
    "pixelgan": "arXiv:1611.07004",
}

_KNOWN: dict[str, tuple[str, ...]] = {
    "direction": ("AtoB", "BtoA"),
    "model": (
        "pix2pix",
        "cycle_gan",
        "colorization",
        "test",
        "one_direction_test",
        "cut",
        "fastcut",
        "sincut",
    ),
    "preprocess": (
        "resize_and_crop",
        "crop",
        "scale_width",
        "scale_width_and_crop",
        "none",
    ),
}
"""Options worth keeping → the values they have; anything else in the file is dropped."""
