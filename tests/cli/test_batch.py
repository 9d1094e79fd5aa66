"""``retouch batch``: words to a plan, what is said of it, and what the exit code tells."""

from __future__ import annotations

import inspect
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retouch.batch
from retouch import catalog
from retouch.batch.ledger import Ledger
from retouch.cli.batch import command
from retouch.cli.batch_report import Ticker, duration
from retouch.cli.watch import Watch
from retouch.image import Region
from retouch.progress import Progress
from tests.batch.conftest import draw, outputs, rows
from tests.cli.conftest import Said

Say = Callable[..., Said]
Calls = Sequence[dict[str, Any]]
HOUSE = Path(__file__).resolve().parents[2]
BOX = ("--box", "2,3,12,8", "--steps", "0")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures in the folder ``in`` of the current folder."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "b.png", "day/c.png")):
        draw(tmp_path / "in" / name, number)
    return tmp_path / "in"


def test_a_batch_from_words_to_results(say: Say, made_up_verbs: Calls, photos: Path, tmp_path: Path) -> None:
    words = ("batch", "darken", "--in", "in", "--out", "out", *BOX, "--strength", "1", "--workers", "0")
    said = say(*words)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{tmp_path}/out (3 pictures, ")
    assert said.out.count("\n") == 1
    after = np.asarray(Image.open("out/day/c.png"))
    assert (after[3:8, 2:12] == 0).all()
    assert len(made_up_verbs) == 3
    facts = say(*words, "--json").facts
    assert facts.pop("seconds") < 10
    assert facts == {
        "output": f"{tmp_path}/out",
        "ledger": f"{tmp_path}/out/ledger-0001-of-0001.jsonl",
        "shard": "1/1",
        "pictures": 3,
        "done": 0,
        "there_already": 3,
        "failed": 0,
        "failures": [],
    }
    assert "note: 3 pictures done before, by the ledger" in say(*words).out
    assert say(*words, "--quiet") == Said(0, "", "")


@pytest.mark.usefixtures("made_up_verbs")
def test_a_plan_says_what_would_be_done_and_does_nothing(say: Say, photos: Path, tmp_path: Path) -> None:
    words = ("batch", "darken", "--in", "in", "--out", "out", *BOX, "--workers", "2")
    said = say(*words, "--plan")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == f"darken, 3 pictures → {tmp_path}/out"
    assert lines[1].startswith("to do: 3, 3.")
    assert lines[2] == "done already: 0"
    assert lines[3].startswith("time: about ")
    assert lines[3].endswith("s each, 3 pictures edited for nothing, workers 2)")
    assert lines[4] == "first: a.png, b.png, day/c.png"
    assert not (tmp_path / "out").exists()
    assert say(*words[:-1], "0").code == 0
    draw(photos / "b.png", 40)
    (photos / "day" / "c.png").write_bytes(b"no picture")
    facts = say(*words, "--plan", "--json").facts
    assert (facts["todo"], facts["done"], facts["changed"], facts["failed_before"]) == (2, 1, 2, 0)
    assert facts["seconds"] == pytest.approx(facts["seconds_each"] * 2 / 2)


def test_failures_are_said_and_make_the_exit_code_1(say: Say, made_up_verbs: Calls, photos: Path) -> None:
    (photos / "b.png").write_bytes(b"no picture")
    words = ("batch", "darken", "--in", "in", "-o", "out", *BOX, "--workers", "0")
    said = say(*words)
    assert (said.code, said.err) == (1, "")
    assert f"note: b.png: {photos}/b.png is no picture that retouch knows" in said.out
    assert "note: 1 of 3 could not be done; the ledger says why: " in said.out
    facts = say(*words, "--json", "--keep-failed").facts
    assert [(one["name"], one["error"]) for one in facts["failures"]] == [("b.png", "UnreadablePicture")]
    assert len(made_up_verbs) == 2


@pytest.mark.usefixtures("photos")
def test_masks_by_a_pattern_and_by_a_column(say: Say, made_up_verbs: Calls, tmp_path: Path) -> None:
    for name in ("a", "b", "day/c"):
        draw(tmp_path / "masks" / f"{name}.png", 9)
    common = ("--steps", "0", "--workers", "0", "--grow", "2")
    mask = ("--mask", "masks/{folder}/{stem}.png")
    assert say("batch", "darken", "--in", "in/**/*.png", "-o", "one", *mask, *common).code == 0
    regions = [call["mask"] for call in made_up_verbs]
    assert all(isinstance(region, Region) and region.grow == 2.0 for region in regions)
    Path("list.csv").write_text("photo,mask,name\nin/a.png,masks/a.png,x\nin/b.png,masks/none.png,y\n")
    assert say("batch", "darken", "--in", "list.csv", "-o", "two", *common).code == 1
    assert sorted(outputs(tmp_path / "two")) == ["x.png"]
    assert rows(tmp_path / "two")[0]["sha256"] == rows(tmp_path / "one")[0]["sha256"]
    said = say("batch", "darken", "--in", "in", "-o", "three", *mask, *BOX)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "--mask and --box are both given" in said.err


def test_how_results_are_written(say: Say, made_up_verbs: Calls, photos: Path) -> None:
    words = ("batch", "darken", "--in", "in", *BOX, "--workers", "0")
    assert say(*words, "-o", "fine", "--suffix", ".jpg", "--quality", "95", "--ledger", "records").code == 0
    assert say(*words, "-o", "rough", "--suffix", "jpg", "--quality", "20", "--ledger", "records2").code == 0
    fine, rough = Path("fine"), Path("rough")
    assert sorted(path.name for path in fine.rglob("*")) == ["a.jpg", "b.jpg", "c.jpg", "day"]
    assert (rough / "a.jpg").stat().st_size < (fine / "a.jpg").stat().st_size
    assert sorted(path.name for path in Path("records").iterdir()) == [
        "ledger-0001-of-0001.jsonl",
        "times-0001-of-0001.jsonl",
    ]
    assert say(*words, "-o", "deep", "--bit-depth", "16").code == 0
    assert Path("deep/a.png").stat().st_size > (photos / "a.png").stat().st_size


def test_shards(say: Say, made_up_verbs: Calls, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        draw(photos / f"{number}.png", number)
    words = ("batch", "darken", "--in", "in", "-o", "out", *BOX, "--workers", "0", "--json")
    first = say(*words, "--shard", "1/2").facts
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    second = say(*words, "--shard", "auto").facts
    assert (first["shard"], second["shard"]) == ("1/2", "2/2")
    assert first["done"] + second["done"] == len(outputs(Path("out"))) == 15
    assert second["ledger"].endswith("/out/ledger-0002-of-0002.jsonl")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("darken", "-o", "out", *BOX), "--in"),
        (("darken", "--in", "in", *BOX), "--out"),
        (("darken", "--in", "in", "-o", "out"), "darken needs mask; give --mask a file, a pattern"),
        (("darken", "--in", "none", "-o", "out", *BOX), "none does not exist"),
        (("darken", "--in", "in", "-o", "in", *BOX), "in holds the photos themselves"),
        (("darken", "--in", "in", "-o", "out", *BOX, "--shard", "3"), "'3' is no shard"),
        (("darken", "--in", "in", "-o", "out", *BOX, "--workers", "-1"), "workers"),
        (("darken", "--in", "in", "-o", "out", *BOX, "--suffix", ".txt"), ".txt"),
        (("darken", "--in", "in", "-o", "out", *BOX, "--strenth", "1"), "see: retouch batch darken --help"),
        (("darken", "--in", "in", "-o", "out", *BOX, "--mask", "{stam}.png"), "--mask and --box"),
        (("darken", "--in", "in", "-o", "out", "--mask", "{stam}.png"), "unknown placeholder 'stam'"),
        (("darken", "--in", "in", "-o", "out", "--polygon", "1,1 2"), "cannot read the corner"),
        (("darken", "--in", "in", "-o", "out", *BOX, "--ray", "local", "--workers", "0"), "nobody for Ray"),
        (("darker", "--in", "in", "-o", "out"), "unknown edit 'darker'"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("photos", "made_up_verbs")
def test_mistakes_are_said_in_one_line_before_anything_is_written(
    say: Say, words: Sequence[str], why: str
) -> None:
    said = say("batch", *words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert why in said.err
    assert not Path("out").exists()


def test_help_lists_edits_and_an_edits_options(say: Say, made_up_verbs: Calls) -> None:
    assert "darken" in say("batch", "--help").out
    said = say("batch", "darken", "--help")
    assert said.code == 0
    for flag in (
        "--in",
        "--out",
        "--plan",
        "--shard",
        "--workers",
        "--ray",
        "--keep-failed",
        "--mask",
        "--strength",
    ):
        assert flag in said.out


@pytest.mark.parametrize("edit", catalog.EDITS, ids=lambda edit: edit.name)
def test_every_edit_has_a_command(edit: catalog.Edit) -> None:
    flags = set(inspect.signature(command(edit)).parameters) - {"batching", "printing"}
    assert flags >= {option.name for option in edit.options()}


def test_a_line_now_and_then_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress] = []
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    with Watch("darken", bar=False) as watch:
        monkeypatch.setattr(Watch, "__call__", lambda _, event: told.append(event))
        ticker = Ticker(watch, quiet=False, every=0.0)
        ticker(Progress("a.png", 1, 2000, facts={"failed": 1.0, "rate": 2.5}))
        ticker._first, ticker._tried = time.monotonic() - 10, 25
        ticker(Progress("b.png", 25, 2000, facts={"failed": 1.0, "rate": 2.5}))
        silent = Ticker(watch, quiet=True, every=0.0)
        silent(Progress("b.png", 2, 4))
        patient = Ticker(watch, quiet=False, every=60.0)
        patient(Progress("c.png", 3, 4))
    assert len(told) == 4
    first, second = err.getvalue().splitlines()
    assert first == "1 of 2,000 pictures, 1 failed"
    assert second.startswith("25 of 2,000 pictures, 1 failed, 2.5/s, 13 min 10 s left")


def test_pictures_that_are_passed_over_are_no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("retouch.cli.batch_report.time.monotonic", lambda: now)
    shown: list[Progress] = []
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(Watch, "__call__", lambda _, event: shown.append(event))

    def slow(_: object, items: Iterable[Any]) -> Iterator[Any]:
        nonlocal now
        for item in items:
            now += 10.0
            yield item

    ticker = Ticker(Watch("darken", bar=False), quiet=False, every=1.0)

    def missing() -> Iterator[Any]:
        nonlocal now
        now += 2.0
        ticker(Progress("9000.png", 9000, 10_000, facts={"rate": 0.0}))
        yield from (None, None)

    for number, _ in enumerate(ticker.timing(slow)(None, missing()), 9001):  # type: ignore[arg-type]
        ticker(Progress("next", number, 10_000, facts={"rate": 0.01}))
    assert err.getvalue().splitlines() == [
        "9,000 of 10,000 pictures",
        "9,001 of 10,000 pictures, 0.1/s, 2 h 46 min left",
        "9,002 of 10,000 pictures, 0.1/s, 2 h 46 min left",
    ]
    assert [event.total for event in shown] == [None, 10_000, 10_000]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (59, "59 s"), (60, "1 min 0 s"), (5000, "1 h 23 min"), (200_000, "2 d 7 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.usefixtures("made_up_verbs", "photos")
def test_a_record_is_read_once(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    begin = Ledger.__init__

    def counted(ledger: Ledger, *args: Any, **options: Any) -> None:
        opened.append(args)
        begin(ledger, *args, **options)

    monkeypatch.setattr(Ledger, "__init__", counted)
    assert say("batch", "darken", "--in", "in", "-o", "out", *BOX, "--workers", "0").code == 0
    assert len(opened) == 1


@pytest.mark.usefixtures("made_up_verbs", "photos")
@pytest.mark.parametrize("by", ["SIGTERM", "Ctrl-C"])
def test_an_interrupt_that_does_not_say_of_what(say: Say, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """Ray makes such a one of either."""
    before = signal.getsignal(signal.SIGTERM)

    def interrupted(*_: object, **__: object) -> None:
        if by == "SIGTERM":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    monkeypatch.setattr(retouch.batch, "run", interrupted)
    try:
        said = say("batch", "darken", "--in", "in", "-o", "out", *BOX, "--ray", "local")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert said.code == 130
    assert f"cancelled by {by}; every finished picture is recorded" in said.err


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the signals of POSIX")
@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 0), (signal.SIGINT, 1), (signal.SIGTERM, 1)])
def test_a_stopped_batch_keeps_what_is_done_and_goes_on(
    photos: Path, tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("photo,steps\nin/a.png,1\nin/b.png,9000\nin/day/c.png,1\n")
    words = ["batch", "darken", "--in", str(listed), "--box", "2,3,12,8", "-o", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HOUSE / "src"), str(HOUSE)])}
    line = [sys.executable, "-m", "tests.cli.slow_batch", *words, "--workers", str(workers)]
    process = subprocess.Popen(
        line, cwd=HOUSE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    ledger = tmp_path / "out" / "ledger-0001-of-0001.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and (not ledger.exists() or ledger.read_text().count("\n") < 2):
        time.sleep(0.05)
    time.sleep(0.2)
    # a terminal sends it to the workers, too
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b""), err
    assert err.count(b"\n") == 1
    assert b"cancelled by " + (b"Ctrl-C" if number == signal.SIGINT else b"SIGTERM") in err
    assert b"the same command goes on from there" in err
    found = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [row["name"] for row in found[1:]] == ["in/a.png"]
    assert not list((tmp_path / "out").rglob("*.tmp"))
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    listed.write_text(listed.read_text().replace("9000", "2"))
    done = subprocess.run(line, cwd=HOUSE, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert b"1 picture done before" in done.stdout
