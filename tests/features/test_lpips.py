"""LPIPS: the published keys and shapes, the formula by hand, and invariances."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from retouch.errors import InputError, SizeMismatch, UnknownName, UnknownWeights, UnreadableWeights
from retouch.features.lpips import BACKBONE_FILES, HEAD_FILES, Backbone, FeatureStack
from retouch.metrics import Lpips

# torchvision's AlexNet and VGG-16: position in `features` → shape of the weight.
CONVOLUTIONS: dict[Backbone, dict[int, tuple[int, ...]]] = {
    "alex": {
        0: (64, 3, 11, 11),
        3: (192, 64, 5, 5),
        6: (384, 192, 3, 3),
        8: (256, 384, 3, 3),
        10: (256, 256, 3, 3),
    },
    "vgg": {
        0: (64, 3, 3, 3),
        2: (64, 64, 3, 3),
        5: (128, 64, 3, 3),
        7: (128, 128, 3, 3),
        10: (256, 128, 3, 3),
        12: (256, 256, 3, 3),
        14: (256, 256, 3, 3),
        17: (512, 256, 3, 3),
        19: (512, 512, 3, 3),
        21: (512, 512, 3, 3),
        24: (512, 512, 3, 3),
        26: (512, 512, 3, 3),
        28: (512, 512, 3, 3),
    },
}
CHANNELS: dict[Backbone, tuple[int, ...]] = {
    "alex": (64, 192, 384, 256, 256),
    "vgg": (64, 128, 256, 512, 512),
}


def random_features(backbone: Backbone) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    found: dict[str, Tensor] = {}
    for index, shape in CONVOLUTIONS[backbone].items():
        weight = torch.randn(shape, generator=generator)
        found[f"features.{index}.weight"] = weight * (2 / weight[0].numel()) ** 0.5
        found[f"features.{index}.bias"] = torch.zeros(shape[0])
    return found


def random_heads(backbone: Backbone) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        f"lin{i}.model.1.weight": torch.rand(1, count, 1, 1, generator=generator)
        for i, count in enumerate(CHANNELS[backbone])
    }


@pytest.fixture(scope="module")
def alex() -> Lpips:
    return Lpips.from_tensors(random_features("alex"), random_heads("alex"))


def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    a = torch.rand(2, 3, 64, 80, generator=generator)
    return a, (a + 0.2 * torch.randn(a.shape, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_keys_and_shapes_are_torchvisions(backbone: Backbone) -> None:
    with torch.device("meta"):
        stack = FeatureStack(backbone)
    weights = {key: tuple(value.shape) for key, value in stack.state_dict().items() if key.endswith("weight")}
    assert weights == {f"features.{i}.weight": shape for i, shape in CONVOLUTIONS[backbone].items()}


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_features_have_the_sizes_of_the_heads(backbone: Backbone) -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        found = FeatureStack(backbone)(torch.randn(1, 3, 64, 64))
    assert all(float(one.min()) == 0 < float(one.max()) for one in found), "compared after the ReLU"
    assert tuple(one.shape[1] for one in found) == CHANNELS[backbone]
    sides = [one.shape[2] for one in found]
    assert sides == ([15, 7, 3, 3, 3] if backbone == "alex" else [64, 32, 16, 8, 4])


def test_the_formula_by_hand(alex: Lpips) -> None:
    # Equation 1 written out for one pair, layer by layer.
    a, b = pair()
    heads = random_heads("alex")
    mean = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    deviation = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    with torch.inference_mode():
        layers = zip(
            alex.stack((2 * a - 1 - mean) / deviation),
            alex.stack((2 * b - 1 - mean) / deviation),
            strict=True,
        )
        expected = torch.zeros(2)
        for i, (x, y) in enumerate(layers):
            u, v = (one / one.norm(dim=1, keepdim=True).clamp(min=1e-10) for one in (x, y))
            expected += torch.einsum("bchw,c->b", (u - v) ** 2, heads[f"lin{i}.model.1.weight"].flatten()) / (
                x.shape[2] * x.shape[3]
            )
        torch.testing.assert_close(alex(a, b), expected, rtol=1e-4, atol=1e-6)
    assert float(expected.min()) > 0.01


def test_identity_symmetry_and_batches(alex: Lpips) -> None:
    a, b = pair()
    with torch.inference_mode():
        assert alex(a, a).tolist() == [0, 0]
        torch.testing.assert_close(alex(a, b), alex(b, a))
        torch.testing.assert_close(alex(a, b)[1:], alex(a[1:], b[1:]))
    assert not alex.training
    assert not any(p.requires_grad for p in alex.parameters())


def test_the_classifier_of_the_published_file_is_left_out() -> None:
    extra = {"classifier.1.weight": torch.zeros(2, 2)}
    made = Lpips.from_tensors(random_features("alex") | extra, random_heads("alex"))
    assert not any("classifier" in name for name in made.state_dict())


def test_foreign_tensors_are_named() -> None:
    with pytest.raises(UnknownWeights, match=r"30 problems, first no features\.3\.weight"):
        Lpips.from_tensors(random_features("vgg"), random_heads("alex"))
    heads = random_heads("alex")
    heads["linx.model.1.weight"] = heads.pop("lin4.model.1.weight")
    with pytest.raises(UnknownWeights, match=r"no heads\.4; a foreign linx\.model\.1\.weight"):
        Lpips.from_tensors(random_features("alex"), heads)


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_missing_and_wrong_files(backbone: Backbone, tmp_path: Path) -> None:
    name = BACKBONE_FILES[backbone].name
    with pytest.raises(UnreadableWeights, match=f"download it from https://.*{name} and put it at"):
        Lpips.from_file(tmp_path, tmp_path, backbone)
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(UnreadableWeights, match="numbers from other weights do not compare"):
        Lpips.from_file(tmp_path / name, tmp_path, backbone)
    assert len(HEAD_FILES[backbone].sha256) == 64


def test_what_does_not_fit_is_refused(alex: Lpips) -> None:
    a, _ = pair()
    with pytest.raises(SizeMismatch):
        alex(a, a[..., 1:])
    with pytest.raises(InputError, match="at least 32×32"):
        alex(a[..., :31], a[..., :31])
    with pytest.raises(InputError, match=r"\(B, 3, H, W\)"):
        alex(a[:, :1], a[:, :1])
    with pytest.raises(UnknownName, match="alex"):
        Lpips("resnet")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="alex"):
        Lpips.from_file("x", "y", "resnet")  # type: ignore[arg-type]
