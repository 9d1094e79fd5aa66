"""A plan carried out: what is done again and what is not, and what becomes of what is wrong."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from retouch.batch import Item, Plan, Row, Saving, Shard, Work, plan, run, serial, survey
from retouch.errors import Cancelled, InputError, UnknownName, UnreadablePicture, UnwritablePicture
from retouch.image import Picture
from retouch.progress import Progress
from tests.batch.conftest import BOX, draw, looked_up, outputs, rows, settle
from tests.cli import made_up

Todo = Callable[..., Plan]
Calls = list[dict[str, Any]]
NAMES = ["a.png", "b.png", "c.png", "day/d.png"]


def test_every_picture_is_edited_as_by_the_verb_and_recorded_in_order(todo: Todo, photos: Path) -> None:
    tally = run(todo(), serial)
    assert (tally.done, tally.failed, tally.there, tally.total) == (4, 0, 0, 4)
    out = photos.parent / "out"
    assert [row["name"] for row in rows(out)] == NAMES
    for name in NAMES:
        expected = made_up.darken(photos / name, BOX, steps=0).save(
            photos.parent / "expected.png", overwrite=True
        )
        assert (out / name).read_bytes() == expected.read_bytes()
    assert set(outputs(out)) == set(NAMES)


def test_the_ledger_says_nothing_of_time_or_place(todo: Todo, photos: Path, tmp_path: Path) -> None:
    run(todo(), serial)
    moved = tmp_path / "elsewhere"
    shutil.copytree(photos, moved)
    run(todo(moved, "other"), serial)
    one, other = (tmp_path / name / "ledger-0001-of-0001.jsonl" for name in ("out", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert str(tmp_path) not in one.read_text()


def test_a_second_run_does_nothing_and_reads_no_picture(
    todo: Todo, calls: Calls, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(todo(), serial)
    ledger = photos.parent / "out" / "ledger-0001-of-0001.jsonl"
    before = ledger.read_bytes()
    calls.clear()
    monkeypatch.setattr("retouch.batch.places.sha256_at", pytest.fail)
    tally = run(todo(), serial)
    assert (tally.done, tally.there, calls) == (0, 4, [])
    assert ledger.read_bytes() == before


def _change(todo: Todo, photos: Path) -> Plan:
    draw(photos / "b.png", 99)
    return todo()


def _touch(todo: Todo, photos: Path) -> Plan:
    os.utime(photos / "b.png", (1, 1))
    return todo()


def _lose(todo: Todo, photos: Path) -> Plan:
    (photos.parent / "out" / "c.png").unlink()
    return todo()


def _cut(todo: Todo, photos: Path) -> Plan:
    path = photos.parent / "out" / "c.png"
    os.truncate(path, path.stat().st_size - 1)
    return todo(overwrite=True)


def _tell(todo: Todo, photos: Path) -> Plan:
    return todo(options={"strength": 0.25})


def _forget(todo: Todo, photos: Path) -> Plan:
    (photos.parent / "out" / "times-0001-of-0001.jsonl").unlink()
    return todo()


def _add(todo: Todo, photos: Path) -> Plan:
    draw(photos / "a2.png", 5)
    return todo()


@pytest.mark.parametrize(
    ("happens", "again", "status"),
    [
        (_change, ["b.png"], "changed"),
        (_touch, [], ""),
        (_lose, ["c.png"], "lost"),
        (_cut, ["c.png"], "lost"),
        (_tell, NAMES, "changed"),
        (_forget, [], ""),
        (_add, ["a2.png"], "new"),
    ],
)
def test_only_what_is_missing_is_done_again(
    todo: Todo, photos: Path, happens: Callable[[Todo, Path], Plan], again: list[str], status: str
) -> None:
    run(todo(), serial)
    asked = happens(todo, photos)
    found = survey(asked, sample=0)
    assert (found.todo, found.done) == (len(again), found.pictures - len(again))
    assert (found.changed, found.lost) == (
        len(again) if status == "changed" else 0,
        len(again) if status == "lost" else 0,
    )
    done: list[str] = []
    tally = run(asked, _noting(done))
    assert (done, tally.failed) == (again, 0)
    assert run(asked, serial).done == 0


def test_stamps_that_were_lost_are_renewed(todo: Todo, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(todo(), serial)
    _touch(todo, photos)
    assert run(todo(), serial).there == 4
    monkeypatch.setattr("retouch.batch.places.sha256_at", pytest.fail)
    assert run(todo(), serial).there == 4


def test_a_file_that_changed_a_moment_ago_is_read_again_by_the_next_run(todo: Todo, photos: Path) -> None:
    # Two changes within one tick of the file system's clock leave the same time.
    path = photos / "b.png"
    path.touch()
    then = path.stat().st_mtime_ns
    run(todo(), serial)
    data = draw(photos.parent / "other.png", 9).read_bytes()
    size = path.stat().st_size
    path.write_bytes(data[:size].ljust(size, b"\0") if len(data) < size else data[:size])
    os.utime(path, ns=(then, then))
    assert survey(todo(), sample=0).changed == 1


def test_a_picture_that_fails_costs_itself_alone(todo: Todo, photos: Path) -> None:
    (photos / "b.png").write_bytes(b"no picture")
    tally = run(todo(), serial)
    assert (tally.done, tally.failed) == (3, 1)
    second = rows(photos.parent / "out")[1]
    assert (second["name"], second["state"]) == ("b.png", "failed")
    assert second["error"]["type"] == "UnreadablePicture"
    assert "b.png is no picture" in second["error"]["message"]
    assert tally.failures[0].name == "b.png"
    draw(photos / "b.png", 1)
    tally = run(todo(), serial)
    assert (tally.done, tally.failed, tally.there) == (1, 0, 3)


def test_failed_pictures_are_tried_again_unless_they_are_kept(todo: Todo, photos: Path, calls: Calls) -> None:
    made_up.meanwhile.append(lambda: _fail_for(calls, "strength", 0.7))
    asked = todo(options={"strength": 0.7})
    run(todo(), serial)
    assert run(asked, serial).failed == 4
    ledger = photos.parent / "out" / "ledger-0001-of-0001.jsonl"
    size = ledger.stat().st_size
    calls.clear()
    tally = run(asked, serial, keep_failed=True)
    assert (tally.failed, tally.done, calls) == (4, 0, [])
    assert survey(asked, keep_failed=True, sample=0).todo == 0
    assert run(asked, serial).failed == 4
    assert len(calls) == 4
    # A failure that says what the last one said is not written down once more.
    assert ledger.stat().st_size == size
    draw(photos / "a.png", 77)
    assert run(asked, serial, keep_failed=True).failed == 4
    assert len(calls) == 5
    made_up.meanwhile.clear()
    assert run(asked, serial).done == 4


def _fail_after(count: int, calls: Calls) -> None:
    if len(calls) > count:
        raise InputError("these weights are for something else")


def _fail_for(calls: Sequence[dict[str, Any]], name: str, value: object) -> None:
    if calls[-1][name] == value:
        raise OSError("the disk is on fire")


def test_a_file_of_someone_else_is_never_replaced(todo: Todo, photos: Path) -> None:
    out = photos.parent / "out"
    theirs = draw(out / "b.png", 50).read_bytes()
    tally = run(todo(), serial)
    assert (tally.done, tally.failed) == (3, 1)
    assert (out / "b.png").read_bytes() == theirs
    assert rows(out)[1]["error"]["type"] == "OutputExists"
    # Nor one that a batch wrote and someone has worked on since.
    worked = draw(out / "c.png", 51).read_bytes()
    assert run(todo(options={"strength": 0.1}), serial).failed == 2
    assert (out / "c.png").read_bytes() == worked
    assert run(todo(options={"strength": 0.1}, overwrite=True), serial).failed == 0
    assert (out / "b.png").read_bytes() != theirs


def test_results_without_a_ledger_are_recognised_by_their_bytes(todo: Todo, photos: Path) -> None:
    # As after kill -9 between a picture and its row.
    run(todo(), serial)
    out = photos.parent / "out"
    kept = outputs(out)
    written = {name: (out / name).stat().st_mtime_ns for name in kept}
    (out / "ledger-0001-of-0001.jsonl").unlink()
    tally = run(todo(), serial)
    assert (tally.done, tally.failed) == (4, 0)
    assert outputs(out) == kept
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == written


def test_a_photo_is_never_replaced_by_its_result(todo: Todo, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds the photos themselves"):
        todo(out="photos")
    before = outputs(photos)
    manifest = tmp_path / "photos.csv"
    manifest.write_text("photo,name\nphotos/a.png,a.png\n")
    tally = run(todo(manifest, "photos", overwrite=True), serial)
    assert "lies in the folder of results" in tally.failures[0].message
    assert {name: data for name, data in outputs(photos).items() if name != "photos.csv"} == before


def test_shards_are_disjoint_and_together_the_whole(todo: Todo, photos: Path) -> None:
    for number in range(20):
        draw(photos / f"{number}.png", number)
    run(todo(), serial)
    whole = outputs(photos.parent / "out")
    for number in (1, 2, 3):
        run(todo(out="parts", shard=Shard(number, 3)), serial)
    parts = photos.parent / "parts"
    assert outputs(parts) == whole
    found = [{row["name"] for row in rows(parts, Shard(number, 3))} for number in (1, 2, 3)]
    assert sum(map(len, found)) == len(set.union(*found)) == 24
    assert all(found)


def test_a_mistake_in_the_command_stops_the_batch_at_once(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="tolerence"):
        plan("fill", photos, tmp_path / "out", options={"box": BOX, "tolerence": 1})
    with pytest.raises(UnknownName, match="visuel"):
        plan("fill", photos, tmp_path / "out", options={"box": BOX, "tolerance": "visuel"})
    with pytest.raises(InputError, match="fill needs mask; give --mask a file, a pattern"):
        plan("fill", photos, tmp_path / "out")
    with pytest.raises(UnknownName, match="placeholder 'stam'"):
        plan("fill", photos, tmp_path / "out", files={"mask": "masks/{stam}.png"})
    with pytest.raises(UnreadablePicture, match=r"hole\.png does not exist"):
        plan("fill", photos, tmp_path / "out", files={"mask": "hole.png"})
    with pytest.raises(InputError, match="grow has no region"):
        plan("flatten", photos, tmp_path / "out", options={"grow": 2.0})
    with pytest.raises(UnwritablePicture, match="gif"):
        plan("fill", photos, tmp_path / "out", options={"box": BOX}, suffix=".gif")
    with pytest.raises(InputError, match="quality"):
        plan("fill", photos, tmp_path / "out", options={"box": BOX}, saving=Saving(quality=101))
    assert not (tmp_path / "out").exists()
    asked = plan("upscale", photos, tmp_path / "out", options={"model": "no-such-network"})
    with pytest.raises(InputError, match="unknown weights 'no-such-network'"):
        run(asked, serial)
    assert not (tmp_path / "out").exists()


def test_pictures_that_all_fail_alike_stop_the_batch(todo: Todo, photos: Path, calls: Calls) -> None:
    def refuse() -> None:
        raise InputError("these weights are for something else")

    for number in range(40):
        draw(photos / f"{number:02}.png", number)
    made_up.meanwhile.append(refuse)
    with pytest.raises(InputError, match=r"something else \(so say 10 pictures, and none"):
        run(todo(), serial)
    assert len(calls) == 10
    # A picture that is damaged hides nothing, and one that is done proves the command right.
    (photos / "03.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="so say 10 pictures"):
        run(todo(), serial)
    made_up.meanwhile[:] = [lambda: _fail_after(1, calls)]
    calls.clear()
    assert run(todo(out="other"), serial).failed == 43


def test_masks_are_found_by_a_pattern(todo: Todo, photos: Path, tmp_path: Path, calls: Calls) -> None:
    for number, name in enumerate(("a", "b", "day/d")):
        draw(tmp_path / "masks" / f"{name}-hole.png", 30 + number)
    asked = todo(
        files={"mask": str(tmp_path / "masks" / "{folder}" / "{stem}-hole.png")}, options={"grow": 2.0}
    )
    tally = run(asked, serial)
    assert (tally.done, tally.failed) == (3, 1)
    assert "c-hole.png does not exist" in tally.failures[0].message
    region = calls[-1]["mask"]
    assert region.grow == 2.0
    assert region.shape.samples.tolist() == Picture.of(tmp_path / "masks/day/d-hole.png").samples.tolist()
    # A mask that changes has its picture done again.
    draw(tmp_path / "masks" / "b-hole.png", 70)
    assert run(asked, serial).done == 1


def test_a_row_overrides_what_all_are_told(todo: Todo, photos: Path, tmp_path: Path, calls: Calls) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text('photo,strength,box,at\nphotos/a.png,0.25,,\nphotos/b.png,,"1,1,3,3","-4,5"\n')
    assert run(todo(manifest), serial).done == 2
    one, other = calls
    assert (one["strength"], one["mask"].shape, one["at"]) == (0.25, BOX, (0, 0))
    assert (other["strength"], str(other["mask"].shape), other["at"]) == (
        0.5,
        "Box(x0=1, y0=1, x1=3, y1=3)",
        (-4, 5),
    )
    # Only the row that says something else is done again.
    manifest.write_text(manifest.read_text().replace("0.25", "0.3"))
    assert run(todo(manifest), serial).done == 1


def test_stopping_keeps_what_is_finished(todo: Todo, photos: Path) -> None:
    def stop(event: Progress) -> None:
        if event.done == 2:
            raise Cancelled("enough")

    asked = todo()
    with pytest.raises(Cancelled, match=r"enough; 2 of about 4 pictures are done .* goes on from there"):
        run(asked, _slowly(), progress=stop)
    assert [row["name"] for row in rows(photos.parent / "out")] == NAMES[:2]
    assert run(asked, serial).there == 2


def test_progress_counts_what_was_there_too(todo: Todo) -> None:
    seen: list[Progress] = []
    run(todo(), _slowly(), progress=seen.append)
    assert [event.done for event in seen] == [1, 2, 3, 4, 4]
    assert {event.total for event in seen} == {4}
    assert seen[-1].facts["rate"] > 0
    seen.clear()
    run(todo(), serial, progress=seen.append)
    assert (seen[-1].done, seen[-1].facts) == (4, {"failed": 0.0, "rate": 0.0})


def test_a_torn_last_line_is_taken_away(todo: Todo, photos: Path) -> None:
    run(todo(), serial)
    ledger = photos.parent / "out" / "ledger-0001-of-0001.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[:-20])
    tally = run(todo(), serial)
    assert (tally.done, tally.there) == (1, 3)
    assert ledger.read_bytes() == whole


def test_what_runs_were_told_is_in_the_ledger(todo: Todo, photos: Path) -> None:
    run(todo(), serial)
    run(todo(), serial)
    run(todo(options={"strength": 0.125}), serial)
    lines = (photos.parent / "out" / "ledger-0001-of-0001.jsonl").read_text().splitlines()
    told = [json.loads(line)["batch"] for line in lines if "batch" in json.loads(line)]
    assert [one["options"].get("strength") for one in told] == [None, 0.125]
    assert (told[0]["edit"], told[0]["retouch"]) == ("darken", __import__("retouch").__version__)


def test_two_drivers_do_not_write_one_ledger(todo: Todo) -> None:
    pytest.importorskip("fcntl")

    def second(work: Work, items: Iterable[Item]) -> Iterator[Row]:
        with pytest.raises(InputError, match=r"another process is writing ledger-0001-of-0001\.jsonl"):
            run(todo(), serial)
        return serial(work, items)

    assert run(todo(), second).done == 4


def test_nothing_is_written_by_a_plan(todo: Todo, photos: Path) -> None:
    found = survey(todo())
    assert (found.todo, found.first, found.measured) == (4, NAMES, "3 pictures edited for nothing")
    assert found.bytes_in == sum((photos / name).stat().st_size for name in NAMES)
    assert found.seconds is not None
    assert found.seconds > 0
    run(todo(), serial)
    # What the results really take is what the sample said: noise of one size compresses alike.
    written = sum(map(len, outputs(photos.parent / "out").values()))
    assert found.bytes_out == pytest.approx(written, rel=0.1)
    draw(photos / "e.png", 6)
    assert survey(todo()).measured == "the last 4 pictures of the log"
    shutil.rmtree(photos.parent / "out")
    survey(todo())
    assert not (photos.parent / "out").exists()


def test_an_output_folder_that_cannot_be(todo: Todo, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out, why in (("file", "is a file"), ("no/such/folder", "does not exist")):
        for does in (lambda asked: run(asked, serial), survey):
            with pytest.raises(UnwritablePicture, match=why):
                does(todo(out=out))


def test_work_and_items_survive_their_way_to_a_process(todo: Todo, photos: Path, tmp_path: Path) -> None:
    draw(tmp_path / "hole.png", 3)
    asked = todo(files={"mask": str(tmp_path / "hole.png"), "edges": str(tmp_path / "{stem}.png")})
    assert Work.of(json.loads(json.dumps(asked.work.plain()))) == asked.work
    asked.work.prepare()
    # A copy is made as for another process: without what this one has opened.
    copied = copy.deepcopy(asked.work)
    assert copied == asked.work
    assert set(vars(copied)) < set(vars(asked.work))
    for item in todo(photos):
        assert Item.of(json.loads(json.dumps(item.plain()))) == item
        row = todo(photos).work(item)
        assert Row.of(json.loads(json.dumps(row.plain()))) == row
        assert Row.read(row.line()) == row


def test_the_ledger_finds_the_last_row_of_a_name(todo: Todo, photos: Path) -> None:
    run(todo(), serial)
    draw(photos / "b.png", 12)
    run(todo(), serial)
    with looked_up(todo()) as ledger:
        row = ledger.row("b.png")
        assert row is not None
        assert row.sha256 == rows(photos.parent / "out")[-1]["sha256"]
        assert ledger.row("z.png") is None


def test_a_folder_of_results_inside_the_source_is_left_out(todo: Todo, photos: Path) -> None:
    asked = todo(out="photos/results")
    assert run(asked, serial).done == 4
    assert run(asked, serial).there == 4
    settle(photos / "a.png")


def _noting(done: list[str]) -> Callable[[Work, Iterable[Item]], Iterator[Row]]:
    def runner(work: Work, items: Iterable[Item]) -> Iterator[Row]:
        for row in serial(work, items):
            done.append(row.name)
            yield row

    return runner


def _slowly() -> Callable[[Work, Iterable[Item]], Iterator[Row]]:
    """So that there is time for an event after each picture."""
    import time

    def runner(work: Work, items: Iterable[Item]) -> Iterator[Row]:
        for row in serial(work, items):
            time.sleep(0.11)
            yield row

    return runner


@pytest.mark.parametrize("edit", ["inpaint", "translate"])
def test_a_network_is_loaded_once_for_all_pictures(
    edit: str, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retouch import weights
    from retouch.tasks.inpaint.edit import verb
    from retouch.tasks.translate import edit as translating

    for module in (verb, translating):
        module._loaded.cache_clear()
    loaded: list[object] = []
    whole = weights.load

    def load(*told: Any, **named: Any) -> Any:
        loaded.append(told)
        return whole(*told, **named)

    monkeypatch.setattr(weights, "load", load)
    options = {"box": BOX} if edit == "inpaint" else {}
    tally = run(plan(edit, photos, photos.parent / "out", options=options), serial)
    assert (tally.done, tally.failed, len(loaded)) == (4, 0, 1)
