"""From where a file keeps the layers of a VGG to its tensors under our names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from retouch.errors import UnknownWeights
from retouch.features.folding import folded
from retouch.features.upstream.preparing import Preparation, entry_of
from retouch.features.vgg import Border
from retouch.weights.architecture import Layout
from retouch.weights.card import JSON, Card

TASK = "features"

Tensors = Mapping[str, Tensor]
Options = Mapping[str, str]

_NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a file keeps the layers of a VGG.

    Args:
        stages: of each stage, what the keys of its convolutions begin with.
        entry: the same of a 1×1 convolution that prepares the picture; empty when the file has none.
        prepared: how the picture is prepared when the file has no such layer.
        norms: convolution → what the keys of the batch normalisation behind it begin with.
        dropped: a pattern of the keys that our network has no use for.
    """

    stages: Sequence[Sequence[str]]
    entry: str = ""
    prepared: Preparation | None = None
    norms: Mapping[str, str] = field(default_factory=dict)
    dropped: str = r"(?!)"


@dataclass(frozen=True, slots=True)
class Found:
    """A VGG that was found in a file.

    Args:
        sizes: the arguments of :class:`~retouch.features.vgg.Vgg`.
        tensors: under our names.
        prepared: how the picture is prepared, or None when the file itself says so.
    """

    sizes: dict[str, JSON]
    tensors: dict[str, Tensor]
    prepared: Preparation | None


@dataclass(frozen=True, slots=True)
class Family:
    """One way in which files name the layers of a VGG.

    Args:
        name: for a person.
        kind: what an error calls a network of this family: ``"torchvision VGG-19"``.
        paper: where it is from.
        licence: the terms of its files, as far as they are known.
        plan: ``(tensors, options)`` → where the layers are, or None when the keys are not of this family.
        border: what convolutions see beyond the rim.
        ceil: halve odd sizes up, not down.
    """

    name: str
    kind: str
    paper: str
    licence: str
    plan: Callable[[Tensors, Options], Plan | None]
    border: Border
    ceil: bool = False

    def layout(self) -> Layout:
        """Make what the reader of weights asks."""
        return Layout(self.name, TASK, self._recognise, self._rename)

    def find(self, tensors: Tensors, options: Options, what: str) -> Found | None:
        """Find the network in a file.

        Args:
            tensors: those of the file.
            options: what lies beside them.
            what: what to call the file.

        Returns:
            The network, or None when the keys are not of this family.

        Raises:
            UnknownWeights: A tensor is missing, left over, or of another shape.
        """
        plan = self.plan(tensors, options)
        return None if plan is None else self._found(plan, tensors, what)

    def _found(self, plan: Plan, tensors: Tensors, what: str) -> Found:
        taking = _Taking(self.kind, tensors, f"{what:.200}")
        widths: list[int] = []
        taken = entry_of(plan.prepared) if plan.prepared else taking.layer("entry", plan.entry, 3, 1)
        inputs = 3
        for stage, layers in enumerate(plan.stages, start=1):
            for number, layer in enumerate(layers, start=1):
                ours = f"conv{stage}_{number}"
                outputs = widths[-1] if number > 1 else None
                taken |= taking.layer(ours, layer, inputs, 3, outputs, plan.norms.get(layer, ""))
                inputs = len(taken[f"{ours}.bias"])
                widths += [inputs] if number == 1 else []
        taking.nothing_left(plan.dropped)
        sizes: dict[str, JSON] = {
            "convolutions": [len(layers) for layers in plan.stages],
            "widths": list(widths),
            "border": self.border,
        }
        return Found(sizes | ({"ceil": True} if self.ceil else {}), taken, plan.prepared)

    def _recognise(self, tensors: Tensors, options: Options) -> Card | None:
        file = options.get("file_name", "")
        file = file if 0 < len(file) <= 99 and file.isprintable() else ""
        found = self.find(tensors, options, file or "the file")
        if found is None:
            return None
        settings: dict[str, JSON] = {"family": self.name}
        if found.prepared:
            settings["preparation"] = found.prepared
        return Card(
            name=file.rpartition(".")[0] or "vgg",
            task=TASK,
            architecture="vgg",
            sizes=found.sizes,
            value_range=(0.0, 1.0),
            settings=settings,
            licence=self.licence,
            paper=self.paper,
        )

    def _rename(self, tensors: Tensors, card: Card) -> dict[str, Tensor]:
        options = {"preparation": str(card.settings.get("preparation", ""))}
        found = self.find(tensors, options, card.name)
        return {} if found is None else found.tensors


class _Taking:
    """Tensors of which layers are taken one by one, each checked."""

    def __init__(self, kind: str, tensors: Tensors, what: str) -> None:
        self._kind = kind
        self._tensors = tensors
        self._what = what
        self._seen: set[str] = set()

    def layer(
        self, ours: str, theirs: str, inputs: int, side: int, outputs: int | None = None, norm: str = ""
    ) -> dict[str, Tensor]:
        """Take a convolution, joined with the batch normalisation behind it."""
        weight = self._take(f"{theirs}.weight")
        wanted = (len(weight) if outputs is None and weight.dim() else outputs, inputs, side, side)
        if tuple(weight.shape) != wanted or not weight.numel():
            said = ", ".join(map(str, ("outputs" if outputs is None else outputs, *wanted[1:])))
            raise self._wrong(f"{theirs}.weight", weight, f"({said})")
        if norm:
            weight, bias = self._joined(theirs, weight, norm)
        else:
            bias = self._vector(f"{theirs}.bias", len(weight))
        return {f"{ours}.weight": weight, f"{ours}.bias": bias}

    def _joined(self, theirs: str, weight: Tensor, norm: str) -> tuple[Tensor, Tensor]:
        has = f"{theirs}.bias" in self._tensors
        bias = self._vector(f"{theirs}.bias", len(weight)) if has else None
        scale, shift, mean, variance = (self._vector(f"{norm}.{name}", len(weight)) for name in _NORM)
        self._seen.add(f"{norm}.num_batches_tracked")
        return folded(weight, bias, (scale, shift, mean, variance))

    def nothing_left(self, dropped: str) -> None:
        """Refuse a file that holds more than this network and what it has no use for."""
        known = re.compile(dropped)
        left = [key for key in self._tensors if key not in self._seen and not known.fullmatch(key)]
        if left:
            shown = ", ".join(f"{key:.100}" for key in left[:5])
            more = f" and {len(left) - 5} more" if len(left) > 5 else ""
            raise UnknownWeights(
                f"{self._what} looks like a {self._kind}, but also holds {shown}{more}; give the file of a "
                f"{self._kind}"
            )

    def _vector(self, key: str, count: int) -> Tensor:
        found = self._take(key)
        if tuple(found.shape) != (count,):
            raise self._wrong(key, found, f"({count},)")
        return found

    def _take(self, key: str) -> Tensor:
        if key not in self._tensors:
            raise UnknownWeights(
                f"{self._what} looks like a {self._kind}, but lacks {key}; download it again"
            )
        self._seen.add(key)
        return self._tensors[key]

    def _wrong(self, key: str, found: Tensor, wanted: str) -> UnknownWeights:
        return UnknownWeights(
            f"{self._what} looks like a {self._kind}, but {key} is {tuple(found.shape)} where {wanted} "
            f"belongs; give the file of a {self._kind}"
        )
