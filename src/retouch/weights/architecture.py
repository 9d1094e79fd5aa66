"""What a task tells about its networks: how one is built, and how foreign files name its tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from retouch.weights.card import Card


@dataclass(frozen=True, slots=True)
class Architecture:
    """One kind of network that weights can be for.

    Args:
        name: what a card calls it: ``"unet"``.
        task: the slice it belongs to.
        build: ``build(**card.sizes)`` makes the network with fresh weights. The keys of its state
            dict are the names in the file. It is also called on torch's meta device, to compare
            shapes before any memory is spent, so it must not look at values.
    """

    name: str
    task: str
    build: Callable[..., nn.Module]


@dataclass(frozen=True, slots=True)
class Layout:
    """One family of foreign files.

    Args:
        name: for a person: ``"pytorch-CycleGAN-and-pix2pix U-Net"``.
        task: the slice it belongs to.
        recognise: ``(tensors, options)`` → the card when the keys and shapes are of this family,
            else None. The options are what lies beside the tensors: the lines of a
            ``train_opt.txt``, the entries of a pickled namespace, all as text, and under
            ``"file_name"`` the name of the file. They are untrusted.
        rename: ``(tensors, card)`` → the tensors under our names, converted where the layout
            differs; a tensor that our network does not have may be dropped here, by name.
        write: ``(tensors, card)`` → the tensors under foreign names, or None when retouch does not
            write this family. It raises UnknownWeights for an architecture outside the family.
        writes: what ``retouch weights convert --to`` calls the format: ``"junyanz"``.
        wrapper: what the written tensors lie under, where that project's program looks for them
            in an outer dictionary: ``"state_dict"``.
        beside: the written tensors that lie in the outer dictionary itself, beside the wrapper.
        load: ``(tensors, options)`` → the card and the network itself, filled, float32, or None when the
            file is not of this family; for networks that another library computes. Such layouts are asked
            after all others, and only this way. It raises MissingDependency when that library is not here.
    """

    name: str
    task: str
    recognise: Callable[[Mapping[str, Tensor], Mapping[str, str]], Card | None]
    rename: Callable[[Mapping[str, Tensor], Card], dict[str, Tensor]]
    write: Callable[[Mapping[str, Tensor], Card], dict[str, Tensor]] | None = None
    writes: str = ""
    wrapper: str = ""
    beside: tuple[str, ...] = ()
    load: Callable[[Mapping[str, Tensor], Mapping[str, str]], tuple[Card, nn.Module] | None] | None = None
