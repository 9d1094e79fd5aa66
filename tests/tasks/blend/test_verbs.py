"""Flatten, relight, recolor, tile and fill: by hand, and what each promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

import retouch
from retouch import Box, Mask, Picture, Progress
from retouch.errors import Cancelled, EmptyMask, InputError, RetouchError, SizeMismatch, UnknownName
from retouch.tasks.blend.method import guidance
from tests.poisson import direct, zoo
from tests.tasks.blend.test_clone import Pixels, photo

MASKED: dict[str, Callable[..., Picture]] = {
    "flatten": retouch.flatten,
    "relight": retouch.relight,
    "recolor": retouch.recolor,
    "fill": retouch.fill,
}


@pytest.mark.parametrize("name", MASKED)
def test_pixels_outside_the_mask_stay(name: str) -> None:
    picture, mask = photo(40, 50), zoo.holes(50)[5:45]
    options = {"hue": 90.0} if name == "recolor" else {}
    found = MASKED[name](picture, mask, **options)
    assert np.array_equal(found.pixels[~mask], picture[~mask])
    assert np.abs(found.pixels - picture)[mask].max() > 1 / 255
    assert found.size == (40, 50)
    assert found.report["pixels"] == mask.sum()


@pytest.mark.parametrize("name", MASKED)
def test_bad_masks(name: str) -> None:
    with pytest.raises(EmptyMask):
        MASKED[name](photo(20, 30), np.zeros((20, 30), bool))
    with pytest.raises(SizeMismatch, match=r"30×20.*20×30|20×30.*30×20"):
        MASKED[name](photo(20, 30), np.ones((30, 20), bool))


@pytest.mark.parametrize("name", [*MASKED, "tile", "blend"])
def test_every_verb_reports_and_can_be_stopped(name: str) -> None:
    picture = photo(30, 30)
    arguments: dict[str, tuple[Any, ...]] = {
        "tile": (picture,),
        "blend": (picture, picture, Box(4, 4, 20, 20)),
    }
    verb = getattr(retouch, name)
    events: list[Progress] = []
    verb(*arguments.get(name, (picture, Box(4, 4, 20, 20))), progress=events.append)
    assert [event.stage for event in events[:2]] == ["preparing the solver", "solving"]

    def stop(event: Progress) -> None:
        raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        verb(*arguments.get(name, (picture, Box(4, 4, 20, 20))), progress=stop)


def test_fill_is_the_membrane() -> None:
    picture, mask = photo(30, 35), zoo.holes(35)[2:32]
    found = retouch.fill(picture, mask, tolerance="exact").pixels
    for c in range(3):
        plane = picture[..., c].astype(float)
        assert np.abs(found[..., c] - direct.clone(np.zeros_like(plane), plane, mask)).max() < 1e-5


def test_fill_does_not_look_into_the_hole() -> None:
    picture, mask = photo(30, 30), zoo.blob(30)
    spoilt = picture.copy()
    spoilt[mask] = 7.0
    assert np.array_equal(retouch.fill(picture, mask).pixels, retouch.fill(spoilt, mask).pixels)


def test_fill_needs_something_to_fill_from() -> None:
    with pytest.raises(InputError, match="whole photo"):
        retouch.fill(photo(8, 9), np.ones((8, 9), bool))


def test_fill_restores_a_ramp() -> None:
    ramp = np.repeat(np.linspace(0, 1, 40, dtype=np.float32)[None, :, None], 30, axis=0).repeat(3, axis=2)
    assert np.abs(retouch.fill(ramp, zoo.blob(40)[5:35], tolerance="exact").pixels - ramp).max() < 1e-5


def test_flatten_keeps_marked_edges_and_nothing_else() -> None:
    # a step of 0.6 on a texture of ± 0.01: the step is an edge, the texture is not
    random = np.random.default_rng(0)
    step = np.where(np.arange(40) < 20, 0.2, 0.8)[None, :, None] + np.zeros((30, 40, 3))
    picture = (step + 0.01 * random.standard_normal(step.shape)).astype(np.float32)
    found = retouch.flatten(picture, low=0.05, high=0.1, sigma=1.0, tolerance="exact").pixels
    assert found[:, :15].std() < picture[:, :15].std() / 3
    assert found[:, 25:].std() < picture[:, 25:].std() / 3
    assert found[:, 25:].mean() - found[:, :15].mean() == pytest.approx(0.6, abs=0.02)


def test_flatten_with_edges_everywhere_changes_nothing_and_with_none_leaves_one_colour() -> None:
    picture = photo(30, 40)
    kept = retouch.flatten(picture, edges=np.ones((30, 40), bool), tolerance="exact").pixels
    assert np.abs(kept - picture).max() < 1e-5
    gone = retouch.flatten(picture, low=9.0, high=9.0, tolerance="exact").pixels
    assert np.abs(gone - picture.mean(axis=(0, 1))).max() < 1e-5


def test_flatten_equals_the_masked_gradient_equation() -> None:
    # equation 14 by hand: keep a difference when one of its two pixels is on an edge
    picture, mask = photo(12, 14), zoo.blob(14)[1:13]
    edges = np.random.default_rng(1).random((12, 14)) < 0.3
    found = retouch.flatten(picture, mask, edges=edges, tolerance="exact").pixels
    plane = picture[..., 1].astype(float)
    b = np.zeros((12, 14))
    for y, x in zip(*np.nonzero(mask), strict=True):
        for qy, qx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= qy < 12 and 0 <= qx < 14:
                kept = edges[y, x] or edges[qy, qx]
                b[y, x] += (plane[y, x] - plane[qy, qx] if kept else 0) + (
                    0 if mask[qy, qx] else plane[qy, qx]
                )
    assert np.abs(found[..., 1] - np.where(mask, direct.solve(mask, b), plane)).max() < 1e-5


def test_edges_are_found_where_they_are() -> None:
    picture = np.zeros((30, 30, 3), np.float32)
    picture[:, 15:] = 1
    found = guidance.strong_edges(picture, 0.1, 0.3, 0.0)
    assert found[:, 14:16].all()
    assert not found[:, :13].any()
    assert not found[:, 17:].any()
    # a faint line alone is no edge, but it continues a strong one that it touches
    faint = np.zeros((20, 40, 3), np.float32)
    faint[10:, :20] = 1.0
    faint[10:, 20:] = 0.4
    assert guidance.strong_edges(faint, 0.1, 0.3, 0.0)[9:11].all()
    assert not guidance.strong_edges(faint * 0.5, 0.1, 0.3, 0.0).any()


def test_relight_lifts_the_shadow_and_keeps_hues() -> None:
    picture = photo(40, 40) * 0.5 + 0.3
    shadow = np.ones((40, 40, 1), np.float32)
    shadow[10:30, 10:30] = 0.3
    dark = (picture * shadow).astype(np.float32)
    mask = Mask.of(Box(6, 6, 34, 34), (40, 40))
    found = retouch.relight(dark, mask, beta=0.5).pixels
    assert found[15:25, 15:25].mean() > 1.3 * dark[15:25, 15:25].mean()
    gray = np.repeat(dark[..., :1], 3, axis=2)
    lit = retouch.relight(gray, mask, beta=0.5).pixels
    assert np.abs(lit[..., 0] - lit[..., 2]).max() < 1e-5


def test_relight_of_strength_zero_changes_nothing() -> None:
    picture = photo(30, 30)
    assert np.abs(retouch.relight(picture, zoo.blob(30), beta=0).pixels - picture).max() < 1e-5


def test_recolor_multiplies_and_meets_the_rim() -> None:
    picture, mask = photo(30, 30), zoo.blob(30)
    found = retouch.recolor(picture, mask, red=1.5, blue=0.5, tolerance="exact").pixels
    for c, factor in enumerate((1.5, 1.0, 0.5)):
        plane = picture[..., c].astype(float)
        assert np.abs(found[..., c] - direct.clone(factor * plane, plane, mask)).max() < 1e-5


def test_hue_turns_red_to_green_and_keeps_luma() -> None:
    red = np.array([[[0.8, 0.2, 0.2]]], np.float32)
    turned = guidance.rotate_hue(red, 120)
    assert turned.argmax() == 1
    assert guidance.luminance(turned) == pytest.approx(guidance.luminance(red), abs=1e-3)
    assert np.abs(guidance.rotate_hue(red, 360) - red).max() < 1e-5


def test_gray_background() -> None:
    picture, mask = photo(30, 30), zoo.blob(30)
    found = retouch.recolor(picture, mask, background="gray", tolerance="exact").pixels
    gray = guidance.luminance(picture).astype(float)
    for c in range(3):
        wanted = direct.clone(picture[..., c].astype(float), gray, mask)
        assert np.abs(found[..., c] - wanted).max() < 1e-5


@pytest.mark.parametrize("axes", ["both", "horizontal", "vertical"])
def test_tile_has_equal_sides(axes: str) -> None:
    picture = photo(31, 40)
    found = retouch.tile(picture, axes=axes).pixels  # type: ignore[arg-type]
    steps = np.abs(np.diff(picture, axis=1)).max(), np.abs(np.diff(picture, axis=0)).max()
    for axis, name in ((1, "horizontal"), (0, "vertical")):
        first, last = found.take(0, axis), found.take(-1, axis)
        if axes in ("both", name):
            assert np.array_equal(first, last)
        else:
            assert np.abs(first - last).max() > 0.05
    assert np.abs(np.diff(found, axis=1)).max() < 1.5 * steps[0]
    assert np.abs(np.diff(found, axis=0)).max() < 1.5 * steps[1]


def test_tile_keeps_the_gradient_inside() -> None:
    picture = photo(20, 20)
    found = retouch.tile(picture, tolerance="exact").pixels
    known = picture.copy()
    known[:, [0, -1]] = known[:, [1, -2]]
    known[[0, -1]] = known[[1, -2]]
    guess = known.copy()
    known[:, [0, -1]] = (known[:, :1] + known[:, -1:]) / 2
    known[[0, -1]] = (known[:1] + known[-1:]) / 2
    for c in range(3):
        wanted = direct.clone(guess[..., c].astype(float), known[..., c].astype(float), zoo.interior(20))
        assert np.abs(found[..., c] - wanted).max() < 1e-5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: retouch.flatten(p, low=0.3, high=0.1), InputError, "low <= high"),
        (lambda p: retouch.flatten(p, sigma=-1), InputError, "sigma"),
        (lambda p: retouch.flatten(p, edges=np.ones((3, 3))), SizeMismatch, "3×3"),
        (lambda p: retouch.relight(p, Box(1, 1, 5, 5), beta=1.0), InputError, "beta"),
        (lambda p: retouch.relight(p, Box(1, 1, 5, 5), alpha=0), InputError, "alpha"),
        (lambda p: retouch.recolor(p, Box(1, 1, 5, 5), red=-1), InputError, "red"),
        (lambda p: retouch.recolor(p, Box(1, 1, 5, 5), background=cast("Any", "grey")), UnknownName, "gray"),
        (lambda p: retouch.tile(p, axes=cast("Any", "x")), UnknownName, "horizontal"),
        (lambda p: retouch.tile(p[:2]), InputError, "2×20"),
        (lambda p: retouch.fill(p, Box(1, 1, 5, 5), tolerance=-1), InputError, "tolerance"),
    ],
)
def test_mistakes(call: Callable[[Pixels], Picture], error: type[RetouchError], message: str) -> None:
    with pytest.raises(error, match=message):
        call(photo(20, 20))
