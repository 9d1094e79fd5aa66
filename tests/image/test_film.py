"""Films of a process: which pictures are kept, and the files that they become."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2  # noqa: TID251 - an independent reader of video
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import InputError, OutputExists, UnknownName, UnwritablePicture
from retouch.image import Film, Picture, moving, opencv
from retouch.progress import Progress

GRAY = np.full((6, 8, 3), 128, np.uint8)


def numbered(film: Film, count: int, *, total: int | None = None) -> list[int]:
    """Show a film so many pictures whose colour says their number; gives the numbers it asked for."""
    asked: list[int] = []

    def preview(number: int) -> Callable[[], object]:
        def make() -> object:
            asked.append(number)
            return np.full((2, 3, 3), (number >> 16, number >> 8 & 255, number & 255), np.uint8)

        return make

    for number in range(1, count + 1):
        film(Progress("drawing", number, total, preview(number)))
    return asked


def kept(film: Film, path: Path) -> list[int]:
    """The numbers of the pictures that a film holds, read from its file."""
    film.save(path / "film.png", seconds=30)
    with Image.open(path / "film.png") as image:
        found = []
        for frame in range(getattr(image, "n_frames", 1)):
            image.seek(frame)
            red, green, blue = np.asarray(image.convert("RGB"))[0, 0].tolist()
            found.append(red << 16 | green << 8 | blue)
    return found


def test_few_pictures_are_all_kept(tmp_path: Path) -> None:
    film = Film(frames=10)
    numbered(film, 10)
    assert kept(film, tmp_path) == list(range(1, 11))


def test_many_pictures_are_kept_ever_farther_apart(tmp_path: Path) -> None:
    film = Film(frames=30)
    asked = numbered(film, 3000, total=3000)
    numbers = kept(film, tmp_path)
    assert len(numbers) == 30
    assert numbers[:4] == [1, 2, 3, 4]
    assert numbers[-1] == 3000
    steps = np.diff(np.log(numbers[10:-1]))
    # log(3000) / 30 = 0.27 were all the pictures there to choose from; there is none between 1 and 2.
    assert 0.1 < steps.min() < steps.max() < 0.6
    assert len(asked) < 200


def test_even_spacing(tmp_path: Path) -> None:
    film = Film(frames=11, spacing="even")
    asked = numbered(film, 2000, total=2000)
    numbers = kept(film, tmp_path)
    assert len(numbers) == 11
    assert (numbers[0], numbers[-1]) == (1, 2000)
    assert np.diff(numbers[:-1]).min() >= 60
    assert np.diff(numbers).max() <= 400
    assert len(asked) < 120


@given(frames=st.integers(2, 12), count=st.integers(1, 400), even=st.booleans())
@settings(max_examples=40, deadline=None)
def test_never_more_than_so_many_first_and_latest_always(frames: int, count: int, even: bool) -> None:
    film = Film(frames=frames, spacing="even" if even else "log")
    asked = numbered(film, count, total=count)
    assert len(film) == min(frames, len(asked))
    assert asked[0] == 1
    assert asked[-1] == count


def test_events_without_a_preview_cost_nothing_and_are_no_frames() -> None:
    film = Film()
    film(Progress("solving", 1, 2))
    assert len(film) == 0
    with pytest.raises(InputError, match="no picture of the process was reported"):
        film.save("film.gif")


def test_large_pictures_are_reduced_small_ones_brought_to_the_largest(tmp_path: Path) -> None:
    film = Film(side=64)
    for side in (8, 16, 400):
        film.add(np.full((side, side // 2, 3), 200, np.uint8))
    film.save(tmp_path / "film.webp")
    with Image.open(tmp_path / "film.webp") as image:
        assert image.size == (32, 64)
        assert np.abs(np.asarray(image.convert("RGB"), int) - 200).max() <= 3


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    film = Film()
    film.add(np.full((4, 4, 4), (0, 0, 0, 51), np.uint8))
    film.save(tmp_path / "film.png")
    with Image.open(tmp_path / "film.png") as image:
        # 255 × (1 − 51 / 255)
        assert image.convert("RGB").getpixel((0, 0)) == (204, 204, 204)


@pytest.fixture(scope="module")
def emerging() -> Film:
    """A ramp that comes out of noise in ten frames of odd size."""
    film, rng = Film(), np.random.default_rng(0)
    goal = np.linspace(0, 1, 61 * 85 * 3).reshape(61, 85, 3)
    for step in range(10):
        film.add((goal + (rng.random(goal.shape) - goal) * 0.5**step).clip(0, 1).astype(np.float32))
    return film


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "apng", "avif"])
def test_animations_hold_all_frames_and_their_times(emerging: Film, suffix: str, tmp_path: Path) -> None:
    path = emerging.save(tmp_path / f"film.{suffix}", seconds=0.9, hold=0.7)
    with Image.open(path) as image:
        assert image.size == (85, 61)
        durations = []
        for frame in range(getattr(image, "n_frames", 1)):
            image.seek(frame)
            image.load()
            durations.append(round(image.info["duration"]))
        last = np.asarray(image.convert("RGB"), np.float64) / 255
    if suffix == "webp":  # shows like frames once, for longer
        assert len(durations) > 5
        assert sum(durations) == 1600
    else:
        assert durations == [100] * 9 + [700]
    error = last - np.linspace(0, 1, 61 * 85 * 3).reshape(61, 85, 3)
    assert math.sqrt(np.mean(error**2)) < 0.03


def test_a_gif_repeats(emerging: Film, tmp_path: Path) -> None:
    with Image.open(emerging.save(tmp_path / "film.gif")) as image:
        assert image.info["loop"] == 0


def test_a_gif_does_not_flicker_where_the_picture_stands_still(tmp_path: Path) -> None:
    film, rng = Film(), np.random.default_rng(1)
    still = np.linspace(0, 255, 40 * 64 * 3).reshape(40, 64, 3).astype(np.uint8)
    for _ in range(4):
        frame = still.copy()
        frame[:, 40:] = rng.integers(0, 256, (40, 24, 3))
        film.add(frame)
    seen = []
    with Image.open(film.save(tmp_path / "film.gif")) as image:
        for number in range(4):
            image.seek(number)
            seen.append(np.asarray(image.convert("RGB"))[:, :40])
    assert all(np.array_equal(frame, seen[0]) for frame in seen)


def test_the_palette_is_mostly_for_the_result() -> None:
    rng = np.random.default_rng(2)
    noise = [rng.integers(0, 256, (60, 60, 3)).astype(np.uint8) for _ in range(20)]
    result = np.zeros((60, 60, 3), np.uint8)
    result[..., 0] = np.arange(60) * 4
    made = moving.with_one_palette([*noise, result])
    error = np.asarray(made[-1].convert("RGB"), float) - result
    assert np.sqrt(np.mean(error**2)) < 4
    assert all(image.getpalette() == made[0].getpalette() for image in made)


def test_a_video_is_vp9_in_mp4_and_holds_the_last_frame(emerging: Film, tmp_path: Path) -> None:
    path = emerging.save(tmp_path / "film.mp4", seconds=0.9, hold=0.5)
    data = path.read_bytes()
    assert data[4:8] == b"ftyp"
    assert b"vp09" in data
    reader = cv2.VideoCapture(str(path))
    assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    frames: list[NDArray[Any]] = []
    while (read := reader.read())[0]:
        frames.append(np.asarray(read[1])[..., ::-1])
    reader.release()
    assert len(frames) == 15
    assert frames[0].shape == (60, 84, 3)
    ramp = np.linspace(0, 255, 60)[:, None]
    assert np.abs(frames[-1].mean(axis=2) - ramp).mean() < 6
    assert np.abs(frames[0].mean(axis=2) - ramp).mean() > 20


def test_a_video_keeps_its_colours(tmp_path: Path) -> None:
    film = Film()
    for colour in ((200, 60, 20), (20, 60, 200)):
        film.add(np.full((32, 48, 3), colour, np.uint8))
    reader = cv2.VideoCapture(str(film.save(tmp_path / "film.mp4", hold=0)))
    first, last = (np.asarray(reader.read()[1])[..., ::-1].mean(axis=(0, 1)) for _ in range(2))
    reader.release()
    assert np.abs(first - (200, 60, 20)).max() < 12
    assert np.abs(last - (20, 60, 200)).max() < 12


def test_a_video_that_opencv_cannot_write_is_an_error_and_no_file(
    emerging: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencv, "_frames_in", lambda path: 3)
    with pytest.raises(UnwritablePicture, match="this OpenCV writes no VP9 video"):
        emerging.save(tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def test_writing_a_video_says_nothing(
    emerging: Film, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    emerging.save(tmp_path / "film.mp4")
    assert capfd.readouterr() == ("", "")


def test_a_film_of_one_frame(tmp_path: Path) -> None:
    film = Film()
    film.add(GRAY)
    for suffix in ("gif", "webp", "png", "avif", "mp4"):
        assert film.save(tmp_path / f"one.{suffix}").stat().st_size > 0


def test_what_is_there_is_safe(tmp_path: Path) -> None:
    film = Film()
    film.add(Picture.of(GRAY))
    path = tmp_path / "film.gif"
    path.write_bytes(b"mine")
    with pytest.raises(OutputExists, match=r"film\.gif exists already"):
        film.save(path, overwrite=False)
    assert path.read_bytes() == b"mine"
    film.save(path)
    assert path.read_bytes()[:3] == b"GIF"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"path": "film.mov"}, UnwritablePicture, "ends in '.mov'; a film is one of .gif, .webp"),
        ({"path": "film"}, UnwritablePicture, "has no suffix; a film is one of"),
        ({"path": "nowhere/film.gif"}, UnwritablePicture, "does not exist"),
        ({"seconds": 0.0}, InputError, "takes more than 0 seconds, got seconds=0.0"),
        ({"hold": math.nan}, InputError, "hold=nan"),
        ({"quality": 101}, InputError, "from 1 .* to 100"),
    ],
)
def test_what_cannot_be_written(
    options: dict[str, Any],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    film = Film()
    film.add(GRAY)
    with pytest.raises(error, match=message):
        film.save(**{"path": "film.webp", **options})
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_make_no_film() -> None:
    with pytest.raises(InputError, match="frames must be a whole number from 2, got 1; left out it is 60"):
        Film(frames=1)
    with pytest.raises(InputError, match=r"side must be a whole number from 2, got 0\.5; left out it is 512"):
        Film(side=0.5)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="'linear'; did you mean"):
        Film(spacing="linear")  # type: ignore[arg-type]
