"""What reconstruct promises: what a layer knows of a photo, and how much that is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retouch
from retouch.errors import InputError, UnknownName
from retouch.features import finding
from retouch.features.finding import Found
from retouch.image import Picture, samples
from retouch.progress import Progress
from retouch.tasks.stylize.edit import inverting

PHOTO = samples.open("cat").numpy("uint8")[60:124, 100:196]
TINY = finding.find("random", width=1 / 8)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = finding.find

    def find(name: str, **options: Any) -> Found:
        return TINY if name == "random" else whole(name, **options)

    monkeypatch.setattr(inverting, "find", find)


def _psnr(one: Picture, other: Any) -> float:
    return float(-10 * np.log10(np.square(one.pixels - Picture.of(other).pixels).mean()))


def test_the_first_layers_know_nearly_all() -> None:
    found = [
        retouch.reconstruct(PHOTO, layer=layer, features="random", steps=steps)
        for layer, steps in (("relu1_1", 120), ("relu1_2", 90), ("relu3_1", 60))
    ]
    values = [float(each.report["psnr"]) for each in found]
    assert values[0] > 30
    assert 10 < values[2] < values[1] < values[0]
    for each, value in zip(found, values, strict=True):
        assert _psnr(each, PHOTO) == pytest.approx(value, abs=0.3)
        assert each.size == PHOTO.shape[:2]


def test_our_own_network_knows_the_photo_too() -> None:
    found = retouch.reconstruct(PHOTO[:48, :48], layer="relu1_1", features="bundled", steps=90)
    assert float(found.report["psnr"]) > 30
    assert (found.report["features"], found.report["layer"]) == ("features", "relu1_1")


def test_it_knows_nothing_of_the_photo_but_its_features() -> None:
    start = retouch.reconstruct(PHOTO, layer="relu5_1", features="random", steps=1)
    assert _psnr(start, PHOTO) < 14
    assert np.abs(start.pixels.mean((0, 1)) - 0.5).max() < 0.05
    again, other = (
        retouch.reconstruct(PHOTO, layer="relu5_1", features="random", steps=1, seed=seed) for seed in (0, 1)
    )
    assert np.array_equal(again.samples, start.samples)
    assert not np.array_equal(other.samples, start.samples)


def test_a_file_to_begin_with_and_another_size(tmp_path: Path) -> None:
    path = Picture.of(PHOTO).save(tmp_path / "start.png")
    found = retouch.reconstruct(PHOTO, size=48, features="random", start=str(path), steps=1)
    assert found.size == (32, 48)
    assert float(found.report["psnr"]) > 25


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (33, 2, 4), (20, 20, 2)])
def test_any_size_and_kind(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    found = retouch.reconstruct(values, features="random", layer="relu2_1", steps=3)
    before = Picture.of(values)
    assert found.size == before.size
    assert found.file.mode == before.file.mode
    assert found.samples.dtype == np.uint16
    assert np.isfinite(float(found.report["psnr"]))
    if before.alpha is not None:
        assert np.array_equal(found.samples[..., -1], values[..., -1])


def test_every_step_tells_the_psnr() -> None:
    events: list[Progress] = []
    found = retouch.reconstruct(PHOTO, layer="relu1_1", features="random", steps=12, progress=events.append)
    told = [event.facts["psnr"] for event in events if "psnr" in event.facts]
    assert len(told) == 12
    assert max(told[-4:]) == pytest.approx(float(found.report["psnr"]), abs=1e-3)
    assert told[0] < told[-1]
    preview = events[-1].preview
    assert preview is not None
    shown = preview()
    assert isinstance(shown, Picture)
    assert shown.size == found.size


def test_options_that_cannot_be_meant_are_refused() -> None:
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"layer": "conv9"}, UnknownName, "unknown layer 'conv9'"),
        ({"steps": 0}, InputError, "steps=0; pass a whole number from 1"),
        ({"size": -1}, InputError, "size=-1; pass a whole number from 1"),
        ({"optimiser": "sgd"}, UnknownName, "unknown optimiser 'sgd'"),
        ({"variation": -0.1}, InputError, "variation=-0.1; pass a number from 0"),
        ({"start": "nowhere.png"}, OSError, "start='nowhere.png' is neither noise nor a file that is there"),
    ]
    for options, kind, message in wrong:
        with pytest.raises(kind, match=re.escape(message)):
            retouch.reconstruct(PHOTO, **{"features": "random", **options})


def test_no_layer_at_all_is_refused() -> None:
    with pytest.raises(InputError, match=r"no layer is named in ' '; name some of input"):
        retouch.reconstruct(np.zeros((8, 8, 3), np.uint8), layer=" ", features="bundled")
