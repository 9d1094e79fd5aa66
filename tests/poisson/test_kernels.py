"""The kernels give the same bits however they came: two workers must not disagree on a pixel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOLVE = """
import hashlib
import numpy as np
from retouch.poisson.solver import PoissonSolver
known = np.random.default_rng(12).random((48, 64, 3), np.float32)
guess = np.log(known[::-1] + 0.1)
mask = np.zeros((48, 64), bool)
mask[4:40, 4:50] = True
solver = PoissonSolver(mask)
guess, known = guess[solver.rows, solver.columns].copy(), known[solver.rows, solver.columns]
solver.correct(guess, solver.right_side(guess, known, mixed=True))
print(hashlib.sha256(guess.tobytes()).hexdigest())
"""


def test_compiled_and_cached_kernels_agree(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def solved() -> str:
        command = [sys.executable, "-c", SOLVE]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    compiled = solved()
    assert list(tmp_path.rglob("coarse.cycle*.nbc")), "nothing was compiled"
    assert solved() == compiled
