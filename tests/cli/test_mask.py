from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retouch.cli import app
from retouch.image import Drawing, Mask, Stroke
from tests.cli.conftest import Said

Say = Callable[..., Said]

SHAPE = np.zeros((30, 40), np.bool_)
SHAPE[8:20, 10:28] = True


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.TOOLS, "mask", "Make a mask.")


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A photo, gray with a red patch that is rubbed out."""
    pixels = np.full((30, 40, 4), (90, 90, 90, 255), np.uint8)
    pixels[SHAPE] = (230, 20, 20, 100)
    path = tmp_path / "marked.png"
    Image.fromarray(pixels).save(path)
    return path


def selected(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return Mask.of(path).inside


@pytest.mark.parametrize(
    "how",
    [
        ("--transparent",),
        ("--colour", "0.9,0.08,0.08"),
        ("--wand", "10,8", "--tolerance", "3"),
        ("--box", "10,8,28,20"),
        ("--polygon", "10,8 28,8 28,20 10,20"),
        ("--wand", "0,0", "--invert-mask"),
        ("--box", "8,6,30,22", "--grow", "-2"),
    ],
)
def test_ways_to_the_same_mask(how: tuple[str, ...], say: Say, marked: Path, tmp_path: Path) -> None:
    output = tmp_path / "mask.png"
    said = say("mask", marked, *how, "-o", output)
    assert (said.code, said.err) == (0, "")
    assert np.array_equal(selected(output), SHAPE)
    assert said.out == f"{output} (40×30 pixels, 18.0% selected)\n"


def test_a_drawing_is_a_mask(say: Say, marked: Path, tmp_path: Path) -> None:
    drawn, output = tmp_path / "drawn.json", tmp_path / "mask.png"
    drawing = Drawing((Stroke("rectangle", ((28, 20), (10, 8))),), (30, 40))
    drawn.write_text(drawing.json())
    said = say("mask", marked, "--mask", drawn, "-o", output)
    assert (said.code, said.err) == (0, "")
    assert np.array_equal(selected(output), SHAPE)
    by_drawing, by_mask = tmp_path / "one.png", tmp_path / "other.png"
    assert say("fill", marked, drawn, "--grow", "1", "-o", by_drawing).code == 0
    assert say("fill", marked, "--mask", output, "--grow", "1", "-o", by_mask).code == 0
    assert by_drawing.read_bytes() == by_mask.read_bytes()
    drawn.write_text(Drawing(drawing.strokes, (40, 30)).json())
    said = say("fill", marked, drawn, "-o", tmp_path / "no.png")
    assert (said.code, said.out) == (2, "")
    assert "the drawing was made on a 40×30 picture but image is 30×40" in said.err


def test_the_difference_of_two_versions(say: Say, marked: Path, tmp_path: Path) -> None:
    gray = tmp_path / "gray.png"
    Image.new("RGB", (40, 30), (90, 90, 90)).save(gray)
    output = tmp_path / "mask.png"
    said = say("mask", gray, "--difference", marked, "-o", output, "--json")
    assert np.array_equal(selected(output), SHAPE)
    assert said.facts["coverage"] == 0.18
    assert said.facts["bounds"] == [10, 8, 28, 20]
    assert said.facts["note"] is None


def test_the_tolerance_counts(say: Say, marked: Path, tmp_path: Path) -> None:
    gray, output = tmp_path / "gray.png", tmp_path / "mask.png"
    Image.new("RGB", (40, 30), (90, 90, 90)).save(gray)
    for how, coverage in (
        (("--wand", "0,0", "--tolerance", "200"), 1.0),
        (("--colour", "0.9,0.08,0.08", "--tolerance", "200"), 1.0),
        (("--difference", gray, "--tolerance", "200"), 0.0),
    ):
        assert say("mask", marked, *how, "-o", output, "--overwrite", "--json").facts["coverage"] == coverage


def test_feather_is_written_as_gray(say: Say, marked: Path, tmp_path: Path) -> None:
    output = tmp_path / "mask.png"
    say("mask", marked, "--box", "10,8,28,20", "--feather", "3", "-o", output)
    assert np.array_equal(Mask.of(output, soft=True).inside, SHAPE)
    assert Mask.of(output, soft=True).is_soft


def test_a_rough_mask_is_cleaned_and_said_so(say: Say, marked: Path, tmp_path: Path) -> None:
    rough, output = tmp_path / "rough.jpg", tmp_path / "mask.png"
    Image.fromarray(SHAPE.astype(np.uint8) * np.uint8(255)).save(rough, quality=40)
    said = say("mask", marked, "--mask", rough, "-o", output)
    assert "\nnote: " in said.out
    assert "between black and white" in said.out
    assert np.array_equal(selected(output), SHAPE)
    assert (
        "black and white"
        in say("mask", marked, "--mask", rough, "-o", tmp_path / "b.png", "--json").facts["note"]
    )
    assert "note" not in say("mask", marked, "--mask", output, "-o", tmp_path / "c.png").out


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ((), "nothing is given"),
        (("--transparent", "--box", "0,0,3,3"), "--transparent and --box"),
        (("--transparent", "--tolerance", "3"), "leave out --tolerance"),
        (("--wand", "40,0"), "outside the picture"),
        (("--wand", "1.5,0"), "is not a place"),
        (("--colour", "255,0,0"), "is not a colour"),
        (("--colour", "1,0,0", "--tolerance", "-1"), "tolerance"),
        (("--difference", "none.png"), "none.png"),
    ],
)
def test_what_is_refused(how: tuple[str, ...], wanted: str, say: Say, marked: Path, tmp_path: Path) -> None:
    output = tmp_path / "mask.png"
    said = say("mask", marked, *how, "-o", output)
    assert (said.code, said.out) == (2, "")
    assert wanted in said.err
    assert not output.exists()


def test_a_file_is_not_replaced_unasked(say: Say, marked: Path, tmp_path: Path) -> None:
    output = tmp_path / "mask.png"
    output.write_bytes(b"mine")
    assert say("mask", marked, "--transparent", "-o", output).code == 2
    assert output.read_bytes() == b"mine"
    assert say("mask", marked, "--transparent", "-o", output, "--overwrite").code == 0


def test_help_lists_the_ways(say: Say) -> None:
    said = say("mask", "--help")
    for option in ("--transparent", "--colour", "--wand", "--difference", "--mask", "--box", "--grow"):
        assert option in said.out
