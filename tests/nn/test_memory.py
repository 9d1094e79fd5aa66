"""How much memory there is, from whatever the system says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from retouch.nn import memory
from retouch.tasks.inpaint.method import cost


def group(folder: Path, names: tuple[str, str], limit: str, used: str, cached: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(limit + "\n")
    (folder / names[1]).write_text(used + "\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
V2 = ("memory.max", "memory.current")


def test_what_the_system_leaves(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  300 kB\n")
    assert memory._system_bytes(meminfo) == 300 * 1024
    assert memory._system_bytes(tmp_path / "nothing") > 0


def test_what_the_containers_leave(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    assert memory._container_bytes(membership, tmp_path) > 1 << 60
    membership.write_text("0::/one/two\n")
    group(tmp_path / "one" / "two", V2, "max", "10")
    assert memory._container_bytes(membership, tmp_path) > 1 << 60
    group(tmp_path / "one", V2, "1000", "400", cached=50)
    assert memory._container_bytes(membership, tmp_path) == 650
    # inside a container the group that holds the process is the root
    group(tmp_path, V2, "700", "690")
    assert memory._container_bytes(membership, tmp_path) == 10
    group(tmp_path, V2, "700", "900")
    assert memory._container_bytes(membership, tmp_path) == 0


def test_what_older_containers_leave(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("7:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\n")
    group(tmp_path / "memory" / "a", V1, "5000", "1000")
    group(tmp_path / "memory" / "a" / "b", V1, "9000", "100")
    assert memory._container_bytes(membership, tmp_path) == 4000


def test_this_machine_has_memory() -> None:
    assert 1 << 20 < memory.available_bytes(torch.device("cpu")) < 1 << 50


def test_crops_go_by_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    for free, pixels in ((1 << 40, 1 << 20), (1 << 30, 1 << 19), (0, cost.LEAST)):
        monkeypatch.setattr(memory, "available_bytes", lambda _, free=free: free)
        assert memory.piece_pixels(1024, cpu, least=cost.LEAST) == pixels
    monkeypatch.setattr(memory, "available_bytes", lambda _: 1 << 40)
    assert memory.piece_pixels(1024, cuda, least=1) == 1 << 29


def test_wider_networks_take_more() -> None:
    assert cost.bytes_per_pixel(64) == 1024
    assert cost.bytes_per_pixel(64, half=True) < 1024 < cost.bytes_per_pixel(64, refined=True)
    assert cost.bytes_per_pixel(1) == cost.bytes_per_pixel(8)


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("expected 4 channels"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_what_is_a_shortage(error: BaseException, short: bool) -> None:
    assert memory.is_shortage(error) == short
