"""The options file that lies beside upstream's weights: ``train_opt.txt``, or ``opt.txt`` until 2018."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

NAMES = ("test_opt.txt", "opt.txt", "train_opt.txt")
"""The files that are looked for; a later one overrules those before it."""

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

_LARGEST = 1 << 18
_LINE = re.compile(r"\s*([A-Za-z_]\w*):\s?(.*?)\s*(?:\[default: .*\])?\s*")


def options_beside(path: str | Path) -> dict[str, str]:
    """Read the options that a training run left beside its weights.

    Args:
        path: the weights file; only its folder is looked at.

    Returns:
        Option → value as it was printed, under today's names; empty when there is no such file.
        A value is untrusted text.
    """
    found: dict[str, str] = {}
    for name in NAMES:
        file = Path(path).parent / name
        try:
            with file.open("rb") as stream:
                content = stream.read(_LARGEST)
        except OSError:
            continue
        found |= parse(content.decode("utf-8", "replace"))
    return found


def parse(text: str) -> dict[str, str]:
    """Read the lines ``key: value [default: other]`` of an options file.

    Args:
        text: the file's content; lines of another form are passed over.

    Returns:
        Option → value, under today's names.
    """
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return modern({match[1]: match[2] for match in matches if match})


def modern(options: Mapping[str, str]) -> dict[str, str]:
    """Give options of 2017 to 2019 the names they have today.

    Args:
        options: option → value, under old or new names; new ones win.

    Returns:
        The same values under today's names.
    """
    renamed = {RENAMED.get(name, name): value for name, value in options.items()}
    return renamed | {name: options[name] for name in renamed if name in options}
