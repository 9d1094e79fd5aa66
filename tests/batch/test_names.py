"""Names of outputs, patterns, sources, shards and the lines of a ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.batch import Plan, Row, Shard, plan
from retouch.batch.ledger import Ledger, Seen
from retouch.batch.names import check_name, filled, output_name, place_of
from retouch.batch.shard import hashed
from retouch.errors import InputError, RetouchError, UnreadablePicture
from tests.batch.conftest import BOX, draw

Todo = Callable[..., Plan]


@pytest.mark.parametrize(
    ("place", "suffix", "name"),
    [
        ("a.png", "", "a.png"),
        ("day/a.JPG", "", "day/a.JPG"),
        ("day/a.b.jpg", ".webp", "day/a.b.webp"),
        ("a.gif", "", "a.png"),
        ("a", "", "a.png"),
        ("a.latent.safetensors", "", "a.png"),
        ("a.latent.safetensors", ".jpg", "a.jpg"),
    ],
)
def test_results_are_called_as_their_pictures(place: str, suffix: str, name: str) -> None:
    assert output_name(place, suffix) == name


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "a", "b.png", "", "~", "c:"])).map("/".join)
)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        check_name(name)
    except RetouchError:
        return
    root = Path("/srv/out")
    assert (root / name).is_relative_to(root)
    assert ".." not in Path(name).parts
    assert not Path(name).is_absolute()


@pytest.mark.parametrize(
    ("pattern", "place", "path"),
    [
        ("m/{stem}.png", "day/a.b.jpg", "m/a.b.png"),
        ("m/{folder}/{name}", "day/n/a.jpg", "m/day/n/a.jpg"),
        ("m/{folder}/{name}", "a.jpg", "m/a.jpg"),
        ("s3://b/{folder}/{stem}-hole{suffix}", "a.jpg", "s3://b/a-hole.jpg"),
        ("{stem}/{stem}.png", "{name}.jpg", "{name}/{name}.png"),
    ],
)
def test_patterns(pattern: str, place: str, path: str) -> None:
    assert filled(pattern, place) == path


def test_what_is_written_in_a_manifest_is_no_way_out() -> None:
    written = {
        "a/b.png": "a/b.png",
        "../b.png": "b.png",
        "/x/b.png": "b.png",
        "s3://x/b.png": "b.png",
        "": "",
    }
    assert {one: place_of(one) for one in written} == written


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.png", ["a.png", "b.png", "c.png"]),
        ("**/*.png", ["a.png", "b.png", "c.png", "day/d.png"]),
        ("**/d.*", ["day/d.png"]),
        ("[!a].png", ["b.png", "c.png"]),
        ("?.png", ["a.png", "b.png", "c.png"]),
        ("*/*", ["day/d.png"]),
    ],
)
def test_sources_by_pattern(todo: Todo, photos: Path, pattern: str, names: list[str]) -> None:
    assert [item.name for item in todo(photos / pattern)] == names


def test_other_sources(todo: Todo, photos: Path) -> None:
    draw(photos / "[x].png", 7)
    assert [item.name for item in todo(photos / "[x].png")] == ["[x].png"]
    assert [item.name for item in todo(photos / "day")] == ["d.png"]
    assert next(item.name for item in todo(photos, suffix="webp")) == "[x].webp"
    with pytest.raises(UnreadablePicture, match=r"none\.png does not exist"):
        todo(photos / "none.png")
    with pytest.raises(InputError, match="is no pattern"):
        todo(photos / "[z-a]*.png")


def test_pictures_that_differ_in_their_endings_alone(todo: Todo, photos: Path) -> None:
    draw(photos / "a.bmp", 3)
    names = {item.name: item.refused for item in todo(photos, suffix=".png")}
    assert "another picture is called a.png as well" in names["a.png (2)"]


def test_the_picture_that_all_share_leaves_the_source_to_the_other(photos: Path, tmp_path: Path) -> None:
    told = {"options": {"box": BOX}}
    asked = plan("blend", photos, tmp_path / "out", files={"source": photos / "a.png"}, **told)  # type: ignore[arg-type]
    assert {tuple(item.given) for item in asked} == {("target",)}
    asked = plan("blend", photos, tmp_path / "out", files={"target": photos / "a.png"}, **told)  # type: ignore[arg-type]
    assert {tuple(item.given) for item in asked} == {("source",)}
    with pytest.raises(InputError, match="blend needs target"):
        plan("blend", photos, tmp_path / "out", **told)  # type: ignore[arg-type]


def slurm(**told: str) -> dict[str, str]:
    return {f"SLURM_ARRAY_TASK_{name}": value for name, value in told.items()}


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        ("3/100", {}, Shard(3, 100)),
        ("auto", slurm(ID="0", COUNT="8", MIN="0"), Shard(1, 8)),
        ("auto", slurm(ID="8", COUNT="8", MIN="1"), Shard(8, 8)),
        ("auto", slurm(ID="8", COUNT="8"), Shard(8, 8)),
        ("auto", slurm(ID="8", COUNT="8", MIN="1", MAX="8"), Shard(8, 8)),
        ("auto/100", slurm(ID="42", COUNT="2", MIN="17", MAX="42"), Shard(42, 100)),
        ("auto/5", {"JOB_COMPLETION_INDEX": "4"}, Shard(5, 5)),
    ],
)
def test_shards_are_read(text: str, environment: dict[str, str], shard: Shard) -> None:
    assert Shard.parse(text, environment) == shard


@pytest.mark.parametrize(
    ("text", "environment", "why"),
    [
        ("0/4", {}, "from 1 to N"),
        ("5/4", {}, "from 1 to N"),
        ("1/2000000", {}, "at most"),
        ("1", {}, "is no shard"),
        ("-1/4", {}, "is no shard"),
        ("a/b", {}, "is no shard"),
        ("auto", {}, "finds neither"),
        ("auto", {"JOB_COMPLETION_INDEX": "4"}, "write --shard auto/N"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "4"}, "from 1 to N"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "8"}, "finds neither"),
        ("auto", slurm(ID="3", COUNT="2", STEP="2"), "has steps"),
        ("auto", slurm(ID="42", COUNT="2", MIN="17", MAX="42"), "not all parts"),
        ("auto", slurm(ID="1", COUNT="2", MIN="1", MAX="5"), "not all parts"),
        ("auto/8", slurm(ID="0", COUNT="8", MIN="0", MAX="7"), "from 1 to N"),
    ],
)
def test_shards_that_are_none(text: str, environment: dict[str, str], why: str) -> None:
    with pytest.raises(InputError, match=why):
        Shard.parse(text, environment)


def test_shards_are_of_nearly_one_size_and_always_the_same() -> None:
    counts = np.bincount([hashed(f"day/{number}.jpg") % 16 for number in range(16_000)])
    # Of a fair draw, 1000 ± 31.
    assert counts.min() > 1000 - 6 * 31
    assert counts.max() < 1000 + 6 * 31
    # b2sum -l 64, of the name alone; another machine must find the same part.
    assert hashed("day/cat.jpg") == 0x65CBF3000E020F1B
    assert [number for number in range(1, 9) if Shard(number, 8).holds("day/cat.jpg")] == [
        0x65CBF3000E020F1B % 8 + 1
    ]


FIELDS = ["name", "state", "key", "size", "sha256", "error", "companions", "before", "type"]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("done"),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS), inner),
)


@given(st.binary(max_size=200) | PLAIN.map(lambda said: json.dumps(said).encode()))
def test_a_line_of_a_ledger_is_a_row_or_nothing(line: bytes) -> None:
    row = Row.read(line)
    if row is not None:
        assert isinstance(row.name, str)
        assert row.state in ("done", "failed")
        assert Row.read(row.line()) == row


def test_rows_come_back_from_their_lines() -> None:
    done = Row("a.png", "done", "k", 3, "s", {"a.latent.safetensors": (4, "t")})
    failed = Row("ä\n.png", "failed", "k", error="E", message="why\nnot", before={"a.png": "s"})
    for row in (done, failed):
        assert "\n" not in row.line()
        assert Row.read(row.line()) == row
    assert done.ours == {"a.png": "s", "a.latent.safetensors": "t"}
    assert failed.ours == {"a.png": "s"}


def test_the_index_of_a_ledger_through_many_merges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.batch.ledger._RECENT", 7)
    with Ledger(tmp_path, Shard()) as ledger:
        for number in range(500):
            ledger.add(Row(f"{number % 120}.png", "done", f"key {number}"))
        newest = {f"{n % 120}.png": f"key {n}" for n in range(500)}
        for name, key in newest.items():
            row = ledger.row(name)
            assert row is not None
            assert row.key == key
    with Ledger(tmp_path, Shard(), writing=False) as ledger:
        assert len(ledger) == 500
        assert all((row := ledger.row(name)) and row.key == key for name, key in newest.items())


def test_two_names_of_one_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.batch.ledger.hashed", lambda name: 7)
    with Ledger(tmp_path, Shard()) as ledger:
        ledger.add(Row("a.png", "done", "one"))
        ledger.add(Row("b.png", "done", "two"))
        assert ledger.row("a.png") is None  # done again, and nothing worse
        row = ledger.row("b.png")
        assert row is not None
        assert row.key == "two"


def test_lines_that_are_no_rows_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger-0001-of-0001.jsonl"
    good = Row("a.png", "done", "k", 1, "s").line().encode()
    path.write_bytes(b"\xff\n[1]\n{}\n" + good + b"\n" + b"{" * 5000 + b"\n" + b"x" * 2_000_000 + b"\nhalf")
    with Ledger(tmp_path, Shard()) as ledger:
        row = ledger.row("a.png")
        assert row is not None
        assert row.key == "k"
        ledger.add(Row("b.png", "done", "l"))
    assert path.read_bytes().endswith(b"x\n" + Row("b.png", "done", "l").line().encode() + b"\n")


def test_names_that_were_seen() -> None:
    seen = Seen()
    assert [seen.again(name) for name in ("a", "b", "a", "c", "b")] == [False, False, True, False, True]


def test_a_source_without_a_picture_is_refused(todo: Todo, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.csv").write_text("photo\n")
    for source, why in (
        ("photos/*.jgp", "fits no picture"),
        ("empty", "has no picture"),
        ("list.csv", "lists no picture"),
    ):
        with pytest.raises(InputError, match=why):
            todo(tmp_path / source)
    assert list(todo(tmp_path / "photos" / "a.png", shard=Shard(1, 50))) == []


def test_a_name_that_looks_like_a_pattern_is_that_name(todo: Todo, tmp_path: Path) -> None:
    draw(tmp_path / "[2024] x" / "a.png", 1)
    draw(tmp_path / "[2024] x" / "d.*" / "b.png", 1)
    draw(tmp_path / "photos" / "(a).png", 1)
    assert [item.name for item in todo(tmp_path / "photos" / "(a).png*")] == ["(a).png"]
    assert [item.name for item in todo(tmp_path / "[2024] x" / "*.png")] == ["a.png"]
    assert [item.name for item in todo(tmp_path / "[2024] x" / "d.*" / "[ab].png")] == ["b.png"]
    assert [item.name for item in todo(tmp_path / "[2024] x" / "**" / "[b].png")] == ["d.*/b.png"]


def test_two_photos_do_not_share_a_latent_file(tmp_path: Path) -> None:
    for name in ("cat.jpg", "cat.png", "dog.png"):
        draw(tmp_path / "photos" / name, 1)
    asked = plan("invert", tmp_path / "photos", tmp_path / "out")
    assert [bool(item.refused) for item in asked] == [False, True, False]
    shards = [
        item
        for number in range(1, 8)
        for item in plan("invert", tmp_path / "photos", tmp_path / "out", shard=Shard(number, 7))
    ]
    assert sorted(item.name for item in shards) == sorted(item.name for item in asked)
    assert not any(item.refused for item in plan("upscale", tmp_path / "photos", tmp_path / "out"))
