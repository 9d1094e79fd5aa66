"""Tuning: it helps, spares other pictures, is small, and comes back from a file bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retouch.errors import Cancelled, InputError, SizeMismatch
from retouch.tasks.invert.method import noise as noises
from retouch.tasks.invert.method.objective import Objective
from retouch.tasks.invert.method.spaces import space
from retouch.tasks.invert.method.tuning import MOST, Tuned, Tuning, tune, tuned
from retouch.tasks.invert.method.wish import Wish
from retouch.tasks.invert.network import StyleGAN2
from tests.tasks.invert.method import toys

PLAIN = Wish(perceptual="none")
PIVOT = toys.gan().mapping(torch.randn(1, 8, generator=torch.Generator().manual_seed(1)))
TARGET = toys.gan().synthesis(PIVOT) * 0.8 + 0.1


def tuning(**options: object) -> Tuned:
    """Tune the toy."""
    asked = {"rank": 3, "evaluations": 15, **options}
    return tune(toys.of("p"), PIVOT, Objective(TARGET, PLAIN), **asked)  # type: ignore[arg-type]


def test_it_helps_and_the_file_gives_the_same_bits() -> None:
    before = [each.clone() for each in toys.gan().state_dict().values()]
    found = tuning()
    assert found.loss < 0.2 * found.before
    assert found.before == pytest.approx(float((toys.gan().synthesis(PIVOT) - TARGET).square().mean()))
    assert all(torch.equal(*pair) for pair in zip(before, toys.gan().state_dict().values(), strict=True))
    tensors = found.tuning.tensors()
    assert {each.dtype for each in tensors.values()} == {torch.float16}
    again = tuned(toys.gan(), Tuning.of({name: each.clone() for name, each in tensors.items()}))
    assert torch.equal(again.synthesis(PIVOT), found.picture)
    assert found.loss == pytest.approx(float((found.picture - TARGET).square().mean()))
    assert found.evaluations == len(found.history) <= 15
    assert torch.equal(tuning().picture, found.picture)


def test_changes_are_of_the_rank_in_every_layer() -> None:
    found = tuning()
    changed = tuned(toys.gan(), found.tuning)
    for name, weight in changed.synthesis.named_parameters():
        change = (weight - toys.gan().synthesis.get_parameter(name)).double()
        touched = name.endswith("weight") and "affine" not in name
        assert (name in found.tuning.left) == touched
        if touched:
            assert 1 <= int(torch.linalg.matrix_rank(change.flatten(1), rtol=1e-3)) <= 3
        else:
            assert not bool(change.any())


def test_locality_spares_other_pictures() -> None:
    free, bound = tuning(locality=0.0), tuning(locality=30.0)
    assert bound.drift < 0.6 * free.drift
    alone = tuning(anchors=0)
    assert alone.drift == 0.0
    assert alone.loss == pytest.approx(min(alone.history), rel=0.03), "rounding cost more than it may"


def test_fitted_noise_is_kept() -> None:
    maps = noises.drawn(toys.gan(), 2)
    found = tuning(noise=maps, evaluations=3)
    assert torch.equal(tuned(toys.gan(), found.tuning).synthesis(PIVOT, maps), found.picture)


def test_it_stops_early_and_when_told() -> None:
    flat = Objective(toys.gan().synthesis(PIVOT), PLAIN)
    assert tune(toys.of("p"), PIVOT, flat, evaluations=200, anchors=0).evaluations < 60

    def stop(number: int, picture: Tensor, loss: float) -> None:
        assert picture.shape == TARGET.shape
        assert loss > 0
        if number == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        tuning(told=stop)


def test_a_network_of_1024_pixels_takes_less_than_5_megabytes() -> None:
    with torch.device("meta"):
        large = StyleGAN2(
            side=1024, channels="512,512,512,512,512,256,128,64,32", latent=512, style=512, layers=8
        )
    shapes = {
        name: tuple(each.shape)
        for name, each in large.synthesis.named_parameters()
        if name.endswith("weight") and "affine" not in name
    }
    halves: dict[str, Tensor] = {}
    for name, (outer, *inner) in shapes.items():
        size = torch.Size(inner).numel()
        rank = min(16, outer)
        halves[f"left.{name}"] = torch.empty(outer, rank, dtype=torch.float16, device="meta")
        halves[f"right.{name}"] = torch.empty(rank, size, dtype=torch.float16, device="meta")
    assert len(shapes) == 17 + 9
    assert 10**6 < Tuning.of(halves).size < 2.2 * 10**6 < MOST


def test_a_tuning_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.tasks.invert.method.tuning.MOST", 1000)
    with pytest.raises(InputError, match="or less"):
        tuning()


def test_refusals() -> None:
    with pytest.raises(InputError, match="DCGAN"):
        tune(space(toys.dcgan(), "z"), PIVOT, Objective(TARGET))
    for wrong in ({"rank": 0}, {"evaluations": 0}, {"anchors": -1}, {"locality": -1.0}):
        with pytest.raises(InputError, match="at least"):
            tuning(**wrong)
    tensors = tuning(evaluations=1).tuning.tensors()
    with pytest.raises(SizeMismatch, match="take the model"):
        tuned(toys.gan(8), Tuning.of(tensors))
    name = next(iter(tensors))
    with pytest.raises(InputError, match="float16"):
        Tuning.of({**tensors, name: tensors[name].float()})
    with pytest.raises(InputError, match=r"left\.NAME"):
        Tuning.of({own: each for own, each in tensors.items() if own != name})
    with pytest.raises(InputError, match="none"):
        Tuning.of({})
