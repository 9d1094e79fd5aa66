"""Taking pictures in, editing them, and handing them out."""

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import InputError, SizeMismatch, UnknownName
from retouch.image import Box, FileFacts, Picture
from retouch.image.facts import BitDepth, Mode
from tests.image import made
from tests.image.test_round_trips import CASES, FEW, LOSSY, profile_for, samples_for


def test_importing_is_cheap() -> None:
    code = (
        "import retouch.image, sys; print([m for m in ('torch', 'cv2', 'PIL', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@FEW
@given(
    st.sampled_from(["bool", "uint8", "uint16", "float32", "float64"]),
    st.sampled_from([None, 1, 2, 3, 4]),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_arrays_of_every_kind(dtype: str, channels: int | None, height: int, width: int) -> None:
    shape = (height, width) if channels is None else (height, width, channels)
    raw = made.noise(shape, "uint8")
    if dtype == "bool":
        if channels not in (None, 1):
            return
        array: NDArray[Any] = raw > 127
        expected = array.astype(np.float64)
    elif dtype.startswith("float"):
        array = (raw / 255).astype(dtype)
        expected = array.astype(np.float64)
    else:
        array = raw.astype(dtype) * (257 if dtype == "uint16" else 1)
        expected = raw / 255
    picture = Picture.of(array)
    expected = expected.reshape(height, width, -1)
    colour = expected[..., : {2: 1, 4: 3}.get(expected.shape[2])]
    np.testing.assert_allclose(picture.pixels, np.broadcast_to(colour, (height, width, 3)), atol=1e-6)
    assert picture.pixels.dtype == np.float32
    assert picture.size == (height, width)
    if channels in (2, 4):
        assert picture.alpha is not None
        np.testing.assert_allclose(picture.alpha, expected[..., -1], atol=1e-6)
    else:
        assert picture.alpha is None


def test_the_same_photo_in_every_form(tmp_path: Path) -> None:
    samples = made.noise((5, 7, 3))
    path = tmp_path / "a.png"
    image = Image.fromarray(samples)
    image.save(path)
    tensor = torch.from_numpy(samples).permute(2, 0, 1).float() / 255
    reference = Picture.of(samples)
    forms: list[Any] = [
        path,
        str(path),
        path.read_bytes(),
        image,
        tensor,
        tensor[None],
        reference,
        tensor.to(torch.float64),
    ]
    for form in forms:
        np.testing.assert_allclose(Picture.of(form).pixels, reference.pixels, atol=1e-7)
    assert Picture.of(reference) is reference
    with Image.open(path) as opened:
        assert Picture.of(opened).file.format == "PNG"


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "HSV"]
)
def test_pillow_modes(mode: str) -> None:
    rgba = made.noise((6, 8, 4))
    if mode == "I;16":
        image = Image.fromarray(made.noise((6, 8), "uint16"))
    elif mode == "I":
        image = Image.fromarray(made.noise((6, 8), "uint16").astype(np.int32))
    elif mode == "F":
        image = Image.fromarray(np.random.default_rng(0).random((6, 8), np.float32))
    elif mode == "CMYK":
        image = Image.frombytes("CMYK", (8, 6), rgba.tobytes())
    elif mode in ("LA", "RGBA"):
        image = Image.fromarray(rgba if mode == "RGBA" else rgba[..., :2].copy(), mode)
    else:
        image = Image.fromarray(rgba[..., :3].copy()).convert(mode)
    picture = Picture.of(image)
    assert picture.size == (6, 8)
    shown = picture.to_pil()
    if mode in ("YCbCr", "HSV"):
        assert shown.mode == "RGB"
    elif mode == "I":
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(image))
    elif mode == "P":
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(image.convert("RGB")))
    else:
        assert shown.mode == mode
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(image))


def test_pillow_orientation_profile_and_exif_travel() -> None:
    icc = made.rgb_profile("p3")
    data = made.file_of(Image.fromarray(made.noise((6, 8, 3))), "PNG", exif=made.exif(6), icc_profile=icc)
    with Image.open(io.BytesIO(data)) as image:
        picture = Picture.of(image)
    assert picture.size == (8, 6)
    assert picture.file.icc == icc
    shown = picture.to_pil()
    assert shown.info["icc_profile"] == icc
    assert shown.getexif()[0x0112] == 1
    assert Picture.of(shown).size == (8, 6)


BAD: list[tuple[Any, str]] = [
    (np.zeros((3, 40, 50), np.uint8), r"moveaxis"),
    (np.zeros((2, 4, 5, 3), np.uint8), "not a batch"),
    (np.zeros((0, 5, 3), np.uint8), r"\(H, W\)"),
    (np.zeros((5,), np.uint8), r"\(H, W\)"),
    (np.zeros((4, 5, 3), np.int64), "int64"),
    (np.zeros((4, 5, 3), np.complex64), "complex64"),
    (np.full((4, 5, 3), np.nan), "NaN"),
    (np.full((4, 5, 3), np.inf), "NaN or infinity"),
    (np.full((4, 5, 3), 255.0), "array / 255"),
    (torch.zeros(40, 50, 3), "permute"),
    (torch.zeros(2, 3, 4, 5), r"tensor\[i\]"),
    (torch.zeros(7), "tensor must be"),
    (3, "int"),
    (None, "NoneType"),
    ([[1, 2], [3, 4]], "list"),
]


@pytest.mark.parametrize(("value", "hint"), BAD)
def test_what_is_no_picture_is_an_error_with_advice(value: Any, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        Picture.of(value)


def test_a_picture_holds_only_its_samples_until_asked() -> None:
    array = made.noise((500, 600, 3))
    tracemalloc.start()
    picture = Picture.of(array)
    held, peak = tracemalloc.get_traced_memory()
    assert peak < 1.1 * array.nbytes + 50_000
    assert held >= array.nbytes  # a copy: later changes to the array do not reach the picture
    box = Box(100, 100, 200, 150)
    picture.decode(box)
    tracemalloc.reset_peak()
    edited = picture.edited_box(box, np.zeros((50, 100, 3), np.float32), np.ones((50, 100), np.bool_))
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    area = 50 * 100
    assert now - held < array.nbytes + 16 * area + 50_000
    assert peak - held < array.nbytes + 60 * area + 50_000
    array[...] = 0
    assert picture.samples.any()
    assert edited.size == picture.size


def test_arrays_handed_out_are_read_only() -> None:
    picture = Picture.of(made.noise((4, 5, 4)))
    assert picture.alpha is not None
    for array in (picture.pixels, picture.samples, picture.alpha, picture.decode(Box(0, 0, 2, 2))):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0
    own = picture.numpy()
    own[...] = 0
    picture.numpy("uint8")[...] = 0
    picture.tensor().zero_()
    assert picture.pixels.any()


@FEW
@given(st.sampled_from(CASES), st.booleans(), st.integers(0, 50), st.data())
def test_untouched_pixels_are_bit_identical_through_a_file(
    case: tuple[str, Mode, BitDepth], profiled: bool, seed: int, data: st.DataObject
) -> None:
    import tempfile

    suffix, mode, depth = case
    size = 12, 17
    samples = samples_for(mode, depth, size, seed)
    icc = profile_for(mode) if profiled and suffix != ".bmp" else None
    picture = Picture(samples, FileFacts(None, mode, depth, icc))
    x0, y0 = data.draw(st.integers(0, 15)), data.draw(st.integers(0, 10))
    box = Box(x0, y0, data.draw(st.integers(x0 + 1, 17)), data.draw(st.integers(y0 + 1, 12)))
    generator = np.random.default_rng(seed)
    where = generator.random(box.size) < 0.5
    pixels = generator.random((*box.size, 3), np.float32)
    if mode == "1":
        pixels = np.rint(pixels[..., :1]).repeat(3, axis=2)
    if data.draw(st.booleans()):
        edited = picture.edited_box(box, pixels, where)
    else:
        full, everywhere = np.zeros((*size, 3), np.float32), np.zeros(size, np.bool_)
        full[box.slices], everywhere[box.slices] = pixels, where
        edited = picture.edited(full, where=everywhere)
    with tempfile.TemporaryDirectory() as folder:
        again = Picture.of(edited.save(Path(folder) / f"a{suffix}"))
    touched = np.zeros(size, np.bool_)
    touched[box.slices] = where
    np.testing.assert_array_equal(again.samples[~touched], samples[~touched])
    np.testing.assert_array_equal(edited.pixels[box.slices][where], pixels[where])
    np.testing.assert_array_equal(edited.pixels[~touched], picture.pixels[~touched])
    if mode in ("RGB", "RGBA", "P") and icc is None:  # the others cannot hold every colour
        half_a_step = {8: 0.501 / 255, 16: 0.51 / 65535, 32: 0}[depth]
        np.testing.assert_allclose(again.pixels[touched], edited.pixels[touched], atol=half_a_step, rtol=0)


@pytest.mark.parametrize("suffix", list(LOSSY))
def test_edits_survive_lossy_formats_nearly(suffix: str, tmp_path: Path) -> None:
    picture = Picture(np.full((32, 32, 3), 128, np.uint8), FileFacts("JPEG", lossless=False))
    edited = picture.edited_box(
        Box(0, 0, 16, 32), np.full((32, 16, 3), 0.2, np.float32), np.ones((32, 16), np.bool_)
    )
    again = Picture.of(edited.save(tmp_path / f"a{suffix}"))
    assert np.abs(again.pixels - edited.pixels).mean() < 0.01


def test_chained_edits_lose_nothing() -> None:
    picture = Picture.of(made.noise((20, 30, 3)))
    reference = picture.pixels.copy()
    generator = np.random.default_rng(1)
    for _ in range(250):
        x0, y0 = generator.integers(0, 25), generator.integers(0, 15)
        box = Box(int(x0), int(y0), int(x0 + generator.integers(1, 6)), int(y0 + generator.integers(1, 6)))
        where = generator.random(box.size) < 0.7
        values = picture.decode(box) * np.float32(0.99) + np.float32(0.001)
        np.testing.assert_array_equal(picture.decode(box), reference[box.slices])
        reference[box.slices][where] = values[where]
        picture = picture.edited_box(box, values, where)
    np.testing.assert_array_equal(picture.pixels, reference)
    assert sum(values.size for _, values in picture.patches) <= 1.2 * reference.size
    rounded = np.rint(reference * 255).clip(0, 255)
    np.testing.assert_array_equal(picture.numpy("uint8"), rounded)


def test_float_pictures_are_not_clipped_and_whole_numbers_are_rounded() -> None:
    wild = np.array([[[-0.5, 0.5, 1.7]]], np.float32)
    floats = Picture.of(np.zeros((1, 1, 3), np.float32)).edited(wild)
    np.testing.assert_array_equal(floats.samples, wild)
    bytes_ = Picture.of(np.zeros((1, 1, 3), np.uint8)).edited(wild)
    assert bytes_.samples.tolist() == [[[0, 128, 255]]]
    np.testing.assert_array_equal(bytes_.pixels, wild)


def test_wide_gamut_survives_an_edit_that_changes_nothing() -> None:
    samples = made.noise((30, 30, 3))
    picture = Picture(samples, FileFacts("PNG", icc=made.rgb_profile("p3")))
    assert picture.pixels.min() < -0.05
    np.testing.assert_array_equal(picture.edited(picture.pixels).samples, samples)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "RGB", "L", "1", "P"])
def test_alpha_can_be_given(mode: Mode) -> None:
    depth: BitDepth = 1 if mode == "1" else 8
    picture = Picture(samples_for(mode, depth, (5, 6)), FileFacts(None, mode, depth))
    alpha = np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)
    edited = picture.edited(picture.pixels, alpha=alpha)
    assert edited.alpha is not None
    np.testing.assert_array_equal(edited.alpha, alpha)
    assert edited.file.mode == {"1": "LA", "L": "LA", "RGB": "RGBA"}.get(mode, mode)
    np.testing.assert_allclose(edited.samples[..., -1] / 255, alpha, atol=0.51 / 255)


def test_what_cannot_be_edited_is_an_error() -> None:
    picture = Picture.of(np.zeros((4, 5, 3), np.uint8))
    fine, where = np.zeros((2, 2, 3), np.float32), np.ones((2, 2), np.bool_)
    with pytest.raises(SizeMismatch, match="3×2×3 but must be 2×2×3"):
        picture.edited_box(Box(0, 0, 2, 2), np.zeros((3, 2, 3), np.float32), where)
    with pytest.raises(SizeMismatch, match="where is 3×3"):
        picture.edited_box(Box(0, 0, 2, 2), fine, np.ones((3, 3), np.bool_))
    with pytest.raises(InputError, match="leaves the picture of 4×5"):
        picture.edited_box(Box(4, 0, 6, 2), fine, where)
    with pytest.raises(InputError, match="NaN"):
        picture.edited_box(Box(0, 0, 2, 2), fine * np.float32(np.nan), where)
    with pytest.raises(InputError, match="bool"):
        picture.edited_box(Box(0, 0, 2, 2), fine, where.astype(np.uint8))
    with pytest.raises(InputError, match="CMYK"):
        Picture(np.zeros((2, 2, 4), np.uint8), FileFacts(None, "CMYK")).with_alpha(
            np.ones((2, 2), np.float32)
        )
    with pytest.raises(InputError, match="leaves"):
        picture.decode(Box(-1, 0, 2, 2))
    with pytest.raises(UnknownName, match="float32"):
        picture.numpy("float16")  # type: ignore[arg-type]


def test_report_is_kept_and_read_only() -> None:
    picture = Picture.of(np.zeros((4, 5, 3), np.uint8))
    assert dict(picture.report) == {}
    edited = picture.edited(picture.pixels, report={"residual": 0.5, "cycles": 3})
    assert edited.report["cycles"] == 3
    with pytest.raises(TypeError):
        edited.report["cycles"] = 4  # type: ignore[index]


def test_handing_out() -> None:
    samples = made.noise((4, 6, 4), "uint16")
    picture = Picture.of(samples)
    np.testing.assert_array_equal(picture.numpy("uint16"), samples)
    np.testing.assert_array_equal(picture.numpy("uint8"), np.rint(samples / 257))
    np.testing.assert_allclose(picture.numpy(), samples / 65535, atol=1e-7)
    assert picture.numpy().dtype == np.float32
    tensor = picture.tensor()
    assert tensor.shape == (1, 3, 4, 6)
    assert tensor.dtype == torch.float32
    np.testing.assert_array_equal(tensor[0].permute(1, 2, 0).numpy(), picture.pixels)
    assert picture.to_pil().mode == "RGBA"
    assert Picture.of(np.zeros((2, 2), np.uint8)).numpy("uint8").shape == (2, 2, 3)
    assert repr(picture) == "Picture(4×6, RGBA 16 bit, in memory)"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("depth", [8, 16, 32])
def test_converted_shows_the_same_colours(mode: Mode, depth: BitDepth) -> None:
    gray = np.linspace(0, 255, 64).astype(np.uint8).reshape(8, 8)
    if mode == "1":
        gray = gray // 128 * np.uint8(255)
    picture = Picture.of(gray)
    wanted = None if mode in ("1", "P") else depth
    other = picture.converted(mode=mode, bit_depth=wanted)
    assert other.file.mode == mode
    np.testing.assert_allclose(other.pixels, picture.pixels, atol=0.51 / 255)
    back = other.converted(mode="L", bit_depth=8)
    np.testing.assert_array_equal(back.samples[..., 0], gray)


def test_converted_to_srgb_drops_the_profile_and_keeps_the_look() -> None:
    samples = made.noise((8, 8, 3)) // 2 + 60
    picture = Picture(samples, FileFacts("PNG", icc=made.rgb_profile("p3")))
    plain = picture.converted(srgb=True)
    assert plain.file.icc is None
    np.testing.assert_allclose(plain.pixels, np.clip(picture.pixels, 0, 1), atol=0.51 / 255)
    np.testing.assert_allclose(plain.samples / 255, np.clip(picture.pixels, 0, 1), atol=0.51 / 255)


def test_conversions_that_lose_something_ask_first() -> None:
    picture = Picture.of(np.full((2, 2, 4), 128, np.uint8))
    with pytest.raises(InputError, match="background"):
        picture.converted(mode="RGB")
    with pytest.raises(InputError, match="background must be"):
        picture.converted(background=(255, 255, 255))
    with pytest.raises(UnknownName, match="RGBA"):
        picture.converted(mode="RGBX")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="bit_depth"):
        picture.converted(bit_depth=12)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="palette"):
        picture.converted(mode="P", bit_depth=16)
    gray = Picture.of(np.full((2, 2, 2), 128, np.uint8)).converted(background=(1, 0, 0))
    assert gray.file.mode == "RGB"
    assert gray.samples[0, 0, 0] > 180 > gray.samples[0, 0, 1]


def test_numbers_too_large_for_float32_are_refused_without_a_warning() -> None:
    from retouch.errors import InputError

    picture = Picture.of(np.zeros((4, 4, 3), np.uint8))
    huge = np.full((4, 4, 3), 1e300)
    with pytest.raises(InputError, match="infinity"):
        Picture.of(huge)
    with pytest.raises(InputError, match="infinity"):
        picture.edited(huge)
    astronomic = np.full((4, 4, 3), 3e38, np.float32)
    assert picture.edited(astronomic).pixels.max() == np.float32(3e38)
