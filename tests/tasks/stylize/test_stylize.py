"""What stylize promises: any kind of file, masks, the same result every time, and that it can be stopped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import retouch
from retouch.errors import Cancelled, EmptyMask, InputError, SizeMismatch, UnknownName, UnreadablePicture
from retouch.features.finding import find
from retouch.image import Box, Picture, Polygon, Region, exif, samples
from retouch.progress import Progress
from retouch.tasks.stylize import Stylizer
from retouch.tasks.stylize.edit import easel, painting, plan
from retouch.tasks.stylize.edit.settings import Settings, Transfer, layers_of, shares_of
from retouch.tasks.stylize.method import colours
from tests.image import made

STYLE = samples.open("galaxies").numpy("uint8")[40:104, 60:140]
PHOTO = samples.open("astronaut").numpy("uint8")[20:68, 180:240]

TINY = find("random", width=1 / 16)


@pytest.fixture(scope="module")
def painter() -> Stylizer:
    return Stylizer([STYLE], features=TINY)


def _array(height: int, width: int, channels: int, kind: str) -> Any:
    values = np.random.default_rng(0).random((height, width, channels))
    if channels in (2, 4):
        values[..., -1] = values[..., -1] > 0.3
    if kind == "float32":
        return values.astype(np.float32)
    return np.rint(values * {"uint8": 255, "uint16": 65535}[kind]).astype(kind)


def _distance(one: Picture, other: Picture) -> float:
    return float(np.abs(one.pixels - other.pixels).mean())


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 4),
    kind=st.sampled_from(["uint8", "uint16", "float32"]),
    preserve=st.booleans(),
    size=st.sampled_from([None, 1, 23]),
)
@settings(max_examples=20, deadline=None)
def test_any_size_and_kind(
    painter: Stylizer, height: int, width: int, channels: int, kind: str, preserve: bool, size: int | None
) -> None:
    picture = Picture.of(_array(height, width, channels, kind))
    found = painter(picture, steps=2, size=size, colours="luminance" if preserve else "style")
    factor = 1 if size is None else size / max(picture.size)
    assert found.size == tuple(max(round(side * factor), 1) for side in picture.size)
    gray, clear = channels < 3 and preserve, channels in (2, 4)
    assert found.file.mode == ("L" if gray else "RGB") + ("A" if clear else "")[: 1 if clear else 0]
    assert found.samples.dtype == kind
    assert np.isfinite(found.pixels).all()
    if size is None and clear:
        assert np.array_equal(found.samples[..., -1], picture.samples[..., -1])
        hidden = picture.samples[..., -1] == 0
        before = picture.converted(mode="RGBA") if not gray else picture
        assert np.array_equal(found.samples[hidden], before.samples[hidden])


def test_what_cannot_be_seen_stays(painter: Stylizer) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (20, 24, 4), np.uint8)
    picture[:, :12, 3] = 0
    made = painter(picture, steps=2)
    assert np.array_equal(made.samples[:, :12], picture[:, :12])
    assert not np.array_equal(made.samples[:, 12:], picture[:, 12:])
    assert np.array_equal(painter(picture[:, :12], steps=2).samples, picture[:, :12])


def test_palettes_black_and_white_and_inks() -> None:
    painter = Stylizer([STYLE], features=TINY)
    palette = Picture.of(PHOTO).converted(mode="P")
    assert painter(palette, steps=2).file.mode == "RGB"
    flat = Picture.of(PHOTO[..., 0] > 100).converted(mode="1")
    assert painter(flat, steps=2).file.mode == "RGB"
    assert painter(flat, steps=2, colours="photo").file.mode == "L"
    inks = Picture.of(PHOTO).converted(mode="CMYK")
    assert painter(inks, steps=2).file.mode == "CMYK"


def test_the_file_keeps_its_profile_and_is_told_its_new_size(painter: Stylizer) -> None:
    picture = Picture.of(PHOTO)
    profile, told = made.rgb_profile("p3"), exif.bare(made.exif())
    photo = Picture(picture.samples, replace(picture.file, icc=profile, exif=told, dpi=(72, 72)))
    found = painter(photo, steps=2, size=30)
    assert (found.file.icc, found.file.dpi) == (profile, (72, 72))
    assert found.file.exif == exif.resized(told, (24, 30))
    assert painter(photo, steps=2).file.exif == told


def test_sixteen_bits_are_not_made_of_eight(painter: Stylizer) -> None:
    found = painter(_array(40, 48, 3, "uint16"), steps=3)
    assert len(np.unique(found.samples)) > 3000


def test_the_loss_falls_and_the_report_tells_what_was_done(painter: Stylizer) -> None:
    report = painter(PHOTO, steps=12).report
    assert float(report["loss"]) < 0.5 * float(report["loss_before"])
    terms = sum(float(report[f"loss_{name}"]) for name in ("content", "style", "rgb", "variation", "box"))
    assert terms == pytest.approx(float(report["loss"]), abs=1e-5)
    assert (report["features"], report["start"], report["steps"]) == ("random", "content", 12)
    assert re.fullmatch(r"60×48: 12 steps, \d+\.\d\d s", str(report["stages"]))


def test_the_painting_takes_on_the_styles_colours_and_keeps_what_is_shown(painter: Stylizer) -> None:
    photo, found = Picture.of(PHOTO), painter(PHOTO, steps=25)
    wanted = STYLE.mean((0, 1)) / 255
    away, near = (np.abs(each.pixels.mean((0, 1)) - wanted).max() for each in (photo, found))
    assert near < 0.15 * away
    light = [each.pixels.mean(2).ravel() for each in (photo, found)]
    assert np.corrcoef(*light)[0, 1] > 0.5


def test_the_same_seed_gives_the_same_picture(painter: Stylizer) -> None:
    state = torch.random.get_rng_state()
    first, again = (painter(PHOTO, start="noise", seed=5, steps=3) for _ in range(2))
    other = painter(PHOTO, start="noise", seed=6, steps=3)
    assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples, other.samples)
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_verb_is_the_loaded_object_called_once() -> None:
    options: dict[str, Any] = {"steps": 2, "size": 40, "colours": "photo", "strength": 0.8}
    verb = retouch.stylize(PHOTO, STYLE, features="random", **options)
    loaded = Stylizer.load(STYLE, features="random")
    assert "untrained" in loaded.description
    assert np.array_equal(verb.samples, loaded(PHOTO, **options).samples)


def test_without_steps_the_photo_stays(painter: Stylizer) -> None:
    assert np.array_equal(painter(PHOTO, steps=0).samples, PHOTO)


def test_a_file_to_begin_with(painter: Stylizer, tmp_path: Path) -> None:
    other = Picture.of(PHOTO[::-1].copy())
    path = other.save(tmp_path / "other.png")
    assert np.array_equal(painter(PHOTO, steps=0, start=str(path)).samples, other.samples)
    with pytest.raises(UnreadablePicture, match=r"start='missing.png' is neither content, noise, draft nor"):
        painter(PHOTO, start="missing.png")


def test_strength_goes_from_the_photo_to_the_style(painter: Stylizer) -> None:
    photo = Picture.of(PHOTO)
    found = [_distance(painter(PHOTO, strength=part, steps=10, variation=0), photo) for part in (0, 0.5, 1)]
    assert found[0] < 0.004
    assert found[0] < 0.3 * found[1] < 0.3 * found[2]


def test_masks_keep_the_rest_bit_for_bit(painter: Stylizer) -> None:
    box = Box(30, 10, 50, 40)
    found = painter(PHOTO, mask=box, steps=4)
    inside = np.zeros(PHOTO.shape[:2], bool)
    inside[box.slices] = True
    assert np.array_equal(found.samples[~inside], PHOTO[~inside])
    assert (found.samples[inside] != PHOTO[inside]).any(axis=-1).mean() > 0.9
    soft = painter(PHOTO, mask=Region(box, feather=6), steps=4)
    rim = (slice(12, 38), slice(30, 31))
    assert _off(soft, rim) < 0.5 * _off(found, rim)


def _off(found: Picture, where: tuple[slice, slice]) -> float:
    return float(np.abs(found.samples[where].astype(float) - PHOTO[where]).mean())


def test_a_small_mask_is_painted_by_itself_with_the_same_strokes(painter: Stylizer) -> None:
    photo = np.tile(PHOTO, (4, 4, 1))
    events: list[Progress] = []
    found = painter(photo, mask=Box(100, 60, 140, 100), steps=3, progress=events.append)
    assert {event.stage for event in events[2:]} == {"painting at 104×104"}
    assert found.size == (192, 240)
    changed = np.argwhere((found.samples != photo).any(axis=-1))
    assert changed.min(0).tolist() == [60, 100]
    assert changed.max(0).tolist() == [99, 139]


def test_each_style_goes_into_its_region() -> None:
    red, blue = (np.full((40, 40, 3), colour, np.uint8) for colour in ([220, 20, 20], [20, 20, 220]))
    both = Stylizer([red, blue], features=TINY)
    halves = Box(0, 0, 30, 48), Box(30, 0, 60, 48)
    found = both(PHOTO, masks=halves, steps=12, content_weight=0.01).pixels
    left, right = found[:, :26].mean((0, 1)), found[:, 34:].mean((0, 1))
    assert left[0] > left[2] + 0.1
    assert right[2] > right[0] + 0.1
    swapped = both(PHOTO, masks=halves[::-1], steps=12, content_weight=0.01).pixels
    assert swapped[:, 34:].mean((0, 1))[0] > 0.5
    one = both(PHOTO, masks=(halves[0], Box(40, 0, 60, 48)), steps=3)
    assert np.array_equal(one.samples[:, 30:40], PHOTO[:, 30:40])


def test_shares_mix_styles() -> None:
    red, blue = (np.full((40, 40, 3), colour, np.uint8) for colour in ([220, 20, 20], [20, 20, 220]))
    reds = []
    for shares in ("9,1", "", "1,9"):
        mixed = Stylizer([red, blue], shares=shares, features=TINY)
        reds.append(mixed(PHOTO, steps=12, content_weight=0.01).pixels[..., 0].mean())
    assert reds[0] > reds[1] + 0.05 > reds[2] + 0.1


def test_colours_stay_when_asked(painter: Stylizer) -> None:
    photo = torch.from_numpy(PHOTO / np.float32(255)).permute(2, 0, 1)[None]
    style, own, light = (
        painter(PHOTO, colours=each, steps=12).tensor() for each in ("style", "photo", "luminance")
    )
    assert torch.allclose(own.mean((2, 3)), photo.mean((2, 3)), atol=0.03)
    assert not torch.allclose(style.mean((2, 3)), photo.mean((2, 3)), atol=0.1)
    hue, found = photo - colours.luma(photo), light - colours.luma(light)
    assert float((hue * found).sum(1).min()) > -1e-4
    assert float((colours.luma(light) - colours.luma(photo)).abs().mean()) > 0.02


def test_what_is_transparent_in_a_style_does_not_count() -> None:
    clear = np.dstack([STYLE, np.full(STYLE.shape[:2], 255, np.uint8)])
    clear[:, 40:, :3] = [255, 0, 0]
    clear[:, 40:, 3] = 0
    covered = Stylizer([clear], features=TINY)(PHOTO, steps=10).pixels.mean((0, 1))
    shown = Stylizer([clear[..., :3]], features=TINY)(PHOTO, steps=10).pixels.mean((0, 1))
    wanted = STYLE[:, :40].mean((0, 1)) / 255
    assert np.abs(covered - wanted).max() < 0.3 * np.abs(shown - wanted).max()


def test_every_step_is_told_with_a_preview_and_the_losses(painter: Stylizer) -> None:
    events: list[Progress] = []
    previews: list[Picture] = []

    def watch(event: Progress) -> None:
        events.append(event)
        if event.preview:
            preview = event.preview()
            assert isinstance(preview, Picture)
            previews.append(preview)

    photo = np.tile(PHOTO, (2, 4, 1))
    found = painter(photo, steps=8, progress=watch)
    assert [event.done for event in events[2:]] == list(range(1, 9))
    assert {event.total for event in events[1:]} == {8}
    assert [event.stage for event in events[2:]] == ["painting at 128×51"] * 5 + ["painting at 240×96"] * 3
    assert len(previews) == 8
    assert {preview.size for preview in previews} == {found.size}
    assert set(events[2].facts) >= {"loss", "content", "style", "rgb"}
    assert events[-1].facts["seconds_left"] == 0
    assert events[1].facts["megabytes"] > 0
    best = min(previews, key=lambda preview: _distance(preview, found))
    assert _distance(best, found) < 1e-6


@pytest.mark.parametrize("after", [1, 2, 4])
def test_it_can_be_stopped_at_any_step(painter: Stylizer, after: int) -> None:
    heard = 0

    def stop(_: Progress) -> None:
        nonlocal heard
        heard += 1
        if heard == after:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        painter(PHOTO, steps=6, progress=stop)
    assert heard == after


def test_too_little_memory_for_the_last_size_enlarges_the_one_before(
    painter: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = np.tile(PHOTO, (4, 4, 1))
    whole = easel.Easel._objective

    def short(self: Any, size: tuple[int, int]) -> Any:
        if max(size) > 200:
            raise MemoryError("no room")
        return whole(self, size)

    monkeypatch.setattr(easel.Easel, "_objective", short)
    found = painter(photo, steps=5)
    assert found.size == (192, 240)
    assert "to paint at 240×192: painted at 128×102 and enlarged" in str(found.report["note"])
    monkeypatch.setattr(easel.Easel, "_objective", lambda *_: (_ for _ in ()).throw(MemoryError("no room")))
    with pytest.raises(InputError, match=r"not enough memory to paint at 60×48 \(no room\); close other"):
        painter(PHOTO, steps=5)


def test_a_budget_paints_small_and_enlarges(painter: Stylizer) -> None:
    found = painter(np.tile(PHOTO, (2, 2, 1)), steps=3, budget=0.004)
    assert found.size == (96, 120)
    assert "made at 70×56, as the budget says, and enlarged to 120×96" in str(found.report["note"])


def test_bfloat16_changes_less_than_the_seed_does(painter: Stylizer) -> None:
    half = Stylizer([STYLE], features=TINY, precision="bfloat16")
    exact = painter(PHOTO, start="noise", steps=10)
    rough, other = half(PHOTO, start="noise", steps=10), painter(PHOTO, start="noise", seed=1, steps=10)
    assert 0 < _distance(exact, rough) < _distance(exact, other)


def test_options_that_cannot_be_meant_are_refused(painter: Stylizer) -> None:
    wrong: Sequence[tuple[dict[str, Any], type[Exception], str]] = (
        ({"preset": "slow"}, UnknownName, "unknown preset 'slow'; did you mean"),
        ({"colours": "none"}, UnknownName, "unknown colours 'none'"),
        ({"statistic": "grams"}, UnknownName, "unknown statistic 'grams'; did you mean gram"),
        ({"steps": -1}, InputError, "steps=-1; pass a whole number from 0 to 100000"),
        ({"steps": 1.5}, InputError, "steps=1.5; pass a whole number"),
        ({"strength": 1.1}, InputError, "strength=1.1; pass a number from 0 to 1"),
        ({"style_scale": 0}, InputError, "style_scale=0; pass a number from 0.05 to 20"),
        ({"size": 0}, InputError, "size=0; pass a whole number from 1 to 16384"),
        ({"seed": -1}, InputError, "seed=-1; pass a whole number from 0"),
        ({"content_weight": float("nan")}, InputError, "content_weight=nan; pass a number from 0"),
        ({"budget": 0}, InputError, "budget=0; pass a number from 0.004"),
        ({"content_layer": "relu9_1"}, UnknownName, "unknown layer 'relu9_1'"),
        ({"style_layers": "relu1_1=0"}, InputError, "the weight of layer relu1_1 is '0'; give"),
        ({"style_layers": "relu1_1,relu1_1"}, InputError, "layer relu1_1 is named twice"),
        ({"masks": (Box(0, 0, 9, 9),) * 2}, InputError, "there are 2 masks and 1 styles"),
        ({"mask": Polygon([(90, 90), (95, 90), (95, 95)])}, EmptyMask, "the mask selects no pixel"),
        ({"mask": np.ones((3, 3), bool)}, SizeMismatch, "mask is 3×3 but image is 48×60"),
    )
    for options, kind, message in wrong:
        with pytest.raises(kind, match=re.escape(message)):
            painter(PHOTO, **options)


def test_layers_and_shares_are_read() -> None:
    known = ["relu1_1", "relu2_1", "relu3_1"]
    assert layers_of("relu1_1=3, relu3_1", known, {}) == {"relu1_1": 0.75, "relu3_1": 0.25}
    assert layers_of(" ", known, {"relu2_1": 2.0, "relu9_9": 1.0}) == {"relu2_1": 1.0}
    with pytest.raises(InputError, match="the network has none of relu9_9; name some of relu1_1"):
        layers_of("", known, {"relu9_9": 1.0})
    assert shares_of("", 2) == (0.5, 0.5)
    assert shares_of("3, 1", 2) == (0.75, 0.25)
    with pytest.raises(InputError, match=re.escape("shares='1' has 1 numbers and there are 2 styles")):
        shares_of("1", 2)
    with pytest.raises(InputError, match="a share is 'x'; give a number above 0"):
        shares_of("x,1", 2)


def test_steps_are_planned_from_small_to_large() -> None:
    def planned(size: tuple[int, int], **options: Any) -> list[tuple[int, int]]:
        return [(max(stage.size), stage.steps) for stage in plan.stages(size, Settings(**options), least=32)]

    assert planned((384, 512)) == [(128, 30), (256, 20), (512, 12)]
    assert planned((384, 512), preset="best") == [(128, 100), (256, 80), (512, 60)]
    assert planned((384, 512), preset="draft") == [(512, 0)]
    assert planned((384, 512), steps=31) == [(128, 15), (256, 10), (512, 6)]
    assert planned((1536, 2048))[-2:] == [(1024, 8), (2048, 3)]
    assert planned((40, 60)) == [(60, 30)]
    assert sum(count for _, count in planned((900, 1600), steps=7)) == 7
    assert painting.shared_out(10, [1, 1, 1]) == [4, 3, 3]
    sizes = [plan.steps_at(side, plan.STEPS["fast"]) for side in range(64, 3000, 50)]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"styles": "a.png"}, r"styles is one str; pass a tuple, as styles=\(one, another\)"),
        ({"masks": "a.png"}, "masks is one str; pass a tuple"),
        ({"shares": (2, 1)}, r"shares=\(2, 1\); pass text"),
        ({"content_layer": None}, "content_layer=None; pass text"),
        ({"start": None}, "start=None; pass text"),
        ({"features": None}, "features=None; name weights, or give their path"),
    ],
)
def test_values_of_another_type_are_refused(options: dict[str, Any], said: str) -> None:
    grey = np.full((32, 32, 3), 0.5, np.float32)
    with pytest.raises(InputError, match=said):
        retouch.stylize(grey, grey, **options)


def test_a_draft_can_be_transferred_in_three_ways() -> None:
    photo = samples.open("cat").pixels[100:164, 100:196]
    made = {
        way: retouch.stylize(photo, STYLE, preset="draft", features="bundled", transfer=way).pixels
        for way in get_args(Transfer)
    }
    assert len(made) == 3
    for one, other in combinations(made.values(), 2):
        assert float(np.abs(one - other).mean()) > 1 / 255
    with pytest.raises(UnknownName, match="unknown transfer 'by hand'"):
        retouch.stylize(photo, STYLE, transfer="by hand")  # type: ignore[arg-type]
