"""What a user writes about degradations, and what is written of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.data.degradations import KINDS, Chain, Degradation, parse
from retouch.data.degradations.degradation import Sometimes
from retouch.data.degradations.kinds import JPEG, Area, Bicubic, Blur, EightBits, Lanczos, Noise
from retouch.errors import InputError, UnknownName

FEW = settings(max_examples=60, deadline=None)


def ranges(least: float, most: float) -> st.SearchStrategy[tuple[float, float]]:
    both = st.tuples(st.floats(least, most), st.floats(least, most))
    return st.one_of(
        st.floats(least, most).map(lambda one: (one, one)), both.map(lambda two: (min(two), max(two)))
    )


def single() -> st.SearchStrategy[Degradation]:
    limits = {"blur": (0, 50), "jpeg": (1, 95)}
    smaller = [st.integers(1, 64).map(kind) for kind in (Bicubic, Area, Lanczos)]
    others = [
        ranges(*limits.get(name, (0, 255))).map(KINDS[name])
        for name in ("noise", "channel-noise", "mapped-noise", "poisson", "blur", "jpeg")
    ]
    return st.one_of(*smaller, *others, st.just(EightBits()))


def steps() -> st.SearchStrategy[Degradation]:
    maybe = st.builds(Sometimes, single().filter(lambda one: one.scale == 1), st.floats(0, 1))
    return st.one_of(single(), maybe)


@given(st.lists(steps(), min_size=1, max_size=5))
@FEW
def test_the_spec_of_a_chain_is_read_as_the_same_chain(made: list[Degradation]) -> None:
    chain = Chain(tuple(made))
    assert parse(chain.spec) == chain
    assert parse(f" {chain.spec} ".replace(",", " , ")) == chain


def test_a_chain_is_read_in_its_order() -> None:
    chain = parse("blur(0..1), noise(5..30) ,jpeg(40..95):0.5,bicubic(4)")
    assert chain.steps == (
        Blur((0, 1)),
        Noise((5, 30)),
        Sometimes(JPEG((40, 95)), 0.5),
        Bicubic(4),
    )
    assert chain.spec == "blur(0..1),noise(5..30),jpeg(40..95):0.5,bicubic(4)"
    assert chain.scale == 4


@pytest.mark.parametrize("name", list(KINDS))
def test_every_kind_has_a_default(name: str) -> None:
    chain = parse(name)
    assert chain.steps[0].name == name
    assert parse(f"{name}()") == chain
    assert parse(chain.spec) == chain
    made = chain.apply(np.full((3, 16, 16), 0.5, np.float32), np.random.default_rng(0))
    assert made.planes.shape == (3, 16 // chain.scale, 16 // chain.scale)


def test_scales_multiply() -> None:
    assert parse("area(2),noise(5),bicubic(3)").scale == 6
    assert parse("noise(5),jpeg:0.3").scale == 1


@pytest.mark.parametrize(("part", "expected"), [("0", 0), ("1", 200), ("0.25", 50)])
def test_a_degradation_happens_to_the_part_that_is_asked_for(part: str, expected: int) -> None:
    chain, planes = parse(f"noise(20):{part}"), np.full((1, 1, 1), 0.5, np.float32)
    count = sum(chain.apply(planes, np.random.default_rng(seed)).noise.any() for seed in range(200))
    assert count == pytest.approx(expected, abs=25 if 0 < expected < 200 else 0)


def test_an_empty_chain_leaves_pictures_alone() -> None:
    planes = np.random.default_rng(0).random((3, 5, 7), np.float32)
    made = Chain(()).apply(planes, np.random.default_rng(0))
    assert np.array_equal(made.planes, planes)
    assert not made.noise.any()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "cannot be read"),
        ("noise(5),", "cannot be read"),
        ("noise(5", "cannot be read"),
        ("noise 5", "cannot be read"),
        ("noise(5):", "cannot be read"),
        ("noise(a)", "'a' where a number"),
        ("noise(5..)", "'' where a number"),
        ("noise(5..b)", "'b' where a number"),
        ("noise(inf)", "'inf' where a number"),
        ("noise(nan)", "'nan' where a number"),
        ("noise(300)", r"\(300\)"),
        ("noise(9..5)", r"\(9\.\.5\)"),
        ("bicubic(2.5)", "whole factor"),
        ("bicubic(2..4)", "whole factor"),
        ("bicubic(0)", "1 to 64"),
        ("bicubic(4):0.5", "smaller"),
        ("8-bit(3)", "takes no number"),
        ("noise(5):2", "part from 0 to 1"),
        ("noise(5):-0.1", "part from 0 to 1"),
        ("noise(5):x", "'x' where a number"),
        ("jpeg(100)", r"\(100\)"),
    ],
)
def test_what_cannot_be_read_is_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(spec)


def test_an_unknown_name_is_refused_with_those_like_it() -> None:
    with pytest.raises(UnknownName, match="bicubic"):
        parse("bicubik(4)")
    with pytest.raises(UnknownName):
        parse("Noise(5)")


@given(st.text(alphabet="noise(bicubic).,:0123456789-8bt ", max_size=30))
@FEW
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        chain = parse(text)
    except (InputError, UnknownName):
        return
    assert parse(chain.spec) == chain
