"""The job files of docs/batch.md are what their schedulers take, and ask for every part once."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from retouch.batch import Shard

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")
JOBS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
SCRIPTS = [text for text in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if "#SBATCH" in text]


def test_the_page_has_both() -> None:
    assert JOBS
    assert SCRIPTS


@pytest.mark.parametrize("job", JOBS, ids=lambda job: str(job["spec"]["completions"]))
def test_an_indexed_job_does_every_part_once(job: dict[str, Any]) -> None:
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["parallelism"] <= spec["completions"]
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # what backoffLimitPerIndex asks for
    (container,) = pod["containers"]
    mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
    assert mounts == {volume["name"] for volume in pod.get("volumes", [])}
    words = [*container["command"], *container.get("args", [])]
    assert all(isinstance(word, str) for word in words)
    assert words[:2] == ["retouch", "batch"]
    told = words[words.index("--shard") + 1]
    parts = [Shard.parse(told, {"JOB_COMPLETION_INDEX": str(index)}) for index in range(spec["completions"])]
    assert parts == [Shard(index + 1, spec["completions"]) for index in range(spec["completions"])]


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_array_does_every_part_once(script: str) -> None:
    assert script.startswith("#!/bin/bash\n")
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    head = script.splitlines()[1:]
    directives = [line for line in head if line.startswith("#SBATCH")]
    assert directives == head[: len(directives)]  # sbatch reads none behind the first command
    told = dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in directives)
    array = re.fullmatch(r"1-(\d+)%\d+", told["array"])
    asked = re.search(r'--shard "\$SLURM_ARRAY_TASK_ID/(\d+)"', script)
    assert array
    assert asked
    assert array[1] == asked[1]
    assert f"--workers {told['cpus-per-task']} " in script
