"""Latents as inputs, and outputs that move or have files beside them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retouch.catalog import Option, edit_named
from retouch.image import Picture
from retouch.sweep import workers
from tests.cli import traced
from tests.cli.conftest import Said, names

Say = Callable[..., Said]
HOUSE = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.latent.safetensors").write_bytes(b"the codes of a picture, which nobody decodes")
    traced.calls.clear()
    with traced.in_catalog():
        yield


def test_a_latent_is_a_kind_of_its_own() -> None:
    options = edit_named("trace").options()
    assert options[:3] == (
        Option("latent", "latent", True, None, (), "what is traced."),
        Option("others", "latents", False, (), (), "more of them."),
        Option("start", "latent", False, None, (), "where it begins."),
    )
    assert [option.placed for option in options] == [True, False, False, False]


def test_a_latent_is_handed_on_as_it_is(say: Say) -> None:
    said = say(
        "trace", "in.latent.safetensors", "--others", "a.png", "--others", "b", "--start", "c", "-o", "o.png"
    )
    assert (said.code, said.err) == (0, "")
    [call] = traced.calls
    assert call["latent"] == Path("in.latent.safetensors")
    assert call["others"] == (Path("a.png"), Path("b"))
    assert call["start"] == Path("c")
    assert names(".") == ["in.latent.safetensors", "o.latent.safetensors", "o.png"]
    assert Path("o.latent.safetensors").read_bytes() == b"the codes of a pictu"
    assert said.out.startswith("o.png (6×4 pixels, ")
    assert said.out.endswith("\no.latent.safetensors\n")


def test_the_files_beside_it_are_in_the_json(say: Say, tmp_path: Path) -> None:
    facts = say("trace", "in.latent.safetensors", "-o", "o.png", "--json").facts
    assert facts["companions"] == [str(tmp_path / "o.latent.safetensors")]
    assert (facts["width"], facts["height"], facts["loss"]) == (6, 4, 10.0)


@pytest.mark.parametrize("output", ["o.gif", "o.webp", "o.apng", "o.avif", "o.mp4"])
def test_where_the_output_can_move_it_does(say: Say, output: str) -> None:
    said = say("trace", "in.latent.safetensors", "-o", output, "--json")
    assert (said.facts["width"], said.facts["height"]) == (12, 8)
    if output != "o.mp4":
        with Image.open(output) as image:
            assert (image.size, getattr(image, "n_frames", 1)) == ((12, 8), 2)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("o.mov", "o.mov ends in '.mov'; name the format by one of .png"),
        ("in.png", "in.latent.safetensors exists already; pass overwrite=True (--overwrite)"),
        ("o.txt", ".mp4"),
        ("gone/o.png", "the folder gone does not exist"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(say: Say, output: str, message: str) -> None:
    said = say("trace", "in.latent.safetensors", "-o", output)
    assert said.code == 2
    assert message in said.err
    assert traced.calls == []
    assert names(".") == ["in.latent.safetensors"]


def test_files_beside_it_are_replaced_if_that_is_wished(say: Say) -> None:
    assert say("trace", "in.latent.safetensors", "-o", "o.png").code == 0
    assert say("trace", "in.latent.safetensors", "-o", "o.gif").code == 2
    assert say("trace", "in.latent.safetensors", "-o", "o.gif", "--overwrite").code == 0
    assert names(".") == ["in.latent.safetensors", "o.gif", "o.latent.safetensors", "o.png"]


def test_help_names_the_latent_by_its_place(say: Say) -> None:
    said = say("trace", "--help")
    assert "LATENT" in said.out
    assert "what is traced." in said.out
    assert "Give it again for each further file." in said.out


def shelf() -> Path:
    """A folder of a photo with a latent, a photo without, and a latent alone."""
    home = Path("shelf")
    (home / "deep").mkdir(parents=True)
    for name in ("a.jpg", "b.png"):
        Image.fromarray(np.zeros((5, 5, 3), np.uint8)).save(home / name)
    for name in ("a", "deep/c"):
        (home / f"{name}.latent.safetensors").write_bytes(name.encode())
    (home / "weights.safetensors").write_bytes(b"something else")
    return home


def inside(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_a_folder_of_photos_and_latents(say: Say) -> None:
    said = say("trace", shelf(), "-o", "out")
    assert (said.code, said.err) == (0, "")
    assert [str(call["latent"]) for call in traced.calls] == [
        "shelf/a.latent.safetensors",
        "shelf/b.png",
        "shelf/deep/c.latent.safetensors",
    ]
    assert inside("out") == [
        "a.jpg",
        "a.latent.safetensors",
        "b.latent.safetensors",
        "b.png",
        "deep/c.latent.safetensors",
        "deep/c.png",
    ]
    assert "note: left out, as they are no pictures: weights.safetensors" in said.out


def test_a_damaged_latent_in_a_folder_stops_nothing_but_itself(say: Say) -> None:
    home = Path(shelf())
    (home / "damaged.latent.safetensors").write_bytes(b"not a latent")
    said = say("trace", str(home), "-o", "out")
    assert said.code == 1
    assert (
        said.err
        == "retouch: error: damaged.png: shelf/damaged.latent.safetensors cannot be used as a latent\n"
    )
    assert inside("out") == [
        "a.jpg",
        "a.latent.safetensors",
        "b.latent.safetensors",
        "b.png",
        "deep/c.latent.safetensors",
        "deep/c.png",
    ]


def test_a_folder_is_gone_on_with(say: Say) -> None:
    home = shelf()
    Path("out").mkdir()
    Path("out/b.latent.safetensors").write_text("mine")
    said = say("trace", home, "-o", "out", "--json")
    assert said.facts["there_already"] == ["b.png"]
    assert Path("out/b.latent.safetensors").read_text() == "mine"
    assert say("trace", home, "-o", "out", "--json").facts["pictures"] == 0
    assert say("trace", home, "-o", "out", "--json", "--overwrite").facts["pictures"] == 3
    assert Path("out/b.latent.safetensors").read_bytes() != b"mine"


def test_photos_that_would_share_a_file_are_refused(say: Say) -> None:
    home = shelf()
    Image.fromarray(np.zeros((5, 5, 3), np.uint8)).save(home / "b.bmp")
    said = say("trace", home, "-o", "out")
    assert said.code == 2
    assert "shelf/" not in said.err
    assert "b.bmp and b.png would share b.latent.safetensors; rename one of them" in said.err
    assert traced.calls == []


def test_a_folder_without_either(say: Say) -> None:
    Path("empty").mkdir()
    said = say("trace", "empty", "-o", "out")
    assert said.code == 2
    assert "pictures end in .png" in said.err
    assert ".latent.safetensors" in said.err


def test_a_sweep_keeps_what_belongs_to_its_cells(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, "-P", "-m", "tests.cli.tracing_worker"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HOUSE), str(HOUSE / "src")]))
    Path("b.latent.safetensors").write_bytes(b"others")
    words = (
        "sweep",
        "trace",
        "--vary",
        "latent=in.latent.safetensors,b.latent.safetensors",
        "-o",
        "out",
        "--json",
    )
    first = say(*words, "--vary", "level=10,20", "--jobs", "1")
    assert (first.code, first.facts["made"]) == (0, 4)
    files = names("out/cells")
    assert [sum(name.endswith(ending) for name in files) for ending in (".png", ".webp", traced.ENDING)] == [
        4,
        4,
        4,
    ]
    page = Path("out/index.html").read_text()
    assert page.count('.webp" alt=') == 4
    assert page.count(">latent.safetensors</a>") == 4
    assert Picture.of(next(Path("out/cells").glob("*.png"))).size == (4, 6)
    assert say(*words, "--vary", "level=10,20").facts["made"] == 0
    next(Path("out/cells").glob(f"*{traced.ENDING}")).unlink()
    assert say(*words, "--vary", "level=10,20", "--jobs", "1").facts["made"] == 1
    assert len(names("out/cells")) == 12


def test_a_sweep_takes_a_latent_by_its_place(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, "-P", "-m", "tests.cli.tracing_worker"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HOUSE), str(HOUSE / "src")]))
    words = ("sweep", "trace", "--vary", "level=10,20", "-o", "out", "--jobs", "1", "--json")
    assert say(*words, "in.latent.safetensors").facts["made"] == 2
    refused = say(*words, "--overwrite")
    assert refused.code == 2
    assert "trace takes 1 picture here (latent), got 0" in refused.facts["message"]
