"""A graph as the bytes of an ONNX file."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from retouch.errors import InputError, MissingDependency, WeightsError
from retouch.export.graph import Graph, Port
from retouch.export.trying import drawn
from retouch.weights import Card

if TYPE_CHECKING:
    import onnx

OPSET = 18
"""The set of operators: the oldest that holds every network, so that most runtimes read the file."""

LARGEST = (1 << 31) - (1 << 20)
"""Bytes of weights that one file may hold: its format ends at 2 GiB."""

_NEEDED = ("onnx", "onnxscript", "onnxruntime")


def check_installed() -> None:
    """Find out before the work whether a file can be written.

    Raises:
        MissingDependency: a library is missing.
    """
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        raise MissingDependency(
            f"export needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            'installed; run: pip install "retouch[onnx]"'
        )


def encoded(graph: Graph, card: Card, source_sha256: str) -> bytes:
    """Trace a graph and write it as ONNX, checked.

    Args:
        graph: what to write.
        card: of its weights; the file carries it.
        source_sha256: checksum of the weights file.

    Returns:
        The file.

    Raises:
        InputError: the network is larger than such a file may be.
        WeightsError: it cannot be traced.
    """
    check_size(sum(tensor.nbytes for tensor in graph.module.state_dict().values()), card.name)
    model = _traced(graph, card.name)
    _name_ends(model, graph)
    for key, value in facts(graph, card, source_sha256).items():
        model.metadata_props.add(key=key, value=value)
    import onnx

    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def check_size(size: int, name: str) -> None:
    """Refuse a network that no single file holds.

    Args:
        size: bytes of its weights.
        name: of the network.

    Raises:
        InputError: there are too many.
    """
    if size > LARGEST:
        raise InputError(
            f"{name} has {size / 2**30:.2f} GiB of weights, and one ONNX file holds less than 2 GiB; use the "
            "weights as they are, or train a narrower network"
        )


def facts(graph: Graph, card: Card, source_sha256: str) -> dict[str, str]:
    """Say in an ONNX file's metadata what it is.

    Args:
        graph: what is written.
        card: of its weights.
        source_sha256: checksum of the weights file.

    Returns:
        Key → text.
    """
    import retouch

    low, high = card.value_range
    return {
        "retouch.name": card.name,
        "retouch.task": card.task,
        "retouch.architecture": card.architecture,
        "retouch.licence": card.licence,
        "retouch.multiple": str(card.multiple),
        "retouch.scale": str(card.scale),
        "retouch.value_range": f"{low:g},{high:g}",
        "retouch.inputs": json.dumps({port.name: port.meaning for port in graph.inputs}),
        "retouch.outputs": json.dumps({port.name: port.meaning for port in graph.outputs}),
        "retouch.notes": json.dumps(list(graph.notes)),
        "retouch.source_sha256": source_sha256,
        "retouch.version": retouch.__version__,
        "retouch.card": card.to_json(),
    }


class _Any(nn.Module):
    """A module whose inputs are all told of in the same way."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> Any:
        return self.module(*inputs)


def _traced(graph: Graph, name: str) -> onnx.ModelProto:
    feeds = drawn(graph.inputs, graph.trials[0])
    shapes = tuple(_dynamic(port) for port in graph.inputs)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                _Any(graph.module).eval(),
                tuple(feeds),
                dynamo=True,
                opset_version=OPSET,
                input_names=[port.name for port in graph.inputs],
                output_names=[port.name for port in graph.outputs],
                dynamic_shapes=(shapes,),
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise WeightsError(
            f"{name} cannot be traced ({str(error.__cause__ or error).splitlines()[0]:.200}); please "
            "report it"
        ) from error
    if program is None:
        raise AssertionError("the exporter gives a program when it is given no file")
    # Where in our source each operation is from is nobody's business, and half of a small file.
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    for value in (*program.model.graph.inputs, *program.model.graph.outputs):
        value.metadata_props.clear()
    program.model.graph.metadata_props.clear()
    program.model.metadata_props.clear()
    model: onnx.ModelProto = program.model_proto
    return model


def _dynamic(port: Port) -> dict[int, Any]:
    return {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(port.shape) if isinstance(size, str)}


def _name_ends(model: onnx.ModelProto, graph: Graph) -> None:
    """Say what inputs and outputs mean, and give those that may be left out their values."""
    from onnx import numpy_helper

    for values, ports in ((model.graph.input, graph.inputs), (model.graph.output, graph.outputs)):
        for value, port in zip(values, ports, strict=True):
            value.doc_string = port.meaning
            for dimension, size in zip(value.type.tensor_type.shape.dim, port.shape, strict=True):
                if isinstance(size, str):
                    dimension.dim_param = size
            if port.default is not None:
                model.graph.initializer.append(numpy_helper.from_array(port.default.numpy(), port.name))
    model.producer_name = "retouch"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter says to its developers from the user."""
    names = ("onnxscript", "onnx_ir", "torch.onnx", "torch.export")
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
