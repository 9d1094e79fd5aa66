"""Files from strangers, read in another process."""

from __future__ import annotations

import json
import logging
import os
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retouch
from retouch.errors import (
    InputError,
    PictureTooLarge,
    UnreadablePicture,
    UnreadableWeights,
    UnwritablePicture,
)
from retouch.image import Mask, Picture, samples
from retouch.image.drawing import Drawing
from retouch.studio.child import Child, Message
from retouch.studio.failures import InternalError, ReaderDied, TimedOut, Unavailable
from retouch.studio.reading import Reader, _Desk
from retouch.studio.store import Limits

DRAWING = {
    "retouch": "drawing",
    "version": 1,
    "size": None,
    "strokes": [{"kind": "polygon", "points": [[2, 2], [20, 3], [9, 15]]}],
    "feather": 2,
}


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """A reader for pictures of up to a megapixel."""
    made = Reader(Limits(pixels=1_000_000))
    made.start()
    yield made
    made.close()


def photo(path: Path, size: tuple[int, int] = (40, 60)) -> Path:
    rows, columns = np.mgrid[: size[0], : size[1]]
    array = np.stack([rows * 3 % 256, columns * 2 % 256, (rows + columns) % 256], 2).astype(np.uint8)
    Image.fromarray(array).save(path)
    return path


def test_a_picture_is_described_as_it_opens(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "turned"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path, "JPEG", exif=exif)
    assert reader.inspect(path, "turned.jpg").result() == {
        "kind": "picture",
        "width": 40,
        "height": 60,
        "mode": "RGB",
        "bits": 8,
        "format": "JPEG",
    }
    deep = Picture.of(np.full((3, 5, 4), 40_000, np.uint16)).save(tmp_path / "deep.tif")
    facts = reader.inspect(deep, "deep.tif").result()
    assert (facts["mode"], facts["bits"], facts["format"], facts["width"]) == ("RGBA", 16, "TIFF", 5)


def test_what_is_wrong_with_a_file_is_said_by_its_name(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / ("0" * 32)
    whole = photo(tmp_path / "whole.png").read_bytes()
    for data, error, words in (
        (b"", UnreadablePicture, r"^evil\.png is empty"),
        (b"hello", UnreadablePicture, r"^evil\.png is no picture"),
        (whole[: len(whole) // 2], UnreadablePicture, r"^evil\.png is a damaged or truncated PNG"),
        (b"GIF89a" + bytes(20), UnreadablePicture, r"^evil\.png is a GIF file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), UnreadablePicture, r"^evil\.png"),
    ):
        path.write_bytes(data)
        with pytest.raises(error, match=words):
            reader.inspect(path, "evil.png").result()
    big = photo(tmp_path / "big.png", (1001, 1000))
    with pytest.raises(PictureTooLarge, match=r"^big\.png has 1001×1000 pixels"):
        reader.inspect(big, "big.png").result()


def safetensors(header: dict[str, object] | bytes, more: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + more


def test_a_latent_is_told_by_its_head(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(safetensors({"__metadata__": {"retouch-latent": "{}"}}))
    facts = reader.inspect(path, "cat.latent.safetensors").result()
    assert (facts["kind"], facts["width"], facts["format"]) == ("latent", None, "SAFETENSORS")
    for data in (
        safetensors({"__metadata__": {"other": "{}"}}),
        safetensors({"__metadata__": 3}),
        safetensors(b"{not json"),
        safetensors(b"{" * 100_000),
        struct.pack("<Q", 4 << 20) + b"{" + bytes(4 << 20),
        safetensors({"__metadata__": {"retouch-latent": "{}"}}, bytes(33 << 20)),
    ):
        path.write_bytes(data)
        with pytest.raises(UnreadableWeights, match=r"^net\.safetensors cannot be used as a latent"):
            reader.inspect(path, "net.safetensors").result()


def test_a_view_is_small_srgb_and_upright(reader: Reader, tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", (300, 600))
    out = tmp_path / "view.png"
    facts = reader.view(path, 100, out).result()
    assert (facts["width"], facts["height"], facts["mode"], facts["format"]) == (100, 50, "RGB", "PNG")
    shown, whole = Picture.open(out), Picture.open(path)
    assert shown.size == (50, 100)
    means = whole.pixels.reshape(50, 6, 100, 6, 3).mean((1, 3))
    assert float(np.abs(shown.pixels - means)[5:-5, 5:-5].mean()) < 0.02
    reader.view(path, 5000, out).result()
    assert np.array_equal(Picture.open(out).samples, whole.samples)


def test_a_view_of_a_deep_cmyk_or_transparent_picture(reader: Reader, tmp_path: Path) -> None:
    out = tmp_path / "view.png"
    cmyk = tmp_path / "c.jpg"
    Image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(cmyk)
    reader.view(cmyk, 10, out).result()
    made = Picture.open(out)
    assert (made.file.mode, made.size) == ("RGB", (7, 10))
    assert made.pixels[3, 5, 0] > 0.8 > 0.3 > made.pixels[3, 5, 1]
    half = np.zeros((20, 40, 4), np.uint16)
    half[:, 20:] = 65535
    half[:, :20, 0] = 65535
    reader.view(Picture.of(half).save(tmp_path / "half.png"), 10, out).result()
    made = Picture.open(out)
    assert (made.file.mode, made.file.bit_depth) == ("RGBA", 8)
    assert made.alpha is not None
    assert made.alpha[2, 0] == 0 < made.alpha[2, 9] == 1
    # The red of what is transparent does not bleed into the white.
    assert np.all(made.pixels[:, 5:, 1][made.alpha[:, 5:] > 0.5] > 0.95)


def test_a_drawing_becomes_the_mask_that_the_library_makes(reader: Reader, tmp_path: Path) -> None:
    out = tmp_path / "mask.png"
    facts = reader.draw(DRAWING, (30, 40), out).result()
    assert (facts["width"], facts["height"], facts["mode"]) == (40, 30, "L")
    Mask.of(Drawing.parse(DRAWING), (30, 40)).save(tmp_path / "again.png")
    assert out.read_bytes() == (tmp_path / "again.png").read_bytes()
    reader.draw(DRAWING | {"size": [25, 35]}, None, out).result()
    assert Picture.open(out).size == (25, 35)
    with pytest.raises(InputError, match="size"):
        reader.draw(DRAWING, None, out).result()
    with pytest.raises(InputError, match=r"strokes"):
        reader.draw(DRAWING | {"strokes": 3}, (5, 5), out).result()
    with pytest.raises(PictureTooLarge, match="the mask has 100000×100000 pixels"):
        reader.draw(DRAWING, (100_000, 100_000), out).result()


def test_a_picture_is_converted_as_the_library_does(reader: Reader, tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png")
    for suffix, form in ((".jpg", "JPEG"), (".webp", "WEBP"), (".tiff", "TIFF")):
        out, again = tmp_path / f"out{suffix}", tmp_path / f"again{suffix}"
        facts = reader.convert(path, out).result()
        assert (facts["format"], facts["width"]) == (form, 60)
        Picture.open(path).save(again)
        assert out.read_bytes() == again.read_bytes()
    clear = Picture.of(np.zeros((4, 4, 4), np.uint8)).save(tmp_path / "clear.png")
    with pytest.raises(UnwritablePicture, match="transparent pixels and JPEG has none") as caught:
        reader.convert(clear, tmp_path / "out.jpg", "clear.png").result()
    assert "background=" not in str(caught.value)
    with pytest.raises(UnwritablePicture) as caught:
        reader.convert(path, tmp_path / "out.exe", "cat.png").result()
    assert str(tmp_path) not in str(caught.value)


def test_a_reader_that_dies_of_a_file_is_started_anew(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Reader(processes=1)
    made.start()
    path = photo(tmp_path / "a.png")
    try:
        made.inspect(path, "a.png").result()
        pid = made.pids[0]
        drawing = {**DRAWING, "grow": 900, "feather": 900}
        asked = made.draw(drawing, (9000, 9000), tmp_path / "mask.png")
        time.sleep(0.5)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ReaderDied, match=r"the drawing could not be read.*signal 9.*send another"):
            asked.result(120)
        assert made.inspect(path, "a.png").result(120)["width"] == 60
        assert made.pids != (pid,)
    finally:
        made.close()


def test_a_reader_that_was_dying_before_it_began_harms_no_file(tmp_path: Path) -> None:
    made = Reader(processes=1)
    made.start()
    path = photo(tmp_path / "a.png")
    try:
        made.inspect(path, "a.png").result()
        pid = made.pids[0]
        os.kill(pid, signal.SIGSTOP)
        asked = made.inspect(path, "a.png")
        time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert asked.result(120)["width"] == 60
        os.kill(made.pids[0], signal.SIGKILL)
        assert made.inspect(path, "a.png").result(120)["width"] == 60
    finally:
        made.close()


def test_a_file_that_takes_too_long_fails_alone(tmp_path: Path) -> None:
    made = Reader(processes=1, timeout=0.5)
    made.start()
    path = photo(tmp_path / "a.png")
    try:
        made._desks[0]._timeout = 100
        made.inspect(path, "a.png").result()
        made._desks[0]._timeout = 0.5
        pid = made.pids[0]
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(TimedOut, match=r"a\.png took more than 0\.5 s"):
            made.inspect(path, "a.png").result(120)
        made._desks[0]._timeout = 100
        assert made.inspect(path, "a.png").result(120)["width"] == 60
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        made.close()


def test_what_nobody_waits_for_any_more_is_not_done(tmp_path: Path) -> None:
    made = Reader(processes=1)
    path = photo(tmp_path / "a.png")
    asked = [made.view(path, 10, tmp_path / f"{number}.png") for number in range(3)]
    assert asked[1].cancel()
    made.start()
    try:
        asked[2].result(120)
        assert [(tmp_path / f"{number}.png").exists() for number in range(3)] == [True, False, True]
    finally:
        made.close()


def test_closing_fails_what_waits(tmp_path: Path) -> None:
    made = Reader(processes=1)
    asked = [made.inspect(photo(tmp_path / "a.png"), "a.png") for _ in range(3)]
    asked[1].cancel()
    began = time.monotonic()
    made.close()
    assert time.monotonic() - began < 20
    for each in (asked[0], asked[2], made.inspect(tmp_path / "a.png", "a.png")):
        with pytest.raises(Unavailable, match="ending"):
            each.result(1)
    with pytest.raises(CancelledError):
        asked[1].result(1)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.studio.reading._WAITING", 2)
    made = Reader()
    asked = [made.inspect(tmp_path / "a.png", "a.png") for _ in range(3)]
    with pytest.raises(Unavailable, match="too many files"):
        asked[2].result(1)
    made.close()


def test_a_reader_that_cannot_start_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = Reader(processes=1, module="retouch.studio.no_such_module")
    made.start()
    try:
        with pytest.raises(Unavailable, match=r"the reader did not start \(it ended with code 1: .*no_such"):
            made.inspect(tmp_path / "a.png", "a.png").result(120)
    finally:
        made.close()


def test_a_bug_of_the_reader_is_logged_and_not_told(
    reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(InternalError) as caught:
        reader._do("juggle", "a.png", {}).result(120)
    assert "juggle" not in str(caught.value)
    assert "juggle" in caplog.text
    assert "Traceback" in caplog.text


def test_the_sides_of_the_server_and_the_reader_never_import_torch() -> None:
    import subprocess

    code = (
        "import sys, retouch.studio.queue, retouch.studio.reading, retouch.studio.store, "
        "retouch.studio.worker, retouch.studio.reader; from pathlib import Path; "
        "retouch.studio.reader.inspect(Path(sys.argv[1]), 10**6); "
        "sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    )
    home = Path(retouch.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(home)}
    subprocess.run([sys.executable, "-c", code, str(samples.path("cat"))], check=True, env=environment)


def test_our_own_pictures_may_be_larger_than_those_that_are_sent(reader: Reader, tmp_path: Path) -> None:
    big = photo(tmp_path / "big.png", (1001, 1000))
    assert reader.inspect(big, "big.png", trusted=True).result()["height"] == 1001
    assert reader.view(big, 10, tmp_path / "view.png").result()["height"] == 10
    assert reader.convert(big, tmp_path / "big.jpg").result()["height"] == 1001
    with pytest.raises(PictureTooLarge):
        reader.inspect(big, "big.png").result()


def test_a_system_that_starts_nothing_for_a_while_does_not_end_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(24, "Too many open files")

    made = Reader(processes=1)
    path = photo(tmp_path / "a.png")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(tempfile, "TemporaryFile", refused)
            made.start()
            with pytest.raises(Unavailable, match="Too many open files"):
                made.inspect(path, "a.png").result(120)
        assert made.inspect(path, "a.png").result(120)["width"] == 60
    finally:
        made.close()


def test_a_bug_of_a_desk_fails_one_file_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = _Desk._asked
    seen: list[Message] = []

    def broken(desk: _Desk, child: Child, message: Message) -> Message | None:
        seen.append(message)
        if len(seen) == 1:
            raise KeyError("secret")
        return asked(desk, child, message)

    monkeypatch.setattr(_Desk, "_asked", broken)
    made = Reader(processes=1)
    made.start()
    path = photo(tmp_path / "a.png")
    try:
        with pytest.raises(InternalError, match=r"a\.png could not be read") as caught:
            made.inspect(path, "a.png").result(120)
        assert "secret" not in str(caught.value)
        assert made.inspect(path, "a.png").result(120)["width"] == 60
        assert "KeyError: 'secret'" in caplog.text
    finally:
        made.close()
