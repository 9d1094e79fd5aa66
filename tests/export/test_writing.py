"""A file appears complete and compared, or not at all."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn

from retouch import export as package
from retouch.errors import (
    Cancelled,
    InputError,
    MissingDependency,
    OutputExists,
    UnwritablePicture,
    WeightsError,
)
from retouch.export import encoding, export, trying, writing
from retouch.export.graph import Graph, Port
from retouch.export.pictures import trials
from retouch.progress import Progress
from retouch.weights import Card
from retouch.weights.fetch import sha256_of
from tests.export.toys import toy

KIND = "gray DnCNN"  # the quickest to trace


def never(*_: object, **__: object) -> Any:
    raise AssertionError("this should have been refused before")


def test_a_file_and_what_is_told_of_it(tmp_path: Path) -> None:
    events: list[Progress] = []
    source = toy(KIND, tmp_path)
    done = export(source, tmp_path / "out.onnx", progress=events.append)
    assert [(event.stage, event.fraction) for event in events] == [
        ("loading", 0.0), ("tracing", 0.25), ("comparing", 0.5), ("writing", 0.75), ("written", 1.0),
    ]  # fmt: skip
    assert done.path.stat().st_size == done.size
    assert done.largest == max(item.largest for item in done.differences) <= 1e-5
    assert done.differences[0].shape == "2×3×48×48"
    facts = {item.key: item.value for item in onnx.load(done.path).metadata_props}
    assert facts["retouch.source_sha256"] == sha256_of(source)
    assert facts["retouch.multiple"] == "1"
    assert facts["retouch.value_range"] == "0,1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.onnx", "toy.safetensors"]


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    source = toy(KIND, tmp_path)
    contents = [export(source, tmp_path / name).path.read_bytes() for name in ("a.onnx", "b.onnx")]
    assert contents[0] == contents[1]


def test_what_differs_is_not_written(tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    source = toy(KIND, tmp_path)
    output.write_bytes(b"before")
    with pytest.raises(WeightsError, match=r"differs from torch by .*e-0.* at 2×3×48×48, .*nothing was wr"):
        export(source, output, tolerance=1e-12, overwrite=True)
    assert output.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_changed_weight_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(graph: Any, *rest: Any) -> bytes:
        content = encoding.encoded(graph, *rest)
        with torch.no_grad():
            next(graph.module.parameters())[0] += 0.01
        return content

    monkeypatch.setattr(writing, "encoded", spoiled)
    with pytest.raises(WeightsError, match="differs from torch"):
        export(toy(KIND, tmp_path), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_not_close(bad: float) -> None:
    good = torch.zeros(1, 3)
    assert not trying._difference(torch.tensor([[0.0, bad, 0.0]]), good) <= 1e30
    assert not trying._difference(good, torch.tensor([[0.0, bad, 0.0]])) <= 1e30
    assert trying._difference(torch.zeros(3, 1), good) == math.inf
    # Beyond 1 the difference is relative, within it is not.
    assert trying._difference(torch.tensor([101.0]), torch.tensor([100.0])) == pytest.approx(0.01)
    assert trying._difference(torch.tensor([0.02]), torch.tensor([0.01])) == pytest.approx(0.01)


class Two(nn.Module):
    """Gives a picture, and its logarithm, which is no number below 0."""

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take any."""
        return picture + 0.0, torch.log(picture)


def test_no_output_hides_what_is_no_number() -> None:
    shape = ("batch", 3, "height", "width")
    outputs = tuple(Port(name, shape, "values") for name in ("same", "log"))
    graph = Graph(Two(), (Port("picture", shape, "any"),), outputs, trials(1))
    card = Card(name="two", task="any", architecture="dncnn")
    found = trying.compared(graph, encoding.encoded(graph, card, "0" * 64))
    assert all(math.isnan(item.largest) for item in found)
    with pytest.raises(WeightsError, match="two differs from torch by nan at"):
        trying.check_close(found, 1e30, "two")


@pytest.mark.parametrize("tolerance", [0, -1.0, math.nan, math.inf, True])
def test_a_tolerance_is_above_0(tolerance: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "opened", never)
    with pytest.raises(InputError, match="the largest difference that may be, a number above 0; usual is"):
        export("upscale-x4", tmp_path / "out.onnx", tolerance=tolerance)


def _folder(path: Path) -> None:
    path.mkdir()


def _file(path: Path) -> None:
    path.write_bytes(b"theirs")


@pytest.mark.parametrize(
    ("name", "before", "error"),
    [
        ("out.onnx", _file, OutputExists),
        ("out.onnx", _folder, UnwritablePicture),
        ("none/out.onnx", None, UnwritablePicture),
        ("out.pt", None, InputError),
        ("onnx", None, InputError),
    ],
)
def test_a_bad_place_is_refused_before_the_work(
    name: str,
    before: Callable[[Path], None] | None,
    error: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "opened", never)
    if before:
        before(tmp_path / name)
    held = sorted(tmp_path.iterdir())
    with pytest.raises(error):
        export("upscale-x4", tmp_path / name)
    assert sorted(tmp_path.iterdir()) == held
    if before is _file:
        assert (tmp_path / name).read_bytes() == b"theirs"


def test_a_file_that_appears_meanwhile_is_safe(tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"

    def meanwhile(event: Progress) -> None:
        if event.stage == "writing":
            output.write_bytes(b"theirs")

    with pytest.raises(OutputExists):
        export(toy(KIND, tmp_path), output, progress=meanwhile)
    assert output.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 2


def test_cancelled_it_leaves_nothing(tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.stage == "comparing":
            raise Cancelled

    with pytest.raises(Cancelled):
        export(toy(KIND, tmp_path), tmp_path / "out.onnx", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.safetensors"]


@pytest.mark.parametrize("lacking", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_library_is_named(lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == lacking else find(name, *rest)
    )
    with pytest.raises(MissingDependency, match=rf'{lacking}, which is not.*pip install "retouch\[onnx\]"'):
        export("upscale-x4", tmp_path / "out.onnx")


def test_what_no_file_holds_is_refused() -> None:
    encoding.check_size(encoding.LARGEST, "narrow")
    with pytest.raises(
        InputError, match=r"wide has 2\.00 GiB of weights, and one ONNX file holds less than 2"
    ):
        encoding.check_size(encoding.LARGEST + 1, "wide")


def test_a_network_too_large_is_refused_before_it_is_traced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "LARGEST", 100)
    monkeypatch.setattr(encoding, "_traced", never)
    with pytest.raises(InputError, match="toy has"):
        export(toy(KIND, tmp_path), tmp_path / "out.onnx")


def test_the_network_itself_stays_as_it_is(tmp_path: Path) -> None:
    from retouch import weights
    from retouch.export.families import graph_of

    loaded = weights.load(toy("LaMa Fourier", tmp_path))
    x = torch.rand(1, 4, 16, 24)
    before = loaded.network(x)
    graph_of(loaded)
    assert torch.equal(loaded.network(x), before)
    assert all(parameter.requires_grad for parameter in loaded.network.parameters())


def test_the_names_are_these() -> None:
    assert package.__all__ == [
        "FAMILIES",
        "REFUSED",
        "TOLERANCE",
        "Difference",
        "Exported",
        "Latent",
        "Quality",
        "Quantised",
        "export",
        "quantise",
    ]
