"""What our processes inherit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retouch import processes


def test_threads_that_were_asked_for_are_not_exceeded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "many")
    before = dict(os.environ)
    environment = processes.environment(6)
    assert {name: environment[name] for name in processes.THREADS} == {
        "OMP_NUM_THREADS": "6",
        "OPENBLAS_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "6",
        "NUMBA_NUM_THREADS": "6",
    }
    assert dict(os.environ) == before
    assert "OMP_NUM_THREADS" not in processes.environment()


def test_what_it_must_not_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETOUCH_TOKEN", "secret")
    assert "RETOUCH_TOKEN" in processes.environment()
    assert "RETOUCH_TOKEN" not in processes.environment(without=("RETOUCH_TOKEN",))


def test_a_process_elsewhere_has_this_very_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.path.relpath(tmp_path))
    words = [sys.executable, "-P", "-c", "import retouch, sys; print(retouch.__file__, *sys.path, sep='|')"]
    done = subprocess.run(
        words, env=processes.environment(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    package, *path = done.stdout.strip().split("|")
    assert Path(package).parent == Path(processes.__file__).parent
    assert str(tmp_path) in path


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_only_cores_that_may_be_used_count() -> None:
    code = "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1]); "
    code += "from retouch.processes import cores; print(cores())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=processes.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
