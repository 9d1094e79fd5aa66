"""16-bit PNG, and TIFF with 16-bit or floating-point samples, of every layout."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import UnreadablePicture
from retouch.image import Picture
from tests.image import made

SIZE = (37, 53)


def tiff(samples: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
def test_tiff_layouts(
    dtype: str, channels: int, order: str, tile: tuple[int, int] | None, compression: str | None
) -> None:
    samples = made.noise((*SIZE, channels), dtype)
    options: dict[str, Any] = {"photometric": "minisblack" if channels == 1 else "rgb", "byteorder": order}
    options |= {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    options |= {"tile": tile} if tile else {"rowsperstrip": 10}
    picture = Picture.of(tiff(samples.squeeze(), compression=compression, **options))
    np.testing.assert_array_equal(picture.samples, samples)
    assert picture.file.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]


@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_tiff_16_bit_differences(tile: tuple[int, int] | None) -> None:
    samples = made.noise((*SIZE, 3), "uint16")
    for order in "<>":
        data = tiff(
            samples, photometric="rgb", compression="zlib", predictor=True, tile=tile, byteorder=order
        )
        np.testing.assert_array_equal(Picture.of(data).samples, samples)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_tiff_compressions_and_predictors(compression: str, predictor: int, dtype: str) -> None:
    if (predictor == 3 and dtype == "uint16") or (predictor > 1 and compression == "packbits"):
        return
    samples = made.noise(SIZE, dtype)
    try:
        data = made.file_of(
            Image.fromarray(samples), "TIFF", compression=compression, tiffinfo={317: predictor}
        )
    except (OSError, RuntimeError):
        pytest.skip("this build of libtiff lacks it")
    np.testing.assert_array_equal(Picture.of(data).samples[..., 0], samples)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_planes(compression: str | None) -> None:
    samples = made.noise((*SIZE, 3), "uint16")
    planes = np.ascontiguousarray(samples.transpose(2, 0, 1))
    for layout in ({"rowsperstrip": 10}, {"tile": (16, 32)}):
        data = tiff(planes, photometric="rgb", planarconfig="separate", compression=compression, **layout)
        np.testing.assert_array_equal(Picture.of(data).samples, samples)


def test_tiff_oddities() -> None:
    gray = made.noise(SIZE, "uint16")
    inverted = Picture.of(tiff(gray, photometric="miniswhite"))
    np.testing.assert_array_equal(inverted.samples[..., 0], 65535 - gray)
    big = Picture.of(tiff(gray, photometric="minisblack", bigtiff=True))
    np.testing.assert_array_equal(big.samples[..., 0], gray)
    inks = made.noise((*SIZE, 4), "uint16")
    cmyk = Picture.of(tiff(inks, photometric="separated"))
    assert cmyk.file.mode == "CMYK"
    np.testing.assert_array_equal(cmyk.samples, inks)
    pair = made.noise((*SIZE, 2), "uint16")
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    with_alpha = Picture.of(tiff(pair, extrasamples=["unassalpha"], **options))
    assert with_alpha.file.mode == "LA"
    np.testing.assert_array_equal(with_alpha.samples, pair)
    for dtype in ("float16", "float64"):
        floats = made.noise((*SIZE, 3), "float32").astype(dtype)
        picture = Picture.of(tiff(floats, photometric="rgb"))
        np.testing.assert_array_equal(picture.samples, floats.astype(np.float32))


def test_tiff_multiplied_alpha_is_divided_out() -> None:
    samples = np.array([[[10_000, 20_000, 0, 32_768], [5, 5, 5, 0]]], np.uint16)
    picture = Picture.of(tiff(samples, photometric="rgb", extrasamples=["assocalpha"]))
    # 10000 · 65535 / 32768 = 19999.7
    assert picture.samples[0, 0].tolist() == [20_000, 39_999, 0, 32_768]
    assert picture.alpha is not None


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint32"])
def test_tiff_samples_that_are_not_read(dtype: str) -> None:
    with pytest.raises(UnreadablePicture, match="save it with 8 or 16 bits"):
        Picture.of(tiff(np.ones(SIZE, dtype)))


def test_our_tiff_is_understood_elsewhere(tmp_path: Any) -> None:
    for dtype in ("uint8", "uint16", "float32"):
        samples = made.noise((*SIZE, 3), dtype)
        path = Picture.of(samples.clip(0, 1) if dtype == "float32" else samples).save(
            tmp_path / f"{dtype}.tif"
        )
        np.testing.assert_array_equal(
            tifffile.imread(path), samples.clip(0, 1) if dtype == "float32" else samples
        )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_16_bit(channels: int) -> None:
    samples = made.noise((*SIZE, channels), "uint16")
    picture = Picture.of(made.png(samples))
    np.testing.assert_array_equal(picture.samples, samples)
    assert picture.file.bit_depth == 16


def test_png_16_bit_transparent_colour() -> None:
    colour = made.noise((*SIZE, 3), "uint16")
    key = colour[3, 4].astype(">u2").tobytes()
    picture = Picture.of(made.png(colour, chunks=made.png_chunk(b"tRNS", key)))
    assert picture.file.mode == "RGBA"
    assert picture.alpha is not None
    assert picture.alpha[3, 4] == 0
    assert picture.alpha.sum() == SIZE[0] * SIZE[1] - 1
    np.testing.assert_array_equal(picture.samples[..., :3], colour)
    gray = made.noise((*SIZE, 1), "uint16")
    data = made.png(gray, chunks=made.png_chunk(b"tRNS", gray[0, 0].astype(">u2").tobytes()))
    assert Picture.of(data).file.mode == "LA"


def test_png_8_bit_transparent_colours() -> None:
    for image, key in ((Image.fromarray(made.noise((6, 7, 3))), (1, 2, 3)), (Image.new("L", (6, 7), 9), 9)):
        picture = Picture.of(made.file_of(image, "PNG", transparency=key))
        assert picture.alpha is not None


def test_png_16_bit_interlaced() -> None:
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )

    for height, width in ((13, 9), (1, 1), (8, 3)):
        samples = made.noise((height, width, 3), "uint16")
        rows = b""
        for x, y, dx, dy in passes:
            for row in samples[y::dy, x::dx]:
                rows += b"\0" + row.astype(">u2").tobytes() if row.size else b""
        header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 1)
        data = b"\x89PNG\r\n\x1a\n" + made.png_chunk(b"IHDR", header)
        data += made.png_chunk(b"IDAT", zlib.compress(rows)) + made.png_chunk(b"IEND", b"")
        np.testing.assert_array_equal(Picture.of(data).samples, samples)


def test_png_16_bit_carries_profile_resolution_and_exif(tmp_path: Any) -> None:
    icc = made.rgb_profile("adobe")
    chunks = made.png_chunk(b"iCCP", b"name\0\0" + zlib.compress(icc))
    chunks += made.png_chunk(b"pHYs", (11811).to_bytes(4, "big") * 2 + b"\1")
    chunks += made.png_chunk(b"eXIf", made.exif(1)[6:])
    picture = Picture.of(made.png(made.noise((*SIZE, 3), "uint16"), chunks=chunks))
    for seen in (picture, Picture.of(picture.save(tmp_path / "a.png"))):
        assert seen.file.icc == icc
        assert seen.file.dpi is not None
        np.testing.assert_allclose(seen.file.dpi, 300, atol=0.01)
        assert seen.file.exif == made.exif(1)[6:]
    with Image.open(tmp_path / "a.png") as image:  # and Pillow agrees
        assert image.info["icc_profile"] == icc


def test_png_16_bit_with_a_broken_profile_is_srgb(caplog: pytest.LogCaptureFixture) -> None:
    data = made.png(made.noise((4, 4, 3), "uint16"), chunks=made.png_chunk(b"iCCP", b"name\0\0garbage"))
    assert Picture.of(data).file.icc is None
    assert "taken for sRGB" in caplog.text


def test_checking_the_rows_takes_time_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given all at once, the inflater would copy what is left of the file after every piece.
    given: list[int] = []
    inflater = zlib.decompressobj

    class Counting:
        def __init__(self) -> None:
            self.own = inflater()

        def decompress(self, data: bytes, most: int) -> bytes:
            given.append(len(data))
            return self.own.decompress(data, most)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.own, name)

    samples = made.noise((700, 900, 3), "uint16")
    data = made.png(samples)
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    np.testing.assert_array_equal(Picture.of(data).samples, samples)
    assert len(given) > 3
    assert sum(given) < 1.5 * len(data)


@pytest.mark.parametrize(("helping", "flush"), [(1, 1), (7, 16), (1 << 16, 5)])
def test_rows_are_complete_however_they_are_cut(
    helping: int, flush: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retouch.image.png16._HELPING", helping)
    monkeypatch.setattr("retouch.image.png16._FLUSH", flush)
    for size in range(1, 40):
        flat = np.full((size, 9, 1), 257, np.uint16)
        np.testing.assert_array_equal(Picture.of(made.png(flat)).samples, flat)
