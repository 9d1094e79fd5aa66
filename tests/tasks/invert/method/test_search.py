"""The search finds codes of a network's own pictures, from many starts, the same twice."""

from __future__ import annotations

import pytest
import torch

from retouch.errors import Cancelled, InputError, UnknownName
from retouch.tasks.invert.method import noise as noises
from retouch.tasks.invert.method import search as searching
from retouch.tasks.invert.method.objective import Objective
from retouch.tasks.invert.method.search import Seen, best_of, rounds, search
from retouch.tasks.invert.method.spaces import NAMES, Name, Noise, Space, space
from retouch.tasks.invert.method.wish import Wish
from tests.tasks.invert.method import toys

PLAIN = Wish(perceptual="none", prior=0.0)


@pytest.mark.parametrize("name", ["p", "p+", "w", "w+"])
def test_own_pictures_are_found(name: Name) -> None:
    targets, made = toys.own(2), toys.of(name)
    found = search(made, Objective(targets, PLAIN), made.average(2), evaluations=80)
    errors = (found.pictures - targets).square().flatten(1).mean(dim=1)
    assert float(errors.max()) < 1e-4
    torch.testing.assert_close(found.losses, errors)
    assert found.codes.shape == (2, *made.shape)
    torch.testing.assert_close(toys.gan().synthesis(found.rows), found.pictures)
    assert found.evaluations == sum(map(len, found.history)) <= 160
    for past, loss in zip(found.history, found.losses.tolist(), strict=True):
        assert min(past) == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_one_evaluation_is_of_the_start(name: Name) -> None:
    made = toys.of(name)
    start = made.draw(2, torch.Generator().manual_seed(0))
    found = search(made, Objective(toys.own(1), PLAIN), start, evaluations=1)
    torch.testing.assert_close(found.codes, start)
    assert found.evaluations == 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_every_space_gets_better_and_the_same_twice(name: Name, optimiser: str) -> None:
    made, objective = toys.of(name), Objective(toys.own(1, seed=7), Wish(power=1))
    start = made.average()
    one, two = (
        search(made, objective, start, evaluations=25, optimiser=optimiser) for _ in range(2)  # type: ignore[arg-type]
    )  # fmt: skip
    assert torch.equal(one.codes, two.codes)
    assert one.history == two.history
    assert float(one.losses) < 0.8 * one.history[0][0]
    assert torch.equal(start, made.average()), "the start was changed"


def starts(made: Space, count: int) -> torch.Tensor:
    """The middle, and draws around it; of z only the direction counts, so that half of one is no nearer."""
    middle, drawn = made.average(), made.draw(count - 1, torch.Generator().manual_seed(0))
    return torch.cat([middle, drawn if made.name == "z" else torch.lerp(middle, drawn, 0.5)])


def test_a_dcgan_is_searched_in_z() -> None:
    made = space(toys.dcgan(), "z")
    target = toys.dcgan()(made.draw(1, torch.Generator().manual_seed(5)))
    found = best_of(made, Objective(target, PLAIN), starts(made, 8), evaluations=160)
    assert float(found.losses) < 0.2 * found.history[0][0]
    assert torch.equal(found.rows, found.codes)
    assert torch.equal(found.pictures, toys.dcgan()(found.codes))


def test_many_candidates_take_no_more_memory_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    made = toys.of("p")
    start = made.draw(5, torch.Generator().manual_seed(0))
    whole = search(made, Objective(toys.own(5), PLAIN), start, evaluations=4)
    sizes: list[int] = []
    render = type(made).render

    def counted(self: Space, codes: torch.Tensor, noise: Noise = "const") -> torch.Tensor:
        if torch.is_grad_enabled():
            sizes.append(len(codes))
        return render(self, codes, noise)

    monkeypatch.setattr(type(made), "render", counted)
    monkeypatch.setattr(searching, "MOST_PIXELS", 2 * 16 * 16)
    heard: list[Seen] = []
    parts = search(made, Objective(toys.own(5), PLAIN), start, evaluations=4, told=heard.append)
    assert sizes[:3] == [2, 2, 1]
    assert heard[0].pictures.shape[0] == len(heard[0].losses) == 5
    torch.testing.assert_close(parts.losses, whole.losses, rtol=1e-3, atol=1e-6)
    assert [len(past) for past in parts.history] == [len(past) for past in whole.history]


def test_what_codes_cost() -> None:
    made = toys.of("p+")
    wish = Wish(perceptual="none", prior=0.5, delta=0.25, together=0.125)
    start = made.draw(2, torch.Generator().manual_seed(0))
    found = search(made, Objective(toys.own(2), wish), start, evaluations=3)
    apart = (found.codes - start).square().flatten(1).mean(dim=1)
    torch.testing.assert_close(found.terms["prior"], 0.5 * found.prior)
    torch.testing.assert_close(found.terms["delta"], 0.25 * apart)
    torch.testing.assert_close(found.terms["together"], 0.125 * made.apart(found.codes))
    torch.testing.assert_close(torch.stack(list(found.terms.values())).sum(dim=0), found.losses)
    bound = search(made, Objective(toys.own(2), Wish(delta=1e4)), start, evaluations=20)
    assert float((bound.codes - start).square().mean()) < 1e-4


def test_a_larger_prior_gives_likelier_codes() -> None:
    made, target = toys.of("p+"), toys.own(1).flip(3)
    priors = [
        float(
            search(
                made,
                Objective(target, Wish(perceptual="none", prior=weight)),
                made.draw(1, torch.Generator().manual_seed(0)),
                evaluations=30,
            ).prior
        )
        for weight in (0.0, 1e-2, 10.0)
    ]
    assert priors == sorted(priors, reverse=True)
    assert priors[-1] < 0.05 * priors[0]


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_noise_is_fitted_and_stays_noise(optimiser: str) -> None:
    made, target = toys.of("p"), toys.own(1).flip(3)
    asked = {"evaluations": 40, "optimiser": optimiser}
    fixed = search(made, Objective(target, PLAIN), made.average(), **asked)  # type: ignore[arg-type]
    fitted = search(made, Objective(target, PLAIN), made.average(), noise="fitted", **asked)  # type: ignore[arg-type]
    errors = [float((each.pictures - target).square().mean()) for each in (fixed, fitted)]
    assert errors[1] < errors[0]
    maps = fitted.noise
    assert not isinstance(maps, str)
    assert [tuple(each.shape) for each in maps] == [(1, 1, side, side) for side in (4, 8, 8, 16, 16)]
    assert all(float(each.square().mean()) == pytest.approx(1, abs=1e-3) for each in maps)
    torch.testing.assert_close(toys.gan().synthesis(fitted.rows, maps), fitted.pictures)
    free = search(
        made, Objective(target, Wish(perceptual="none", noise=0.0)), made.average(), noise="fitted", **asked  # type: ignore[arg-type]
    )  # fmt: skip
    assert not isinstance(free.noise, str)
    assert float(noises.likeness(maps)) < float(noises.likeness(free.noise))


def test_noise_that_is_given_or_drawn() -> None:
    made, maps = toys.of("p"), noises.drawn(toys.gan(), 4)
    with torch.no_grad():
        target = made.render(made.draw(1, torch.Generator().manual_seed(1)), maps)
    found = search(made, Objective(target, PLAIN), made.average(), noise=maps, evaluations=60)
    assert float(found.losses) < 1e-4
    random = search(
        made, Objective(target, PLAIN), made.average(), evaluations=9, noise="random", optimiser="adam"
    )
    assert random.noise == "random"
    with pytest.raises(InputError, match="compares losses"):
        search(made, Objective(target), made.average(), noise="random")


def test_the_best_of_many() -> None:
    made, target = toys.of("p"), toys.own(1, seed=3)
    many = starts(made, 16)
    heard: list[Seen] = []
    found = best_of(made, Objective(target, PLAIN), many, evaluations=240, keep=4, told=heard.append)
    assert len(found.codes) == len(found.history) == 4
    assert found.losses.tolist() == sorted(found.losses.tolist())
    assert 220 < found.evaluations <= 240
    assert sum(len(each.numbers) for each in heard) == found.evaluations
    assert [len(heard[0].numbers), len(heard[-1].numbers)] == [16, 4]
    assert [each.evaluations for each in heard] == list(range(1, len(heard) + 1))
    alone = search(made, Objective(target, PLAIN), many[:1], evaluations=20)
    assert float(found.losses[0]) < float(alone.losses)


@pytest.mark.parametrize(
    ("count", "keep", "evaluations"), [(16, 1, 150), (16, 1, 16), (8, 8, 80), (3, 1, 1000), (64, 4, 500)]
)
def test_rounds_keep_to_the_evaluations(count: int, keep: int, evaluations: int) -> None:
    plan, turns = rounds(count, keep, evaluations)
    spent, crowd, before = 0, count, 0
    for turn, stay in plan.items():
        spent += crowd * (turn - before)
        crowd, before = stay, turn
    spent += crowd * (turns - before)
    assert evaluations - keep - count < spent <= evaluations
    assert turns >= 1


def test_it_can_be_stopped() -> None:
    def stop(seen: Seen) -> None:
        if seen.evaluations == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        search(toys.of("p"), Objective(toys.own(1)), toys.of("p").average(), told=stop)


def test_half_precision_is_an_option() -> None:
    made, objective = toys.of("p"), Objective(toys.own(1), PLAIN)
    found = search(made, objective, made.average(), evaluations=20, precision="bfloat16")
    assert found.codes.dtype == found.pictures.dtype == torch.float32
    assert float(found.losses) < 0.5 * found.history[0][0]


def test_refusals() -> None:
    made, objective = toys.of("p"), Objective(toys.own(1))
    start = made.average()
    for wrong in ({"optimiser": "sgd"}, {"noise": "white"}, {"precision": "float16"}):
        with pytest.raises(UnknownName):
            search(made, objective, start, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="space 'p'"):
        search(made, objective, toys.of("p+").average())
    with pytest.raises(InputError, match="at least 1"):
        search(made, objective, start, evaluations=0)
    with pytest.raises(InputError, match="from 1 to 1"):
        best_of(made, objective, start, keep=2)
    with pytest.raises(InputError, match="fewer starts"):
        best_of(made, objective, made.average(9), evaluations=8)
    plain = space(toys.dcgan(), "z")
    with pytest.raises(InputError, match="DCGAN"):
        search(plain, objective, plain.average(), noise="fitted")
