from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from retouch import catalog
from retouch.cli.edits import command
from retouch.errors import InputError, NotConverged
from retouch.image import Box, Picture, Polygon, Region
from tests.cli import made_up
from tests.cli.conftest import Said, names

if TYPE_CHECKING:
    from retouch.image import PictureLike

Say = Callable[..., Said]
Calls = Sequence[dict[str, Any]]
BOX = ("--box", "2,3,12,8")


def test_an_edit_writes_its_picture_and_says_so_in_one_line(
    say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    said = say("darken", photo, *BOX, "-o", out, "--strength", 1)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{out} (40×30 pixels, ")
    assert said.out.endswith(" s, residual 1.5e-07)\n")
    before, after = np.asarray(Image.open(photo)), np.asarray(Image.open(out))
    changed = np.any(before != after, axis=-1)
    expected = np.zeros((30, 40), bool)
    expected[3:8, 2:12] = True
    assert np.array_equal(changed, expected)


def test_json_is_one_line_with_path_size_seconds_and_report(
    say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = say("darken", photo, *BOX, "-o", "out.png", "--json")
    assert said.code == 0
    facts = said.facts
    assert 0.03 < facts.pop("seconds") < 10
    assert facts == {
        "output": str(tmp_path / "out.png"),
        "width": 40,
        "height": 30,
        "residual": 1.5e-7,
        "cycles": 3,
    }


def test_quiet_prints_nothing(say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path) -> None:
    said = say("darken", photo, *BOX, "-o", tmp_path / "out.png", "--quiet")
    assert said == Said(0, "", "")


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ((), "at", (0, 0)),
        (("--at", "-5,10"), "at", (-5, 10)),
        (("--at=-5,10",), "at", (-5, 10)),
        (("--at", "7,-3"), "at", (7, -3)),
        ((), "gradients", "source"),
        (("--gradients", "mixed"), "gradients", "mixed"),
        (("--strength", "-0.5"), "strength", -0.5),
        (("--tolerance", "exact"), "tolerance", "exact"),
        (("--tolerance", "1e-3"), "tolerance", 1e-3),
        (("--steps", "2"), "steps", 2),
        ((), "linear_light", False),
        (("--linear-light",), "linear_light", True),
        (("--note", "two words"), "note", "two words"),
        ((), "edges", None),
        (("--edges", "lines.png"), "edges", Path("lines.png")),
    ],
)
def test_options_reach_the_verb_with_their_types(
    say: Say,
    made_up_verbs: Calls,
    photo: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    name: str,
    value: object,
) -> None:
    said = say("darken", photo, *BOX, "-o", tmp_path / "out.png", *words)
    assert said.code == 0, said.err
    given = made_up_verbs[-1][name]
    assert given == value
    assert type(given) is type(value) or isinstance(value, Path)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--mask", "m.png"), Region(Path("m.png"))),
        (("m.png",), Region(Path("m.png"))),
        (("--box", "-2,3,12,8"), Region(Box(-2, 3, 12, 8))),
        (("--box=-2,3,12,8",), Region(Box(-2, 3, 12, 8))),
        (("--polygon", "-1,0 9,0 9,9"), Region(Polygon([(-1, 0), (9, 0), (9, 9)]))),
        (
            ("--polygon", "0,0 9,0 9,9", "--polygon", "1,1 3,1 3,3", "--polygon", "5,5 6,5 6,6"),
            Region(Polygon([(0, 0), (9, 0), (9, 9)], [[(1, 1), (3, 1), (3, 3)], [(5, 5), (6, 5), (6, 6)]])),
        ),
        (
            ("--box", "0,0,9,9", "--invert-mask", "--grow", "-3", "--feather", "2.5"),
            Region(Box(0, 0, 9, 9), invert=True, grow=-3, feather=2.5),
        ),
    ],
)
def test_the_region_is_a_file_or_drawn(
    say: Say,
    made_up_verbs: Calls,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: Region,
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (40, 30), 255).save("m.png")
    assert say("soften", photo, "-o", "out.png", *words).code == 0
    assert made_up_verbs[-1]["mask"] == expected


def test_a_region_may_be_left_out_when_the_verb_allows_it(
    say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path
) -> None:
    assert say("soften", photo, "-o", tmp_path / "out.png").code == 0
    assert made_up_verbs[-1]["mask"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no region is given; say where to edit with --mask, --polygon or --box"),
        (("--mask", "m.png", "--box", "0,0,1,1"), "--mask and --box are both given"),
        (("--invert-mask",), "no region to change"),
        (("--box", "1,2,3"), "cannot read the box '1,2,3'"),
        (("--polygon", "1,2 3,4"), "at least 3 corners"),
        ((*BOX, "--at", "5"), "invalid value for --at: '5' is not a place; write two whole numbers"),
        ((*BOX, "--at", "--quiet"), "'--quiet' is not a place"),
        (
            (*BOX, "--gradients", "sauce"),
            'invalid value "sauce" for --gradients. Choose from: "source", "mixed"',
        ),
        ((*BOX, "--strength", "nan"), "invalid value for --strength: 'nan' is not a number"),
        ((*BOX, "--tolerance", "low"), "'low' is neither visual, exact nor a number"),
        ((*BOX, "--steps", "1.5"), "invalid value for --steps: '1.5' is not a whole number"),
        ((*BOX, "--steps"), "--steps needs a value"),
        ((*BOX, "--strenght", "1"), "unknown option: --strenght. Did you mean --strength?"),
        ((*BOX, "mask.png"), "--mask and --box are both given"),
        (("mask.png", "surplus.png"), "unexpected 'surplus.png'"),
        ((*BOX, "--quality", "9.5"), "invalid value for --quality: '9.5' is not a whole number"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    said = say("darken", photo, "-o", tmp_path / "out.png", *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("retouch: error: ")
    assert said.err.count("\n") == 1
    assert message in said.err
    assert made_up_verbs == []
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("darken",), "PHOTO is missing; see: retouch darken --help"),
        (("darken", "photo.png"), "--output is missing; see: retouch darken --help"),
        (("brighten",), "unknown command 'brighten'; did you mean"),
        (("--frob",), "unknown option --frob"),
    ],
)
def test_an_incomplete_command_says_what_is_missing(
    say: Say, made_up_verbs: Calls, words: tuple[str, ...], message: str
) -> None:
    said = say(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert message in said.err


def test_errors_are_json_too(say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path) -> None:
    said = say("darken", photo, "-o", tmp_path / "out.png", "--json", "--steps", "many")
    assert (said.code, said.err) == (2, "")
    assert said.facts["error"] == "InputError"
    assert "--steps" in said.facts["message"]
    assert say("--json", "darkn").facts["error"] == "UnknownName"
    assert say("darken", tmp_path / "gone.png", *BOX, "-o", tmp_path / "out.png", "--json").facts == {
        "error": "UnreadablePicture",
        "message": say("darken", tmp_path / "gone.png", *BOX, "-o", tmp_path / "out.png").err[16:-1],
    }


@pytest.mark.parametrize(
    ("error", "code", "name"),
    [
        (InputError("too\nlong"), 2, "InputError"),
        (NotConverged("no"), 2, "NotConverged"),
        (MemoryError(), 1, "MemoryError"),
        (KeyError("lost"), 1, "InternalError"),
        (KeyboardInterrupt(), 130, "Cancelled"),
    ],
)
def test_exit_codes(
    say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path, error: BaseException, code: int, name: str
) -> None:
    def fail() -> None:
        raise error

    made_up.meanwhile.append(fail)
    out = tmp_path / "out.png"
    said = say("darken", photo, *BOX, "-o", out)
    assert said.code == code
    assert said.out == ""
    assert said.err.startswith("retouch: error: ")
    assert said.err.count("\n") == 1
    assert ("--debug" in said.err) == (name == "InternalError")
    assert say("darken", photo, *BOX, "-o", out, "--json").facts["error"] == name
    assert "Traceback" in say("darken", photo, *BOX, "-o", out, "--debug").err
    assert names(tmp_path) == ["photo.png"]


def test_a_file_name_cannot_send_escape_sequences_to_the_terminal(
    say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a\x1b[31m.png"
    assert "\x1b" not in say("darken", photo, *BOX, "-o", out).out
    refused = say("darken", photo, *BOX, "-o", out)
    assert refused.code == 2
    assert "\x1b" not in refused.err
    assert "\\x1b[31m.png" in refused.err


class TestDestination:
    """Found out before the work starts: the verb is never called."""

    def refuse(self, say: Say, calls: Calls, photo: Path, out: object, *words: str) -> str:
        said = say("darken", photo, *BOX, "-o", out, *words)
        assert (said.code, said.out) == (2, "")
        assert calls == []
        return said.err

    def test_an_existing_output(self, say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.png"
        out.write_bytes(b"precious")
        message = self.refuse(say, made_up_verbs, photo, out)
        assert "already" in message
        assert "--overwrite" in message
        assert out.read_bytes() == b"precious"
        assert say("darken", photo, *BOX, "-o", out, "--overwrite").code == 0
        assert Picture.of(out).size == (30, 40)

    def test_an_output_that_appears_during_the_edit(
        self, say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.png"
        made_up.meanwhile.append(lambda: out.write_bytes(b"precious"))
        said = say("darken", photo, *BOX, "-o", out)
        assert said.code == 2
        assert "already" in said.err
        assert out.read_bytes() == b"precious"
        assert names(tmp_path) == ["out.png", "photo.png"]

    def test_a_missing_folder(self, say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path) -> None:
        assert "does not exist" in self.refuse(say, made_up_verbs, photo, tmp_path / "no" / "out.png")

    def test_a_folder(self, say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path) -> None:
        (tmp_path / "out.png").mkdir()
        assert "is a folder" in self.refuse(say, made_up_verbs, photo, tmp_path / "out.png", "--overwrite")

    def test_below_a_file(self, say: Say, made_up_verbs: Calls, photo: Path) -> None:
        assert "photo.png does not exist" in self.refuse(say, made_up_verbs, photo, photo / "out.png")

    def test_an_unknown_ending(self, say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path) -> None:
        assert ".xyz" in self.refuse(say, made_up_verbs, photo, tmp_path / "out.xyz")
        assert ".png" in self.refuse(say, made_up_verbs, photo, tmp_path / "out")

    def test_a_device(self, say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        assert "is a device" in self.refuse(say, made_up_verbs, photo, tmp_path / "pipe.png", "--overwrite")

    @pytest.mark.skipif(
        not Path("/proc/self").is_dir(), reason="needs a folder that even root cannot write to"
    )
    def test_a_read_only_folder(self, say: Say, made_up_verbs: Calls, photo: Path) -> None:
        assert "is protected" in self.refuse(say, made_up_verbs, photo, "/proc/self/out.png")

    @pytest.mark.parametrize("name", ["x" * 300 + ".png"])
    def test_a_name_that_no_disk_takes(
        self, say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path, name: str
    ) -> None:
        assert "cannot be written" in self.refuse(say, made_up_verbs, photo, tmp_path / name)


def test_the_input_may_be_the_output(say: Say, made_up_verbs: Calls, photo: Path) -> None:
    before = np.asarray(Image.open(photo)).copy()
    assert say("darken", photo, *BOX, "-o", photo, "--overwrite", "--strength", 1).code == 0
    after = np.asarray(Image.open(photo))
    assert not after[3:8, 2:12].any()
    assert np.array_equal(after[8:], before[8:])


def test_a_name_with_a_leading_hyphen_follows_two_hyphens(
    say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo.rename("-photo.png")
    assert say("soften", "-o", "out.png", "--", "-photo.png").code == 0


def test_saving_options_reach_the_file(say: Say, made_up_verbs: Calls, photo: Path, tmp_path: Path) -> None:
    sizes = []
    for quality in (20, 95):
        out = tmp_path / f"{quality}.jpg"
        assert say("soften", photo, "-o", out, "--quality", quality).code == 0
        sizes.append(out.stat().st_size)
    assert sizes[0] < sizes[1] / 2
    assert say("soften", photo, "-o", tmp_path / "deep.png", "--bit-depth", 16).code == 0
    assert Picture.of(tmp_path / "deep.png").file.bit_depth == 16
    Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(tmp_path / "clear.png")
    assert say("soften", tmp_path / "clear.png", "-o", tmp_path / "no.jpg").code == 2
    assert say("soften", tmp_path / "clear.png", "-o", tmp_path / "red.jpg", "--matte", "1,0,0").code == 0
    red, green, _ = Image.open(tmp_path / "red.jpg").getpixel((4, 4))  # type: ignore[misc]
    assert red > 200 > 60 > green


def test_an_option_with_the_name_of_a_common_one_is_refused(
    made_up_verbs: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verb(photo: PictureLike, *, quality: int = 1) -> None: ...

    monkeypatch.setattr(catalog.Edit, "load", lambda _: verb)
    with pytest.raises(TypeError, match=r"darken\(quality\): every edit has --quality already"):
        command(catalog.EDITS[0])


def test_json_without_a_command_is_one_line_too(say: Say) -> None:
    said = say("--json")
    assert said.code == 2
    assert "needs a command" in said.facts["message"]
