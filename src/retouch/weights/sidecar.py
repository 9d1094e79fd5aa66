"""The options file that a training program leaves beside its weights."""

from __future__ import annotations

import re
from pathlib import Path

NAMES = ("test_opt.txt", "opt.txt", "train_opt.txt")
"""The files that are looked for; a later one overrules those before it."""

_LARGEST = 1 << 18
_LINE = re.compile(r"\s*([A-Za-z_]\w*):\s?(.*?)\s*(?:\[default: .*\])?\s*")


def options_beside(path: Path) -> dict[str, str]:
    """Read the options that were left beside a weights file.

    Args:
        path: the weights file; only its folder is looked at.

    Returns:
        Option → value as it was printed, which is untrusted text; empty when there is no such file.
    """
    found: dict[str, str] = {}
    for name in NAMES:
        file = path.parent / name
        try:
            # A pipe would be waited for without end.
            if not file.is_file():
                continue
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
        Option → value.
    """
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[1]: match[2] for match in matches if match}
