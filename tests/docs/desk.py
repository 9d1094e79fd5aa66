"""The folder in which a page's blocks are run: what lies there, and how a command is carried out."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from retouch.cli import main
from retouch.image import samples
from retouch.weights.bundled import bundled
from tests import strangers
from tests.docs.blocks import HOUSE, PYTHON, Block, Command, commands, invocations, name_of, retouch_words
from tests.tasks.restore import originals as restorers
from tests.tasks.stylize.originals import TransformerNet
from tests.tasks.translate import originals as translators

SERVERS = ("studio", "serve")
"""The commands that go on until they are stopped."""

_APART = ("batch", *SERVERS)
"""Commands that start processes of their own: each gets a process, as a user's does."""

_SHELL = re.compile(r"[$`*~]|\n")
_WAIT = 60.0


class Desk:
    """A folder with photos, in which the blocks of one page are run in turn.

    Args:
        folder: an empty one.
        page: the page, for the files that it speaks of.
    """

    def __init__(self, folder: Path, page: Path) -> None:
        self.folder = folder
        self._space: dict[str, object] = {"__name__": "__main__"}
        self._page = name_of(page)
        self._running: list[subprocess.Popen[str]] = []
        self._ports: dict[str, str] = {}
        with warnings.catch_warnings():
            # torch.jit.trace is deprecated; other projects' files were made by it all the same.
            warnings.simplefilter("ignore")
            _lay_out(folder, page)

    def run(self, block: Block) -> None:
        """Run a block; an AssertionError says which command of it did what it should not.

        Args:
            block: of commands or of Python.
        """
        text = self._readdressed(block.text)
        if block.kind in PYTHON:
            # As many lines before it as in the page, so that a traceback names the page's line.
            source = "\n" * (block.line - 1) + text
            exec(compile(source, self._page, "exec", dont_inherit=True), self._space)
            return
        todo = commands(Block(block.line, block.kind, text, block.mark))
        for position, command in enumerate(todo, 1):
            wanted = block.mark.code if position == len(todo) else 0
            code, said = self._carried_out(command)
            assert code == wanted, f"{self._page}:{block.line}: {command.line}\nended with {code}\n{said}"
            if command.output.strip():
                assert matches(command.output, said), (
                    f"{self._page}:{block.line}: {command.line}\nprinted {said}"
                )

    def close(self) -> None:
        """Stop what is still running, as Ctrl-C does."""
        for process in self._running:
            process.send_signal(signal.SIGINT)
            code = process.wait(_WAIT)
            if process.stdout is not None:
                process.stdout.close()
            assert code in (0, 130), f"a server of {self._page} ended with {code}"

    def _carried_out(self, command: Command) -> tuple[int, str]:
        calls = invocations(command.line)
        words = retouch_words(calls[0]) if len(calls) == 1 else None
        if words and words[0] in SERVERS and "--help" not in words:
            return 0, self._served(words)
        if words and not (words[0] in _APART or _is_shell(command.line)):
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                return main(words), said.getvalue()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command.line],
            cwd=self.folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=600,
        )
        return done.returncode, done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def _served(self, words: list[str]) -> str:
        """Start a server on a free port, and send to it what the page sends to its own."""
        shown = words[words.index("--port") + 1] if "--port" in words else "8700"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = str(probe.getsockname()[1])
        if "--port" in words:
            words = [
                free if before == "--port" else word
                for before, word in zip(["", *words], words, strict=False)
            ]
        else:
            words = [*words, "--port", free]
        if words[0] == "studio" and "--no-browser" not in words:
            words = [*words, "--no-browser"]
        process = subprocess.Popen(
            [sys.executable, "-m", "retouch.cli", *words],
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._running.append(process)
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, f"{shlex.join(words)} ended with {process.wait(_WAIT)}"
        self._ports[shown] = free
        _wait_for(int(free))
        return said.replace(free, shown)

    def _readdressed(self, text: str) -> str:
        for shown, free in self._ports.items():
            text = re.sub(rf"(127\.0\.0\.1|localhost):{shown}\b", rf"\1:{free}", text)
        return text


@contextlib.contextmanager
def desk(folder: Path, page: Path) -> Iterator[Desk]:
    """Work in a folder for as long as the page lasts."""
    made = Desk(folder, page)
    with contextlib.chdir(folder):
        try:
            yield made
        finally:
            made.close()


def matches(shown: str, said: str) -> bool:
    """Whether a program printed what a page shows; ``…`` stands for anything, blanks at ends for nothing."""
    pattern = r"\s*\n".join(
        ".*".join(re.escape(part) for part in line.rstrip().split("…")) for line in shown.strip().splitlines()
    )
    return re.fullmatch(pattern, said.strip(), re.DOTALL) is not None


def _lay_out(folder: Path, page: Path) -> None:
    """Put down the photos of `make demo`, and what else the page names."""
    of_tasks = (HOUSE / "src" / "retouch" / "tasks").glob("*/samples/*.*")
    photos = [path for path in of_tasks if path.suffix in (".jpg", ".png", ".webp", ".avif")]
    for path in [*(samples.path(name) for name in samples.names()), *photos]:
        (folder / path.name).write_bytes(path.read_bytes())
    if page.parent.name == "coming-from":
        strangers.everything(folder)
        return
    text = page.read_text(encoding="utf-8")
    for name, make in _MADE.items():
        named = re.escape(name) + r"(?![\w-]|\.\w)"
        # What one of the page's own commands writes must not be there before.
        if re.search(rf"(?<![\w./-]){named}", text) and not re.search(rf"(?:-o|--out) {named}", text):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            make(folder / name)


def _photo(path: Path) -> None:
    with Image.open(samples.path("cat")) as cat:
        cat.convert("RGB").resize((96, 64)).save(path)


def _mask(path: Path) -> None:
    drawn = Image.new("L", (96, 64))
    ImageDraw.Draw(drawn).rectangle((40, 20, 60, 40), fill=255)
    drawn.save(path)


def _photos(path: Path) -> None:
    path.mkdir()
    for number, name in enumerate(("cat", "coffee", "rocket"), 1):
        with Image.open(samples.path(name)) as photo:
            photo.convert("RGB").resize((96, 64)).save(path / f"{number}.png")


def _pairs(path: Path) -> None:
    """Pictures in `HR/`, and beside them the same at a quarter of their size in `LR_x4/`."""
    for name, side in (("HR", (96, 64)), ("LR_x4", (24, 16))):
        (path / name).mkdir(parents=True)
        for sample in ("cat", "coffee"):
            with Image.open(samples.path(sample)) as photo:
                photo.convert("RGB").resize(side, Image.Resampling.BICUBIC).save(
                    path / name / f"{sample}.png"
                )


def _translator(path: Path) -> None:
    strangers.keep(path, translators.resnet(width=4, blocks=9))


def _trained_translator(path: Path) -> None:
    _translator(path.with_suffix(".pth"))
    assert main(["weights", "convert", str(path.with_suffix(".pth")), "-o", str(path), "--quiet"]) == 0


def _trained_filler(path: Path) -> None:
    path.write_bytes(bundled()["lama-small"].read_bytes())


def _lama(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        strangers.inpainting(Path(folder))
        made = Path(folder) / ("big-lama.pt" if path.suffix == ".pt" else "big-lama/models/best.ckpt")
        path.write_bytes(made.read_bytes())


def _esrgan(path: Path) -> None:
    network = restorers.RRDBNet(8, 2, 4)
    restorers.randomised(network)
    torch.save(restorers.under("params_ema", network), path)


def _imdn(path: Path) -> None:
    network = restorers.IMDN(16, 4)
    restorers.randomised(network)
    torch.save(network.state_dict(), path)


def _mosaic(path: Path) -> None:
    torch.manual_seed(1)
    torch.save(TransformerNet().state_dict(), path)


_MADE: dict[str, Callable[[Path], None]] = {
    "photo.jpg": _photo,
    "style.jpg": _photo,
    "a.jpg": _photo,
    "b.jpg": _photo,
    "c.jpg": _photo,
    "d.jpg": _photo,
    "horse.jpg": _photo,
    "labels.png": _photo,
    "mask.png": _mask,
    "photos": _photos,
    "scans": _photos,
    "cbsd68": _photos,
    "set5": _pairs,
    "latest_net_G.pth": _translator,
    "checkpoints/maps/latest_net_G.pth": _translator,
    "runs/maps/best.safetensors": _trained_translator,
    "runs/mine/best.safetensors": _trained_filler,
    "big-lama.pt": _lama,
    "lama-fourier/models/best.ckpt": _lama,
    "best.ckpt": _lama,
    "RealESRGAN_x4plus.pth": _esrgan,
    "IMDN_x4.pth": _imdn,
    "mosaic.pth": _mosaic,
}
"""Files of a reader's own that pages speak of, as small ones; weights are random."""


def _is_shell(line: str) -> bool:
    joined = line.replace("\\\n", " ")
    plain = re.sub(r"'[^']*'", "", joined)
    return (
        bool(_SHELL.search(plain))
        or len(invocations(line)) != 1
        or bool(re.search(r"[<>|&;]", _unquoted(plain)))
    )


def _unquoted(text: str) -> str:
    return re.sub(r'"[^"]*"', "", text)


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(HOUSE / "src")}


def _wait_for(port: int) -> None:
    until = time.monotonic() + _WAIT
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody answers on port {port}")
