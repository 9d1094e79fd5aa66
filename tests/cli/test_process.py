"""What only a real process can show: Ctrl-C, pipes, terminals, what is imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import names

HOUSE = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "numba", "cv2", "PIL", "numpy", "scipy", "skimage")
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{HOUSE / 'src'}{os.pathsep}{HOUSE}"}


def start(*words: object, module: str = "tests.cli.slow_verb") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, words)],
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def start_silent(photo: Path, out: Path) -> subprocess.Popen[str]:
    """An edit that runs for long without a progress event."""
    return start("darken", photo, "--box", "1,1,9,9", "--steps", 3000, "--note", "silent", "-o", out)


def interrupt_while_running(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stderr is not None
    assert process.stderr.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    return out, err


def test_ctrl_c_stops_a_long_edit_and_leaves_nothing(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    process = start("darken", photo, "--box", "1,1,9,9", "--steps", 3000, "-o", out)
    said = interrupt_while_running(process)
    assert said == ("", "retouch: error: cancelled by Ctrl-C\n")
    assert process.returncode == 130
    assert names(tmp_path) == ["photo.png"]


def test_ctrl_c_keeps_the_file_that_was_to_be_replaced(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    process = start("darken", photo, "--box", "1,1,9,9", "--steps", 3000, "-o", out, "--overwrite", "--json")
    said, _ = interrupt_while_running(process)
    assert json.loads(said)["error"] == "Cancelled"
    assert out.read_bytes() == b"precious"
    assert names(tmp_path) == ["out.png", "photo.png"]


def test_ctrl_c_stops_an_edit_that_reports_nothing_for_a_while(photo: Path, tmp_path: Path) -> None:
    process = start_silent(photo, tmp_path / "out.png")
    started = time.perf_counter()
    said = interrupt_while_running(process)
    assert 0.4 < time.perf_counter() - started < 5
    assert said == ("", "retouch: error: cancelled by Ctrl-C\n")
    assert process.returncode == 130
    assert names(tmp_path) == ["photo.png"]


def test_sigterm_cleans_up_like_ctrl_c(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    process = start("darken", photo, "--box", "1,1,9,9", "--steps", 3000, "-o", out, "--overwrite")
    assert process.stderr is not None
    assert process.stderr.readline() == "running\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20) == ("", "retouch: error: cancelled by SIGTERM\n")
    assert process.returncode == 130
    assert out.read_bytes() == b"precious"
    assert names(tmp_path) == ["out.png", "photo.png"]


def test_a_second_ctrl_c_kills(photo: Path, tmp_path: Path) -> None:
    process = start_silent(photo, tmp_path / "out.png")
    assert process.stderr is not None
    assert process.stderr.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.15)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == -signal.SIGINT


def test_a_reader_that_leaves_early_is_no_error() -> None:
    process = start("--help", module="retouch.cli")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(20) in (0, 1)


def test_names_that_the_terminal_cannot_show_are_escaped(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "été.png"
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.slow_verb", "soften", str(photo), "-o", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    assert "\\xe9t\\xe9.png" in done.stdout


def test_no_bar_is_written_into_a_file(photo: Path, tmp_path: Path) -> None:
    process = start("darken", photo, "--box", "1,1,9,9", "--steps", 60, "-o", tmp_path / "out.png", "--json")
    out, err = process.communicate(timeout=20)
    assert err == "running\n"
    assert json.loads(out)["seconds"] > 0.6


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_the_bar_is_shown_on_a_terminal_only(photo: Path, tmp_path: Path) -> None:
    import pty

    master, slave = pty.openpty()
    words = [
        "darken",
        str(photo),
        "--box",
        "1,1,9,9",
        "--steps",
        "80",
        "-o",
        str(tmp_path / "out.png"),
        "--json",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.slow_verb", *words],
        env={**ENVIRONMENT, "TERM": "xterm"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            read = os.read(master, 4096)
        except OSError:
            break
        if not read:
            break
        shown += read
    os.close(master)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "darkening" in shown.decode()
    assert "%" in shown.decode()
    assert json.loads(out)["cycles"] == 80


@pytest.mark.parametrize(
    ("words", "light"),
    [(["--help"], HEAVY), (["--version"], HEAVY), (["blend", "--help"], ("torch", "numba", "cv2"))],
)
def test_help_imports_nothing_heavy(words: list[str], light: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom retouch.cli import main\n"
        f"assert main({words!r}) == 0\n"
        f"print(sorted(set({light!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "[]\n"
    assert done.stdout


def test_what_c_code_prints_about_a_damaged_file_is_not_shown(tmp_path: Path) -> None:
    Image = pytest.importorskip("PIL.Image")
    path = tmp_path / "damaged.tif"
    Image.effect_noise((64, 64), 80).save(path, compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    for i in range(len(data) // 3, len(data) // 3 + 400):
        data[i] ^= 0x5A
    path.write_bytes(data)
    words = ["fill", str(path), "--box", "1,1,5,5", "-o", str(tmp_path / "out.png")]
    said = {}
    for extra in ([], ["--debug"]):
        done = subprocess.run(
            [sys.executable, "-m", "retouch.cli", *words, *extra],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        said[len(extra)] = done.stderr.splitlines()
    assert "not yet in table" in said[1][0]  # libtiff did print: --debug shows it
    assert len(said[0]) == 1
    assert said[0][0].startswith("retouch: error: ")
    assert names(tmp_path) == ["damaged.tif"]
