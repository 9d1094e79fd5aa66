"""A batch on Ray does what the others do, says what is wrong with a cluster, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import retouch
from retouch.batch import Item, Work, plan, run
from retouch.batch.cluster import _worker_class, cluster
from retouch.batch.work import WINDOW
from retouch.errors import InputError, MissingDependency, UnreadablePicture
from tests.batch.conftest import outputs
from tests.batch.rays import HOUSE, RUNNERS, WORKERS, draw, fill, on_ray, running

TINY = [f"{number:02}.png" for number in range(12)]


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, one of them none, and a mask for each."""
    home = tmp_path_factory.mktemp("sixty")
    names = [f"{number:02}.png" for number in range(60)]
    photos = draw(home / "photos", names)
    (photos / "31.png").write_bytes(b"no picture")
    masks = draw(home / "masks", names)
    lines = [f"photos/{name},photos/{names[-1 - number]},masks/{name}" for number, name in enumerate(names)]
    (home / "pairs.csv").write_text("\n".join(["source,target,mask", *lines]))
    assert masks.is_dir()
    return home


@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("edit", ["blend", pytest.param("upscale", marks=pytest.mark.slow)])
def test_every_runner_writes_the_same_bytes(edit: str, sixty: Path) -> None:
    source = sixty / ("pairs.csv" if edit == "blend" else "photos")
    ledgers, results = {}, {}
    for name, runner in RUNNERS.items():
        out = sixty / f"{edit}-{name}"
        tally = run(plan(edit, source, out), runner)
        assert (tally.done, tally.failed) == ((58, 2) if edit == "blend" else (59, 1)), name
        ledgers[name] = (out / "ledger-0001-of-0001.jsonl").read_bytes()
        results[name] = outputs(out)
    assert len(set(ledgers.values())) == 1
    assert results["serial"] == results["processes"] == results["ray"]


@pytest.mark.usefixtures("ray_here")
def test_items_are_taken_as_the_work_goes_on(tmp_path: Path) -> None:
    todo = fill(draw(tmp_path / "photos", TINY), "out")
    taken: list[int] = []
    ahead: list[int] = []

    def lazily() -> Iterator[Item]:
        for number, item in enumerate(todo):
            taken.append(number)
            yield item

    for number, row in enumerate(on_ray(todo.work, lazily())):
        assert row.name == TINY[number]
        ahead.append(len(taken) - number - 1)
    assert len(ahead) == len(TINY)
    assert max(ahead) < WINDOW * WORKERS
    assert ahead[0] < len(TINY) - 1


@pytest.mark.usefixtures("ray_here")
def test_closing_the_iterator_ends_the_workers(tmp_path: Path) -> None:
    todo = fill(draw(tmp_path / "photos", TINY), "out")
    rows = on_ray(todo.work, todo)
    workers = {next(rows).worker, next(rows).worker}
    assert all(map(running, workers))
    rows.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 30
    while any(map(running, workers)):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_batch_with_nothing_to_do_joins_nothing() -> None:
    assert list(cluster(Work("fill", "/nowhere"), [], address="nowhere:1")) == []


def _refused() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


def test_an_address_where_no_cluster_is_says_so_at_once() -> None:
    tried = """
import sys
from retouch.batch import Item, Work
from retouch.batch.cluster import cluster
from retouch.errors import InputError
for address in sys.argv[1:]:
    try:
        list(cluster(Work("fill", "/nowhere"), [Item(0, "a.png")], address=address))
    except InputError as error:
        print(error)
"""
    refused = _refused()
    addresses = [refused, f"ray://{refused}", "nowhere.invalid:6379", "127.0.0.1:99999", "no address", ""]
    began = time.monotonic()
    said = _python(tried, *addresses).splitlines()
    assert time.monotonic() - began < 30
    assert len(said) == len(addresses)
    for address, line in zip(addresses, said, strict=True):
        assert line.startswith(f"cannot join Ray at {address!r} (")
        assert line.endswith('or "local"')
    assert ["refused" in line for line in said[:2]] == [True, True]


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_are_counted_from_one(workers: int) -> None:
    with pytest.raises(InputError, match=f"workers is {workers}"):
        list(cluster(Work("fill", "/nowhere"), [Item(0, "a.png")], workers=workers))


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependency, match=r'pip install "retouch\[ray\]"'):
        list(cluster(Work("fill", "/nowhere"), [Item(0, "a.png")]))


@pytest.mark.usefixtures("ray_here")
def test_a_cluster_without_room_says_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    todo = fill(draw(tmp_path / "photos", TINY), "out")
    cuda = replace(todo.work, options={**todo.work.options, "device": "cuda"})
    rows = on_ray(todo.work, todo)
    assert next(rows).state == "done"
    monkeypatch.setattr("retouch.batch.cluster._PATIENCE", 1.0)
    with pytest.raises(InputError, match="needs a CPU, and free are CPU 0 of 2, GPU 0 of 0"):
        list(on_ray(todo.work, todo))
    with pytest.raises(InputError, match="needs a CPU and a GPU"):
        list(on_ray(cuda, todo))
    assert [row.state for row in rows] == ["done"] * (len(TINY) - 1)


@pytest.mark.usefixtures("ray_here")
def test_what_all_pictures_share_is_opened_before_the_first(tmp_path: Path) -> None:
    photos = draw(tmp_path / "photos", TINY[:2])
    todo = fill(photos, "out")
    gone = replace(todo.work, files={"mask": str(tmp_path / "gone.png")})
    with pytest.raises(UnreadablePicture, match=r"gone\.png"):
        list(on_ray(gone, todo))


@pytest.mark.usefixtures("ray_here")
def test_a_folder_that_the_cluster_does_not_have_is_named(tmp_path: Path) -> None:
    todo = fill(draw(tmp_path / "photos", TINY[:2]), "out")
    away = replace(todo.work, out=str(tmp_path / "unshared" / "out"))
    with pytest.raises(InputError, match=r"does not have the folder .*unshared; let pictures and results"):
        list(on_ray(away, todo))
    assert not (tmp_path / "unshared").exists()


def test_a_machine_without_retouch_or_with_another_says_so() -> None:
    import ray.cloudpickle

    sent: bytes = ray.cloudpickle.dumps(_worker_class())  # type: ignore[no-untyped-call]
    there = f"import ray.cloudpickle; worker = ray.cloudpickle.loads({sent!r})()"
    broken = f"import sys; sys.modules['retouch'] = None; {there}; print(worker.check('9.8', ''))"
    said = _python(broken)
    assert "retouch cannot be imported on" in said
    assert "install retouch 9.8 there, as on every machine of it" in said
    assert "has retouch 0" in _worker_class()().check("9.8", "")
    assert _worker_class()().check(retouch.__version__, "") == ""


def test_a_ray_of_our_own_is_quiet_guarded_and_gone_afterwards(tmp_path: Path) -> None:
    """No server of Ray's page, which asks the network for its cloud; no report; no token at home."""
    photos = draw(tmp_path / "photos", TINY[:3])
    (tmp_path / "home").mkdir()
    tried = """
import os, signal, sys
from pathlib import Path
from retouch.batch import plan, run
from retouch.batch.cluster import cluster
from retouch.image import Box
from tests.batch.rays import descendants

asked = []
signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
before = dict(os.environ)
started = {}
sessions = []

def rows(work, items):
    for number, row in enumerate(cluster(work, items, workers=1)):
        if number == 0:
            started.update(descendants())
            import ray

            sessions.append(ray._private.worker._global_node.get_session_dir_path())
            assert Path(sessions[0]).is_dir()
            os.kill(row.worker, 9)
            os.kill(os.getpid(), signal.SIGTERM)
        yield row

tally = run(plan("fill", sys.argv[1], sys.argv[2], options={"box": Box(3, 3, 12, 10)}), rows)
assert tally.done == 3, tally
assert asked == [signal.SIGTERM]
assert len(started) >= 4, started
assert not any("dashboard.py" in words for words, _ in started.values()), started
# Those that write their titles do so over their environments.
told = [said for words, said in started.values() if not words.startswith("ray::")]
assert len(told) >= 3, started
assert {said.get("RAY_USAGE_STATS_ENABLED") for said in told} == {"0"}, told
assert all(said.get("RAY_AUTH_TOKEN") for said in told), told
changed = dict(os.environ).items() ^ before.items()
assert changed <= {("RAY_CLIENT_MODE", "0")}, changed  # by the import of Ray
print(sessions[0], *started)
"""
    said = _python(tried, str(photos), str(tmp_path / "out"), home=tmp_path / "home")
    assert not list((tmp_path / "home").iterdir())
    session, *words = said.split()  # nothing else was printed
    assert not Path(session).exists()
    pids = [int(word) for word in words]
    until = time.monotonic() + 30
    while any(map(running, pids)):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_a_cluster_that_runs_is_joined_by_its_address(tmp_path: Path, witness: Path) -> None:
    """By its own address and by that for clients; --ray on the command line."""
    photos = draw(tmp_path / "photos", TINY)
    home = tmp_path / "home"
    home.mkdir()
    port, client = (int(_refused().rpartition(":")[2]) for _ in range(2))
    environment = {
        **os.environ,
        "HOME": str(home),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
    }
    script = Path(sys.executable).with_name("ray")
    words = [
        "start",
        "--head",
        "--block",
        f"--port={port}",
        f"--ray-client-server-port={client}",
        "--num-cpus=2",
    ]
    said = (tmp_path / "head.log").open("w")
    quiet = ["--include-dashboard=false", "--object-store-memory=100000000"]
    head = subprocess.Popen([script, *words, *quiet], env=environment, stdout=said, stderr=said)
    try:
        until = time.monotonic() + 60
        while "This command will now block" not in (tmp_path / "head.log").read_text():
            assert time.monotonic() < until
            time.sleep(0.2)
        for number, address in enumerate((f"127.0.0.1:{port}", f"ray://127.0.0.1:{client}")):
            out = tmp_path / f"out{number}"
            told = ["batch", "fill", "--in", str(photos), "--out", str(out), "--box", "3,3,12,10"]
            done = subprocess.run(
                [sys.executable, "-m", "retouch.cli", *told, "--ray", address, "--json"],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout
            assert json.loads(done.stdout)["done"] == len(TINY)
        run(fill(photos, "calm"), RUNNERS["serial"])
        assert outputs(tmp_path / "out0") == outputs(tmp_path / "out1") == outputs(tmp_path / "calm")
    finally:
        head.terminate()
        head.wait(60)
        said.close()


def _python(code: str, *words: str, home: Path | None = None) -> str:
    """Run code in a fresh Python; what it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HOUSE / "src"), str(HOUSE)])}
    if home is not None:
        environment["HOME"] = str(home)
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
