from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.data import holes
from retouch.data.holes.marks import Strokes
from retouch.data.holes.polygons import Polygon
from retouch.data.holes.rectangles import Boxes, Square
from retouch.data.holes.shapes import Shapes
from retouch.data.seeds import generator
from retouch.errors import DataError, InputError, RetouchError, UnknownName
from tests.data.made import fill


def test_parameters_arrive() -> None:
    assert holes.parse("square") == Square()
    assert holes.parse(" square( area = 0.1 .. 0.2 , place=centre ) ") == Square((0.1, 0.2), "centre")
    assert holes.parse("box(side=7,count=2..3,margin=0)") == Boxes((7, 7), (2, 3), 0)
    assert holes.parse("polygon(form=star)") == Polygon(form="star")
    assert holes.parse("strokes(width=3)") == Strokes(width=(3.0, 3.0))
    assert holes.parse("polygon:2,square") == holes.Mixture(((Polygon(), 2.0), (Square(), 1.0)))
    assert holes.parse("square(largest=0.2)") == holes.AtMost(Square(), 0.2)
    assert holes.parse("square", largest=0.2) == holes.AtMost(Square(), 0.2)
    assert holes.parse("square", largest=1) == Square()
    assert holes.parse("square(largest=0.2)", largest=0.5) == holes.AtMost(Square(), 0.2)
    assert holes.parse("square(largest=0.5)", largest=0.2) == holes.AtMost(Square(), 0.2)
    assert holes.parse("evenly(square,box:3,area=0.1..0.4,buckets=2)") == holes.Evenly(
        holes.Mixture(((Square(), 1.0), (Boxes(), 3.0))), (0.1, 0.4), 2
    )
    assert holes.parse("mix(square:9)") == Square()


@pytest.mark.parametrize(
    ("spec", "written"),
    [
        ("large", "large"),
        ("square(area=0.1..0.35)", "square"),
        ("square( area=0.2 )", "square(area=0.2)"),
        ("square(place=centre,area=0.2..0.25)", "square(area=0.2..0.25,place=centre)"),
        ("box(count=3..3)", "box(count=3)"),
        ("polygon : 2 , thick:1", "polygon:2.0,thick"),
        ("thick(largest=.5)", "thick(largest=0.5)"),
        ("box(count=2,largest=0.5)", "box(count=2,largest=0.5)"),
        ("mix(thin:2,thick,largest=0.4):3,box", "mix(thin:2.0,thick,largest=0.4):3.0,box"),
        ("mix(thin,thick),box", "mix(thin,thick),box"),
        ("evenly(thin,mix(box,thick):2)", "evenly(thin,mix(box,thick):2.0,area=0.0..0.5,buckets=5)"),
        ("mix(evenly(thin),largest=0.3)", "mix(evenly(thin,area=0.0..0.5,buckets=5),largest=0.3)"),
        ("mix(box(largest=0.5),largest=0.6)", "mix(box(largest=0.5),largest=0.6)"),
    ],
)
def test_a_spec_is_written_in_one_way(spec: str, written: str) -> None:
    made = holes.parse(spec)
    assert made.spec == written
    assert made.describe() == {"holes": written}
    again = holes.parse(written)
    assert again.spec == written
    for seed in range(3):
        one, other = (which.draw((40, 50), generator(seed)) for which in (made, again))
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "name", ["maps", "maps (2)", "maps,more", "it's", 'the "maps"', "a=b", "1:2", "maps:3", "7"]
)
def test_any_folder_can_be_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / name, 1)
    monkeypatch.chdir(tmp_path)
    made = Shapes(name, count=(2, 2))
    assert holes.parse(made.spec) == made
    assert holes.parse(f"thin,{made.spec}:2,box").spec == f"thin,{made.spec}:2.0,box"


def test_a_folder_can_follow_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("maps", "7", "maps (2)"):
        fill(tmp_path / name, 1)
        assert holes.parse(f"shapes:{name}") == Shapes(name)
        assert holes.parse(f"shapes({name})") == Shapes(name)
        assert holes.parse(f"box,shapes:{name}:2") == holes.Mixture(((Boxes(), 1.0), (Shapes(name), 2.0)))
    absolute = tmp_path / "maps"
    assert holes.parse(f"shapes:{absolute}") == Shapes(str(absolute))


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("", InputError, "no name"),
        ("thin,,thick", InputError, "an empty part between commas"),
        ("thin,", InputError, "an empty part"),
        ("thni", UnknownName, "did you mean thin"),
        ("thin(", InputError, "parenthesis without its partner"),
        ("thin)", InputError, "parenthesis without its partner"),
        ("shapes('a)", InputError, "quote without its partner"),
        ("thin(width=3)", UnknownName, "'width'; did you mean largest"),
        ("square(aera=0.2)", UnknownName, "did you mean area"),
        ("square(area=0.4..0.1)", InputError, r"0.4..0.1 but must be from 0 to 1 and low..high"),
        ("square(area=nan)", InputError, "must be from 0 to 1"),
        ("square(area=2)", InputError, "must be from 0 to 1"),
        ("square(area=big)", InputError, "'big' but must be a number"),
        ("square(place=left)", UnknownName, "did you mean"),
        ("square(0.2)", InputError, "'0.2' where a parameter was expected"),
        ("square(area=0.1,area=0.2)", InputError, "area twice"),
        ("square(area=0.1)x", InputError, "go on with 'x'"),
        ("box(count=1.5)", InputError, "must be a whole number"),
        ("box(count=0)", InputError, "must be from 1 to 1000"),
        ("box(side=0)", InputError, "must be at least 1"),
        ("scratches(width=inf)", InputError, "must be at least 0"),
        ("polygon(corners=2)", InputError, "must be from 3 to 200"),
        ("thin:0", InputError, "weight 0; weights are above 0"),
        ("thin:-1,thick", InputError, "weight -1"),
        ("thin:inf", InputError, "weight inf"),
        ("thin:x", InputError, "weight 'x'; write a number after the colon: thin:2"),
        ("thin(largest=0)", InputError, "above 0 and below 1"),
        ("thin(largest=2)", InputError, "above 0 and below 1"),
        ("mix()", InputError, "no holes are named"),
        ("mix(" * 21 + "thin" + ")" * 21, InputError, "nested more than 20 deep"),
        ("(" * 100_000, InputError, "nested more than 20 deep"),
        ("mix(area=0.2)", UnknownName, "did you mean largest"),
        ("evenly(thin,area=0.5..0.1)", InputError, "must be low..high, from 0 to 1"),
        ("evenly(thin,area=0.1)", InputError, "must be low..high"),
        ("evenly(thin,buckets=0)", InputError, "at least 1"),
        ("evenly(thin,largest=0.2)", UnknownName, "did you mean"),
        ("shapes:/no/such/folder", DataError, "no label maps in the folder /no/such/folder"),
        ("shapes(a,b)", InputError, "where a parameter was expected"),
    ],
)
def test_what_cannot_be_read_is_said(spec: str, error: type[RetouchError], words: str) -> None:
    with pytest.raises(error, match=words):
        holes.parse(spec)


@given(st.text(alphabet="abmixthnevl(),:=.'\"05 -\x00", max_size=30))
@settings(deadline=None, max_examples=300)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        made = holes.parse(text)
    except RetouchError:
        return
    assert holes.parse(made.spec).spec == made.spec


def test_weights_say_how_often() -> None:
    made, random = holes.parse("square(area=0.04):3,square(area=0.25)"), generator(0)
    small = sum(bool(made.draw((50, 50), random).sum() == 100) for _ in range(800))
    assert small / 800 == pytest.approx(0.75, abs=0.05)


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)).filter(lambda size: size != (1, 1)),
    largest=st.floats(0.01, 0.99),
    spec=st.sampled_from(["thick", "grid", "outpaint", "square(area=0.9)"]),
)
@settings(deadline=None, max_examples=60)
def test_no_hole_is_larger_than_allowed(size: tuple[int, int], largest: float, spec: str) -> None:
    hole = holes.parse(spec, largest=largest).draw(size, generator(0))
    assert 1 <= hole.sum() <= max(1, largest * hole.size)


def test_too_large_holes_are_drawn_again() -> None:
    for seed in range(20):
        random, made = generator(seed), holes.parse("thick")
        drawn = (made.draw((64, 64), random) for _ in range(60))
        first = next(hole for hole in drawn if hole.mean() <= 0.5)
        assert np.array_equal(holes.parse("thick(largest=0.5)").draw((64, 64), generator(seed)), first)


@pytest.mark.parametrize("spec", ["thick", "thin", "polygon(area=0.01..0.6)"])
def test_areas_are_spread_evenly(spec: str) -> None:
    made, random = holes.parse(f"evenly({spec},area=0.05..0.45,buckets=4)"), generator(0)
    areas = [made.draw((96, 96), random).mean() for _ in range(160)]
    assert all(0.05 <= area < 0.45 for area in areas)
    found, _ = np.histogram(areas, 4, (0.05, 0.45))
    assert found.min() > 22
    assert found.max() < 60


def test_buckets_that_cannot_be_filled_come_close() -> None:
    random = generator(0)
    made = holes.parse("evenly(square(area=0.5),area=0.1..0.3,buckets=2)")
    areas = [made.draw((90, 90), random).mean() for _ in range(40)]
    assert sum(0.18 < area < 0.2 for area in areas) + sum(0.28 < area < 0.3 for area in areas) == 40
    made = holes.parse("evenly(square(area=0.04..0.06),area=0.2..0.5,buckets=2)")
    assert all(0.055 < made.draw((90, 90), random).mean() < 0.065 for _ in range(10))


def test_direct_construction_is_checked_too() -> None:
    with pytest.raises(InputError, match=r"square\(area=…\) is 0.5..0.2"):
        Square(area=(0.5, 0.2))
    with pytest.raises(InputError, match="no holes are named"):
        holes.Mixture(())
