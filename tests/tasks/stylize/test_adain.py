"""Each channel given another mean and spread."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retouch.tasks.stylize.method.adain import adaptive
from retouch.tasks.stylize.method.moments import Moments, moments
from tests.tasks.stylize.test_whitening import features


def correlation(found: Moments) -> Tensor:
    root = found.covariance.diagonal().sqrt()
    return found.covariance / torch.outer(root, root)


def test_mean_and_spread_afterwards_are_the_styles_and_correlations_the_photos() -> None:
    content, style = features(1), features(2)
    made = moments(adaptive(moments(content), moments(style))(content))
    have, want = moments(content), moments(style)
    assert torch.allclose(made.mean, want.mean, atol=1e-3)
    assert torch.allclose(made.covariance.diagonal(), want.covariance.diagonal(), rtol=1e-3)
    assert torch.allclose(correlation(made), correlation(have), atol=1e-3)


def test_it_is_the_formula_of_the_paper() -> None:
    content, style = features(3), features(4)
    made = adaptive(moments(content), moments(style))(content)
    # AdaIN(x, y) = σ(y) (x − μ(x)) / σ(x) + μ(y)
    (mean, spread), (wanted, wider) = (
        (x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True).add(1e-5).sqrt())
        for x in (content, style)
    )
    assert torch.allclose(made, wider * (content - mean) / spread + wanted, atol=1e-4)


def test_a_channel_without_spread_stays_finite() -> None:
    content = features(5)
    content[:, 0] = 2.0
    made = adaptive(moments(content), moments(features(6)))(content)
    assert float(made[:, 0].std()) == pytest.approx(0, abs=1e-3)
    assert torch.allclose(made.mean((2, 3)), features(6).mean((2, 3)), atol=1e-2)
