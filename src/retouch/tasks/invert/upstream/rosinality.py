"""The files of rosinality/stylegan2-pytorch, and of the encoders that build on it: pSp, e4e, ReStyle."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from retouch.errors import UnknownWeights
from retouch.tasks.invert.upstream.fitting import (
    STYLEGAN2,
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

FAMILY = "rosinality's StyleGAN2"
WRITES = "rosinality"
"""What ``retouch weights convert --to`` calls the format."""

PACE = 0.01
_CONST = "input.input"
_AVERAGE = "latent_avg"
_KERNELS = r"convs\.\d{1,2}\.conv\.blur\.kernel|to_rgbs\.\d{1,2}\.upsample\.kernel"


def _recognise(tensors: Tensors, options: Options) -> Card | None:
    prefix = prefix_of(tensors, _CONST)
    if prefix is None or f"{prefix}conv1.conv.modulation.weight" not in tensors:
        return None
    held = under(tensors, prefix)
    count = sum(bool(re.fullmatch(r"to_rgbs\.\d{1,2}\.conv\.weight", name)) for name in held)
    places = ["conv1", *(f"convs.{2 * number + 1}" for number in range(count))]
    widths = [shape_of(held, f"{place}.conv.weight", FAMILY, 5)[1] for place in places]
    style, latent = shape_of(held, "style.1.weight", FAMILY)
    sizes: Sizes = {
        "side": 4 << count,
        "channels": ",".join(map(str, widths)),
        "latent": latent,
        "style": style,
        "layers": sum(bool(re.fullmatch(r"style\.\d{1,3}\.weight", name)) for name in held),
        "colours": shape_of(held, "to_rgb1.conv.weight", FAMILY, 5)[1],
        "limit": 0.0,
        "pace": PACE,
    }
    card = card_of(STYLEGAN2, sizes, options)
    _rename(tensors, card)
    return card


def _rename(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    prefix = prefix_of(tensors, _CONST) or ""
    held = under(tensors, prefix)
    for name, tensor in held.items():
        if re.fullmatch(_KERNELS, name):
            check_filter(name, tensor, gain=4.0)
    names = dict(_names(card))
    ours: dict[str, Tensor] = {}
    for name, place in names.items():
        if place in held:
            ours[name] = _as_ours(name, held[place])
    known = {*names.values(), _AVERAGE}
    left = {
        name: tensor
        for name, tensor in held.items()
        if name not in known and not re.fullmatch(_KERNELS, name)
    }
    _add_noise(ours, names)
    average = tensors.get(_AVERAGE, held.get(_AVERAGE))
    if average is None:
        ours["mapping.w_avg"] = average_style(ours, card)
    else:
        rows = average.reshape(-1, average.shape[-1]) if average.dim() else average
        same = average.dim() > 0 and len(rows) > 0 and bool((rows == rows[:1]).all())
        ours["mapping.w_avg"] = rows[0] if same else rows.float().mean(dim=0)
    theirs = {name: f"{prefix}{place}" for name, place in names.items()}
    return fitted(STYLEGAN2, card, {**ours, **left}, FAMILY, theirs)


def _write(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    """Name a generator's tensors as theirs, and add their filters."""
    sizes = {
        "classes": 0,
        "colours": 3,
        "design": "skip",
        "latent": card.sizes.get("style", 512),
        "pace": PACE,
    }
    if card.architecture != STYLEGAN2.name:
        raise UnknownWeights(f"{card.name:.100} is a {card.architecture}, not a {STYLEGAN2.name}")
    for name, known in sizes.items():
        if (found := card.sizes.get(name, 512 if name == "latent" else known)) != known:
            raise UnknownWeights(
                f"{card.name:.100} has {name}={found}, and {WRITES} builds {name}={known} alone; keep it as "
                "safetensors"
            )
    written: dict[str, Tensor] = {}
    for name, place in _names(card):
        tensor = tensors[name]
        written[place] = tensor.reshape(_their_shape(name, tuple(tensor.shape)))
        if place.endswith(".activate.bias") and ".conv0." in name:
            written[place.replace("activate.bias", "conv.blur.kernel")] = low_pass(4.0)
        if place.startswith("to_rgbs.") and place.endswith(".conv.weight"):
            written[place.replace("conv.weight", "upsample.kernel")] = low_pass(4.0)
    written[_AVERAGE] = tensors["mapping.w_avg"]
    return written


LAYOUTS = (Layout(FAMILY, TASK, _recognise, _rename, _write, WRITES, wrapper="g_ema", beside=(_AVERAGE,)),)


def _names(card: Card) -> Iterator[tuple[str, str]]:
    """Pair our names with theirs."""
    layers, sides = card.sizes.get("layers", 8), str(card.sizes["channels"]).count(",") + 1
    for number in range(layers if isinstance(layers, int) else 0):
        for part in ("weight", "bias"):
            yield f"mapping.fc{number}.{part}", f"style.{number + 1}.{part}"
    yield "synthesis.b4.const", _CONST
    for step in range(sides):
        block = f"synthesis.b{4 << step}"
        convs = {1: "conv1"} if step == 0 else {0: f"convs.{2 * step - 2}", 1: f"convs.{2 * step - 1}"}
        for number, place in convs.items():
            yield f"{block}.conv{number}.weight", f"{place}.conv.weight"
            yield f"{block}.conv{number}.affine.weight", f"{place}.conv.modulation.weight"
            yield f"{block}.conv{number}.affine.bias", f"{place}.conv.modulation.bias"
            yield f"{block}.conv{number}.noise_strength", f"{place}.noise.weight"
            yield f"{block}.conv{number}.bias", f"{place}.activate.bias"
            yield f"{block}.conv{number}.noise_const", f"noises.noise_{max(2 * step - 1 + number, 0)}"
        place = f"to_rgbs.{step - 1}" if step else "to_rgb1"
        yield f"{block}.torgb.weight", f"{place}.conv.weight"
        yield f"{block}.torgb.bias", f"{place}.bias"
        yield f"{block}.torgb.affine.weight", f"{place}.conv.modulation.weight"
        yield f"{block}.torgb.affine.bias", f"{place}.conv.modulation.bias"


def _as_ours(name: str, tensor: Tensor) -> Tensor:
    """Take off the sides of 1 that theirs have before ours."""
    if name.endswith("noise_strength"):
        return tensor.reshape(()) if tensor.numel() == 1 else tensor
    if re.fullmatch(r"synthesis\.b\d+\.(conv[01]|torgb)\.bias", name):
        return tensor.reshape(-1)
    lead = {"const": 4, "weight": 5, "noise_const": 4}.get(name.rpartition(".")[2])
    if lead is None or tensor.dim() != lead or len(tensor) != 1:
        return tensor
    return tensor[0, 0] if name.endswith("noise_const") and tensor.shape[1] == 1 else tensor[0]


def _their_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if name.endswith("noise_strength"):
        return (1,)
    if name.endswith("noise_const"):
        return (1, 1, *shape)
    if name.endswith(".torgb.bias"):
        return (1, *shape, 1, 1)
    return (1, *shape) if len(shape) in (3, 4) else shape


def _add_noise(ours: dict[str, Tensor], names: dict[str, str]) -> None:
    """Draw the noise that the oldest files do not hold: always the same."""
    wanted = [name for name in names if name.endswith("noise_const")]
    if any(name in ours for name in wanted):
        return
    draw = torch.Generator().manual_seed(0)
    for name in wanted:
        side = int(name.split(".")[1][1:])
        ours[name] = torch.randn((side, side), generator=draw)
