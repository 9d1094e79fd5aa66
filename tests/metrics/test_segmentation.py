"""The FCN-score by hand, and the segmenter that it uses."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from retouch.errors import InputError, SizeMismatch
from retouch.metrics import SEGMENTER, VOID, Segmenter, confusion_matrix, fcn_score, scores_of
from retouch.metrics.segmentation import confusion_of_pictures

FEW = settings(max_examples=25, deadline=None)


class RedIsTheClass(nn.Module):
    """Reads the class from the red channel: 0, 0.5, 1 → 0, 1, 2. Its dropout hurts in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.999)

    def forward(self, pictures: Tensor) -> Tensor:
        labels = (pictures[:, 0] * 2).round().long()
        scores: Tensor = self.dropout(one_hot(labels, 3).float()).movedim(-1, 1)
        return scores


def test_confusion_by_hand() -> None:
    # Truth 0 0 0 1 1 2 void; seen 0 0 1 1 2 2 0.
    labels = torch.tensor([0, 0, 0, 1, 1, 2, VOID])
    seen = torch.tensor([0, 0, 1, 1, 2, 2, 0])
    confusion = confusion_matrix(seen, labels, 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    scores = scores_of(confusion)
    assert scores.per_pixel == pytest.approx(4 / 6)
    assert scores.per_class == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    # Unions: class 0: 3 true + 2 seen − 2; class 1: 2 + 2 − 1; class 2: 1 + 2 − 1.
    assert scores.class_iou == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3)


def test_absent_classes_do_not_count() -> None:
    # Class 1 is neither true nor seen; class 2 is seen only: it counts as 0 in the IoU, not in the accuracy.
    scores = scores_of(torch.tensor([[3, 0, 1], [0, 0, 0], [0, 0, 0]]))
    assert scores.per_class == pytest.approx(3 / 4)
    assert scores.class_iou == pytest.approx((3 / 4 + 0) / 2)
    assert math.isnan(scores_of(torch.zeros(2, 2)).per_pixel)


@FEW
@given(st.integers(2, 6), st.integers(0, 2**31))
def test_counts_add_up(classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels, seen = torch.randint(0, classes, (2, 5, 7), generator=generator)
    whole = confusion_matrix(seen, labels, classes)
    assert int(whole.sum()) == 35
    assert torch.equal(whole.T, confusion_matrix(labels, seen, classes))
    assert torch.equal(
        whole,
        confusion_matrix(seen[:2], labels[:2], classes) + confusion_matrix(seen[2:], labels[2:], classes),
    )
    perfect = scores_of(confusion_matrix(labels, labels, classes))
    assert (perfect.per_pixel, perfect.per_class, perfect.class_iou) == (1, 1, 1)


def test_fcn_score_in_batches_and_in_eval_mode() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (5, 6, 4), generator=generator)
    images = (labels / 2)[:, None].repeat(1, 3, 1, 1)
    network = RedIsTheClass().train()
    network.dropout.eval()
    assert fcn_score(network, images, labels, batch=2).per_pixel == 1
    assert network.training
    assert not network.dropout.training
    labels[0] = (labels[0] + 1) % 3
    network.dropout.train()
    found = confusion_of_pictures(network, images, labels, batch=2)
    assert [scores_of(one).per_pixel for one in found] == [0, 1, 1, 1, 1]
    assert fcn_score(network, images, labels) == scores_of(found.sum(dim=0))
    assert fcn_score(network, images, labels).per_pixel == pytest.approx(4 / 5)


def test_what_does_not_fit_is_refused() -> None:
    network, images = RedIsTheClass(), torch.zeros(2, 3, 4, 4)
    with pytest.raises(SizeMismatch, match=r"\(2, 3, 4, 4\) and labels \(2, 4, 5\)"):
        fcn_score(network, images, torch.zeros(2, 4, 5, dtype=torch.long))
    with pytest.raises(InputError, match="label 3 is none of the 3 classes"):
        fcn_score(network, images, torch.full((2, 4, 4), 3))
    with pytest.raises(InputError, match="no pictures"):
        fcn_score(network, images[:0], torch.zeros(0, 4, 4, dtype=torch.long))
    with pytest.raises(SizeMismatch, match="resize one"):
        confusion_matrix(torch.zeros(2), torch.zeros(3), 2)
    with pytest.raises(InputError, match="prediction -1"):
        confusion_matrix(torch.tensor([-1]), torch.tensor([0]), 2)


@pytest.mark.parametrize("size", [(128, 128), (64, 96), (50, 37), (1, 1)])
def test_segmenter_scores_every_pixel(size: tuple[int, int]) -> None:
    network = Segmenter(5, width=4).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, *size)).shape == (2, 5, *size)


def test_segmenter_is_an_architecture() -> None:
    assert SEGMENTER.name == "segmenter"
    with torch.device("meta"):
        network = SEGMENTER.build(classes=11, width=8)
    assert isinstance(network, Segmenter)
    assert network.classes == 11
    assert all(value.is_meta for value in network.state_dict().values())


def test_every_level_is_heard() -> None:
    torch.manual_seed(0)
    network = Segmenter(3, width=4).eval()
    pictures = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert float(network(pictures).abs().max()) == 0
        for head in (network.score8, network.score16, network.score32):
            nn.init.normal_(head.weight)
            assert float(network(pictures).std()) > 0
            nn.init.zeros_(head.weight)


def test_segmenter_learns_colours() -> None:
    torch.manual_seed(0)
    network = Segmenter(2, width=4, dropout=0)
    labels = torch.zeros(2, 32, 32, dtype=torch.long)
    labels[0, :, 16:] = labels[1, 8:24] = 1
    images = labels[:, None].float().repeat(1, 3, 1, 1)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(40):
        optimiser.zero_grad()
        loss: Tensor = cross_entropy(network(images), labels, ignore_index=VOID)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert fcn_score(network, images, labels).per_pixel > 0.95


@pytest.mark.parametrize(
    "sizes", [{"classes": 1}, {"classes": 3, "width": 0}, {"classes": 3, "dropout": 1.0}]
)
def test_impossible_sizes_are_refused(sizes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="use classes ≥ 2"):
        Segmenter(**sizes)  # type: ignore[arg-type]
