"""Pieces leave no seam, look far enough, and are no larger than the memory allows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from retouch.image import Box
from retouch.progress import Progress
from retouch.tasks.restore import Restorer
from retouch.tasks.restore.edit.running import Pieces
from retouch.tasks.restore.method.field import QUICK, WIDE, Cost, field_of
from retouch.tasks.restore.method.forward import Forward
from retouch.tasks.restore.method.rows import Rows
from retouch.tasks.restore.method.tiles import Tiling, bands, chosen, side_of, teller
from retouch.tasks.restore.network import Denoiser, Upscaler, told
from retouch.weights import Card, Loaded
from tests.tasks.restore import toys

Planes = NDArray[np.float32]


def planes(height: int, width: int, channels: int = 3) -> Planes:
    return np.random.default_rng(height * 100 + width).random((channels, height, width), np.float32)


def joined(
    picture: Planes, tiling: Tiling, compute: Any, tell: Any = lambda: None
) -> tuple[Planes, list[tuple[int, ...]]]:
    """The result of all bands, and the shapes that were computed."""
    shapes: list[tuple[int, ...]] = []

    def noted(x: Planes) -> Planes:
        shapes.append(x.shape)
        found: Planes = compute(x)
        return found

    def read(box: Box) -> Planes:
        assert Box(0, 0, picture.shape[2], picture.shape[1]).contains(box)
        return picture[:, *box.slices]

    size = picture.shape[1], picture.shape[2]
    found, expected = [], 0
    for top, band in bands(noted, read, size, tiling, tell, channels=len(picture)):
        assert top == expected
        expected += band.shape[1]
        found.append(band)
    return np.concatenate(found, axis=1), shapes


def means(reach: int, scale: int) -> Any:
    """Means over so many pixels around each, of black beyond the edges, repeated."""

    def compute(x: Planes) -> Planes:
        around = np.pad(x.astype(np.float64), ((0, 0), (reach, reach), (reach, reach)))
        windows = np.lib.stride_tricks.sliding_window_view(around, (2 * reach + 1, 2 * reach + 1), (1, 2))
        return np.asarray(windows.mean((3, 4)).repeat(scale, 1).repeat(scale, 2), np.float32)

    return compute


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    side=st.integers(0, 40),
    reach=st.integers(0, 3),
    multiple=st.sampled_from([1, 2, 4, 8]),
    scale=st.sampled_from([1, 2, 4]),
)
@settings(max_examples=80, deadline=None)
def test_pieces_are_the_whole(
    height: int, width: int, side: int, reach: int, multiple: int, scale: int
) -> None:
    picture = planes(height, width)
    margin = math.ceil(reach / multiple) * multiple
    cut = side_of(side, 0, multiple)
    found, shapes = joined(picture, Tiling(cut, cut, margin, 0, multiple, scale), means(reach, scale))
    whole, once = joined(picture, Tiling(0, 0, margin, 0, multiple, scale), means(reach, scale))
    assert found.shape == whole.shape == (3, height * scale, width * scale)
    assert np.abs(found - whole).max() < 1e-6
    assert len(once) == 1
    assert all(length % multiple == 0 for shape in shapes for length in shape[1:])
    assert len(shapes) == Tiling(cut, cut, margin, 0, multiple, scale).pieces((height, width))


def test_the_frame_is_the_mirror_image() -> None:
    picture = np.arange(1, 4, dtype=np.float32).reshape(1, 1, 3)
    seen: list[Planes] = []

    def compute(x: Planes) -> Planes:
        seen.append(x)
        return x

    joined(picture, Tiling(0, 0, 0, 0, 8, 1), compute)
    assert seen[0][0, 0].tolist() == [1, 2, 3, 2, 1, 2, 3, 2]
    assert (seen[0] == seen[0][:, :1]).all()


@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    side=st.integers(1, 80),
    multiple=st.sampled_from([1, 4, 8]),
)
@settings(max_examples=50, deadline=None)
def test_pieces_that_disagree_are_mixed_smoothly(height: int, width: int, side: int, multiple: int) -> None:
    picture = planes(height, width, 1)
    tiling = Tiling(side_of(side, 8, multiple), side_of(side, 8, multiple), 8, 8, multiple, 2)
    # what agrees comes out as it is: the weights of a pixel sum to one
    found, _ = joined(picture, tiling, means(0, 2))
    assert np.abs(found - picture.repeat(2, 1).repeat(2, 2)).max() < 1e-5
    # what disagrees by up to 1 has no step larger than that of the ramp, 1 / (2 · 8 · 2), in two directions
    number = iter(range(10_000))
    shades, shapes = joined(
        picture, tiling, lambda x: np.full_like(x.repeat(2, 1).repeat(2, 2), next(number) % 2)
    )
    for axis in (1, 2):
        assert np.abs(np.diff(shades, axis=axis)).max(initial=0) < 1 / 32 + 1e-5
    assert len(shapes) == tiling.pieces((height, width))


@given(
    height=st.integers(1, 6000),
    width=st.integers(1, 6000),
    pixels=st.integers(4096, 5_000_000),
    margin=st.sampled_from([18, 96]),
    scale=st.sampled_from([1, 4]),
)
@settings(max_examples=100, deadline=None)
def test_the_memory_is_kept(height: int, width: int, pixels: int, margin: int, scale: int) -> None:
    multiple = 8 if margin == 96 else 1
    tiling = chosen((height, width), pixels, margin=margin, fade=0, multiple=multiple, scale=scale)
    framed = [math.ceil(length / multiple) * multiple for length in (height, width)]
    sides = tiling.height, tiling.width
    seen = [min(side + 2 * margin, length) for length, side in zip(framed, sides, strict=True)]
    # No more than asked for, unless that is less than the smallest pieces take.
    smallest = [min(length, 16 + 2 * margin) for length in framed]
    assert seen[0] * seen[1] <= max(pixels, smallest[0] * smallest[1])
    band = 12 * scale**2 * framed[1]
    assert band * min(tiling.height, framed[0]) <= max(1 << 29, 16 * band)
    if framed[0] * framed[1] <= pixels and band * framed[0] <= 1 << 29:
        assert tiling.pieces((height, width)) == 1
    # The margins cost no more than square pieces would, and a quarter for what is left over.
    square = math.isqrt(pixels)
    if square > 4 * margin and band * square <= 1 << 29:
        work = tiling.pieces((height, width)) * seen[0] * seen[1] / (framed[0] * framed[1])
        assert work <= 1.25 * max((square / (square - 2 * margin)) ** 2, 1) + 1e-9


def reach_of(network: nn.Module, channels: int, scale: int, at: int = 160, size: int = 320) -> int:
    """How far away a pixel of the input changes an 8 × 8 block of the result, found by the gradient.

    All weights are positive, so that no rectifier is closed and nothing cancels.
    """
    for parameter in network.parameters():
        parameter.data.abs_() if parameter.dim() == 4 else parameter.data.zero_()
    x = torch.ones(1, channels, 8, size, dtype=torch.float64, requires_grad=True)
    made = network.double()(x)
    made[..., at * scale : (at + 8) * scale].sum().backward()
    assert x.grad is not None
    touched = torch.nonzero(x.grad.abs().sum((0, 1, 2))).flatten()
    return max(at - int(touched.min()), int(touched.max()) - (at + 7))


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_field_of_the_upscaler_is_its_reach(blocks: int) -> None:
    network = Upscaler(width=4, blocks=blocks)
    field = field_of(network, "upscaler", 1)
    assert field.exact
    assert field.margin == reach_of(network, 3, 4) == 2 + 2 * blocks


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_field_of_the_denoiser_covers_its_reach(blocks: int) -> None:
    network = Denoiser(width=4, deep=4, blocks=blocks)
    with torch.no_grad():
        network.tail.weight.mul_(1e-3)
    field = field_of(network, "denoiser", 8)
    assert field.exact
    reach = reach_of(network, 4, 1)
    assert reach <= field.margin < reach + 8


def published() -> list[tuple[str, nn.Module, int]]:
    """Small networks of other projects' kinds, of convolutions alone, and their scales."""
    from retouch.tasks.restore.network.dncnn import DnCNN
    from retouch.tasks.restore.network.rrdb import RRDBNet
    from retouch.tasks.restore.network.srresnet import MSRResNet, SRResNet
    from retouch.tasks.restore.network.srvgg import SRVGGNetCompact

    return [
        ("dncnn", DnCNN(depth=5, width=8, channels=3), 1),
        ("srresnet", SRResNet(width=8, blocks=2), 4),
        ("msrresnet", MSRResNet(width=8, blocks=2), 4),
        ("rrdb", RRDBNet(width=8, blocks=1, growth=4), 4),
        ("srvgg", SRVGGNetCompact(width=8, depth=3), 4),
    ]


def test_published_networks_in_pieces_are_the_whole() -> None:
    x = torch.from_numpy(planes(70, 90))[None]
    for name, network, scale in published():
        card = Card(name=name, task="restore", architecture=name, value_range=(0.0, 1.0), scale=scale)
        restorer = Restorer(Loaded(card, toys.lively(network), Path()))
        assert field_of(network, name, 1).exact, name
        whole = restorer.planes(x, tile=0)
        assert (whole - restorer.planes(x, tile=20)).abs().max() < 1e-4, name
        assert whole.std() > 1e-3


def test_our_networks_in_pieces_are_the_whole() -> None:
    for loaded, size, side in (
        (toys.upscaler(), (53, 61), 16),
        (toys.denoiser(), (150, 173), 24),
    ):
        restorer = Restorer(loaded)
        x = torch.from_numpy(planes(*size))[None]
        whole, cut = restorer.planes(x, tile=0, noise=None), restorer.planes(x, tile=side)
        assert (whole - cut).abs().max() < 1e-5
        assert whole.std() > 0.1


def test_a_network_that_sees_everything_gets_a_wide_margin_and_no_seam() -> None:
    class Bright(nn.Module):
        """Adds a part of the mean of all it sees."""

        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Parameter(torch.tensor(0.5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.part * x.mean((2, 3), keepdim=True)

    card = Card(name="bright", task="restore", architecture="imdn", value_range=(0.0, 1.0))
    restorer = Restorer(Loaded(card, Bright().eval(), Path()))
    assert field_of(Bright(), "imdn", 1).margin == WIDE
    ramp = np.broadcast_to(np.linspace(0, 1, 600, dtype=np.float32), (1, 3, 90, 600))
    x = torch.from_numpy(ramp.copy())
    cut = restorer.planes(x, tile=100) - x
    assert float(cut.max() - cut.min()) > 0.1  # the pieces do disagree
    assert cut.diff(dim=3).abs().max() < 1.5 / 255


def test_far_looking_convolutions_are_not_followed_to_the_end() -> None:
    deep = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(WIDE + 1)))
    field = field_of(deep, "rrdb", 1)
    assert (field.margin, field.exact) == (WIDE, False)
    assert field.fade(8) % 8 == 0
    shallow = field_of(nn.Sequential(nn.Conv2d(3, 3, 9, padding=4), nn.Conv2d(3, 3, 3)), "srresnet", 1)
    assert (shallow.margin, shallow.exact, shallow.fade(1)) == (5, True, 0)


@given(
    old=st.tuples(st.integers(1, 60), st.integers(1, 30)),
    new=st.tuples(st.integers(1, 90), st.integers(1, 40)),
    strip=st.integers(1, 25),
)
@settings(max_examples=60, deadline=None)
def test_rows_that_come_in_strips_are_resized_like_the_whole(
    old: tuple[int, int], new: tuple[int, int], strip: int
) -> None:
    from retouch.image.resample import resize

    picture = planes(*old, channels=2)
    rows = Rows(old, new)
    found = []
    expected = 0
    for top in range(0, old[0], strip):
        for first, made in rows.push(picture[:, top : top + strip]):
            assert first == expected
            expected += made.shape[1]
            found.append(made)
    assert np.abs(np.concatenate(found, axis=1) - resize(picture, new)).max() < 1e-5


def test_progress_counts_every_piece() -> None:
    events: list[Progress] = []
    tiling = Tiling(16, 16, 2, 0, 1, 1)
    count = tiling.pieces((40, 33))
    joined(planes(40, 33), tiling, means(0, 1), teller("working", count, events.append))
    assert [event.done for event in events] == list(range(count + 1))
    assert {event.total for event in events} == {count} == {9}


def test_told_is_what_tiles_get() -> None:
    loaded = toys.denoiser()
    x = torch.from_numpy(planes(16, 24))[None]
    with torch.no_grad():
        wanted = loaded.network(told(x, 30 / 255))
    assert (Restorer(loaded).planes(x, noise=30) - wanted).abs().max() < 1e-5


def test_pieces_are_as_large_as_is_quick() -> None:
    cost = Cost(peak=100.0, map=30.0)  # 30 MiB are 1024 × 1024 pixels
    assert cost.quick(0, 1.1) == cost.quick(40, 1.35) == 1 << 20
    assert cost.quick(96, 2.2) == 1 << 20  # 1024² / 832² = 1.51
    assert cost.quick(96, 1.35) == cost.quick(600, 9.0) == math.inf
    found = Forward(toys.upscaler(width=64).network, toys.upscaler(width=64).card)
    assert found.quick_pixels == QUICK / (64 * 4)
    assert Pieces().pixels(found) <= found.quick_pixels
    assert Pieces(budget=3.0).pixels(found) == 3e6
