from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from retouch.data import holes
from retouch.data.holes.polygons import Form, polygon, signed_area
from retouch.data.holes.raster import capsules, shrunk
from retouch.data.holes.shapes import Shapes
from retouch.data.seeds import generator
from retouch.errors import DataError, InputError
from tests.data.made import write

EIGHT = np.ones((3, 3))
"""Pixels that share a corner belong together."""

SPECS = (
    *("large", "small", "thin", "medium", "thick", "box", "square", "strokes", "text", "scratches"),
    *("polygon(form=convex)", "polygon(form=star)", "polygon(form=simple)", "outpaint", "grid"),
    *("outpaint(pad=0..1,sides=all)", "square(area=0..1)", "polygon(area=0..1,corners=3..40)"),
    *("box(side=1..500,margin=200)", "thin:2,grid:0.5", "mix(thick,square:3,largest=0.2)"),
    "evenly(thick,polygon,area=0.1..0.5,buckets=3)",
)


def spread(hole: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 around the hole."""
    ys, xs = np.nonzero(hole)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def many(spec: str, size: tuple[int, int], count: int, seed: int = 0) -> list[NDArray[np.bool_]]:
    made, random = holes.parse(spec), generator(seed)
    return [made.draw(size, random) for _ in range(count)]


@given(
    spec=st.sampled_from(SPECS),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)).filter(lambda size: size != (1, 1)),
    seed=st.integers(0, 2**63),
)
@settings(deadline=None, max_examples=250)
def test_any_hole_leaves_something_and_depends_on_its_generator_alone(
    spec: str, size: tuple[int, int], seed: int
) -> None:
    drawn = holes.parse(spec).draw(size, generator(seed))
    assert drawn.shape == size
    assert drawn.dtype == np.dtype(np.bool_)
    assert 0 < drawn.sum() < drawn.size
    state = repr(np.random.get_state())  # noqa: NPY002 — this is the global one
    again = holes.parse(holes.parse(spec).spec).draw(size, generator(seed))
    assert np.array_equal(drawn, again)
    assert repr(np.random.get_state()) == state  # noqa: NPY002


@pytest.mark.parametrize("size", [(1, 1), (0, 5), (5, 0)])
def test_one_pixel_has_no_room(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"{size[0]}×{size[1]} pixels .* at least two pixels"):
        holes.parse("thick").draw(size, generator(0))


def test_other_seeds_give_other_holes() -> None:
    for spec in SPECS:
        made = holes.parse(spec)
        assert len({holes.digest(made.draw((64, 64), generator(seed))) for seed in range(8)}) > 2, spec


@pytest.mark.parametrize(
    ("spec", "side", "mean", "too_large", "kept"),
    [
        # inpainting.md, section 2.1: mean area of 600 holes, share above one half, mean of the others.
        ("large", 256, 0.34, 0.23, 0.25),
        ("small", 256, 0.23, 0.06, 0.21),
        ("thin", 256, 0.29, 0.04, 0.28),
        ("medium", 256, 0.24, 0.01, 0.24),
        ("thick", 256, 0.39, 0.32, 0.27),
        ("thick", 512, 0.46, 0.44, 0.27),
    ],
)
def test_presets_cover_as_much_as_lamas(
    spec: str, side: int, mean: float, too_large: float, kept: float
) -> None:
    areas = np.array([hole.mean() for hole in many(spec, (side, side), 600, seed=3)])
    assert areas.mean() == pytest.approx(mean, abs=0.03)
    assert (areas > 0.5).mean() == pytest.approx(too_large, abs=0.06)
    assert areas[areas <= 0.5].mean() == pytest.approx(kept, abs=0.03)


def test_presets_differ_in_width() -> None:
    widths = {
        spec: np.median([2 * distance_transform_edt(hole).max() for hole in many(spec, (256, 256), 60)])
        for spec in ("thin", "medium", "thick")
    }
    assert widths["thin"] < 40 < widths["medium"] < 85 < widths["thick"]


def test_lengths_grow_with_the_shorter_side() -> None:
    for spec in ("large", "small", "box", "strokes"):
        small, large = (np.mean([hole.mean() for hole in many(spec, (s, s), 200)]) for s in (64, 256))
        assert small == pytest.approx(large, abs=0.02), spec
    wide = np.mean([hole.mean() for hole in many("box", (64, 256), 200)])
    assert wide == pytest.approx(np.mean([hole.mean() for hole in many("box", (64, 64), 200)]) / 4, rel=0.2)


ends = st.tuples(*(st.floats(-30, 60) for _ in range(4)))


@given(st.lists(st.tuples(ends, st.floats(0.75, 20)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=150)
def test_lines_hold_what_is_near_them(lines: list[tuple[tuple[float, ...], float]]) -> None:
    height, width = 27, 35
    drawn = capsules(
        np.array([line for line, _ in lines]), np.array([radius for _, radius in lines]), (height, width)
    )
    y, x = np.mgrid[:height, :width] + 0.5
    over = np.full((height, width), np.inf)
    for (xa, ya, xb, yb), radius in lines:
        along = (x - xa) * (xb - xa) + (y - ya) * (yb - ya)
        part = np.clip(along / max((xb - xa) ** 2 + (yb - ya) ** 2, 1e-30), 0, 1)
        near = np.hypot(x - xa - part * (xb - xa), y - ya - part * (yb - ya))
        over = np.minimum(over, near - radius)
    clear = np.abs(over) > 1e-5
    assert np.array_equal(drawn[clear], over[clear] < 0)


@given(st.tuples(*(st.floats(0, 40) for _ in range(4))))
@settings(deadline=None)
def test_the_thinnest_line_has_no_gap(line: tuple[float, float, float, float]) -> None:
    drawn = capsules(np.array([line]), np.array([0.01]), (40, 40))
    assert label(drawn, EIGHT)[1] <= 1
    extent = max(abs(line[2] - line[0]), abs(line[3] - line[1]))
    assert drawn.sum() >= extent - 1


@given(
    form=st.sampled_from(["convex", "star", "simple"]), corners=st.integers(3, 30), seed=st.integers(0, 2**32)
)
@settings(deadline=None, max_examples=200)
def test_a_polygon_is_of_its_form(form: Form, corners: int, seed: int) -> None:
    ring = polygon(form, corners, generator(seed))
    assert ring.shape == (corners, 2)
    assert signed_area(ring) > 0
    sides = np.roll(ring, -1, axis=0) - ring
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    if form == "convex":
        assert (turns > -1e-12).all()
    for one, other in combinations(range(corners), 2):
        if other - one not in (1, corners - 1):
            assert not crossing(ring[one], ring[one] + sides[one], ring[other], ring[other] + sides[other])


@pytest.mark.parametrize("corners", [4, 5, 12])
def test_a_star_is_seen_from_the_origin(corners: int) -> None:
    random = generator(0)
    for _ in range(300):
        ring = polygon("star", corners, random)
        # The corners go round once, each step less than half a turn.
        angles = np.arctan2(ring[:, 1], ring[:, 0])
        steps = np.diff(angles, append=angles[:1]) % (2 * np.pi)
        assert (steps < np.pi).all()
        assert steps.sum() == pytest.approx(2 * np.pi)


def crossing(a: Any, b: Any, c: Any, d: Any) -> bool:
    """Whether two sides cross."""

    def side(p: Any, q: Any, r: Any) -> bool:
        return bool((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]) > 0)

    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)


def test_polygons_that_do_not_cross_themselves_are_seldom_convex() -> None:
    random = generator(0)
    dents = 0
    for _ in range(100):
        sides = np.diff(polygon("simple", 8, random), axis=0)
        turns = sides[:-1, 0] * sides[1:, 1] - sides[:-1, 1] * sides[1:, 0]
        dents += bool((turns < 0).any())
    assert dents > 80


@pytest.mark.parametrize("form", ["convex", "star", "simple"])
def test_a_polygon_covers_what_is_asked_and_lies_inside(form: str) -> None:
    random = generator(1)
    for area in (0.02, 0.1, 0.3):
        made = holes.parse(f"polygon(form={form},area={area},corners=3..9)")
        found = np.array([made.draw((150, 200), random).mean() for _ in range(60)])
        assert np.abs(found - area).max() < 0.006, area


@pytest.mark.parametrize("size", [(256, 256), (100, 160), (160, 100)])
def test_a_square_is_square_and_gets_everywhere(size: tuple[int, int]) -> None:
    boxes = [spread(hole) for hole in many("square", size, 400)]
    for (x0, y0, x1, y1), hole in zip(boxes, many("square", size, 400), strict=True):
        assert x1 - x0 == y1 - y0
        assert hole.sum() == (x1 - x0) ** 2
    areas = [(x1 - x0) ** 2 / (size[0] * size[1]) for x0, _, x1, _ in boxes]
    assert 0.09 < min(areas) < 0.12
    assert 0.33 < max(areas) < 0.36
    assert min(box[0] for box in boxes) <= 1
    assert min(box[1] for box in boxes) <= 1
    assert max(box[2] for box in boxes) >= size[1] - 1
    assert max(box[3] for box in boxes) >= size[0] - 1


def test_a_square_can_be_in_the_middle() -> None:
    for hole in many("square(area=0.2,place=centre)", (51, 80), 3):
        x0, y0, x1, y1 = spread(hole)
        assert abs((x0 + x1) - 80) <= 1
        assert abs((y0 + y1) - 51) <= 1
        assert hole.mean() == pytest.approx(0.2, abs=0.02)


def test_boxes_keep_their_margin_and_sides() -> None:
    for hole in many("box(side=40..60,count=1,margin=10)", (256, 512), 100):
        x0, y0, x1, y1 = spread(hole)
        assert hole[y0:y1, x0:x1].all()
        assert min(x0, y0, 512 - x1, 256 - y1) >= 10
        assert all(40 <= side <= 60 for side in (x1 - x0, y1 - y0))
    assert max(label(hole)[1] for hole in many("box(side=5..9,count=6)", (256, 256), 20)) == 6


def test_outpainting_leaves_a_rectangle() -> None:
    seen = set()
    for hole in many("outpaint", (100, 200), 300):
        x0, y0, x1, y1 = spread(~hole)
        assert not hole[y0:y1, x0:x1].any()
        missing = x0 / 200, y0 / 100, (200 - x1) / 200, (100 - y1) / 100
        assert all(part == 0 or 0.04 <= part <= 0.26 for part in missing)
        seen.add(tuple(part > 0 for part in missing))
    assert len(seen) == 15, "every choice of sides but none"
    for hole in many("outpaint(pad=0.25,sides=horizontal)", (80, 80), 3):
        assert spread(~hole) == (20, 0, 60, 80)


def test_a_grid_repeats() -> None:
    for hole in many("grid(step=4,width=3)", (40, 60), 5):
        assert np.array_equal(hole[4:], hole[:-4])
        assert np.array_equal(hole[:, 4:], hole[:, :-4])
        assert (~hole).mean() == pytest.approx(1 / 16)
    for hole in many("grid(step=2,width=3)", (40, 60), 5):
        assert (~hole).mean() == pytest.approx(1 / 4), "a line is thinner than the step"


def test_a_stroke_is_one_piece_of_one_width() -> None:
    for hole in many("strokes(count=1,width=12,length=30..60,parts=4)", (256, 256), 20):
        assert label(hole)[1] == 1
        assert 10 < 2 * distance_transform_edt(np.pad(hole, 1)).max() < 26


def test_a_stroke_is_thrown_back_by_the_edge() -> None:
    for hole in many("strokes(count=1,width=12,length=20,parts=2)", (128, 128), 100):
        x0, y0, x1, y1 = spread(hole)
        assert max(x1 - x0, y1 - y0) <= 2 * 10 + 6 + 2, "lengths are halved in a picture of 128 pixels"


def test_scratches_are_long_and_thin() -> None:
    for hole in many("scratches(count=1,dust=0,width=2..3)", (256, 256), 30):
        x0, y0, x1, y1 = spread(hole)
        length = np.hypot(x1 - x0, y1 - y0)
        assert hole.sum() < 5 * length + 9
    lengths = [np.hypot(*np.ptp(np.argwhere(hole), axis=0)) for hole in many("scratches", (256, 256), 30)]
    assert np.median(lengths) > 128
    for hole in many("scratches(count=0,dust=10)", (256, 256), 30):
        pieces, count = label(hole, EIGHT)
        assert count <= 10
        assert max(np.bincount(pieces.ravel())[1:]) < 120


def test_text_is_lettering_of_the_height_asked_for() -> None:
    for height in (20, 40):
        for hole in many(f"text(count=1,turn=0,height={height},stroke=0)", (256, 256), 10):
            _, y0, _, y1 = spread(hole)
            assert y1 - y0 <= 1.1 * height
            assert label(hole)[1] >= 2
    area = [np.mean([h.mean() for h in many(f"text(stroke={s},count=2)", (256, 256), 20)]) for s in (0, 2)]
    assert area[1] > 1.3 * area[0]
    heights = []
    for stroke in (0, 8):
        boxes = [spread(hole) for hole in many(f"text(count=1,turn=0,stroke={stroke})", (256, 256), 10)]
        heights.append(np.array([y1 - y0 for _, y0, _, y1 in boxes]))
    assert (heights[1] - heights[0]).max() >= 14, "the stroke is not cut off"


CORNER = np.array([[1, 0], [1, 0], [1, 1]], np.bool_)


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """A map whose only region of 2 to 30 % is an L of 15 % at a third of its height."""
    picture = np.full((80, 60, 3), 200, np.uint8)
    picture[10:46, 20:44][np.kron(CORNER, np.ones((12, 12), np.bool_))] = (10, 20, 30)
    picture[46:48, 44:46] = (10, 20, 30)
    picture[60:64, 5:9] = 0
    write(tmp_path / "below" / "map.png", picture)
    return tmp_path


def test_a_shape_is_a_region_of_a_map(maps: Path) -> None:
    wanted = np.kron(CORNER, np.ones((12, 12), np.bool_))
    mirrored = 0
    for hole in many(f"shapes({maps},resize=0,shift=0,outside=0)", (80, 60), 40):
        x0, y0, x1, y1 = spread(hole)
        assert (y0, y1) == (10, 46)
        shape = hole[y0:y1, x0:x1]
        flipped = np.array_equal(shape, wanted[:, ::-1])
        assert flipped or np.array_equal(shape, wanted)
        mirrored += flipped
    assert 5 < mirrored < 35
    lefts = {spread(hole)[0] for hole in many(f"shapes({maps},resize=0,shift=0,outside=0)", (80, 60), 400)}
    assert min(lefts) == 0
    assert max(lefts) == 60 - 24


def test_a_shape_is_resized_and_moved_a_little(maps: Path) -> None:
    area = wanted = 576 / 4800
    found = [hole.mean() for hole in many(f"shapes:{maps}", (160, 120), 200)]
    assert max(found) > 1.3 * area
    assert max(found) < 1.25**2 * area * 1.02
    assert min(found) < 0.75**2 * wanted * 1.1
    assert min(found) > 0.8 * 0.8 * 0.75**2 * area * 0.9
    tops = [spread(hole)[1] for hole in many(f"shapes({maps},resize=0,outside=0)", (160, 120), 200)]
    assert min(tops) < 20 - 12
    assert max(tops) > 20 + 12


def test_a_shape_fits_into_a_picture_of_another_form(maps: Path) -> None:
    for hole in many(f"shapes({maps},outside=0)", (20, 200), 20):
        x0, y0, x1, y1 = spread(hole)
        assert y1 - y0 <= 20
        assert (x1 - x0) / (y1 - y0) == pytest.approx(24 / 36, abs=0.06)
        assert hole[y0:y1, x0:x1].mean() == pytest.approx(4 / 6, abs=0.06)


def test_shapes_without_a_region_say_so(maps: Path) -> None:
    with pytest.raises(DataError, match=r"none of the 1 maps in .* covers 0.5 to 0.6"):
        holes.parse(f"shapes({maps},area=0.5..0.6)").draw((9, 9), generator(0))
    made = holes.parse(f"shapes:{maps}")
    (maps / "below" / "map.png").unlink()
    with pytest.raises(DataError, match=r"map\.png is gone"):
        made.draw((9, 9), generator(0))
    with pytest.raises(DataError, match="no label maps in the folder"):
        Shapes(str(maps))
    with pytest.raises(DataError, match=r"folder \(none\)"):
        holes.parse("shapes")


@pytest.mark.parametrize(
    ("spec", "start"),
    [
        # holes.digest(holes.parse(spec).draw((96, 64), generator(1)))[:8]
        ("large", "52a0e8d4"),
        ("small", "eda32c5b"),
        ("thin", "19f4db91"),
        ("medium", "584349d0"),
        ("thick", "1394d5c8"),
        ("box", "cfa69d21"),
        ("square", "b2f1858d"),
        ("polygon(form=convex)", "0e0bc90e"),
        ("polygon(form=star)", "14422aa5"),
        ("polygon(form=simple)", "9095ada3"),
        ("strokes", "9c0649ab"),
        ("scratches", "bb1e1878"),
        ("outpaint", "f1204057"),
        ("grid", "06ac51ae"),
        ("thin:2,square", "cd4115a8"),
        ("thick(largest=0.2)", "873d3554"),
        ("evenly(thick,buckets=3)", "84ca20b4"),
    ],
)
def test_holes_stay_what_they_were(spec: str, start: str) -> None:
    assert holes.digest(holes.parse(spec).draw((96, 64), generator(1)))[:8] == start, (
        "frozen sets and finished runs cannot be repeated any more"
    )


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.floats(0.01, 0.99),
    st.sampled_from(["square", "thin", "grid", "outpaint"]),
)
@settings(deadline=None, max_examples=100)
def test_a_shrunk_hole_has_room(height: int, width: int, part: float, spec: str) -> None:
    if height * width < 2:
        return
    hole = holes.parse(spec).draw((height, width), generator(0))
    room = max(1, int(part * hole.sum()))
    smaller = shrunk(hole, room)
    assert 1 <= smaller.sum() <= room


def test_a_shrunk_hole_keeps_its_form() -> None:
    hole = np.zeros((100, 100), np.bool_)
    hole[20:80, 10:50] = True
    smaller = shrunk(hole, 600)
    x0, y0, x1, y1 = spread(smaller)
    assert smaller[y0:y1, x0:x1].all()
    assert 560 <= smaller.sum() <= 600
    assert (y1 - y0) / (x1 - x0) == pytest.approx(1.5, abs=0.1)
    assert abs(x0 + x1 - 60) <= 2
    assert abs(y0 + y1 - 100) <= 2
