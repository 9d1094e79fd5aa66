"""Networks from pictures to pictures, as graphs: value range, channels and frame are inside."""

from __future__ import annotations

import copy
import dataclasses
import math

import torch
from torch import Tensor, nn

from retouch.export.frame import Frame
from retouch.export.graph import Graph, Port, Sizes
from retouch.export.lab import coloured, lightness
from retouch.nn.pieces.frame import SMALLEST
from retouch.tasks.translate.method import lab
from retouch.weights import Card, Loaded

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as translate has it
_LEVELS = 255.0
_SIDE = 48  # of the pictures at which files are compared, at least


class Translated(nn.Module):
    """A generator from one kind of picture to another.

    Args:
        network: takes and gives pictures in ``bounds``.
        bounds: its value range.
        frame: how pictures are continued for it.
        gray: it takes one channel, the picture's luma.
    """

    def __init__(self, network: nn.Module, bounds: tuple[float, float], frame: Frame, *, gray: bool) -> None:
        super().__init__()
        self.network, self.bounds, self.frame, self.gray = network, bounds, frame, gray

    def forward(self, picture: Tensor) -> Tensor:
        """Translate ``(B, 3, H, W)`` in [0, 1]."""
        low, high = self.bounds
        x = picture.clamp(0.0, 1.0)
        if self.gray:
            x = (x * torch.tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        made = self.network(self.frame.around(low + (high - low) * x))
        made = ((self.frame.inside(made, picture) - low) / (high - low)).clamp(0.0, 1.0)
        return made.expand(-1, 3, -1, -1)


class Coloured(nn.Module):
    """A generator from lightness to colours.

    Args:
        network: takes L* and gives a* and b*, all about [-1, 1].
        frame: how pictures are continued for it.
    """

    def __init__(self, network: nn.Module, frame: Frame) -> None:
        super().__init__()
        self.network, self.frame = network, frame

    def forward(self, picture: Tensor) -> Tensor:
        """Colour ``(B, 3, H, W)`` in [0, 1], of which the lightness is kept."""
        light = lightness(picture.clamp(0.0, 1.0))  # (B, 1, H, W)
        made = self.network(self.frame.around(light / float(lab.LIGHTNESS) - 1.0))
        return coloured(light, self.frame.inside(made, picture) * float(lab.CHROMA))


class Restored(nn.Module):
    """A network that cleans or enlarges.

    Args:
        network: takes and gives pictures in ``bounds``.
        bounds: its value range.
        frame: how pictures are continued for it.
        channels: of its pictures; one that takes gray sees red, green and blue each for itself.
    """

    def __init__(
        self, network: nn.Module, bounds: tuple[float, float], frame: Frame, *, channels: int
    ) -> None:
        super().__init__()
        self.network, self.bounds, self.frame, self.channels = network, bounds, frame, channels

    def forward(self, picture: Tensor) -> Tensor:
        """Restore ``(B, 3, H, W)`` in [0, 1]."""
        return self.restored(picture, None)

    def restored(self, picture: Tensor, noise: Tensor | None) -> Tensor:
        """Restore, telling the network of the noise when there is a number."""
        low, high = self.bounds
        count = picture.shape[0]
        x = self.frame.around(low + (high - low) * picture.clamp(0.0, 1.0))
        if self.channels == 1:
            x = x.reshape(3 * count, 1, x.shape[2], x.shape[3])
        if noise is not None:
            x = torch.cat([x, (noise / _LEVELS).expand(x[:, :1].shape)], 1)
        made = self.network(x)
        if self.channels == 1:
            made = made.reshape(count, 3, made.shape[2], made.shape[3])
        return ((self.frame.inside(made, picture) - low) / (high - low)).clamp(0.0, 1.0)


class ToldOfNoise(Restored):
    """A network that cleans and can be told how strong the noise is."""

    def forward(self, picture: Tensor, noise: Tensor) -> Tensor:  # type: ignore[override]
        """Clean ``(B, 3, H, W)`` in [0, 1] of noise of ``()`` levels of 255; 0: not known."""
        return self.restored(picture, noise)


class OwnStatistics(nn.Module):
    """Batch normalisation by the mean and variance of each picture itself.

    Args:
        norm: the layer whose scale and shift it has.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, H, W)``."""
        mean = x.mean((2, 3), keepdim=True)
        centred = x - mean
        spread = torch.rsqrt(centred.square().mean((2, 3), keepdim=True) + self.eps)
        return centred * spread * self.weight[:, None, None] + self.bias[:, None, None]


class OneByOne(nn.Module):
    """A network with batch normalisation, as it is, by the statistics of each picture itself.

    Args:
        module: what takes pictures; the statistics that its layers keep are dropped.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean = layer.running_var = None

    def forward(self, pictures: Tensor) -> Tensor:
        """Apply it to each of ``(B, C, H, W)``."""
        return torch.cat([self.module(picture[None]) for picture in pictures])


def translated(loaded: Loaded) -> Graph:
    """Make the graph of a generator of translate.

    Args:
        loaded: the weights.

    Raises:
        InputError: it is no generator, or takes what is no photo.
    """
    from retouch.tasks.translate.edit import Translator

    Translator(loaded)  # refuses what the verb refuses
    card = loaded.card
    in_lab = card.settings.get("colour") == "lab"
    gray = card.sizes.get("input_channels", 3) == 1
    frame = Frame(card.multiple, SMALLEST)

    def around(network: nn.Module) -> nn.Module:
        if in_lab:
            return Coloured(network, frame)
        return Translated(network, card.value_range, frame, gray=gray)

    network = copy.deepcopy(loaded.network)
    reference = None
    if card.settings.get("inference") == "batch":
        _normalise_alone(network)
        reference = OneByOne(around(copy.deepcopy(loaded.network))).eval()
    module = around(network)
    notes = []
    if card.settings.get("dropout") is True:
        notes.append("translate draws dropout from a fixed seed; the file has none, so its pictures differ")
    if card.settings.get("input") == "sketch":
        notes.append("it takes line drawings, dark on white")
    return dataclasses.replace(_picture_graph(module, card, tuple(notes)), reference=reference)


def restored(loaded: Loaded) -> Graph:
    """Make the graph of a network of restore.

    Args:
        loaded: the weights.

    Raises:
        InputError: it takes what is no photo.
        UnknownWeights: its card does not say what it does.
    """
    from retouch.tasks.restore.edit import Restorer

    Restorer(loaded)  # refuses what the verbs refuse
    card = loaded.card
    network = copy.deepcopy(loaded.network)
    own = getattr(network, "multiple", 1)
    frame = Frame(math.lcm(card.multiple, own if isinstance(own, int) else 1), 1, False, card.scale)
    channels = 1 if card.sizes.get("channels", 3) == 1 else 3
    if card.architecture != "denoiser":
        return _picture_graph(Restored(network, card.value_range, frame, channels=channels), card, ())
    noise = Port(
        "noise",
        (),
        "standard deviation of the noise in levels of 255; 0: not known",
        content="number",
        default=torch.zeros(()),
    )
    module = ToldOfNoise(network, card.value_range, frame, channels=channels)
    return _picture_graph(module, card, (), noise)


def painted(loaded: Loaded) -> Graph:
    """Make the graph of a network of one style.

    Args:
        loaded: the weights.

    Raises:
        InputError: it paints from features.
    """
    from retouch.tasks.stylize.edit.painter import Painter

    Painter(loaded)  # refuses what the verb refuses
    card = loaded.card
    frame = Frame(card.multiple, SMALLEST)
    module = Translated(copy.deepcopy(loaded.network), card.value_range, frame, gray=False)
    return _picture_graph(module, card, ())


def trials(multiple: int, least: int = 1) -> tuple[Sizes, ...]:
    """Choose the sizes at which a file is compared with its network.

    Args:
        multiple: of the network's height and width.
        least: the smallest it takes.

    Returns:
        Sizes that fit and sizes that do not, one or more pictures at a time, the smallest among them.
    """
    side = -(-max(_SIDE, least) // multiple) * multiple
    sizes = [(2, side, side), (1, side + multiple, side), (3, side - 11, side + 3), (1, 5, 2 * side - 7)]
    return tuple({"batch": batch, "height": height, "width": width} for batch, height, width in sizes)


def _picture_graph(module: nn.Module, card: Card, notes: tuple[str, ...], *more: Port) -> Graph:
    picture = Port("picture", ("batch", 3, "height", "width"), "sRGB in [0, 1]")
    larger = ("height", "width") if card.scale == 1 else (f"{card.scale}*height", f"{card.scale}*width")
    made = Port("made", ("batch", 3, *larger), "sRGB in [0, 1]")
    return Graph(module.eval(), (picture, *more), (made,), trials(card.multiple), notes)


def _normalise_alone(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, OwnStatistics(child))
