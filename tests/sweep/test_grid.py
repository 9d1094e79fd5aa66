"""The captioned picture of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from retouch.image import Picture
from retouch.sweep import Outcome, Plan, Swept, plan
from retouch.sweep.grid import CARD, FAULT, write_grids
from retouch.sweep.lettering import Lettering, in_ascii

Finishing = Callable[..., Swept]
LETTERS = Lettering(14, (0, 0, 0))


def drawn(swept: Swept, number: int = 0) -> NDArray[np.int64]:
    with Image.open(write_grids(swept)[number]) as image:
        assert image.mode == "RGB"
        return np.asarray(image, np.int64)


def places(image: NDArray[np.int64], level: int, size: tuple[int, int]) -> list[tuple[int, int]]:
    """Where plain gray rectangles of a size are: y and x of their first corner."""
    same = (image == level).all(axis=2)
    height, width = size
    sums = np.pad(same.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    full = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    return [(int(y), int(x)) for y, x in np.argwhere(full == height * width)]


def test_cells_lie_in_rows_and_columns_in_their_order(square: Plan, finished: Finishing) -> None:
    swept = finished(square, size=(100, 140))
    image = drawn(swept)
    found = [places(image, 10 + 200 * number // 6, (100, 140)) for number in range(6)]
    assert all(len(place) == 1 for place in found)
    ys, xs = np.array([place[0] for place in found]).reshape(2, 3, 2).transpose(2, 0, 1)
    assert (ys == ys[:, :1]).all()
    assert (xs == xs[:1]).all()
    assert (np.diff(ys[:, 0]) > 100).all()
    assert (np.diff(xs[0]) > 140).all()


def test_headings_show_the_pictures_that_are_varied(square: Plan, finished: Finishing) -> None:
    image = drawn(finished(square))
    # The photos are 16 × 12: gray beside the first row, red beside the second; the cloth is not varied.
    (gray,) = places(image, 128, (12, 16))
    red = np.argwhere((image == (255, 0, 0)).all(axis=2))
    assert len(red) == 12 * 16
    assert red[0][0] > gray[0]
    assert red[0][1] == gray[1]
    assert not (image == (0, 0, 255)).all(axis=2).any()


def test_words_stand_above_beside_and_below_the_cells(square: Plan, finished: Finishing) -> None:
    image = drawn(finished(square, size=(100, 140)))
    dark = (image.max(axis=2) < 160) & (np.ptp(image, axis=2) < 20)
    for number in range(6):
        y, x = places(image, 10 + 200 * number // 6, (100, 140))[0]
        assert dark[y + 102 : y + 122, x : x + 140].any()
        assert dark[y : y + 60, 20 : x - 2].any()
        assert number > 2 or dark[y - 24 : y - 2, x : x + 140].any()


def test_a_failed_cell_says_why(square: Plan, finished: Finishing) -> None:
    swept = finished(square, size=(100, 140))
    wrong = Outcome(swept.plan.cells[2].key, error="InputError", message="no dye is left; buy some")
    image = drawn(replace(swept, outcomes=(*swept.outcomes[:2], wrong, *swept.outcomes[3:])))
    fault = (image == FAULT).all(axis=2)
    rows, columns = np.flatnonzero(fault.any(axis=1)), np.flatnonzero(fault.any(axis=0))
    inside = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert inside.shape[:2] == (100, 140)
    assert (inside.max(axis=2) < 200).any()
    assert columns[0] > places(image, 10 + 200 // 6, (100, 140))[0][1] + 140


def test_large_cells_are_reduced_and_tiny_ones_enlarged_by_whole_steps(
    square: Plan, finished: Finishing
) -> None:
    swept = finished(square, size=(500, 1000))
    for number in (1, 2):
        small = np.full((8, 12, 3), 250 + number, np.uint8)
        small[:, 6:] = 100 + number
        Picture.of(small).save(swept.folder / swept.outcomes[number].file)
    image = drawn(swept)
    assert image.shape[1] < 1400
    assert len(places(image, 10, (160, 320))) == 1
    # the largest whole factor within 320 × 160 is 20
    assert [len(places(image, level, (160, 120))) for level in (251, 101, 252, 102)] == [1] * 4
    assert (image == CARD).all(axis=2).any()


def test_one_option_runs_on_in_rows_of_six(dyes: None, photos: Path, finished: Finishing) -> None:
    todo = plan("dye", [photos / "red.png", photos / "blue.png"], vary={"count": [*range(8)]})
    image = drawn(finished(todo, size=(100, 140)))
    found = [places(image, 10 + 200 * number // 8, (100, 140))[0] for number in range(8)]
    assert len({y for y, _ in found[:6]}) == 1
    assert found[6][0] == found[7][0] > found[0][0] + 100
    assert [x for _, x in found[6:]] == [x for _, x in found[:2]]


def test_a_third_option_makes_more_pictures(dyes: None, photos: Path, finished: Finishing) -> None:
    vary: dict[str, list[object]] = {"wet": [False, True], "count": [1, 2], "strength": [0.1, 0.2]}
    swept = finished(plan("dye", [photos / "red.png", photos / "blue.png"], vary=vary), size=(100, 140))
    assert [path.name for path in write_grids(swept)] == ["grid-1.png", "grid-2.png"]
    second = drawn(swept, 1)
    assert [len(places(second, 10 + 200 * number // 8, (100, 140))) for number in range(8)] == [0] * 4 + [
        1
    ] * 4


def test_transparent_results_are_shown_on_white(square: Plan, finished: Finishing) -> None:
    swept = finished(square)
    clear = np.zeros((100, 140, 4), np.uint8)
    for outcome in swept.outcomes:
        Picture.of(clear).save(swept.folder / outcome.file)
    image = drawn(swept)
    assert not (image == CARD).all(axis=2).any()
    assert not (image == 0).all(axis=2).any()


@given(st.text(max_size=200), st.integers(30, 300), st.integers(1, 8))
def test_lines_fit_whatever_is_written(text: str, width: int, most: int) -> None:
    lines = LETTERS.lines(text, width, most)
    assert len(lines) <= most
    assert LETTERS.width(lines) <= width
    assert all(line.isascii() and line.strip() for line in lines)
    whole = LETTERS.lines(text, width, 10_000)
    assert "".join("".join(whole).split()) == "".join(in_ascii(text).split())
    if len(whole) > most:
        assert lines[-1].endswith("...")


def test_lines_break_between_words_and_behind_commas() -> None:
    layers = "relu1_1,relu2_1,relu3_1"
    lines = LETTERS.lines(layers, LETTERS.width(["relu1_1,relu2_1,"]) + 2)
    assert lines == ["relu1_1,relu2_1,", "relu3_1"]


def test_letters_that_the_font_lacks_are_spelt() -> None:
    assert in_ascii("é × “ü”\n日") == 'e x "u" ?'


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1)])
def test_odd_sizes_can_be_drawn(square: Plan, finished: Finishing, size: tuple[int, int]) -> None:
    assert drawn(finished(square, size=size)).shape[0] < 1500
