from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from retouch import data
from retouch.data.examples import Together
from retouch.data.listing import Split
from retouch.errors import DataError, UnknownName
from tests.data.made import fill, halves, noise, write


def opened(source: str | Path, split: Split = "train", **options: object) -> Together:
    return data.pairs(source, split, augment=False, size=None, **options)  # type: ignore[arg-type]


def bytes_of(examples: data.Examples, index: int, role: str) -> NDArray[np.uint8]:
    values = examples.example(index, 0)[role].numpy().transpose(1, 2, 0)
    return np.asarray(np.rint(values * 255), np.uint8)


def two(root: Path, first: str, second: str, count: int = 3) -> None:
    fill(root / first, count)
    fill(root / second, count, first=100)


def test_side_by_side_is_split_at_the_middle(tmp_path: Path) -> None:
    halves(tmp_path / "train", 3)
    halves(tmp_path / "val", 2, first=50)
    examples = opened(tmp_path)
    assert examples.names == ("000", "001", "002")
    assert np.array_equal(bytes_of(examples, 1, "input"), noise(1))
    assert np.array_equal(bytes_of(examples, 1, "target"), 255 - noise(1))
    assert data.splits(tmp_path) == ("train", "val")
    assert len(opened(tmp_path, "val")) == 2
    assert examples.describe()["layout"] == "side by side"
    assert examples.describe()["held_out"] == ""


def test_an_odd_column_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "1.png", noise(1, 4, 11))
    example = opened(tmp_path, "all").example(0, 0)
    assert example["input"].shape == example["target"].shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("first", "second", "splits"),
    [
        ("A", "B", ("train", "val")),
        ("input", "target", ("train", "val")),
        ("A/train", "B/train", ("train", "val")),
        ("A/test", "B/test", ("test",)),
        ("train/A", "train/B", ("train", "val")),
        ("trainA", "trainB", ("train", "val")),
        ("testA", "testB", ("test",)),
        ("train_A", "train_B", ("train", "val")),
        ("train_label", "train_img", ("train", "val")),
        ("valA", "valB", ("val",)),
    ],
)
def test_two_folders_match_by_name(tmp_path: Path, first: str, second: str, splits: tuple[str, ...]) -> None:
    two(tmp_path, first, second)
    examples = opened(tmp_path, "all")
    assert examples.names == ("000", "001", "002")
    assert np.array_equal(bytes_of(examples, 2, "input"), noise(2))
    assert np.array_equal(bytes_of(examples, 2, "target"), noise(102))
    assert data.splits(tmp_path) == splits


@pytest.mark.parametrize(
    "layout",
    [
        "trainA trainB valA valB testA testB",
        "A/train B/train A/val B/val A/test B/test",
        "train/A train/B val/A val/B test/A test/B",
    ],
)
def test_all_three_splits_are_found(tmp_path: Path, layout: str) -> None:
    for number, folder in enumerate(layout.split()):
        fill(tmp_path / folder, number // 2 + 1)
    assert data.splits(tmp_path) == ("train", "val", "test")
    assert [len(opened(tmp_path, split)) for split in ("train", "val", "test", "all")] == [1, 2, 3, 6]


def test_names_may_say_their_side(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "A" / f"{number}_A.jpg", noise(number))
        write(tmp_path / "B" / f"{number}_B.png", noise(100 + number))
    write(tmp_path / "A" / "photo_a.png", noise(7))
    write(tmp_path / "B" / "photo_a.png", noise(107))
    examples = opened(tmp_path, "all")
    assert examples.names == ("0", "1", "2", "photo_a")
    assert np.array_equal(bytes_of(examples, 3, "target"), noise(107))
    assert examples.describe()["unmatched"] == 0


def test_pix2pixhd_folders_without_a_common_name_match_in_order(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "train_label" / f"town_{number}_labelIds.png", noise(number))
        write(tmp_path / "train_img" / f"town_{number}_leftImg8bit.png", noise(100 + number))
    examples = opened(tmp_path, "all")
    assert np.array_equal(bytes_of(examples, 1, "target"), noise(101))


def test_a_picture_without_partner_is_left_out_and_counted(tmp_path: Path) -> None:
    two(tmp_path, "A", "B")
    write(tmp_path / "A" / "lonely.png", noise(9))
    examples = opened(tmp_path, "all")
    assert len(examples) == 3
    assert examples.describe()["unmatched"] == 1


def test_names_that_never_match_are_an_error_that_names_some(tmp_path: Path) -> None:
    fill(tmp_path / "trainA", 2)
    write(tmp_path / "trainB" / "zebra.png", noise(1))
    with pytest.raises(DataError, match=r"no picture of one side.*A/000.*unpaired"):
        opened(tmp_path)


def test_direction_swaps_the_sides(tmp_path: Path) -> None:
    two(tmp_path, "A", "B")
    there, back = opened(tmp_path, "all"), opened(tmp_path, "all", direction="BtoA")
    assert np.array_equal(bytes_of(there, 0, "input"), bytes_of(back, 0, "target"))
    assert back.describe()["direction"] == "BtoA"


def test_without_validation_pictures_a_tenth_is_held_out_by_name(tmp_path: Path) -> None:
    halves(tmp_path, 25)
    train, val = opened(tmp_path), opened(tmp_path, "val")
    assert (len(train), len(val)) == (22, 3)
    assert not set(train.names) & set(val.names)
    assert val.names == opened(tmp_path, "val").names
    assert "1 in 10" in str(val.describe()["held_out"])
    assert len(opened(tmp_path, "all")) == 25


def test_one_picture_trains_and_validates(tmp_path: Path) -> None:
    halves(tmp_path, 1)
    assert opened(tmp_path).names == opened(tmp_path, "val").names == ("000",)


def test_pairs_are_held_out_together_whatever_their_names(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / "A" / f"{number}_A.png", noise(number))
        write(tmp_path / "B" / f"{number}_B.png", 255 - noise(number))
    for split in ("train", "val"):
        examples = opened(tmp_path, split)
        for index in range(len(examples)):
            assert np.array_equal(
                bytes_of(examples, index, "input"), 255 - bytes_of(examples, index, "target")
            )


def test_unpaired_takes_the_longer_side_and_takes_pairs_apart(tmp_path: Path) -> None:
    fill(tmp_path / "two" / "trainA", 5)
    fill(tmp_path / "two" / "trainB", 3, first=100)
    apart = data.unpaired(tmp_path / "two", "all", augment=False, size=None)
    assert len(apart) == 5
    assert np.array_equal(bytes_of(apart, 4, "a"), noise(4))
    assert np.array_equal(bytes_of(apart, 4, "b"), noise(101))
    halves(tmp_path / "pairs" / "train", 4)
    apart = data.unpaired(tmp_path / "pairs", "all", augment=False, size=None)
    assert np.array_equal(bytes_of(apart, 2, "b"), 255 - noise(2))


@pytest.mark.parametrize("written", ["{0}", "{0}/horses,{0}/zebras"])
def test_two_folders_of_any_name_are_two_sets(tmp_path: Path, written: str) -> None:
    two(tmp_path, "horses", "zebras")
    apart = data.unpaired(written.format(tmp_path), "all", augment=False, size=None)
    assert np.array_equal(bytes_of(apart, 0, "b"), noise(100))


def test_the_partner_is_drawn_anew_for_each_seed(tmp_path: Path) -> None:
    two(tmp_path, "trainA", "trainB", 12)
    apart = data.unpaired(tmp_path, "train", augment=True, size=8)
    seen = {bytes(apart.example(0, seed)["b"].numpy()) for seed in range(40)}
    assert len(seen) > 8
    assert all(
        np.array_equal(apart.example(3, 5)[side].numpy(), apart.example(3, 5)[side].numpy()) for side in "ab"
    )


def test_single_pictures_lie_at_any_depth(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "cats" / "black", 2)
    fill(tmp_path / "train" / "dogs", 1)
    fill(tmp_path / "dev", 1)
    singles = data.singles(tmp_path, "train", augment=False, size=None)
    assert singles.names == ("cats/black/000", "cats/black/001", "dogs/000")
    assert data.splits(tmp_path) == ("train", "val")


def test_single_pictures_of_a_two_sided_set_are_both_sides(tmp_path: Path) -> None:
    two(tmp_path, "trainA", "trainB", 2)
    fill(tmp_path / "testA", 4)
    fill(tmp_path / "testB", 4)
    assert len(data.singles(tmp_path, "test", augment=False)) == 8


def test_hidden_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    halves(tmp_path, 2)
    (tmp_path / "._000.png").write_bytes(b"resource fork")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "000.png").write_bytes(b"nothing")
    (tmp_path / "notes.txt").write_text("hello")
    assert len(opened(tmp_path, "all")) == 2


def test_links_that_go_round_in_circles_are_followed_once(tmp_path: Path) -> None:
    halves(tmp_path / "train", 2)
    (tmp_path / "train" / "round").symlink_to(tmp_path)
    assert opened(tmp_path, "all").names == ("000", "001")


def test_single_pictures_are_not_cut_in_two(tmp_path: Path) -> None:
    fill(tmp_path, 3, height=16, width=16)
    with pytest.raises(DataError, match=r"not wider than high.*16×16.*A/ and B/"):
        opened(tmp_path)


@pytest.mark.parametrize("make", ["missing", "empty", "texts", "file", "long"])
def test_a_folder_that_is_no_data_set_says_what_was_found_and_what_is_read(tmp_path: Path, make: str) -> None:
    source = tmp_path / make
    if make in ("empty", "texts"):
        source.mkdir()
    if make == "texts":
        (source / "a.txt").write_text("a")
        (source / "deep").mkdir()
    if make == "file":
        source.write_text("not a folder")
    if make == "long":
        source = tmp_path / ("x" * 5000)
    expected = {
        "missing": "does not exist; give a folder. These layouts are read: .*trainA",
        "empty": "has 0 pictures, folders: none. These layouts are read: .*trainA",
        "texts": "has 0 pictures, 1 other files, folders: deep/",
        "file": "is a file; give the folder",
        "long": "give a folder",
    }[make]
    for open_it in (data.pairs, data.unpaired, data.singles):
        with pytest.raises(DataError, match=expected):
            open_it(source, "train", augment=False)
    with pytest.raises(DataError):
        data.splits(source)


def test_a_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    halves(tmp_path / "train", 2)
    with pytest.raises(DataError, match="no test pictures, only train, val"):
        opened(tmp_path, "test")
    with pytest.raises(UnknownName, match="tain"):
        opened(tmp_path, "tain")  # type: ignore[arg-type]


def test_the_fingerprint_follows_names_and_sizes_but_not_the_place(tmp_path: Path) -> None:
    for root in ("one", "two"):
        halves(tmp_path / root, 3)
    first, second = (opened(tmp_path / root, "all").describe()["sha256"] for root in ("one", "two"))
    assert first == second
    (tmp_path / "two" / "002.png").rename(tmp_path / "two" / "003.png")
    assert opened(tmp_path / "two", "all").describe()["sha256"] != first
