"""Two processes that share a batch learn what one process learns from all of it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from retouch import training
from retouch.errors import TrainingError
from retouch.training.checkpoint import read_state
from tests.training.line import LineRecipe, line

CHILD = """
import sys
from retouch import training
from tests.training.line import LineRecipe, line
if sys.argv[2] == "resume":
    training.resume(sys.argv[1], [LineRecipe], changes={"engine.images": int(sys.argv[3])})
else:
    training.train(line(images=int(sys.argv[3]), batch=2), "4", sys.argv[1])
"""


def two_processes(run: Path, verb: str, images: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    import os

    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(run), verb, str(images)],
            cwd=Path(__file__).parents[2],
            env={
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "OMP_NUM_THREADS": "1",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for child in children:
        _, complaint = child.communicate(timeout=120)
        assert child.returncode == 0, complaint


def test_two_processes_of_two_are_one_of_four(tmp_path: Path) -> None:
    # Least squares y = 2x at w = 0: each picture pulls with −4x². The first process has x = 1, 2 and
    # the gradient −4·(1 + 4)/2 = −10; the second x = 3, 4 and −4·(9 + 16)/2 = −50. DDP takes their
    # mean, −30, which is −4·(1 + 4 + 9 + 16)/4 of the whole batch. Adam's first moment is half of it.
    two_processes(tmp_path / "two", "train", 4)
    training.train(line(images=4, batch=4), "4", tmp_path / "one")
    for run in ("one", "two"):
        moment = read_state(tmp_path / run)["optimisers"][0]["state"][0]["exp_avg"].item()
        assert moment == pytest.approx(0.5 * -30.0), run

    # The two go on, and stay what one would be; a checkpoint knows how many they were.
    two_processes(tmp_path / "two", "resume", 24)
    training.resume(tmp_path / "one", [LineRecipe], changes={"engine.images": 24})
    one, two = (read_state(tmp_path / run)["networks"]["slope"]["w"].item() for run in ("one", "two"))
    assert two == pytest.approx(one, rel=1e-6)
    with pytest.raises(TrainingError, match="2 processes"):
        training.resume(tmp_path / "two", [LineRecipe])
