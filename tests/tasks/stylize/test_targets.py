"""What textures and reconstructions must reach, on small pictures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

import retouch
from retouch.features import Features
from retouch.features.finding import find
from retouch.image import Picture, resample, samples
from retouch.metrics.sliced import sliced_wasserstein
from retouch.tasks.stylize.method import starts
from retouch.tasks.stylize.method.patches import LAYERS, exemplar

VGG_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SIDE = 64


def square(name: str, side: int = SIDE) -> Tensor:
    """(1, 3, side, side): the middle square of a photo."""
    pixels = np.moveaxis(np.asarray(samples.open(name).pixels, np.float32), 2, 0)
    height, width = pixels.shape[1:]
    cut = min(height, width)
    top, left = (height - cut) // 2, (width - cut) // 2
    small = resample.resize(pixels[:, top : top + cut, left : left + cut], (side, side)).clip(0, 1)
    return torch.from_numpy(small)[None].expand(1, 3, -1, -1).contiguous()


def grams(network: Features, picture: Tensor, layers: tuple[str, ...]) -> Mapping[str, Tensor]:
    """Layer → the mean product of each pair of channels."""
    with torch.no_grad():
        found = {name: each[0].flatten(1) for name, each in network(picture, layers).items()}
    return {name: flat @ flat.T / flat.shape[1] for name, flat in found.items()}


def apart(network: Features, one: Tensor, other: Tensor, layers: tuple[str, ...]) -> float:
    """The mean over the layers of |G − H|² / |H|²."""
    ours, theirs = grams(network, one, layers), grams(network, other, layers)
    each = [float((ours[n] - theirs[n]).square().sum() / theirs[n].square().sum()) for n in layers]
    return sum(each) / len(each)


def shuffled(picture: Tensor, side: int) -> Tensor:
    """Its blocks in random order."""
    count = picture.shape[2] // side
    cut = picture[0].unfold(1, side, side).unfold(2, side, side).flatten(1, 2)
    mixed = cut[:, torch.randperm(count**2, generator=torch.Generator().manual_seed(0))]
    whole = mixed.view(3, count, count, side, side).transpose(2, 3)
    return whole.reshape(1, 3, count * side, count * side)


@cache
def woven(name: str, features: str, **options: object) -> Tensor:
    """More of a photo's middle."""
    made = retouch.texture(Picture.of(square(name)), features=features, steps=70, **options)  # type: ignore[arg-type]
    return torch.from_numpy(np.moveaxis(made.pixels, 2, 0).copy())[None].expand(1, 3, -1, -1).contiguous()


def sliced(made: Tensor, wanted: Tensor) -> float:
    return sliced_wasserstein(made, wanted, patches=1024, projections=64, normalise="reference")


@pytest.mark.parametrize("features", ["bundled", "random"])
@pytest.mark.parametrize("layer", ["relu1_1", "relu1_2", "relu2_1"])
def test_the_first_layers_know_the_photo_to_30_decibels(features: str, layer: str) -> None:
    # it begins with noise, at 14 dB; what pooling hides of that, smoothness takes out
    made = retouch.reconstruct(samples.open("cat"), layer=layer, features=features, size=96, variation=0.05)
    assert float(made.report["psnr"]) >= 30


def test_a_deep_layer_does_not_know_it_as_well() -> None:
    def found(layer: str) -> float:
        made = retouch.reconstruct(samples.open("cat"), layer=layer, features="bundled", size=64)
        return float(made.report["psnr"])

    assert found("relu1_1") > found("relu3_1") + 10 > found("relu5_1") + 13


@pytest.mark.parametrize("name", ["gravel", "galaxies"])
def test_the_gram_distance_of_a_texture_falls_by_99_per_cent(name: str) -> None:
    network, wanted = find("bundled", border="reflect", pooling="average").network, square(name)
    start = starts.noise((SIDE, SIDE), 0, like=wanted)
    made = woven(name, "bundled")
    assert apart(network, made, wanted, VGG_LAYERS) <= 0.01 * apart(network, start, wanted, VGG_LAYERS)
    # and it is no copy
    assert float((made - wanted).square().mean()) > 0.5 * float((start - wanted).square().mean())


def test_so_does_that_of_the_exemplars_own_patches() -> None:
    wanted = square("gravel")
    network = exemplar(wanted, 0)
    start = starts.noise((SIDE, SIDE), 0, like=wanted)
    made = woven("gravel", "patches")
    assert apart(network, made, wanted, LAYERS) <= 0.01 * apart(network, start, wanted, LAYERS)


@pytest.mark.parametrize(("name", "features"), [("gravel", "bundled"), ("gravel", "patches")])
def test_textures_are_nearer_than_the_exemplars_own_blocks(name: str, features: str) -> None:
    wanted = square(name)
    blocks = min(sliced(shuffled(wanted, side), wanted) for side in (8, 16))
    assert sliced(woven(name, features), wanted) < blocks


def test_bfloat16_changes_no_more_than_another_seed_does() -> None:
    network, wanted = find("bundled", border="reflect", pooling="average").network, square("gravel")
    exact, half = woven("gravel", "bundled"), woven("gravel", "bundled", precision="bfloat16")
    other = woven("gravel", "bundled", seed=1)
    assert not torch.equal(exact, half)
    assert float((half - exact).square().mean()) <= float((other - exact).square().mean())
    worst = max(apart(network, each, wanted, VGG_LAYERS) for each in (exact, other))
    start = starts.noise((SIDE, SIDE), 0, like=wanted)
    assert apart(network, half, wanted, VGG_LAYERS) <= max(
        2 * worst, 0.01 * apart(network, start, wanted, VGG_LAYERS)
    )


def test_colours_are_nearer_by_the_wasserstein_distance_than_by_gram() -> None:
    wanted = square("galaxies")

    def off(made: Tensor) -> float:
        return float((made.flatten(2).sort().values - wanted.flatten(2).sort().values).abs().mean())

    # The colours of the pixels are compared in both; without that they would be farther still.
    assert off(woven("galaxies", "bundled")) < off(woven("galaxies", "bundled", statistic="gram"))
