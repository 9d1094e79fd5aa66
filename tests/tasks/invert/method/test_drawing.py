"""Codes in a ball, rows in groups, and candidates that differ."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from retouch.tasks.invert.method.drawing import Bound, Drawing, diverse
from retouch.tasks.invert.method.search import search
from retouch.tasks.invert.method.spaces import space
from retouch.tasks.invert.method.strokes import Strokes, colour_error, keep_error
from retouch.tasks.invert.network import DCGAN, StyleGAN2

SIDE, ROWS, STYLE = 16, 6, 8


@functools.cache
def network() -> StyleGAN2:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = StyleGAN2(side=SIDE, channels="8,8,8", latent=8, style=STYLE, layers=2)
    for name, weight in made.synthesis.named_parameters():
        # As it is drawn, most of a picture would be beyond black and white.
        if name.endswith("torgb.weight"):
            weight.data *= 0.2
    return made.requires_grad_(False).eval()


def bound(groups: int = 1, limit: float = 0.5) -> Bound:
    return Bound(space(network(), "p+"), groups, limit)


def drawn(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, STYLE, generator=torch.Generator().manual_seed(seed))


def own(seed: int = 1) -> Strokes:
    with torch.no_grad():
        picture = bound().render(0.5 * drawn(1, seed)[:, None]) * 0.5 + 0.5
    weight = torch.zeros(1, 1, SIDE, SIDE)
    weight[..., 4:12, 4:12] = 1
    return Strokes(picture, weight)


def test_one_group_is_one_style_for_all_rows() -> None:
    codes = drawn(2)[:, None]
    rows = bound(1).rows(codes)
    assert rows.shape == (2, ROWS, STYLE)
    assert torch.equal(rows, rows[:, :1].expand(-1, ROWS, -1))
    assert torch.allclose(rows, space(network(), "p").rows(codes[:, 0]))


def test_groups_are_of_neighbouring_rows() -> None:
    tied = bound(2)
    codes = torch.stack([drawn(1)[0], drawn(1, 1)[0]])[None]
    spread = tied.spread(codes)
    assert spread.shape == (1, ROWS, STYLE)
    for row, group in enumerate((0, 0, 0, 1, 1, 1)):
        assert torch.equal(spread[0, row], codes[0, group])
    assert torch.allclose(tied.gathered(spread), codes)
    assert torch.allclose(bound(1).gathered(spread)[0, 0], codes[0].mean(dim=0))
    assert torch.allclose(tied.code_of(tied.rows(codes)), codes, atol=1e-4)
    free = bound(ROWS)
    assert torch.equal(free.spread(free.gathered(spread)), spread)


def test_rows_of_a_group_are_not_apart() -> None:
    codes = torch.stack([torch.zeros(STYLE), torch.full((STYLE,), 2.0)])[None]
    # The rows are 0, 0, 0, 2, 2, 2 in every coordinate: 1 off their mean.
    assert bound(2).apart(codes).item() == pytest.approx(1)
    assert bound(1).apart(codes[:, :1]).item() == 0


def test_prior_has_a_wall() -> None:
    tied = bound(1, limit=0.5)
    inside, outside = torch.full((1, 1, STYLE), 0.6), torch.full((1, 1, STYLE), 0.8)
    assert tied.plain(outside).item() == pytest.approx(0.64)
    assert tied.prior(inside).item() == pytest.approx(0.36)
    assert tied.prior(outside).item() == pytest.approx(0.64 + 1e5 * 0.14**2, rel=1e-4)


def test_a_search_stays_within_the_wall() -> None:
    pink = torch.tensor([1.0, 0.0, 1.0])[None, :, None, None].expand(1, 3, SIDE, SIDE)
    strokes = Strokes(pink, own().weight)
    wanted = Drawing(strokes, prior=1e-4)
    near, far = bound(1, limit=0.1), bound(1, limit=10.0)
    tight = search(near, wanted, near.average(1), evaluations=25)
    loose = search(far, wanted, far.average(1), evaluations=25)
    assert near.plain(tight.codes).item() < 0.2
    assert far.plain(loose.codes).item() > 0.3
    assert loose.terms["colour"].item() < tight.terms["colour"].item()


def test_a_dcgan_has_no_groups() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = DCGAN(side=SIDE, latent=8, width=4).requires_grad_(False).eval()
    plain = Bound(space(made, "z"), 0, 2.0)
    codes = plain.draw(3, torch.Generator().manual_seed(0))
    assert plain.shape == (8,)
    assert torch.equal(plain.rows(codes), codes)
    assert torch.equal(plain.gathered(codes), codes)
    assert plain.render(codes).shape == (3, 3, SIDE, SIDE)
    assert torch.equal(plain.average(1), space(made, "z").average(1))


def test_strokes_of_an_own_picture_are_met() -> None:
    strokes = own()
    tied = bound(1, limit=1.0)
    found = search(tied, Drawing(strokes, prior=1e-6), tied.average(1), evaluations=50)
    first = colour_error(tied.render(tied.average(1)) * 0.5 + 0.5, strokes).item()
    assert found.terms["colour"].item() < 0.01 * first


def test_terms_are_weighed() -> None:
    strokes = own()
    strokes.colours[:] = 0.1
    strokes.weight[:] = 0
    strokes.weight[..., 7:8, 2:14] = 1
    assert strokes.lines().max() == 1
    pictures = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3)) * 2 - 1
    kept = torch.full((1, 3, SIDE, SIDE), 0.5)
    once = Drawing(strokes, edges=1.0, kept=kept, keep=1.0)(pictures)
    more = Drawing(strokes, edges=3.0, kept=kept, keep=2.0)(pictures)
    assert set(once.terms) == {"colour", "edges", "keep"}
    assert torch.allclose(more.terms["edges"], 3 * once.terms["edges"])
    assert torch.allclose(more.terms["keep"], 2 * once.terms["keep"])
    assert torch.allclose(once.loss, torch.stack(list(once.terms.values())).sum(dim=0))
    assert torch.allclose(once.terms["keep"], keep_error(pictures * 0.5 + 0.5, kept, strokes))
    assert set(Drawing(strokes, edges=0.0)(pictures).terms) == {"colour"}


def test_gray_networks_and_those_with_opacity_are_judged_by_colour() -> None:
    strokes, wanted = own(), Drawing(own())
    gray = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(wanted(gray).loss, wanted(gray.expand(-1, 3, -1, -1)).loss)
    four = torch.rand(1, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(wanted(four).loss, wanted(four[:, :3]).loss)
    assert wanted.taking([3]) is wanted
    assert strokes.area == 0.25


def test_candidates_are_good_and_differ() -> None:
    # Eight of one colour and two of others, all good; the rest is of any colour, and bad.
    pictures = torch.zeros(40, 3, 8, 8)
    pictures[8], pictures[9] = 1.0, -1.0
    pictures[10:] = torch.rand(30, 3, 1, 1, generator=torch.Generator().manual_seed(0)) * 2 - 1
    losses = torch.cat([torch.linspace(0.1, 0.2, 10), torch.full((30,), 5.0)])
    assert diverse(pictures, losses, 1) == [0]
    assert diverse(pictures, losses, 3) == [0, 9, 8]
    assert diverse(pictures[:3], losses[:3], 5)[0] == 0
    assert sorted(diverse(pictures[:3], losses[:3], 5)) == [0, 1, 2]
    assert diverse(pictures[:3], losses[:3], 0) == []
