"""An edit of one picture done to a folder of them."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retouch.cli import folders
from retouch.cli.destination import Destination
from retouch.cli.printing import Printing
from retouch.errors import Cancelled, InputError, UnknownName, WeightsError
from retouch.image import Picture
from retouch.progress import Progress
from tests.cli import made_up
from tests.cli.conftest import Said

Say = Callable[..., Said]
Calls = Sequence[dict[str, Any]]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of three pictures of several kinds, one of them deeper, and of other files."""
    home = tmp_path / "photos"
    (home / "trip" / "day 1").mkdir(parents=True)
    rng = np.random.default_rng(1)
    for name in ("b.png", "a.JPG", "trip/day 1/c.webp"):
        Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(home / name)
    (home / "notes.txt").write_text("not a picture")
    (home / ".hidden.png").write_text("not looked at")
    (home / ".cache").mkdir()
    (home / ".cache" / "d.png").write_text("not looked at")
    return home


def inside(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_picture_keeps_its_name_and_format(
    say: Say, made_up_verbs: Calls, shelf: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = say("darken", shelf, "--box", "2,3,12,8", "-o", out, "--strength", 1)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{out} (3 pictures, ")
    assert said.out.endswith("note: left out, as they are no pictures: notes.txt\n")
    assert inside(out) == ["a.JPG", "b.png", "trip/day 1/c.webp"]
    before, after = np.asarray(Image.open(shelf / "b.png")), np.asarray(Image.open(out / "b.png"))
    assert (after[3:8, 2:12] == 0).all()
    assert np.array_equal(after[9:], before[9:])
    with Image.open(out / "a.JPG") as jpeg:
        assert jpeg.format == "JPEG"
    assert len(made_up_verbs) == 3
    assert [call["strength"] for call in made_up_verbs] == [1, 1, 1]


def test_the_facts(say: Say, made_up_verbs: Calls, shelf: Path, tmp_path: Path) -> None:
    (shelf / "trip" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.png").write_text("mine")
    said = say("soften", shelf, "-o", tmp_path / "out", "--json")
    assert (said.code, said.err) == (1, "")
    facts = said.facts
    assert facts.pop("seconds") >= 0
    [failure] = facts.pop("failed")
    assert (failure["file"], failure["error"]) == ("trip/broken.png", "UnreadablePicture")
    assert facts == {
        "output": str(tmp_path / "out"),
        "pictures": 2,
        "there_already": ["b.png"],
        "no_pictures": ["notes.txt"],
    }
    assert (tmp_path / "out" / "b.png").read_text() == "mine"


def test_one_bad_file_does_not_stop_the_others(
    say: Say, made_up_verbs: Calls, shelf: Path, tmp_path: Path
) -> None:
    (shelf / "a2.png").write_bytes(b"")
    Image.new("RGBA", (4, 4)).save(shelf / "see through.png")
    (shelf / "see through.png").rename(shelf / "see through.jpg")
    said = say("soften", shelf, "-o", tmp_path / "out")
    assert said.code == 1
    assert inside(tmp_path / "out") == ["a.JPG", "b.png", "trip/day 1/c.webp"]
    lines = said.err.splitlines()
    assert [line.split(": ")[2] for line in lines] == ["a2.png", "see through.jpg"]
    assert all(line.startswith("retouch: error: ") for line in lines)
    assert "note: 2 of 5 could not be edited" in said.out
    quiet = say("soften", shelf, "-o", tmp_path / "out2", "--quiet")
    assert (quiet.code, quiet.out, len(quiet.err.splitlines())) == (1, "", 2)


def test_what_is_there_stays_unless_it_is_to_be_replaced(
    say: Say, made_up_verbs: Calls, shelf: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("darken", shelf, "--box", "0,0,16,12", "-o", out, "--strength", 1)
    say("soften", shelf, "-o", out)
    before = (out / "b.png").read_bytes()
    said = say(*words)
    assert said.code == 0
    assert "(0 pictures, " in said.out
    assert (
        "results are there already (--overwrite replaces them): a.JPG, b.png, trip/day 1/c.webp" in said.out
    )
    assert (out / "b.png").read_bytes() == before
    assert say(*words, "--overwrite").code == 0
    assert np.asarray(Image.open(out / "b.png")).max() == 0


def test_results_inside_the_folder_are_not_taken_for_photos(
    say: Say, made_up_verbs: Calls, shelf: Path
) -> None:
    out = shelf / "done"
    assert say("soften", shelf, "-o", out).code == 0
    assert "3 pictures" in say("soften", shelf, "-o", out, "--overwrite").out
    assert inside(out) == ["a.JPG", "b.png", "trip/day 1/c.webp"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("photos", "-o", "photos"), "photos holds the photos themselves; choose another folder, or"),
        (("photos", "-o", "photos/b.png"), "is a file and photos a folder; give a folder for the results"),
        (("photos", "-o", "gone/out"), "the folder gone does not exist; make it first"),
        (("photos", "-o", "dangling"), "dangling is a file and photos a folder"),
        (("photos", "-o", "a" * 5000), "cannot be made (File name too long)"),
        (("photos", "-o", "a\0b"), "cannot be made (embedded null byte)"),
        (("photso", "-o", "out"), "photso does not exist; check the path"),
        (("a" * 5000, "-o", "out.png"), "aaa does not exist; check the path"),
        (("empty", "-o", "out"), "empty holds no picture (0 other files); pictures end in .png, .jpg"),
    ],
)
def test_folders_that_cannot_be_used(
    say: Say,
    made_up_verbs: Calls,
    shelf: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(shelf.parent)
    Path("empty").mkdir()
    Path("dangling").symlink_to("nowhere")
    said = say("soften", *words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert made_up_verbs == []


@pytest.mark.parametrize("output", ["there", "new"])
def test_a_folder_that_takes_no_files_is_refused_before_the_work(
    say: Say,
    made_up_verbs: Calls,
    shelf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
) -> None:
    def refused(dir: Path) -> None:  # noqa: A002 - the name that tempfile gives it
        raise OSError(errno.EROFS, "Read-only file system", str(dir))

    (tmp_path / "there").mkdir()
    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    said = say("soften", shelf, "-o", tmp_path / output)
    assert said.code == 2
    folder = tmp_path / "there" if output == "there" else tmp_path
    assert f"the folder {folder} takes no files (Read-only file system)" in said.err
    assert made_up_verbs == []


def test_photos_are_replaced_in_place_only_when_asked(say: Say, made_up_verbs: Calls, shelf: Path) -> None:
    said = say("darken", shelf, "--box", "0,0,16,12", "-o", shelf, "--strength", 1, "--overwrite")
    assert said.code == 0
    assert np.asarray(Image.open(shelf / "b.png")).max() == 0


def test_an_edit_of_two_pictures_takes_a_folder_as_the_first(say: Say, shelf: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (16, 12), (9, 99, 199)).save(photo)
    said = say("blend", shelf, photo, "--box", "2,2,6,6", "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert {"a.JPG", "b.png", "c.webp"} == {path.name for path in (tmp_path / "out").rglob("*.*")}
    assert Image.open(tmp_path / "out" / "b.png").getpixel((15, 11)) == (9, 99, 199)
    refused = say("blend", shelf / "b.png", shelf, "--box", "0,0,2,2", "-o", tmp_path / "other")
    assert refused.code == 2
    assert "blend takes a folder in the place of its first picture only; give a file" in refused.err


def performed(shelf: Path, out: Path, edit: Any, watch: Any = lambda event: None) -> Any:
    return folders.perform(shelf, Destination(out), edit, watch, Printing(quiet=True))


def test_stopping_leaves_complete_files(shelf: Path, tmp_path: Path) -> None:
    done: list[Path] = []

    def edit(path: Path, progress: Callable[[Progress], None]) -> Picture:
        if len(done) == 2:
            raise Cancelled("cancelled by Ctrl-C")
        done.append(path)
        return Picture.of(path)

    with pytest.raises(Cancelled, match="cancelled by Ctrl-C; 2 of 3 pictures are written to"):
        performed(shelf, tmp_path / "out", edit)
    assert inside(tmp_path / "out") == ["a.JPG", "b.png"]
    assert all(Picture.of(tmp_path / "out" / name).size == (12, 16) for name in ("a.JPG", "b.png"))


def test_progress_is_over_all_files(shelf: Path, tmp_path: Path) -> None:
    events: list[Progress] = []

    def edit(path: Path, progress: Callable[[Progress], None]) -> Picture:
        progress(Progress("loading the model", 0))
        progress(Progress("working", 1, 2, facts={"loss": 3}))
        return Picture.of(path)

    performed(shelf, tmp_path / "out", edit, events.append)
    assert [event.fraction for event in events] == pytest.approx(
        [number / 3 + part / 3 for number in range(3) for part in (0, 0, 0.5)]
    )
    assert events[2].stage == "a.JPG: working"
    assert events[2].facts == {"loss": 3}


@pytest.mark.parametrize("error", [UnknownName("model", "x", ["y"]), WeightsError("broken")])
def test_a_mistake_that_every_file_would_meet_ends_it(shelf: Path, tmp_path: Path, error: Exception) -> None:
    calls: list[Path] = []

    def edit(path: Path, progress: Callable[[Progress], None]) -> Picture:
        calls.append(path)
        raise error

    with pytest.raises(type(error)):
        performed(shelf, tmp_path / "out", edit)
    assert len(calls) == 1


def test_memory_that_is_short_is_said_of_its_file(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def edit(path: Path, progress: Callable[[Progress], None]) -> Picture:
        if path.name == "b.png":
            raise MemoryError
        if path.name == "c.webp":
            raise InputError("too\nlong")
        return Picture.of(path)

    result = performed(shelf, tmp_path / "out", edit)
    assert result.code == 1
    assert result.facts["pictures"] == 1
    assert capsys.readouterr().err.splitlines() == [
        "retouch: error: b.png: there is not enough memory; try a smaller picture",
        "retouch: error: trip/day 1/c.webp: too long",
    ]


def test_many_other_files_are_counted(say: Say, made_up_verbs: Calls, shelf: Path, tmp_path: Path) -> None:
    for number in range(9):
        (shelf / f"n{number}.txt").touch()
    said = say("soften", shelf, "-o", tmp_path / "out")
    assert said.out.rstrip().endswith("n0.txt, n1.txt, n2.txt, n3.txt, n4.txt and 5 more")


def test_links_to_folders_are_not_followed(
    say: Say, made_up_verbs: Calls, shelf: Path, tmp_path: Path
) -> None:
    (shelf / "around").symlink_to(shelf, target_is_directory=True)
    assert "3 pictures" in say("soften", shelf, "-o", tmp_path / "out").out
    assert made_up.calls
