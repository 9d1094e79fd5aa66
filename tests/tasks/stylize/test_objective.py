"""The objective is the sum of its terms, each where it is wanted, and its slope is that of the sum."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from retouch.errors import InputError, UnknownName
from retouch.features import Vgg
from retouch.tasks.stylize.method.areas import reduced
from retouch.tasks.stylize.method.objective import Objective, Style, Wish
from retouch.tasks.stylize.method.statistics import distance, target
from retouch.tasks.stylize.method.variation import excess, variation

SIZE = (32, 40)
LAYERS = {"relu1_1": 2.0, "relu2_1": 1.0}
WISH = Wish(content_layers=("relu2_2",), style_layers=LAYERS)


def network() -> Vgg:
    made = Vgg((2, 2), (6, 8), border="reflect")
    generator = torch.Generator().manual_seed(3)
    for module in made.modules():
        if isinstance(module, nn.Conv2d) and module is not made.entry:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            assert module.bias is not None
            nn.init.normal_(module.bias, std=0.1, generator=generator)
    return made.requires_grad_(False)


def picture(seed: int, size: tuple[int, int] = SIZE) -> Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))


def test_variation_by_hand() -> None:
    # A single 1 in the middle of 3 × 3 zeros differs from 4 neighbours beside and 4 across:
    # 2 (4 / 3 + 4 / 12) / 9.
    spot = torch.zeros(1, 1, 3, 3)
    spot[..., 1, 1] = 1
    assert float(variation(spot)) == pytest.approx(2 * (4 / 3 + 4 / 12) / 9)
    assert float(variation(torch.full((2, 3, 5, 4), 0.7))) == pytest.approx(0, abs=1e-6)
    asked = picture(1, (6, 7)).double().requires_grad_()
    assert torch.autograd.gradcheck(variation, asked)


def test_excess_by_hand() -> None:
    assert float(excess(torch.tensor([1.5, 0.5, -1.0, 1.0]))) == pytest.approx((0.25 + 1) / 4)
    asked = (3 * picture(2, (4, 5)).double() - 1).requires_grad_()
    assert torch.autograd.gradcheck(excess, asked)


def test_terms_are_what_they_are_called() -> None:
    plain, content, style, now = network(), picture(1), picture(2, (36, 30)), picture(3) * 1.2
    objective = Objective.of(plain, WISH, size=SIZE, content=content, styles=[Style(style)])
    loss, terms = objective(now)
    seen, kept = plain(now, ("relu1_1", "relu2_1", "relu2_2")), plain(content, ("relu2_2",))["relu2_2"]
    shown = plain(style, LAYERS)
    wanted = {
        "content": 0.35 * (seen["relu2_2"] - kept).square().mean() / kept.square().mean(),
        "style": sum(
            weight
            / 3
            * distance("wasserstein", seen[name], target("wasserstein", shown[name]))
            / shown[name].square().mean()
            for name, weight in LAYERS.items()
        ),
        "rgb": distance("wasserstein", now, target("wasserstein", style)) / style.square().mean(),
        "variation": WISH.variation * variation(now),
        "box": 50 * excess(now),
    }
    assert terms.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(terms[name], value, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(loss, torch.stack(list(terms.values())).sum())


@pytest.mark.parametrize("statistic", ["wasserstein", "gram", "mean-std", "patches"])
def test_slope_is_that_of_the_loss(statistic: str) -> None:
    wish = Wish(content_layers=("relu2_1",), style_layers=LAYERS, statistic=statistic)  # type: ignore[arg-type]
    region = torch.zeros(1, 1, *SIZE)
    region[..., :20] = 1
    styles = [Style(picture(2)), Style(picture(4), region=region)]
    objective = Objective.of(network(), wish, size=SIZE, content=picture(1), styles=styles)
    now = picture(3).requires_grad_()
    (slope,) = torch.autograd.grad(objective(now)[0], now)
    # Downhill along the slope the loss falls by the slope's own length.
    step = 1e-3 * slope / slope.norm()
    with torch.no_grad():
        change = float(objective(now + step)[0].double() - objective(now - step)[0].double())
    assert change == pytest.approx(2e-3 * float(slope.norm()), rel=0.03)


def test_bfloat16_and_checkpoints_mean_the_same() -> None:
    styles = [Style(picture(2))]
    found = []
    for precision, checkpoint in (("float32", False), ("float32", True), ("bfloat16", True)):
        objective = Objective.of(
            network(),
            WISH,
            size=SIZE,
            content=picture(1),
            styles=styles,
            precision=precision,  # type: ignore[arg-type]
            checkpoint=checkpoint,
        )
        now = picture(3).requires_grad_()
        loss, _ = objective(now)
        found.append((float(loss.detach()), torch.autograd.grad(loss, now)[0]))
    assert found[1][0] == found[0][0]
    torch.testing.assert_close(found[1][1], found[0][1])
    assert found[2][0] == pytest.approx(found[0][0], rel=0.02)
    assert float((found[2][1] - found[0][1]).norm() / found[0][1].norm()) < 0.1


def test_a_region_moves_only_itself() -> None:
    region = torch.zeros(1, 1, *SIZE)
    region[..., :16] = 1
    wish = Wish(style_layers=LAYERS, variation=0, box=0)
    objective = Objective.of(network(), wish, size=SIZE, styles=[Style(picture(2), region=region)])
    now = picture(3).requires_grad_()
    (slope,) = torch.autograd.grad(objective(now)[0], now)
    assert float(slope[..., 16:].abs().max()) == 0
    assert float(slope[..., :14].abs().min(dim=-1).values.max()) > 0


def test_masked_part_of_a_style_does_not_count() -> None:
    style = picture(2)
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., :24] = 1
    other = style.clone()
    other[..., 24:] = 0.1
    wish = Wish(style_layers=LAYERS)
    losses = [
        float(Objective.of(network(), wish, size=SIZE, styles=[Style(each, mask)])(picture(3))[0])
        for each in (style, other)
    ]
    assert losses[0] == losses[1]
    without = float(Objective.of(network(), wish, size=SIZE, styles=[Style(other)])(picture(3))[0])
    assert without != pytest.approx(losses[0], rel=1e-3)


def test_styles_of_one_region_are_mixed_by_their_shares() -> None:
    wish = Wish(style_layers=LAYERS)

    def of(*shares: float) -> float:
        styles = [Style(picture(2), share=shares[0]), Style(picture(5) ** 3, share=shares[1])]
        return float(Objective.of(network(), wish, size=SIZE, styles=styles)(picture(2))[1]["style"])

    assert of(1, 0) < 1e-5 < of(3, 1) < of(1, 3)
    assert of(2, 2) == of(1, 1)


def test_masks_lose_what_looks_beyond_them() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    assert torch.equal(reduced(mask, (32, 32), 0), mask)
    inner = torch.zeros(1, 1, 32, 32)
    inner[..., 11:21, 11:21] = 1
    assert torch.equal(reduced(mask, (32, 32), 3), inner)
    # At stride 4, 12 × 12 positions lose one at each side, as 4 pixels are one of them.
    wide = torch.zeros(1, 1, 64, 64)
    wide[..., 8:56, 8:56] = 1
    assert float(reduced(wide, (16, 16), 4).sum()) == 100
    # Nothing would be left with 30 and with 15, and 2 × 2 of 16 × 16 with 7: 3 are taken off.
    assert float(reduced(mask, (32, 32), 30).sum()) == 100
    # The rim of the picture is no rim of the mask.
    assert float(reduced(torch.ones(1, 1, 8, 8), (8, 8), 3).min()) == 1


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(InputError, match="nothing is asked for"):
        Objective.of(network(), WISH, size=SIZE)
    with pytest.raises(InputError, match="the content"):
        Objective.of(network(), WISH, size=SIZE, content=picture(1, (30, 40)))
    with pytest.raises(InputError, match="region"):
        Objective.of(network(), WISH, size=SIZE, styles=[Style(picture(1), region=torch.ones(1, 1, 4, 4))])
    with pytest.raises(InputError, match="mask"):
        Objective.of(network(), WISH, size=SIZE, styles=[Style(picture(1), torch.ones(1, 1, 4, 4))])
    with pytest.raises(UnknownName):
        Objective.of(network(), Wish(), size=SIZE, content=picture(1))
    with pytest.raises(UnknownName):
        Objective.of(network(), WISH, size=SIZE, content=picture(1), precision="half")  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        Wish(statistic="texture")  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Wish(content_weight=-1)
    with pytest.raises(InputError):
        Wish(style_layers={"relu1_1": 0.0})
