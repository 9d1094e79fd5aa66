"""Networks that fill holes, as graphs: what is known stays, what is unknown is made."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from retouch.export.fourier import Products, by_matrices
from retouch.export.frame import Frame
from retouch.export.graph import Graph, Port
from retouch.export.pictures import trials
from retouch.tasks.inpaint.network import FFCGenerator
from retouch.weights import Loaded

_SMALLEST = 16
_FOURIER = "in 8 bits a small network with Fourier transforms was off by most of the range of values"
_MASK = "it takes a mask with every picture, and a folder of pictures has none"


class Filled(nn.Module):
    """A network that fills holes.

    Args:
        network: takes ``(B, 4, H, W)`` in [0, 1], colours that are 0 in the hole and the hole.
        frame: how pictures are continued for it.
        products: what its Fourier units share, when they are computed by matrices.
    """

    def __init__(self, network: nn.Module, frame: Frame, products: Products | None = None) -> None:
        super().__init__()
        self.network, self.frame, self.products = network, frame, products

    def forward(self, picture: Tensor) -> Tensor:
        """Fill ``(B, 4, H, W)``: sRGB in [0, 1], and how much is to be replaced, 0 … 1."""
        if self.products:
            self.products.forget()
        clipped = picture.clamp(0.0, 1.0)
        colours, mask = clipped[:, :3], clipped[:, 3:]
        hole = (mask > 0).to(colours.dtype)
        made = self.network(self.frame.around(torch.cat([colours * (1.0 - hole), hole], 1)))
        if self.products:
            self.products.forget()
        made = self.frame.inside(made, picture).clamp(0.0, 1.0)
        return colours + mask * (made - colours)


def filled(loaded: Loaded) -> Graph:
    """Make the graph of a network of inpaint.

    Args:
        loaded: the weights.

    Raises:
        InputError: it is no generator.
    """
    from retouch.tasks.inpaint.edit import Inpainter

    Inpainter(loaded)  # refuses what the verb refuses
    card = loaded.card
    network = copy.deepcopy(loaded.network)
    products = by_matrices(network)
    least = max(_SMALLEST, 2 * card.multiple, _mirrorable(network, card.multiple))
    frame = Frame(card.multiple, least, centred=False)
    picture = Port(
        "picture",
        ("batch", 4, "height", "width"),
        "sRGB in [0, 1]; then the mask, 1 where the picture is to be replaced and 0 where it stays",
        content="holed",
    )
    made = Port("made", ("batch", 3, "height", "width"), "sRGB in [0, 1]; where the mask is 0, the picture")
    notes = (
        "the network alone: inpaint also works from coarse to fine in crops around the hole, and joins the "
        "fill to the photo without a seam",
        f"a picture is continued to the next multiple of {card.multiple} pixels, and by inpaint on to a side "
        "that transforms quickly, as from 88 to 96: there the fills differ a little",
    )
    fourier = isinstance(network, FFCGenerator)
    return Graph(
        Filled(network, frame, products).eval(),
        (picture,),
        (made,),
        trials(card.multiple, least),
        notes,
        _FOURIER if fourier else _MASK,
        reference=Filled(loaded.network, frame).eval(),
    )


def _mirrorable(network: nn.Module, multiple: int) -> int:
    """The side from which a map is wider than the widest kernel reaches, so that it can be mirrored once."""
    dilations = [module.dilation[0] for module in network.modules() if isinstance(module, nn.Conv2d)]
    return (max(dilations) + 1) * multiple
