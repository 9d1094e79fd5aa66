"""What a draft is painted by: the bundled feature network, and the decoders that mirror it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch

    from retouch.features import Vgg
    from retouch.tasks.stylize.network.decoder import Decoders

DECODERS = "decoders"
"""The name of the bundled decoders."""


def drafter(device: torch.device) -> tuple[Vgg, Decoders]:
    """Load what a draft is painted by.

    Args:
        device: where it is computed.

    Returns:
        The feature network, and its decoders.

    Raises:
        WeightsError: this copy of retouch came without them.
    """
    from retouch import weights
    from retouch.features.finding import find

    decoders = weights.load(DECODERS, device).network
    return cast("Vgg", find("bundled").network.to(device)), cast("Decoders", decoders)
