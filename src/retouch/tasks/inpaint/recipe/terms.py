"""The terms of LaMa's loss, and the variants that are compared with them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import UnknownName

Loss = Literal["r1", "wgan-gp", "hinge"]
"""``r1``: LaMa's, non-saturating with a penalty on the slope at real pictures (Mescheder et al. 2018).
``wgan-gp``: a Wasserstein critic with gradient penalty (Gulrajani et al. 2017). ``hinge``: Lim, Ye 2017."""

FakeWhere = Literal["nearest", "maxpool"]
"""Which patches of a filled picture count as fake: those whose nearest pixel of the mask is in the hole, as
in LaMa's code, or all that touch it, as in its paper."""


def fake_patches(hole: Tensor, logits: Tensor, where: FakeWhere) -> Tensor:
    """Say which patches of a filled picture count as fake.

    Args:
        hole: ``(B, 1, H, W)``, 1 in the hole.
        logits: ``(B, 1, h, w)`` of the discriminator.
        where: by which rule.

    Returns:
        ``(B, 1, h, w)``, 1 for fake.

    Raises:
        UnknownName: There is no such rule.
    """
    size = (logits.shape[-2], logits.shape[-1])
    if where == "nearest":
        return F.interpolate(hole, size, mode="nearest")
    if where == "maxpool":
        return F.adaptive_max_pool2d(hole, size)
    raise UnknownName("rule for fake patches", where, ("nearest", "maxpool"))


def judging(loss: Loss, real: Tensor, filled: Tensor, fake: Tensor) -> Tensor:
    """Compute the discriminator's loss.

    Args:
        loss: which.
        real: ``(B, 1, h, w)`` logits of photos.
        filled: ``(B, 1, h, w)`` logits of filled pictures.
        fake: ``(B, 1, h, w)``, 1 where a patch of a filled picture counts as fake. The others count as real;
            for the critic they do not count.

    Returns:
        A scalar.

    Raises:
        UnknownName: There is no such loss.
    """
    real, filled, fake = real.float(), filled.float(), fake.float()
    if loss == "r1":
        return (F.softplus(-real) + F.softplus(filled) * fake + F.softplus(-filled) * (1.0 - fake)).mean()
    if loss == "hinge":
        return (F.relu(1.0 - real) + F.relu(1.0 + filled) * fake + F.relu(1.0 - filled) * (1.0 - fake)).mean()
    if loss == "wgan-gp":
        return (filled * fake).sum() / fake.sum().clamp_min(1.0) - real.mean()
    raise UnknownName("loss", loss, ("r1", "wgan-gp", "hinge"))


def deceiving(loss: Loss, filled: Tensor) -> Tensor:
    """Compute the generator's adversarial loss over all patches.

    Args:
        loss: which.
        filled: logits of filled pictures.

    Returns:
        A scalar.
    """
    return F.softplus(-filled.float()).mean() if loss == "r1" else -filled.float().mean()


def slope_at_real(discriminator: nn.Module, photos: Tensor) -> Tensor:
    """Measure how steep a discriminator is at photos.

    Args:
        discriminator: what is measured.
        photos: ``(B, 3, H, W)``.

    Returns:
        The mean over the photos of ‖∇ Σ logits‖², in float32.

    Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9; as LaMa weighs it, without the half, and with
        the sum over the patches.
    """
    with torch.autocast(photos.device.type, enabled=False):
        x = photos.detach().float().requires_grad_(True)
        (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    found: Tensor = slope.flatten(1).square().sum(1).mean()
    return found


def matching(made: list[Tensor], seen: list[Tensor]) -> Tensor:
    """Compare what a discriminator sees in a filled picture and in the photo.

    Args:
        made: maps of the filled picture.
        seen: maps of the photo.

    Returns:
        The mean over the layers of the mean squared difference.

    Source: Suvorov et al. 2021, section 2.2. Departs from Wang et al. 2018, who take absolute differences.
    """
    return torch.stack([F.mse_loss(a.float(), b.float()) for a, b in zip(made, seen, strict=True)]).mean()


def perceived(network: nn.Module, made: Tensor, photos: Tensor) -> Tensor:
    """Compare what a frozen network sees in a filled picture and in the photo.

    Args:
        network: gives a list of maps.
        made: ``(B, 3, H, W)`` in [0, 1].
        photos: likewise.

    Returns:
        The sum over the layers of the mean squared difference.

    Source: Suvorov et al. 2021, equation 1; the code sums over the layers where the paper says mean.
    """
    # In full precision: some of these networks count in levels of 0 to 255 inside.
    with torch.autocast(made.device.type, enabled=False):
        with torch.no_grad():
            wanted = network(photos.float())
        found = network(made.float())
    return torch.stack([F.mse_loss(a, b) for a, b in zip(found, wanted, strict=True)]).sum()


def waves(made: Tensor, photos: Tensor) -> Tensor:
    """Compare the spectra of filled pictures and photos.

    Args:
        made: ``(B, 3, H, W)``.
        photos: likewise.

    Returns:
        The mean absolute difference of the complex amplitudes, orthonormal.

    Source: the idea of Lu et al. 2022 (GLaMa), arXiv:2205.07162, section 3.3: a loss in the frequency domain.
    Departs: differences of amplitude and phase together.
    """
    with torch.autocast(made.device.type, enabled=False):
        found: Tensor = torch.fft.rfft2((made - photos).float(), norm="ortho").abs().mean()
    return found


def differing(made: Tensor, photos: Tensor, hole: Tensor, known: float, missing: float) -> Tensor:
    """Compare pixels.

    Args:
        made: ``(B, 3, H, W)``.
        photos: likewise.
        hole: ``(B, 1, H, W)``.
        known: weight outside the hole.
        missing: weight inside it.

    Returns:
        The weighted mean absolute difference over all pixels.
    """
    difference = (made.float() - photos).abs()
    return (difference * (known * (1.0 - hole) + missing * hole)).mean()
