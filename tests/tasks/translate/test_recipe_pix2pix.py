from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from retouch.errors import InputError, UnknownName
from retouch.losses import Adversarial, r1_penalty
from retouch.tasks.translate.network import PatchGAN
from retouch.tasks.translate.recipe import Pix2Pix
from retouch.training.game import R1_EVERY, Discriminator, Game, bare
from tests.tasks.translate.toy_recipes import PLAIN, SIZE, STILL, Watched, batches, networks_of, toy


class Fixed(nn.Module):
    """A judge that always says the same, and keeps what it was shown."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return x.mean(dim=(1, 2, 3)) * 0 + self.logit


INPUT = torch.full((2, 3, SIZE, SIZE), -0.5)
TARGET = torch.full((2, 3, SIZE, SIZE), 0.25)
BATCH = {"input": INPUT, "target": TARGET}


def losses(options: Pix2Pix, turn: str, judge: nn.Module, made: Tensor) -> dict[str, float]:
    terms = options.losses(turn, {"discriminator": judge}, BATCH, {"made": made}, options.memory())
    return {name: value.item() for name, value in terms.items()}


def test_the_generator_s_terms_are_weighted_as_in_the_paper() -> None:
    judge = Fixed(0.0)
    options = toy(Pix2Pix, {"game.weight": 3.0})
    found = losses(options, "generator", judge, TARGET + 0.125)
    # −log σ(0) = log 2
    assert found == pytest.approx({"l1": 100 * 0.125, "deceiving": 3 * 0.693147})
    assert torch.equal(judge.seen[0], torch.cat([INPUT, TARGET + 0.125], 1))


def test_the_discriminator_s_loss_is_halved_and_it_sees_input_and_picture() -> None:
    judge = Fixed(0.0)
    found = losses(toy(Pix2Pix), "discriminator", judge, TARGET * 2)
    assert found == pytest.approx({"judging": 0.693147})
    assert torch.equal(judge.seen[0], torch.cat([INPUT, TARGET], 1))
    assert torch.equal(judge.seen[1], torch.cat([INPUT, TARGET * 2], 1))


def test_an_unconditional_judge_sees_the_picture_alone() -> None:
    options = toy(Pix2Pix, {"discriminator.conditional": False})
    judge = Fixed(0.0)
    losses(options, "discriminator", judge, TARGET * 2)
    assert torch.equal(judge.seen[0], TARGET)
    assert torch.equal(judge.seen[1], TARGET * 2)
    assert cast(PatchGAN, options.networks()["discriminator"]).convs[0].in_channels == 3
    Watched(options).step(batches(options, 1))


def test_l1_alone_has_no_discriminator() -> None:
    options = toy(Pix2Pix, {"game.weight": 0.0})
    assert set(options.networks()) == {"generator"}
    assert [turn.name for turn, _ in options.turns()] == ["generator"]
    watched = Watched(options)
    assert set(watched.step(batches(options, 1))) == {"l1"}
    assert watched.moved == [("generator", {"generator"})]


def test_the_game_alone_has_no_l1() -> None:
    options = toy(Pix2Pix, {"l1": 0.0})
    assert set(Watched(options).step(batches(options, 1))) == {"judging", "deceiving"}


def test_nothing_to_learn_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to learn"):
        Pix2Pix(l1=0.0, game=Game(weight=0.0))
    with pytest.raises(InputError, match="needs a discriminator"):
        Pix2Pix(game=Game(weight=0.0, feature_matching=10.0))
    with pytest.raises(UnknownName, match="lsgan"):
        Game(kind=cast(Adversarial, "lsgan"))
    with pytest.raises(InputError, match="colour"):
        Game(augment="cutout, colour")
    assert Game(augment=" cutout, color,").augment


def test_a_critic_with_batch_norm_is_refused() -> None:
    with pytest.raises(InputError, match="batch norm"):
        Pix2Pix(game=Game(kind="wgan-gp"))
    Pix2Pix(game=Game(kind="wgan-gp", weight=0.0))
    options = Pix2Pix(game=Game(kind="wgan-gp"), discriminator=Discriminator(norm="instance", width=4))
    assert options.game.penalty == 10


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_a_wgan_has_its_penalty(norm: str) -> None:
    options = toy(Pix2Pix, PLAIN | {"discriminator.norm": norm})
    options = Pix2Pix(
        options.engine,
        options.generator,
        options.discriminator,
        Game(kind="wgan-gp"),
        pictures=options.pictures,
    )
    watched = Watched(options)
    told = watched.step(batches(options, 1, batch=2))
    assert set(told) == {"judging", "penalty", "l1", "deceiving"}
    # with first weights of 0.02 the critic is all but flat, unless instance norm stretches its maps
    assert 0 < told["penalty"] <= 10 * 1.01 or norm == "instance"


def test_r1_comes_with_every_16th_batch_and_16_times_its_weight() -> None:
    options = toy(Pix2Pix, STILL | {"game.r1": 0.5, "l1": 0.0})
    assert R1_EVERY == 16
    memory = options.memory()
    networks = networks_of(options)
    shared = {"made": TARGET}
    told = [options.losses("discriminator", networks, BATCH, shared, memory) for _ in range(33)]
    assert [index for index, terms in enumerate(told) if "r1" in terms] == [0, 16, 32]
    wanted = 16 * 0.5 * r1_penalty(networks["discriminator"], torch.cat([INPUT, TARGET], 1)).item()
    assert told[16]["r1"].item() == pytest.approx(wanted, rel=1e-4)
    # it goes on where a checkpoint left it
    again = options.memory()
    again.load_state_dict(memory.state_dict())
    assert again.steps == 33


@pytest.mark.parametrize("conditional", [True, False])
def test_feature_matching_finds_nothing_in_the_target_itself(conditional: bool) -> None:
    """Whatever DiffAugment does, it must do to both."""
    options = toy(
        Pix2Pix,
        STILL
        | {
            "game.feature_matching": 10.0,
            "game.augment": "color,translation,cutout",
            "discriminator.conditional": conditional,
        },
    )
    networks = networks_of(options)
    batch = {"input": torch.rand(2, 3, SIZE, SIZE), "target": torch.rand(2, 3, SIZE, SIZE)}

    def term(made: Tensor) -> dict[str, Tensor]:
        return cast(
            dict[str, Tensor], options.losses("generator", networks, batch, {"made": made}, options.memory())
        )

    assert term(batch["target"])["feature_matching"].item() == 0
    made = (batch["target"] * 0.5).requires_grad_()
    found = term(made)
    assert found["feature_matching"].item() > 0.01
    assert set(found) == {"l1", "deceiving", "feature_matching"}
    found["feature_matching"].backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert made.grad.any()


def test_feature_matching_weighs_the_maps_before_the_logits() -> None:
    options = toy(Pix2Pix, STILL | {"game.feature_matching": 10.0})
    networks = networks_of(options)
    judge = cast(PatchGAN, networks["discriminator"])
    made = torch.rand_like(TARGET)
    found = options.losses("generator", networks, BATCH, {"made": made}, options.memory())
    real, fake = (judge.features(torch.cat([INPUT, picture], 1))[:-1] for picture in (TARGET, made))
    wanted = sum((a - b).abs().mean().item() for a, b in zip(real, fake, strict=True)) / len(real)
    assert found["feature_matching"].item() == pytest.approx(10 * wanted, rel=1e-5)


def test_the_pool_holds_what_the_judge_is_shown() -> None:
    options = toy(Pix2Pix, PLAIN | {"pool": 3})
    watched = Watched(options)
    for batch in batches(options, 2):
        watched.step([batch])
    memory: Any = watched.memory
    assert [picture.shape for picture in memory.pool.pictures] == [(6, SIZE, SIZE)] * 2


def test_a_compiled_judge_is_seen_through() -> None:
    judge = PatchGAN(3, width=2)
    compiled: Any = torch.compile(judge)
    assert bare(compiled) is judge
    assert bare(judge) is judge
    with pytest.raises(TypeError, match="Conv2d"):
        bare(nn.Conv2d(1, 1, 1))


def test_penalties_and_maps_are_to_be_had_of_compiled_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, mode: compiled(network, backend="aot_eager"))
    changes: dict[str, object] = {
        "generator.depth": 2,
        "discriminator.layers": 1,
        "game.r1": 1.0,
        "game.feature_matching": 1.0,
        "engine.compile": "default",
    }
    options = toy(Pix2Pix, STILL | changes)
    told = Watched(options).step(batches(options, 1))
    assert set(told) == {"judging", "r1", "l1", "deceiving", "feature_matching"}
