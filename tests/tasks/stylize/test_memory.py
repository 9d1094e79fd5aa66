"""Estimates are of the right size, and a picture that does not fit is made smaller, not refused."""

from __future__ import annotations

import torch

from retouch.features import Vgg
from retouch.features.network import Features
from retouch.tasks.stylize.method.memory import fit, step_bytes, step_seconds
from retouch.tasks.stylize.method.objective import Wish

WISH = Wish()


class Plain(Features):
    layers = ("input", "seen")

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 5, 2, stride=2)

    def forward(self, x: torch.Tensor, layers: object) -> dict[str, torch.Tensor]:
        del layers
        return {"seen": self.convolution(x)}

    def least_side(self, layers: object) -> int:
        del layers
        return 2


def narrow() -> Vgg:
    return Vgg((2, 2, 4, 4, 1), (16, 32, 64, 128, 128)).requires_grad_(False)


def test_the_full_network_takes_what_was_measured() -> None:
    # Measured: 287 MiB were needed at 512 × 384 in bfloat16, 259 with checkpoints.
    size = (384, 512)
    network = Vgg()
    found = step_bytes(network, WISH, size, precision="bfloat16") / 2**20
    assert 287 <= found <= 287 * 1.2
    again = step_bytes(network, WISH, size, precision="bfloat16", checkpoint=True) / 2**20
    assert 259 <= again <= 259 * 1.2


def test_estimates_grow_with_pixels_and_precision() -> None:
    network = narrow()
    small, large = (step_bytes(network, WISH, size) for size in ((96, 128), (192, 256)))
    assert large == 4 * small
    assert step_bytes(network, WISH, (96, 128), precision="bfloat16") < small
    assert step_bytes(network, WISH, (96, 128), checkpoint=True) < small
    shallow = Wish(content_layers=(), style_layers={"relu1_1": 1.0})
    assert step_bytes(network, shallow, (96, 128)) < small
    only_colours = Wish(content_layers=(), style_layers={})
    assert 0 < step_bytes(network, only_colours, (96, 128)) < step_bytes(network, shallow, (96, 128))


def test_other_networks_are_estimated_by_what_they_give() -> None:
    wish = Wish(content_layers=(), style_layers={"seen": 1.0})
    # 5 / 4 samples for each pixel, three times, of 4 bytes, and 32 pictures.
    assert step_bytes(Plain(), wish, (100, 100)) == 100 * 100 * (32 * 3 * 4 + 3 * 5)


def test_a_picture_is_made_as_large_as_it_can_be() -> None:
    network, size = Vgg(), (768, 1024)
    plain = step_bytes(network, WISH, size)
    twice = step_bytes(network, WISH, size, checkpoint=True)
    roomy = fit(network, WISH, size, free=2 * plain)
    assert (roomy.size, roomy.checkpoint, roomy.note, roomy.bytes) == (size, False, "", plain)
    close = fit(network, WISH, size, free=int(twice * 1.3))
    assert (close.size, close.checkpoint, close.note, close.bytes) == (size, True, "", twice)
    tight = fit(network, WISH, size, free=twice // 4)
    assert tight.checkpoint
    assert tight.bytes <= twice // 4
    assert tight.size[0] < size[0]
    assert abs(tight.size[0] / tight.size[1] - 0.75) < 0.01
    for words in ("1024×768", f"{tight.size[1]}×{tight.size[0]}", "GiB", "bfloat16"):
        assert words in tight.note
    assert "bfloat16" not in fit(network, WISH, size, precision="bfloat16", free=10**8).note


def test_seconds_grow_with_pixels() -> None:
    network = Vgg((2, 2), (4, 4)).requires_grad_(False)
    wish = Wish(content_layers=("relu2_1",), style_layers={"relu1_1": 1.0})
    small, large = step_seconds(network, wish, (96, 128)), step_seconds(network, wish, (960, 1280))
    assert 0 < small < large < 100
