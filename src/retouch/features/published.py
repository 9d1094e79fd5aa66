"""Networks that others published and whose features a metric is defined by: found, checked, loaded.

No metric downloads anything. Without its file it says which file it needs, where to get it, and
what the bytes must be: a distance measured with other weights has the same name and means nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from retouch.errors import UnknownWeights, UnreadableWeights
from retouch.weights.read import read

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file that a metric depends on.

    Args:
        name: what its authors call it.
        sha256: of its bytes.
        address: where it can be had.
        licence: its terms.
    """

    name: str
    sha256: str
    address: str
    licence: str


def read_published(path: str | Path, file: PublishedFile) -> dict[str, Tensor]:
    """Read a published file after its checksum has been found right.

    Args:
        path: where it is, or the folder that holds it under its own name.
        file: which one it must be.

    Returns:
        Key → tensor, on the CPU.

    Raises:
        UnreadableWeights: It is not there, or its bytes are not those of the published file.
    """
    place = Path(path)
    if place.is_dir():
        place = place / file.name
    if not place.is_file():
        raise UnreadableWeights(
            f"{place} is not there, and the metric needs {file.name} ({file.licence}); "
            f"download it from {file.address} and put it at {place}"
        )
    with place.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != file.sha256:
        raise UnreadableWeights(
            f"{place} has sha256 {found}, but {file.name} has {file.sha256}; numbers from other weights "
            f"do not compare: download it again from {file.address}"
        )
    return read(place).tensors


def load_into(
    network: nn.Module, tensors: Mapping[str, Tensor], what: str, *, unused: tuple[str, ...] = ()
) -> None:
    """Put published tensors into a network that was built on the meta device, and freeze it.

    Args:
        network: its state dict has the published keys; in eval mode afterwards.
        tensors: key → tensor. The batch counters of batch norm, which old files lack and nothing
            here reads, may be absent.
        what: the name of the file, for messages.
        unused: prefixes of keys that the file has and the network does not need.

    Raises:
        UnknownWeights: A key is missing or left over, or a shape differs.
    """
    wanted = network.state_dict()
    given = {key: value for key, value in tensors.items() if not key.startswith(unused or ("\0",))}
    for key, value in wanted.items():
        if key.endswith(".num_batches_tracked"):
            given.setdefault(key, value.new_zeros((), device="cpu"))
    problems = [f"no {key}" for key in wanted if key not in given]
    problems += [f"a foreign {key}" for key in given if key not in wanted]
    problems += [
        f"{key} of shape {tuple(given[key].shape)}, not {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    if problems:
        raise UnknownWeights(
            f"these tensors are not {what}: {len(problems)} problems, first {'; '.join(problems[:_SHOWN])}; "
            "give the published file"
        )
    exact = {
        key: value.float() if value.is_floating_point() else value.clone() for key, value in given.items()
    }
    network.load_state_dict(exact, assign=True)
    network.requires_grad_(False).eval()
