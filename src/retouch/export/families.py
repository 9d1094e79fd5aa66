"""Which networks are written, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable

from retouch.errors import InputError
from retouch.export.graph import Graph
from retouch.export.holes import filled
from retouch.export.latents import Latent, dcgan, encoder, stylegan2
from retouch.export.looking import seen
from retouch.export.pictures import painted, restored, translated
from retouch.weights import Loaded

FAMILIES: dict[str, Callable[[Loaded], Graph]] = {
    "unet": translated,
    "resnet": translated,
    "fcn": translated,
    "lama": filled,
    "lama-regular": filled,
    "lama-dilated": filled,
    "upscaler": restored,
    "denoiser": restored,
    "restore-unet": restored,
    "imdn": restored,
    "srresnet": restored,
    "msrresnet": restored,
    "rrdb": restored,
    "srvgg": restored,
    "dncnn": restored,
    "fast-style": painted,
    "stylegan2": stylegan2,
    "dcgan": dcgan,
    "stylegan2-encoder": encoder,
    "vgg": seen,
}
"""Architecture → what makes its graph."""

_JUDGES = "it judges pictures while another network is trained, and edits none; export the generator"

REFUSED: dict[str, str] = {
    "patchgan": _JUDGES,
    "pixelgan": _JUDGES,
    "lama-discriminator": _JUDGES,
    "stylegan2-judge": _JUDGES,
    "dcgan-judge": _JUDGES,
    "decoders": "it paints from features that stylize changes between it and a VGG; export a network of one "
    "style, as starry-night",
    "segmenter": "it names the things in a picture for the FCN-score, and edits none",
    "spandrel": "another library computes it; export it there",
}
"""Architecture → the reason why it is not written."""


def graph_of(loaded: Loaded, latent: Latent | None = None) -> Graph:
    """Make the graph of a network.

    Args:
        loaded: the weights.
        latent: what a StyleGAN2 shall take; z when None.

    Returns:
        What is to be written.

    Raises:
        InputError: such networks are not written, or the card does not fit the task, or latent is given for
            a network that takes none.
        UnknownWeights: the card says what this version does not know.
    """
    card = loaded.card
    if card.architecture in REFUSED:
        raise InputError(f"{card.name} is a {card.architecture}: {REFUSED[card.architecture]}")
    if card.architecture not in FAMILIES:
        raise InputError(
            f"{card.name} is a {card.architecture}, which export does not know; it writes "
            f"{', '.join(FAMILIES)}"
        )
    if card.architecture == "stylegan2":
        return stylegan2(loaded, latent or "z")
    if latent is not None:
        raise InputError(
            f"latent={latent!r}, and {card.name} is a {card.architecture}, which has no styles; leave it out"
        )
    return FAMILIES[card.architecture](loaded)
