"""What a sweep will do, before any of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from retouch.catalog import Edit
from retouch.errors import InputError, RetouchError, UnknownName, UnreadablePicture
from retouch.image import Box, Region
from retouch.sweep import Plan, plan
from retouch.sweep.axes import axis_of

pytestmark = pytest.mark.usefixtures("dyes")
Planning = Callable[..., Plan]


@pytest.fixture
def planning(photos: Path) -> Planning:
    """Plan a sweep of the made-up verb on the gray photo and the red cloth."""

    def make(vary: dict[str, Any], *, pictures: tuple[str, ...] = ("gray", "red"), **options: Any) -> Plan:
        many = options.pop("many", False)
        files = [photos / f"{name}.png" for name in pictures]
        return plan("dye", files, vary=vary, options=options, many=many)

    return make


def test_every_combination_is_a_cell_the_last_option_fastest(planning: Planning) -> None:
    todo = planning({"strength": [0.5, "full"], "count": [1, 2, 3]}, manner="print")
    assert [cell.labels for cell in todo.cells] == [
        ("0.5", "1"), ("0.5", "2"), ("0.5", "3"), ("full", "1"), ("full", "2"), ("full", "3"),
    ]  # fmt: skip
    assert todo.cells[4].arguments["strength"] == "full"
    assert todo.cells[4].arguments["count"] == 2
    assert {cell.arguments["manner"] for cell in todo.cells} == {"print"}
    assert dict(todo.fixed) == {"photo": "gray.png", "cloth": "red.png", "manner": "print"}
    assert len({cell.key for cell in todo.cells}) == 6
    assert len({cell.file for cell in todo.cells}) == 6


def test_pictures_may_be_varied(planning: Planning, photos: Path) -> None:
    todo = planning({"cloth": [str(photos / "red.png"), photos / "blue.png"]}, pictures=("gray",))
    assert todo.axes[0].labels == ("red.png", "blue.png")
    assert todo.axes[0].pictures == (photos / "red.png", photos / "blue.png")
    assert todo.cells[1].arguments["cloth"] == {"file": str(photos / "blue.png")}
    assert todo.cells[1].arguments["photo"] == {"file": str(photos / "gray.png")}
    both = planning({"photo": [photos / "gray.png"], "cloth": [photos / "red.png"]}, pictures=())
    assert both.cells[0].arguments["photo"] == {"file": str(photos / "gray.png")}


def test_what_is_a_word_or_a_picture_stays_as_it_is_typed() -> None:
    edit = Edit("stylize", "stylize", "Not the one of these tests.")
    varied = axis_of(edit, "start", ["noise", "begin.png", Path("other.png")])
    assert (varied.values, varied.labels) == (("noise", "begin.png", "other.png"),) * 2
    with pytest.raises(InputError, match="start of stylize takes the path of a picture, or auto or content"):
        axis_of(edit, "start", [3])
    assert axis_of(edit, "features", ["bundled", "mine.pth"]).values == ("bundled", "mine.pth")
    with pytest.raises(InputError, match="features of stylize takes a name or a path, as words"):
        axis_of(edit, "features", [3])


def test_files_of_one_name_are_told_apart(planning: Planning, photos: Path) -> None:
    for folder in ("one", "two"):
        (photos / folder).mkdir()
        (photos / folder / "red.png").write_bytes((photos / "red.png").read_bytes())
    todo = planning({"cloth": [photos / "one" / "red.png", photos / "two" / "red.png"]}, pictures=("gray",))
    assert todo.axes[0].labels == ("one/red.png", "two/red.png")
    # but what they hold is the same, and so will be the result
    assert todo.cells[0].key == todo.cells[1].key


def test_a_mask_is_a_value_like_any_other(planning: Planning) -> None:
    todo = planning({"mask": [Region(Box(0, 0, 2, 2), grow=1), Region(Box(0, 0, 2, 2), grow=2)]})
    assert todo.axes[0].labels == ("box 0,0,2,2, grow 1", "box 0,0,2,2, grow 2")


def test_keys_know_contents_options_and_version_but_not_places(planning: Planning, photos: Path) -> None:
    def key(**options: Any) -> str:
        return planning({"count": [1]}, **options).cells[0].key

    before = key()
    assert key() == before
    assert key(note="other") != before
    (photos / "moved.png").write_bytes((photos / "gray.png").read_bytes())
    assert key(pictures=("moved", "red")) == before
    assert key(pictures=("red", "gray")) != before
    with mock.patch("retouch.sweep.plan.__version__", "9"):
        assert key() != before
    (photos / "gray.png").write_bytes((photos / "blue.png").read_bytes())
    assert key() != before


def test_three_options_make_a_grid_for_each_value_of_the_first(planning: Planning) -> None:
    todo = planning({"wet": [False, True], "count": [1, 2], "strength": [0.1, 0.2, 0.3]})
    grids = list(todo.grids)
    assert [[(axis.name, at) for axis, at in outer] for outer, _ in grids] == [[("wet", 0)], [("wet", 1)]]
    assert [cell.labels[0] for cell in grids[1][1]] == ["yes"] * 6
    assert [len(cells) for _, cells in planning({"count": [1, 2]}).grids] == [2]


@pytest.mark.parametrize("label", ["../../etc/passwd", "a b/c\\d", "", ".", "é日本", "x" * 300, "-rf"])
def test_file_names_of_cells_are_harmless(planning: Planning, label: str) -> None:
    cell = replace(planning({"note": ["a"]}).cells[0], labels=(label,))
    folder, name = cell.file.split("/")
    assert folder == "cells"
    assert name.isascii()
    assert len(name) < 80
    assert not name.startswith((".", "-"))
    assert name.endswith(f"-{cell.key[:10]}.png")


@pytest.mark.parametrize(
    ("vary", "more", "error", "message"),
    [
        ({}, {}, InputError, "nothing is varied; name an option"),
        ({"counts": [1]}, {}, UnknownName, "unknown option of dye 'counts'; did you mean count"),
        ({"count": []}, {}, InputError, "count has no values"),
        ({"count": "12"}, {}, InputError, r"count varies over a list of values, got '12'; write \['12'\]"),
        ({"count": [1, 2, 1]}, {}, InputError, "count is varied over 1 twice"),
        ({"count": [1.5]}, {}, InputError, "count of dye takes a whole number, got 1.5"),
        ({"count": [True]}, {}, InputError, "count of dye takes a whole number, got True"),
        ({"wet": [1]}, {}, InputError, "wet of dye takes True or False, got 1"),
        ({"note": [1]}, {}, InputError, "note of dye takes words, got 1"),
        ({"strength": ["ful"]}, {}, UnknownName, "unknown strength 'ful'; did you mean full"),
        ({"strength": [float("nan")]}, {}, InputError, "strength of dye takes a number, got nan"),
        ({"manner": ["wish"]}, {}, UnknownName, "unknown manner 'wish'; did you mean wash"),
        ({"count": [1]}, {"count": 3}, InputError, "count is varied and given as well"),
        ({"count": [1]}, {"manner": "x"}, UnknownName, "unknown manner 'x'"),
        ({"count": [1]}, {"pictures": ("gray",)}, InputError, r"2 pictures here \(photo and cloth\), got 1"),
        ({"cloth": ["a.png"]}, {}, InputError, r"dye takes 1 picture here \(photo\), got 2"),
        ({"cloth": ["nowhere.png"]}, {"pictures": ("gray",)}, UnreadablePicture, "nowhere.png does not"),
        ({"cloth": [None]}, {"pictures": ("gray",)}, InputError, "cloth of dye takes a file, got None"),
        ({"count": [*range(201)], "wet": [False, True]}, {}, InputError, "201 × 2 values are 402 cells"),
        ({"note": ["a"], "mask": [b"pixels"]}, {}, InputError, "a bytes cannot be handed"),
    ],
)  # fmt: skip
def test_what_makes_no_sweep(
    planning: Planning, vary: Any, more: dict[str, Any], error: type[RetouchError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        planning(vary, **more)
    assert "\n" not in str(caught.value)


def test_many_cells_can_be_wished(planning: Planning) -> None:
    assert len(planning({"count": [*range(401)]}, many=True).cells) == 401


def test_an_unknown_edit() -> None:
    with pytest.raises(UnknownName, match="unknown edit 'dry'"):
        plan("dry", vary={"count": [1]})
