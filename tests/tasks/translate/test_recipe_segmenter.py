from __future__ import annotations

import pytest
import torch

from retouch.metrics import FACADES, VOID, colours_from_labels
from retouch.tasks.translate.recipe import Segmentation
from tests.tasks.translate.toy_recipes import SIZE, batches, networks_of, source, toy


@pytest.mark.parametrize("size", [SIZE, 24])
def test_classes_are_read_from_the_label_maps(size: int) -> None:
    options = toy(Segmentation, {"pictures.size": size})
    batch = batches(options, 1, batch=4)[0]
    ready = options.prepare(batch)
    assert ready["labels"].shape == (4, size, size)
    # label maps must come with colours unmixed and unjittered, however they were cut and mirrored
    assert torch.equal(colours_from_labels(ready["labels"], FACADES), batch["target"])
    assert torch.equal(ready["input"], batch["input"])


def test_void_pixels_do_not_count() -> None:
    options = toy(Segmentation)
    networks = {name: network.eval() for name, network in networks_of(options).items()}
    picture = torch.rand(1, 3, SIZE, SIZE)
    labels = torch.zeros(1, SIZE, SIZE, dtype=torch.int64)
    labels[:, SIZE // 2 :] = VOID
    scores = networks["segmenter"](picture)
    wanted = -scores.log_softmax(1)[:, 0, : SIZE // 2].mean().item()
    found = options.losses("segmenter", networks, {"input": picture, "labels": labels}, {}, options.memory())
    assert found["cross_entropy"].item() == pytest.approx(wanted, rel=1e-5)


def test_a_perfect_network_has_perfect_figures() -> None:
    options = toy(Segmentation)
    data = options.data(source(options))
    truth = {
        batch["input"].sum().item(): options.prepare(batch)["labels"].clamp(0, FACADES.classes - 1)
        for batch in data.ordered(1)
    }

    class Knowing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            labels = truth[x.sum().item()]
            return torch.nn.functional.one_hot(labels, FACADES.classes).permute(0, 3, 1, 2).float()

    found = options.validate({"segmenter": Knowing()}, data, torch.device("cpu"))
    assert found.metrics["per_pixel"] == pytest.approx(1)
    assert found.metrics["class_iou"] == pytest.approx(1)
    assert found.count == 2
