"""Inception v3: the published keys, the resizing of Pillow, and loud refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from retouch.errors import UnknownName, UnknownWeights, UnreadableWeights
from retouch.metrics import InceptionV3
from retouch.metrics.inception import INCEPTION_FILE, _average, resized_for_inception

# torchvision's Inception v3 without AuxLogits has 23,834,568 parameters for 1000 classes (2048 + 1 each).
PARAMETERS = 23_834_568 + 8 * 2049
# 94 convolutions, each with the 5 tensors of its batch norm, and the last layer's weight and bias.
KEYS = 94 * 6 + 2


@pytest.fixture(scope="module")
def fresh() -> InceptionV3:
    torch.manual_seed(0)
    return InceptionV3().eval()


def test_keys_and_sizes_are_those_of_the_published_file(fresh: InceptionV3) -> None:
    state = fresh.state_dict()
    assert len(state) == KEYS
    for key, shape in {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Conv2d_4a_3x3.bn.running_var": (192,),
        "Mixed_5b.branch_pool.conv.weight": (32, 192, 1, 1),
        "Mixed_5d.branch5x5_2.conv.weight": (64, 48, 5, 5),
        "Mixed_6a.branch3x3dbl_3.conv.weight": (96, 96, 3, 3),
        "Mixed_6b.branch7x7dbl_2.conv.weight": (128, 128, 7, 1),
        "Mixed_6e.branch7x7_2.conv.weight": (192, 192, 1, 7),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7b.branch3x3_2a.conv.weight": (384, 384, 1, 3),
        "Mixed_7c.branch3x3dbl_1.conv.weight": (448, 2048, 1, 1),
        "fc.weight": (1008, 2048),
    }.items():
        assert tuple(state[key].shape) == shape, key
    assert sum(p.numel() for p in fresh.parameters()) == PARAMETERS
    assert fresh.Mixed_5b.branch1x1.bn.eps == 1e-3


def test_pictures_become_2048_features(fresh: InceptionV3) -> None:
    with torch.inference_mode():
        assert fresh(torch.rand(2, 3, 20, 30)).shape == (2, 2048)


def test_tensors_go_round(fresh: InceptionV3) -> None:
    # Files of 2018 have no batch counters.
    state = {
        key: value for key, value in fresh.state_dict().items() if not key.endswith("num_batches_tracked")
    }
    read = InceptionV3.from_tensors(state, "legacy")
    assert not read.training
    assert not any(p.requires_grad for p in read.parameters())
    assert read.protocol.endswith("as pytorch-fid")
    for key, value in state.items():
        assert torch.equal(read.state_dict()[key], value)


def test_foreign_tensors_are_named(fresh: InceptionV3) -> None:
    state = dict(fresh.state_dict())
    del state["fc.bias"]
    state["AuxLogits.fc.bias"] = torch.zeros(1)
    state["fc.weight"] = torch.zeros(1000, 2048)
    with pytest.raises(
        UnknownWeights,
        match=r"3 problems, first no fc.bias; a foreign AuxLogits.fc.bias; fc.weight of shape \(1000, 2048\)",
    ):
        InceptionV3.from_tensors(state)


def test_the_missing_file_says_where_to_put_it(tmp_path: object) -> None:
    with pytest.raises(
        UnreadableWeights, match=r"6726825d.*download it from https://.*put it at .*6726825d\.pth"
    ):
        InceptionV3.from_file(str(tmp_path))
    assert INCEPTION_FILE.sha256.startswith("6726825d")


def test_unknown_resizing() -> None:
    with pytest.raises(UnknownName, match="clean"):
        InceptionV3("crisp")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(40, 500), (299, 299), (600, 310)])
def test_clean_resizing_is_pillows(size: tuple[int, int]) -> None:
    levels = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(0)).float()
    theirs = np.stack(
        [np.asarray(Image.fromarray(c.numpy()).resize((299, 299), Image.Resampling.BICUBIC)) for c in levels]
    )
    ours = resized_for_inception(levels[None] / 255, "clean")[0]
    np.testing.assert_allclose(ours.numpy(), (theirs - 128) / 128, atol=2e-4)


def test_legacy_resizing_of_a_flat_picture() -> None:
    flat = torch.full((1, 3, 64, 64), 0.75)
    torch.testing.assert_close(resized_for_inception(flat, "legacy"), torch.full((1, 3, 299, 299), 0.5))


def test_average_leaves_the_padding_out() -> None:
    torch.testing.assert_close(_average(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4))
