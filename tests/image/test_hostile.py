"""Broken and hostile files: one class of error, one line that says what to do, nothing else."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import PictureError, PictureTooLarge, UnreadablePicture
from retouch.image import Mask, Picture
from tests.image import made

PHOTO = Image.fromarray(made.noise((40, 60, 3)))
DEEP = made.noise((40, 60, 3), "uint16")
KINDS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP")


def deep_tiff(samples: NDArray[Any]) -> bytes:
    from retouch.image import tiff_write
    from retouch.image.facts import FileFacts

    return tiff_write.written(samples, FileFacts())


def cut(kind: str, part: float) -> bytes:
    data = made.file_of(PHOTO, kind)
    return data[: max(40, int(len(data) * part))]


def animated(kind: str, count: int = 3) -> bytes:
    frames = [Image.fromarray(made.noise((8, 9, 3), seed=i)) for i in range(count)]
    return made.file_of(frames[0], kind, save_all=True, append_images=frames[1:])


def bomb_png(bits: int) -> bytes:
    rows = zlib.compress(bytes(1 << 16))
    return made.png(np.zeros((1, 1, 3), f"uint{bits}"), rows=rows, size=(50_000, 50_000))


def bomb_webp() -> bytes:
    body = b"VP8X" + struct.pack("<IB3x", 10, 0) + (16383).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def bomb_tiff(bits: int) -> bytes:
    tags = {256: 1 << 30, 257: 1 << 10, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1 << 10, 279: 10}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


def nan_tiff(value: float) -> bytes:
    samples = np.full((5, 6, 3), 0.5, np.float32)
    samples[2, 3, 1] = value
    return deep_tiff(samples)


def seven_channels() -> bytes:
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((5, 6, 7), np.uint8), photometric="minisblack", planarconfig="contig")
    return stream.getvalue()


BROKEN: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"hello, I am no picture at all\n" * 20,
    "gif": lambda: made.file_of(PHOTO.convert("P"), "GIF"),
    "html": lambda: b"<!DOCTYPE html><title>404</title>",
    "pdf": lambda: b"%PDF-1.7 ...",
    "heic": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
    "png signature only": lambda: b"\x89PNG\r\n\x1a\n",
    "jpeg signature only": lambda: b"\xff\xd8\xff\xe0",
    "webp signature only": lambda: b"RIFF\x04\0\0\0WEBP",
    "tiff signature only": lambda: b"II*\0\x08\0\0\0",
    "tiff with a loop": lambda: b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 256, 4, 1, 5) + b"\x08\0\0\0",
    "bmp signature only": lambda: b"BM" + bytes(30),
    "animated png": lambda: animated("PNG"),
    "animated webp": lambda: animated("WEBP"),
    "animated avif": lambda: animated("AVIF"),
    "pages": lambda: animated("TIFF"),
    "nan": lambda: nan_tiff(np.nan),
    "infinity": lambda: nan_tiff(np.inf),
    "deep png: rows missing": lambda: made.png(DEEP, rows=zlib.compress(bytes(1000))),
    "deep png: too many rows": lambda: made.png(DEEP, rows=zlib.compress(bytes(1 << 20))),
    "deep png: unknown filter": lambda: made.png(DEEP, rows=zlib.compress(b"\x07" * (40 * 361))),
    "deep png: no zlib": lambda: made.png(DEEP, rows=b"garbage" * 100),
    "deep png: flipped bit": lambda: made.png(DEEP)[:3000] + b"\x55" + made.png(DEEP)[3001:],
    "png text bomb": lambda: made.png(
        np.asarray(PHOTO), chunks=made.png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200 << 20), 9))
    ),
    "png profile bomb": lambda: made.png(
        np.asarray(PHOTO), chunks=made.png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(200 << 20), 9))
    ),
    "seven channels": seven_channels,
    "32-bit whole numbers": lambda: made.file_of(Image.fromarray(np.full((4, 4), 70000, np.int32)), "TIFF"),
}
for _kind in KINDS:
    BROKEN[f"truncated {_kind}"] = partial(cut, _kind, 2 / 3)
    BROKEN[f"head of {_kind}"] = partial(cut, _kind, 0.01)
BROKEN["truncated 16-bit PNG"] = lambda: made.png(DEEP)[:5000]
BROKEN["truncated 16-bit TIFF"] = lambda: deep_tiff(DEEP)[:5000]
BROKEN["truncated float TIFF"] = lambda: deep_tiff(made.noise((40, 60, 3), "float32"))[:5000]
TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "bomb png": lambda: bomb_png(8),
    "bomb png 16": lambda: bomb_png(16),
    "bomb webp": bomb_webp,
    "bomb bmp": lambda: (
        b"BM" + struct.pack("<IHHIIiiHHIIIIII", 60, 0, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6)
    ),
    "bomb jpeg": lambda: made.file_of(PHOTO, "JPEG").replace(
        struct.pack(">BHH", 8, 40, 60), struct.pack(">BHH", 8, 65_000, 65_000)
    ),
    "bomb tiff": lambda: bomb_tiff(8),
    "bomb tiff 16": lambda: bomb_tiff(16),
}


def check_message(error: PictureError, name: str) -> None:
    message = str(error)
    assert "\n" not in message
    assert 20 < len(message) < 420
    assert name in message
    assert ";" in message  # what is wrong; what to do next


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_one_clear_error(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(BROKEN[name]())
    with pytest.raises(UnreadablePicture) as caught:
        Picture.of(path)
    check_message(caught.value, "photo.png")
    with pytest.raises(UnreadablePicture):
        Mask.of(path)
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""  # libpng and OpenCV like to write there
    assert made.names_in(tmp_path) == ["photo.png"]


@pytest.mark.parametrize("name", TOO_LARGE)
def test_bomb_is_refused_before_decoding(name: str) -> None:
    with pytest.raises(PictureTooLarge, match="max_pixels") as caught:
        Picture.of(TOO_LARGE[name]())
    check_message(caught.value, "picture of")


def test_limits_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PHOTO.save(path)
    with pytest.raises(PictureTooLarge, match="40×60 pixels, more than the limit of 2,399"):
        Picture.open(path, max_pixels=2399)
    with pytest.raises(PictureTooLarge, match="max_bytes"):
        Picture.open(path, max_bytes=100)
    with pytest.raises(PictureTooLarge):
        Picture.of(path, max_pixels=2399)
    assert Picture.open(path, max_pixels=2400).size == (40, 60)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("shape", [(100_000, 1), (1, 100_000)])
def test_long_thin_pictures_work(kind: str, shape: tuple[int, int], tmp_path: Path) -> None:
    samples = made.noise((*shape, 3))
    picture = Picture.of(made.file_of(Image.fromarray(samples), kind))
    np.testing.assert_array_equal(picture.samples, samples)
    path = picture.save(tmp_path / f"long.{kind.lower()}")
    np.testing.assert_array_equal(Picture.of(path).samples, samples)


def test_large_but_allowed_picture_is_not_refused_by_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    # Pillow has a global limit of its own; ours is the only one that counts.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for kind in KINDS:
        assert Picture.of(made.file_of(PHOTO, kind)).size == (40, 60)
    assert Picture.of(deep_tiff(DEEP)).size == (40, 60)


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    PHOTO.save(path, "PNG")
    assert Picture.of(path).file.format == "PNG"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_frame_can_be_chosen(kind: str) -> None:
    data = animated(kind)
    with pytest.raises(UnreadablePicture, match=r"holds 3 pictures.*frame=0"):
        Picture.of(data)
    picture = Picture.open(data, frame=0)
    assert picture.size == (8, 9)
    assert Picture.open(data, frame=2).size == (8, 9)
    if kind == "TIFF":
        np.testing.assert_array_equal(Picture.open(data, frame=2).samples, made.noise((8, 9, 3), seed=2))
    with pytest.raises(UnreadablePicture, match="has no picture 3; it holds 3"):
        Picture.open(data, frame=3)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match="is a folder"):
        Picture.of(tmp_path)
    with pytest.raises(UnreadablePicture, match="does not exist"):
        Picture.of(tmp_path / "missing.png")
    with pytest.raises(UnreadablePicture, match="device or a pipe"):
        Picture.of("/dev/null")
    with pytest.raises(UnreadablePicture, match="cannot be opened"):
        Picture.of("nul\0byte.png")
    with pytest.raises(UnreadablePicture, match="cannot be opened"):
        Picture.of("x" * 5000)


def test_pipe_does_not_hang(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    errors: list[Exception] = []

    def read() -> None:
        try:
            Picture.of(pipe)
        except UnreadablePicture as error:
            errors.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert "device or a pipe" in str(errors[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    PHOTO.save(path)
    path.chmod(0)
    with pytest.raises(UnreadablePicture, match="permissions"):
        Picture.of(path)


def test_oversized_and_broken_exif_do_not_matter(tmp_path: Path) -> None:
    chunk = made.png_chunk(b"eXIf", b"II*\0\x08\0\0\0" + b"\xff" * 100_000)
    picture = Picture.of(made.png(np.asarray(PHOTO), chunks=chunk))
    assert picture.size == (40, 60)
    assert picture.file.exif is None
    huge = made.png_chunk(b"eXIf", made.exif()[6:] + bytes(17 << 20))
    assert Picture.of(made.png(DEEP, chunks=huge)).file.exif is None
    large = made.exif()[6:] + bytes(100_000)
    kept = Picture.of(made.png(np.asarray(PHOTO), chunks=made.png_chunk(b"eXIf", large)))
    assert kept.file.exif == large
    # JPEG holds at most 64 KB of it.
    assert Picture.of(kept.save(tmp_path / "a.jpg")).file.exif is None


@pytest.mark.parametrize("kind", [*KINDS, "PNG 16", "TIFF 16"])
def test_random_damage_never_escapes_as_another_error(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    if kind.endswith("16"):
        data = made.png(DEEP) if kind.startswith("PNG") else deep_tiff(DEEP)
    else:
        data = made.file_of(PHOTO, kind, **({"exif": made.exif(6)} if kind != "BMP" else {}))
    generator = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(data)
        # Most of the damage goes to the headers, where the interesting mistakes are.
        for place in generator.integers(0, min(len(data), 400), 3):
            damaged[place] = generator.integers(0, 256)
        said, pixels = "", 0
        try:
            opened = Picture.open(bytes(damaged), max_pixels=1_000_000)
            pixels = opened.height * opened.width
        except PictureError as error:
            said = str(error)
        assert "\n" not in said
        assert pixels <= 1_000_000
    capfd.readouterr()


def test_pillow_image_that_cannot_be_decoded_is_an_input_error() -> None:
    from retouch.errors import InputError

    data = made.file_of(PHOTO, "PNG")
    image = Image.open(io.BytesIO(data[: len(data) // 2]))
    with pytest.raises(InputError, match="cannot be decoded"):
        Picture.of(image)


def test_pillow_warnings_stay_inside(recwarn: pytest.WarningsRecorder) -> None:
    import warnings

    warnings.simplefilter("always")
    tags = struct.pack("<HHII", 270, 2, 5000, 90) + struct.pack("<HHII", 256, 4, 1, 3)
    with suppress(PictureError):
        Picture.of(b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + tags + bytes(4))
    multi = made.file_of(PHOTO, "MPO", save_all=True, append_images=[PHOTO])
    assert Picture.of(multi).file.format == "JPEG"
    assert [str(warning.message) for warning in recwarn] == []


def test_silence_ends_when_the_last_thread_leaves() -> None:
    import warnings

    from retouch.image.quiet import no_pillow_warnings

    before = list(warnings.filters)
    first, second = no_pillow_warnings(), no_pillow_warnings()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # in another order than they came
    assert list(warnings.filters) != before
    second.__exit__(None, None, None)
    assert list(warnings.filters) == before


def test_what_pillow_logs_stays_off_standard_error() -> None:
    # In a process of its own: pytest's log handlers would hide Python's last resort.
    code = (
        "import sys\nfrom retouch.image import Picture\nfrom retouch.errors import UnreadablePicture\n"
        "try:\n    Picture.of(sys.stdin.buffer.read())\nexcept UnreadablePicture:\n    print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=seven_channels(), capture_output=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (b"refused\n", b"")


def test_being_cancelled_while_decoding_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch.errors import Cancelled

    def stop(*_: object) -> None:
        raise Cancelled("stopped")

    data = made.file_of(PHOTO, "PNG")
    monkeypatch.setattr("retouch.image.pillow.samples_of", stop)
    with pytest.raises(Cancelled):
        Picture.of(data)
    with pytest.raises(Cancelled):
        Mask.of(PHOTO)
    with pytest.raises(Cancelled):
        Picture.of(PHOTO)
