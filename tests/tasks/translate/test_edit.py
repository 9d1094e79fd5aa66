"""What translate promises: any size, the same kind of file, the same result every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.errors import Cancelled, InputError, UnknownName, UnknownWeights, WeightsError
from retouch.image import Picture
from retouch.progress import Progress
from retouch.tasks.translate import Translator, translate
from retouch.tasks.translate.method import lab
from retouch.weights import Loaded
from tests.tasks.translate import toys

TOYS = {
    "3 to 3": toys.translator("resnet"),
    "1 to 3": toys.translator("unet", input_channels=1),
    "3 to 1": toys.translator("fcn", output_channels=1),
    "1 to 1": toys.translator("unet, no norm", input_channels=1, output_channels=1),
    "own statistics": toys.translator("unet", settings={"inference": "batch"}),
    "colours": toys.translator(
        "unet, instance norm", settings={"colour": "lab"}, input_channels=1, output_channels=2
    ),
}


def photo(height: int = 20, width: int = 27, channels: int = 3, kind: str = "uint8") -> np.ndarray[Any, Any]:
    """Colours over the whole range, as an array that Picture.of takes."""
    values = np.random.default_rng(height * width).random((height, width, channels))
    if kind == "float32":
        return values.astype(np.float32)
    largest = {"uint8": 255, "uint16": 65535}[kind]
    return np.rint(values * largest).astype(kind)


@given(
    toy=st.sampled_from(list(TOYS)),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    channels=st.integers(1, 4),
    kind=st.sampled_from(["uint8", "uint16", "float32"]),
)
@settings(max_examples=80, deadline=None)
def test_any_size_and_kind(toy: str, height: int, width: int, channels: int, kind: str) -> None:
    picture = Picture.of(photo(height, width, channels, kind))
    found = TOYS[toy](picture)
    assert found.size == (height, width)
    gray = toy.endswith("to 1")
    assert found.file.mode == ("L" if gray else "RGB") + ("A" if channels in (2, 4) else "")
    assert found.file.bit_depth == picture.file.bit_depth
    assert 0 <= found.pixels.min() <= found.pixels.max() <= 1
    if picture.alpha is not None:
        assert found.alpha is not None
        assert np.array_equal(found.alpha, picture.alpha)
    again = TOYS[toy](picture)
    assert np.array_equal(again.samples, found.samples)


def test_the_result_is_the_networks() -> None:
    # no border is needed at 24 × 36, so the sum is short: x → 2 x − 1 → network → (y + 1) / 2
    picture = photo(24, 36)
    x = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None] * 2 - 1
    with torch.no_grad():
        wanted = (toys.network("resnet")(x)[0].permute(1, 2, 0).numpy() + 1) / 2
    found = TOYS["3 to 3"](picture)
    assert np.abs(found.pixels - wanted).max() < 1e-5
    assert np.array_equal(found.samples, np.rint(np.clip(found.pixels, 0, 1) * 255))


def test_another_value_range() -> None:
    network = toys.network("resnet")
    card = toys.card("resnet", value_range=(0.0, 1.0))
    picture = photo(24, 36, kind="float32")
    with torch.no_grad():
        wanted = network(torch.from_numpy(picture).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    found = Translator(Loaded(card, network, Path()))(picture)
    assert np.abs(found.pixels - np.clip(wanted, 0, 1)).max() < 1e-5


def test_a_gray_network_is_given_luma() -> None:
    picture = photo(16, 16, kind="float32")
    luma = np.asarray(picture @ np.array([0.299, 0.587, 0.114]), np.float32)
    gray = TOYS["1 to 1"](luma)
    assert np.abs(TOYS["1 to 1"](picture).pixels - gray.pixels).max() < 1e-5
    assert gray.pixels.std() > 0.05


def test_sixteen_bits_are_not_made_of_eight() -> None:
    found = TOYS["3 to 3"](photo(40, 40, kind="uint16"))
    assert found.samples.dtype == np.uint16
    assert len(np.unique(found.samples)) > 1000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_file(mode: str, tmp_path: Path) -> None:
    suffix = ".tif" if mode == "CMYK" else ".png"
    Image.fromarray(photo(20, 27, 4)).convert(mode).save(tmp_path / f"photo{suffix}")
    for toy, expected in (("3 to 3", 3), ("3 to 1", 1)):
        found = TOYS[toy](tmp_path / f"photo{suffix}")
        assert found.size == (20, 27)
        found.save(tmp_path / f"made{suffix}")
        colours = Picture.of(tmp_path / f"made{suffix}")
        assert (np.ptp(colours.pixels, axis=2).max() == 0) == (expected == 1)
        assert (found.alpha is None) == (Picture.of(tmp_path / f"photo{suffix}").alpha is None)


def test_own_statistics_are_taken_when_the_card_says_so() -> None:
    kept = toys.translator("unet")(photo()).pixels
    own = TOYS["own statistics"](photo()).pixels
    assert np.abs(own - kept).max() > 0.05


def test_pieces_leave_no_seam() -> None:
    # a smooth photo, brighter to the right: a piece by itself would have another mean
    down, across = np.mgrid[0:1:96j, 0:1:160j]
    smooth = np.stack([across, across * down, 1 - across], axis=-1).astype(np.float32)
    for toy in ("3 to 3", "own statistics"):
        whole, tiled = TOYS[toy](smooth, tile=0).pixels, TOYS[toy](smooth, tile=16).pixels
        assert np.abs(whole - tiled).max() < 1 / 2550
        for axis in (0, 1):
            steps = np.abs(np.diff(tiled - whole, axis=axis)).max(axis=(1 - axis, 2))
            assert steps.max() < 1e-4


def test_dropout_only_by_seed_or_by_the_card() -> None:
    name = "unet with dropout"
    plain, live = toys.translator(name), toys.translator(name, settings={"dropout": True})
    assert not np.array_equal(plain(photo()).pixels, live(photo()).pixels)
    assert np.array_equal(live(photo()).pixels, live(photo()).pixels)
    assert np.array_equal(live(photo()).pixels, plain(photo(), seed=0).pixels)
    assert not np.array_equal(plain(photo(), seed=1).pixels, plain(photo(), seed=2).pixels)
    with pytest.raises(InputError, match=r"seed=1, but resnet has no dropout"):
        TOYS["3 to 3"](photo(), seed=1)


@pytest.mark.parametrize(("channels", "kind"), [(1, "uint8"), (1, "uint16"), (3, "uint8"), (3, "uint16")])
def test_colours_leave_the_lightness(channels: int, kind: str) -> None:
    picture = Picture.of(photo(30, 40, channels, kind))
    found = TOYS["colours"](picture)
    assert found.file.mode == "RGB"
    assert np.ptp(found.pixels, axis=2).mean() > 0.05
    assert np.abs(lab.lightness(found.pixels) - lab.lightness(picture.pixels)).max() < 5e-3


def test_a_file_is_loaded_and_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _list_toys(monkeypatch)
    path = toys.saved(tmp_path, "resnet, blurred, affine")
    Image.fromarray(photo()).save(tmp_path / "photo.png")
    events: list[Progress] = []
    found = translate(tmp_path / "photo.png", model=str(path), progress=events.append)
    wanted = toys.translator("resnet, blurred, affine")(photo())
    assert np.array_equal(found.samples, wanted.samples)
    assert found.report == {"model": "resnet, blurred, affine"}
    assert [event.stage for event in events] == ["loading the model", "translating", "translating"]
    assert Translator.load(path).card.architecture == "resnet"


def test_it_can_be_stopped() -> None:
    def stop(event: Progress) -> None:
        raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        translate(photo(), model="not looked for", progress=stop)
    with pytest.raises(Cancelled):
        TOYS["3 to 3"](photo(), progress=stop)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "inpaint"}, "is for inpaint, not for translate"),
        ({"architecture": "patchgan"}, "is a patchgan, which judges pictures"),
        ({"sizes": {"input_channels": 4}}, "turns 4 channels into 3; translate gives a network gray"),
        ({"sizes": {"output_channels": 2}}, "turns 3 channels into 2"),
        ({"settings": {"colour": "lab"}}, "turns 3 channels into 3; translate gives a network lightness"),
    ],
)
def test_a_model_for_something_else_is_refused(changes: dict[str, Any], message: str) -> None:
    card = toys.card("resnet", **changes)
    with pytest.raises(InputError, match=message):
        Translator(Loaded(card, toys.network("resnet", **changes.get("sizes", {})), Path()))


@pytest.mark.parametrize("setting", [{"inference": "train"}, {"colour": "luv"}])
def test_a_setting_of_a_later_version_is_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(UnknownWeights, match="this version knows"):
        toys.translator("resnet", settings=setting)


def test_bad_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    _list_toys(monkeypatch)
    with pytest.raises(InputError, match="tile=-1; pass"):
        TOYS["3 to 3"](photo(), tile=-1)
    with pytest.raises(UnknownName, match="unknown precision 'float16'; did you mean"):
        translate(photo(), model="not looked for", precision="float16")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="device 'abacus' cannot be used"):
        translate(photo(), device="abacus")
    with pytest.raises(InputError, match="NaN"):
        TOYS["3 to 3"](np.full((4, 4, 3), np.nan, np.float32))
    with pytest.raises(UnknownName, match="no-such-model"):
        translate(photo(), model="no-such-model")
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        translate(photo(), model="nowhere.pth")


def test_a_broken_network_is_named() -> None:
    network = toys.network("resnet")
    with torch.no_grad():
        next(network.parameters())[0, 0, 0, 0] = torch.nan
    with pytest.raises(WeightsError, match="resnet gives NaN or infinity"):
        Translator(Loaded(toys.card("resnet"), network, Path()))(photo())


def _list_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch import catalog

    monkeypatch.setattr(catalog, "architectures", lambda: toys.ARCHITECTURES, raising=False)
    monkeypatch.setattr(catalog, "layouts", tuple, raising=False)
