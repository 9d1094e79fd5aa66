from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retouch import data
from retouch.data.checking import Report
from retouch.errors import Cancelled, DataError, InputError, UnknownName
from retouch.progress import Progress
from tests.data.made import fill, halves, noise, write


def kinds(report: Report) -> set[tuple[str, str]]:
    return {(finding.level, finding.kind) for finding in report.findings}


def names(report: Report, kind: str) -> tuple[str, ...]:
    (found,) = [finding.names for finding in report.findings if finding.kind == kind]
    return found


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two folders of pairs with nothing wrong."""
    for split, first, count in (("train", 0, 24), ("val", 50, 4)):
        fill(tmp_path / f"{split}A", count, first=first, height=32, width=32)
        fill(tmp_path / f"{split}B", count, first=first + 100, height=32, width=32)
    return tmp_path


def test_a_good_set_has_no_findings(pairs: Path) -> None:
    report = data.check(pairs)
    assert report.findings == ()
    assert (report.errors, report.belonging, report.layout) == (0, "pairs", "trainA and trainB")
    assert [(item.split, item.count, item.sizes, item.kinds) for item in report.splits] == [
        ("train", 24, {"32×32": 48}, {"RGB 8 bit": 48}),
        ("val", 4, {"32×32": 8}, {"RGB 8 bit": 8}),
    ]


def test_every_kind_of_trouble_is_found_and_named(pairs: Path) -> None:
    (pairs / "trainA" / "003.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (pairs / "trainB" / "004.png").unlink()
    write(pairs / "trainB" / "005.png", noise(105, 32, 40))
    write(pairs / "trainA" / "006.png", np.full((32, 32, 3), 9, np.uint8))
    (pairs / "valA" / "000.png").write_bytes((pairs / "trainA" / "007.png").read_bytes())
    (pairs / "trainA" / "008.png").write_bytes((pairs / "trainA" / "009.png").read_bytes())
    write(pairs / "trainA" / "010.png", noise(10, 32, 32).astype(np.uint16) * 16)
    write(pairs / "trainA" / "011.tif", np.full((32, 32, 3), 3.0, np.float32))
    (pairs / "trainA" / "scan.gif").write_bytes(b"GIF89a")
    report = data.check(pairs)
    assert kinds(report) == {
        ("error", "corrupt"),
        ("error", "unmatched"),
        ("error", "size mismatch"),
        ("error", "leak"),
        ("error", "same name"),
        ("warning", "constant"),
        ("warning", "copies"),
        ("warning", "dark"),
        ("warning", "not read"),
    }
    assert names(report, "corrupt") == ("trainA/003.png",)
    assert names(report, "unmatched") == ("A/004",)
    assert names(report, "size mismatch") == ("005",)
    assert names(report, "leak") == ("trainA/007.png = valA/000.png",)
    assert names(report, "copies") == ("trainA/008.png = trainA/009.png",)
    assert names(report, "constant") == ("trainA/006.png",)
    assert names(report, "dark") == ("trainA/010.png",)
    assert names(report, "not read") == ("trainA/scan.gif",)
    assert names(report, "same name") == ("trainA/011.tif",)
    assert [finding.level for finding in report.findings] == ["error"] * 5 + ["warning"] * 4


def test_floats_out_of_range_are_found(tmp_path: Path) -> None:
    write(tmp_path / "1.tif", noise(1).astype(np.float32) / 100)
    assert ("warning", "out of range") in kinds(data.check(tmp_path, layout="singles"))


@pytest.mark.parametrize("change", ["smaller", "jpeg", "brighter"])
def test_changed_copies_in_two_splits_look_alike(pairs: Path, change: str) -> None:
    for side, first in (("A", 7), ("B", 107)):
        image = Image.fromarray(noise(first, 32, 32))
        if change == "smaller":
            image = image.resize((24, 24))
        if change == "brighter":
            image = image.point([min(255, int(value * 0.8) + 40) for value in range(256)] * 3)
        (pairs / f"val{side}" / "000.png").unlink()
        image.save(pairs / f"val{side}" / f"000.{'jpg' if change == 'jpeg' else 'png'}", quality=70)
    report = data.check(pairs)
    assert kinds(report) == {("warning", "look-alikes")}
    assert names(report, "look-alikes")[0].startswith("valA/000")
    assert names(report, "look-alikes")[0].endswith("~ trainA/007.png")


def test_a_pair_looks_like_another_only_when_both_pictures_do(pairs: Path) -> None:
    Image.fromarray(noise(7, 32, 32)).save(pairs / "valA" / "000.png", compress_level=1)
    assert kinds(data.check(pairs)) == set()


def test_few_pictures_and_odd_widths(tmp_path: Path) -> None:
    halves(tmp_path, 3)
    write(tmp_path / "odd.png", noise(9, 12, 33))
    report = data.check(tmp_path)
    assert kinds(report) == {("error", "size mismatch"), ("warning", "tiny")}
    assert names(report, "size mismatch") == ("odd",)


@pytest.mark.parametrize(
    ("make", "belonging"),
    [("squares", "singles"), ("two", "unpaired"), ("wide", "pairs"), ("other names", "unpaired")],
)
def test_auto_finds_out_how_pictures_belong_together(tmp_path: Path, make: str, belonging: str) -> None:
    if make == "squares":
        fill(tmp_path, 20, height=16, width=16)
    elif make == "wide":
        halves(tmp_path, 20)
    else:
        sides = ("trainA", "trainB") if make == "other names" else ("horses", "zebras")
        for side, start in zip(sides, (0, 30), strict=True):
            for number in range(20):
                write(tmp_path / side / f"{side}{number}.png", noise(start + number, 16, 16))
    assert data.check(tmp_path).belonging == belonging
    assert data.check(tmp_path, layout="singles").belonging == "singles"


def test_the_smaller_split_is_the_one_that_is_judged(pairs: Path) -> None:
    for side, first in (("A", 7), ("B", 107)):
        Image.fromarray(noise(first, 30, 30)).resize((32, 32)).save(pairs / f"val{side}" / "000.png")
    (finding,) = data.check(pairs).findings
    assert finding.message.startswith("1 of 4 val pictures look like a train picture")


def test_progress_is_told_and_can_stop(pairs: Path) -> None:
    events: list[Progress] = []
    data.check(pairs, progress=events.append)
    assert [event.done for event in events] == list(range(1, 57))
    assert events[-1].fraction == 1

    def stop(event: Progress) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        data.check(pairs, progress=stop)


def test_what_cannot_be_checked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="drawn"):
        data.check("synthetic:facades")
    with pytest.raises(UnknownName):
        data.check(tmp_path, layout="paris")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="These layouts are read"):
        data.check(tmp_path)
