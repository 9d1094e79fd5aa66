"""Drawings: read from anyone, written, and rasterised like a slow way that is obviously right."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch, UnreadablePicture
from retouch.image import Drawing, Mask, Polygon, Region, Stroke, rasterise
from retouch.image import drawing as drawing_module
from tests.image.test_round_trips import FEW

SIZE = (24, 31)
Points = Sequence[tuple[float, float]]


def distances(points: Points, size: tuple[int, int]) -> NDArray[np.float64]:
    """From every pixel centre to the nearest place of the line through the points."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    best = np.full(size, np.inf)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[-1]], strict=True):
        along = (x1 - x0) ** 2 + (y1 - y0) ** 2
        part = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / along, 0, 1) if along else 0.0
        best = np.minimum(best, np.hypot(x - x0 - part * (x1 - x0), y - y0 - part * (y1 - y0)))
    return best


quarters = st.integers(-60, 180).map(lambda n: n / 4)
places = st.tuples(quarters, quarters)
anywhere = st.tuples(st.floats(-50, 80), st.floats(-50, 80))
brushes = st.builds(
    lambda points, radius, erase: Stroke("brush", tuple(points), radius, erase),
    st.lists(st.one_of(places, anywhere), min_size=1, max_size=6),
    st.one_of(st.integers(1, 60).map(lambda n: n / 4), st.floats(0.01, 40)),
    st.booleans(),
)
polygons = st.builds(
    lambda points, erase: Stroke("polygon", tuple(points), erase=erase),
    st.lists(places, min_size=3, max_size=7),
    st.booleans(),
)
rectangles = st.builds(
    lambda one, other, erase: Stroke("rectangle", (one, other), erase=erase), places, places, st.booleans()
)
strokes = st.lists(st.one_of(brushes, polygons, rectangles), max_size=6)
drawings = st.builds(
    Drawing,
    strokes.map(tuple),
    st.sampled_from([None, SIZE]),
    st.booleans(),
    st.integers(-6, 6).map(lambda n: n / 2),
    st.integers(0, 8).map(lambda n: n / 2),
)


@FEW
@given(brushes)
def test_a_brush_holds_what_is_within_its_radius(stroke: Stroke) -> None:
    assert stroke.radius is not None
    added = Stroke("brush", stroke.points, stroke.radius)
    inside = Mask.of(Drawing((added,)), SIZE).inside
    away = distances(stroke.points, SIZE) - stroke.radius
    assert inside[away < -1e-9].all()
    assert not inside[away > 1e-9].any()


def test_a_brush_reaches_centres_exactly_as_far_away_as_its_radius() -> None:
    inside = Mask.of(Drawing((Stroke("brush", ((10.5, 10.5),), 5),)), SIZE).inside
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    # 3² + 4² = 5²: twelve pixels lie exactly on the circle.
    np.testing.assert_array_equal(inside, (x - 10) ** 2 + (y - 10) ** 2 <= 25)
    line = Mask.of(Drawing((Stroke("brush", ((4.5, 8.5), (20.5, 8.5)), 2),)), SIZE).inside
    assert line[6:11, 4:21].all()
    # ... and past either end half of the disk of radius 2: rows of 0, 1, 2, 1 and 0 more pixels.
    assert line.sum() == 5 * 17 + 2 * 4


@FEW
@given(polygons, rectangles)
def test_polygons_and_rectangles_are_those_of_the_shapes(polygon: Stroke, rectangle: Stroke) -> None:
    drawn = Mask.of(Drawing((Stroke("polygon", polygon.points),)), SIZE)
    np.testing.assert_array_equal(drawn.inside, Mask.of(Polygon(polygon.points), SIZE).inside)
    (x0, y0), (x1, y1) = rectangle.points
    drawn = Mask.of(Drawing((Stroke("rectangle", rectangle.points),)), SIZE)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    np.testing.assert_array_equal(drawn.inside, Mask.polygon(corners, SIZE).inside)


@FEW
@given(drawings)
def test_strokes_come_in_order_and_then_the_changes(drawing: Drawing) -> None:
    inside = np.zeros(SIZE, np.bool_)
    for stroke in drawing.strokes:
        alone = Mask.of(Drawing((Stroke(stroke.kind, stroke.points, stroke.radius),)), SIZE).inside
        inside = inside & ~alone if stroke.erase else inside | alone
    changes = {"invert": drawing.invert, "grow": drawing.grow, "feather": drawing.feather}
    expected = Mask.of(Region(Mask(inside), **changes), SIZE)  # type: ignore[arg-type]
    np.testing.assert_array_equal(Mask.of(drawing, SIZE).values, expected.values)


@FEW
@given(drawings)
def test_what_is_written_is_read_again(drawing: Drawing) -> None:
    text = drawing.json()
    assert Drawing.parse(text) == Drawing.parse(text.encode()) == Drawing.parse(drawing.plain()) == drawing
    assert Drawing.parse(b"\xef\xbb\xbf" + text.encode()) == drawing
    assert json.loads(text) == drawing.plain()


@pytest.mark.parametrize("at_once", [1, 7, 2**20])
def test_the_portions_of_the_work_do_not_show(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    corners = tuple((15 + 14 * math.cos(2.4 * n), 12 + 13 * math.sin(2.4 * n)) for n in range(11))
    drawing = Drawing((Stroke("polygon", corners), Stroke("brush", corners[:5], 2.3, erase=True)))
    whole = Mask.of(drawing, SIZE).inside
    soft = Mask.polygon(corners, SIZE, antialias=True).values
    monkeypatch.setattr(rasterise, "AT_ONCE", at_once)
    np.testing.assert_array_equal(Mask.of(drawing, SIZE).inside, whole)
    np.testing.assert_array_equal(Mask.polygon(corners, SIZE, antialias=True).values, soft)


def test_a_long_stroke_on_a_large_photo_takes_less_than_a_second() -> None:
    steps = np.cumsum(np.random.default_rng(0).normal(0, 8, (1500, 2)), axis=0) + np.array([2000, 1500])
    drawing = Drawing((Stroke("brush", tuple((x, y) for x, y in steps.tolist()), 60),), (3000, 4000))
    started = time.process_time()
    mask = Mask.of(drawing)
    assert time.process_time() - started < 1
    assert mask.size == (3000, 4000)


def test_an_empty_drawing_selects_nothing() -> None:
    assert not Mask.of(Drawing(), SIZE).inside.any()
    assert Mask.of(Drawing(invert=True), SIZE).inside.all()
    outside = Stroke("brush", ((-100, -100),), 5)
    assert not Mask.of(Drawing((outside,)), SIZE).inside.any()


def test_a_drawing_fits_the_picture_that_it_was_made_on() -> None:
    stroke = Stroke("rectangle", ((0, 0), (3, 2)))
    assert Mask.of(Drawing((stroke,), SIZE)).size == SIZE
    assert Mask.of(Drawing((stroke,)), (5, 6)).size == (5, 6)
    with pytest.raises(SizeMismatch, match="made on a 24×31 picture but image is 5×6; open the picture"):
        Mask.of(Drawing((stroke,), SIZE), (5, 6))
    with pytest.raises(InputError, match="has no size of its own"):
        Mask.of(Drawing((stroke,)))
    with pytest.raises(InputError, match="more than the limit of 200,000,000 pixels"):
        Mask.of(Drawing((stroke,), (10**6, 10**6)))


def test_a_file_may_hold_a_drawing(tmp_path: Path) -> None:
    drawing = Drawing((Stroke("rectangle", ((2, 3), (9, 8))),), SIZE, feather=2)
    path = tmp_path / "mask.json"
    path.write_text("\n " + drawing.json())
    expected = Mask.of(drawing).values
    for value in (path, str(path), path.read_bytes(), Region(path)):
        np.testing.assert_array_equal(Mask.of(value, SIZE).values, expected)
    np.testing.assert_array_equal(Mask.of(Region(path, invert=True), SIZE).values, np.float32(1) - expected)
    path.write_bytes(b"\xef\xbb\xbf" + drawing.json().encode())
    np.testing.assert_array_equal(Mask.of(path).values, expected)
    path.write_text('{"retouch": "sketch"}')
    with pytest.raises(InputError, match=r"mask\.json: this JSON is not a drawing"):
        Mask.of(path)
    path.write_text("[1]")
    with pytest.raises(UnreadablePicture, match="no picture that retouch knows"):
        Mask.of(path)
    with pytest.raises(UnreadablePicture, match="is a folder"):
        Mask.of(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Opened without care, a pipe waits for a writer for ever.
    with pytest.raises(UnreadablePicture, match="a device or a pipe"):
        Mask.of(pipe)


def brush(**changes: Any) -> dict[str, Any]:
    return {"kind": "brush", "points": [[1, 2]], "radius": 3, **changes}


def drawn(*strokes: Any, **changes: Any) -> dict[str, Any]:
    return {"retouch": "drawing", "version": 1, "strokes": list(strokes), **changes}


WRONG: list[tuple[Any, str]] = [
    ("{", "not valid JSON"),
    (b"\xff\xfe{}", "not valid JSON"),
    ("[" * 100_000, "nested too deeply"),
    ('{"retouch": "drawing", "version": 1, "strokes": [], "grow": NaN}', "NaN is not a number"),
    ('{"retouch": "drawing", "version": 1, "strokes": [], "grow": 1e999}', "grow: must be a finite number"),
    ('{"retouch": "drawing", "version": 1, "strokes": [], "grow": ' + "9" * 5000 + "}", "not valid JSON"),
    ([], "not a drawing"),
    (None, "not a drawing"),
    ({}, "not a drawing"),
    (drawn(version=2), "version: this retouch reads drawings of version 1, got 2; update"),
    (drawn(version=True), "version: .* got True"),
    ({"retouch": "drawing", "version": 1}, "strokes is missing"),
    (drawn(feahter=3), "unknown member of a drawing .*did you mean feather"),
    (drawn(strokes={}), "strokes: must be a list, got an object of 0"),
    (drawn(strokes="polygon"), "strokes: must be a list"),
    (drawn(None), r"strokes\[0\]: must be an object"),
    (drawn(brush(), brush(kind="spray")), r"strokes\[1\]: unknown kind of stroke 'spray'; did you mean"),
    (drawn(brush(kind=["brush"])), r"strokes\[0\]: unknown kind"),
    (drawn(brush(colour="red")), r"strokes\[0\]: unknown member"),
    (drawn({"kind": "brush"}), r"strokes\[0\]: points is missing"),
    (drawn(brush(points=7)), r"strokes\[0\]: points: must be a list"),
    (drawn(brush(points=[])), "a brush needs 1 to 200,000 points, got 0"),
    (drawn(brush(points=[[1]])), r"strokes\[0\]: points\[0\]: must be \[x, y\], got a list of 1"),
    (drawn(brush(points=[[1, 2], [1, "2"]])), r"points\[1\]: y: must be a finite number, got '2'"),
    (drawn(brush(points=[[True, 2]])), r"points\[0\]: x: must be a finite number, got True"),
    (drawn(brush(points=[[math.nan, 2]])), "x: must be a finite number, got nan"),
    (drawn(brush(points=[[10**400, 2]])), "x: must be a finite number, got a number of very many digits"),
    (drawn(brush(points=[[1e10, 2]])), "x: must lie within ±2³¹ pixels, got 1e"),
    (drawn(brush(points=[[{}, 2]])), "x: must be a finite number, got an object of 0"),
    (drawn(brush(radius=0)), "radius: a brush needs one above 0 pixels, at most 2³¹, got 0"),
    (drawn(brush(radius=1e300)), "radius: a brush needs one above"),
    (drawn(brush(radius=None)), "radius: must be a finite number, got None"),
    (drawn(brush(erase=1)), "erase: must be true or false, got 1"),
    (
        drawn(brush(kind="rectangle", points=[[1, 2], [3, 4]])),
        "radius: only a brush has one; leave it out",
    ),
    (drawn({"kind": "rectangle", "points": [[1, 2]] * 3}), "a rectangle needs exactly 2 points, got 3"),
    (drawn({"kind": "polygon", "points": [[1, 2]] * 2}), "a polygon needs 3 to 200,000 points, got 2"),
    (drawn(size=[1]), r"size: must be \[height, width\] in whole pixels, at least 1, got a list of 1"),
    (drawn(size=[0, 4]), "size: must be"),
    (drawn(size=[1.5, 4]), "size: must be"),
    (drawn(size=[True, 4]), "size: must be"),
    (drawn(size="ab"), "size: must be"),
    (drawn(size=[10**30, 4]), "size: must be"),
    (drawn(invert="yes"), "invert: must be true or false, got 'yes'"),
    (drawn(grow="3"), "grow: must be a finite number"),
    (drawn(grow=-1e10), "grow: must lie within"),
    (drawn(feather=-1), "feather: must be 0 or more pixels, got -1"),
    (drawn(*[brush()] * 5001), "5,001 are more than a drawing may have"),
    (drawn(*[brush(points=[[1, 2]] * 100_000)] * 3), "3 strokes with 300,000 points are more"),
    (" " * (8 * 2**20 + 1), "8,388,609 bytes, more than the limit of 8,388,608"),
]


@pytest.mark.parametrize(("value", "said"), WRONG, ids=range(len(WRONG)))
def test_what_is_no_drawing_is_refused_by_name_of_the_place(value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Drawing.parse(value)
    assert len(str(caught.value)) < 300


def test_a_drawing_that_would_take_minutes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Stroke("brush", ((0, 0), (4000, 3000)), 3000)
    drawing = Drawing((wide,) * 5000, (9000, 12000))
    monkeypatch.setattr(rasterise, "MOST_EFFORT", rasterise.MOST_EFFORT / 64)
    with pytest.raises(InputError, match=r"its first \d+ strokes cross 9000×12000 pixels too often"):
        Mask.of(drawing)


def test_a_stroke_is_made_of_strokes_only() -> None:
    with pytest.raises(InputError, match="strokes: must be Stroke objects"):
        Drawing(({"kind": "brush"},))  # type: ignore[arg-type]
    assert drawing_module.MAX_POINTS == 200_000
    assert repr(Stroke("brush", [[1, 2]], 3).points) == "((1.0, 2.0),)"  # type: ignore[arg-type]


def test_the_example_of_the_documentation_is_a_drawing() -> None:
    text = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")
    example = text.partition("```json\n")[2].partition("```")[0]
    drawing = Drawing.parse(example)
    assert [stroke.kind for stroke in drawing.strokes] == ["brush", "rectangle"]
    assert drawing.feather == 8
