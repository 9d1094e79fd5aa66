"""Tell from keys and shapes which network a file holds, and rename what it holds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retouch.errors import InputError, UnknownWeights
from retouch.weights.architecture import Architecture, Layout
from retouch.weights.card import JSON, Card

TASK = "restore"

Tensors = Mapping[str, Tensor]
Options = Mapping[str, str]
Sizes = dict[str, JSON]


def _as_it_is(tensors: Tensors) -> dict[str, Tensor]:
    return dict(tensors)


def _same_name(key: str, sizes: Sizes) -> str:
    del sizes
    return key


def _nothing(sizes: Sizes, options: Options) -> Sizes:
    del sizes, options
    return {}


def _always(sizes: Sizes) -> str:
    del sizes
    return ""


@dataclass(frozen=True, slots=True)
class Family:
    """One way in which files name the tensors of one of our networks.

    Args:
        name: for a person.
        architecture: the network.
        paper: where it is from.
        sizes: ``(tensors)`` → the arguments of the network's ``build`` when the first keys and shapes are of
            this family, else None. Counts must come from how many keys there are, never from the largest
            number in one: numbers are untrusted.
        theirs: ``(our key, sizes)`` → their key.
        prepared: what is done to the file's tensors before everything else.
        settings: ``(sizes, options)`` → the card's settings.
        writes: what ``retouch weights convert --to`` calls the format; nothing is written when empty.
        unwritable: ``(sizes)`` → why their code could not compute this network, or nothing.
        wrapper: the key of the outer dictionary in which their program looks.
    """

    name: str
    architecture: Architecture
    paper: str
    sizes: Callable[[Tensors], Sizes | None]
    theirs: Callable[[str, Sizes], str] = _same_name
    prepared: Callable[[Tensors], dict[str, Tensor]] = _as_it_is
    settings: Callable[[Sizes, Options], Sizes] = _nothing
    writes: str = ""
    unwritable: Callable[[Sizes], str] = _always
    wrapper: str = ""

    def layout(self) -> Layout:
        """Make what the reader of weights asks."""
        write = self._write if self.writes else None
        return Layout(self.name, TASK, self._recognise, self._rename, write, self.writes, self.wrapper)

    def _recognise(self, tensors: Tensors, options: Options) -> Card | None:
        found = self.prepared(tensors)
        sizes = self.sizes(found)
        if sizes is None:
            return None
        file = options.get("file_name", "")
        file = file if len(file) <= 99 and file.isprintable() else ""
        network = self._fitted(found, sizes, file or "the file")[0]
        return Card(
            name=file.rpartition(".")[0] or self.architecture.name,
            task=TASK,
            architecture=self.architecture.name,
            sizes=sizes,
            value_range=(0.0, 1.0),
            scale=getattr(network, "scale", 1),
            multiple=getattr(network, "multiple", 1),
            settings=self.settings(sizes, options),
            paper=self.paper,
        )

    def _rename(self, tensors: Tensors, card: Card) -> dict[str, Tensor]:
        return self._fitted(self.prepared(tensors), card.sizes, card.name)[1]

    def _write(self, tensors: Tensors, card: Card) -> dict[str, Tensor]:
        if card.architecture != self.architecture.name:
            raise UnknownWeights(
                f"{card.name} is a {card.architecture}, and {self.architecture.name} is wanted; write it in "
                "another format"
            )
        options = inspect.signature(self.architecture.build).parameters
        sizes = {name: option.default for name, option in options.items()} | card.sizes
        if reason := self.unwritable(sizes):
            raise UnknownWeights(f"{card.name} {reason}; keep it as safetensors")
        network = self._network(sizes, card.name)
        ours = _compared(network, tensors, {key: key for key in network.state_dict()}, card.name, self.name)
        return {self.theirs(key, sizes): tensor for key, tensor in ours.items()}

    def _fitted(self, tensors: Tensors, sizes: Sizes, what: str) -> tuple[nn.Module, dict[str, Tensor]]:
        network = self._network(sizes, what)
        theirs = {key: self.theirs(key, sizes) for key in network.state_dict()}
        described = ", ".join(f"{name} {value}" for name, value in sizes.items())
        return network, _compared(network, tensors, theirs, what, f"{self.name} with {described}")

    def _network(self, sizes: Sizes, what: str) -> nn.Module:
        try:
            with torch.device("meta"):
                return self.architecture.build(**sizes)
        except (InputError, RuntimeError, TypeError) as error:
            raise UnknownWeights(
                f"{what:.200} looks like a {self.name}, but no such network can be built ({error!s:.200}); "
                "use the original file"
            ) from None


def _compared(
    network: nn.Module, tensors: Tensors, theirs: Mapping[str, str], what: str, like: str
) -> dict[str, Tensor]:
    """Take the tensors of a network, which must be all there are, under our names and in our order."""
    wanted = network.state_dict()
    names = set(theirs.values())
    complaints = {
        "lacks": [name for name in theirs.values() if name not in tensors],
        "also holds": [name for name in tensors if name not in names],
        "has other shapes at": [
            f"{name} {tuple(tensors[name].shape)} instead of {tuple(wanted[key].shape)}"
            for key, name in theirs.items()
            if name in tensors and tensors[name].shape != wanted[key].shape
        ],
    }
    said = [f"{verb} {_first_five(listed)}" for verb, listed in complaints.items() if listed]
    if said:
        raise UnknownWeights(
            f"{what:.200} looks like a {like}, but it {'; it '.join(said)}. It is incomplete or from a "
            "changed copy of that project; use the original file, or convert it with the code that wrote it"
        )
    return {key: tensors[name] for key, name in theirs.items()}


def kernel(tensors: Tensors, layer: str, side: int = 3) -> Tensor | None:
    """Find the weight of a convolution.

    Args:
        tensors: of a file.
        layer: what stands before ``.weight``.
        side: of the kernel.

    Returns:
        The weight, or None when there is none, or it is empty or of another kind.
    """
    found = tensors.get(f"{layer}.weight")
    fits = found is not None and found.dim() == 4 and found.shape[2:] == (side, side) and found.numel() > 0
    return found if fits else None


def numbers(pattern: str, tensors: Tensors) -> set[int]:
    """Collect the numbers in the keys that begin with a pattern.

    Args:
        pattern: with one group of at most six digits.
        tensors: of a file.

    Returns:
        The different numbers.
    """
    return {int(match[1]) for key in tensors if (match := re.match(pattern, key))}


def root(value: int) -> int:
    """Give the whole square root of a number, or 0 when it has none."""
    side = round(value**0.5) if 0 < value < 1 << 40 else 0
    return side if side * side == value else 0


def _first_five(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(f"{name:.100}" for name in listed[:5]) + more
