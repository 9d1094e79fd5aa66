"""Several processes that die and are started again end with the weights of a run that nobody disturbed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from retouch.errors import Cancelled, InputError, TrainingError
from retouch.training import launch as launch_module
from retouch.training.checkpoint import read_state
from retouch.training.launch import Attempt, Place, Words, supervise
from retouch.training.lifeline import ENDED, VARIABLE, Lifeline
from retouch.training.meeting import FOLDER, Meeting
from tests.training import launched

HOUSE = Path(__file__).resolve().parents[2]


@dataclass
class Launched:
    """A launcher and what it started."""

    process: subprocess.Popen[str]
    mark: str
    out: str = ""
    err: str = ""
    words: list[str] = field(default_factory=list)

    def wait(self, timeout: float = 150) -> int:
        self.out, self.err = self.process.communicate(timeout=timeout)
        return self.process.returncode

    def ranks(self) -> dict[int, int]:
        """Rank → process id of what is alive."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                environment = (place / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            settings = dict(item.split(b"=", 1) for item in environment if b"=" in item)
            if settings.get(b"MARK", b"").decode() == self.mark and b"LOCAL_RANK" in settings:
                found[int(settings[b"RANK"])] = int(place.name)
        return found


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    """Start the command line as a process of its own."""
    started: list[Launched] = []

    def start(*words: object, die: str = "", deaths: int = 1, pause: float = 0.0) -> Launched:
        counted = tmp_path / f"deaths-{len(started)}"
        counted.write_text("one\n" * deaths)
        mark = f"{os.getpid()}-{random.getrandbits(48)}"
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")},
            "PYTHONPATH": f"{HOUSE / 'src'}{os.pathsep}{HOUSE}",
            "OMP_NUM_THREADS": "1",
            "MARK": mark,
            "DEATHS": str(counted),
            "PAUSE": str(pause),
            **({"DIE": die} if die else {}),
        }
        command = [sys.executable, "-m", launched.MODULE, "train", *map(str, words)]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        started.append(Launched(process, mark))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()
        until = time.monotonic() + 30
        while each.ranks() and time.monotonic() < until:
            time.sleep(0.1)
        assert not each.ranks(), "processes were left behind"


LINE = ("line", "--data", 4, "--engine.images", 40, "--engine.save_every", 8)
PIX2PIX = (
    *("pix2pix", "--preset", "fast", "--data", "synthetic:facades?count=12&size=128&seed=3"),
    *("--generator.width", 4, "--discriminator.width", 4, "--engine.images", 48),
    *("--engine.save_every", 8, "--engine.validate_every", 16, "--engine.average", 20),
    *("--engine.tensorboard", "false"),
)


def assert_same_runs(one: Path, two: Path) -> None:
    first, second = read_state(one), read_state(two)
    assert first["seen"] == second["seen"]
    assert str(first["optimisers"]) == str(second["optimisers"])
    for kind in ("networks", "averages"):
        for name, network in first[kind].items():
            for key, value in network.items():
                assert torch.equal(value, second[kind][name][key]), f"{kind} {name} {key}"
    for file in ("best.safetensors", "last.safetensors"):
        ours, theirs = load_file(one / file), load_file(two / file)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours.keys() | theirs.keys()), file


def test_a_killed_process_costs_nothing(launch: Callable[..., Launched], tmp_path: Path) -> None:
    calm = launch(*LINE, "--out", tmp_path / "calm", "--processes", 2, "--quiet")
    assert (calm.wait(), calm.out, calm.err) == (0, "", "")
    disturbed = launch(*LINE, "--out", tmp_path / "run", "--processes", 2, "--json", die="1:step:20")
    assert disturbed.wait() == 0, disturbed.err
    assert disturbed.err == ""
    assert json.loads(disturbed.out)["images"] == 40  # one line, though there were two attempts
    assert (tmp_path / "deaths-1").read_text() == ""
    assert_same_runs(tmp_path / "calm", tmp_path / "run")
    assert (tmp_path / "calm" / "log.csv").read_text().count("square") == (
        tmp_path / "run" / "log.csv"
    ).read_text().count("square")


@pytest.mark.slow
def test_a_run_that_always_dies_stops_with_the_reason(
    launch: Callable[..., Launched], tmp_path: Path
) -> None:
    words = (*LINE, "--out", tmp_path / "run", "--processes", 2, "--relaunches", 1)
    run = launch(*words, die="1:start:0", deaths=9)
    assert run.wait() == 1
    lines = run.err.splitlines()
    assert lines[0] == (
        "retouch: process 1 was ended by SIGKILL, as when memory runs out; starting again from the beginning "
        "in 1 s"
    )
    assert "Attempts without a new checkpoint, one after the other: 2; when" in lines[1]
    assert len(lines) == 2
    assert (tmp_path / "deaths-0").read_text().count("one") == 7


@pytest.mark.slow
@pytest.mark.parametrize("death", ["0:step", "1:step", "0:saving", "0:start", "first"])
def test_pix2pix_is_the_same_to_the_bit(launch: Callable[..., Launched], tmp_path: Path, death: str) -> None:
    calm = launch(*PIX2PIX, "--out", tmp_path / "calm", "--processes", 2, "--quiet")
    assert calm.wait() == 0, calm.err
    at = {"0:saving": f"0:saving:{random.randint(1, 5)}", "0:start": "0:start:0", "first": "0:saving:1"}
    die = at.get(death, f"{death}:{random.randint(1, 45)}")
    run = launch(*PIX2PIX, "--out", tmp_path / "run", "--processes", 2, die=die, deaths=2)
    assert run.wait() == 0, (die, run.err)
    assert_same_runs(tmp_path / "calm", tmp_path / "run")
    assert not list((tmp_path / "run").glob(".checkpoint-*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on(
    launch: Callable[..., Launched], tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    words = ("line", "--data", 4, "--out", run, "--engine.images", 40_000, "--engine.save_every", 400)
    started = launch(*words, "--processes", 2, pause=0.005)
    wait_for(run / "checkpoint.pt")
    began = time.monotonic()
    started.process.send_signal(number)
    assert started.wait() == 130
    assert time.monotonic() - began < 30
    (line,) = started.err.splitlines()
    assert line.startswith("retouch: error: stopped by ")
    assert line.endswith(f"go on with: retouch train --resume {run}")
    seen = read_state(run)["seen"]
    assert f"after {seen:,} of 40,000 images" in line
    more = launch("--resume", run, "--engine.images", seen + 4, "--processes", 2, "--json")
    assert more.wait() == 0, more.err
    assert json.loads(more.out)["images"] == seen + 4


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["launcher", "torchrun"])
def test_nothing_outlives_a_killed_launcher(
    launch: Callable[..., Launched], tmp_path: Path, whom: str
) -> None:
    run = tmp_path / "run"
    words = ("line", "--data", 4, "--out", run, "--engine.images", 2000, "--engine.save_every", 200)
    started = launch(*words, "--processes", 2, pause=0.01)
    wait_for(run / "checkpoint.pt")
    ranks = started.ranks()
    assert sorted(ranks) == [0, 1]
    if whom == "launcher":
        started.process.kill()
        started.wait()
    else:
        os.kill(parent(ranks[0]), signal.SIGKILL)
    until = time.monotonic() + 10
    while set(ranks.values()) & set(started.ranks().values()):
        assert time.monotonic() < until
        time.sleep(0.05)
    if whom == "torchrun":
        assert started.wait() == 0, started.err
        assert "torchrun was ended by SIGKILL" in started.err
        assert read_state(run)["seen"] == 2000


@pytest.mark.slow
def test_errors_of_the_recipe_are_not_tried_again(launch: Callable[..., Launched], tmp_path: Path) -> None:
    words = ("line", "--data", 4, "--out", tmp_path / "run", "--engine.images", 40, "--poison", 2)
    started = launch(*words, "--processes", 2, "--json")
    assert started.wait() == 2
    said = json.loads(started.out)
    assert said["error"] == "Diverged"
    assert said["message"].startswith("after 2 images the weights hold NaN")
    again = launch(*words, "--processes", 2)
    assert again.wait() == 2
    assert again.err.count("retouch: error: ") == 1
    assert "holds a run" in again.err


@pytest.mark.slow
@pytest.mark.parametrize("whose", [0, 1])
def test_two_machines_find_each_other_again(
    launch: Callable[..., Launched], tmp_path: Path, whose: int
) -> None:
    calm = launch(*LINE, "--out", tmp_path / "calm", "--processes", 2, "--quiet")
    assert calm.wait() == 0, calm.err
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        master = f"127.0.0.1:{probe.getsockname()[1]}"
    words = (*LINE, "--out", tmp_path / "run", "--processes", 1, "--machines", 2, "--master", master)
    both = [launch(*words, "--machine", machine, die=f"{whose}:step:20") for machine in (0, 1)]
    assert [each.wait() for each in both] == [0, 0], [each.err for each in both]
    assert f"process {whose} was ended by SIGKILL" in both[whose].err
    assert "starting again from the last checkpoint" in both[1 - whose].err
    assert_same_runs(tmp_path / "calm", tmp_path / "run")
    assert "--processes 1 --machines 2" in (tmp_path / "run" / "run.yaml").read_text().replace("\n  ", " ")


@pytest.mark.slow
def test_a_machine_that_is_stopped_stops_the_other(launch: Callable[..., Launched], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        master = f"127.0.0.1:{probe.getsockname()[1]}"
    run = tmp_path / "run"
    long = ("line", "--data", 4, "--out", run, "--engine.images", 40_000, "--engine.save_every", 400)
    words = (*long, "--processes", 1, "--machines", 2, "--master", master)
    both = [launch(*words, "--machine", machine, pause=0.005) for machine in (0, 1)]
    wait_for(run / "checkpoint.pt")
    both[1].process.terminate()
    assert [each.wait() for each in both] == [130, 130], [each.err for each in both]
    assert read_state(run)["seen"] < 40_000


def test_machines_agree_on_an_attempt(tmp_path: Path) -> None:
    first, second = Meeting(tmp_path, 2, 0), Meeting(tmp_path, 2, 1)
    silent: list[str] = []
    name = first.next_attempt(lambda: None, silent.append)
    assert second.next_attempt(lambda: None, silent.append) == name
    assert not first.over()
    second.end()
    assert first.over()
    other = first.next_attempt(lambda: None, silent.append)
    assert second.next_attempt(lambda: None, silent.append) == other != name
    # A machine whose launcher was killed begins anew: what it took part in is over.
    second = Meeting(tmp_path, 2, 1)
    assert first.over()
    third = first.next_attempt(lambda: None, silent.append)
    assert second.next_attempt(lambda: None, silent.append) == third
    first.finish()
    assert second.next_attempt(lambda: None, silent.append) is None
    assert not second.over()
    # Those of an earlier run are never joined.
    late = Meeting(tmp_path, 2, 1)

    def bored() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        late.next_attempt(bored, silent.append)
    first = Meeting(tmp_path, 2, 0)
    first.next_attempt(lambda: None, silent.append)
    late.next_attempt(lambda: None, silent.append)
    first.end("it makes no sense")
    with pytest.raises(TrainingError, match="it makes no sense"):
        late.next_attempt(lambda: None, silent.append)
    assert silent == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [FOLDER]


def test_a_run_that_is_done_stays_done(tmp_path: Path) -> None:
    first, second = Meeting(tmp_path, 2, 0), Meeting(tmp_path, 2, 1)

    def bored() -> None:
        raise TimeoutError

    name = first.next_attempt(bored, print)
    assert second.next_attempt(bored, print) == name
    first.finish()
    for final in ("", "its launcher was stopped"):
        second.end(final)
        assert second.done()
        assert second.next_attempt(bored, print) is None
    assert Meeting(tmp_path, 2, 0).next_attempt(bored, print) != name
    assert second.next_attempt(bored, print) is None


def test_a_process_that_dies_after_the_run_was_done_is_none_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Meeting(tmp_path, 2, 0)
    first.next_attempt(lambda: None, print)

    class Dying:
        """An attempt whose process is killed when the first machine is done."""

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def __enter__(self) -> Dying:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def watched(self, *_: object) -> Words:
            first.finish()
            return Words(1, "", "process 1 was ended by SIGKILL", 1, again=True)

    monkeypatch.setattr(launch_module, "Attempt", Dying)
    told: list[str] = []
    supervise(["-c", ""], tmp_path, Place(1, 2, 1, "localhost:1"), tell=told.append)
    assert told == []


IMPORTING = """
import pathlib, signal, sys, time
begun, heard, trained = map(pathlib.Path, sys.argv[2:])
begun.touch()
time.sleep(float(sys.argv[1]))
signal.signal(signal.SIGTERM, lambda *_: (heard.touch(), sys.exit(130)))
from retouch.training.lifeline import tie
tie()
time.sleep(6.0)
trained.touch()
"""


def importing(folder: Path, seconds: float = 2.0) -> tuple[list[str], list[Path]]:
    """A program whose process takes some time to begin and six seconds to train, and its marks."""
    marks = [folder / name for name in ("begun", "heard", "trained")]
    return ["--no-python", sys.executable, "-c", IMPORTING, str(seconds), *map(str, marks)], marks


def test_a_signal_before_any_process_listens_is_passed_on_when_one_does(tmp_path: Path) -> None:
    program, (begun, heard, trained) = importing(tmp_path)

    def stop() -> None:
        wait_for(begun)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=stop)
    sender.start()
    with pytest.raises(Cancelled):
        supervise(program, tmp_path / "run", Place(1))
    sender.join()
    assert heard.exists()
    assert not trained.exists()


def test_an_attempt_that_is_left_before_any_process_listens_ends(tmp_path: Path) -> None:
    program, (begun, _, trained) = importing(tmp_path)
    with Attempt(program, Place(1), "name", {}, (None, None), relaunched=False):
        wait_for(begun)
    assert not trained.exists()


def test_a_launcher_that_is_killed_before_any_process_listens_leaves_none(tmp_path: Path) -> None:
    program, (begun, _, trained) = importing(tmp_path, 30.0)
    code = (
        "import sys; from pathlib import Path; from retouch.training.launch import Place, supervise; "
        f"supervise({program!r}, Path({str(tmp_path / 'run')!r}), Place(1))"
    )
    mark = f"{os.getpid()}-{random.getrandbits(48)}"
    launcher = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "MARK": mark})
    wait_for(begun)
    launcher.kill()
    launcher.wait()
    # Sooner than the processes would see it by themselves: torchrun is told.
    until = time.monotonic() + 15.0
    while alive(mark):
        assert time.monotonic() < until, alive(mark)
        time.sleep(0.05)
    assert not trained.exists()


def test_a_process_that_ties_itself_to_nobody_ends(tmp_path: Path) -> None:
    Lifeline(tmp_path).close()
    words = [
        sys.executable,
        "-c",
        "import time; from retouch.training.lifeline import tie; tie(); time.sleep(9)",
    ]
    assert subprocess.run(words, env={**os.environ, VARIABLE: str(tmp_path)}).returncode == ENDED


def test_nobody_hears_before_there_is_somebody() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lifeline = Lifeline(Path(folder))
        assert not lifeline.stop()
        assert not lifeline.end()
        pipe = os.open(Path(folder) / "lifeline", os.O_RDONLY | os.O_NONBLOCK)
        assert lifeline.stop()
        assert lifeline.end()
        assert os.read(pipe, 2) == b"se"
        os.close(pipe)
        lifeline.close()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_threads_are_shared_among_the_cores_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    out = tmp_path / "threads"
    code = f"import os, pathlib; pathlib.Path({str(out)!r}).write_text(os.environ['OMP_NUM_THREADS'])"
    supervise(["--no-python", sys.executable, "-c", code], tmp_path / "run", Place(1))
    assert out.read_text() == "6"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ((0,), "--processes is 0"),
        ((1, 0), "--machines is 0"),
        ((1, 2, 2, "a:1"), "--machine is 2"),
        ((1, 2, 1, ""), "--master is ''"),
        ((1, 2, 1, "host"), "--master is 'host'"),
        ((1, 2, 1, "host:99999"), "--master is"),
        ((1, 1, 0, "host:1"), "--master is for several machines"),
    ],
)
def test_a_place_must_make_sense(place: tuple[int, int, int, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Place(*place)


def wait_for(path: Path) -> None:
    until = time.monotonic() + 90
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.02)


def alive(mark: str) -> list[int]:
    """The processes whose environment holds a mark."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"MARK={mark}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
    return found


def parent(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("PPid:")))
