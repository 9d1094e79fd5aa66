"""``--film``: the making of a picture, beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retouch.cli import watch
from retouch.errors import Cancelled
from retouch.progress import Progress
from tests.cli.conftest import Said, names

Say = Callable[..., Said]
pytestmark = pytest.mark.usefixtures("made_up_verbs")
DARKEN = ("darken", "photo.png", "--box", "2,3,12,8", "-o", "out.png", "--strength", "1")


@pytest.fixture(autouse=True)
def _in_the_photos_folder(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photo.parent)


@pytest.mark.parametrize("film", ["film.gif", "film.webp", "film.avif", "film.png", "film.mp4"])
def test_a_film_is_written_beside_the_picture(say: Say, film: str) -> None:
    said = say(*DARKEN, "--note", "pictures", "--film", film)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("out.png (40×30 pixels, ")
    assert said.out.endswith(f"\n{film} (4 frames)\n")
    assert names(".") == sorted([film, "out.png", "photo.png"])
    if film.endswith(".png"):
        with Image.open(film) as image:
            first = np.asarray(image.convert("RGB"))
            image.seek(getattr(image, "n_frames", 1) - 1)
            last = np.asarray(image.convert("RGB"))
        assert np.array_equal(first, np.asarray(Image.open("photo.png")))
        assert np.array_equal(last, np.asarray(Image.open("out.png")))


def test_the_film_is_in_the_json(say: Say, tmp_path: Path) -> None:
    facts = say(*DARKEN, "--note", "pictures", "--film", "film.gif", "--json").facts
    assert facts["film"] == str(tmp_path / "film.gif")
    assert facts["frames"] == 4


def test_an_edit_that_shows_nothing_makes_its_picture_and_an_error(say: Say) -> None:
    said = say(*DARKEN, "--film", "film.gif")
    assert said.code == 2
    assert said.err == (
        "retouch: error: darken showed no picture of its making, so there is no film film.gif; "
        "the result is written to out.png; leave out --film\n"
    )
    assert names(".") == ["out.png", "photo.png"]


@pytest.mark.parametrize(
    ("film", "message"),
    [
        ("film.mov", "film.mov ends in '.mov'; a film is one of .gif, .webp, .png"),
        ("nowhere/film.gif", "the folder nowhere does not exist"),
        ("photo.png", "photo.png exists already"),
        ("./out.png", "out.png is the output and the film; give the film a name of its own"),
    ],
)
def test_a_film_that_cannot_be_written_is_refused_before_the_work(say: Say, film: str, message: str) -> None:
    said = say(*DARKEN, "--note", "pictures", "--film", film)
    assert said.code == 2
    assert message in said.err
    assert names(".") == ["photo.png"]


def test_a_film_is_replaced_if_that_is_wished(say: Say) -> None:
    Path("film.gif").write_text("old")
    assert say(*DARKEN, "--note", "pictures", "--film", "film.gif").code == 2
    assert Path("film.gif").read_text() == "old"
    assert say(*DARKEN, "--note", "pictures", "--film", "film.gif", "--overwrite").code == 0
    assert Path("film.gif").read_bytes()[:3] == b"GIF"


def test_there_is_no_film_of_a_folder(say: Say) -> None:
    Path("photos").mkdir()
    Path("photo.png").rename("photos/photo.png")
    said = say("darken", "photos", "--box", "2,3,12,8", "-o", "out", "--film", "film.gif")
    assert said.code == 2
    assert "--film shows the making of one picture, and photos is a folder; give a file" in said.err
    assert names(".") == ["photos"]


def test_a_stopped_edit_leaves_no_film(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: watch.Watch, event: Progress) -> None:
        if event.done == 2:
            raise Cancelled("enough")

    monkeypatch.setattr(watch.Watch, "__call__", stop)
    assert say(*DARKEN, "--note", "pictures", "--film", "film.gif").code == 130
    assert names(".") == ["photo.png"]
