"""Files of GANs that retouch knows and does not read, and what to do about each."""

from __future__ import annotations

from torch import Tensor

from retouch.errors import UnknownWeights
from retouch.tasks.invert.upstream.fitting import TASK, Options, Tensors, prefix_of
from retouch.weights import Card, Layout

_READ = (
    "retouch reads StyleGAN2 (of stylegan2-ada-pytorch, of stylegan3 with --cfg=stylegan2, of "
    "rosinality/stylegan2-pytorch) and DCGAN"
)


def _recognise_third(tensors: Tensors, options: Options) -> Card | None:
    del options
    if prefix_of(tensors, "synthesis.input.freqs") is not None:
        raise UnknownWeights(
            f"the file holds a StyleGAN3 (its synthesis begins with frequencies), and {_READ}; choose a "
            "network that was trained with --cfg=stylegan2"
        )
    return None


def _recognise_lucidrains(tensors: Tensors, options: Options) -> Card | None:
    del options
    if prefix_of(tensors, "G.initial_block") is None and prefix_of(tensors, "GE.initial_block") is None:
        return None
    raise UnknownWeights(
        "the file is a checkpoint of lucidrains/stylegan2-pytorch, whose network differs from the published "
        f"StyleGAN2 in most layers, and {_READ}; choose a file of one of those"
    )


def _rename(tensors: Tensors, card: Card) -> dict[str, Tensor]:
    raise UnknownWeights(f"{card.name:.100} has {len(tensors)} tensors of a kind that retouch does not read")


LAYOUTS = (
    Layout("StyleGAN3 (recognised, not read)", TASK, _recognise_third, _rename),
    Layout("lucidrains/stylegan2-pytorch (recognised, not read)", TASK, _recognise_lucidrains, _rename),
)
