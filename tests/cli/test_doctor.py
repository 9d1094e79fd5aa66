from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import torch

from retouch.cli.doctor import FORMATS, requirements
from retouch.weights import Card, save
from tests.cli import made_up
from tests.cli.conftest import Said

Say = Callable[..., Said]


def test_everything_that_works_is_listed(say: Say, made_up_verbs: object) -> None:
    facts = say("doctor", "--json").facts
    assert facts["ok"] is True, facts
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert list(facts["pictures"]) == list(FORMATS)
    assert all(check["ok"] for check in facts["pictures"].values())
    assert facts["pictures"]["PNG 16 bit"]["note"] == "exact"
    assert facts["edits"].keys() == {"darken", "soften"}
    assert "cores" in facts["devices"]
    assert all(check["ok"] for check in facts["weights"].values())


def test_a_failure_is_named_and_is_exit_code_1(
    say: Say, made_up_verbs: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("no\nluck")

    made_up.meanwhile.append(fail)
    monkeypatch.setitem(FORMATS, "nonsense", ("check.xyz", "uint8", True))
    said = say("doctor")
    assert said.code == 1
    assert said.err == ""
    assert "FAILED darken: RuntimeError: no luck" in said.out
    assert "FAILED nonsense: " in said.out
    assert said.out.endswith("something does not work, see above\n")


def test_a_format_that_changes_pixels_is_a_failure(
    say: Say, made_up_verbs: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "JPEG", ("check.jpg", "uint8", True))
    assert "FAILED JPEG: ValueError: the picture comes back with a mean error of" in say("doctor").out


def test_weights_are_listed_and_a_broken_file_is_a_failure(
    say: Say, made_up_verbs: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    save(good, {"weight": torch.zeros(3)}, Card(name="good", task="translate", architecture="toy"))
    bad.write_bytes(b"<html>not found</html>")
    monkeypatch.setattr("retouch.weights.bundled.bundled", lambda: {"good": good})
    monkeypatch.setattr("retouch.weights.fetch.fetched", dict)
    said = say("doctor")
    assert said.code == 0
    assert "weights       good (1 tensors, 0.0 MB)" in said.out
    monkeypatch.setattr("retouch.weights.fetch.fetched", lambda: {"bad": bad})
    said = say("doctor")
    assert said.code == 1
    assert "FAILED bad: UnreadableWeights: " in said.out
    monkeypatch.setattr("retouch.weights.bundled.bundled", dict)
    monkeypatch.setattr("retouch.weights.fetch.fetched", dict)
    assert "weights       none on this machine" in say("doctor").out


def test_missing_packages_are_told_apart_from_missing_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["numpy>=2.0", "absent-one>=1", 'pytest>=9; extra == "dev"', 'absent-two ; extra == "docs"']
    monkeypatch.setattr(metadata, "requires", lambda name: asked)
    assert requirements() == (
        {"numpy": metadata.version("numpy"), "absent-one": None},
        {"docs": 'absent-two missing; pip install "retouch[docs]"'},
    )


def test_a_source_tree_that_is_not_installed_has_no_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    assert requirements() == ({}, {})
