"""The files of networks that enlarge: IMDN, SRResNet, MSRResNet, RRDBNet and SRVGGNetCompact."""

from __future__ import annotations

import re

from torch import Tensor

from retouch.tasks.restore.network.imdn import IMDN
from retouch.tasks.restore.network.rrdb import RRDBNet
from retouch.tasks.restore.network.srresnet import MSRResNet, SRResNet
from retouch.tasks.restore.network.srvgg import SRVGGNetCompact
from retouch.tasks.restore.upstream.fitting import TASK, Family, Sizes, Tensors, kernel, numbers, root
from retouch.tasks.restore.upstream.folding import fold
from retouch.weights.architecture import Architecture

ARCHITECTURES = (
    Architecture("imdn", TASK, IMDN),
    Architecture("srresnet", TASK, SRResNet),
    Architecture("msrresnet", TASK, MSRResNet),
    Architecture("rrdb", TASK, RRDBNet),
    Architecture("srvgg", TASK, SRVGGNetCompact),
)
"""The networks, under the names that cards use."""

_IMDN, _SRRESNET, _MSRRESNET, _RRDB, _SRVGG = ARCHITECTURES
_PICTURES = (1, 3)
_EPS = 1e-5
_PARAMS = "params"


def _imdn_sizes(tensors: Tensors) -> Sizes | None:
    first, last = kernel(tensors, "fea_conv"), kernel(tensors, "upsampler.0")
    blocks = numbers(r"IMDB(\d{1,6})\.", tensors)
    if first is None or last is None or "IMDB1.c1.weight" not in tensors or first.shape[1] not in _PICTURES:
        return None
    scale = root(last.shape[0] // first.shape[1])
    return {"width": len(first), "blocks": len(blocks), "scale": scale, "channels": first.shape[1]}


def _srresnet_sizes(tensors: Tensors) -> Sizes | None:
    first = kernel(tensors, "block1.0", 9)
    blocks = len(numbers(r"block(\d{1,6})\.conv1\.", tensors))
    if first is None or first.shape[1] not in _PICTURES or kernel(tensors, "block2.conv1") is None:
        return None
    return {
        "width": len(first),
        "blocks": blocks,
        "doublings": len(numbers(rf"block{blocks + 3}\.(\d{{1,6}})\.conv\.", tensors)),
        "bent": f"block{blocks + 2}.1.weight" in tensors,
        "channels": first.shape[1],
    }


def _srresnet_folded(tensors: Tensors) -> dict[str, Tensor]:
    found = dict(tensors)
    for block in numbers(r"block(\d{1,6})\.bn1\.", tensors):
        for number in (1, 2):
            fold(found, f"block{block}.conv{number}", f"block{block}.bn{number}", eps=_EPS)
    for block in numbers(r"block(\d{1,6})\.1\.running_mean", tensors):
        fold(found, f"block{block}.0", f"block{block}.1", eps=_EPS)
    return found


def _srresnet_theirs(key: str, sizes: Sizes) -> str:
    blocks = int(str(sizes["blocks"]))
    part, _, rest = key.partition(".")
    if part == "body":
        number, _, rest = rest.partition(".")
        return f"block{int(number) + 2}.{rest}"
    if part == "tail":
        return f"block{blocks + 3}.{sizes['doublings']}.{rest}"
    return f"block{ {'head': 1, 'middle': blocks + 2, 'up': blocks + 3}[part] }.{rest}"


def _msrresnet_sizes(trunk: str) -> Family:
    def sizes(tensors: Tensors) -> Sizes | None:
        first, up = kernel(tensors, "conv_first"), kernel(tensors, "upconv1")
        if first is None or up is None or kernel(tensors, f"{trunk}.0.conv1") is None:
            return None
        step = root(up.shape[0] // len(first))
        return {
            "width": len(first),
            "blocks": len(numbers(rf"{trunk}\.(\d{{1,6}})\.", tensors)),
            "scale": 4 if "upconv2.weight" in tensors else step,
            "channels": first.shape[1],
        }

    def older(key: str, sizes: Sizes) -> str:
        del sizes
        return re.sub(r"^body\.", "recon_trunk.", key).replace("conv_hr.", "HRconv.")

    paper = "arXiv:1809.00219"
    if trunk == "body":
        return Family("BasicSR MSRResNet", _MSRRESNET, paper, sizes, writes="basicsr", wrapper=_PARAMS)
    return Family("KAIR MSRResNet", _MSRRESNET, paper, sizes, older, writes="kair")


def _rrdb(name: str, theirs: str, writes: str) -> Family:
    spelt = {"basicsr": _basicsr_rrdb, "kair": _kair_rrdb, "esrgan": _esrgan_rrdb}[theirs]
    first_block, block = {
        "basicsr": ("body.0.rdb1.conv1", r"body\.(\d{1,6})\."),
        "kair": ("RRDB_trunk.0.RDB1.conv1", r"RRDB_trunk\.(\d{1,6})\."),
        "esrgan": ("model.1.sub.0.RDB1.conv1.0", r"model\.1\.sub\.(\d{1,6})\.RDB1\."),
    }[theirs]
    up = {"basicsr": r"conv_up(\d)\.", "kair": r"upconv(\d)\.", "esrgan": r"model\.(\d{1,6})\.weight"}[theirs]

    def sizes(tensors: Tensors) -> Sizes | None:
        first = kernel(tensors, spelt("conv_first", {"blocks": 0, "doublings": 0}))
        dense = kernel(tensors, first_block)
        # ESRGAN+ has the same names, and 1×1 convolutions beside.
        if first is None or dense is None or any(".conv1x1." in key for key in tensors):
            return None
        doublings = len(numbers(up, tensors))
        if theirs == "esrgan":
            doublings -= 3  # the first convolution and the last two
        last = kernel(tensors, spelt("conv_last", {"blocks": 0, "doublings": doublings}))
        channels = 3 if last is None else len(last)
        return {
            "width": len(first),
            "blocks": len(numbers(block, tensors)),
            "growth": len(dense),
            "doublings": doublings,
            "unshuffle": root(first.shape[1] // channels) if first.shape[1] % channels == 0 else 0,
            "channels": channels,
        }

    def unwritable(sizes: Sizes) -> str:
        doublings, squares = sizes.get("doublings", 2), sizes.get("unshuffle", 1)
        if theirs == "basicsr" and doublings != 2:
            return f"doubles the size {doublings} times, and BasicSR's network twice"
        if theirs != "basicsr" and squares != 1:
            return f"takes squares of {squares} pixels as one, which the older networks do not"
        if theirs == "kair" and doublings not in (1, 2):
            return f"doubles the size {doublings} times, and KAIR's network once or twice"
        return ""

    wrapper = _PARAMS if theirs == "basicsr" else ""
    return Family(
        name, _RRDB, "arXiv:1809.00219", sizes, spelt, writes=writes, unwritable=unwritable, wrapper=wrapper
    )


def _basicsr_rrdb(key: str, sizes: Sizes) -> str:
    del sizes
    return key


def _kair_rrdb(key: str, sizes: Sizes) -> str:
    del sizes
    key = re.sub(r"^body\.(\d+)\.rdb", r"RRDB_trunk.\1.RDB", key)
    return re.sub(r"^conv_up", "upconv", key).replace("conv_body", "trunk_conv").replace("conv_hr", "HRconv")


def _esrgan_rrdb(key: str, sizes: Sizes) -> str:
    if inside := re.fullmatch(r"body\.(\d+)\.rdb(\d)\.conv(\d)\.(\w+)", key):
        block, dense, conv, name = inside.groups()
        return f"model.1.sub.{block}.RDB{dense}.conv{conv}.0.{name}"
    layer, _, name = key.partition(".")
    last = 3 * int(str(sizes["doublings"])) + 4
    if layer.startswith("conv_up"):
        place = str(3 * int(layer.removeprefix("conv_up")))
    else:
        places = {"conv_first": "0", "conv_hr": str(last - 2), "conv_last": str(last)}
        place = places.get(layer, f"1.sub.{sizes['blocks']}")
    return f"model.{place}.{name}" if name else f"model.{place}"


def _srvgg_sizes(tensors: Tensors) -> Sizes | None:
    first, slopes = kernel(tensors, "body.0"), tensors.get("body.1.weight")
    layers = numbers(r"body\.(\d{1,6})\.weight", tensors)
    if first is None or slopes is None or slopes.dim() != 1 or first.shape[1] not in _PICTURES:
        return None
    last = kernel(tensors, f"body.{max(layers)}")
    return {
        "width": len(first),
        "depth": max((len(layers) - 3) // 2, 0),
        "scale": 0 if last is None else root(len(last) // first.shape[1]),
        "channels": first.shape[1],
    }


FAMILIES: tuple[Family, ...] = (
    Family("IMDN", _IMDN, "arXiv:1909.11856", _imdn_sizes, writes="imdn"),
    Family(
        "leftthomas/SRGAN generator",
        _SRRESNET,
        "arXiv:1609.04802",
        _srresnet_sizes,
        _srresnet_theirs,
        _srresnet_folded,
    ),
    _msrresnet_sizes("body"),
    _msrresnet_sizes("recon_trunk"),
    _rrdb("Real-ESRGAN RRDBNet", "basicsr", "basicsr"),
    _rrdb("BSRGAN RRDBNet", "kair", "kair"),
    _rrdb("ESRGAN RRDBNet of 2018", "esrgan", "esrgan"),
    Family(
        "Real-ESRGAN SRVGGNetCompact",
        _SRVGG,
        "arXiv:2107.10833",
        _srvgg_sizes,
        writes="basicsr",
        wrapper=_PARAMS,
    ),
)
"""The ways in which files name them, in the order in which they are tried."""
