"""Features that are learned from one picture alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName
from retouch.image import samples
from retouch.tasks.stylize.method.patches import FILTERS, LAYERS, LEVELS, Patches, exemplar
from retouch.tasks.stylize.method.statistics import distance, target


def photo(name: str, side: int = 64, top: int = 0, left: int = 0) -> Tensor:
    """A square (1, 3, side, side) out of a photo, at half its size."""
    pixels = np.array(samples.open(name).pixels, np.float32)
    planes = torch.from_numpy(np.moveaxis(pixels, 2, 0))[None].expand(1, 3, -1, -1)
    cut = planes[..., top : top + 2 * side, left : left + 2 * side]
    return F.avg_pool2d(cut, 2)


def single(shift: float) -> Patches:
    """One filter at each of three levels: the red sample in the middle, plus a shift."""
    bank = torch.zeros(1, 3, 7, 7)
    bank[0, 0, 3, 3] = 1
    return Patches([bank] * 3, [torch.tensor([shift])] * 3)


def test_each_layer_is_the_rectified_answer_at_its_level() -> None:
    picture = torch.rand(2, 3, 48, 40, generator=torch.Generator().manual_seed(0))
    found = single(-0.5)(picture, ["patch3", "input", "patch1"])
    assert list(found) == ["input", "patch1", "patch3"]
    assert torch.equal(found["input"], picture)
    red = picture[:, :1]
    assert torch.allclose(found["patch1"], F.relu(red - 0.5), atol=1e-6)
    # levels are means of 2 × 2, taken twice: of 4 × 4
    means = red.reshape(2, 1, 12, 4, 10, 4).mean(dim=(3, 5))
    assert torch.allclose(found["patch3"], F.relu(means - 0.5), atol=1e-6)


def test_filters_are_those_that_were_learned_at_each_level() -> None:
    network = exemplar(photo("gravel"), 0)
    assert network.layers == ("input", *LAYERS)
    assert not any(each.requires_grad for each in network.parameters())
    found = network(photo("gravel"), LAYERS)
    shapes = {name: tuple(each.shape) for name, each in found.items()}
    assert shapes == {f"patch{n}": (1, FILTERS, 128 >> n, 128 >> n) for n in range(1, LEVELS + 1)}


@pytest.mark.parametrize("name", ["gravel", "coffee"])
def test_answers_have_the_mean_0_and_the_deviation_1_on_the_exemplar(name: str) -> None:
    picture = photo(name)
    network = exemplar(picture, 3)
    for level in range(LEVELS):
        small = F.avg_pool2d(picture, 2**level)
        layer = network.get_submodule(f"patch{level + 1}")
        # every patch of so small a picture is drawn, so that this is exact
        answers = layer(F.pad(small, (3, 3, 3, 3), mode="reflect"))[0].flatten(1)
        assert answers.mean(dim=1).abs().max() < 2e-3
        assert answers.square().mean(dim=1).sqrt().sub(1).abs().max() < 2e-3


@pytest.mark.parametrize("layer", LAYERS[:3])
def test_another_part_of_the_texture_is_nearer_than_another_texture(layer: str) -> None:
    learned, other = photo("gravel"), photo("gravel", top=128, left=128)
    network = exemplar(learned, 0)
    wanted = target("wasserstein", network(learned, [layer])[layer])

    def apart(picture: Tensor) -> float:
        return float(distance("wasserstein", network(picture, [layer])[layer], wanted))

    assert apart(learned) < 1e-3
    # of the same colours, in another order
    shuffled = learned.flatten(2)[..., torch.randperm(4096, generator=torch.Generator().manual_seed(0))]
    assert apart(other) < 0.7 * min(apart(photo("grass")), apart(shuffled.view_as(learned)))


def test_filters_are_choosier_than_random_ones() -> None:
    picture = photo("bricks")
    learned = exemplar(picture, 0)
    random = torch.randn(FILTERS, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    random -= random.mean(dim=(1, 2, 3), keepdim=True)
    drawn = Patches([random], [torch.zeros(FILTERS)])

    def tails(network: Patches) -> float:
        """How much of the answers' energy is in the loudest hundredth of the positions."""
        answers = network(picture, ["patch1"])["patch1"][0].flatten(1).square()
        return float((answers.topk(41, dim=1).values.sum(dim=1) / answers.sum(dim=1)).mean())

    assert tails(learned) > 1.5 * tails(drawn)


def test_the_same_seed_gives_the_same_filters_and_leaves_the_global_generator_alone() -> None:
    picture = photo("cat")
    before = torch.get_rng_state()
    first, second, other = (exemplar(picture, seed).state_dict() for seed in (5, 5, 6))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not any(torch.equal(first[key], other[key]) for key in first)


def test_a_picture_of_one_colour_has_features_that_are_0() -> None:
    picture = torch.full((1, 3, 32, 32), 0.3)
    for found in exemplar(picture, 0)(picture, LAYERS).values():
        assert found.abs().max() < 1e-3


def test_fewer_patches_than_filters_will_do() -> None:
    # 32 pixels are 4 × 4 patches at the fourth level
    found = exemplar(photo("cat", 32), 0)(photo("cat", 32), ["patch4"])["patch4"]
    assert found.shape == (1, FILTERS, 4, 4)
    assert bool(found.isfinite().all())
    # groups that nothing falls into begin anew: no filter is left without answers
    assert bool((found.amax(dim=(2, 3)) > 0).all())


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 2**31), st.integers(0, 24), st.integers(0, 24))
def test_any_size_will_do(levels: int, filters: int, seed: int, more: int, further: int) -> None:
    least = 4 * 2 ** (levels - 1)
    generator = torch.Generator().manual_seed(seed)
    picture = torch.rand(1, 3, least + more, least + further, generator=generator)
    network = exemplar(picture, seed, filters=filters, levels=levels)
    for number, found in enumerate(network(picture, network.layers[1:]).values()):
        assert found.shape == (1, filters, (least + more) >> number, (least + further) >> number)
        assert bool(found.isfinite().all())
        assert float(found.min()) >= 0


def test_a_circular_border_knows_no_rim() -> None:
    picture = photo("gravel")
    network = exemplar(picture, 0)
    moved = picture.roll((16, 8), (2, 3))
    reflected = [network(each, ["patch2"])["patch2"] for each in (picture, moved)]
    network.border = "circular"
    wrapped = [network(each, ["patch2"])["patch2"] for each in (picture, moved)]
    assert torch.allclose(wrapped[0].roll((8, 4), (2, 3)), wrapped[1], atol=1e-4)
    assert not torch.allclose(reflected[0].roll((8, 4), (2, 3)), reflected[1], atol=1e-2)
    network.border = "torus"
    with pytest.raises(UnknownName, match="border"):
        network(picture, ["patch1"])


@pytest.mark.parametrize("layer", ["input", "patch1", "patch2", "patch3"])
def test_reach_is_how_far_a_position_looks(layer: str) -> None:
    bank = torch.ones(1, 3, 7, 7)
    network = Patches([bank] * 3, [torch.zeros(1)] * 3)
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)).requires_grad_()
    features = network(picture, [layer])[layer]
    place = features.shape[3] // 2
    (slope,) = torch.autograd.grad(features[0, :, :, place].sum(), picture)
    columns = torch.nonzero(slope.abs().sum(dim=(0, 1, 2)))[:, 0]
    middle = (place + 0.5) * 96 / features.shape[3] - 0.5
    farthest = max(middle - int(columns.min()), int(columns.max()) - middle)
    assert network.reach(layer) - 1 < farthest <= network.reach(layer)


@pytest.mark.parametrize(("layers", "side"), [(["input"], 1), (["patch1"], 4), (["patch3", "patch2"], 16)])
def test_the_least_side_is_the_least(layers: list[str], side: int) -> None:
    network = single(0)
    assert network.least_side(layers) == side
    found = network(torch.rand(1, 3, side, side + 3), layers)
    assert sorted(found) == sorted(layers)
    with pytest.raises(InputError, match=f"{side}×{side}"):
        network(torch.rand(1, 3, side - 1, side + 3), layers)


@pytest.mark.parametrize(
    ("picture", "options", "match"),
    [
        (torch.rand(1, 3, 31, 64), {}, "32×32"),
        (torch.rand(2, 3, 64, 64), {}, "1, 3, H, W"),
        (torch.rand(1, 4, 64, 64), {}, "1, 3, H, W"),
        (torch.full((1, 3, 64, 64), torch.nan), {}, "finite"),
        (torch.rand(1, 3, 64, 64), {"filters": 0}, "at least 1"),
        (torch.rand(1, 3, 64, 64), {"levels": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(picture: Tensor, options: dict[str, int], match: str) -> None:
    with pytest.raises(InputError, match=match):
        exemplar(picture, 0, **options)


@pytest.mark.parametrize(
    ("filters", "shifts"),
    [
        ([], []),
        ([torch.zeros(2, 3, 7, 7)], []),
        ([torch.zeros(2, 3, 5, 5)], [torch.zeros(2)]),
        ([torch.zeros(2, 3, 7, 7)], [torch.zeros(3)]),
    ],
)
def test_filters_that_do_not_fit_are_refused(filters: list[Tensor], shifts: list[Tensor]) -> None:
    with pytest.raises(InputError, match="filters"):
        Patches(filters, shifts)


def test_an_unknown_layer_is_refused() -> None:
    network = single(0)
    for wrong in ("patch4", "relu1_1"):
        with pytest.raises(UnknownName, match="layer"):
            network(torch.rand(1, 3, 32, 32), [wrong])
        with pytest.raises(UnknownName, match="layer"):
            network.reach(wrong)
