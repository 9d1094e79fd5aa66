from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from retouch import catalog
from retouch.cli.app import GROUPS, build
from retouch.weights import Card, read, save, save_torch
from retouch.weights.fetch import place_of
from retouch.weights.registry import PUBLISHED
from tests.cli.conftest import Said
from tests.weights.toys import CARD, FOREIGN, TOY, foreign, same, toy

Say = Callable[..., Said]


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only the toy network and its foreign family exist, and nothing was fetched yet."""
    monkeypatch.setattr(catalog, "architectures", lambda: (TOY,), raising=False)
    monkeypatch.setattr(catalog, "layouts", lambda: (FOREIGN,), raising=False)
    monkeypatch.setenv("RETOUCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETOUCH_OFFLINE", "1")


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A file of ours."""
    return save(tmp_path / "toy.safetensors", toy(), CARD)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The same network as the foreign project writes it."""
    return save_torch(tmp_path / "latest_net_G.pth", foreign(toy().state_dict()))


def test_the_groups_are_the_commands() -> None:
    for name, commands in GROUPS.items():
        group = build()[name]
        assert set(commands) == {command for command in group if not command.startswith("-")}
        for command in commands:
            shown = {argument.name for argument in group[command].assemble_argument_collection()}
            assert {"--json", "--quiet", "--debug"} <= shown, command


def test_list_says_where_everything_is(say: Say, ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.weights.bundled.bundled", lambda: {"toy": ours})
    place = place_of(PUBLISHED[0])
    place.parent.mkdir(parents=True)
    place.write_bytes(b"")
    facts = say("weights", "list", "--json").facts
    states = {item["name"]: item["state"] for item in facts["weights"]}
    assert states["toy"] == "bundled"
    assert states[PUBLISHED[0].name] == "fetched"
    assert states[PUBLISHED[1].name] == "can be fetched"
    assert facts["folder"] == str(place.parent)
    said = say("weights", "list")
    assert said.code == 0
    assert len(said.out.splitlines()) == len(PUBLISHED) + 2


def test_show_describes_a_file_of_ours(say: Say, ours: Path) -> None:
    facts = say("weights", "show", ours, "--json").facts
    assert Card.from_json(json.dumps(facts["card"])) == CARD
    assert facts["layout"] == "retouch"
    assert facts["sha256"] == hashlib.sha256(ours.read_bytes()).hexdigest()
    assert facts["tensors"]["first.weight"] == ["float32", 4, 3, 3, 3]
    assert facts["parameters"] == sum(item.numel() for item in toy().state_dict().values())
    text = say("weights", "show", ours).out
    assert "architecture  toy\n" in text
    assert "first.bias" in text


def test_show_recognises_a_foreign_file_and_bears_an_unknown_one(
    say: Say, theirs: Path, tmp_path: Path
) -> None:
    facts = say("weights", "show", theirs, "--json").facts
    assert (facts["layout"], facts["format"]) == ("the foreign toys", "torch zip")
    assert facts["card"]["sizes"] == {"width": 4}
    torch.save({"what": torch.zeros(2)}, tmp_path / "unknown.pth")
    said = say("weights", "show", tmp_path / "unknown.pth")
    assert said.code == 0
    assert "fit no network that retouch knows" in said.out


def test_convert_makes_a_file_of_ours_that_remembers_its_source(
    say: Say, theirs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    facts = say("weights", "convert", theirs, "-o", out, "--name", "horses", "--json").facts
    assert facts["output"] == str(out)
    contents = read(out)
    assert contents.card is not None
    assert contents.card.source_name == "latest_net_G.pth"
    assert contents.card.source_sha256 == hashlib.sha256(theirs.read_bytes()).hexdigest()
    assert contents.card.name == "horses"
    assert same({name: contents.tensors[name] for name in toy().state_dict()}, toy().state_dict())


def test_convert_writes_the_foreign_format_back(say: Say, ours: Path, tmp_path: Path) -> None:
    out = tmp_path / "back.pth"
    said = say("weights", "convert", ours, "-o", out, "--to", "junyanz")
    assert (said.code, said.out) == (0, f"{out} (translate toy, format junyanz)\n")
    assert read(out).format == "torch zip"
    contents = read(out)
    assert set(contents.tensors) == set(foreign(toy().state_dict()))
    assert torch.equal(contents.tensors["net_first.weight"], toy().first.weight)


def test_convert_puts_the_tensors_where_the_project_looks(
    say: Say, ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapping = dataclasses.replace(FOREIGN, wrapper="state_dict")
    monkeypatch.setattr(catalog, "layouts", lambda: (wrapping,))
    out = tmp_path / "best.ckpt"
    assert say("weights", "convert", ours, "-o", out, "--to", "junyanz").code == 0
    written = torch.load(out, weights_only=True)  # noqa: TID251 - as their program does
    assert list(written) == ["state_dict"]
    assert set(written["state_dict"]) == set(foreign(toy().state_dict()))


def test_convert_does_not_replace_a_file_unasked(say: Say, theirs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"precious")
    said = say("weights", "convert", theirs, "-o", out)
    assert said.code == 2
    assert "add --overwrite" in said.err
    assert out.read_bytes() == b"precious"
    assert say("weights", "convert", theirs, "-o", out, "--overwrite").code == 0
    assert read(out).card is not None


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["lst"], 2, "unknown command 'lst'; did you mean list"),
        (["show"], 2, "FILE is missing; see: retouch weights show --help"),
        (["show", "missing.pth"], 2, "missing.pth is not there"),
        (["show", "nonsense"], 2, "unknown weights 'nonsense'"),
        (["convert", "{ours}"], 2, "--output"),
        (["convert", "{ours}", "-o", "out", "--to", "tensorflow"], 2, "unknown format 'tensorflow'"),
        (["convert", "{ours}", "-o", "no/where"], 2, "name a file in a folder that is there"),
        (["fetch", "zebra"], 2, "unknown published weights 'zebra'"),
        (["fetch", "cyclegan-horse2zebra"], 2, "RETOUCH_OFFLINE forbids"),
        (["fetch", "--frob", "x"], 2, "--frob"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    words: list[str],
    code: int,
    message: str,
    say: Say,
    ours: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    said = say("weights", *(str(ours) if word == "{ours}" else word for word in words))
    assert said.code == code
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert message in said.err


def test_json_may_come_before_the_group(say: Say, theirs: Path) -> None:
    assert say("--json", "weights", "show", theirs).facts["layout"] == "the foreign toys"
    assert say("weights", "show", "missing.pth", "--json").facts["error"] == "UnreadableWeights"


def test_the_group_alone_shows_its_commands(say: Say) -> None:
    said = say("weights")
    assert said.code == 0
    assert all(command in said.out for command in GROUPS["weights"])


def test_fetch_shows_the_licence_before_the_first_download(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETOUCH_OFFLINE")
    said = say("weights", "fetch", PUBLISHED[0].name)
    assert said.code == 2
    assert PUBLISHED[0].licence in said.err
    assert "--accept-licence" in said.err


def test_fetched_by_hand_is_fetched(say: Say, theirs: Path) -> None:
    place = place_of(PUBLISHED[0])
    place.parent.mkdir(parents=True)
    theirs.rename(place)
    facts = say("weights", "fetch", PUBLISHED[0].name, "--json").facts
    assert facts["path"] == str(place)
    assert facts["checked_against"] == "first download"
    assert facts["downloaded_bytes"] == 0
