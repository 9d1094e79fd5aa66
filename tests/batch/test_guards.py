"""What a batch never does: forget what was repaired, take one photo for another, replace what goes in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from retouch.batch import Item, Plan, Row, Work, plan, run, serial, survey
from retouch.errors import InputError
from tests.batch.conftest import draw, outputs, settle

Todo = Callable[..., Plan]


def test_what_failed_is_tried_again_when_its_input_was_repaired(todo: Todo, photos: Path) -> None:
    (photos / "b.png").write_bytes(b"no picture")
    settle(photos / "b.png")
    (photos / "c.png").rename(photos / "c.away")
    manifest = photos / "list.txt"
    manifest.write_text("a.png\nb.png\nc.png\n")
    asked = todo(manifest)
    assert run(asked, serial).failed == 2
    assert run(asked, _never, keep_failed=True).failed == 2
    draw(photos / "b.png", 1)
    (photos / "c.away").rename(photos / "c.png")
    tally = run(asked, serial, keep_failed=True)
    assert (tally.done, tally.failed, tally.there) == (2, 0, 1)


def test_a_picture_that_killed_its_workers_is_tried_again_when_it_is_another(
    todo: Todo, photos: Path
) -> None:
    def dying(work: Work, items: Iterable[Item]) -> Iterator[Row]:
        return (work.lost(item) for item in items)

    asked = todo()
    assert run(asked, dying).failed == 4
    assert run(asked, _never, keep_failed=True).failed == 4
    draw(photos / "b.png", 44)
    assert run(asked, serial, keep_failed=True).done == 1


def test_a_file_of_equal_size_and_time_is_another(todo: Todo, photos: Path) -> None:
    run(todo(), serial)
    path = photos / "b.png"
    status = path.stat()
    other = draw(photos.parent / "other.png", 9).read_bytes()[: status.st_size].ljust(status.st_size, b"\0")
    path.write_bytes(other)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert survey(todo(), sample=0).changed == 1


def test_nothing_that_goes_in_lies_among_the_results(todo: Todo, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    hole = draw(out / "hole.png", 3)
    with pytest.raises(InputError, match=r"hole\.png lies in the folder of results"):
        todo(files={"edges": str(hole)})
    with pytest.raises(InputError, match="give the results a folder of their own"):
        todo(photos / "day", "photos")
    with pytest.raises(InputError, match="give the results a folder of their own"):
        todo(photos / "*.png", "photos", suffix=".jpg")
    run(todo(), serial)
    kept = (out / "a.png").read_bytes()
    (tmp_path / "linked.png").symlink_to(out / "a.png")
    manifest = tmp_path / "list.csv"
    manifest.write_text("photo,name\nout/a.png,b.png\nlinked.png,c.png\nphotos/b.png,a.png\n")
    tally = run(todo(manifest), serial)
    assert (tally.done, tally.failed) == (1, 2)
    assert all("lies in the folder of results" in row.message for row in tally.failures)
    assert (out / "a.png").read_bytes() != kept
    # Results inside the folder of the photos are left out of them.
    assert run(todo(photos / "**/*.png", "photos/results"), serial).done == 4


def test_what_a_link_among_the_results_leads_to_is_never_replaced(
    todo: Todo, photos: Path, tmp_path: Path
) -> None:
    hole = draw(tmp_path / "hole.png", 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(hole)
    (tmp_path / "out" / "b.png").symlink_to(photos / "b.png")
    before = hole.read_bytes(), (photos / "b.png").read_bytes()
    tally = run(todo(files={"edges": str(hole)}, overwrite=True), serial)
    assert (tally.done, [row.error for row in tally.failures]) == (2, ["OutputExists"] * 2)
    assert (hole.read_bytes(), (photos / "b.png").read_bytes()) == before


def test_results_of_another_edit_are_not_replaced(todo: Todo, photos: Path, tmp_path: Path) -> None:
    run(todo(), serial)
    before = outputs(tmp_path / "out")
    with pytest.raises(InputError, match="is the record of darken, and this batch is soften; choose another"):
        run(plan("soften", photos, tmp_path / "out"), serial)
    assert outputs(tmp_path / "out") == before
    assert run(plan("soften", photos, tmp_path / "out", overwrite=True), serial).done == 4


def _never(work: Work, items: Iterable[Item]) -> Iterator[Row]:
    """A runner for what needs nothing to be done."""
    for item in items:
        pytest.fail(f"{item.name} is done")
    return iter(())
