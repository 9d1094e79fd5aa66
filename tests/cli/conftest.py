from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retouch.cli import main
from tests.cli import made_up


def names(folder: Path | str) -> list[str]:
    """What lies in a folder, sorted."""
    return sorted(path.name for path in Path(folder).iterdir())


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The one line of --json."""
        assert self.out.count("\n") == 1, self.out
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command line in this process."""

    def run(*words: object) -> Said:
        code = main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def made_up_verbs() -> Iterator[Sequence[dict[str, Any]]]:
    """Only the made-up verbs exist; gives the list of calls to them."""
    made_up.calls.clear()
    made_up.meanwhile.clear()
    with made_up.in_catalog():
        yield made_up.calls


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A 40 wide, 30 high picture file."""
    path = tmp_path / "photo.png"
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    return path
