"""Where networks compute when they edit."""

from __future__ import annotations

import torch

from retouch.errors import InputError


def usable_device(name: str | torch.device) -> torch.device:
    """Find a device, and see that it works.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps", or a device.

    Returns:
        The device.

    Raises:
        InputError: it cannot be used here.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()
    except (RuntimeError, AssertionError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"device {str(name)!r} cannot be used ({str(error).splitlines()[0]}); "
            "`retouch doctor` lists the devices of this machine"
        ) from None
    return device
