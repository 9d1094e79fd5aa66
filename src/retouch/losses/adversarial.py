"""What a discriminator and a generator minimise against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import UnknownName

Adversarial = Literal["vanilla", "least-squares", "hinge", "wgan-gp"]
"""``vanilla``: Goodfellow et al. 2014, arXiv:1406.2661, non-saturating. ``least-squares``: Mao et al. 2016,
arXiv:1611.04076. ``hinge``: Lim and Ye 2017, arXiv:1705.02894. ``wgan-gp``: Gulrajani et al. 2017,
arXiv:1704.00028, which needs :func:`gradient_penalty` and a critic without batch normalisation."""

Judge = Callable[[Tensor], Tensor]
"""A discriminator: ``(B, C, H, W)`` → logits of any shape."""


def judging(kind: Adversarial, real: Tensor, fake: Tensor) -> Tensor:
    """Compute the discriminator's loss.

    Args:
        kind: which loss.
        real: logits of real pictures, any shape.
        fake: logits of made pictures, any shape.

    Returns:
        A scalar: for vanilla, least squares and hinge the mean of what real and made pictures cost, at
        its best 0; for WGAN the critic's difference between them, unbounded below.

    Raises:
        UnknownName: There is no such loss.
    """
    real, fake = real.float(), fake.float()
    if kind == "vanilla":
        return 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())
    if kind == "least-squares":
        return 0.5 * ((real - 1.0).square().mean() + fake.square().mean())
    if kind == "hinge":
        return 0.5 * (F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean())
    if kind == "wgan-gp":
        return fake.mean() - real.mean()
    raise UnknownName("adversarial loss", kind, get_args(Adversarial))


def deceiving(kind: Adversarial, fake: Tensor) -> Tensor:
    """Compute the generator's loss.

    Args:
        kind: which loss.
        fake: the discriminator's logits of made pictures, any shape.

    Returns:
        A scalar.

    Raises:
        UnknownName: There is no such loss.
    """
    fake = fake.float()
    if kind == "vanilla":
        return F.softplus(-fake).mean()
    if kind == "least-squares":
        return (fake - 1.0).square().mean()
    if kind in ("hinge", "wgan-gp"):
        return -fake.mean()
    raise UnknownName("adversarial loss", kind, get_args(Adversarial))


def gradient_penalty(
    critic: Judge, real: Tensor, fake: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Keep a critic's slope near 1 between real and made pictures.

    Args:
        critic: what is penalised.
        real: ``(B, C, H, W)``.
        fake: ``(B, C, H, W)``.
        generator: where the random mixtures come from; torch's own when None.

    Returns:
        The mean of (‖∇critic‖ − 1)², computed in float32. The paper weighs it with 10.

    Source: Gulrajani et al. 2017, arXiv:1704.00028, equation 3.
    Departs: for a critic with a logit per patch, the slope is that of their mean.
    """
    with torch.autocast(real.device.type, enabled=False):
        share = torch.rand((real.shape[0], 1, 1, 1), generator=generator, device=real.device)
        mixed = torch.lerp(fake.detach().float(), real.float(), share).requires_grad_(True)
        slope = _slope(critic, mixed)
    steepness: Tensor = torch.linalg.vector_norm(slope.flatten(1), dim=1)
    return (steepness - 1.0).square().mean()


def r1_penalty(judge: Judge, real: Tensor) -> Tensor:
    """Keep a discriminator flat around real pictures, which lets a GAN settle.

    Args:
        judge: what is penalised.
        real: ``(B, C, H, W)``.

    Returns:
        The mean of ½‖∇judge‖², computed in float32; weigh it with γ.

    Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9.
    Departs: for a discriminator with a logit per patch, the slope is that of their mean.
    """
    with torch.autocast(real.device.type, enabled=False):
        slope = _slope(judge, real.detach().float().requires_grad_(True))
    return 0.5 * slope.flatten(1).square().sum(dim=1).mean()


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Compare what a discriminator sees in two pictures, layer by layer.

    Args:
        real: its maps of the real picture.
        fake: its maps of the made picture, of the same shapes.

    Returns:
        The mean over the layers of the mean absolute difference.

    Source: Wang et al. 2018 (pix2pixHD), arXiv:1711.11585, equation 4.
    """
    terms = [F.l1_loss(made.float(), seen.detach().float()) for seen, made in zip(real, fake, strict=True)]
    return torch.stack(terms).mean()


def _slope(judge: Judge, x: Tensor) -> Tensor:
    logits = judge(x)
    # One number per picture, whatever the shape of the logits.
    total = logits.reshape(len(x), -1).mean(dim=1).sum()
    (slope,) = torch.autograd.grad(total, x, create_graph=True)
    return slope
