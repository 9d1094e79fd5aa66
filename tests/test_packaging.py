"""What is published: a wheel that is whole and works alone, and an sdist that makes the same wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

import retouch

HOUSE = Path(__file__).resolve().parents[1]
MOST_BYTES = 40_000_000
"""A wheel has about 31 MB, of which 30 are bundled weights; more wants a reason."""

ENDINGS = {".py", ".typed", ".safetensors", ".toml", ".html", ".css", ".js", ".svg", ".jpg", ".png", ".md"}
"""Of the files that a wheel may have."""

MODULES = {
    "studio": ("fastapi", "starlette", "uvicorn", "pydantic"),
    "serve": ("fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client"),
    "ray": ("ray",),
    "remote": ("fsspec",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "openvino": ("openvino", "nncf"),
    "train": ("tensorboard",),
    "spandrel": ("spandrel",),
}
"""Extra → the modules that it brings."""

COMMANDS = {
    "studio": "retouch studio --no-browser --port 0",
    "serve": "retouch serve --port 0",
    "ray": "retouch batch fill --in photos --mask mask.png --out made --ray local",
    "remote": "retouch batch fill --in memory://photos --mask mask.png --out made",
    "onnx": "retouch export denoise -o denoise.onnx",
    "openvino": "retouch export denoise -o denoise.xml --int8 --calibrate photos",
    "train": "retouch train pix2pix --preset fast --data synthetic:facades?count=8&size=128 --out run "
    "--engine.images 4 --engine.tensorboard true",
    "spandrel": "retouch upscale photo.png --model strange.pth -o large.png",
}
"""Extra → a command that needs it."""

EDITS = ("fill photo.png mask.png", "inpaint photo.png mask.png", "restore photo.png", "upscale photo.png")
"""What a newcomer might do first; the first two wait for the solver to be compiled."""

BLOCKER = """
import importlib.machinery
import os

hidden = frozenset(os.environ.get("HIDDEN", "").split())
find = importlib.machinery.PathFinder.find_spec


def found(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else find(name, path, target)


importlib.machinery.PathFinder.find_spec = found
"""

Run = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Built:
    """The two files that are published."""

    wheel: Path
    sdist: Path

    @property
    def names(self) -> list[str]:
        """What is in the wheel."""
        with zipfile.ZipFile(self.wheel) as opened:
            return sorted(opened.namelist())


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout as it is now, so that nobody edits it between two builds."""
    folder = tmp_path_factory.mktemp("tree")
    left_out = shutil.ignore_patterns("__pycache__", "*.nb[ci]")
    for name in ("src", "tests", "docs", "examples", "experiments", "benchmarks"):
        shutil.copytree(HOUSE / name, folder / name, ignore=left_out)
    for path in HOUSE.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    kept = folder / "src" / "retouch" / "poisson" / "kernels" / "__pycache__"
    kept.mkdir()
    for name in ("fine.cycle-1.py311.nbi", "fine.cycle-1.py311.1.nbc", "fine.cpython-311.pyc"):
        (kept / name).write_bytes(b"compiled here")
    return folder


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build(tree, folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


def build(house: Path, into: Path, *only: str) -> None:
    """Build without asking the network for the build's own tools."""
    words = [sys.executable, "-m", "build", "--no-isolation", *only, "--outdir", str(into), str(house)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_has_the_package_and_nothing_else(built: Built, tree: Path) -> None:
    files = [path for path in (tree / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = sorted(path.relative_to(tree / "src").as_posix() for path in files)
    about = f"retouch-{retouch.__version__}.dist-info"
    inside = [name for name in built.names if not name.startswith(about)]
    assert inside == wanted
    assert {Path(name).suffix for name in inside} == ENDINGS
    assert [name.removeprefix(about) for name in built.names if name.startswith(about)] == [
        "/METADATA",
        "/RECORD",
        "/WHEEL",
        "/entry_points.txt",
        "/licenses/LICENSE",
    ]
    assert built.wheel.stat().st_size < MOST_BYTES


def test_the_sdist_has_what_is_needed_and_no_more(built: Built) -> None:
    with tarfile.open(built.sdist) as opened:
        names = [name.partition("/")[2] for name in opened.getnames()]
    for needed in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt", "Makefile"):
        assert needed in names
    assert {"tests/test_packaging.py", "docs/index.md", "src/retouch/__init__.py"} <= set(names)
    # What its tests and its documentation read.
    assert {"benchmarks/results/poisson.json", "Containerfile", ".dockerignore"} <= set(names)
    stray = r"__pycache__|\.nb[ci]$|\.pyc$|^\.(?!gitignore|dockerignore)"
    assert not [name for name in names if re.search(stray, name)]
    assert built.sdist.stat().st_size < MOST_BYTES


def test_the_wheel_is_the_same_from_the_tree_as_from_the_sdist(
    built: Built, tree: Path, tmp_path: Path
) -> None:
    build(tree, tmp_path, "--wheel")
    assert (tmp_path / built.wheel.name).read_bytes() == built.wheel.read_bytes()


def test_the_metadata_says_what_there_is(built: Built) -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = f"retouch-{retouch.__version__}.dist-info"
    with zipfile.ZipFile(built.wheel) as opened:
        metadata = opened.read(f"{about}/METADATA").decode()
        scripts = opened.read(f"{about}/entry_points.txt").decode()
    assert f"Version: {retouch.__version__}\n" in metadata
    assert sorted(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE)) == sorted(
        project["optional-dependencies"]
    )
    assert "retouch = retouch.cli:main" in scripts
    assert {*MODULES, "dev", "docs"} == set(project["optional-dependencies"])


def test_the_changelog_begins_with_this_version() -> None:
    text = (HOUSE / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert newest is not None
    assert newest[1] == retouch.__version__


def test_every_pinned_version_is_one_that_is_asked_for() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (HOUSE / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if line and line[0] != "#"}
    everything = [
        *project["dependencies"],
        *(each for some in project["optional-dependencies"].values() for each in some),
    ]
    asked = {re.split(r"[\[<>=~ ]", each, maxsplit=1)[0].lower() for each in everything}
    assert asked <= pinned
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines if line and line[0] != "#")


@pytest.fixture(scope="module")
def alone(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The unpacked wheel, with every extra hidden from it; gives what runs `python` or `retouch` there."""
    folder = tmp_path_factory.mktemp("alone")
    with zipfile.ZipFile(built.wheel) as opened:
        opened.extractall(folder)
    (folder / "sitecustomize.py").write_text(BLOCKER)
    hidden = " ".join(sorted({module for some in MODULES.values() for module in some}))

    def run(words: Sequence[str], where: Path) -> subprocess.CompletedProcess[str]:
        named = ["-m", "retouch.cli", *words[1:]] if words[0] == "retouch" else list(words[1:])
        environment = {**os.environ, "PYTHONPATH": str(folder), "HIDDEN": hidden}
        return started([sys.executable, *named], where, environment)

    return run


@pytest.fixture(scope="module")
def clean(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A new environment with the wheel and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "-c", str(HOUSE / "constraints.txt"), str(built.wheel)], check=True, timeout=1200)
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "check"], check=True)

    def run(words: Sequence[str], where: Path) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return started([str(folder / "bin" / words[0]), *words[1:]], where, environment)

    return run


def started(
    words: Sequence[str], where: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program."""
    environment = {**environment, "HOME": str(where), "OMP_NUM_THREADS": "1"}
    return subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, timeout=300)


def lay_out(folder: Path) -> None:
    """Put down what the commands name."""
    (folder / "photos").mkdir()
    for place in ("photo.png", "photos/1.png"):
        Image.radial_gradient("L").resize((64, 48)).convert("RGB").save(folder / place)
    hole = Image.new("L", (64, 48))
    hole.paste(255, (20, 20, 30, 30))
    hole.save(folder / "mask.png")
    torch.save({"of.nobody": torch.zeros(3, 3)}, folder / "strange.pth")


def check_alone(run: Run, folder: Path, edits: Sequence[str]) -> None:
    """Do in a folder without anything what a newcomer does."""
    place = folder / "empty"
    place.mkdir()
    told = run(["python", "-c", "import retouch; print(retouch.__version__, retouch.__file__)"], place)
    version, file = told.stdout.split()
    assert version == retouch.__version__
    assert not Path(file).is_relative_to(HOUSE), "the checkout was imported, not what is published"
    assert "upscale" in run(["retouch", "--help"], place).stdout
    asked = run(["retouch", "--version"], place)
    assert (asked.returncode, asked.stdout) == (0, f"retouch {retouch.__version__}\n")
    lay_out(place)
    for words in edits:
        name, *given = words.split()
        done = run(["retouch", name, *given, "-o", f"{name}.png", "--json"], place)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
        with Image.open(place / f"{name}.png") as made:
            assert made.size == ((256, 192) if name == "upscale" else (64, 48))


@pytest.mark.parametrize("extra", [extra for extra in MODULES if extra != "train"])
def test_a_missing_extra_says_what_to_install(extra: str, alone: Run, tmp_path: Path) -> None:
    check_missing(extra, alone, tmp_path)


@pytest.mark.slow
def test_training_says_what_to_install_and_goes_on(alone: Run, tmp_path: Path) -> None:
    check_missing("train", alone, tmp_path)


def check_missing(extra: str, run: Run, folder: Path) -> None:
    """Ask for something that is not installed."""
    lay_out(folder)
    before = sorted(path.name for path in folder.rglob("*.png"))
    done = run(COMMANDS[extra].split(" "), folder)
    # Curves are no reason to lose a training of hours: it says the same, and goes on.
    assert done.returncode == (0 if extra == "train" else 2), done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()[-1:]
    assert line.startswith("TensorBoardLog stopped" if extra == "train" else "retouch: error: ")
    assert re.search(rf"pip install [\"']retouch\[{extra}\][\"']", line), line
    assert "Traceback" not in done.stderr
    made = [path for path in folder.rglob("*") if path.suffix in (".png", ".onnx", ".xml", ".bin")]
    assert sorted(path.name for path in made if "run" not in path.parts) == before


def test_the_wheel_works_without_an_extra(alone: Run, tmp_path: Path) -> None:
    check_alone(alone, tmp_path, EDITS[2:3])


@pytest.mark.slow
def test_the_wheel_works_in_a_clean_environment(clean: Run, tmp_path: Path) -> None:
    check_alone(clean, tmp_path, EDITS)
    place = tmp_path / "empty"
    batch = clean(["retouch", "batch", "restore", "--in", "photos", "--out", "made"], place)
    assert batch.returncode == 0, batch.stderr
    assert (place / "made" / "1.png").is_file()
    place = tmp_path / "examined"
    place.mkdir()
    doctor = json.loads(clean(["retouch", "doctor", "--json"], place).stdout)
    assert doctor["ok"] is True
    # torch brings fsspec; nothing brings the others.
    assert doctor["missing_extras"].keys() - {"dev", "docs"} == MODULES.keys() - {"remote"}
    for extra in MODULES.keys() - {"remote"}:
        place = tmp_path / extra
        place.mkdir()
        check_missing(extra, clean, place)
