"""A network computed in pieces gives what it gives for the whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from retouch.errors import Cancelled, InputError
from retouch.nn.pieces import stream
from retouch.nn.pieces.operations import Shape
from retouch.nn.pieces.plan import Plan, plan_of
from retouch.progress import Progress
from tests.tasks.translate import toys

every_network = pytest.mark.parametrize("name", toys.ZOO)
PLANS = {
    (name, own): plan_of(toys.network(name), own_statistics=own) for name in toys.ZOO for own in (False, True)
}


def picture(height: int, width: int) -> Tensor:
    """Smooth light, brighter on one side, with texture: tiles of it have different means."""
    down, across = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    noise = torch.rand(3, height, width, generator=torch.Generator().manual_seed(1))
    return (torch.stack([down, across, -down]) * 0.7 + 0.3 * noise)[None]


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


@every_network
def test_the_steps_give_what_the_network_gives(name: str) -> None:
    network, x = toys.network(name), picture(64, 128)
    with torch.no_grad():
        wanted = network(x)
    assert wanted.std() > 0.05
    assert apart(stream.apply(PLANS[name, False], x), wanted) < 1e-5


@every_network
def test_own_statistics_are_those_of_a_network_in_training(name: str) -> None:
    network, x = toys.network(name), picture(64, 128)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
    kept = {key: value.clone() for key, value in network.state_dict().items()}
    found = stream.apply(plan_of(network, own_statistics=True), x)
    assert all(torch.equal(value, kept[key]) for key, value in network.state_dict().items())
    with torch.no_grad():
        assert apart(found, network(x)) < 1e-5


@given(
    key=st.sampled_from(list(PLANS)),
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    tile=st.integers(1, 100),
    limit=st.sampled_from([1 << 30, 200_000, 0]),
)
@settings(max_examples=60, deadline=None)
def test_pieces_give_the_whole(key: tuple[str, bool], rows: int, columns: int, tile: int, limit: int) -> None:
    x = picture(64 * rows, 64 * columns) if "dropout" in key[0] else picture(16 * rows, 16 * columns)
    tile = max(tile, 12)  # the work in pieces of one pixel would take minutes
    whole = stream.apply(PLANS[key], x, tile=0)
    assert apart(stream.apply(PLANS[key], x, tile=tile, limit=limit), whole) < 3e-5


@pytest.mark.parametrize("name", ["resnet", "unet", "fcn"])
def test_pieces_of_a_few_pixels(name: str) -> None:
    x = picture(32, 48)
    whole = stream.apply(PLANS[name, True], x, tile=0)
    assert apart(stream.apply(PLANS[name, True], x, tile=3), whole) < 3e-5


def test_statistics_of_a_piece_alone_would_change_the_colours() -> None:
    # what tiling by hand does: this is the fault that the passes are there against
    plan, x = PLANS["resnet", False], picture(64, 128)
    whole = stream.apply(plan, x, tile=0)
    naive = torch.cat([stream.apply(plan, half, tile=0) for half in (x[..., :64], x[..., 64:])], 3)
    assert apart(naive, whole) > 0.1


@pytest.mark.parametrize("name", ["resnet, resized, batch norm", "unet with dropout"])
def test_dropout_is_the_same_in_pieces_and_differs_by_seed(name: str) -> None:
    plan, x = PLANS[name, True], picture(128, 64)
    assert plan.has_dropout
    plain, one = stream.apply(plan, x), stream.apply(plan, x, seed=1)
    state = torch.get_rng_state()
    assert torch.equal(stream.apply(plan, x, seed=1), one)
    assert torch.equal(torch.get_rng_state(), state)
    assert apart(stream.apply(plan, x, tile=24, seed=1), one) < 3e-5
    assert apart(one, plain) > 1e-3
    assert apart(one, stream.apply(plan, x, seed=2)) > 1e-3
    assert apart(one, stream.apply(plan, x, seed=-1)) > 1e-3


def test_dropout_keeps_the_share_and_the_mean() -> None:
    class Only(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dropout = nn.Dropout(0.25)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.dropout(x)
            return out

    found = stream.apply(plan_of(Only()), torch.ones(1, 3, 200, 200), seed=5)
    assert sorted(set(found.flatten().tolist())) == pytest.approx([0, 4 / 3])
    assert float((found == 0).float().mean()) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("name", ["resnet", "unet"])
def test_half_precision_is_near(name: str) -> None:
    plan, x = PLANS[name, True], picture(64, 64)
    exact = stream.apply(plan, x)
    for tile in (0, 24):
        found = stream.apply(plan, x, tile=tile, half=True)
        assert found.dtype == torch.float32
        assert 1e-4 < float((found - exact).abs().mean()) < 0.02


def test_a_network_that_does_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match=r"has no entry in .*plan; add one"):
        plan_of(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Softmax(1)))


def test_large_pictures_are_computed_in_pieces_unasked() -> None:
    plan, x = PLANS["resnet", False], picture(64, 64)
    peak = stream.peak_bytes(plan, plan.shapes(Shape(3, 64, 64)))
    assert _events(plan, x, limit=peak) == [0, 1]
    assert len(_events(plan, x.repeat(1, 1, 8, 8), limit=peak)) > 10


def test_the_peak_is_worked_out_by_hand() -> None:
    # 3 values in, 4 out, and the copy with a border: (3 + 4 + 3) · 8 · 8 · 4 bytes
    plan = plan_of(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)))
    assert stream.peak_bytes(plan, plan.shapes(Shape(3, 8, 8))) == 10 * 64 * 4


def test_maps_are_few_and_none_is_among_the_largest() -> None:
    plan = plan_of(toys.network("resnet", width=64, blocks=9))
    shapes = plan.shapes(Shape(3, 512, 512))
    passes = stream.schedule(plan, shapes, 128)
    assert max(np.prod(shapes[one.target]) / 512**2 for one in passes[:-1] if one.keep) <= 32
    # two convolutions and a sum in each block; stem, two down, two up; and the result
    assert len(passes) == 9 * 3 + 5 + 1
    for one in passes:
        largest = max(np.prod(shapes[number][:]) for number in one.steps) / np.prod(one.parts)
        assert largest <= 128**2 * 64 * 1.01


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def test_files_are_used_beyond_the_limit_and_go(temporary: Path) -> None:
    plan, x = PLANS["resnet", False], picture(64, 64)
    seen = 0

    def look(event: Progress) -> None:
        nonlocal seen
        seen = max(seen, len(list(temporary.glob("*/map-*"))))

    found = stream.apply(plan, x, tile=32, limit=0, progress=look)
    assert apart(found, stream.apply(plan, x, tile=0)) < 3e-5
    assert seen == 3


def test_files_go_when_the_work_is_stopped(temporary: Path) -> None:
    def stop(event: Progress) -> None:
        if list(temporary.glob("*/map-*")):
            raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        stream.apply(PLANS["resnet", False], picture(64, 64), tile=32, limit=0, progress=stop)


def test_a_full_disk_is_an_error_before_anything_is_written(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(InputError, match=r"GB for a temporary file.*TMPDIR"):
        stream.apply(PLANS["resnet", False], picture(64, 64), tile=32, limit=0)


def test_progress_counts_to_its_total() -> None:
    events = _events(PLANS["unet", True], picture(64, 64), tile=16)
    assert events == list(range(len(events)))


def _events(plan: Plan, x: Tensor, *, tile: int | None = None, limit: int | None = None) -> list[int]:
    seen: list[Progress] = []
    stream.apply(plan, x, tile=tile, limit=limit, progress=seen.append)
    assert {event.total for event in seen} == {len(seen) - 1}
    return [event.done for event in seen]
