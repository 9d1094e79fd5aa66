"""``retouch serve``: what it takes, and what it says before it starts."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retouch.cli import main
from retouch.studio import serve
from retouch.studio.settings import Settings


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What the server is started with, in place of starting it."""
    seen: list[Settings] = []

    def instead(settings: Settings, *, opened: Callable[[Settings], None]) -> None:
        seen.append(settings)
        opened(settings)

    monkeypatch.setattr(serve, "serve", instead)
    return seen


@pytest.fixture(autouse=True)
def quiet_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The logs as they were."""
    monkeypatch.delenv("RETOUCH_TOKEN", raising=False)
    logs = [logging.getLogger(name) for name in ("retouch", "uvicorn")]
    before = [(log, list(log.handlers), log.level, log.propagate) for log in logs]
    yield
    for log, handlers, level, propagate in before:
        log.handlers[:] = handlers
        log.setLevel(level)
        log.propagate = propagate


def test_by_default_it_is_for_this_machine_and_has_no_page(
    started: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve"]) == 0
    assert started == [Settings(page=False, grace=30.0)]
    assert capsys.readouterr().out == "retouch serve: http://127.0.0.1:8700/\n"


def test_everything_can_be_said(started: list[Settings], tmp_path: Path) -> None:
    words = ["--host", "0.0.0.0", "--port", "0", "--token", "secret-token", "--allow-host", "a.example"]
    words += ["--folder", str(tmp_path), "--device", "cuda:0", "--device", "cuda:1", "--workers", "3"]
    words += ["--batch", "8", "--grace", "5", "--allow-weights", str(tmp_path), "--max-upload", "1.5"]
    assert main(["serve", *words, "--max-pixels", "1000", "--log", "json"]) == 0
    assert started == [
        Settings(
            host="0.0.0.0",
            port=0,
            token="secret-token",
            names=("a.example",),
            folder=tmp_path,
            devices=("cuda:0", "cuda:1"),
            workers=3,
            batch=8,
            page=False,
            grace=5.0,
            weights=(tmp_path.resolve(),),
            upload_bytes=1_500_000,
            pixels=1000,
        )
    ]


def test_a_token_that_was_given_is_not_printed(
    started: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--json", "--token", "secret-token"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said) == {
        "address": "http://127.0.0.1:8700/",
        "host": "127.0.0.1",
        "port": 8700,
        "token": None,
    }


def test_the_token_may_come_from_the_environment(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RETOUCH_TOKEN", "from-the-environment")
    assert main(["serve"]) == 0
    assert started[0].token == "from-the-environment"
    assert "environment" not in capsys.readouterr().out
    monkeypatch.setenv("RETOUCH_TOKEN", "short")
    assert main(["serve"]) == 2
    assert "at least 8 letters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--token", "short"], "--token must be at least 8 letters"),
        (["--allow-weights", "/no/such/folder"], "--allow-weights /no/such/folder is no folder"),
        (["--device", "tpu"], "--device 'tpu' is none; give cpu, cuda, cuda:1"),
        (["--workers", "0"], "workers"),
        (["--workers", "65"], "workers"),
        (["--batch", "0"], "batch"),
        (["--grace", "-1"], "grace"),
        (["--grace", "nan"], "grace"),
        (["--grace", "inf"], "grace"),
        (["--log", "xml"], "log"),
        (["--no-browser"], "--no-browser"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], said: str, started: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *words]) == 2
    assert said in capsys.readouterr().err
    assert started == []


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "prometheus_client"])
def test_without_the_extra_it_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec

    def spec(name: str, *rest: Any) -> Any:
        return None if name == missing else there(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", spec)
    assert main(["serve"]) == 2
    assert f'the server needs {missing}, which is not installed; run: pip install "retouch[serve]"' in (
        capsys.readouterr().err
    )
