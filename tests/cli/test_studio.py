"""``retouch studio``: what it takes, and what it says before it starts."""

from __future__ import annotations

import importlib.util
import json
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retouch.cli import main
from retouch.cli import serving as command
from retouch.studio import serve
from retouch.studio.settings import MEGABYTE, Settings


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What the studio is started with, in place of starting it."""
    seen: list[Settings] = []

    def instead(settings: Settings, *, opened: Callable[[Settings], None]) -> None:
        seen.append(settings)
        opened(settings)

    monkeypatch.setattr(serve, "serve", instead)
    return seen


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the browser is told to open."""
    seen: list[str] = []
    monkeypatch.setattr(webbrowser, "open", seen.append)
    there = serve.show_in_browser
    # The studio does not wait for it, but these tests do.
    monkeypatch.setattr(serve, "show_in_browser", lambda settings: there(settings).join())
    return seen


def test_it_is_for_this_machine_alone_unless_told_otherwise(
    started: list[Settings], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio"]) == 0
    assert started == [Settings()]
    assert shown == ["http://127.0.0.1:8700/"]
    assert capsys.readouterr().out == "retouch studio: http://127.0.0.1:8700/\n"


def test_everything_can_be_said(started: list[Settings], shown: list[str], tmp_path: Path) -> None:
    words = ["--host", "0.0.0.0", "--port", "0", "--token", "secret-token", "--allow-host", "a.example"]
    words += [
        "--allow-host",
        "b.example",
        "--folder",
        str(tmp_path),
        "--device",
        "cuda:0",
        "--device",
        "cuda:1",
    ]
    words += ["--allow-weights", str(tmp_path), "--max-upload", "1.5", "--max-pixels", "1000", "--no-browser"]
    assert main(["studio", *words]) == 0
    assert started == [
        Settings(
            host="0.0.0.0",
            port=0,
            token="secret-token",
            names=("a.example", "b.example"),
            folder=tmp_path,
            devices=("cuda:0", "cuda:1"),
            weights=(tmp_path.resolve(),),
            upload_bytes=1_500_000,
            pixels=1000,
        )
    ]
    assert shown == []


def test_the_address_is_said_to_programs_too(
    started: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio", "--no-browser", "--json", "--token", "secret-token"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "address": "http://127.0.0.1:8700/?token=secret-token",
        "host": "127.0.0.1",
        "port": 8700,
        "token": "secret-token",
    }


def test_quiet_still_says_where_it_is(started: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studio", "--no-browser", "--quiet"]) == 0
    assert "http://127.0.0.1:8700/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--token", "short"], "--token must be at least 8 letters"),
        (["--token", "with a blank in it"], "--token must be at least 8 letters"),
        (["--allow-weights", "/no/such/folder"], "--allow-weights /no/such/folder is no folder"),
        (["--port", "70000"], "port"),
        (["--max-upload", "0"], "max-upload"),
        (["--max-upload", "inf"], "max-upload"),
        (["--max-upload", "nan"], "max-upload"),
        (["--max-upload", "10001"], "max-upload"),
        (["--device", "tpu"], "--device 'tpu' is none; give cpu, cuda, cuda:1"),
        (["--device", "cpu", "--device", "cuda:x"], "--device 'cuda:x' is none"),
        (["--max-pixels", "0"], "max-pixels"),
        (["--listen", "x"], "--listen"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], said: str, started: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio", "--no-browser", *words]) == 2
    assert said in capsys.readouterr().err
    assert started == []


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec

    def spec(name: str, *rest: Any) -> Any:
        return None if name == missing else there(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", spec)
    assert main(["studio"]) == 2
    assert f'the studio needs {missing}, which is not installed; run: pip install "retouch[studio]"' in (
        capsys.readouterr().err
    )


def test_no_file_may_be_larger_than_all_that_is_kept() -> None:
    assert Settings().folder_bytes == command.MOST * MEGABYTE
