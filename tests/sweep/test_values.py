"""What an edit is told, as plain data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import InputError, UnreadablePicture
from retouch.image import Box, Mask, Polygon, Region
from retouch.image.plain import decoded, encoded, fingerprint, finite, sha256_of
from retouch.sweep.values import shown

numbers = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | st.text() | numbers
paths = st.text(st.characters(codec="ascii", exclude_characters="/\0"), min_size=1).map(
    lambda name: Path("/a") / name
)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.integers(-99, 99)] * 2, *[st.integers(1, 99)] * 2
)
corners = st.lists(st.tuples(st.floats(-99, 99), st.floats(-99, 99)), min_size=3, max_size=5)
polygons = st.builds(Polygon, corners, st.lists(corners, max_size=2), st.booleans())
regions = st.builds(
    Region, boxes | polygons | paths, st.booleans(), st.booleans(), st.floats(-9, 9), st.floats(0, 9)
)
values = plain | paths | boxes | polygons | regions


@given(values | st.lists(values, max_size=3).map(tuple))
def test_a_value_comes_back_from_another_process_as_it_was(value: object) -> None:
    back = decoded(json.loads(json.dumps(encoded(value))))
    assert back == value
    assert type(back) is type(value)


def test_paths_do_not_depend_on_the_folder_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert encoded(Path("a.png")) == {"file": str(tmp_path / "a.png")}
    assert encoded(Region("a.png"))["region"] == {"file": str(tmp_path / "a.png")}  # type: ignore[index,call-overload]


def test_numpy_numbers_become_plain_ones() -> None:
    assert [encoded(np.int64(3)), encoded(np.float32(0.5))] == [3, 0.5]


@pytest.mark.parametrize("value", [Mask.of(np.ones((2, 2))), np.zeros((2, 2, 3)), b"PNG"])
def test_what_lies_in_memory_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"a .* cannot be handed to another process; save it"):
        encoded(value)


def test_a_number_must_be_finite() -> None:
    with pytest.raises(InputError, match="inf is not a number"):
        encoded(float("inf"))


def test_a_fingerprint_is_of_what_files_hold(tmp_path: Path) -> None:
    for name, content in {"a": "one", "b": "one", "c": "two"}.items():
        (tmp_path / name).write_text(content)

    def printed(value: object) -> object:
        return fingerprint(encoded(value), sha256_of)

    one, same, other = (tmp_path / name for name in "abc")
    assert printed(one) == printed(same) != printed(other)
    assert printed((one, 3)) == printed((same, 3)) != printed((other, 3))
    assert printed(Region(one, grow=2)) == printed(Region(same, grow=2)) != printed(Region(other, grow=2))
    assert printed(Region(one, grow=2)) != printed(Region(one, grow=3))
    # weights are named by a word
    before = printed(str(one))
    one.write_text("changed")
    assert printed(str(one)) != before
    assert printed("no file") == "no file"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match=r"a\.png does not exist; check the path"):
        sha256_of(tmp_path / "a.png")
    with pytest.raises(UnreadablePicture, match="cannot be read"):
        sha256_of(tmp_path)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        (True, "yes"),
        (3, "3"),
        (0.1 + 0.2, "0.3"),
        ("", "(empty)"),
        ("a b", "a b"),
        (Path("x/y.png"), "y.png"),
        ((Path("a.png"), Path("b.png")), "a.png,b.png"),
        ((), "(none)"),
        (Box(1, 2, 3, 4), "box 1,2,3,4"),
        (Region("m.png", invert=True, grow=-2), "m.png, inverted, grow -2"),
        (Region(Polygon([(0, 0), (1, 0), (1, 1)]), feather=1.5), "polygon of 3 corners, feather 1.5"),
    ],
)
def test_values_in_words(value: object, words: str) -> None:
    assert shown(value) == words


def test_reports_become_strict_json() -> None:
    report = {"a": np.float64("nan"), "b": (np.int32(3), True, None), 4: {"c": Path("x")}}
    assert finite(report) == {"a": None, "b": [3, True, None], "4": {"c": "x"}}
