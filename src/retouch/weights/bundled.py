"""The weights that travel inside the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def bundled() -> dict[str, Path]:
    """List the weights that came with retouch.

    Returns:
        Name → file, ``retouch/tasks/<task>/weights/<name>.safetensors``, in the order of tasks and names, and
        then the feature networks, ``retouch/features/weights/<name>.safetensors``.
    """
    found: dict[str, Path] = {}
    tasks = sorted(resources.files("retouch.tasks").iterdir(), key=lambda item: item.name)
    for room in (*tasks, resources.files("retouch") / "features"):
        folder = room / "weights"
        if not folder.is_dir():
            continue
        for item in sorted(folder.iterdir(), key=lambda item: item.name):
            # The package is installed as files, never run from an archive: torch needs a map of them.
            if item.name.endswith(".safetensors") and isinstance(item, Path):
                found[item.name.removesuffix(".safetensors")] = item
    return found
