from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.tasks.translate.recipe import CycleGAN
from retouch.tasks.translate.recipe.pool import ImagePool
from retouch.training.game import Discriminator, Game
from tests.tasks.translate.toy_recipes import PLAIN, SIZE, Watched, batches, networks_of, toy


class Shift(nn.Module):
    """Adds a number, and counts how often it is asked."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by
        self.asked = 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += 1
        return x + self.by


class Mean(nn.Module):
    """One logit: the mean of the picture."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(1, 2, 3))


A, B = torch.full((1, 3, SIZE, SIZE), -0.5), torch.full((1, 3, SIZE, SIZE), 0.5)
NETWORKS: dict[str, nn.Module] = {
    "a_to_b": Shift(0.1),
    "b_to_a": Shift(-0.3),
    "judge_a": Mean(),
    "judge_b": Mean(),
}


def terms(options: CycleGAN, turn: str, forward_for: str | None = None) -> dict[str, float]:
    batch = {"a": A, "b": B}
    shared = options.forward(NETWORKS, batch, forward_for)
    found = options.losses(turn, NETWORKS, batch, shared, options.memory())
    return {name: value.item() for name, value in found.items()}


def test_the_generators_terms_by_hand() -> None:
    # made b = −0.4, judged (−0.4 − 1)² = 1.96; made a = 0.2, judged (0.2 − 1)² = 0.64;
    # there and back each picture is off by 0.2, times 10;
    # a_to_b is off by 0.1 on b, b_to_a by 0.3 on a, times 10 · 0.5
    wanted = {
        "deceiving_a": 0.64,
        "deceiving_b": 1.96,
        "cycle_a": 2.0,
        "cycle_b": 2.0,
        "identity_a": 1.5,
        "identity_b": 0.5,
    }
    assert terms(CycleGAN(), "generators") == pytest.approx(wanted, rel=1e-5)
    plain = CycleGAN(identity=0.0, cycle=1.0, game=Game(kind="least-squares", weight=2.0))
    wanted = {"deceiving_a": 1.28, "deceiving_b": 3.92, "cycle_a": 0.2, "cycle_b": 0.2}
    assert terms(plain, "generators") == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("forward_for", [None, "discriminators"])
def test_the_discriminators_terms_by_hand(forward_for: str | None) -> None:
    # a: ((−0.5 − 1)² + 0.2²) / 2; b: ((0.5 − 1)² + 0.4²) / 2
    wanted = {"judging_a": (2.25 + 0.04) / 2, "judging_b": (0.25 + 0.16) / 2}
    assert terms(CycleGAN(), "discriminators", forward_for) == pytest.approx(wanted, rel=1e-5)


def test_a_pass_for_the_discriminators_alone_does_not_go_back() -> None:
    there, back = Shift(0.1), Shift(0.2)
    networks = {"a_to_b": there, "b_to_a": back}
    found = CycleGAN().forward(networks, {"a": A.requires_grad_(), "b": B}, "discriminators")
    assert set(found) == {"a", "b"}
    assert (there.asked, back.asked) == (1, 1)
    assert not found["b"].requires_grad
    A.requires_grad_(False)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InputError, match="learns nothing"):
        CycleGAN(game=Game(kind="least-squares", weight=0.0))
    with pytest.raises(InputError, match="conditional"):
        CycleGAN(discriminator=Discriminator(norm="instance"))
    with pytest.raises(InputError, match="feature matching"):
        CycleGAN(game=Game(feature_matching=1.0))
    with pytest.raises(InputError, match="batch norm"):
        CycleGAN(game=Game(kind="wgan-gp"), discriminator=Discriminator(norm="batch", conditional=False))


def test_a_wgan_and_r1_have_their_penalties() -> None:
    options = toy(CycleGAN, PLAIN | {"game.kind": "wgan-gp", "game.r1": 1.0})
    watched = Watched(options)
    told = [watched.step([batch]) for batch in batches(options, 2)]
    assert {"penalty_a", "penalty_b", "r1_a", "r1_b"} <= set(told[0])
    assert {"penalty_a", "penalty_b"} <= set(told[1])
    assert not {"r1_a", "r1_b"} & set(told[1])


def test_the_memory_survives_a_checkpoint() -> None:
    options = toy(CycleGAN, PLAIN | {"pool": 2})
    watched = Watched(options)
    for batch in batches(options, 3):
        watched.step([batch])
    memory: Any = watched.memory
    again = options.memory()
    again.load_state_dict(memory.state_dict())
    assert again.steps == 3
    for mine, theirs in ((again.a, memory.a), (again.b, memory.b)):
        assert len(mine.pictures) == 2
        assert all(torch.equal(x, y) for x, y in zip(mine.pictures, theirs.pictures, strict=True))


def test_the_card_of_each_generator_says_its_direction() -> None:
    def directions(options: CycleGAN) -> list[object]:
        return [options.card(product).settings["direction"] for product in ("a_to_b", "b_to_a")]

    assert directions(CycleGAN()) == ["AtoB", "BtoA"]
    assert directions(toy(CycleGAN, {"pictures.direction": "BtoA"})) == ["BtoA", "AtoB"]
    assert [CycleGAN().card(name).name for name in ("a_to_b", "b_to_a")] == [
        "cyclegan-a-to-b",
        "cyclegan-b-to-a",
    ]


def test_both_generators_start_differently() -> None:
    networks = networks_of(toy(CycleGAN))
    first, second = (next(networks[name].parameters()) for name in ("a_to_b", "b_to_a"))
    assert not torch.equal(first, second)


def numbered(*numbers: int) -> Tensor:
    return torch.tensor([float(number) for number in numbers]).view(-1, 1, 1, 1)


def test_a_pool_of_nothing_hands_back_what_it_is_given() -> None:
    pool = ImagePool(0)
    x = numbered(1, 2)
    assert pool.swapped(x) is x
    assert not pool.pictures


def test_a_pool_that_is_not_full_keeps_and_hands_back() -> None:
    pool = ImagePool(3)
    assert pool.swapped(numbered(1, 2)).flatten().tolist() == [1, 2]
    assert pool.swapped(numbered(3)).flatten().tolist() == [3]
    assert [picture.item() for picture in pool.pictures] == [1, 2, 3]


def test_a_full_pool_swaps_half_of_the_time_and_loses_nothing() -> None:
    torch.manual_seed(0)
    pool = ImagePool(5)
    pool.swapped(numbered(*range(5)))
    ages, swaps, out = [], 0, []
    for number in range(5, 4005):
        given = int(pool.swapped(numbered(number)).item())
        out.append(given)
        if given != number:
            swaps += 1
            ages.append(number - given)
    kept = [int(picture.item()) for picture in pool.pictures]
    assert sorted(out + kept) == list(range(4005))
    # binomial(4000, ½) has a deviation of 32
    assert abs(swaps - 2000) < 160
    # a picture waits for one of 5 places to be drawn, which is geometric with ½ · ⅕: 10 on average, ± 0.2
    assert sum(ages) / len(ages) == pytest.approx(10, abs=1)


def test_what_a_pool_hands_out_is_not_changed_by_what_comes_later() -> None:
    pool = ImagePool(1)
    x = numbered(7)
    pool.swapped(x)
    x.zero_()
    assert pool.pictures[0].item() == 7


def test_the_state_of_a_pool_goes_round() -> None:
    torch.manual_seed(1)
    pool = ImagePool(2)
    pool.swapped(numbered(1, 2, 3, 4))
    twin = ImagePool(2)
    twin.load_state_dict(pool.state_dict())
    state = torch.get_rng_state()
    mine = pool.swapped(numbered(*range(10, 30)))
    torch.set_rng_state(state)
    assert torch.equal(mine, twin.swapped(numbered(*range(10, 30))))
