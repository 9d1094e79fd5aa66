"""Directions that were planted are found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.tasks.invert.method.directions import drawn, pca, sefa, spread_along
from retouch.tasks.invert.network import DCGAN, StyleGAN2


def generator(seed: int = 0) -> StyleGAN2:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return StyleGAN2(side=16, channels="8,8,8", latent=8, style=8, layers=2).requires_grad_(False)


def planted(*strengths: float) -> tuple[Tensor, Tensor]:
    """Orthonormal directions in columns, and a matrix that responds to each by its strength."""
    made = torch.randn(len(strengths), len(strengths), generator=torch.Generator().manual_seed(1)).double()
    directions = torch.linalg.qr(made).Q
    return directions, directions * torch.tensor(strengths).double()


def alike(found: Tensor, wanted: Tensor) -> bool:
    """Whether two directions are the same but for their sign."""
    return bool((found.double() @ wanted.double()).abs() > 1 - 1e-5)


def test_sefa_finds_what_was_planted_in_the_convolutions() -> None:
    network = generator()
    directions, matrix = planted(7, 6, 5, 4, 3, 2, 1, 0.5)
    for conv in network.synthesis.convolutions():
        conv.affine.weight.copy_(matrix.T.float())
    for side in network.synthesis.sides:
        # Weights to the colours must not be looked at.
        torgb = network.synthesis.block(side).torgb
        torgb.affine.weight.copy_(1000 * torch.eye(8))
    found = sefa(network, drawn(network, 50))
    for number in range(8):
        assert alike(found.vectors[number], directions[:, number]), number


def test_sefa_of_some_rows_looks_at_their_weights_alone() -> None:
    network = generator()
    directions, matrix = planted(7, 6, 5, 4, 3, 2, 1, 0.5)
    convs = network.synthesis.convolutions()
    convs[2].affine.weight.copy_(matrix.T.float())
    assert alike(sefa(network, drawn(network, 50), [2]).vectors[0], directions[:, 0])
    assert not alike(sefa(network, drawn(network, 50), [1]).vectors[0], directions[:, 0])
    assert not alike(sefa(network, drawn(network, 50)).vectors[0], directions[:, 0])
    with pytest.raises(InputError, match="the rows 5 have no weights"):
        sefa(network, drawn(network, 50), [5])


def test_sefa_of_a_dcgan_asks_its_first_layer() -> None:
    network = DCGAN(side=8, latent=6, width=4).requires_grad_(False)
    directions, matrix = planted(7, 6, 5, 4, 3, 2)
    first = network.get_parameter("deconv1.0.weight")
    flat = torch.zeros(6, first[0].numel())
    flat[:, :6] = matrix.float()
    first.copy_(flat.reshape(first.shape))
    found = sefa(network, drawn(network, 4000))
    for number in range(6):
        assert alike(found.vectors[number], directions[:, number])
    assert torch.allclose(found.spreads, torch.ones(6), atol=0.1)  # z is normal


def test_pca_finds_what_was_planted_in_the_styles() -> None:
    directions, matrix = planted(7, 6, 5, 4, 3, 2, 1, 0.5)
    z = torch.randn(200_000, 8, generator=torch.Generator().manual_seed(0)).double()
    found = pca(((z @ matrix.T) + 3).float())
    for number in range(8):
        assert (found.vectors[number].double() @ directions[:, number]).abs() > 0.999
    wanted = torch.tensor([7, 6, 5, 4, 3, 2, 1, 0.5])
    assert torch.allclose(found.spreads, wanted, rtol=0.02)


@pytest.mark.parametrize("way", ["sefa", "pca"])
def test_directions_are_orthonormal_ordered_and_of_a_fixed_sign(way: str) -> None:
    network = generator(3)
    styles = drawn(network, 500)
    found = sefa(network, styles) if way == "sefa" else pca(styles)
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(8), atol=1e-5)
    largest = found.vectors.gather(1, found.vectors.abs().argmax(dim=1, keepdim=True))
    assert (largest > 0).all()
    again = sefa(generator(3), styles) if way == "sefa" else pca(styles.clone())
    assert torch.equal(found.vectors, again.vectors)
    if way == "pca":
        assert (found.spreads.diff() <= 1e-6).all()
    # the spread is that of the styles
    along = (styles - styles.mean(dim=0)) @ found.vectors.T
    assert torch.allclose(found.spreads, along.std(dim=0), rtol=1e-4)


def test_styles_are_drawn_by_seed() -> None:
    network = generator()
    assert torch.equal(drawn(network, 20, seed=1), drawn(network, 20, seed=1))
    assert not torch.equal(drawn(network, 20, seed=1), drawn(network, 20, seed=2))
    z = torch.randn(20, 8, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(drawn(network, 20, seed=1), network.mapping.style(z), atol=1e-6)


def test_too_few_styles_have_no_spread() -> None:
    for make in (lambda: pca(torch.zeros(1, 4)), lambda: spread_along(torch.eye(4), torch.zeros(4))):
        with pytest.raises(InputError, match="N ≥ 2"):
            make()
