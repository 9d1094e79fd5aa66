"""The families of files, in the order in which they are tried, and the way into and out of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from retouch.errors import UnknownWeights
from retouch.nn.layers import Blur
from retouch.tasks.translate.upstream.parts import TASK, Variant, parts, slots
from retouch.tasks.translate.upstream.recognise import (
    check_fits,
    recognise_patchgan,
    recognise_pixelgan,
    recognise_resnet,
    recognise_unet,
    unwrapped,
)
from retouch.tasks.translate.upstream.skips import in_todays_order, joined_in_old_order
from retouch.weights.architecture import Layout
from retouch.weights.card import Card

JUNYANZ = "junyanz"
CUT = "cut"


def _renaming(name: str) -> Callable[[Mapping[str, Tensor], Card], dict[str, Tensor]]:
    def rename(tensors: Mapping[str, Tensor], card: Card) -> dict[str, Tensor]:
        tensors = unwrapped(tensors)
        ours: dict[str, Tensor] = {}
        for key, slot in check_fits(name, tensors, card).items():
            if slot.filter is not None:
                _check_filter(key, tensors[key], slot.filter)
            elif key in tensors:
                ours[slot.ours] = tensors[key]
            else:
                # Batch normalisation has counted its batches since PyTorch 0.4.1 only.
                ours[slot.ours] = torch.zeros((), dtype=torch.int64)
        if card.architecture == "unet" and joined_in_old_order(tensors, int(str(card.sizes["depth"]))):
            for key in [key for key in ours if key.startswith("up.") and key.endswith(".conv.weight")][1:]:
                ours[key] = in_todays_order(ours[key])
        return ours

    return rename


def _writing(project: str) -> Callable[[Mapping[str, Tensor], Card], dict[str, Tensor]]:
    def write(tensors: Mapping[str, Tensor], card: Card) -> dict[str, Tensor]:
        _check_writable(card, project)
        theirs: dict[str, Tensor] = {}
        wanted = slots(card)
        _check_ours(tensors, {slot.ours: slot.shape for slot in wanted.values() if slot.ours})
        for key, slot in wanted.items():
            if slot.filter is None:
                theirs[key] = tensors[slot.ours]
            else:
                theirs[key] = _filter(slot.filter)
        return theirs

    return write


def _check_writable(card: Card, project: str) -> None:
    parts(card.architecture, card.sizes)
    own = "blur" in card.sizes.values()
    if own and project == JUNYANZ:
        raise UnknownWeights(
            f"{card.name} has low-pass filters, which the pix2pix and CycleGAN project does not know; "
            f"write it as {CUT!r}, or keep it as safetensors"
        )
    if card.architecture == "unet" and int(str(card.sizes.get("depth", 8))) < 5:
        raise UnknownWeights(
            f"{card.name} is a U-Net of depth {card.sizes['depth']}, and the pix2pix and CycleGAN project "
            "builds none below 5; keep it as safetensors"
        )
    bare = card.sizes.get("norm", "") == "none" and card.sizes.get("bias") is not False
    if bare:
        raise UnknownWeights(
            f"{card.name} has convolutions with a bias and no normalisation, which the pix2pix and CycleGAN "
            "project would read as instance normalisation; keep it as safetensors, or train with bias=False"
        )


def _check_ours(tensors: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> None:
    odd = [
        key
        for key in {**wanted, **tensors}
        if key not in tensors or key not in wanted or tuple(tensors[key].shape) != wanted[key]
    ]
    if odd:
        raise UnknownWeights(
            f"the tensors do not fit the card: {', '.join(odd[:5])} are missing, left over or of "
            "another shape; use the card that the weights were saved with"
        )


def _check_filter(key: str, found: Tensor, layer: Blur) -> None:
    if not torch.allclose(found.float(), _filter(layer), atol=1e-3):
        raise UnknownWeights(
            f"{key} is not the binomial low-pass filter of CUT, so the file is from a changed copy of that "
            "project; convert it with the code that wrote it"
        )


def _filter(layer: Blur) -> Tensor:
    return Blur(layer.channels, layer.direction).filter


def _resnet(name: str, variant: Variant, writes: str) -> Layout:
    return Layout(name, TASK, recognise_resnet(name, variant), _renaming(name), _writing(writes), writes)


def _other(
    name: str, recognise: Callable[[Mapping[str, Tensor], Mapping[str, str]], Card | None], writes: str
) -> Layout:
    return Layout(name, TASK, recognise, _renaming(name), _writing(writes), writes)


_RESNET = "pytorch-CycleGAN-and-pix2pix ResNet"
_UNET = "pytorch-CycleGAN-and-pix2pix U-Net"
_PATCH = "pytorch-CycleGAN-and-pix2pix NLayerDiscriminator"
_PIXEL = "pytorch-CycleGAN-and-pix2pix PixelDiscriminator"
_CUT_PATCH = "CUT NLayerDiscriminator"

LAYOUTS: tuple[Layout, ...] = (
    _resnet(_RESNET, Variant(), JUNYANZ),
    _resnet(f"{_RESNET} of 2017, padded with zeros", Variant(border="zero"), JUNYANZ),
    _other(_UNET, recognise_unet(_UNET), JUNYANZ),
    _resnet("CUT ResNet", Variant("blur", "blur"), CUT),
    _resnet("CUT ResNet, no_antialias", Variant("stride", "blur"), CUT),
    _resnet("CUT ResNet, no_antialias_up", Variant("blur", "transpose"), CUT),
    _other(_PATCH, recognise_patchgan(_PATCH, blur=False), JUNYANZ),
    _other(_PIXEL, recognise_pixelgan(_PIXEL), JUNYANZ),
    _other(_CUT_PATCH, recognise_patchgan(_CUT_PATCH, blur=True), CUT),
)
"""Every family, tried in this order; no file is of two. With four blocks or nine, a residual
generator is of one family; with both ``no_antialias`` flags CUT's is CycleGAN's."""
