"""What is wanted of a picture: each term by hand, each picture for itself, slopes against differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import EmptyMask, InputError, SizeMismatch, UnknownName
from retouch.tasks.invert.method.fidelity import opening
from retouch.tasks.invert.method.noise import drawn, likeness, normalised
from retouch.tasks.invert.method.objective import SOFT, Objective, Seers, pyramid, unlikeness
from retouch.tasks.invert.method.wish import Perceptual, Wish
from tests.tasks.invert.method import toys

GENERATOR = torch.Generator().manual_seed(0)
TARGET = torch.randn(1, 3, 16, 16, dtype=torch.float64, generator=GENERATOR).tanh()
PICTURES = torch.randn(3, 3, 16, 16, dtype=torch.float64, generator=GENERATOR).tanh()
MASK = (torch.rand(1, 1, 16, 16, dtype=torch.float64, generator=GENERATOR) > 0.6).double()
PLAIN = Wish(perceptual="none")


def blurred(x: Tensor) -> list[Tensor]:
    """Two maps, as a network has them."""
    return [F.avg_pool2d(x, 2), F.avg_pool2d(x.square(), 4)]


def far(x: Tensor, y: Tensor) -> Tensor:
    """In place of LPIPS."""
    return (x - y).square().flatten(1).sum(dim=1).sqrt()


SEERS = Seers(lpips=far, features=blurred, judge=lambda x: [x.sin()])


def test_pixels_by_hand() -> None:
    target, pictures = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 0.0], [0.0, 3.0]]]])
    assert float(Objective(target, PLAIN)(pictures).loss) == pytest.approx(10 / 4)
    mask = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    assert float(Objective(target, PLAIN, mask=mask)(pictures).loss) == pytest.approx(1 / 2)
    one = Wish(power=1, perceptual="none", pixels=2.0)
    # √(d² + s²) − s for d = 1 and d = 3
    by_hand = 2.0 * sum((d * d + SOFT**2) ** 0.5 - SOFT for d in (1.0, 3.0)) / 4
    assert float(Objective(target, one)(pictures).loss) == pytest.approx(by_hand)


def test_pyramid_by_hand() -> None:
    flat = torch.full((1, 1, 16, 16), 0.5, dtype=torch.float64)
    size = (0.25 + SOFT**2) ** 0.5 - SOFT
    assert float(pyramid(flat)) == pytest.approx(size)  # no gradients; the same at 16, 8 and 4 pixels
    assert float(pyramid(flat, torch.ones(1, 1, 16, 16, dtype=torch.float64))) == pytest.approx(size)
    stripes = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    stripes[..., ::2] = 1.0
    one = (1 + SOFT**2) ** 0.5 - SOFT
    assert float(pyramid(stripes)) == pytest.approx(
        one / 2 + one / 2
    )  # half are 1; gradients: 0 down, 1 right


def test_features_are_relative() -> None:
    maps, wanted = [torch.full((2, 1, 2, 2), 3.0)], [torch.full((1, 1, 2, 2), 2.0)]
    torch.testing.assert_close(unlikeness(maps, wanted), torch.full((2,), 1 / 4))


@pytest.mark.parametrize("kind", ["lpips", "features", "judge", "pyramid", "none"])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_slopes_each_for_itself(kind: Perceptual, power: int, masked: bool) -> None:
    wish = Wish(power=power, perceptual=kind, perceptual_weight=0.7)  # type: ignore[arg-type]
    small = [each[:, :, :8, :8] for each in (TARGET, PICTURES, MASK)]
    objective = Objective(small[0], wish, mask=small[2] if masked else None, seers=SEERS)
    asked = small[1].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: objective(x).loss, (asked,), fast_mode=True)
    judged = objective(asked)
    torch.testing.assert_close(torch.stack(list(judged.terms.values())).sum(dim=0), judged.loss.detach())
    assert set(judged.terms) == {"pixels", kind} - {"none"}
    for number in range(3):
        alone = objective(small[1][number : number + 1]).loss
        torch.testing.assert_close(alone[0], judged.loss[number].detach())


@pytest.mark.parametrize("kind", ["lpips", "features", "judge", "pyramid", "none"])
def test_nothing_is_left_to_wish_of_the_target(kind: Perceptual) -> None:
    for mask in (None, MASK):
        objective = Objective(TARGET, Wish(perceptual=kind), mask=mask, seers=SEERS)
        assert float(objective(TARGET).loss) == pytest.approx(0.0, abs=1e-9)
        assert float(objective(PICTURES).loss.min()) > 0.1


@pytest.mark.parametrize("kind", ["lpips", "pyramid", "none"])
def test_a_mask_leaves_out(kind: Perceptual) -> None:
    mask = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    mask[..., :8, :8] = 1.0
    objective = Objective(TARGET, Wish(perceptual=kind), mask=mask, seers=SEERS)
    other = PICTURES.flip(0)
    other[..., :8, :8] = PICTURES[..., :8, :8]
    torch.testing.assert_close(objective(other).loss, objective(PICTURES).loss)


def test_targets_of_their_own() -> None:
    masks = torch.stack([MASK[0], 1 - MASK[0], torch.ones_like(MASK[0])])
    aims = PICTURES.flip(3)
    objective = Objective(aims, Wish(perceptual="features"), mask=masks, seers=SEERS)
    together = objective(PICTURES).loss
    some = objective.taking([2, 0])
    torch.testing.assert_close(some(PICTURES[[2, 0]]).loss, together[[2, 0]])
    one = Objective(TARGET, PLAIN)
    assert one.taking([1]) is one


def test_auto_takes_the_best_that_is_there() -> None:
    nothing = lambda x: [x]  # noqa: E731
    assert Seers().choose("auto") == "pyramid"
    assert Seers(judge=nothing).choose("auto") == "judge"
    assert Seers(judge=nothing, features=nothing).choose("auto") == "features"
    assert SEERS.choose("auto") == "lpips"
    assert Objective(TARGET, seers=SEERS).kind == "lpips"
    with pytest.raises(InputError, match="one of pyramid, none"):
        Seers().choose("lpips")


def test_refusals() -> None:
    with pytest.raises(SizeMismatch, match="model's size"):
        Objective(TARGET)(PICTURES[..., 1:])
    with pytest.raises(SizeMismatch, match="mask"):
        Objective(TARGET, mask=MASK[..., 1:])
    with pytest.raises(EmptyMask):
        Objective(TARGET, mask=MASK * 0)
    with pytest.raises(InputError, match="N, C, R, R"):
        Objective(TARGET[0])
    with pytest.raises(UnknownName):
        Wish(perceptual="vgg")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="1 or 2"):
        Wish(power=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 0"):
        Wish(prior=-1.0)
    with pytest.raises(InputError, match="neither"):
        Wish(pixels=0.0, perceptual="none")


def test_likeness_of_noise_by_hand() -> None:
    # Stripes along x: each number times the next to the right is −1, times the one below 1; squares 1 + 1 at
    # 16 pixels, and nothing is left of them at 8.
    stripes = torch.ones(1, 1, 16, 16)
    stripes[..., ::2] = -1.0
    assert float(likeness([stripes])) == pytest.approx(2.0)
    assert float(likeness([stripes, stripes])) == pytest.approx(4.0)
    random = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert float(likeness([random])) < 0.2
    slope = torch.linspace(-1, 1, 16).expand(1, 1, 16, 16)
    assert float(likeness(normalised([slope]))) > 2.0


def test_noise_is_normalised_and_of_a_seed() -> None:
    maps = drawn(toys.gan(), 1)
    assert [each.shape[0] for each in maps] == [4, 8, 8, 16, 16]
    assert all(torch.equal(*pair) for pair in zip(maps, drawn(toys.gan(), 1), strict=True))
    for each in normalised([own * 3 + 2 for own in maps]):
        assert float(each.mean()) == pytest.approx(0, abs=1e-5)
        assert float(each.square().mean()) == pytest.approx(1, abs=1e-4)


def test_fidelity_opens_step_by_step() -> None:
    openings = [opening(number / 10) for number in range(11)]
    assert [each.space for each in openings] == ["p"] + ["p+"] * 10
    priors = [each.prior for each in openings]
    together = [each.together for each in openings[1:]]
    assert priors == sorted(priors, reverse=True)
    assert together == sorted(together, reverse=True)
    assert together[-1] == 0.0
    assert opening(1.0).applied(Wish()).prior == priors[-1]
    with pytest.raises(InputError, match="from 0"):
        opening(1.1)
