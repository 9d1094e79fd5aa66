"""Spaces: closed forms, their inverses, and what the prior says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName
from retouch.tasks.invert.method.spaces import NAMES, Name, space
from retouch.tasks.invert.method.whitening import FLOOR, Whitening, whitening
from tests.tasks.invert.method import toys


def test_whitening_of_a_known_normal() -> None:
    # p = N(m, A Aᵀ), w = √2 lrelu(p): the coordinates of drawn w have mean 0 and covariance 1.
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(6, 6, generator=generator)
    p = torch.randn(20_000, 6, generator=generator) @ matrix.T + 2.0
    w = F.leaky_relu(p, 0.2) * 2**0.5
    found = Whitening.of(w)
    torch.testing.assert_close(found.mean, p.mean(dim=0), rtol=1e-4, atol=1e-4)
    v = found.coordinates(w)
    torch.testing.assert_close(v.T.cov(), torch.eye(6), rtol=0, atol=1e-3)
    torch.testing.assert_close(found.spread.square().prod(), torch.det(matrix).square(), rtol=0.1, atol=0)
    torch.testing.assert_close(found.average, w.mean(dim=0), rtol=1e-4, atol=1e-4)
    far = (w - w.mean(dim=0)).square().sum(dim=1).mean().sqrt()
    assert found.deviation == pytest.approx(float(far), rel=1e-5)


def test_flat_directions_are_not_enlarged() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(500, 3, generator=generator).abs() * torch.tensor([1.0, 0.1, 1e-6])
    found = Whitening.of(p * 2**0.5)
    assert float(found.spread[0] / found.spread[-1]) == pytest.approx(FLOOR**0.5, rel=1e-4)
    constant = Whitening.of(torch.ones(5, 3))
    assert bool(torch.isfinite(constant.coordinates(torch.zeros(1, 3))).all())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-30, 30, width=32), min_size=8, max_size=8))
def test_whitening_can_be_undone(numbers: list[float]) -> None:
    w = torch.tensor([numbers], dtype=torch.float64)
    styles = toys.gan().mapping.style(torch.randn(99, 8, generator=torch.Generator().manual_seed(0)))
    white = Whitening.of(styles.double())
    torch.testing.assert_close(white.styles(white.coordinates(w)), w, rtol=1e-9, atol=1e-9)
    v = w / 10
    torch.testing.assert_close(white.coordinates(white.styles(v)), v, rtol=1e-9, atol=1e-9)


def test_whitening_is_of_a_seed_and_leaves_torch_alone() -> None:
    state = torch.random.get_rng_state()
    one, two = (whitening(toys.gan(), samples=50, seed=1) for _ in range(2))
    assert torch.equal(one.spread, two.spread)
    assert not torch.equal(one.spread, whitening(toys.gan(), samples=50, seed=2).spread)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["w", "w+", "p", "p+"])
def test_rows_and_codes_are_inverse(name: Name) -> None:
    made = toys.of(name)
    codes = made.draw(3, torch.Generator().manual_seed(0))
    assert codes.shape == (3, *made.shape)
    assert made.rows(codes).shape == (3, 6, 8)
    torch.testing.assert_close(made.code_of(made.rows(codes)), codes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_prior_is_one_for_draws_and_less_in_the_middle(name: Name) -> None:
    made = toys.of(name)
    prior = made.prior(made.draw(2000, torch.Generator().manual_seed(9)))
    assert float(prior.mean()) == pytest.approx(1.0, abs=0.1)
    # The middle of w is the mean after the rectifier, which is not that of before.
    if not name.startswith("w"):
        assert float(made.prior(made.average())) < 0.4


def test_the_prior_is_the_same_in_every_space() -> None:
    rows = toys.gan().mapping(torch.randn(4, 8, generator=torch.Generator().manual_seed(2)))
    priors = [toys.of(name).prior(toys.of(name).code_of(rows)) for name in ("w", "w+", "p", "p+")]
    for prior in priors[1:]:
        torch.testing.assert_close(prior, priors[0], rtol=1e-4, atol=1e-4)


def test_how_far_rows_are_apart() -> None:
    codes = torch.zeros(1, 6, 8)
    codes[0, 0] = 6.0  # mean of rows 1: squares 25 once, 1 five times; 30 / 6
    assert float(toys.of("p+").apart(codes)) == pytest.approx(5.0)
    rows = toys.of("p+").rows(codes)
    assert float(toys.of("w+").apart(rows)) == pytest.approx(5.0, rel=1e-4)
    assert float(toys.of("p").apart(torch.ones(1, 8))) == 0.0


def test_z_never_starts_at_zero() -> None:
    for made in (toys.of("z"), space(toys.dcgan(), "z")):
        middle = made.average(3)
        assert middle.shape == (3, 8)
        assert float(middle.square().mean(dim=1).min()) > 0.1
        assert len({tuple(row) for row in middle.tolist()}) == 3, "one start is there twice"


def test_code_of_z_finds_the_nearest_of_many() -> None:
    made = toys.of("z")
    known = made.average(2)[1:]
    assert torch.equal(made.code_of(made.rows(known)), known)


def test_rendering_is_the_networks() -> None:
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    rows = toys.gan().mapping(z)
    for name in ("z", "w", "w+", "p", "p+"):
        made = toys.of(name)
        code = z if name == "z" else made.code_of(rows)
        torch.testing.assert_close(made.render(code), toys.gan()(z), rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(
            made.render(code, "none"), toys.gan()(z, noise="none"), rtol=1e-3, atol=1e-3
        )
    plain = space(toys.dcgan(), "z")
    assert torch.equal(plain.render(z), toys.dcgan()(z))
    assert float(plain.prior(torch.full((1, 8), 2.0))) == 4.0


def test_labels_reach_the_mapping() -> None:
    network = toys.gan(8, classes=2)
    one, two = (space(network, "p", label=torch.eye(2)[number : number + 1]) for number in (0, 1))
    codes = [each.rows(each.draw(1, torch.Generator().manual_seed(0))) for each in (one, two)]
    assert not torch.allclose(codes[0], codes[1])
    with pytest.raises(InputError, match="label"):
        space(network, "p")


def test_refusals() -> None:
    with pytest.raises(InputError, match="DCGAN has no styles"):
        space(toys.dcgan(), "p+")
    with pytest.raises(UnknownName):
        space(toys.gan(), "p++")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 2"):
        whitening(toys.gan(), samples=1)
    with pytest.raises(InputError, match="not finite"):
        Whitening.of(torch.full((3, 2), torch.inf))
    with pytest.raises(InputError, match="N ≥ 2"):
        Whitening.of(torch.zeros(1, 2))
