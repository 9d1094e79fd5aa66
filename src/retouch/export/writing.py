"""From weights to an ONNX file that was compared with them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from retouch.errors import InputError
from retouch.export.encoding import check_installed, encoded
from retouch.export.families import graph_of
from retouch.export.graph import Graph
from retouch.export.latents import Latent
from retouch.export.trying import TOLERANCE, Difference, check_close, check_tolerance, compared
from retouch.progress import Progress, ProgressCallback
from retouch.weights import Card, Loaded

SUFFIX = ".onnx"

STAGES = 4
"""Loading, tracing, comparing, writing."""


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Args:
        path: of it.
        card: of the weights it was made of.
        graph: what it computes.
        size: in bytes.
        differences: from torch, at several sizes.
    """

    path: Path
    card: Card
    graph: Graph
    size: int
    differences: tuple[Difference, ...]

    @property
    def largest(self) -> float:
        """The largest difference of all."""
        return max(item.largest for item in self.differences)


def export(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    part: str | None = None,
    latent: Latent | None = None,
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Exported:
    """Write a network as an ONNX file that takes pictures in [0, 1] of any size and gives such pictures.

    The file is run in onnxruntime, at several sizes and numbers of pictures, and compared with the network in
    torch, before it gets its name.

    Args:
        model: the name of bundled or fetched weights, or the path of a weights file.
        output: the file to write, which ends in .onnx.
        part: which network, when a checkpoint holds several: "G_A".
        latent: what a StyleGAN2 shall take: "z" (as if left out), "w" or "w+".
        tolerance: the largest difference that may be.
        overwrite: replace a file that is there.
        progress: called before each stage and at the end.

    Returns:
        What was written.

    Raises:
        InputError: the network is of a kind that is not written, or is too large; the output does not end in
            .onnx; the tolerance is not above 0.
        UnknownName: there are no weights of that name.
        WeightsError: the weights cannot be read, are not on this machine, or the file would differ from them
            by more than the tolerance.
        PictureError: the output is there already, or cannot be written.
        MissingDependency: onnx, onnxscript or onnxruntime is not installed.
    """
    from retouch.image import write

    path = Path(output)
    check_tolerance(tolerance)
    check_suffix(path, SUFFIX)
    write.check_target(path, overwrite=overwrite)
    found = opened(model, part=part, latent=latent, progress=progress)
    content, differences = content_of(found, tolerance, progress)
    tell(progress, "writing", 3)
    write.put(path, content, overwrite=overwrite)
    tell(progress, "written", STAGES)
    return Exported(path, found.loaded.card, found.graph, len(content), differences)


@dataclass(frozen=True)
class Opened:
    """A network that can be written.

    Args:
        loaded: the weights.
        graph: what would be written.
    """

    loaded: Loaded
    graph: Graph


def opened(
    model: str | os.PathLike[str],
    *,
    part: str | None = None,
    latent: Latent | None = None,
    progress: ProgressCallback | None = None,
    stages: int = STAGES,
) -> Opened:
    """Load a network, and find out whether it can be written; see :func:`export`.

    Args:
        model: as there, and so the others.
        part: …
        latent: …
        progress: …
        stages: in all, of which this is the first.

    Returns:
        The network.
    """
    from retouch import weights

    check_installed()
    tell(progress, "loading", 0, stages)
    loaded = weights.load(model, part=part)
    graph = graph_of(loaded, latent)
    graph.module.requires_grad_(False)
    return Opened(loaded, graph)


def content_of(
    found: Opened, tolerance: float, progress: ProgressCallback | None, stages: int = STAGES
) -> tuple[bytes, tuple[Difference, ...]]:
    """Make the bytes of an ONNX file, and compare them with torch.

    Args:
        found: the network.
        tolerance: the largest difference that may be.
        progress: called before each stage.
        stages: in all, of which these are the second and third.

    Returns:
        The file, and the differences.

    Raises:
        WeightsError: it differs by more.
    """
    from retouch.weights.fetch import sha256_of

    name = found.loaded.card.name
    tell(progress, "tracing", 1, stages)
    content = encoded(found.graph, found.loaded.card, sha256_of(found.loaded.path))
    tell(progress, "comparing", 2, stages)
    differences = compared(found.graph, content)
    check_close(differences, tolerance, name)
    return content, differences


def check_suffix(path: Path, suffix: str) -> None:
    """Refuse an output whose name says that it is something else.

    Args:
        path: the output.
        suffix: how it must end.

    Raises:
        InputError: it ends otherwise.
    """
    if path.suffix != suffix:
        raise InputError(
            f"the output is {path.name!r:.100}, and it must end in {suffix}; call it {path.stem}{suffix}"
        )


def tell(progress: ProgressCallback | None, stage: str, done: int, stages: int = STAGES) -> None:
    """Report a stage.

    Args:
        progress: to whom; may be nobody.
        stage: what is being done.
        done: stages before it.
        stages: in all.
    """
    if progress:
        progress(Progress(stage, done, stages))
