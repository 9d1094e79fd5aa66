"""Writing weights: complete or not at all, in our own format or a foreign one."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from retouch.errors import WeightsError
from retouch.weights import card as cards
from retouch.weights.card import Card
from retouch.weights.state import bare_names

State = nn.Module | Mapping[str, Tensor]
"""A network, or its tensors by name."""


def save(path: str | os.PathLike[str], network: State, card: Card) -> Path:
    """Write a weights file of ours: safetensors with the card in its metadata.

    Args:
        path: the file; one that is there is replaced. It appears complete or not at all.
        network: the network, or its state dict. Names are written without the prefixes of
            ``torch.compile`` and parallel wrappers, numbers in their own types.
        card: what the file will say about itself.

    Returns:
        The path.

    Raises:
        WeightsError: There are no tensors, or the file cannot be written.
    """
    from safetensors.torch import save_file

    tensors = _plain(network)
    # One entry alone: safetensors writes several in a random order, and equal weights would differ.
    metadata = {cards.KEY: card.to_json()}
    return _written(path, lambda draft: save_file(tensors, draft, metadata=metadata))


def save_torch(
    path: str | os.PathLike[str], network: State, *, wrapper: str = "", beside: Collection[str] = ()
) -> Path:
    """Write a state dict as ``torch.save`` does, for programs that read nothing else.

    Args:
        path: the file; one that is there is replaced. It appears complete or not at all.
        network: the network, or its state dict.
        wrapper: the key of an outer dictionary under which the tensors are put; none when empty.
        beside: names of tensors that are put into the outer dictionary itself.

    Returns:
        The path.

    Raises:
        WeightsError: There are no tensors, or the file cannot be written.
    """
    tensors = _plain(network)
    outside = {name: tensor for name, tensor in tensors.items() if wrapper and name in beside}
    inside = {name: tensor for name, tensor in tensors.items() if name not in outside}
    content = {wrapper: inside, **outside} if wrapper else inside
    return _written(path, lambda draft: torch.save(content, draft))


def _plain(network: State) -> dict[str, Tensor]:
    state = network.state_dict() if isinstance(network, nn.Module) else network
    if not state:
        raise WeightsError("there are no tensors to save; give a network or its state dict")
    seen: set[int] = set()
    plain: dict[str, Tensor] = {}
    for name, tensor in bare_names(state).items():
        ready = tensor.detach().cpu().contiguous()
        # safetensors refuses two names for the same memory: tied weights are written twice.
        place = ready.untyped_storage().data_ptr()
        plain[name] = ready.clone() if place in seen else ready
        seen.add(place)
    return plain


def _written(path: str | os.PathLike[str], write: Callable[[Path], object]) -> Path:
    final = Path(path)
    try:
        with _draft_of(final) as draft:
            draft.touch()
            # safetensors makes files that only their owner may read.
            mode = stat.S_IMODE((final if final.is_file() else draft).stat().st_mode)
            write(draft)
            draft.chmod(mode)
            with draft.open("rb+") as written:
                os.fsync(written.fileno())
            draft.replace(final)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or f"{error!s:.200}"
        raise WeightsError(f"{final!s:.200} cannot be written ({reason}); choose another path") from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":
            raise
        raise WeightsError(
            f"{final!s:.200} cannot be written ({error!s:.200}); choose another path"
        ) from error
    return final


@contextlib.contextmanager
def _draft_of(final: Path) -> Iterator[Path]:
    # Not tempfile: its files are for the owner's eyes only, and the name says whose they are.
    draft = final.with_name(f".{final.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)
