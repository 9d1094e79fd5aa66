"""A network of convolutions in 8 bits: OpenVINO's files, calibrated and measured with pictures."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retouch.errors import InputError, MissingDependency, RetouchError, WeightsError
from retouch.export import writing
from retouch.export.examples import Example, examples
from retouch.export.pair import put_pair
from retouch.export.quality import HIGHEST, Network, Quality, measured
from retouch.export.trying import TOLERANCE, check_tolerance
from retouch.export.writing import check_suffix, content_of, opened, tell
from retouch.progress import ProgressCallback
from retouch.weights import Card

SUFFIXES = (".xml", ".bin")
"""How the names of the two files end: the network, and its numbers."""

_NEEDED = ("openvino", "nncf")
_TELEMETRY = "openvino_telemetry"
_SPOKEN = ("nncf", "torch.utils.cpp_extension")  # loggers of what nobody asked

STAGES = writing.STAGES + 1
"""Those of an ONNX file, and calibrating."""


@dataclass(frozen=True)
class Quantised:
    """Two files that were written.

    Args:
        paths: of them.
        card: of the weights they were made of.
        sizes: of the files, in bytes.
        calibrated: pictures that set the 8 bits.
        quality: what is lost.
        notes: what a person should know.
    """

    paths: tuple[Path, Path]
    card: Card
    sizes: tuple[int, int]
    calibrated: int
    quality: Quality
    notes: tuple[str, ...]


def quantise(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    calibrate: str | os.PathLike[str],
    *,
    targets: str | os.PathLike[str] | None = None,
    part: str | None = None,
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Quantised:
    """Write a network of convolutions for OpenVINO, computed in 8 bits, and measure what that costs.

    Every second picture of a folder sets the range of the 8 bits, and the others are measured.

    Args:
        model: the name of bundled or fetched weights, or the path of a weights file.
        output: the file to write, which ends in .xml; a .bin appears beside it.
        calibrate: a folder of pictures such as the network will get, two or more.
        targets: a folder of what it should make of them, in files of the same names.
        part: which network, when a checkpoint holds several: "G_A".
        tolerance: the largest difference that the ONNX file, from which it is made, may have.
        overwrite: replace files that are there.
        progress: called before each stage and at the end.

    Returns:
        What was written, and its quality.

    Raises:
        InputError: the network is of a kind that 8 bits spoil, or that is not written; the output does not
            end in .xml; there are too few pictures, or a target is missing or has another size.
        UnknownName: there are no weights of that name.
        WeightsError: the weights cannot be read, or OpenVINO cannot compute them.
        PictureError: a picture cannot be read, or the output is there already or cannot be written.
        MissingDependency: openvino or nncf is not installed, or what :func:`~retouch.export.export` needs.
    """
    from retouch.image import write

    network = Path(output)
    check_tolerance(tolerance)
    check_suffix(network, SUFFIXES[0])
    paths = network, network.with_suffix(SUFFIXES[1])
    for path in paths:
        write.check_target(path, overwrite=overwrite)
    _check_installed()
    found = opened(model, part=part, progress=progress, stages=STAGES)
    card, graph = found.loaded.card, found.graph
    if graph.exact:
        raise InputError(
            f"{card.name} is a {card.architecture}, which is not for 8 bits: {graph.exact}; export it as ONNX"
        )
    shown = examples(Path(calibrate), None if targets is None else Path(targets), card.scale)
    content, _ = content_of(found, tolerance, progress, STAGES)
    tell(progress, "calibrating", 3, STAGES)
    contents, quality = _computed(content, card, shown)
    tell(progress, "writing", 4, STAGES)
    put_pair(paths, contents, overwrite=overwrite)
    tell(progress, "written", STAGES, STAGES)
    notes = graph.notes
    if quality.alike:
        notes += (
            f"{quality.alike} of {quality.pictures} pictures come out alike in 8 bits and in floating point; "
            f"each counts as {HIGHEST:g} dB",
        )
    if fixed := [port.name for port in graph.inputs if port.default is not None]:
        notes += (f"OpenVINO has no input {', '.join(fixed)}: it is always 0",)
    sizes = len(contents[0]), len(contents[1])
    return Quantised(paths, card, sizes, len(shown[::2]), quality, notes)


def _check_installed() -> None:
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        raise MissingDependency(
            f"8 bits need {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            'installed; run: pip install "retouch[openvino]"'
        )


def _computed(content: bytes, card: Card, shown: Sequence[Example]) -> tuple[tuple[bytes, bytes], Quality]:
    """Quantise, and run both networks on the pictures that set nothing."""
    try:
        with silenced() as (openvino, nncf):
            core = openvino.Core()
            # Without a limit OpenVINO takes every core, whatever torch was told.
            settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
            whole = core.read_model(content, b"")
            small = nncf.quantize(
                whole,
                nncf.Dataset(list(shown[::2]), lambda example: {"picture": example.picture()[None]}),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(shown[::2]),
                # In 8 bits the sums of residual networks cost 20 dB, measured on upscale-x4.
                ignored_scope=nncf.IgnoredScope(types=["Add"], validate=False),
            )
            small.set_rt_info(card.to_json(), ["retouch", "card"])
            contents = _saved(openvino, small)
            pair = [_network(core.compile_model(each, "CPU", settings)) for each in (whole, small)]
            return contents, measured(shown[1::2], *pair)
    except RetouchError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        raise WeightsError(
            f"OpenVINO cannot compute {card.name} in 8 bits ({error!s:.200}); use the ONNX file"
        ) from error


def _network(compiled: Any) -> Network:
    # A copy: what OpenVINO gives is overwritten by its next picture.
    return lambda pictures: np.array(compiled({"picture": pictures})[0])


def _saved(openvino: Any, model: Any) -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


@contextlib.contextmanager
def silenced() -> Iterator[tuple[Any, Any]]:
    """Give OpenVINO and NNCF, which tell nobody of it: neither their makers nor the terminal.

    Both report their use over the network when ``openvino_telemetry`` can be imported and nobody has said no.

    Yields:
        The modules ``openvino`` and ``nncf``.
    """
    levels = {name: logging.getLogger(name).level for name in _SPOKEN}
    for name in _SPOKEN:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    hidden = _TELEMETRY not in sys.modules
    if hidden:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            openvino, nncf = (importlib.import_module(name) for name in _NEEDED)
            # A program that imported NNCF before us has let it report; our calls are not reported there.
            teller = importlib.import_module("nncf.telemetry.decorator")
            before = vars(teller)["telemetry"]
            vars(teller)["telemetry"] = _Nobody()
            try:
                yield openvino, nncf
            finally:
                vars(teller)["telemetry"] = before
    finally:
        if hidden:
            del sys.modules[_TELEMETRY]
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


class _Nobody:
    """Whom NNCF tells."""

    def start_session(self, *_: object, **__: object) -> None:
        """Tell nobody."""

    def send_event(self, *_: object, **__: object) -> None:
        """Tell nobody."""

    def end_session(self, *_: object, **__: object) -> None:
        """Tell nobody."""
