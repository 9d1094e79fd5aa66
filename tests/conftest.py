"""What every test can ask for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import torch

# One thread for each test process: faster on small pictures than waking a pool, and steadier.
# Numeric libraries read this when they are first imported, in subprocesses too, so that tests
# without torch do not have to import it to say so.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="torch device for tests that take one: cpu, cuda, mps")
    parser.addoption(
        "--dtype", default="float32", help="torch dtype for tests that take one: float32, bfloat16"
    )


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """The device that was asked for on the command line; the CPU unless told otherwise."""
    import torch

    return torch.device(request.config.getoption("--device"))


@pytest.fixture(scope="session")
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """The floating-point type that was asked for on the command line."""
    import torch

    name = request.config.getoption("--dtype")
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise pytest.UsageError(f"--dtype {name} is not a torch dtype; try float32 or bfloat16")
    return found
