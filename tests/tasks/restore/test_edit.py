"""What restore and upscale promise: any size, the same kind of file, the same result every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.errors import InputError
from retouch.image import Picture, exif, samples
from retouch.image.resample import resize
from retouch.tasks.restore import Restorer
from retouch.tasks.restore.method import sizes
from retouch.tasks.restore.method.forward import Forward
from retouch.tasks.restore.network import told
from tests.image import made
from tests.tasks.restore import toys
from tests.tasks.restore.toys import noisy, photo

UP, CLEAN = Restorer(toys.upscaler()), Restorer(toys.denoiser())


def identity() -> Restorer:
    """A network that enlarges by repeating pixels."""
    loaded = toys.upscaler()
    with torch.no_grad():
        for parameter in loaded.network.parameters():
            parameter.zero_()
    return Restorer(loaded)


@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    channels=st.integers(1, 4),
    kind=st.sampled_from(["uint8", "uint16", "float32"]),
    scale=st.sampled_from([None, 0.4, 1, 1.3, 2.5, 4, 7.1]),
)
@settings(max_examples=40, deadline=None)
def test_any_size_and_kind(height: int, width: int, channels: int, kind: str, scale: float | None) -> None:
    picture = Picture.of(photo(height, width, channels, kind))
    factor = 4 if scale is None else scale
    found, cleaned = UP(picture, scale=scale), CLEAN(picture)
    assert cleaned.size == picture.size
    assert found.size == tuple(max(int(side * factor + 0.5), 1) for side in picture.size)
    for result in (found, cleaned):
        assert result.file.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
        assert result.file.bit_depth == picture.file.bit_depth
        assert result.samples.dtype == kind
        assert 0 <= result.pixels.min() <= result.pixels.max() <= 1
        if channels < 3:
            assert np.ptp(result.pixels, axis=2).max() < 1e-6
        assert (result.alpha is None) == (channels in (1, 3))
    assert np.array_equal(UP(picture, scale=scale).samples, found.samples)
    if picture.alpha is not None:
        assert np.array_equal(cleaned.samples[..., -1], picture.samples[..., -1])


def test_the_result_is_the_networks() -> None:
    picture = photo(24, 40)
    x = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
    with torch.no_grad():
        large = toys.upscaler().network(x)[0].permute(1, 2, 0).numpy()
        clean = toys.denoiser().network(told(x, 40 / 255))[0].permute(1, 2, 0).numpy()
    assert np.abs(UP(picture).pixels - np.clip(large, 0, 1)).max() < 1e-5
    assert np.abs(CLEAN(picture, noise=40).pixels - np.clip(clean, 0, 1)).max() < 1e-5
    small = resize(np.clip(large, 0, 1).transpose(2, 0, 1), (60, 100)).transpose(1, 2, 0)
    assert np.abs(UP(picture, scale=2.5).pixels - np.clip(small, 0, 1)).max() < 1e-5
    assert (UP.planes(x) - torch.from_numpy(large).permute(2, 0, 1)[None]).abs().max() < 1e-5
    assert UP.planes(x).max() > 1  # nothing is clipped for those who measure


def test_sixteen_bits_are_not_made_of_eight() -> None:
    ramp = np.linspace(0.2, 0.8, 64 * 64).reshape(64, 64)
    noise = np.random.default_rng(2).normal(0, 0.02, ramp.shape)
    deep = np.rint((ramp + noise) * 65535).astype(np.uint16)
    for found in (CLEAN(deep), UP(deep), UP(deep, scale=2.2)):
        assert found.samples.dtype == np.uint16
        assert len(np.unique(found.samples)) > 1000
    steps = np.rint(ramp * 65535).astype(np.uint16)
    twice = identity()(steps, scale=2)
    assert len(np.unique(twice.samples)) > 3000
    assert np.abs(twice.pixels[::2, ::2, 0] - ramp).max() < 0.01


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_file(mode: str, tmp_path: Path) -> None:
    suffix = ".tif" if mode == "CMYK" else ".png"
    image = Image.fromarray(photo(20, 27, 3 if mode == "P" else 4)).convert(mode)
    image.save(tmp_path / f"photo{suffix}", dpi=(300, 300), icc_profile=None)
    for found in (UP(tmp_path / f"photo{suffix}", scale=3), CLEAN(tmp_path / f"photo{suffix}", noise=10)):
        found.save(tmp_path / f"made{suffix}")
        opened = Picture.of(tmp_path / f"made{suffix}")
        assert opened.size == found.size
        assert opened.file.mode == {"1": "L", "P": "RGB"}.get(mode, mode)
        assert opened.file.dpi == pytest.approx((300, 300), rel=1e-3)
        assert len(np.unique(opened.samples)) > 50
        assert (opened.alpha is None) == (mode not in ("LA", "RGBA"))


def test_profile_and_exif_stay_and_say_the_size(tmp_path: Path) -> None:
    block = Image.Exif()
    block[0x010F] = "Maker"
    block[0x0100], block[0x0101] = 27, 20
    block.get_ifd(0x8769)[0xA002] = 27
    block.get_ifd(0x8769)[0xA003] = 20
    profile = made.rgb_profile("p3")
    Image.fromarray(photo()).save(tmp_path / "photo.jpg", exif=block.tobytes(), icc_profile=profile)
    found = UP(tmp_path / "photo.jpg", scale=3)
    found.save(tmp_path / "made.jpg")
    with Image.open(tmp_path / "made.jpg") as written:
        assert written.info["icc_profile"] == profile
        tags = written.getexif()
        assert tags[0x010F] == "Maker"
        assert (tags[0x0100], tags[0x0101]) == (81, 60)
        assert (tags.get_ifd(0x8769)[0xA002], tags.get_ifd(0x8769)[0xA003]) == (81, 60)


@pytest.mark.parametrize(
    "block", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"junk" * 9]
)
def test_a_damaged_exif_block_stays_as_it_is(block: bytes) -> None:
    assert exif.resized(block, (60, 80)) == block


def test_light_beyond_white_and_colours_beyond_srgb_stay() -> None:
    lit = photo(16, 16, kind="float32")
    lit[4:12, 4:12] = (1.8, 0.5, -0.2)
    within = np.clip(lit, 0, 1)
    for one in (CLEAN, UP):
        found = one(lit).pixels - one(within).pixels
        wanted = resize((lit - within).transpose(2, 0, 1), found.shape[:2]).transpose(1, 2, 0)
        assert np.abs(found - wanted).max() < 1e-5
        assert found.max() > 0.79


def test_transparent_edges_have_no_fringe() -> None:
    down, across = np.mgrid[:30, :40]
    inside = np.hypot(down - 15, across - 20) < 11
    white = np.zeros((30, 40, 4), np.uint8)  # black where it is transparent, as most programs leave it
    white[inside] = 255
    for scale in (4, 2.5, 5):
        found = identity()(white, scale=scale)
        assert found.alpha is not None
        seen = found.pixels[found.alpha > 0]
        assert seen.min() > 254 / 255
        # a hard rim stays within about a pixel
        soft = (found.alpha > 0.02) & (found.alpha < 0.98)
        assert 0 < soft.sum() < 1.6 * 2 * np.pi * 11 * scale
        assert found.alpha.sum() == pytest.approx(inside.sum() * scale**2, rel=0.02)
    # the network itself sees no rim either
    found, plain = UP(white), UP(np.full((30, 40, 3), 255, np.uint8))
    assert found.alpha is not None
    assert np.abs(found.pixels - plain.pixels)[found.alpha > 0].max() < 1e-5


def test_a_soft_opacity_stays_soft() -> None:
    colour = np.full((20, 30, 4), 200, np.uint8)
    colour[..., 3] = np.linspace(0, 255, 30).astype(np.uint8)
    found = UP(colour)
    wanted = resize(colour[..., 3].astype(np.float32) / 255, (80, 120))
    assert found.alpha is not None
    assert np.abs(found.alpha - np.clip(wanted, 0, 1)).max() < 1e-5
    assert np.array_equal(found.samples[..., 3], np.rint(found.alpha * 255))


def test_what_is_transparent_is_not_touched_by_cleaning() -> None:
    picture = np.dstack([noisy(20), np.full((60, 80), 255, np.uint8)])
    picture[:, :30, 3] = 0
    found = CLEAN(picture, noise=20)
    assert np.array_equal(found.samples[:, :30], picture[:, :30])
    assert not np.array_equal(found.samples[:, 30:], picture[:, 30:])
    assert np.array_equal(found.pixels[:, :30], Picture.of(picture).pixels[:, :30])


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_gray_stays_gray_in_a_file_of_colours(kind: str) -> None:
    gray = photo(20, 27, 1, kind)
    coloured = np.repeat(gray, 3, axis=2)
    for restorer, options in ((UP, {}), (UP, {"scale": 2.5}), (CLEAN, {"noise": 20})):
        wanted, found = restorer(gray[..., 0], **options), restorer(coloured, **options)
        assert found.samples.shape[2] == 3
        assert np.array_equal(found.samples, np.repeat(wanted.samples, 3, axis=2))
    coloured[0, 0, 1] = 0
    assert np.ptp(UP(coloured).samples, axis=2)[40:].max() > 0


def test_strength_mixes_with_the_photo() -> None:
    picture = noisy(20).astype(np.float32) / 255
    all_of_it, half = CLEAN(picture, noise=20).pixels, CLEAN(picture, noise=20, strength=0.5).pixels
    raw = CLEAN.planes(torch.from_numpy(picture).permute(2, 0, 1)[None], noise=20)[0].permute(1, 2, 0).numpy()
    assert np.abs(half - np.clip((picture + raw) / 2, 0, 1)).max() < 1e-5
    assert np.abs(all_of_it - np.clip(raw, 0, 1)).max() < 1e-5
    none = CLEAN(noisy(20), noise=20, strength=0)
    assert np.array_equal(none.samples, noisy(20))
    assert np.array_equal(CLEAN(noisy(20), noise=0).samples, noisy(20))


def test_the_noise_is_estimated_and_told_of() -> None:
    found = CLEAN(noisy(25, (120, 160)))
    assert found.report["noise_is"] == "estimated"
    assert found.report["noise"] == pytest.approx(25, rel=0.1)
    assert CLEAN(noisy(25), noise=12).report["noise"] == 12
    assert CLEAN(noisy(25), noise=12).report["noise_is"] == "given"
    deep = CLEAN(noisy(25, (120, 160)).astype(np.uint16) * np.uint16(257))
    assert deep.report["noise"] == found.report["noise"]
    assert "too small to measure" in str(CLEAN(photo(3, 3)).report["note"])


def test_a_network_is_told_of_noise_that_is_given_and_not_of_an_estimate() -> None:
    picture = noisy(25, (120, 160))
    x = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
    blind, aware = (CLEAN.planes(x, noise=noise)[0].permute(1, 2, 0).clip(0, 1) for noise in (None, 25))
    assert (blind - aware).abs().max() > 0.01
    assert np.abs(CLEAN(picture).pixels - blind.numpy()).max() < 1e-5
    assert np.abs(CLEAN(picture, noise=25).pixels - aware.numpy()).max() < 1e-5


def test_a_clean_photo_is_left_as_it_is_and_that_is_said() -> None:
    clean = samples.open("rocket")
    found = CLEAN(clean)
    assert np.array_equal(found.samples, clean.samples)
    assert float(found.report["noise"]) < 1
    assert "hardly any noise was found" in str(found.report["note"])
    assert not np.array_equal(CLEAN(clean, noise=5).samples, clean.samples)


def test_a_network_for_one_level_says_when_the_noise_is_another() -> None:
    assert "is for noise of 25 levels" in str(toys.blur(sigma=25)(noisy(50), noise=50).report["note"])
    assert "note" not in toys.blur(sigma=25)(noisy(25), noise=25).report


def test_a_gray_network_cleans_each_channel_in_its_own_range() -> None:
    picture = photo(20, 30, kind="float32")
    around = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    wanted = np.lib.stride_tricks.sliding_window_view(around, (3, 3), (0, 1)).mean((3, 4))
    assert np.abs(toys.blur()(picture, noise=25).pixels - wanted).max() < 1e-6
    # in −1 … 1 the border's zeros are gray
    shifted = toys.blur((-1.0, 1.0))(picture, noise=25).pixels
    assert np.abs(shifted[1:-1, 1:-1] - wanted[1:-1, 1:-1]).max() < 1e-6
    assert np.abs(shifted - wanted).max() > 0.05


def test_the_ensemble_does_not_mind_turns() -> None:
    picture = noisy(20, (24, 40)).astype(np.float32) / 255
    plain = UP(picture).pixels
    wanted = UP(picture, ensemble=True).pixels
    assert np.abs(wanted - plain).max() > 0.01
    for turned, expected in (
        (picture[:, ::-1], wanted[:, ::-1]),
        (np.rot90(picture), np.rot90(wanted)),
        (picture.transpose(1, 0, 2), wanted.transpose(1, 0, 2)),
    ):
        assert np.abs(UP(np.ascontiguousarray(turned), ensemble=True).pixels - expected).max() < 1e-5
    cleaned = CLEAN(picture, noise=20, ensemble=True).pixels
    assert np.abs(CLEAN(picture, noise=20, ensemble=True, tile=8).pixels - cleaned).max() < 1e-5
    assert np.abs(CLEAN(picture[::-1].copy(), noise=20, ensemble=True).pixels - cleaned[::-1]).max() < 1e-5


def test_the_ensemble_is_the_mean_of_eight() -> None:
    x = torch.from_numpy(noisy(20, (24, 40)).astype(np.float32) / 255).permute(2, 0, 1)[None]
    for restorer, noise in ((UP, None), (CLEAN, 20.0)):
        total = torch.zeros_like(restorer.planes(x))
        for view in (x, x.transpose(2, 3)):
            for axes in ((), (2,), (3,), (2, 3)):
                made = restorer.planes(view.flip(axes), noise=noise).flip(axes)
                total += made if view is x else made.transpose(2, 3)
        assert (restorer.planes(x, noise=noise, ensemble=True) - total / 8).abs().max() < 1e-5


def test_pieces_are_the_whole_at_any_size() -> None:
    picture = noisy(15, (50, 70))
    for scale in (None, 2.5, 6):
        whole, cut = UP(picture, scale=scale, tile=0), UP(picture, scale=scale, tile=16)
        assert np.abs(whole.pixels - cut.pixels).max() < 1e-5
        assert int(cut.report["pieces"]) > int(whole.report["pieces"])
    assert UP(picture, budget=0.005).report["pieces"] == 1
    assert UP(picture, budget=1e308).report["pieces"] == 1
    assert int(UP(noisy(15, (200, 300)), budget=0.02).report["pieces"]) >= 4


def test_no_more_work_than_the_size_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sizes.steps((100, 100), (250, 250), 4) == [(250, 250)]
    assert sizes.steps((100, 100), (400, 400), 4) == [(400, 400)]
    assert sizes.steps((100, 100), (500, 500), 4) == [(125, 125), (500, 500)]
    assert sizes.steps((100, 100), (1600, 1600), 4) == [(400, 400), (1600, 1600)]
    assert sizes.steps((10, 10), (160, 160), 2) == [(20, 20), (40, 40), (80, 80), (160, 160)]
    assert sizes.steps((100, 100), (100, 800), 4) == [(100, 200), (100, 800)]  # no row is lost on the way
    done: list[int] = []
    planes = Forward.planes

    def noted(self: Forward, x: Any, **options: Any) -> Any:
        done.append(x.shape[1] * x.shape[2])
        return planes(self, x, **options)

    monkeypatch.setattr(Forward, "planes", noted)
    UP(photo(20, 20), scale=5)
    assert done == [20 * 20, 25 * 25]


def test_width_and_height() -> None:
    picture = photo(20, 30)
    assert UP(picture, width=100).size == (67, 100)
    assert UP(picture, height=50).size == (50, 75)
    assert UP(picture, width=40, height=90).size == (90, 40)
    smaller = UP(picture, width=15)
    assert smaller.size == (10, 15)
    assert "no network was used" in str(smaller.report["note"])
    wanted = resize(Picture.of(picture).pixels.transpose(2, 0, 1), (10, 15)).transpose(1, 2, 0)
    assert np.abs(smaller.pixels - np.clip(wanted, 0, 1)).max() < 1e-5
    same = UP(picture, scale=1)
    assert np.array_equal(same.samples, picture)
    assert "has that size already" in str(same.report["note"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0}, "scale=0; pass a number above 0"),
        ({"scale": -2.0}, "scale=-2.0"),
        ({"scale": float("nan")}, "scale=nan"),
        ({"scale": float("inf")}, "scale=inf"),
        ({"scale": 17}, "more than 16 times as many along a side"),
        ({"scale": 16.01}, "scale=16.01 makes 27×20 pixels more than 16 times"),
        ({"scale": 1e308}, "that scale makes"),
        ({"width": 10_000}, "width=10000 makes 27×20 pixels more than 16 times"),
        ({"width": 433}, "more than 16 times"),
        ({"height": 10**400}, "that height makes"),
        ({"width": 0}, "width=0; pass a number of pixels"),
        ({"height": 2.5}, "height=2.5"),
        ({"scale": 2, "width": 50}, "scale and a width or a height are both given"),
        ({"tile": -1}, "tile=-1"),
        ({"tile": 1.5}, r"tile=1\.5"),
        ({"budget": 0}, "budget=0; pass a number of megapixels"),
        ({"budget": float("nan")}, "budget=nan"),
        ({"budget": 1, "tile": 64}, "tile and budget are both given"),
        ({"noise": 5}, "clean the photo first"),
        ({"strength": 0.5}, "clean the photo first"),
    ],
)
def test_what_upscaling_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        UP(photo(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": -1}, "noise=-1; pass a number from 0 to 255, in levels"),
        ({"noise": 300}, "noise=300"),
        ({"noise": float("nan")}, "noise=nan"),
        ({"strength": 1.1}, r"strength=1\.1; pass a number from 0 to 1"),
        ({"scale": 2}, "scale is given, but toy denoiser leaves the size"),
        ({"width": 200}, "width is given"),
    ],
)
def test_what_cleaning_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CLEAN(photo(), **options)


def test_a_result_that_retouch_could_not_open_again_is_refused() -> None:
    wide = np.zeros((2000, 7000), np.uint8)
    with pytest.raises(
        InputError, match="448,011,772 pixels, and pictures of retouch have at most 200,000,000"
    ):
        UP(wide, scale=32**0.5)
