"""An exported file beside the network it was made of: the largest difference, at several sizes."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import InputError, WeightsError
from retouch.export.graph import Graph, Port, Sizes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOLERANCE = 1e-4
"""The largest difference that is taken for rounding; a level of 8 bits is 40 of it."""


@dataclass(frozen=True)
class Difference:
    """How far a file is from its network.

    Args:
        shape: of the first input, ``"2×3×48×48"``.
        largest: difference of any value; of values beyond 1, relative to the largest of them. No number
            (NaN) if any value of any output is not finite.
    """

    shape: str
    largest: float


def compared(graph: Graph, content: bytes) -> tuple[Difference, ...]:
    """Run a file in onnxruntime, and the network in torch.

    Args:
        graph: what the file was made of.
        content: the file.

    Returns:
        A difference for each of the graph's trials.

    Raises:
        WeightsError: onnxruntime cannot run it.
    """
    session = session_of(content)
    names = [port.name for port in graph.inputs]
    reference = graph.reference or graph.module
    found = []
    for sizes in graph.trials:
        feeds = drawn(graph.inputs, sizes)
        with torch.inference_mode():
            wanted = reference(*feeds)
        wanted = (wanted,) if isinstance(wanted, Tensor) else wanted
        try:
            given = {name: feed.numpy() for name, feed in zip(names, feeds, strict=True)}
            made: Sequence[NDArray[np.float32]] = session.run(None, given)
        except Exception as error:  # onnxruntime's own, of many kinds
            raise WeightsError(
                f"onnxruntime cannot run the file at {shape_of(feeds[0])} ({error!s:.200}); please report it"
            ) from error
        differences = [
            _difference(torch.from_numpy(ours), theirs) for ours, theirs in zip(made, wanted, strict=True)
        ]
        found.append(Difference(shape_of(feeds[0]), _largest(differences)))
    return tuple(found)


def session_of(content: bytes) -> Any:
    """Open a file in onnxruntime.

    Args:
        content: its bytes.

    Returns:
        An ``onnxruntime.InferenceSession`` on the CPU, with as many threads as torch has.

    Raises:
        WeightsError: onnxruntime cannot open it.
    """
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own, of many kinds
        raise WeightsError(f"onnxruntime cannot open the file ({error!s:.200}); please report it") from error


def check_tolerance(tolerance: float) -> None:
    """Refuse what is no tolerance.

    Args:
        tolerance: the largest difference.

    Raises:
        InputError: it is not above 0.
    """
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < math.inf:
        raise InputError(
            f"tolerance={tolerance!r}; pass the largest difference that may be, a number above 0; usual is "
            f"{TOLERANCE:g}"
        )


def check_close(differences: Iterable[Difference], tolerance: float, name: str) -> None:
    """Refuse a file that does not do what its network does.

    Args:
        differences: as :func:`compared` gives them.
        tolerance: the largest that may be.
        name: of the network.

    Raises:
        WeightsError: one is larger, or no number.
    """
    listed = list(differences)
    if all(item.largest <= tolerance for item in listed):
        return
    shown = ", ".join(f"{item.largest:.1e} at {item.shape}" for item in listed)
    raise WeightsError(
        f"the ONNX file of {name} differs from torch by {shown}, and the tolerance is {tolerance:g}; nothing "
        "was written: please report it, or pass a larger tolerance"
    )


def drawn(ports: Sequence[Port], sizes: Sizes, seed: int = 0) -> list[Tensor]:
    """Draw what a graph can be tried with.

    Args:
        ports: its inputs.
        sizes: what stands for the names in their shapes.
        seed: of the draw.

    Returns:
        A tensor for each.
    """
    generator = torch.Generator().manual_seed(seed)
    return [_drawn(port, sizes, generator) for port in ports]


def shape_of(tensor: Tensor) -> str:
    """Write a shape: ``"2×3×48×48"``."""
    return "×".join(map(str, tensor.shape))


def _drawn(port: Port, sizes: Sizes, generator: torch.Generator) -> Tensor:
    shape = [size if isinstance(size, int) else sizes[size] for size in port.shape]
    if port.content == "number":
        # Not the value that the file takes by itself: what is not given must be seen to be heard.
        return torch.full((), 0.75 if port.name == "truncation" else 12.5)
    if port.content == "noise":
        return torch.randn(shape, generator=generator)
    if port.content == "label":
        places = torch.randint(shape[1], (shape[0],), generator=generator)
        return F.one_hot(places, shape[1]).float()
    picture = _picture([shape[0], 3, *shape[2:]], generator)
    return picture if port.content == "picture" else torch.cat([picture, _hole(shape)], 1)


def _picture(shape: list[int], generator: torch.Generator) -> Tensor:
    """Soft colours with grain, and some that are out of range."""
    few = torch.rand(shape[0], 3, 4, 4, generator=generator)
    soft = F.interpolate(few, shape[2:], mode="bilinear", align_corners=True)
    return 1.2 * soft - 0.1 + 0.05 * torch.randn(shape, generator=generator)


def _hole(shape: list[int]) -> Tensor:
    """A block with a soft edge."""
    mask = torch.zeros(shape[0], 1, *shape[2:])
    height, width = shape[2:]
    mask[:, :, height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = 1.0
    mask[:, :, height // 4, width // 4 : width // 2 + 1] = 0.5
    return mask


def _difference(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        return math.inf
    if not bool(torch.isfinite(ours).all() and torch.isfinite(theirs).all()):
        return math.nan
    scale = max(1.0, float(theirs.abs().max())) if theirs.numel() else 1.0
    return float((ours - theirs).abs().max()) / scale


def _largest(differences: Sequence[float]) -> float:
    # max() keeps the first of its values when the next is no number.
    return math.nan if any(map(math.isnan, differences)) else max(differences)


def as_facts(differences: Iterable[Difference]) -> list[Mapping[str, object]]:
    """Put differences into plain values."""
    return [{"input": item.shape, "difference": item.largest} for item in differences]
