"""What texture promises: more of the same, of any size, and without a seam where that is asked for."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import retouch
from retouch.errors import InputError, UnknownName
from retouch.features import finding
from retouch.features.finding import Found
from retouch.image import Picture, samples
from retouch.image.resample import resize
from retouch.progress import Progress
from retouch.tasks.stylize.edit import weaving

EXEMPLAR = samples.open("gravel").numpy("uint8")[:64, :64, 0]
TINY = finding.find("random", width=1 / 16)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = finding.find

    def find(name: str, **options: Any) -> Found:
        return TINY if name == "random" else whole(name, **options)

    monkeypatch.setattr(weaving, "find", find)


def _array(height: int, width: int, channels: int, kind: str) -> NDArray[Any]:
    values = np.random.default_rng(0).random((height, width, channels))
    if kind == "float32":
        return values.astype(np.float32)
    return np.rint(values * {"uint8": 255, "uint16": 65535}[kind]).astype(kind)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 4),
    kind=st.sampled_from(["uint8", "uint16", "float32"]),
    wanted=st.sampled_from([(None, None), (7, None), (None, 21), (50, 3)]),
)
@settings(max_examples=12, deadline=None)
def test_any_size_and_kind(
    height: int, width: int, channels: int, kind: str, wanted: tuple[int | None, int | None]
) -> None:
    across, down = wanted
    found = retouch.texture(
        _array(height, width, channels, kind), width=across, height=down, features="random", steps=2
    )
    if across is None:
        across = width if down is None else max(round(width * down / height), 1)
    if down is None:
        down = max(round(height * across / width), 1)
    assert found.size == (down, across)
    assert found.file.mode == ("L" if channels < 3 else "RGB")
    assert found.samples.dtype == kind
    assert found.alpha is None
    assert np.isfinite(found.pixels).all()


def test_it_has_the_colours_of_the_exemplar_and_not_its_layout() -> None:
    found = retouch.texture(EXEMPLAR, width=96, features="random", steps=40)
    light, grain = found.pixels[..., 0], EXEMPLAR / np.float32(255)
    assert found.size == (96, 96)
    assert light.mean() == pytest.approx(grain.mean(), abs=0.02)
    assert light.std() == pytest.approx(grain.std(), rel=0.1)
    assert abs(np.corrcoef(light[:64, :64].ravel(), grain.ravel())[0, 1]) < 0.2
    report = found.report
    assert float(report["loss"]) < 0.3 * float(report["loss_before"])


def test_another_seed_gives_another_piece() -> None:
    first, again, other = (
        retouch.texture(EXEMPLAR, features="random", steps=3, seed=seed).samples for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("features", ["random", "patches"])
def test_one_that_repeats_has_no_seam(features: str) -> None:
    # Large grains, so that a seam is a step.
    grains = np.clip(resize(EXEMPLAR[:24, :24] / np.float32(255), (64, 64)), 0, 1)
    plain, tiled = (
        retouch.texture(grains, width=80, height=48, features=features, steps=25, tileable=tileable).pixels
        for tileable in (False, True)
    )
    assert tiled.shape == (48, 80, 3)
    for axis in (0, 1):
        inside = np.abs(np.diff(tiled, axis=axis)).mean()
        rim = np.abs(tiled.take(0, axis) - tiled.take(-1, axis)).mean()
        assert rim < 1.25 * inside
    seams = [
        sum(np.abs(each.take(0, axis) - each.take(-1, axis)).mean() for axis in (0, 1))
        for each in (plain, tiled)
    ]
    assert seams[1] < 0.8 * seams[0]


def test_features_of_the_exemplar_need_no_weights() -> None:
    found = retouch.texture(EXEMPLAR, features="patches", steps=20)
    assert found.report["features"] == "patches"
    assert float(found.report["loss"]) < 0.2 * float(found.report["loss_before"])
    with pytest.raises(UnknownName, match="unknown layer 'relu1_1'"):
        retouch.texture(EXEMPLAR, features="patches", style_layers="relu1_1")


def test_what_is_transparent_does_not_count() -> None:
    clear = np.dstack([EXEMPLAR, EXEMPLAR, EXEMPLAR, np.full_like(EXEMPLAR, 255)])
    clear[:, 40:, :3] = [255, 0, 0]
    clear[:, 40:, 3] = 0
    found = retouch.texture(clear, features="random", steps=12)
    assert found.file.mode == "RGB"
    assert np.abs(found.pixels.mean((0, 1)) - EXEMPLAR[:, :40].mean() / 255).max() < 0.06


def test_a_large_texture_begins_where_the_exemplar_still_shows_something() -> None:
    def sizes(side: int, scale: float = 1.0) -> list[int]:
        loom = weaving.Loom(
            Picture.of(np.tile(EXEMPLAR, (4, 4))),
            (side, side),
            features="random",
            style_layers="",
            statistic="wasserstein",
            variation=0.0,
            scale=scale,
            tileable=False,
            seed=0,
            device="cpu",
            precision="float32",
        )
        return [max(stage.size) for stage in loom._stages((side, side), None)]

    assert sizes(256) == [128, 256]
    assert sizes(1024) == [512, 1024]
    assert sizes(512, scale=0.5) == [512]
    assert sizes(100) == [100]


def test_every_step_is_told() -> None:
    events: list[Progress] = []
    found = retouch.texture(EXEMPLAR, width=50, features="random", steps=3, progress=events.append)
    assert [event.done for event in events[2:]] == [1, 2, 3]
    assert events[-1].total == 3
    preview = events[-1].preview
    assert preview is not None
    shown = preview()
    assert isinstance(shown, Picture)
    assert shown.size == found.size


def test_options_that_cannot_be_meant_are_refused() -> None:
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"width": 0}, InputError, "width=0; pass a whole number from 1 to 16384"),
        ({"height": 2.5}, InputError, "height=2.5; pass a whole number"),
        ({"statistic": "W2"}, UnknownName, "unknown statistic 'W2'"),
        ({"scale": 0}, InputError, "scale=0; pass a number from 0.05 to 20"),
        ({"steps": -1}, InputError, "steps=-1; pass"),
        ({"features": "vgg99"}, UnknownName, "vgg99"),
        ({"device": "gpu"}, InputError, "device 'gpu' cannot be used"),
    ]
    for options, kind, message in wrong:
        with pytest.raises(kind, match=re.escape(message)):
            retouch.texture(EXEMPLAR, **options)
    with pytest.raises(InputError, match="the texture would have 16384×32768 pixels"):
        retouch.texture(EXEMPLAR[:, :32], width=16384)


def test_a_texture_that_repeats_looks_the_same_from_everywhere() -> None:
    from retouch.tasks.stylize.edit.weaving import Loom

    loom = Loom(
        Picture.of(EXEMPLAR),
        (32, 48),
        features="bundled",
        style_layers="",
        statistic="wasserstein",
        variation=0.1,
        scale=1.0,
        tileable=True,
        seed=0,
        device="cpu",
        precision="float32",
    )
    objective = loom._objective((32, 48))
    made = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        here, there = (float(objective(each)[0]) for each in (made, made.roll((16, 32), (2, 3))))
        elsewhere = float(objective(made.roll((5, 3), (2, 3)))[0])
    assert there == pytest.approx(here, rel=1e-4)
    assert elsewhere == pytest.approx(here, rel=0.05)


def test_of_a_large_exemplar_the_middle_is_looked_at() -> None:
    exemplar = np.zeros((1500, 1500, 3), np.float32)
    exemplar[400:1100, 400:1100] = (0.2, 0.6, 0.4)
    made = retouch.texture(exemplar, width=32, height=32, steps=3, features="bundled")
    np.testing.assert_allclose(made.pixels.mean(axis=(0, 1)), (0.2, 0.6, 0.4), atol=0.03)
