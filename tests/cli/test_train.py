from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from retouch import catalog
from retouch.cli import recipes
from retouch.cli import train as train_module
from retouch.cli.train import OWN, Lines
from retouch.cli.watch import told
from retouch.errors import Diverged, InputError
from retouch.progress import Progress
from retouch.training import Recipe
from tests.cli.conftest import Said, names
from tests.training.line import LineRecipe

Say = Callable[..., Said]
HOUSE = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{HOUSE / 'src'}{os.pathsep}{HOUSE}", "OMP_NUM_THREADS": "1"}

LISTED = "line Learn the slope of a line. Presets: paper, fast."
TORCHRUN = "-m torch.distributed.run --nproc_per_node 2 --master-addr 127.0.0.1 --master-port {} -m "

every_recipe = pytest.mark.parametrize("recipe", catalog.recipes(), ids=lambda recipe: recipe.name)


class Lined(LineRecipe):
    """The line, with presets."""

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        return {"paper": {}, "fast": {"adam.rate": 0.5, "engine": {"images": 6}}}


@pytest.fixture(autouse=True)
def only_the_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalog, "recipes", lambda: (Lined,))
    monkeypatch.chdir(tmp_path)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def record(run: str) -> dict[str, Any]:
    found = yaml.safe_load((Path(run) / "run.yaml").read_text())
    assert isinstance(found, dict)
    return found


def test_a_run_from_the_command_line(say: Say, tmp_path: Path) -> None:
    said = say("train", "line", "--data", 4, "--out", "run", "--engine.images", 8, "--adam.rate=1e-1")
    assert (said.code, said.err) == (0, "")
    first, second = said.out.splitlines()
    assert re.match(r"run/best\.safetensors \(8 images, \d+ s, error ", first)
    assert second == "run/report.html"
    found = record("run")
    assert found["command"] == "retouch train line --data 4 --out run --engine.images 8 --adam.rate 1e-1"
    assert found["options"]["adam"]["rate"] == 0.1
    assert found["options"]["engine"]["images"] == 8


def test_json(say: Say, tmp_path: Path) -> None:
    said = say("--json", "train", "line", "--data", 4, "--out", "run", "--engine.images", 4)
    assert said.err == ""
    facts = said.facts
    assert facts["run"] == str(tmp_path / "run")
    assert facts["images"] == 4
    assert facts["weights"] == {"slope": str(tmp_path / "run" / "best.safetensors")}
    assert facts["report"] == str(tmp_path / "run" / "report.html")
    assert set(facts["metrics"]) == {"error"}
    assert facts["warnings"] == []


def test_quiet_says_nothing(say: Say) -> None:
    assert say("train", "line", "--data", 4, "--out", "run", "--engine.images", 2, "--quiet") == Said(
        0, "", ""
    )


def test_warnings_are_told_once(say: Say) -> None:
    run = Path("run")
    say("train", "line", "--data", 4, "--out", run, "--engine.images", 2)
    (run / "warnings.txt").write_text("100\tthe data is slow\n200\tthe data is slow\n")
    said = say("train", "--resume", run)
    assert said.out.splitlines()[0] == "warning: the data is slow"
    assert said.out.count("warning") == 1
    assert say("train", "--resume", run, "--json").facts["warnings"] == ["the data is slow"]


def test_options_come_from_preset_then_file_then_command_line(say: Say) -> None:
    Path("mine.yaml").write_text("adam:\n  rate: 0.25\n  beta1: 0.75\nengine.seed: 7\n")
    words = ["train", "line", "--data", 4, "--dry-run", "--json", "--preset", "fast", "--config", "mine.yaml"]
    options = say(*words, "--adam.beta1", "0.25").facts["options"]
    assert options["adam.rate"] == 0.25
    assert options["adam.beta1"] == 0.25
    assert options["engine.seed"] == 7
    assert options["engine.images"] == 6


@pytest.mark.parametrize(
    ("time", "minutes"), [("12h", 720.0), ("90m", 90.0), ("1h30m", 90.0), (" 0.5H ", 30.0)]
)
def test_a_time_budget_is_minutes_of_the_engine(say: Say, time: str, minutes: float) -> None:
    words = ["train", "line", "--data_path", 4, "--dry-run", "--json", "--time-budget", time]
    assert say(*words).facts["options"]["engine.minutes"] == minutes


@pytest.mark.parametrize("time", ["12", "h", "", "0m", "1d", "-1h", "30m1h"])
def test_what_is_no_time_is_refused(say: Say, time: str) -> None:
    said = say("train", "line", "--data", 4, "--dry-run", f"--time-budget={time}")
    assert said.code == 2
    assert "is not a length of time" in said.err or "needs a value" in said.err


def test_a_time_budget_is_given_once(say: Say) -> None:
    said = say("train", "line", "--data", 4, "--dry-run", "--time-budget", "1h", "--engine.minutes", 5)
    assert said.code == 2
    assert "--time-budget and --engine.minutes are both given" in said.err


def test_a_dry_run_is_a_file_of_options(say: Say) -> None:
    said = say("train", "line", "--data", 4, "--dry-run", "--engine.images", 8, "--engine.batch", 3)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[:3] == [
        "# 4 training and 4 validation pictures",
        "# slope: 1 parameters",
        "# 8 images in 3 steps of 3, 2 times through the training pictures",
    ]
    assert names(".") == []
    Path("again.yaml").write_text(said.out)
    assert say("train", "--config", "again.yaml", "--dry-run") == said
    assert say("train", "--config", "again.yaml", "--out", "run").code == 0
    assert record("run")["options"]["engine"]["batch"] == 3


def test_a_dry_run_in_json(say: Say) -> None:
    facts = say("train", "line", "--data", 4, "--dry-run", "--json").facts
    assert {name: facts[name] for name in ("recipe", "data", "images", "step", "steps")} == {
        "recipe": "line", "data": "4", "images": 16, "step": 1, "steps": 16,
    }  # fmt: skip
    assert facts["parameters"] == {"slope": 1}
    assert (facts["training_pictures"], facts["validation_pictures"]) == (4, 4)


def test_an_earlier_run_is_repeated_from_its_record(say: Say) -> None:
    assert (
        say("train", "line", "--data", 4, "--out", "one", "--engine.images", 4, "--adam.rate", 0.3).code == 0
    )
    assert say("train", "--config", "one/run.yaml", "--out", "two").code == 0
    assert record("two")["options"] == record("one")["options"]
    assert record("two")["data"] == "4"
    assert Path("one/last.safetensors").read_bytes() == Path("two/last.safetensors").read_bytes()


def test_a_run_goes_on_for_longer(say: Say) -> None:
    assert say("train", "line", "--data", 4, "--out", "run", "--engine.images", 4).code == 0
    words = ["train", "line", "--data", 4, "--out", "run", "--resume", "run", "--engine.images", 8]
    dry = say(*words, "--dry-run", "--json").facts
    assert dry["images"] == 8
    said = say(*words)
    assert (said.code, said.err) == (0, "")
    assert "(8 images" in said.out
    assert say("train", "line", "--data", 4, "--out", "whole", "--engine.images", 8).code == 0
    assert Path("run/last.safetensors").read_bytes() == Path("whole/last.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["line", "--data", "5"], "--data is 5 but the run in run has 4; leave it out with --resume"),
        (["circle"], "the recipe is circle but the run in run has line"),
        (["--out", "other"], "--out is other but the run in run has run"),
        (["--preset", "fast"], "--preset is for new runs"),
        (["--adam.rat", "1"], "unknown option --adam.rat; did you mean --adam.rate"),
    ],
)
def test_what_contradicts_the_run_to_go_on_with_is_refused(say: Say, words: list[str], message: str) -> None:
    assert say("train", "line", "--data", 4, "--out", "run", "--engine.images", 2).code == 0
    said = say("train", "--resume", "run", *words)
    assert said.code == 2
    assert message in said.err


def test_there_is_nothing_to_go_on_with(say: Say) -> None:
    said = say("train", "--resume", "nowhere")
    assert said.code == 2
    assert "nowhere holds no run" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no recipe is given; name one of line"),
        (["lime", "--data", "4"], "unknown recipe 'lime'; did you mean line?"),
        (["line"], "--data is missing"),
        (["line", "--data", "4"], "--out is missing"),
        (["line", "circle"], "unexpected 'circle'; the recipe is 'line' already"),
        (["line", "-x"], "unexpected '-x'; options begin with two hyphens"),
        (["line", "--data", "4", "--engine.imges", "5"], "--engine.imges; did you mean --engine.images, "),
        (["line", "--data", "4", "--outt", "5"], "unknown option --outt; did you mean --out, "),
        (["line", "--data", "4", "--adam.rate"], "--adam.rate needs a value, as in --adam.rate 1"),
        (["line", "--data", "4", "--adam.rate", "--dry-run"], "--adam.rate needs a value"),
        (["line", "--data", "4", "--adam.rate", "fast"], "adam.rate is 'fast', but it must be a number"),
        (["line", "--data", "4", "--engine.images", "1.5"], "is 1.5, but it must be a whole number"),
        (["line", "--data", "4", "--engine.images", "{"], "engine.images is '{'"),
        (["line", "--data", "4", "--engine.images", "-1"], "engine.images is -1; it must be at least 0"),
        (["line", "--data", "4", "--engine.compile", "yes"], "did you mean "),
        (["line", "--data", "4", "--preset", "quick"], "unknown preset of line 'quick'; did you mean "),
        (["line", "--data", "4", "--config", "none.yaml"], "none.yaml cannot be read (No such file"),
        (["line", "--data"], "--data needs a value"),
    ],
)  # fmt: skip
def test_mistakes_are_named_and_nothing_is_made(
    say: Say, tmp_path: Path, words: list[str], message: str
) -> None:
    said = say("train", *words)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("retouch: error: ")
    assert said.err.count("\n") == 1
    assert message in said.err
    assert names(tmp_path) == []
    assert json.loads(say("train", *words, "--json").out)["message"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adam: [", "mine.yaml is not YAML"),
        ("- 1\n", "mine.yaml holds list, but it must map options to values"),
        ("adam:\n  rat: 1\n", "mine.yaml: unknown option 'adam.rat'; did you mean adam.rate"),
        ("adam.rate: x\n", "mine.yaml: adam.rate is 'x', but it must be a number"),
    ],
)
def test_a_file_of_options_is_checked(say: Say, text: str, message: str) -> None:
    Path("mine.yaml").write_text(text)
    said = say("train", "line", "--data", 4, "--config", "mine.yaml", "--dry-run")
    assert said.code == 2
    assert message in said.err


def test_an_empty_file_of_options_is_nothing(say: Say) -> None:
    Path("mine.yaml").write_text("# nothing yet\n")
    assert say("train", "line", "--data", 4, "--config", "mine.yaml", "--dry-run").code == 0


def test_a_choice_may_be_a_word_that_yaml_takes_for_a_switch(say: Say) -> None:
    words = ["train", "line", "--data", 4, "--dry-run", "--json", "--engine.compile", "no"]
    assert say(*words, "--engine.channels-last", "false").facts["options"]["engine.compile"] == "no"


def test_the_list_names_recipes_and_presets(say: Say) -> None:
    said = say("train", "--list")
    assert said.out.split() == LISTED.split()
    (found,) = say("train", "--list", "--json").facts["recipes"]
    assert found["presets"]["fast"] == {"adam.rate": 0.5, "engine": {"images": 6}}


def test_help_of_the_command_and_of_a_recipe(say: Say) -> None:
    said = say("train", "--help")
    assert said.code == 0
    for word in ("retouch train RECIPE --data DATA --out RUN", "--resume", "--dry-run", "--json", "--list"):
        assert word in said.out
    said = say("train", "line", "--help")
    assert said.code == 0
    assert (
        "  --poison N                          the loss is NaN from this step on; 0: never. [0]" in said.out
    )
    assert "--adam.schedule constant|linear|cosine" in said.out
    assert "adam.rate=0.5, engine.images=6" in said.out
    assert said.out == say("train", "--help", "line").out
    assert say("train", "lime", "-h").code == 2
    options = {item["name"]: item for item in say("train", "line", "--help", "--json").facts["options"]}
    assert options["adam.rate"]["default"] == 0.1
    assert options["engine.compile"]["values"] == "no|default|graphs"


@every_recipe
def test_every_option_of_every_recipe_is_documented_and_reachable(recipe: type[Recipe]) -> None:
    described = recipes.described(recipe)
    assert {item.name for item in described} >= {"engine.images", "engine.batch"}
    for item in described:
        assert item.help, f"--{item.name} of {recipe.name} has no help"
        assert item.values != "VALUE", item
        assert item.name.split(".")[0] not in OWN
    for preset in recipe.presets():
        assert set(recipes.preset_of(recipe, preset)) <= {item.name for item in described}
    assert all(len(line) <= recipes.WIDTH for line in recipes.help_of(recipe).splitlines())
    groups = {field.name for field in fields(recipe) if is_dataclass(getattr(recipe(), field.name))}
    assert groups == {item.name.split(".")[0] for item in described if "." in item.name}


@every_recipe
def test_every_default_survives_the_command_line(recipe: type[Recipe]) -> None:
    from retouch.training import changed, flat

    words = {name: yaml_word(value) for name, value in flat(recipe()).items()}
    assert changed(recipe(), recipes.read_values(recipe, words, OWN)) == recipe()


def yaml_word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_a_run_that_breaks_down_says_what_to_change(say: Say) -> None:
    said = say("train", "line", "--data", 4, "--out", "run", "--poison", 2)
    assert said.code == 2
    assert "engine.clip=1" in said.err
    assert (
        json.loads(say("train", "line", "--data", 4, "--out", "run2", "--poison", 2, "--json").out)["error"]
        == Diverged.__name__
    )


def test_other_processes_keep_quiet(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with pytest.raises(SystemExit) as stopped:
        say("train", "line", "--engine.imges", 3)
    assert stopped.value.code == 2
    assert slept == [3.0]
    monkeypatch.setattr(train_module.Plan, "carried_out", lambda plan, printing: None)
    assert say("train", "line", "--data", 4, "--out", "run") == Said(0, "", "")


def test_the_record_of_several_processes_names_torchrun(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    wish = train_module.Wish("line", {"adam.rate": "1"}, "my data", Path("run"), None, None, None)
    assert " ".join(train_module._command(wish)) == (
        "torchrun --nnodes 2 --nproc_per_node 2 -m retouch.cli "
        "train line --data my data --out run --adam.rate 1"
    )


def test_lines_of_progress_come_once_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    seen: list[Progress] = []
    lines = Lines(seen.append)
    for done in range(100, 1000, 100):
        now[0] += 20
        lines(Progress("training", done, 10_000, facts={"l1": 0.123456, "images/s": 5.0}))
    assert len(seen) == 9
    assert capsys.readouterr().err.splitlines() == [
        "300 of 10,000 images, 48 min left, training, l1 0.123, images/s 5",
        "600 of 10,000 images, 38 min left, training, l1 0.123, images/s 5",
        "900 of 10,000 images, 34 min left, training, l1 0.123, images/s 5",
    ]


def test_an_event_in_words() -> None:
    assert told(Progress("solving", 1, 2)) == "solving"
    assert told(Progress("training", 1, 2, facts={"l1": 12.3456})) == "training, l1 12.3"


def test_words_are_split_by_hand() -> None:
    assert recipes.split(["a", "--x.y", "-3", "--z-w=a=b", "--e="]) == (
        "a",
        {"x.y": "-3", "z_w": "a=b", "e": ""},
    )
    with pytest.raises(InputError, match="--x needs a value"):
        recipes.split(["--x"])


def start(*words: object, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    program = [sys.executable, *(launcher or ("-m", "tests.cli.slow_training")), "train", *map(str, words)]
    return subprocess.Popen(
        program, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    run = tmp_path / "run"
    process = start("line", "--data", 4, "--out", run, "--engine.images", 4000)
    wait_for(run / "checkpoint.pt")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith(f"retouch: error: stopped by {number.name} after ")
    assert last.endswith(f"of 4,000 images; go on with: retouch train --resume {run}")
    seen = int(last.split(" after ")[1].split(" of ")[0].replace(",", ""))
    process = start("--resume", run, "--engine.images", seen + 3, "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["images"] == seen + 3


@pytest.mark.slow
def test_torchrun(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        launcher = (*TORCHRUN.format(probe.getsockname()[1]).split(), "tests.cli.slow_training")
    process = start("line", "--data", 4, "--out", run, "--engine.images", 8, launcher=launcher)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out.count("best.safetensors") == 1
    assert record(str(run))["command"].startswith("torchrun --nproc_per_node 2 -m retouch.cli train line")
    process = start("line", "--data", 4, "--out", run, launcher=launcher)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err.count("retouch: error: ") == 1, err
    assert "holds a run already" in err


def test_a_file_and_the_command_line_need_only_make_sense_together(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retouch.tasks.translate.recipe import Pix2Pix

    monkeypatch.setattr(catalog, "recipes", lambda: (Pix2Pix,))
    Path("critic.yaml").write_text("game: {kind: wgan-gp}\ngenerator.width: 4\n")
    words = ["train", "pix2pix", "--data", "synthetic:facades", "--config", "critic.yaml", "--dry-run"]
    assert say(*words, "--discriminator.norm", "none").code == 0
    assert "critic.yaml: wgan-gp needs" in say(*words).err
