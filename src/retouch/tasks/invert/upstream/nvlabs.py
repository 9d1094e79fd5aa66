"""The files of NVlabs' StyleGAN2: pickles of stylegan2-ada-pytorch and stylegan3, and state dicts of them."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from retouch.errors import UnknownWeights
from retouch.tasks.invert.upstream.fitting import (
    STYLEGAN2,
    STYLEGAN2_JUDGE,
    TASK,
    Options,
    Sizes,
    Tensors,
    average_style,
    card_of,
    check_filter,
    fitted,
    low_pass,
    prefix_of,
    shape_of,
    under,
)
from retouch.weights import Card, Layout

GENERATOR = "NVlabs' StyleGAN2"
JUDGE = "NVlabs' discriminator of StyleGAN2"
WRITES = "nvlabs"
"""What ``retouch weights convert --to`` calls the format."""

LIMIT = 256.0
"""Where maps are clamped when a file does not say: what both projects' programs train with."""

PACE = 0.01
"""Of the mapping, when a file does not say."""

_CONST = "synthesis.b4.const"
_OUT = "b4.out.weight"
_FILTER = "resample_filter"


def _recognise(tensors: Tensors, options: Options) -> Card | None:
    prefix = prefix_of(tensors, _CONST)
    if prefix is None:
        return None
    card = card_of(STYLEGAN2, _sizes(under(tensors, prefix), options), options)
    _rename(tensors, card)
    return card


def _sizes(held: Tensors, options: Options) -> Sizes:
    sides = _sides(held, r"synthesis\.b(\d{1,4})\.conv1\.weight")
    widths = [shape_of(held, f"synthesis.b{side}.conv1.weight", GENERATOR, 4)[0] for side in sides]
    style = shape_of(held, "synthesis.b4.conv1.affine.weight", GENERATOR)[1]
    layers = sum(bool(re.fullmatch(r"mapping\.fc\d{1,3}\.weight", name)) for name in held)
    inner = shape_of(held, "mapping.fc0.weight", GENERATOR)[1]
    embedded = classes = 0
    if "mapping.embed.weight" in held:
        embedded, classes = shape_of(held, "mapping.embed.weight", GENERATOR)
    if "synthesis.b4.torgb.weight" in held:
        design = "skip"
    else:
        design = "residual" if "synthesis.b8.skip.weight" in held else "original"
    _check_activation(options)
    return {
        "side": sides[-1],
        "channels": ",".join(map(str, widths)),
        "latent": inner - embedded,
        "style": style,
        "layers": layers,
        "classes": classes,
        "colours": shape_of(held, f"synthesis.b{sides[-1]}.torgb.weight", GENERATOR, 4)[0],
        "design": design,
        "limit": _limit(options, "init.synthesis_kwargs."),
        "pace": _pace(options),
    }


def _rename(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    prefix = prefix_of(tensors, _CONST) or ""
    held = under(tensors, prefix)
    ours = _without_filters(held)
    convs = [
        name.removesuffix(".bias") for name in ours if re.fullmatch(r"synthesis\.b\d+\.conv[01]\.bias", name)
    ]
    if not any(f"{conv}.noise_const" in ours for conv in convs):
        for conv in convs:  # built with use_noise=False, which no noise at no strength is
            side = int(conv.split(".")[1][1:])
            ours[f"{conv}.noise_const"] = torch.zeros(side, side)
            ours[f"{conv}.noise_strength"] = torch.zeros(())
    if "mapping.w_avg" not in ours and "mapping.fc0.weight" in ours:
        ours["mapping.w_avg"] = average_style(ours, card)
    return fitted(STYLEGAN2, card, ours, GENERATOR, {name: f"{prefix}{name}" for name in ours})


def _write(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    """Name a generator's tensors as theirs, and add their filters."""
    _check_writable(card, STYLEGAN2.name)
    written: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        written[name] = tensor
        if re.fullmatch(r"synthesis\.b\d+\.(conv[01]\.bias|skip\.weight)", name):
            written[f"{name.rpartition('.')[0]}.{_FILTER}"] = low_pass()
        if re.fullmatch(r"synthesis\.b\d+\.conv1\.bias", name):
            written[f"{name.removesuffix('.conv1.bias')}.{_FILTER}"] = low_pass()
    return written


def _recognise_judge(tensors: Tensors, options: Options) -> Card | None:
    prefix = prefix_of(tensors, _OUT)
    if prefix is None or f"{prefix}b4.fc.weight" not in tensors:
        return None
    held = under(tensors, prefix)
    sides = _sides(held, r"b(\d{1,4})\.conv0\.weight", first=8)
    if any(name.startswith("mapping.") for name in held):
        raise UnknownWeights(
            "the file holds a discriminator that judges by labels, and retouch uses only those without; use "
            "the generator of the file instead"
        )
    if any(f"b{side}.skip.weight" not in held for side in sides):
        raise UnknownWeights(
            "the file holds a discriminator of StyleGAN2 that is not residual, and retouch uses only "
            "residual ones; use the generator of the file instead"
        )
    widths = [shape_of(held, f"b{side}.conv0.weight", JUDGE, 4)[0] for side in sides]
    _check_activation(options)
    group = options.get("modules.group_size", options.get("init.epilogue_kwargs.mbstd_group_size", "4"))
    sizes: Sizes = {
        "side": sides[-1],
        "channels": ",".join(map(str, [shape_of(held, "b4.conv.weight", JUDGE, 4)[0], *widths])),
        "colours": shape_of(held, f"b{sides[-1]}.fromrgb.weight", JUDGE, 4)[1],
        "group": int(group) if group.isdecimal() and 0 < int(group[:6]) < 1 << 16 else 1 << 16,
        "limit": _limit(options, "init.block_kwargs."),
    }
    card = card_of(STYLEGAN2_JUDGE, sizes, options)
    _rename_judge(tensors, card)
    return card


def _rename_judge(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    prefix = prefix_of(tensors, _OUT) or ""
    ours = _without_filters(under(tensors, prefix))
    ours.pop("latent_avg", None)  # of the generator in the same file
    return fitted(STYLEGAN2_JUDGE, card, ours, JUDGE, {name: f"{prefix}{name}" for name in ours})


def _write_judge(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    """Name a discriminator's tensors as theirs, and add their filters."""
    _check_writable(card, STYLEGAN2_JUDGE.name)
    written: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        layer = name.removesuffix(".weight")
        if re.fullmatch(r"b\d+\.(fromrgb|conv0|conv1|skip)\.weight|b4\.conv\.weight", name):
            written[f"{layer}.{_FILTER}"] = low_pass()
        if layer.endswith(".conv0"):
            written[f"{layer.removesuffix('.conv0')}.{_FILTER}"] = low_pass()
        written[name] = tensor
    return written


LAYOUTS = (
    Layout(GENERATOR, TASK, _recognise, _rename, _write, WRITES),
    Layout(JUDGE, TASK, _recognise_judge, _rename_judge, _write_judge, WRITES),
)


def _sides(held: Tensors, pattern: str, first: int = 4) -> list[int]:
    """List the sides of maps that a file has layers for."""
    found = sorted(int(match[1]) for name in held if (match := re.fullmatch(pattern, name)))
    wanted = [first << number for number in range(len(found))]
    if not found or found != wanted:
        raise UnknownWeights(
            f"the file looks like StyleGAN2, but has layers for maps of {found or 'no'} pixels instead of "
            f"{first}, {2 * first}, …; use the original file"
        )
    return found


def _limit(options: Options, nested: str) -> float:
    """Find where maps are clamped, as the layers themselves say, or what they were built with."""
    said = [options.get("modules.conv_clamp")]
    said += [options.get(f"{place}conv_clamp") for place in (nested, "init.", "")]
    for value in said:
        if value is not None:
            numbers = [
                float(item) for item in value.split(", ") if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", item)
            ]
            return max(numbers, default=0.0)
    return 0.0 if any(name.startswith(nested) for name in options) else LIMIT


def _pace(options: Options) -> float:
    said = options.get("init.mapping_kwargs.lr_multiplier", "")
    pace = (
        float(said)
        if re.fullmatch(r"\d{0,3}(\.\d{1,9})?(e-?\d)?", said) and re.match(r"\.?\d", said)
        else PACE
    )
    return pace or PACE


def _check_activation(options: Options) -> None:
    known = {"linear", "lrelu"}
    others = set(options.get("modules.activation", "linear").split(", ")) - known
    if others:
        raise UnknownWeights(
            f"the file's layers use {', '.join(sorted(others))[:100]} where StyleGAN2 as published uses "
            "lrelu, which alone retouch computes; use a network of the published kind"
        )


def _without_filters(held: Tensors) -> dict[str, Tensor]:
    for name, tensor in held.items():
        if name.endswith(f".{_FILTER}"):
            check_filter(name, tensor)
    return {name: tensor for name, tensor in held.items() if not name.endswith(f".{_FILTER}")}


def _check_writable(card: Card, architecture: str) -> None:
    if card.architecture != architecture:
        raise UnknownWeights(f"{card.name:.100} is a {card.architecture}, not a {architecture}")
    if (pace := card.sizes.get("pace", PACE)) != PACE:
        raise UnknownWeights(
            f"{card.name:.100} has a mapping that learns at {pace} of the synthesis' rate, which a state "
            f"dict cannot say; only {PACE} is assumed there. Keep it as safetensors"
        )
