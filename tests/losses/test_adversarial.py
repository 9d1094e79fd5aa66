from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from retouch.errors import UnknownName
from retouch.losses import (
    Adversarial,
    deceiving,
    feature_matching,
    gradient_penalty,
    judging,
    r1_penalty,
)

REAL = torch.tensor([2.0, -1.0])
FAKE = torch.tensor([0.5, -3.0])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


# vanilla: −log σ(x) = softplus(−x) and −log(1 − σ(x)) = softplus(x)
# least squares: real ((2−1)² + (−1−1)²)/2 = 2.5, fake (0.25 + 9)/2 = 4.625
# hinge: real (0 + 2)/2 = 1, fake (1.5 + 0)/2 = 0.75
# wgan: mean fake −1.25, mean real 0.5
JUDGED: dict[Adversarial, float] = {
    "vanilla": (softplus(-2) + softplus(1) + softplus(0.5) + softplus(-3)) / 4,
    "least-squares": 0.5 * (2.5 + 4.625),
    "hinge": 0.5 * (1 + 0.75),
    "wgan-gp": -1.25 - 0.5,
}
# least squares: ((0.5−1)² + (−3−1)²)/2 = 8.125
DECEIVED: dict[Adversarial, float] = {
    "vanilla": (softplus(-0.5) + softplus(3)) / 2,
    "least-squares": 8.125,
    "hinge": 1.25,
    "wgan-gp": 1.25,
}


@pytest.mark.parametrize("kind", JUDGED)
def test_losses_have_the_values_of_their_formulas(kind: Adversarial) -> None:
    assert judging(kind, REAL, FAKE).item() == pytest.approx(JUDGED[kind], rel=1e-6)
    assert deceiving(kind, FAKE).item() == pytest.approx(DECEIVED[kind], rel=1e-6)


@pytest.mark.parametrize("kind", JUDGED)
def test_a_step_moves_logits_the_right_way(kind: Adversarial) -> None:
    real, fake = torch.zeros(3, requires_grad=True), torch.full((3,), 0.5, requires_grad=True)
    judging(kind, real, fake).backward()  # type: ignore[no-untyped-call]
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    fooled = torch.zeros(3, requires_grad=True)
    deceiving(kind, fooled).backward()  # type: ignore[no-untyped-call]
    assert fooled.grad is not None
    assert (fooled.grad < 0).all()


@pytest.mark.parametrize("kind", JUDGED)
def test_large_and_half_precision_logits_give_numbers_in_float32(kind: Adversarial) -> None:
    for found in (
        judging(kind, REAL.bfloat16() * 500, FAKE.bfloat16()),
        deceiving(kind, FAKE.bfloat16() * 500),
    ):
        assert found.dtype is torch.float32
        assert found.isfinite()


def test_an_unknown_loss_is_refused_and_named() -> None:
    with pytest.raises(UnknownName, match="lsgan"):
        judging("lsgan", REAL, FAKE)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="lsgan"):
        deceiving("lsgan", FAKE)  # type: ignore[arg-type]


def linear(weight: Tensor) -> nn.Conv2d:
    """A critic of one logit per picture, whose slope is its weight."""
    critic = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2])
    critic.weight = nn.Parameter(weight)
    return critic


SLOPE = torch.tensor([3.0, 0.0, 0.0, 4.0]).view(1, 1, 2, 2)  # ‖w‖ = 5
PICTURES = torch.rand(3, 1, 2, 2)


def test_the_gradient_penalty_of_a_known_slope() -> None:
    critic = linear(SLOPE)
    penalty = gradient_penalty(critic, PICTURES, torch.rand(3, 1, 2, 2))
    assert penalty.item() == pytest.approx((5 - 1) ** 2)
    penalty.backward()  # type: ignore[no-untyped-call]
    # d(‖w‖ − 1)²/dw = 2 (‖w‖ − 1) w / ‖w‖
    assert critic.weight.grad is not None
    torch.testing.assert_close(critic.weight.grad, 2 * 4 * SLOPE / 5)


def test_the_r1_penalty_of_a_known_slope() -> None:
    judge = linear(SLOPE)
    penalty = r1_penalty(judge, PICTURES)
    assert penalty.item() == pytest.approx(0.5 * 25)
    penalty.backward()  # type: ignore[no-untyped-call]
    assert judge.weight.grad is not None
    torch.testing.assert_close(judge.weight.grad, SLOPE)


def test_of_many_logits_it_is_the_slope_of_their_mean() -> None:
    # 16 logits of a 1×1 critic of weight 8: each pixel has the slope 8 / 16, and ‖…‖ = √16 · 8 / 16 = 2
    critic = linear(torch.full((1, 1, 1, 1), 8.0))
    x = torch.rand(2, 1, 4, 4)
    assert gradient_penalty(critic, x, x).item() == pytest.approx(1.0)
    assert r1_penalty(critic, x).item() == pytest.approx(0.5 * 4)


def test_the_gradient_penalty_looks_between_the_pictures_and_each_has_a_share_of_its_own() -> None:
    seen: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.square().sum(dim=(1, 2, 3))

    real, fake = torch.ones(64, 1, 2, 2), torch.zeros(64, 1, 2, 2)
    penalty = gradient_penalty(critic, real, fake, generator=torch.Generator().manual_seed(3))
    shares = seen[0]
    assert (shares == shares[:, :, :1, :1]).all()
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert len(set(shares[:, 0, 0, 0].tolist())) == 64
    # ∇ = 2x over 4 pixels of value s: ‖∇‖ = 4s
    assert penalty.item() == pytest.approx((4 * shares[:, 0, 0, 0] - 1).square().mean().item(), rel=1e-5)
    gradient_penalty(critic, real, fake, generator=torch.Generator().manual_seed(3))
    assert torch.equal(seen[1], shares)


def test_a_flat_critic_gives_penalties_without_nan() -> None:
    critic = linear(torch.zeros(1, 1, 2, 2))
    (gradient_penalty(critic, PICTURES, PICTURES) + r1_penalty(critic, PICTURES)).backward()  # type: ignore[no-untyped-call]
    assert critic.weight.grad is not None
    assert critic.weight.grad.isfinite().all()


def test_penalties_are_exact_under_autocast_and_reach_no_picture() -> None:
    critic = linear(SLOPE * 1.001)
    real, fake = PICTURES.clone().requires_grad_(), PICTURES.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        penalty, r1 = gradient_penalty(critic, real, fake.bfloat16()), r1_penalty(critic, real)
    assert penalty.item() == pytest.approx(4.005**2, rel=1e-6)
    assert r1.item() == pytest.approx(0.5 * 5.005**2, rel=1e-6)
    (penalty + r1).backward()  # type: ignore[no-untyped-call]
    assert fake.grad is None
    assert real.grad is None or not real.grad.any()


def test_feature_matching_is_the_mean_of_mean_differences() -> None:
    real = [torch.zeros(1, 2, 2, 2, requires_grad=True), torch.ones(1, 4, requires_grad=True)]
    fake = [torch.full((1, 2, 2, 2), 0.5, requires_grad=True), torch.full((1, 4), -2.0, requires_grad=True)]
    found = feature_matching(real, fake)
    assert found.item() == pytest.approx((0.5 + 3.0) / 2)
    found.backward()  # type: ignore[no-untyped-call]
    assert all(maps.grad is None for maps in real)
    assert all(maps.grad is not None and maps.grad.any() for maps in fake)


def test_feature_matching_wants_the_same_layers() -> None:
    with pytest.raises(ValueError, match="zip"):
        feature_matching([PICTURES], [PICTURES, PICTURES])
