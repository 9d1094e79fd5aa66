"""A generator whose samples are like what an encoder says of real pictures."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from retouch.tasks.invert.network import StyleGAN2, StyleGAN2Encoder
from retouch.tasks.invert.network.modulated import FullyConnected, unit_mean_square


@torch.no_grad()
def fit(
    sampler: StyleGAN2, generator: StyleGAN2, encoder: StyleGAN2Encoder, pictures: Iterable[Tensor]
) -> None:
    """Give a generator the weights of another, and a mapping whose noise is drawn as pictures lie.

    An encoder's guesses do not fill the ball that samples are drawn from: what lies between them is noise of
    which the generator never made a picture. The normal distribution with their mean and covariance is a
    linear change of the noise, which goes into the first layer of the mapping; nothing is learned.

    Args:
        sampler: changed in place; of the generator's sizes.
        generator: gives its weights.
        encoder: gives its guesses.
        pictures: stacks (B, 3, R, R) in [-1, 1] to guess of; their mirror images count, too.

    Source: Ghosh et al., "From Variational to Deterministic Autoencoders", ICLR 2020, arXiv:1903.12436,
        section 4 (density estimation after training).
    Departs: one normal distribution of the means alone, with the noise at mean square 1 as the
        mapping has it.
    """
    guesses = [encoder(side)[0].float() for stack in pictures for side in (stack, stack.flip(3))]
    codes = unit_mean_square(torch.cat(guesses)).double()
    middle = codes.mean(dim=0)
    offset = codes - middle
    lengths, directions = torch.linalg.eigh(offset.T @ offset / len(codes))
    root = (directions * lengths.clamp(min=0).sqrt()) @ directions.T
    sampler.load_state_dict(generator.state_dict())
    first = sampler.mapping.get_submodule("fc0")
    if not isinstance(first, FullyConnected):
        raise TypeError(f"a mapping begins with a {type(first).__name__}, not with a full connection")
    weight = first.weight.double().cpu()
    scale = first.pace / weight.shape[1] ** 0.5
    first.bias.add_((weight @ middle.cpu() * scale / first.pace).to(first.bias))
    first.weight.copy_(weight @ root.cpu())
    z = torch.randn(4096, sampler.latent, generator=torch.Generator().manual_seed(0))
    sampler.mapping.w_avg.copy_(sampler.mapping.style(z.to(first.bias)).mean(dim=0))
