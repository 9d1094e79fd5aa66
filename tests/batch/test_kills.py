"""kill -9 of a worker or of the driver loses nothing, and repeats no more than was in flight."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from retouch.batch import Item, Row, Work, run, serial
from retouch.batch.cluster import QUEUED
from retouch.batch.work import WINDOW
from tests.batch.conftest import outputs, rows
from tests.batch.rays import HOUSE, RUNNERS, WORKERS, draw, fill, opened, running

ENOUGH = 60.0  # seconds until something must have happened

IN_FLIGHT = {"processes": 1, "ray": QUEUED}
"""Pictures that one worker has at a time."""


@pytest.fixture
def runner(request: pytest.FixtureRequest, witness: Path) -> str:
    if request.param == "ray":
        request.getfixturevalue("ray_here")
    return str(request.param)


both = pytest.mark.parametrize("runner", ["processes", "ray"], indirect=True)


@both
def test_a_killed_worker_costs_nothing_but_what_it_had(runner: str, tmp_path: Path, witness: Path) -> None:
    photos = draw(tmp_path / "photos", [f"{number:02}.png" for number in range(30)])
    run(fill(photos, "calm"), serial)
    killed: set[int] = set()

    def disturbed(work: Work, items: Iterable[Item]) -> Iterator[Row]:
        for number, row in enumerate(RUNNERS[runner](work, items)):
            if number in (6, 18):
                os.kill(row.worker, signal.SIGKILL)
                killed.add(row.worker)
            yield row

    tally = run(fill(photos, "out"), disturbed)
    assert (tally.done, tally.failed, len(killed)) == (30, 0, 2)
    assert _ledger(tmp_path / "out") == _ledger(tmp_path / "calm")
    assert outputs(tmp_path / "out") == outputs(tmp_path / "calm")
    times = Counter(opened(witness, photos))
    assert len(times) == 30
    assert sum(count - 1 for count in times.values()) <= 2 * IN_FLIGHT[runner]


@both
def test_a_picture_that_kills_its_workers_costs_itself_alone(
    runner: str, tmp_path: Path, witness: Path
) -> None:
    names = [f"{number:02}.png" for number in range(8)]
    names[2:4] = ["02-kills-one.png", "03-kills-all.png"]
    photos = draw(tmp_path / "photos", names)
    tally = run(fill(photos, "out"), RUNNERS[runner])
    assert (tally.done, tally.failed) == (7, 1)
    found = rows(tmp_path / "out")
    assert [row["name"] for row in found] == names
    assert [row["error"]["type"] for row in found if row["state"] == "failed"] == ["WorkerDied"]
    assert found[3]["state"] == "failed"
    assert Counter(opened(witness, photos))["03-kills-all.png"] == 2


@pytest.mark.parametrize("runner", ["processes", pytest.param("ray", marks=pytest.mark.slow)], indirect=True)
def test_a_killed_driver_is_followed_by_another_that_goes_on(
    runner: str, tmp_path: Path, witness: Path
) -> None:
    names = [f"{number:03}.png" for number in range(400)]
    photos = draw(tmp_path / "photos", names)
    out = tmp_path / "out"
    before, workers = _killed_in_the_middle(runner, photos, out, at=40)
    assert 40 <= before.count(b"\n") < len(names)
    first = Counter(opened(witness, photos))
    results = outputs(out)

    tally = run(fill(photos, "out"), RUNNERS[runner])
    recorded = rows(out)
    kept = before.rpartition(b"\n")[0] + b"\n"
    assert (out / "ledger-0001-of-0001.jsonl").read_bytes().startswith(kept)
    assert [row["name"] for row in recorded] == names
    assert tally.there + tally.done == len(names)
    assert not any(running(pid) for pid in workers)

    # What was done twice was in flight, or waited for its turn.
    times = Counter(opened(witness, photos))
    twice = [name for name, count in times.items() if count > 1]
    assert len(twice) <= WINDOW * WORKERS
    assert max(times.values()) <= 2
    assert all(first[name] == 1 for name in twice)
    after = outputs(out)
    assert {name: after[name] for name in results} == results
    run(fill(photos, "calm"), serial)
    assert after == outputs(tmp_path / "calm")


def _killed_in_the_middle(runner: str, photos: Path, out: Path, *, at: int) -> tuple[bytes, set[int]]:
    """Start a batch by the command line, and kill it when its ledger has so many lines."""
    told = (
        ["--workers", str(WORKERS)]
        if runner == "processes"
        else ["--workers", str(WORKERS), "--ray", "local"]
    )
    box = "3,3,12,10"
    words = ["batch", "fill", "--in", str(photos), "--out", str(out), "--box", box, "--quiet", *told]
    driver = subprocess.Popen([sys.executable, "-m", "retouch.cli", *words], cwd=HOUSE, env=os.environ)
    ledger = out / "ledger-0001-of-0001.jsonl"
    until = time.monotonic() + ENOUGH
    while not ledger.exists() or ledger.read_bytes().count(b"\n") < at:
        assert driver.poll() is None, "the batch ended by itself"
        assert time.monotonic() < until, "the batch did not begin"
        time.sleep(0.002)
    driver.kill()
    driver.wait()
    times = (out / "times-0001-of-0001.jsonl").read_text().splitlines()[:at]
    workers = {json.loads(line)["worker"] for line in times}
    while any(running(pid) for pid in workers):
        assert time.monotonic() < until, "the workers outlive their driver"
        time.sleep(0.05)
    return ledger.read_bytes(), workers


def _ledger(out: Path) -> bytes:
    return (out / "ledger-0001-of-0001.jsonl").read_bytes()
