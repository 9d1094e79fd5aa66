from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retouch import data
from retouch.cli import main
from retouch.data import holes
from retouch.errors import DataError, InputError, OutputExists, UnwritablePicture
from retouch.progress import Progress
from tests.data.made import fill, noise, write


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    fill(tmp_path / "pictures", 5, height=40, width=48)
    return tmp_path / "pictures"


def test_holes_are_added_to_examples(pictures: Path) -> None:
    plain = data.singles(pictures, "all", augment=True, size=32)
    holed = holes.Holed(plain, holes.parse("polygon"))
    assert (len(holed), holed.names) == (5, plain.names)
    assert holed.describe() == plain.describe() | {"holes": "polygon"}
    example = holed.example(2, 7)
    assert torch.equal(example["image"], plain.example(2, 7)["image"])
    hole = example["hole"]
    assert (hole.shape, hole.dtype) == ((1, 32, 32), torch.float32)
    assert set(hole.flatten().tolist()) == {0.0, 1.0}
    assert torch.equal(hole, holed.example(2, 7)["hole"])
    assert not torch.equal(hole, holed.example(2, 8)["hole"])
    assert not torch.equal(hole, holed.example(3, 7)["hole"])


def test_validation_keeps_its_holes(pictures: Path) -> None:
    holed = holes.Holed(data.singles(pictures, "all", augment=True, size=32), holes.parse("polygon"))
    plain = holed.plain()
    for index in range(5):
        one, other = plain.example(index, 0), plain.plain().example(index, 99)
        assert torch.equal(one["hole"], other["hole"])
        assert torch.equal(one["image"], other["image"])
    assert len({plain.example(index, 0)["hole"].numpy().tobytes() for index in range(5)}) == 5
    assert not torch.equal(plain.example(0, 0)["hole"], holed.example(0, 0)["hole"])
    batches = list(data.ordered(holed, 2))
    assert [batch["hole"].shape[0] for batch in batches] == [2, 2, 1]
    assert torch.equal(batches[1]["hole"][1], plain.example(3, 0)["hole"])


def test_a_stream_has_holes_for_any_number_of_workers(pictures: Path) -> None:
    holed = holes.Holed(data.singles(pictures, "all", augment=True, size=16), holes.parse("thick"))
    runs = []
    for workers in (0, 2):
        with data.stream(holed, batch=3, seed=4, workers=workers) as stream:
            runs.append([next(stream) for _ in range(4)])
    for one, other in zip(*runs, strict=True):
        assert one["hole"].shape == (3, 1, 16, 16)
        assert all(torch.equal(one[role], other[role]) for role in ("image", "hole"))
    assert not torch.equal(runs[0][0]["hole"], runs[0][2]["hole"])


def test_a_hole_has_the_size_of_its_picture(tmp_path: Path) -> None:
    write(tmp_path / "0.png", noise(0, 9, 30))
    holed = holes.Holed(data.singles(tmp_path, "all", augment=False, size=None), holes.parse("square"))
    assert holed.example(0, 0)["hole"].shape == (1, 9, 30)


KINDS = ["thin", "polygon(form=star)", "mix(box,square,largest=0.3)"]


def test_a_frozen_set_is_drawn_again_bit_by_bit(pictures: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    made = holes.freeze(pictures, KINDS, size=32, seed=3, variants=2, progress=seen.append)
    assert [(event.done, event.total) for event in seen] == [(number, 5) for number in range(1, 6)]
    assert len(made) == len(set(made.names)) == 5 * 3 * 2
    holes.write_manifest(made, tmp_path / "set.jsonl")
    read = holes.read_manifest(tmp_path / "set.jsonl")
    assert list(read) != []
    assert read.facts == made.facts
    assert read.names == made.names
    for item, again in zip(made, read, strict=True):
        assert item.path.samefile(again.path)
        assert item.size == again.size == (32, 32)
        hole = again.hole()
        assert np.array_equal(hole, item.hole())
        assert hole.mean() == again.area
        assert 0 < again.area <= 0.5
    assert max(item.area for item in read if item.kind.startswith("mix")) <= 0.3
    assert len({item.hole_sha256 for item in read}) == 30
    holes.write_manifest(holes.freeze(pictures, KINDS, size=32, seed=3, variants=2), tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "set.jsonl").read_bytes()
    other = holes.freeze(pictures, KINDS, size=32, seed=4, variants=2)
    assert {item.hole_sha256 for item in other}.isdisjoint(item.hole_sha256 for item in read)


def test_a_set_can_be_used_as_examples(pictures: Path) -> None:
    made = holes.freeze(pictures, ["thin"], size=32)
    examples = data.singles(pictures, "all", augment=False, size=32, resize="cover")
    for index, batch in enumerate(data.ordered(made)):
        assert torch.equal(batch["image"][0], examples.example(index, 0)["image"])
        assert np.array_equal(batch["hole"][0, 0].numpy() > 0.5, made[index].hole())
    assert made.plain() is made
    assert made.describe()["frozen"] is True
    assert made.describe()["holes"] == ["thin"]


def test_pictures_can_keep_their_size(pictures: Path) -> None:
    made = holes.freeze(pictures, ["square(area=0.6)"], size=None, largest=1)
    assert made[0].size == (40, 48)
    assert made[0].area > 0.5
    assert torch.equal(
        made[0].image(), data.singles(pictures, "all", augment=False, size=None).example(0, 0)["image"]
    )
    assert holes.freeze(pictures, ["thin"], size=(20, 30))[0].image().shape == (3, 20, 30)


def test_a_new_picture_changes_no_other_hole(pictures: Path) -> None:
    before = {item.name: item.hole_sha256 for item in holes.freeze(pictures, ["thin", "box"], size=32)}
    write(pictures / "0000.png", noise(77))
    after = {item.name: item.hole_sha256 for item in holes.freeze(pictures, ["box", "thin"], size=32)}
    assert len(after) == len(before) + 2
    assert before.items() <= after.items()


def test_what_differs_is_found(pictures: Path, tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    holes.write_manifest(holes.freeze(pictures, ["thin", "box"], size=32), file)
    seen: list[Progress] = []
    assert not holes.read_manifest(file).verify(progress=seen.append)
    assert seen[-1].fraction == 1
    write(pictures / "001.png", noise(99, 40, 48))
    (pictures / "003.png").unlink()
    lines = file.read_text().splitlines()
    broken = json.loads(lines[1])
    lines[1] = json.dumps(broken | {"seed": broken["seed"] + 1})
    file.write_text("\n".join(lines))
    found = holes.read_manifest(file).verify()
    assert found
    assert (found.changed, found.missing) == (("001.png",), ("003.png",))
    assert found.redrawn == ("000.png thin 0",)
    with pytest.raises(DataError, match=r"001\.png has changed since its holes were frozen"):
        holes.read_manifest(file)[2].image()
    with pytest.raises(DataError, match=r"hole thin\(largest=0.5\) of 000.png comes out different"):
        holes.read_manifest(file)[0].hole()


def test_pictures_can_be_moved(pictures: Path, tmp_path: Path) -> None:
    holes.write_manifest(holes.freeze(pictures, ["thin"], size=32), tmp_path / "set.jsonl")
    moved = tmp_path / "moved"
    moved.mkdir()
    pictures.rename(moved / "pictures")
    assert len(holes.read_manifest(tmp_path / "set.jsonl").verify().missing) == 5
    assert not holes.read_manifest(tmp_path / "set.jsonl", folder=moved / "pictures").verify()
    (tmp_path / "set.jsonl").rename(moved / "set.jsonl")
    assert not holes.read_manifest(moved / "set.jsonl").verify()


def test_freezing_says_what_is_wrong(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="variants is 0"):
        holes.freeze(pictures, ["thin"], variants=0)
    with pytest.raises(InputError, match="no holes are named"):
        holes.freeze(pictures, [])
    with pytest.raises(InputError, match="a kind twice; raise variants"):
        holes.freeze(pictures, ["thin", "thin"])
    with pytest.raises(InputError, match="largest is 0"):
        holes.freeze(pictures, ["thin"], largest=0)
    with pytest.raises(DataError, match="has no pictures"):
        holes.freeze(tmp_path / "none", ["thin"])
    write(pictures / "dot.png", noise(0, 1, 1))
    with pytest.raises(InputError, match=r"dot\.png: a picture of 1×1 pixels has no room"):
        holes.freeze(pictures, ["thin"], size=None)
    (pictures / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match=r"dot\.png"):
        holes.freeze(pictures, ["thin"], size=None)


def test_a_file_that_is_there_is_kept(pictures: Path, tmp_path: Path) -> None:
    made = holes.freeze(pictures, ["thin"], size=32)
    (tmp_path / "set.jsonl").write_text("mine")
    with pytest.raises(OutputExists):
        holes.write_manifest(made, tmp_path / "set.jsonl")
    assert (tmp_path / "set.jsonl").read_text() == "mine"
    holes.write_manifest(made, tmp_path / "set.jsonl", overwrite=True)
    assert len(holes.read_manifest(tmp_path / "set.jsonl")) == 5
    for place in (tmp_path, tmp_path / "none" / "set.jsonl"):
        with pytest.raises(UnwritablePicture, match="name a file in a folder that is there"):
            holes.write_manifest(made, place, overwrite=True)


HEAD = '{"format": "retouch holes", "version": 1, "folder": "."}\n'
GOOD: dict[str, Any] = {
    "picture": "a/b.png",
    "sha256": "0" * 64,
    "kind": "thin",
    "spec": "thin",
    "seed": 1,
    "variant": 0,
    "area": 0.25,
    "hole_sha256": "0" * 64,
    "size": [32, 32],
}


def test_a_line_is_an_item(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text(HEAD + json.dumps(GOOD | {"note": "more is left alone"}))
    assert holes.read_manifest(tmp_path / "set.jsonl")[0].path == tmp_path / "a" / "b.png"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no set of frozen holes"),
        ("{}", "is no set of frozen holes"),
        ("[1]", "line 1 is no JSON object"),
        ("\xff", "line 1 is no JSON object"),
        (HEAD, "lists no holes"),
        (HEAD + "{", "line 2 is no JSON object"),
        (HEAD + "[" * 100_000, "line 2 is no JSON object"),
        (HEAD.replace("1", "2"), "has version 2 .* update retouch"),
        (HEAD + "{}", "line 2: picture is None but must be str"),
        *(
            (HEAD + json.dumps(GOOD | wrong), words)
            for wrong, words in (
                ({"seed": "1"}, "seed is '1' but must be int"),
                ({"seed": True}, "seed is True but must be int"),
                ({"area": 1}, "area is 1 but must be float"),
                ({"size": [32]}, r"size is \[32\] but must be \[height, width\]"),
                ({"size": [32, 0]}, "size is"),
                ({"size": [10**9, 10**9]}, "size is"),
                ({"picture": "/etc/passwd"}, "leads out of the folder"),
                ({"picture": "a/../../b.png"}, "leads out of the folder"),
                ({"picture": "..\\b.png"}, "leads out of the folder"),
                ({"picture": "a\0.png"}, "leads out of the folder"),
                ({"picture": "\\\\server\\b.png"}, "leads out of the folder"),
            )
        ),
    ],
)
def test_a_damaged_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=words):
        holes.read_manifest(tmp_path / "set.jsonl")


@pytest.mark.skipif(sys.platform != "linux", reason="the names of files are bytes on Linux alone")
@pytest.mark.parametrize("name", [b"\xff\xfe.png", b"a\\b.png", "größe.png".encode()])
def test_any_name_of_a_picture_is_frozen(name: bytes, tmp_path: Path) -> None:
    write(tmp_path / "plain.png", noise(1, 40, 48))
    (tmp_path / "plain.png").rename(tmp_path / os.fsdecode(name))
    file = tmp_path / "set.jsonl"
    made = holes.freeze(tmp_path, ["thin"], size=32)
    holes.write_manifest(made, file)
    found = holes.read_manifest(file)
    assert [item.picture for item in found] == [os.fsdecode(name)]
    assert not found.verify()
    assert found[0].image().shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("folder", "picture"), [("a\0b", "1.png"), (".", "\ud800.png"), ("\ud800", "1.png"), ("/dev", "zero")]
)
def test_a_picture_that_is_no_file_is_missing(folder: str, picture: str, tmp_path: Path) -> None:
    head = json.loads(HEAD) | {"folder": folder}
    (tmp_path / "set.jsonl").write_text(f"{json.dumps(head)}\n{json.dumps(GOOD | {'picture': picture})}\n")
    assert holes.read_manifest(tmp_path / "set.jsonl").verify().missing == (picture,)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        holes.read_manifest(tmp_path / "set.jsonl")


def test_the_command_line_freezes_and_verifies(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(*words: object) -> tuple[int, Any]:
        code = main([*(str(word) for word in words), "--json"])
        return code, json.loads(capsys.readouterr().out)

    file = tmp_path / "set.jsonl"
    asked = ["data", "holes", pictures, "--out", file, "--size", 32, "--seed", 3, "--variants", 2]
    kinds = ["--holes", "thin, polygon(form=star),mix(box,square,largest=0.3)"]
    code, facts = say(*asked, *kinds)
    assert (code, facts["pictures"], facts["holes"]) == (0, 5, 30)
    assert list(facts["areas"]) == KINDS
    assert holes.read_manifest(file).names == holes.freeze(pictures, KINDS, variants=2).names
    made = holes.freeze(pictures, KINDS, size=32, seed=3, variants=2)
    assert [item.hole_sha256 for item in holes.read_manifest(file)] == [item.hole_sha256 for item in made]
    assert say(*asked, *kinds)[1]["error"] == "OutputExists"
    assert say(*asked, "--overwrite", "--largest", 0.1)[0] == 0
    assert max(item.area for item in holes.read_manifest(file)) <= 0.1
    assert say("data", "holes", pictures, "--out", tmp_path / "own.jsonl", "--size", 0)[0] == 0
    assert holes.read_manifest(tmp_path / "own.jsonl")[0].size == (40, 48)
    assert say("data", "holes", pictures, "--out", tmp_path / "x", "--size", -1)[1]["error"] == "InputError"

    assert say("data", "verify", file) == (
        0,
        {"ok": True, "holes": 30, "missing": [], "changed": [], "redrawn": []},
    )
    (pictures / "003.png").unlink()
    code, facts = say("data", "verify", file)
    assert (code, facts["ok"], facts["missing"]) == (2, False, ["003.png"])
    assert main(["data", "verify", str(file), "--pictures", str(tmp_path / "none")]) == 2
    out = capsys.readouterr().out
    assert out.startswith(f"{file}: 30 holes\nerror: 5 missing or unreadable pictures\n    000.png\n")
