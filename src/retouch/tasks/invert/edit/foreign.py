"""Latents that other programs wrote: arrays of numpy, and tensors of torch, read as data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from retouch.errors import InputError, UnreadableWeights
from retouch.tasks.invert.edit.arrays import MAX_BYTES, arrays
from retouch.tasks.invert.edit.arrays import SUFFIXES as ARRAYS
from retouch.tasks.invert.edit.latent import Latent
from retouch.tasks.invert.method.spaces import Name

if TYPE_CHECKING:
    from retouch.tasks.invert.edit.model import Model

SUFFIXES = (*ARRAYS, ".pt", ".pth")
"""How their files end: projected_w.npz of StyleGAN2-ADA, arrays of others, tensors of PTI and rosinality."""

NAMES = ("w", "dlatents", "latent", "ws", "w_pivot", "tensor", "")
"""What the latent is called in them; the first that is there is taken, and else the only one."""

_NOISE = re.compile(r"(?:.*\.)?noise\.(\d+)")


def read(path: Path, model: Model) -> Latent:
    """Read a latent that another program wrote.

    Such files do not say of which generator they are; that the numbers fit is all that can be seen.

    Args:
        path: .npz, .npy, .pt or .pth.
        model: the generator of which it is.

    Returns:
        The latent, in space w+, or in z for a DCGAN.

    Raises:
        UnreadableWeights: it is missing, damaged, too large, or holds no latent.
        InputError: it does not fit the generator.
    """
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableWeights(
            f"{path!s:.200} cannot be read ({reason}); give the path of a latent"
        ) from None
    if size > MAX_BYTES:
        raise UnreadableWeights(
            f"{path!s:.200} has {size:,} bytes, and a latent at most {MAX_BYTES:,}; give weights as model"
        )
    found = arrays(path) if path.suffix.lower() in ARRAYS else _tensors(path)
    name = next((name for name in NAMES if name in found), None)
    if name is None:
        inner = [each for each in found if each.rpartition(".")[2] in NAMES]
        alone = inner if len(inner) == 1 else list(found) if len(found) == 1 else []
        if not alone:
            held = ", ".join(map(repr, list(found)[:5])) or "no numbers"
            raise UnreadableWeights(
                f"{path!s:.200} holds {held}, and none is called "
                f"{', '.join(name for name in NAMES if name)}; save one latent under one of these names"
            )
        name = alone[0]
    maps = sorted(
        (int(match[1]), tensor) for key, tensor in found.items() if (match := _NOISE.fullmatch(key))
    )
    noise = [plane for _, plane in maps] or None
    space: Name = "z" if model.kind == "dcgan" else "w+"
    return Latent.of(
        model, _rows(found[name], model, path), space=space, noise=noise, facts={"source": path.name[:200]}
    )


def _rows(values: Tensor, model: Model, path: Path) -> Tensor:
    """Bring a latent to what the generator takes: one style is repeated for each row."""
    rows = values.float()
    while rows.dim() > 1 and rows.shape[0] == 1:
        rows = rows[0]
    if not bool(torch.isfinite(rows).all()):
        raise UnreadableWeights(f"the latent in {path!s:.200} holds NaN or infinity; make it again")
    if model.kind == "stylegan2" and rows.shape == (model.style,):
        rows = rows[None].expand(model.rows, -1)
    wanted = (model.latent,) if model.kind == "dcgan" else (model.rows, model.style)
    if tuple(rows.shape) != wanted:
        raise InputError(
            f"the latent in {path!s:.200} is {tuple(values.shape)}, and {model.name} takes {wanted}; pass "
            "the model that it was made with"
        )
    return rows


def _tensors(path: Path) -> dict[str, Tensor]:
    from retouch.weights import read as read_weights

    return {name: tensor for name, tensor in read_weights(path).tensors.items() if tensor.is_floating_point()}
