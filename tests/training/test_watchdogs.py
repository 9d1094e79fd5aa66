from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from retouch.errors import Diverged
from retouch.training.watchdogs import Limits, Watchdogs

EVALUATION = 1000


def scenes(count: int, seed: int, size: int = 24) -> Tensor:
    """Pictures of soft blobs, each different, in [0, 1]."""
    noise = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (size, size), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_the_run(value: float) -> None:
    with pytest.raises(
        Diverged, match=r"after 12,300 images l1 is (nan|-?inf); .*engine.clip=1 or engine.pre"
    ):
        Watchdogs().look(12_300, {"l1": value, "judging": 0.3})


def test_results_that_are_no_numbers_end_the_run() -> None:
    outputs = scenes(2, 0)
    outputs[1, 0, 3, 3] = math.nan
    with pytest.raises(Diverged, match="the results hold NaN"):
        Watchdogs().look(5, {"validation_l1": 0.2}, outputs)


def test_a_metric_may_be_infinite() -> None:
    # The PSNR of a picture without error is.
    assert Watchdogs().look(5, {"validation_psnr": math.inf, "validation_iou": math.nan}) == []


def barks(dogs: Watchdogs, lines: list[dict[str, float]], every: int = 100) -> list[str]:
    found = []
    for number, line in enumerate(lines, 1):
        found += dogs.look(number * every, line)
    return found


def test_a_saturated_discriminator_is_reported_once() -> None:
    dogs = Watchdogs()
    healthy = [{"judging": 0.3, "l1": 5.0}] * 30
    assert barks(dogs, healthy) == []
    saturated = [{"judging": 0.004, "l1": 5.0, "discriminator_gradient": 3.0}] * 100
    (message,) = barks(dogs, saturated)
    assert "the discriminator's loss stayed at 0.004 for 20 lines" in message
    assert "R1 or DiffAugment" in message


def test_a_discriminator_that_recovers_in_between_is_not_saturated() -> None:
    lines = [{"judging": 0.2 if number % 15 == 0 else 0.001} for number in range(200)]
    assert barks(Watchdogs(), lines) == []


def test_both_terms_of_a_discriminator_must_be_low() -> None:
    assert barks(Watchdogs(), [{"judging_a": 0.001, "judging_b": 0.5}] * 60) == []
    assert len(barks(Watchdogs(), [{"judging_a": 0.001, "judging_b": 0.002}] * 60)) == 1


def test_the_score_of_a_critic_has_no_floor() -> None:
    assert barks(Watchdogs(), [{"judging": -0.001}] * 60) == []


def test_waiting_for_data_is_reported_once() -> None:
    (message,) = barks(Watchdogs(), [{"l1": 1.0, "waiting": 0.25}] * 50)
    assert message.startswith("25% of the time goes into waiting for data; raise engine.workers")
    assert barks(Watchdogs(), [{"waiting": 0.08}] * 50) == []
    # The start of the readers and a hiccup now and then are no reason.
    hiccups = [{"waiting": 0.9 if number % 5 == 0 else 0.01} for number in range(50)]
    assert barks(Watchdogs(), hiccups) == []


def evaluate(dogs: Watchdogs, outputs: Tensor, targets: Tensor | None, times: int = 6) -> list[str]:
    found = []
    for number in range(1, times + 1):
        found += dogs.look(number * EVALUATION, {"validation_l1": 0.2}, outputs, targets=targets)
    return found


def test_flat_results_are_reported_once_and_by_their_own_name() -> None:
    flat = torch.full((6, 3, 24, 24), 0.5)
    (message,) = evaluate(Watchdogs(), flat, scenes(6, 1))
    assert "every result is one flat colour" in message
    assert evaluate(Watchdogs(), flat, flat) == []
    assert evaluate(Watchdogs(), flat, scenes(6, 1), times=2) == []
    young = Watchdogs()
    assert [young.look(10 * i, {"validation_l1": 0.2}, flat) for i in range(1, 9)] == [[]] * 8


def test_collapse_is_reported() -> None:
    targets = scenes(6, 1)
    same = scenes(1, 2).expand(6, -1, -1, -1) + 0.005 * scenes(6, 3)
    (message,) = evaluate(Watchdogs(), same, targets)
    assert "the results of 6 different inputs are nearly the same picture" in message
    assert "mode collapse" in message
    (message,) = evaluate(Watchdogs(), same, None)
    assert "mode collapse" in message
    assert evaluate(Watchdogs(), same[:3], targets[:3]) == []


def test_collapse_is_not_reported_where_the_targets_are_alike() -> None:
    alike = scenes(1, 2).expand(6, -1, -1, -1) + 0.01 * scenes(6, 3)
    assert evaluate(Watchdogs(), alike, alike.clone()) == []


def test_inverted_brightness_is_reported() -> None:
    targets = scenes(6, 1)
    (message,) = evaluate(Watchdogs(), 1 - targets, targets)
    assert (
        "bright and dark are exchanged: the brightness of results and targets correlates by -1.00" in message
    )
    dogs = Watchdogs()
    found = [dogs.look(1000 + i, {"validation_l1": 0.2}, 1 - targets, inputs=targets) for i in range(6)]
    assert [len(messages) for messages in found] == [0, 0, 1, 0, 0, 0]


def test_large_and_small_pictures_and_gray_ones_are_compared() -> None:
    targets = scenes(5, 1, size=200)
    (message,) = evaluate(Watchdogs(), 1 - targets, targets)
    assert "exchanged" in message
    (message,) = evaluate(Watchdogs(), 1 - targets[:, :1], targets[:, :1])
    assert "exchanged" in message
    assert evaluate(Watchdogs(), targets, scenes(3, 2)) == []  # another number of targets: not comparable


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.6))
def test_good_results_raise_no_alarm(seed: int, strength: float) -> None:
    targets = scenes(6, seed)
    noise = torch.randn(targets.shape, generator=torch.Generator().manual_seed(seed))
    assert evaluate(Watchdogs(), (targets + strength * noise).clamp(0, 1), targets) == []


def overfitting(seed: int, rise: float, fall: float, noise: float, count: int = 20) -> list[str]:
    """Validation falls to 0.2 and then rises by a part; training falls all the time by a part."""
    rng = np.random.default_rng(seed)
    dogs, found = Watchdogs(), []
    for number in range(1, count + 1):
        part = number / count
        validated = 0.2 * (1 + 0.5 * math.exp(-15 * part) + rise * max(0.0, part - 0.4) / 0.6)
        learned = 0.2 * (1.5 - fall * part)
        spread = noise * rng.standard_normal(2)
        figures = {
            "validation_l1": validated * (1 + spread[0]),
            "validation_train_l1": learned * (1 + spread[1]),
        }
        found += dogs.look(number * EVALUATION, figures)
    return found


def test_overfitting_is_reported_once() -> None:
    (message,) = overfitting(0, rise=0.5, fall=1.0, noise=0.01)
    assert message.startswith("overfitting: since ")
    assert "on the validation pictures while it improved in training" in message


def test_a_metric_where_more_is_better_overfits_downwards() -> None:
    dogs, found = Watchdogs(), []
    for number in range(20):
        figures = {
            "validation_psnr": 14 + min(number, 6) - 0.4 * max(0, number - 6),
            "validation_train_psnr": 14.0 + number,
        }
        found += dogs.look(number * EVALUATION, figures)
    (message,) = found
    assert "psnr went from 19" in message


def test_a_training_loss_of_the_same_name_is_the_measure_where_there_is_no_other() -> None:
    dogs, found = Watchdogs(), []
    for number in range(1, 400):
        found += dogs.look(number * 50, {"l1": 100 * (0.3 - 0.0005 * number)})
        if number % 20 == 0:
            found += dogs.look(number * 50, {"validation_l1": 0.2 + 0.0004 * max(0, number - 120)})
    (message,) = found
    assert message.startswith("overfitting")


def test_rising_validation_without_falling_training_is_something_else() -> None:
    assert overfitting(0, rise=0.5, fall=0.0, noise=0.01) == []


def test_validation_that_improves_more_slowly_is_no_overfitting() -> None:
    assert overfitting(0, rise=-0.2, fall=1.2, noise=0.02) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.001, 0.2), st.integers(4, 80))
def test_normal_noise_is_no_overfitting(seed: int, noise: float, count: int) -> None:
    assert overfitting(seed, rise=0.0, fall=0.6, noise=noise, count=count) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.5), st.floats(0.05, 3.0))
def test_normal_losses_raise_no_alarm(seed: int, noise: float, level: float) -> None:
    rng = np.random.default_rng(seed)
    lines = [
        {
            "l1": 30 * math.exp(-0.01 * number) * math.exp(noise * rng.standard_normal()),
            "judging": level * math.exp(noise * rng.standard_normal()),
            "deceiving": math.exp(noise * rng.standard_normal()),
            "waiting": min(1.0, abs(0.03 * rng.standard_normal())),
        }
        for number in range(150)
    ]
    assert barks(Watchdogs(), lines) == []


def test_limits_can_be_set() -> None:
    dogs = Watchdogs(Limits(waiting=0.5))
    assert barks(dogs, [{"waiting": 0.25}] * 50) == []


def test_samples_that_are_all_alike_are_reported_once_and_early_ones_are_not() -> None:
    alike = [{"validation_swd": 300.0, "validation_variety": 0.08}] * 10
    assert barks(Watchdogs(), alike[:9], every=100) == []
    (message,) = barks(Watchdogs(), alike, every=500)
    assert "by 0.08 of what real pictures do: mode collapse" in message
    assert "more R1" in message


def test_a_healthy_gan_is_left_alone() -> None:
    # As logged by a StyleGAN2 of 64 pixels that learned well: judge and generator stay in touch.
    lines = [
        {"judging": judging, "deceiving": deceiving, "sign_real": 0.7, "validation_variety": variety}
        for judging, deceiving, variety in [(0.34, 5.9, 0.5), (0.17, 7.5, 0.55), (0.6, 2.2, 0.7)] * 30
    ]
    assert barks(Watchdogs(), lines, every=800) == []


def test_variety_that_recovers_in_between_is_no_collapse() -> None:
    lines = [{"validation_variety": 0.9 if number % 3 == 0 else 0.05} for number in range(60)]
    assert barks(Watchdogs(), lines, every=800) == []


def test_a_dead_judge_of_a_gan_is_reported() -> None:
    dead = [{"judging": 0.001, "deceiving": 25.0, "r1": 0.5, "sign_real": 1.0}] * 40
    (message,) = barks(Watchdogs(), dead, every=800)
    assert "tells results from real pictures so easily" in message
