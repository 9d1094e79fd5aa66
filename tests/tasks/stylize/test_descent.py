"""Descent finds minima, forgives a bad step, gives its best, and does the same twice."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from retouch.errors import InputError, NotConverged, UnknownName
from retouch.nn.quasinewton import QuasiNewton
from retouch.tasks.stylize.method.descent import OPTIMISERS, Optimiser, descend

AIM = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(1))
WEIGHTS = torch.logspace(-2, 1, AIM.numel()).view_as(AIM)


def bowl(picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Steeper along some samples than along others."""
    loss = (WEIGHTS * (picture - AIM).square()).sum()
    return loss, {"bowl": loss.detach()}


def test_quasi_newton_steps_are_those_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(80, 40, generator=generator) / 6
    aim = torch.randn(80, generator=generator)

    def loss(x: Tensor) -> Tensor:
        return (matrix @ x - aim).square().sum() / 2 + x.sin().square().sum()

    theirs = torch.zeros(40, requires_grad=True)
    optimiser = torch.optim.LBFGS([theirs], lr=1, max_iter=1, history_size=4)

    def closure() -> Tensor:
        optimiser.zero_grad()
        found = loss(theirs)
        found.backward()  # type: ignore[no-untyped-call]
        return found

    ours, stepper = torch.zeros(40), QuasiNewton(4, first=None)
    for _ in range(12):
        optimiser.step(closure)  # type: ignore[no-untyped-call]
        asked = ours.requires_grad_()
        (slope,) = torch.autograd.grad(loss(asked), asked)
        ours = stepper.step(ours.detach(), slope, 1.0)
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_it_finds_the_minimum_and_the_same_twice(optimiser: Optimiser) -> None:
    start = torch.full_like(AIM, 0.5)
    one = descend(start, bowl, steps=150, optimiser=optimiser)
    two = descend(start, bowl, steps=150, optimiser=optimiser)
    assert torch.equal(one.picture, two.picture)
    assert one.losses == two.losses
    assert one.steps == len(one.losses) == 150
    assert float(bowl(one.picture)[0]) < 1e-2 * one.losses[0]["loss"]
    assert torch.equal(start, torch.full_like(AIM, 0.5)), "the start was changed"


def test_the_best_picture_is_given_not_the_last() -> None:
    found = descend(torch.full_like(AIM, 0.5), bowl, steps=9, optimiser="adam", rate=0.4, average=False)
    losses = [each["loss"] for each in found.losses]
    assert losses[-1] > min(losses)
    assert float(bowl(found.picture)[0]) <= min(losses) * (1 + 1e-5)


def test_the_mean_of_the_pictures_is_given_when_it_is_better() -> None:
    start = torch.full_like(AIM, 0.5)
    alone = descend(start, bowl, steps=200, optimiser="adam", rate=0.3, average=False)
    averaged = descend(start, bowl, steps=200, optimiser="adam", rate=0.3)
    assert float(bowl(averaged.picture)[0]) <= float(bowl(alone.picture)[0])


def test_pictures_are_told_with_their_losses() -> None:
    heard: list[tuple[int, float, float]] = []
    descend(
        torch.full_like(AIM, 0.5),
        bowl,
        steps=4,
        told=lambda number, picture, losses: heard.append((number, float(bowl(picture)[0]), losses["loss"])),
    )
    assert [number for number, _, _ in heard] == [0, 1, 2, 3]
    for _, seen, said in heard:
        assert seen == pytest.approx(said)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e6])
def test_a_bad_step_is_taken_back(optimiser: Optimiser, bad: float) -> None:
    calls = 0

    def breaks(picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        nonlocal calls
        calls += 1
        loss, terms = bowl(picture)
        return (loss * 0 + bad if calls in (3, 4) else loss), terms

    found = descend(torch.full_like(AIM, 0.5), breaks, steps=120, optimiser=optimiser)
    assert found.restarts == 2
    assert found.steps == 120
    assert all(math.isfinite(each["loss"]) for each in found.losses)
    assert found.losses[-1]["loss"] < 0.05 * found.losses[0]["loss"]


def test_a_slope_that_is_no_number_is_a_bad_step() -> None:
    calls = 0

    def breaks(picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        nonlocal calls
        calls += 1
        loss, terms = bowl(picture)
        return (
            loss + (picture[0, 0, 0, 0] - picture[0, 0, 0, 0].detach()).sqrt() if calls == 2 else loss
        ), terms

    found = descend(torch.full_like(AIM, 0.5), breaks, steps=30)
    assert found.restarts == 1
    assert bool(found.picture.isfinite().all())


def test_what_never_works_says_so() -> None:
    def never(picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return picture.sum() * math.nan, {}

    with pytest.raises(NotConverged, match="loss of the start is nan"):
        descend(AIM, never, steps=3)
    calls = 0

    def once(picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        nonlocal calls
        calls += 1
        return bowl(picture) if calls == 1 else never(picture)

    found = descend(AIM / 2, once, steps=3)
    assert torch.equal(found.picture, AIM / 2)
    assert (found.steps, found.restarts) == (1, 12)


def test_a_loss_that_is_a_mean_over_many_pixels_falls_too() -> None:
    def far(picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return (picture - 0.3).square().mean() * 1e-3, {}

    found = descend(torch.full((1, 3, 64, 64), 0.5), far, steps=4)
    assert found.losses[-1]["loss"] < 1e-3 * found.losses[0]["loss"]


def test_a_start_that_has_no_loss_is_an_end_too() -> None:
    def rounded(picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return (picture - 0.5).square().mean() - 5e-6, {}

    start = torch.full((1, 3, 8, 8), 0.5)
    found = descend(start, rounded, steps=4)
    assert (found.steps, found.restarts) == (4, 0)
    assert found.picture.equal(start)


def test_results_lie_in_range() -> None:
    def beyond(picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return (picture - 3).square().sum(), {}

    assert float(descend(AIM, beyond, steps=20).picture.max()) == 1.0


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UnknownName):
        descend(AIM, bowl, steps=3, optimiser="sgd")  # type: ignore[arg-type]
    for steps, rate in ((0, None), (3, 0.0), (3, math.inf), (3, math.nan)):
        with pytest.raises(InputError):
            descend(AIM, bowl, steps=steps, rate=rate)
