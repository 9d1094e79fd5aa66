"""Manifests from outside: what each line says, and that a broken one costs itself alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retouch.batch import Plan, manifest, plan, run, serial
from retouch.errors import InputError, RetouchError, UnknownName, UnreadablePicture
from retouch.image import Box, Polygon
from tests.batch.conftest import BOX, outputs, rows

Todo = Callable[..., Plan]
Calls = Sequence[dict[str, Any]]


def listed(tmp_path: Path, name: str, text: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "l.csv",
            'photo,strength,linear-light,note\r\nphotos/a.png,0.25,yes,"a,b"\r\n\r\nphotos/b.png,,,\r\n',
        ),
        (
            "l.tsv",
            "photo\tstrength\tlinear_light\tnote\nphotos/a.png\t0.25\ttrue\ta,b\nphotos/b.png\t\t\t",
        ),
        (
            "l.jsonl",
            '{"photo": "photos/a.png", "strength": 0.25, "linear-light": true, "note": "a,b"}\n'
            '{"photo": "photos/b.png"}',
        ),
        ("l.csv", '\ufeff"photo",strength,linear_light,note\nphotos/a.png,.25,1,"a,b"\nphotos/b.png,,,\n'),
        (
            "l.ndjson",
            '\ufeff{"photo": "photos/a.png", "strength": "0.25", "linear_light": "on", "note": "a,b"}\n\n'
            '{"photo": "photos/b.png", "strength": null}\n',
        ),
    ],
)  # fmt: skip
def test_every_form_says_the_same(todo: Todo, calls: Calls, tmp_path: Path, name: str, text: str) -> None:
    assert run(todo(listed(tmp_path, name, text)), serial).done == 2
    told = [(call["strength"], call["linear_light"], call["note"]) for call in calls]
    assert told == [(0.25, True, "a,b"), (0.5, False, "")]
    assert sorted(outputs(tmp_path / "out")) == ["photos/a.png", "photos/b.png"]


def test_a_plain_list(todo: Todo, tmp_path: Path) -> None:
    asked = todo(listed(tmp_path, "l.txt", f"photos/a.png\n\n  photos/b.png  \n{tmp_path}/photos/c.png"))
    assert [item.name for item in asked] == ["photos/a.png", "photos/b.png", "c.png"]
    assert run(asked, serial).done == 3


@pytest.mark.parametrize(
    ("cells", "name", "value"),
    [
        ({"at": "-3, 4"}, "at", (-3, 4)),
        ({"at": [-3, 4]}, "at", (-3, 4)),
        ({"tolerance": "exact"}, "tolerance", "exact"),
        ({"tolerance": "1e-3"}, "tolerance", 1e-3),
        ({"gradients": "mixed"}, "gradients", "mixed"),
        ({"steps": "+0"}, "steps", 0),
        ({"linear_light": "0"}, "linear_light", False),
    ],
)
def test_a_cell_is_read_as_its_option(
    todo: Todo,
    calls: Calls,
    tmp_path: Path,
    cells: dict[str, object],
    name: str,
    value: object,
) -> None:
    text = json.dumps({"photo": "photos/a.png", **cells})
    assert run(todo(listed(tmp_path, "l.jsonl", text)), serial).done == 1
    assert calls[0][name] == value


@pytest.mark.parametrize(
    ("cells", "shape"),
    [
        ({"box": "1,2,3,4"}, Box(1, 2, 3, 4)),
        ({"box": [1, 2, 3, 4]}, Box(1, 2, 3, 4)),
        ({"polygon": "0,0 9,0 9,9"}, Polygon([(0, 0), (9, 0), (9, 9)])),
        ({"polygon": [[0, 0], [9, 0], [9, 9]]}, Polygon([(0, 0), (9, 0), (9, 9)])),
        ({"grow": "1.5", "invert_mask": "yes"}, BOX),
    ],
)
def test_a_row_can_draw_its_region(
    todo: Todo, calls: Calls, tmp_path: Path, cells: dict[str, object], shape: object
) -> None:
    run(todo(listed(tmp_path, "l.jsonl", json.dumps({"photo": "photos/a.png", **cells}))), serial)
    region = calls[0]["mask"]
    assert region.shape == shape
    assert (region.grow, region.invert) == ((1.5, True) if "grow" in cells else (0.0, False))


def test_a_row_that_draws_its_region_needs_no_mask_of_the_pattern(
    todo: Todo, calls: Calls, tmp_path: Path
) -> None:
    path = listed(tmp_path, "l.csv", 'photo,box\nphotos/a.png,"1,2,3,4"\nphotos/b.png,\n')
    tally = run(todo(path, files={"mask": str(tmp_path / "masks/{stem}.png")}), serial)
    assert (tally.done, tally.failed) == (1, 1)
    assert calls[0]["mask"].shape == Box(1, 2, 3, 4)
    assert "masks/b.png does not exist" in tally.failures[0].message


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "line 2: the row has no photo"),
        ({"photo": 3}, "photo is 3; give the address of a file"),
        ({"photo": "photos/none.png"}, "photos/none.png does not exist; check the path"),
        ({"photo": "photos"}, "photos is a folder"),
        ({"photo": "/dev/zero"}, "no name of an output|device or a pipe|ends in"),
        ({"photo": "photos/a\0.png"}, "give the address of a file"),
        ({"photo": "photos/a.png", "strength": "much"}, "strength is 'much'; give a number"),
        ({"photo": "photos/a.png", "strength": "nan"}, "strength is 'nan'; give a number"),
        ({"photo": "photos/a.png", "strength": True}, "strength of darken takes a number, got True"),
        ({"photo": "photos/a.png", "strength": [1]}, "takes a number"),
        ({"photo": "photos/a.png", "steps": "1.5"}, "give a whole number"),
        ({"photo": "photos/a.png", "strength": 10**400}, "strength of darken takes a number"),
        ({"photo": "photos/a.png", "linear_light": "perhaps"}, "give yes or no"),
        ({"photo": "photos/a.png", "at": "1"}, "two whole numbers of pixels"),
        ({"photo": "photos/a.png", "gradients": "nice"}, "unknown gradients 'nice'; did you mean"),
        ({"photo": "photos/a.png", "box": "1,2,3"}, "cannot read the box"),
        ({"photo": "photos/a.png", "box": "1,2,3,4", "mask": "m.png"}, "mask and box are both given"),
        ({"photo": "photos/a.png", "grow": "wide"}, "grow is 'wide'; give"),
        ({"photo": "photos/a.png", "colour": "red"}, "unknown column 'colour'; did you mean"),
        ({"photo": "photos/a.png", "name": "../../etc/passwd"}, "is no name of an output"),
        ({"photo": "photos/a.png", "name": "/etc/passwd.png"}, "is no name of an output"),
        ({"photo": "photos/a.png", "name": "C:\\x.png"}, "is no name of an output"),
        ({"photo": "photos/a.png", "name": "a//b.png"}, "is no name of an output"),
        ({"photo": "photos/a.png", "name": ".ssh/x.png"}, "would be hidden"),
        ({"photo": "photos/a.png", "name": "a\nb.png"}, "characters that no name should have"),
        ({"photo": "photos/a.png", "name": "a\ud800.png"}, "characters that no name should have"),
        ({"photo": "photos/a.png", "name": f"{'x' * 300}.png"}, "too long for a file's name"),
        ({"photo": "photos/a.png", "name": 7}, ""),
    ],
)
def test_a_row_that_cannot_be_done_is_a_row_of_the_ledger(
    todo: Todo, tmp_path: Path, row: dict[str, object], why: str
) -> None:
    good = {"photo": "photos/b.png", "name": "good.png"}
    text = "\n".join(json.dumps(one) for one in ({"photo": "photos/c.png"}, row, good))
    tally = run(todo(listed(tmp_path, "l.jsonl", text)), serial)
    found = rows(tmp_path / "out")
    assert len(found) == 3
    if not why:
        assert tally.failed == 0
        return
    assert (tally.done, tally.failed) == (2, 1)
    assert re.search(why, found[1]["error"]["message"]), found[1]
    assert found[1]["error"]["type"] != "InternalError"
    inside = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert inside == {"photos", "out", "l.jsonl"}


def test_broken_lines_cost_themselves_alone(todo: Todo, tmp_path: Path) -> None:
    long = b"photos/" + b"x" * (manifest.LONGEST + 5) + b".png,1"
    lines = [
        b"photo,strength", b"photos/a.png,0.5", b"photos/b.png", b'photos/c.png,"0.5', long, b"a,b,c,d",
        b'"a"b,1', b"photos/\xff.png,1", b"\0,1", b"photos/day/d.png,0.5",
    ]  # fmt: skip
    asked = todo(listed(tmp_path, "l.csv", b"\r\n".join(lines)))
    tally = run(asked, serial)
    assert (tally.done, tally.failed) == (2, 7)
    found = [row["error"]["message"] for row in rows(tmp_path / "out") if row["state"] == "failed"]
    whys = [
        "line 3: the line has 1 values and the header 2",
        "line 4: the line cannot be read",
        "line 5: the line is longer than 1,048,576 bytes",
        "line 6: the line has 4 values",
        "line 7: the line cannot be read",
        "characters that no name should have",
        "line 9: ",
    ]
    for message, why in zip(found, whys, strict=True):
        assert why in message
    assert run(asked, serial).there == 2


def test_two_rows_of_one_name(todo: Todo, tmp_path: Path) -> None:
    text = "photo,name\nphotos/a.png,x\nphotos/b.png,y\nphotos/c.png,x.png\nphotos/day/d.png,X.png\n"
    asked = todo(listed(tmp_path, "l.csv", text))
    tally = run(asked, serial)
    assert (tally.done, tally.failed) == (3, 1)
    assert rows(tmp_path / "out")[2]["name"] == "x.png (3)"
    assert "another picture is called x.png as well" in tally.failures[0].message
    # The first of them stays done.
    again = run(asked, serial)
    assert (again.done, again.there, again.failed) == (0, 3, 1)
    assert len(rows(tmp_path / "out")) == 4


@pytest.mark.parametrize(
    ("name", "text", "kind", "why"),
    [
        ("l.csv", "", InputError, "holds no row"),
        ("l.csv", "\n\n", InputError, "holds no row"),
        ("l.jsonl", "[1]\n", InputError, "holds no row"),
        ("l.csv", "path,strength\na.png,1\n", UnknownName, "unknown column 'path'"),
        ("l.csv", "strength\n1\n", InputError, "has no column 'photo' with the pictures"),
        ("l.csv", "photo,photo\na,b\n", InputError, "has the column 'photo' twice"),
        ("l.csv", "photo,\na,b\n", InputError, "has a column without a name"),
        ("l.csv", "photos/a.png\nphotos/b.png\n", UnknownName, "unknown column 'photos/a.png'"),
        ("l.csv", "photo,strength".encode("utf-16"), InputError, "is UTF-16; save it as UTF-8"),
        ("l.jsonl", '{"picture": "a.png"}', UnknownName, "unknown column 'picture'"),
    ],
)
def test_a_manifest_that_means_nothing_is_refused_at_once(
    todo: Todo, tmp_path: Path, name: str, text: str | bytes, kind: type[RetouchError], why: str
) -> None:
    with pytest.raises(kind, match=why):
        todo(listed(tmp_path, name, text))
    assert not (tmp_path / "out").exists()


def test_networks_do_not_change_from_row_to_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would load a network for each row; give it once as --model"):
        plan("upscale", listed(tmp_path, "l.csv", "photo,model\na.png,b\n"), tmp_path / "out")


def test_an_edit_without_a_picture_goes_by_names(tmp_path: Path) -> None:
    path = listed(tmp_path, "l.csv", "name,seed\nfirst,1\nsecond.jpg,2\n,3\n")
    asked = plan("sample", path, tmp_path / "out", options={"count": 1})
    found = [(item.name, dict(item.options), item.refused) for item in asked]
    assert found[:2] == [("first.png", {"seed": 1}, ""), ("second.jpg", {"seed": 2}, "")]
    assert "the row has no name" in found[2][2]
    with pytest.raises(InputError, match="takes no picture, so its rows come from a manifest"):
        plan("sample", tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="has no column 'name'"):
        plan("sample", listed(tmp_path, "m.csv", "seed\n1\n"), tmp_path / "out")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match=r"none\.csv does not exist"):
        plan("fill", tmp_path / "none.csv", tmp_path / "out", options={"box": BOX})
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UnreadablePicture, match="is no file"):
        manifest.columns(str(tmp_path / "folder.csv"))


def test_rows_are_read_lazily(todo: Todo, tmp_path: Path) -> None:
    path = listed(tmp_path, "l.csv", "photo\n" + "photos/a.png\n" * 50_000)
    going = iter(todo(path))
    assert next(going).name == "photos/a.png"
    with path.open("r+") as file:
        file.truncate(3_000_000 // 10)
    # What was not read yet is gone: the rows were not held in memory.
    assert sum(1 for _ in going) < 40_000


PIECES = [b"photo", b",", b'"', b"\n", b"\r", b"a.png", b"\0", b"\xff", b"strength", b"\t", b"{", b"}", b":"]


@given(
    data=st.binary(max_size=300) | st.lists(st.sampled_from(PIECES)).map(b"".join),
    name=st.sampled_from(["l.csv", "l.tsv", "l.jsonl", "l.txt"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_rows_or_one_refusal(todo: Todo, tmp_path: Path, data: bytes, name: str) -> None:
    path = listed(tmp_path, name, data)
    try:
        asked = todo(path)
        items = list(asked)
    except RetouchError:
        return
    assert len(items) <= data.count(b"\n") + 1
    for item in items:
        row = asked.work(item)
        assert row.error != "InternalError", row
        assert len(row.line().splitlines()) == 1


def test_a_row_that_no_reader_stands_costs_itself(todo: Todo, tmp_path: Path) -> None:
    deep = "[" * 600 + "]" * 600
    broken = [
        '{"photo": "file://[x/y.png"}',
        '{"photo": "file:///x%00y.png"}',
        f'{{"photo": "photos/b.png", "box": {deep}}}',
        f'{{"photo": "photos/b.png", "strength": 1{"0" * 400}}}',
        '{"photo": "/\\ud800/y.png", "name": "y.png"}',
    ]
    manifest = listed(tmp_path, "l.jsonl", "\n".join(['{"photo": "photos/a.png"}', *broken]))
    for again in range(2):
        tally = run(todo(manifest), serial)
        assert (tally.done + tally.there, tally.failed) == (1, len(broken)), again
    assert "line 2: file://[x/y.png is no address" in tally.failures[0].message


def test_an_address_that_nothing_opens_costs_its_row_every_time(todo: Todo, tmp_path: Path) -> None:
    manifest = listed(
        tmp_path, "l.csv", "photo,name\nphotos/a.png,a\nnowhere://x/y.png,b\ns3::memory://x,c\n"
    )
    for _ in range(2):
        tally = run(todo(manifest), serial)
        assert (tally.done + tally.there, tally.failed) == (1, 2)
