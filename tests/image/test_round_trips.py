"""What goes into a file comes out of it, in every mode, depth and format."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.errors import UnwritablePicture
from retouch.image import Box, FileFacts, Picture
from retouch.image.facts import BitDepth, Mode
from tests.image import made

settings.register_profile("pictures", derandomize=True, deadline=None, max_examples=150)
FEW = settings.get_profile("pictures")

CHANNELS: dict[Mode, int] = {"1": 1, "L": 1, "LA": 2, "P": 3, "RGB": 3, "RGBA": 4, "CMYK": 4}
EXACT: dict[str, list[tuple[Mode, BitDepth]]] = {
    ".png": [
        ("1", 1),
        ("L", 8),
        ("LA", 8),
        ("P", 8),
        ("RGB", 8),
        ("RGBA", 8),
        ("L", 16),
        ("LA", 16),
        ("RGB", 16),
        ("RGBA", 16),
    ],
    ".tif": [
        ("1", 1),
        ("L", 8),
        ("LA", 8),
        ("P", 8),
        ("RGB", 8),
        ("RGBA", 8),
        ("CMYK", 8),
        ("L", 16),
        ("LA", 16),
        ("RGB", 16),
        ("RGBA", 16),
        ("CMYK", 16),
        ("L", 32),
        ("LA", 32),
        ("RGB", 32),
        ("RGBA", 32),
    ],
    ".webp": [("RGB", 8), ("RGBA", 8)],
    ".bmp": [("1", 1), ("L", 8), ("P", 8), ("RGB", 8)],
}
LOSSY: dict[str, list[Mode]] = {
    ".jpg": ["L", "RGB", "CMYK"],
    ".avif": ["L", "RGB", "RGBA"],
    ".webp": ["RGB", "RGBA"],
}
CASES = [(suffix, mode, depth) for suffix, kinds in EXACT.items() for mode, depth in kinds]
PROFILES = {"GRAY": made.gray_profile(), "RGB": made.rgb_profile("p3"), "CMYK": made.lab_table_profile()}


def profile_for(mode: Mode) -> bytes:
    return PROFILES["GRAY" if CHANNELS[mode] < 3 else "CMYK" if mode == "CMYK" else "RGB"]


def samples_for(mode: Mode, depth: BitDepth, size: tuple[int, int], seed: int = 0) -> NDArray[Any]:
    shape = (*size, CHANNELS[mode])
    if mode == "1":
        return made.noise(shape, seed=seed) // 128 * np.uint8(255)
    if mode == "P":
        colours = made.noise((200, 3), seed=seed)
        return np.asarray(colours[np.random.default_rng(seed).integers(0, 200, size)])
    samples = made.noise(shape, {8: "uint8", 16: "uint16", 32: "float32"}[depth], seed)
    if depth == 32 and mode in ("LA", "RGBA"):
        samples[..., -1] = samples[..., -1].clip(0, 1)
    return samples


@st.composite
def pictures(draw: st.DrawFn) -> tuple[str, Picture]:
    suffix, mode, depth = draw(st.sampled_from(CASES))
    size = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    icc = profile_for(mode) if suffix != ".bmp" and draw(st.booleans()) else None
    exif = made.exif()[6:] if suffix != ".bmp" and draw(st.booleans()) else None
    dpi = draw(st.sampled_from([None, (300.0, 300.0), (72.0, 96.0)])) if suffix in (".png", ".tif") else None
    facts = FileFacts(None, mode, depth, icc, exif, dpi=dpi)
    return suffix, Picture(samples_for(mode, depth, size, draw(st.integers(0, 99))), facts)


@FEW
@given(pictures())
def test_lossless_formats_give_back_the_same_samples_and_facts(case: tuple[str, Picture]) -> None:
    suffix, picture = case
    with tempfile.TemporaryDirectory() as folder:
        again = Picture.of(picture.save(Path(folder) / f"a{suffix}"))
    np.testing.assert_array_equal(again.samples, picture.samples)
    assert again.samples.dtype == picture.samples.dtype
    assert (again.file.mode, again.file.bit_depth) == (picture.file.mode, picture.file.bit_depth)
    assert again.file.icc == picture.file.icc
    assert again.file.lossless
    if picture.file.exif:
        assert again.file.exif is not None
        assert b"2020:01:02 03:04:05" in again.file.exif
    if picture.file.dpi:
        assert again.file.dpi == pytest.approx(picture.file.dpi, abs=0.02)


@pytest.mark.parametrize(("suffix", "mode"), [(s, m) for s, modes in LOSSY.items() for m in modes])
def test_lossy_formats_keep_mode_profile_and_nearly_the_samples(
    suffix: str, mode: Mode, tmp_path: Path
) -> None:
    y, x = np.mgrid[:60, :80]
    waves = [128 + 100 * np.sin((x * (i + 1) + y * 2) / 25) for i in range(CHANNELS[mode])]
    samples = np.stack(waves, axis=-1).astype(np.uint8)
    icc = profile_for(mode)
    picture = Picture(samples, FileFacts("JPEG", mode, 8, icc, made.exif()[6:], lossless=False))
    again = Picture.of(picture.save(tmp_path / f"a{suffix}"))
    assert again.file.mode == mode
    assert again.file.icc == icc
    assert again.file.exif is not None
    assert not again.file.lossless
    error = np.abs(again.samples.astype(int) - samples)
    assert error.max() <= 16
    assert error.mean() <= 2.5


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".bmp"])
def test_16_bits_are_rounded_to_8(suffix: str, tmp_path: Path) -> None:
    samples = np.full((8, 8, 3), 20_000, np.uint16)  # 20000 / 257 = 77.8
    again = Picture.of(Picture.of(samples).save(tmp_path / f"a{suffix}"))
    assert np.abs(again.samples.astype(int) - 78).max() <= (0 if suffix in (".bmp", ".webp") else 1)
    assert again.file.bit_depth == 8


def test_floats_become_16_bit_png_and_8_bit_jpeg(tmp_path: Path) -> None:
    picture = Picture.of(np.array([[-0.5, 0.25, 1.5]], np.float32).repeat(2, axis=0))
    png = Picture.of(picture.save(tmp_path / "a.png"))
    assert png.file.bit_depth == 16
    np.testing.assert_array_equal(png.samples[0, :, 0], [0, 16384, 65535])  # 0.25 · 65535 = 16383.75
    assert Picture.of(picture.save(tmp_path / "a.bmp")).samples[0, :, 0].tolist() == [0, 64, 255]
    assert Picture.of(picture.save(tmp_path / "b.png", bit_depth=8)).samples[0, 1, 0] == 64


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_is_never_dropped_silently(suffix: str, tmp_path: Path) -> None:
    samples = np.full((4, 4, 4), 100, np.uint8)
    path = tmp_path / f"a{suffix}"
    with pytest.raises(UnwritablePicture, match=r"PNG, WebP or TIFF, or pass background"):
        Picture.of(samples).save(path)
    assert not path.exists()
    flat = Picture.of(Picture.of(samples).save(path, background=(1, 1, 1)))
    assert flat.file.mode == "RGB"
    # 100 · 100/255 + 255 · 155/255 = 194.2
    assert np.abs(flat.samples.astype(int) - 194).max() <= 1
    samples[..., 3] = 255
    assert Picture.of(Picture.of(samples).save(path)).file.mode == "RGB"


def test_opaque_gray_alpha_becomes_gray(tmp_path: Path) -> None:
    samples = np.full((4, 4, 2), 255, np.uint8)
    assert Picture.of(Picture.of(samples).save(tmp_path / "a.jpg")).file.mode == "L"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".bmp"])
def test_cmyk_is_converted_through_its_profile_where_inks_cannot_be_stored(
    suffix: str, tmp_path: Path
) -> None:
    samples = np.full((8, 8, 4), (0, 255, 255, 0), np.uint8)
    picture = Picture(samples, FileFacts("TIFF", "CMYK", 8, PROFILES["CMYK"]))
    again = Picture.of(picture.save(tmp_path / f"a{suffix}"))
    assert again.file.mode == "RGB"
    assert again.file.icc is None
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=2 / 255)
    assert again.samples[0, 0, 0] > 220
    assert again.samples[0, 0, 1] < 60


def test_a_profile_that_bmp_cannot_hold_is_applied(tmp_path: Path) -> None:
    samples = np.full((4, 4, 3), (200, 100, 100), np.uint8)
    picture = Picture(samples, FileFacts("PNG", "RGB", 8, PROFILES["RGB"]))
    again = Picture.of(picture.save(tmp_path / "a.bmp"))
    assert again.samples[0, 0, 0] > 205  # a P3 red is stronger in sRGB numbers
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=0.5 / 255 + 1e-6)


def test_palette_grows_into_colour_only_when_it_must(tmp_path: Path) -> None:
    picture = Picture(samples_for("P", 8, (30, 40)), FileFacts("PNG", "P"))
    one = picture.edited_box(
        Box(0, 0, 2, 2), np.full((2, 2, 3), 0.123, np.float32), np.ones((2, 2), np.bool_)
    )
    assert Picture.of(one.save(tmp_path / "a.png")).file.mode == "P"
    many = picture.edited(np.random.default_rng(0).random((30, 40, 3), np.float32))
    assert Picture.of(many.save(tmp_path / "b.png")).file.mode == "RGB"


def test_transparent_palette_stays_one(tmp_path: Path) -> None:
    colours = made.noise((250, 4))
    samples = colours[np.random.default_rng(0).integers(0, 250, (30, 40))]
    picture = Picture(samples, FileFacts("PNG", "P"))
    again = Picture.of(picture.save(tmp_path / "a.png"))
    assert again.file.mode == "P"
    np.testing.assert_array_equal(again.samples, samples)
    assert Picture.of(picture.save(tmp_path / "a.tif")).file.mode == "RGBA"


def test_black_and_white_becomes_gray_only_when_it_must(tmp_path: Path) -> None:
    picture = Picture(samples_for("1", 1, (9, 11)), FileFacts("PNG", "1", 1))
    where = np.ones((2, 2), np.bool_)
    white = picture.edited_box(Box(0, 0, 2, 2), np.ones((2, 2, 3), np.float32), where)
    assert Picture.of(white.save(tmp_path / "a.png")).file.mode == "1"
    gray = picture.edited_box(Box(0, 0, 2, 2), np.full((2, 2, 3), 0.5, np.float32), where)
    again = Picture.of(gray.save(tmp_path / "b.png"))
    assert again.file.mode == "L"
    assert again.samples[0, 0, 0] == 128


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "PNG 16", "JPEG", "WEBP", "TIFF", "TIFF 16", "AVIF"])
def test_orientation_is_applied_once_and_reset(kind: str, orientation: int, tmp_path: Path) -> None:
    from PIL import Image, ImageOps

    samples = np.zeros((16, 24, 3), np.uint8)
    samples[:8, :8], samples[8:, 16:] = (255, 0, 0), (0, 0, 255)
    stored = Image.fromarray(samples)
    exif = made.exif(orientation)
    if kind == "PNG 16":
        data = made.png(samples.astype(np.uint16) * np.uint16(257), chunks=made.png_chunk(b"eXIf", exif[6:]))
    elif kind == "TIFF 16":
        gray = Image.fromarray(samples[..., 0].astype(np.uint16) * np.uint16(257))
        data = made.file_of(gray, "TIFF", exif=exif)
    else:
        special: dict[str, dict[str, Any]] = {"JPEG": {"subsampling": 0}, "WEBP": {"lossless": True}}
        options = special.get(kind, {})
        data = made.file_of(stored, kind, exif=exif, **options)
    block = Image.Exif()
    block[0x0112] = orientation
    stored.info["exif"] = block.tobytes()
    expected = np.asarray(ImageOps.exif_transpose(stored), np.float32) / 255
    if kind == "TIFF 16":
        expected = expected[..., :1].repeat(3, axis=2)
    picture = Picture.of(data)
    assert np.abs(picture.pixels - expected).mean() < 0.03
    again = Picture.of(picture.save(tmp_path / f"a.{kind[:4].lower().strip()}"))
    assert np.abs(again.pixels - expected).mean() < 0.03
    assert again.file.exif is not None
    assert b"2020:01:02 03:04:05" in again.file.exif


def test_thumbnail_of_the_unedited_picture_is_removed() -> None:
    from PIL import Image

    from retouch.image import exif

    thumbnail = made.file_of(Image.fromarray(made.noise((8, 8, 3))), "JPEG")
    first = b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
    second = b"\x01\x02\x04\0\x01\0\0\0" + (56).to_bytes(4, "little")
    second += b"\x02\x02\x04\0\x01\0\0\0" + len(thumbnail).to_bytes(4, "little")
    block = b"II*\0\x08\0\0\0\x01\0" + first + (26).to_bytes(4, "little") + b"\x02\0" + second + bytes(4)
    block += thumbnail
    assert exif.orientation(block) == 6
    cleaned = exif.upright(block)
    assert cleaned is not None
    assert exif.orientation(cleaned) == 1
    assert len(cleaned) == len(block)
    assert thumbnail[:20] not in cleaned


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_is_written_as_it_was_read(lossless: bool, tmp_path: Path) -> None:
    from PIL import Image

    data = made.file_of(Image.fromarray(made.noise((20, 20, 3))), "WEBP", lossless=lossless)
    picture = Picture.of(data)
    assert picture.file.lossless == lossless
    again = Picture.of(picture.save(tmp_path / "a.webp"))
    assert again.file.lossless == lossless
    other = Picture.of(picture.save(tmp_path / "b.webp", lossless=not lossless))
    assert other.file.lossless != lossless


def test_jpeg_is_saved_fine_and_without_chroma_subsampling(tmp_path: Path) -> None:
    from PIL import Image, JpegImagePlugin

    path = Picture.of(made.noise((32, 32, 3))).save(tmp_path / "a.jpg")
    with Image.open(path) as image:
        assert JpegImagePlugin.get_sampling(image) == 0
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert image.quantization[0][0] <= 2  # quality 95
    smaller = Picture.of(made.noise((32, 32, 3))).save(tmp_path / "b.jpg", quality=30)
    assert smaller.stat().st_size < path.stat().st_size / 2


def test_adobe_inverted_cmyk_jpeg_is_read_as_inks() -> None:
    from PIL import Image

    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    picture = Picture.of(made.file_of(image, "JPEG", quality=100))
    assert picture.file.mode == "CMYK"
    assert picture.pixels[0, 0, 0] < 0.05  # cyan swallows red
    assert picture.pixels[0, 0, 1:].min() > 0.95


@pytest.mark.parametrize(("suffix", "longest"), [(".webp", 16_383), (".jpg", 65_500), (".avif", 65_535)])
def test_side_longer_than_the_format_allows(suffix: str, longest: int, tmp_path: Path) -> None:
    with pytest.raises(UnwritablePicture, match="pixels a side"):
        Picture.of(np.zeros((1, longest + 1), np.uint8)).save(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(("suffix", "depth"), [(".jpg", 16), (".png", 32), (".webp", 32), (".bmp", 16)])
def test_depth_that_the_format_does_not_hold(suffix: str, depth: BitDepth, tmp_path: Path) -> None:
    with pytest.raises(UnwritablePicture, match=f"does not hold {depth} bits"):
        Picture.of(np.zeros((2, 2), np.uint8)).save(tmp_path / f"a{suffix}", bit_depth=depth)


def test_more_bits_keep_untouched_pixels_and_unrounded_edits(tmp_path: Path) -> None:
    samples = made.noise((6, 7, 3))
    box = Box(1, 1, 3, 3)
    edited = Picture.of(samples).edited_box(
        box, np.full((2, 2, 3), 0.2001, np.float32), np.ones((2, 2), np.bool_)
    )
    deep = Picture.of(edited.save(tmp_path / "a.png", bit_depth=16)).samples.copy()
    assert (deep[box.slices] == round(0.2001 * 65535)).all()
    deep[box.slices] = samples[box.slices].astype(np.uint16) * 257
    np.testing.assert_array_equal(deep, samples.astype(np.uint16) * 257)
