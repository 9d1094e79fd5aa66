"""Open a generator of pytorch-CycleGAN-and-pix2pix without a flag; the file is made here, of noise."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

import retouch
from retouch import weights
from retouch.image import samples


def normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    """What follows a convolution in that project."""
    return [convolution, nn.InstanceNorm2d(convolution.out_channels), nn.ReLU()]


class Block(nn.Module):  # noqa: D101
    def __init__(self) -> None:
        super().__init__()
        one, two = normed(nn.Conv2d(32, 32, 3)), normed(nn.Conv2d(32, 32, 3))[:2]
        self.conv_block = nn.Sequential(nn.ReflectionPad2d(1), *one, nn.ReflectionPad2d(1), *two)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return torch.add(x, self.conv_block(x))


down = [layer for a in (8, 16) for layer in normed(nn.Conv2d(a, 2 * a, 3, 2, 1))]
up = [layer for a in (32, 16) for layer in normed(nn.ConvTranspose2d(a, a // 2, 3, 2, 1, 1))]
first = [nn.ReflectionPad2d(3), *normed(nn.Conv2d(3, 8, 7)), *down]
theirs = nn.Sequential(*first, *(Block() for _ in range(6)), *up, nn.ReflectionPad2d(3), nn.Conv2d(8, 3, 7))
out = Path(sys.argv[1] if len(sys.argv) > 1 else "translated.png")
file = out.with_name("latest_net_G.pth")
torch.save({f"model.{name}": tensor for name, tensor in theirs.state_dict().items()}, file)

loaded = weights.load(file)
noise = torch.rand(1, 3, 64, 64)
print(loaded.card.sizes, (loaded.network(noise) - theirs(noise).tanh()).abs().max().item())
retouch.Translator(loaded)(samples.open("coffee")).save(out)
