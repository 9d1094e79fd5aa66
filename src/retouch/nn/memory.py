"""How much of a photo a network can look at at once, on this machine, now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MOST = 1 << 30
"""Bytes that a piece takes at most where the memory is shared with all other programs; more is not faster."""

_UNKNOWN = 4 << 30  # of a machine that does not say how much memory is free
_SHORT = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed", "bad allocation")


def piece_pixels(per_pixel: float, device: torch.device, *, least: int) -> int:
    """Choose how many pixels a network looks at at once.

    Args:
        per_pixel: bytes that a pixel takes.
        device: where it is computed.
        least: pixels of the smallest piece that is worth trying.

    Returns:
        Pixels: half of what fits into the free memory, at most 1 GiB of it unless on a GPU.
    """
    free = available_bytes(device) / 2
    if device.type != "cuda":
        free = min(free, MOST)
    return max(least, int(free / per_pixel))


def available_bytes(device: torch.device) -> int:
    """Say how much memory is free.

    Args:
        device: of torch.

    Returns:
        Bytes: of the GPU, or what the system and the container leave to this process.
    """
    import torch

    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        # What torch holds back for itself is free for us too.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return min(_system_bytes(Path("/proc/meminfo")), _container_bytes(Path("/proc/self/cgroup")))


def is_shortage(error: BaseException) -> bool:
    """Say whether an error means that there was not enough memory.

    Args:
        error: as raised by numpy or torch.

    Returns:
        Whether smaller pieces may help.
    """
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _SHORT)


def _system_bytes(meminfo: Path) -> int:
    for line in _lines(meminfo):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    try:
        return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN


def _container_bytes(membership: Path, root: Path = Path("/sys/fs/cgroup")) -> int:
    """What the control groups that this process is in leave to it; a lot where there are none."""
    left = 1 << 62
    for line in _lines(membership):
        _, kinds, name = [*line.split(":", 2), "", ""][:3]
        if kinds == "":
            top, limit, used = root, "memory.max", "memory.current"
        elif "memory" in kinds.split(","):
            top, limit, used = root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        # Inside a container its own group is the root, whatever the name says.
        group = top / name.lstrip("/")
        for folder in {group, *group.parents, top}:
            if folder != top and top not in folder.parents:
                continue
            most, now = _number(folder / limit), _number(folder / used)
            if most is not None and now is not None:
                left = min(left, max(most - now + _reclaimable(folder), 0))
    return left


def _reclaimable(folder: Path) -> int:
    """Bytes of files that are kept in memory only as long as nobody needs it."""
    for line in _lines(folder / "memory.stat"):
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file") and value.strip().isdigit():
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
