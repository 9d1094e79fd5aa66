"""Directions in which a generator's pictures change most, found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.tasks.invert.network import DCGAN, StyleGAN2

SAMPLES = 10_000
"""Styles of which variances are measured."""

_BATCH = 1000


@dataclass(frozen=True)
class Directions:
    """Directions among codes: of styles w, or of z for a DCGAN.

    Attributes:
        vectors: (K, D), orthonormal, the strongest first; of each the largest number is positive.
        spreads: (K,), standard deviations along them of the codes that the network was trained with.
    """

    vectors: Tensor
    spreads: Tensor


def sefa(network: StyleGAN2 | DCGAN, styles: Tensor, rows: Sequence[int] | None = None) -> Directions:
    """Find the directions to which the first weights that meet a code respond most.

    Args:
        network: any. Of a StyleGAN2, the weights from styles to the scales of its convolutions; of a DCGAN,
            those of its first layer.
        styles: (N, D), as :func:`drawn` gives them; N ≥ 2.
        rows: of a StyleGAN2, whose weights are meant; all when None. The last row, of which the network takes
            the colours alone, has none.

    Returns:
        All D of them: the eigenvectors of AᵀA, the largest eigenvalue first, with A the weights.

    Raises:
        InputError: no row has weights, or there are fewer than two styles.

    Source: Shen, Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021,
        arXiv:2007.06600, equations 4 to 6.
    Departs: columns of A are not scaled to one length; weights to the colours (torgb) are left out.
    """
    if isinstance(network, DCGAN):
        first = network.get_parameter("deconv1.0.weight")
        stacked = first.flatten(1).T  # (width · 16, latent)
    else:
        convs = network.synthesis.convolutions()
        chosen = [conv for row, conv in enumerate(convs) if rows is None or row in rows]
        if not chosen:
            raise InputError(
                f"the rows {', '.join(map(str, rows or ()))} have no weights to take directions from; choose "
                f"some of 0 to {len(convs) - 1}"
            )
        stacked = torch.cat([conv.affine.weight for conv in chosen])  # (channels, style)
    exact = stacked.detach().cpu().double()
    return _described(exact.T @ exact, styles)


def pca(styles: Tensor) -> Directions:
    """Find the directions along which a network's styles vary most.

    Args:
        styles: (N, D), as :func:`drawn` gives them; N ≥ 2.

    Returns:
        All D of them: the eigenvectors of their covariance, the largest variance first.

    Raises:
        InputError: there are fewer than two styles.

    Source: Härkönen, Hertzmann, Lehtinen, Paris, "GANSpace: Discovering Interpretable GAN Controls", NeurIPS
        2020, arXiv:2004.02546, section 2.2.
    """
    return _described(_covariance(styles), styles)


@torch.no_grad()
def drawn(
    network: StyleGAN2 | DCGAN, samples: int = SAMPLES, seed: int = 0, label: Tensor | None = None
) -> Tensor:
    """Draw codes as in the training.

    Args:
        network: whose they are.
        samples: how many.
        seed: of their noise, drawn on the CPU, so that every device gets the same.
        label: (1, classes), for networks with labels.

    Returns:
        (samples, style); z itself, (samples, latent), for a DCGAN.

    Raises:
        InputError: the network wants a label, or has none.
    """
    generator = torch.Generator().manual_seed(seed)
    like = next(network.parameters())
    parts = []
    for first in range(0, samples, _BATCH):
        z = torch.randn(min(_BATCH, samples - first), network.latent, generator=generator).to(like)
        if isinstance(network, StyleGAN2):
            z = network.mapping.style(z, None if label is None else label.to(like).expand(len(z), -1))
        parts.append(z)
    return torch.cat(parts)


def spread_along(vectors: Tensor, styles: Tensor) -> Tensor:
    """Measure how far styles reach along directions.

    Args:
        vectors: (K, D), of length 1.
        styles: (N, D), N ≥ 2.

    Returns:
        (K,), standard deviations.

    Raises:
        InputError: there are fewer than two styles.
    """
    exact = vectors.cpu().double()
    variances = torch.einsum("kd,de,ke->k", exact, _covariance(styles), exact)
    return variances.clamp_min(0).sqrt().to(vectors)


def _described(matrix: Tensor, styles: Tensor) -> Directions:
    """Give the eigenvectors of a symmetric matrix, the largest eigenvalue first, each with its sign fixed."""
    vectors = torch.linalg.eigh(matrix).eigenvectors.T.flip(0)
    largest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
    vectors = (vectors * largest.sign()).to(styles)
    return Directions(vectors, spread_along(vectors, styles))


def _covariance(styles: Tensor) -> Tensor:
    if styles.dim() != 2 or len(styles) < 2:
        raise InputError(f"the styles are {tuple(styles.shape)}; variances take (N, D), N ≥ 2")
    exact = styles.detach().cpu().double()
    apart = exact - exact.mean(dim=0)
    return apart.T @ apart / (len(exact) - 1)
