"""The parts of a graph beside what they stand for: frame, transform, colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.export import fourier as matrices
from retouch.export import lab as ours
from retouch.export.fourier import Products
from retouch.export.frame import Frame
from retouch.nn.pieces.frame import framed
from retouch.tasks.inpaint.network import fourier
from retouch.tasks.translate.method import lab

side = st.integers(1, 70)


@settings(deadline=None)
@given(height=side, width=side, multiple=st.sampled_from([1, 2, 4, 8, 32]))
def test_a_centred_frame_is_that_of_translate(height: int, width: int, multiple: int) -> None:
    picture = torch.rand(1, 2, height, width)
    frame = Frame(multiple, 8)
    wanted, inside = framed(picture, multiple)
    made = frame.around(picture)
    assert torch.equal(made, wanted)
    assert torch.equal(frame.inside(made, picture), picture)
    assert torch.equal(wanted[:, :, slice(*inside.rows), slice(*inside.columns)], picture)


@settings(deadline=None)
@given(height=side, width=side, multiple=st.sampled_from([1, 4, 8]), scale=st.integers(1, 3))
def test_a_frame_to_the_right_and_below_begins_at_the_picture(
    height: int, width: int, multiple: int, scale: int
) -> None:
    picture = torch.rand(2, 1, height, width)
    frame = Frame(multiple, 16, centred=False, scale=scale)
    made = frame.around(picture)
    assert min(made.shape[2:]) >= 16
    assert made.shape[2] % multiple == made.shape[3] % multiple == 0
    assert torch.equal(made[:, :, :height, :width], picture)
    if made.shape[2] > height > 1:
        assert torch.equal(made[:, :, height], made[:, :, height - 2])
    larger = made.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    wanted = picture.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    assert torch.equal(frame.inside(larger, picture), wanted)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_products_transform_as_the_fast_transform_does(height: int, width: int) -> None:
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height * 64 + width))
    products = Products()
    parts = products.spectrum(x)
    torch.testing.assert_close(parts, fourier.spectrum(x), rtol=0, atol=2e-5)
    # Not the spectrum of real maps: what convolutions make of one has parts that have no meaning.
    changed = torch.randn(parts.shape, generator=torch.Generator().manual_seed(1))
    back = products.picture_of(changed, (height, width))
    torch.testing.assert_close(back, fourier.picture_of(changed, (height, width)), rtol=0, atol=2e-5)


def test_products_of_large_maps_are_exact_enough() -> None:
    x = torch.randn(1, 1, 250, 334, generator=torch.Generator().manual_seed(0))
    products = Products()
    torch.testing.assert_close(products.spectrum(x), fourier.spectrum(x), rtol=0, atol=2e-5)
    there_and_back = products.picture_of(products.spectrum(x), (250, 334))
    torch.testing.assert_close(there_and_back, x, rtol=0, atol=2e-5)


def test_matrices_are_exact_to_the_last_bit_or_so() -> None:
    # Angles in 32 bits would be off by several times as much.
    turns = np.outer(np.arange(1000), np.arange(501)) % 1000 * (2 * np.pi / 1000)
    wanted = np.concatenate([np.cos(turns), -np.sin(turns)], 1) / np.sqrt(1000)
    np.testing.assert_allclose(matrices._rows(1000).numpy(), wanted, rtol=0, atol=2.5e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_lightness_and_colours_are_those_of_translate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rgb = rng.random((64, 64, 3), np.float32) ** 2
    rgb[0, :3] = np.array([[0, 0, 0], [1, 1, 1], [0.001, 0, 0.02]], np.float32)
    light = lab.lightness(rgb)
    tensor = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
    found = ours.lightness(tensor)
    np.testing.assert_allclose(found[0, 0].numpy(), light, rtol=0, atol=5e-4)  # of 100
    # Half of these colours are none that sRGB has.
    chroma = rng.uniform(-90, 90, (64, 64, 2)).astype(np.float32)
    wanted = lab.coloured(light, chroma)
    given_chroma = torch.from_numpy(np.ascontiguousarray(chroma.transpose(2, 0, 1)))[None]
    made = ours.coloured(found, given_chroma)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(made, wanted, rtol=0, atol=5e-5)
