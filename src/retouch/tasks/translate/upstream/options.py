"""What the options of pytorch-CycleGAN-and-pix2pix were called over the years."""

from __future__ import annotations

from collections.abc import Mapping

RENAMED: Mapping[str, str] = {
    "which_model_netG": "netG",
    "which_model_netD": "netD",
    "which_direction": "direction",
    "which_epoch": "epoch",
    "loadSize": "load_size",
    "fineSize": "crop_size",
    "batchSize": "batch_size",
    "nThreads": "num_threads",
    "resize_or_crop": "preprocess",
    "identity": "lambda_identity",
    "niter": "n_epochs",
    "niter_decay": "n_epochs_decay",
}
"""What options were called in 2017 to 2019 → what they are called now."""


def modern(options: Mapping[str, str]) -> dict[str, str]:
    """Give options of 2017 to 2019 the names they have today.

    Args:
        options: option → value, under old or new names; new ones win.

    Returns:
        The same values under today's names.
    """
    renamed = {RENAMED.get(name, name): value for name, value in options.items()}
    return renamed | {name: options[name] for name in renamed if name in options}
