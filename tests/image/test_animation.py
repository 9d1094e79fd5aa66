"""Pictures that move, and files that belong beside a picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retouch.errors import InputError, OutputExists, SizeMismatch, UnknownName, UnwritablePicture
from retouch.image import Animation, Picture, write
from retouch.image.beside import companion_path, companion_paths
from tests.image import made

FRAMES = tuple(made.noise((16, 24, 3)) // 64 * 64 + np.uint8(shift) for shift in (0, 20, 40))
STILL = Picture.of(made.noise((6, 7, 3)))
MOVING = STILL.with_animation(Animation(FRAMES, 1.5))
BESIDE = STILL.with_companions({".latent.safetensors": b"codes", ".txt": b"words"})


def frames_in(path: Path) -> tuple[list[Any], list[int]]:
    """Every frame of a file, and how long each is shown, in ms."""
    with Image.open(path) as image:
        pictures, times = [], []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pictures.append(np.asarray(image.convert("RGB")))
            times.append(round(image.info.get("duration", 0)))
    return pictures, times


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng", ".avif", ".GIF"])
def test_where_a_format_can_move_the_animation_is_written(suffix: str, tmp_path: Path) -> None:
    path = MOVING.save(tmp_path / f"a{suffix}", lossless=True)
    pictures, times = frames_in(path)
    assert [picture.shape for picture in pictures] == [(16, 24, 3)] * 3
    assert times == [500, 500, 500]  # 1.5 s for all of them, the last one as long as the others
    if suffix in (".webp", ".apng"):
        for got, wanted in zip(pictures, FRAMES, strict=True):
            assert np.array_equal(got, wanted)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_anything_else_is_the_still(suffix: str, tmp_path: Path) -> None:
    path = MOVING.save(tmp_path / f"a{suffix}")
    assert Picture.of(path).size == (6, 7)
    if suffix != ".jpg":
        assert np.array_equal(Picture.of(path).samples, STILL.samples)


def test_a_video(tmp_path: Path) -> None:
    data = MOVING.save(tmp_path / "a.mp4").read_bytes()
    assert data[4:8] == b"ftyp"


def test_a_lossy_film_is_smaller(tmp_path: Path) -> None:
    sizes = [
        MOVING.save(tmp_path / f"{number}.webp", **options).stat().st_size  # type: ignore[arg-type]
        for number, options in enumerate([{"quality": 5}, {"quality": 95}, {"lossless": True}])
    ]
    assert sizes[0] < sizes[1]
    assert not np.array_equal(frames_in(tmp_path / "0.webp")[0][1], FRAMES[1])


def test_a_picture_without_animation_is_written_as_before(tmp_path: Path) -> None:
    assert Picture.of(STILL.save(tmp_path / "a.webp")).size == (6, 7)
    for name in ("a.gif", "a.apng", "a.mp4"):
        with pytest.raises(UnwritablePicture, match=r"name the format by one of \.png"):
            STILL.save(tmp_path / name)
    with pytest.raises(UnknownName, match="GIF"):
        STILL.save(tmp_path / "a.png", format="GIF")


def test_the_format_may_be_named(tmp_path: Path) -> None:
    assert len(frames_in(MOVING.save(tmp_path / "a.dat", format="gif"))[0]) == 3
    assert len(frames_in(MOVING.save(tmp_path / "a.gif", format="PNG"))[0]) == 1
    with pytest.raises(UnknownName):
        MOVING.save(tmp_path / "a.gif", format="mov")
    with pytest.raises(UnwritablePicture, match=r"\.mp4"):
        MOVING.save(tmp_path / "a.mov")
    with pytest.raises(UnwritablePicture, match="8 bits"):
        MOVING.save(tmp_path / "a.gif", bit_depth=16)


@pytest.mark.parametrize(
    ("frames", "seconds", "error", "message"),
    [
        ((), 1.0, InputError, "no frames"),
        ((np.zeros((4, 4), np.uint8),), 1.0, InputError, "Animation.of"),
        ((np.zeros((4, 4, 3)),), 1.0, InputError, "float64"),
        ((np.zeros((0, 4, 3), np.uint8),), 1.0, InputError, "Animation.of"),
        ((FRAMES[0], FRAMES[1][:8]), 1.0, SizeMismatch, "16×24 and 8×24"),
        (FRAMES, 0.0, InputError, "more than 0 seconds"),
        (FRAMES, float("nan"), InputError, "more than 0 seconds"),
        (FRAMES, float("inf"), InputError, "more than 0 seconds"),
    ],
)
def test_what_is_no_animation(frames: Any, seconds: float, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Animation(frames, seconds)


def test_an_animation_of_pictures_lies_on_white() -> None:
    see_through = np.zeros((4, 5, 4), np.uint8)
    see_through[0, 0] = 10, 20, 30, 255
    animation = Animation.of([see_through, np.zeros((4, 5, 3), np.float32)], seconds=2)
    assert animation.size == (4, 5)
    assert animation.frames[0][0, 0].tolist() == [10, 20, 30]
    assert (animation.frames[0][1:] == 255).all()
    assert (animation.frames[1] == 0).all()


def test_animation_and_companions_stay_with_the_same_picture_and_leave_another() -> None:
    picture = MOVING.with_companions({".txt": b"a"})
    alpha = np.ones((6, 7), np.float32)
    for same in (picture.converted(mode="L"), picture.with_alpha(alpha), picture.converted(bit_depth=16)):
        assert same.companions == {".txt": b"a"}
        assert same.animation is MOVING.animation
    other = picture.edited(picture.pixels)
    assert (other.animation, dict(other.companions)) == (None, {})
    assert picture.with_animation(None).animation is None
    assert dict(MOVING.companions) == {}
    with pytest.raises(TypeError):
        picture.companions[".txt"] = b""  # type: ignore[index]


def test_what_was_computed_of_the_pixels_is_kept() -> None:
    picture = STILL.edited(np.full((6, 7, 3), 0.123456, np.float32), report={"loss": 1.0})
    before = picture.pixels
    same = picture.with_companions({".txt": b""})
    assert np.array_equal(same.pixels, before)
    assert same.pixels is before
    assert same.report == {"loss": 1.0}


def test_companions_are_written_when_asked(tmp_path: Path) -> None:
    BESIDE.save(tmp_path / "a.b.png")
    assert made.names_in(tmp_path) == ["a.b.png"]
    BESIDE.save(tmp_path / "c.d.png", companions=True)
    assert made.names_in(tmp_path) == ["a.b.png", "c.d.latent.safetensors", "c.d.png", "c.d.txt"]
    assert (tmp_path / "c.d.txt").read_bytes() == b"words"


@pytest.mark.parametrize("taken", ["a.png", "a.txt", "a.latent.safetensors"])
def test_nothing_is_written_when_one_of_them_is_there(taken: str, tmp_path: Path) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(OutputExists, match=taken):
        BESIDE.save(tmp_path / "a.png", overwrite=False, companions=True)
    assert made.names_in(tmp_path) == [taken]
    assert (tmp_path / taken).read_text() == "precious"
    BESIDE.save(tmp_path / "a.png", companions=True)
    assert made.names_in(tmp_path) == ["a.latent.safetensors", "a.png", "a.txt"]


@pytest.mark.parametrize("taken", ["a.png", "a.txt"])
@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept_and_none_is_left_half(
    taken: str, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = write.encoded

    def slow(*args: object, **options: object) -> bytes:
        (tmp_path / taken).write_text("precious")
        return encode(*args, **options)  # type: ignore[arg-type]

    def no_links(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(write, "encoded", slow)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(OutputExists):
        BESIDE.save(tmp_path / "a.png", overwrite=False, companions=True)
    assert made.names_in(tmp_path) == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = write._write_draft
    written: list[Path] = []

    def full(draft: Path, data: bytes, replaced: Path | None) -> None:
        put(draft, data, replaced)
        written.append(draft)
        if len(written) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "_write_draft", full)
    with pytest.raises(UnwritablePicture, match="No space left"):
        BESIDE.save(tmp_path / "a.png", companions=True)
    assert made.names_in(tmp_path) == []


@pytest.mark.parametrize(
    "ending",
    ["", "txt", ".", "..", "/a.txt", ".a/../../b", ".a\0", ".ü", ".a b", "." + "x" * 50, ".a.b.c.d.e"],
)
def test_an_ending_that_leads_elsewhere_is_refused(ending: str) -> None:
    with pytest.raises(InputError, match="no ending of a file's name"):
        STILL.with_companions({ending: b""})


def test_what_is_not_bytes_is_refused() -> None:
    with pytest.raises(InputError, match="give its bytes"):
        STILL.with_companions({".txt": "words"})  # type: ignore[dict-item]


def test_where_companions_lie(tmp_path: Path) -> None:
    assert companion_path(Path("x/photo.v2.png"), ".l.s") == Path("x/photo.v2.l.s")
    with pytest.raises(InputError, match="choose another ending"):
        companion_paths(Path("a.txt"), [".txt"])
    with pytest.raises(InputError, match="choose another ending"):
        STILL.with_companions({".png": b""}).save(tmp_path / "a.png", companions=True)
    assert made.names_in(tmp_path) == []


@pytest.mark.parametrize("make", [lambda: MOVING, lambda: BESIDE])
def test_it_is_still_a_picture(make: Callable[[], Picture]) -> None:
    assert Picture.of(make()) is not None
    assert make().numpy("uint8").shape == (6, 7, 3)
