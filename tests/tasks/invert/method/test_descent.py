"""Searches: they find minima, in few evaluations, each for itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retouch.errors import InputError, NotConverged
from retouch.nn.quasinewton import QuasiNewton
from retouch.tasks.invert.method.adam import adam, scheduled
from retouch.tasks.invert.method.descent import Patience, Way, descend, quasi_newton

CURVES = torch.logspace(-1.5, 1.5, 12, dtype=torch.float64)
AIMS = torch.randn(3, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def bowls(points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
    """A quadratic with a minimum of its own for each search."""
    apart = points - AIMS[numbers]
    return (CURVES * apart.square()).sum(dim=1) / 2, CURVES * apart


def banana(points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
    """Rosenbrock's function, with the minimum 0 at (1, 1)."""
    del numbers
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        x, y = points.unbind(dim=1)
        losses = (1 - x).square() + 100 * (y - x.square()).square()
        (slopes,) = torch.autograd.grad(losses.sum(), points)
    return losses.detach(), slopes


def test_quadratics_are_solved_each_for_itself() -> None:
    together = descend(torch.zeros(3, 12, dtype=torch.float64), bowls, quasi_newton, evaluations=60)
    for number, best in enumerate(together):
        torch.testing.assert_close(best.point, AIMS[number], rtol=0, atol=1e-4)

    def alone(points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        return bowls(points, [1] * len(numbers))

    single = descend(torch.zeros(1, 12, dtype=torch.float64), alone, quasi_newton, evaluations=60)[0]
    assert torch.equal(single.point, together[1].point)


@pytest.mark.parametrize("first", [1e-4, 0.2, 30.0])
def test_rosenbrock_from_any_first_step(first: float) -> None:
    def way(point: Tensor) -> Way:
        return quasi_newton(point, first=first)

    start = torch.tensor([[-1.2, 1.0]], dtype=torch.float64)
    best = descend(start, banana, way, evaluations=90)[0]
    assert best.loss < 1e-8
    torch.testing.assert_close(best.point, torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-3)


def test_a_step_into_nowhere_is_shortened() -> None:
    def cliff(points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        losses, slopes = bowls(points, numbers)
        over = points.abs().amax(dim=1) > 3.0
        return torch.where(over, torch.inf, losses), torch.where(over[:, None], torch.nan, slopes)

    start = torch.zeros(3, 12, dtype=torch.float64)
    way_far = descend(start, cliff, lambda point: quasi_newton(point, first=100.0), evaluations=80)
    for number, best in enumerate(way_far):
        torch.testing.assert_close(best.point, AIMS[number], rtol=0, atol=1e-3)


def test_too_long_a_step_is_taken_back() -> None:
    # x⁴ from 1: a step of 4 leads to −3, where the loss is 81. A step on from there would lead to 0.86; one
    # that is shorter, of at most 0.6 of its length, no further back than to 0.6.
    way = quasi_newton(torch.tensor([1.0]), first=4.0)
    assert float(next(way)) == 1.0
    assert float(way.send((1.0, torch.tensor([4.0])))) == pytest.approx(-3.0)
    assert -1.4 <= float(way.send((81.0, torch.tensor([-108.0])))) <= 0.6


def test_too_short_a_step_is_made_longer() -> None:
    # From 1 to 0.9 the slope falls from 2 to 1.8, which is flat enough; to 0.99, it is not.
    way = quasi_newton(torch.tensor([1.0]), first=0.01)
    next(way)
    assert float(way.send((1.0, torch.tensor([2.0])))) == pytest.approx(0.99)
    assert float(way.send((0.9801, torch.tensor([1.98])))) == pytest.approx(0.96)


def test_evaluations_are_counted_and_kept_to() -> None:
    asked: list[int] = []

    def counting(points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        asked.extend(numbers)
        losses, slopes = bowls(points, numbers)
        return losses + torch.tensor([1e3, 0.0, 2e3])[numbers], slopes

    told: list[int] = []
    start = torch.zeros(3, 12, dtype=torch.float64)
    best = descend(start, counting, quasi_newton, evaluations=10, pruning={3: 2, 5: 1}, told=told.append)
    assert [each.evaluations for each in best] == [5, 10, 3], "others than the least losses went on"
    assert [asked.count(number) for number in range(3)] == [each.evaluations for each in best]
    assert told == list(range(1, 11))


def test_hopeless_searches_end() -> None:
    start = AIMS.clone() + 1e-9
    impatient = Patience(5, 0.5)

    def flat(points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        losses, slopes = bowls(points, numbers)
        return losses + 1.0, slopes

    best = descend(start, flat, quasi_newton, evaluations=100, patience=impatient)
    assert all(each.evaluations <= 6 for each in best)
    # Where no direction leads down, there is an end without patience, too.
    best = descend(AIMS.clone(), flat, quasi_newton, evaluations=1000)
    assert all(each.evaluations < 100 for each in best)


def test_a_start_that_is_no_number_is_refused() -> None:
    def broken(points: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        del numbers
        return torch.full((len(points),), torch.nan), points

    with pytest.raises(NotConverged, match="start"):
        descend(torch.zeros(1, 2), broken, quasi_newton, evaluations=3)


def test_steps_taken_back_leave_the_memory_right() -> None:
    # Of a quadratic of n unknowns, exact line searches end after n steps: n = 4.
    curves = torch.tensor([1.0, 3.0, 7.0, 20.0], dtype=torch.float64)
    aim = torch.ones(4, dtype=torch.float64)
    point, stepper = torch.zeros(4, dtype=torch.float64), QuasiNewton(10)
    for _ in range(4):
        slope = curves * (point - aim)
        trial = stepper.step(point, slope, 1.0)
        step = trial - point
        point = stepper.again(point, float(-(slope @ step) / (curves * step * step).sum()))
    torch.testing.assert_close(point, aim, rtol=0, atol=1e-9)
    with pytest.raises(InputError, match="no step"):
        QuasiNewton().again(aim, 0.5)


def test_shortened_steps_give_the_directions_of_the_two_loops() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(30, 12, generator=generator, dtype=torch.float64)

    def slope_at(x: Tensor) -> Tensor:
        return matrix.T @ (matrix @ x).sinh()

    point = torch.randn(12, generator=generator, dtype=torch.float64) / 10
    stepper, pairs = QuasiNewton(20), list[tuple[Tensor, Tensor]]()
    slope = slope_at(point)
    for _ in range(8):
        trial = stepper.step(point, slope, 1.0)
        if pairs:
            torch.testing.assert_close(trial - point, -two_loops(slope, pairs), rtol=1e-6, atol=1e-9)
        after = stepper.again(point, 0.3)
        torch.testing.assert_close(after - point, 0.3 * (trial - point))
        pairs.append((after - point, slope_at(after) - slope))
        point, slope = after, slope_at(after)


def two_loops(slope: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """L-BFGS as in the textbook."""
    kept: list[Tensor] = []
    for step, change in reversed(pairs):
        kept.append((step @ slope) / (change @ step))
        slope = slope - kept[-1] * change
    step, change = pairs[-1]
    slope = slope * ((step @ change) / (change @ change))
    for (step, change), part in zip(pairs, reversed(kept), strict=True):
        slope = slope + step * (part - (change @ slope) / (change @ step))
    return slope


def test_adams_rates_rise_and_fall() -> None:
    assert [scheduled(0.1, time) for time in (0.0, 0.025, 0.05, 0.5, 0.75, 1.0)] == pytest.approx(
        [0.0, 0.05, 0.1, 0.1, 0.1, 0.0]
    )
    assert scheduled(0.1, 0.875) == pytest.approx(0.05)


def test_adam_follows_torchs() -> None:
    aim = torch.tensor([1.0, -2.0, 0.5])
    theirs = torch.zeros(3, requires_grad=True)
    optimiser = torch.optim.Adam([theirs], lr=1.0, betas=(0.9, 0.999))
    way = adam(torch.zeros(3), evaluations=40)
    point = next(way)
    for step in range(39):
        (theirs - aim).square().sum().backward()  # type: ignore[no-untyped-call]
        optimiser.param_groups[0]["lr"] = scheduled(0.1, (step + 1) / 40)
        optimiser.step()
        optimiser.zero_grad()
        point = way.send((0.0, 2 * (point - aim)))
        torch.testing.assert_close(point, theirs.detach(), rtol=1e-5, atol=1e-6)


def test_adams_noise_is_of_a_seed_and_ends() -> None:
    def points(seed: int) -> list[Tensor]:
        way = adam(torch.zeros(2), evaluations=40, jitter=torch.tensor([1.0, 0.0]),
                   generator=torch.Generator().manual_seed(seed))  # fmt: skip
        return [next(way)] + [way.send((0.0, torch.zeros(2))) for _ in range(39)]

    one, two, other = points(1), points(1), points(2)
    assert all(torch.equal(*pair) for pair in zip(one, two, strict=True))
    assert not torch.equal(one[0], other[0])
    assert all(float(point[1]) == 0.0 for point in one)
    assert all(bool((point == 0).all()) for point in one[30:])
    sizes = torch.stack(one)[:, 0].abs()
    assert float(sizes[:8].mean()) > 10 * float(sizes[22:30].mean())
