"""Edits that are done together: which they are, what they make, and that none hurts another."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from retouch.catalog import edit_named
from retouch.image import Picture
from retouch.studio.grouping import LARGEST, likeness_of
from retouch.studio.lane import Lane, Work
from retouch.studio.meeting import Meeting, apart, called
from retouch.studio.queue import Jobs
from retouch.studio.store import Limits, Store
from retouch.studio.together import verb_of
from tests.studio.made import library, photo
from tests.studio.orders import FACTS, ended, put, starts, until

DIFFERENCE = 3e-5
"""Of the range, by which pixels may differ from those that are made alone, as docs/serve.md says."""


@pytest.fixture
def pool(tmp_path: Path, home: Path) -> Iterator[tuple[Store, Jobs]]:
    """A queue that does up to four edits together, in a worker that does as it is told."""
    store = Store(tmp_path / "work", Limits(block=1))
    jobs = Jobs(store, batch=4, grace=0.5, module="tests.studio.fake_together")
    yield store, jobs
    jobs.close()
    store.close()


def small(store: Store, size: tuple[int, int] = (48, 64)) -> dict[str, str]:
    with store.begin("cat.png") as incoming:
        incoming.write(b"photo")
        facts = FACTS | {"height": size[0], "width": size[1]}
        return {"file": incoming.finish(facts).handle}


def asked(home: Path) -> list[str]:
    return (home / "asked").read_text(encoding="ascii").splitlines()


def test_what_is_alike_and_waits_is_done_together(pool: tuple[Store, Jobs], home: Path) -> None:
    store, jobs = pool
    alike = [jobs.submit("upscale", {"photo": small(store)}) for _ in range(5)]
    other = jobs.submit("upscale", {"photo": small(store, (48, 65))})
    option = jobs.submit("upscale", {"photo": small(store), "ensemble": True})
    verb = jobs.submit("restore", {"photo": small(store)})
    form = jobs.submit("upscale", {"photo": small(store)}, "webp")
    jobs.start()
    for job in (*alike, other, option, verb, form):
        assert ended(jobs, job).state == "done"
    counts = [line.split()[0] for line in asked(home)]
    assert counts == ["4", "1", "1", "1", "1", "1"]
    results = {(jobs.get(job.id).result or {})["picture"] for job in alike}
    assert len(results) == 5
    for job in alike:
        mine = job.order["photo"]["file"]
        made = store.path((jobs.get(job.id).result or {})["picture"]).read_text()
        assert str(store.folder / mine) in made, "a member got another's result"


def test_without_the_option_everything_is_done_by_itself(store: Store, home: Path) -> None:
    jobs = Jobs(store, module="tests.studio.fake_together")
    try:
        made = [jobs.submit("upscale", {"photo": small(store)}) for _ in range(3)]
        jobs.start()
        assert [ended(jobs, job).state for job in made] == ["done"] * 3
        assert asked(home) == ["1 write"] * 3
    finally:
        jobs.close()


def test_one_that_fails_or_is_cancelled_hurts_no_other(pool: tuple[Store, Jobs], home: Path) -> None:
    store, jobs = pool
    acts = ("write", "fail", "wait", "write")
    # They are told after the queue has found them alike.
    made = [jobs.submit("upscale", {"photo": small(store)}) for _ in acts]
    for job, act in zip(made, acts, strict=True):
        jobs._records[job.id].task["values"]["scale"] = act
    jobs.start()
    until(lambda: jobs.get(made[0].id).ended and jobs.get(made[3].id).ended)
    until(lambda: jobs.get(made[2].id).progress)
    jobs.cancel(made[2].id)
    states = [ended(jobs, job).state for job in made]
    assert states == ["done", "failed", "cancelled", "done"]
    assert asked(home) == ["4 write fail wait write"]
    assert (jobs.get(made[1].id).error or {})["type"] == "EmptyMask"


def test_one_that_does_not_listen_is_cancelled_at_once_and_holds_up_no_other(
    pool: tuple[Store, Jobs], home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, jobs = pool
    made = [jobs.submit("upscale", {"photo": small(store)}) for _ in range(3)]
    for job, act in zip(made, ("stuck", "wait", "wait"), strict=True):
        jobs._records[job.id].task["values"]["scale"] = act
    jobs.start()
    until(lambda: jobs.get(made[1].id).progress and jobs.get(made[2].id).progress)
    jobs.cancel(made[0].id)
    assert ended(jobs, made[0]).state == "cancelled"
    worker = jobs.devices[0].pid
    time.sleep(1.0)  # twice the grace
    assert jobs.devices[0].pid == worker, "the others lost their process"
    (home / "go").touch()
    assert [ended(jobs, job).state for job in made] == ["cancelled", "done", "done"]
    # Nobody is left whom it computes for, so what does not listen ends with its process, and others go on.
    assert ended(jobs, jobs.submit("upscale", {"photo": small(store)})).state == "done"
    assert asked(home) == ["3 stuck wait wait", "1 write"]
    assert starts(home) == 2
    assert "died" not in caplog.text


def test_what_is_alike_is_shared_among_those_who_are_free(store: Store, home: Path) -> None:
    jobs = Jobs(store, workers=3, batch=8, module="tests.studio.fake_together")
    try:
        jobs.start()
        until(lambda: all(lane.ready for lane in jobs._lanes))
        with jobs._changed:
            made = [jobs.submit("upscale", {"photo": small(store)}) for _ in range(7)]
            for job in made:
                jobs._records[job.id].task["values"]["scale"] = "wait"
        until(lambda: len(jobs.devices[0].jobs) == 7)
        counts = sorted(len(held) for held in jobs._running.values())
        (home / "go").touch()
        assert [ended(jobs, job).state for job in made] == ["done"] * 7
        assert counts == [2, 2, 3]
    finally:
        jobs.close()


def test_one_that_takes_the_process_with_it_is_the_one_that_fails(
    pool: tuple[Store, Jobs], home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, jobs = pool
    made = [jobs.submit("upscale", {"photo": small(store)}) for _ in range(4)]
    for job, act in zip(made, ("wait", "die", "wait", "write"), strict=True):
        jobs._records[job.id].task["values"]["scale"] = act
    jobs.start()
    until(lambda: "done one by one" in caplog.text)
    (home / "go").touch()
    assert [ended(jobs, job).state for job in made] == ["done", "failed", "done", "done"]
    assert (jobs.get(made[1].id).error or {})["type"] == "WorkerDied"


def test_closing_ends_all_of_a_group(pool: tuple[Store, Jobs]) -> None:
    store, jobs = pool
    made = [jobs.submit("upscale", {"photo": small(store)}) for _ in range(3)]
    for job in made:
        jobs._records[job.id].task["values"]["scale"] = "stuck"
    jobs.start()
    until(lambda: all(jobs.get(job.id).state == "running" for job in made))
    assert jobs.devices[0].jobs == tuple(job.id for job in made)
    jobs.close()
    errors = [(ended(jobs, job).error or {})["type"] for job in made]
    assert errors == ["Unavailable"] * 3


def test_what_is_done_by_itself(store: Store) -> None:
    large = FACTS | {"height": 513, "width": 512}
    with store.begin("large.png") as incoming:
        incoming.write(b"photo")
        too_large = {"file": incoming.finish(large).handle}
    fits = small(store, (512, 512))
    assert LARGEST == 512 * 512
    assert likeness_of("restore", {"photo": fits}, "png", store)
    assert likeness_of("restore", {"photo": too_large}, "png", store) is None
    assert likeness_of("repaint", {"photo": fits}, "png", store) is None
    assert likeness_of("restore", {"photo": {"file": "0" * 32}}, "png", store) is None
    assert likeness_of("restore", {}, "png", store) is None
    latent = put(store)
    one, two = ({"photo": fits, "noise": noise} for noise in (10, 20))
    assert likeness_of("restore", one, "png", store) != likeness_of("restore", two, "png", store)
    with_mask = {"photo": fits, "mask": {"file": latent}}
    others = {"photo": small(store, (512, 512)), "mask": {"file": put(store)}}
    assert likeness_of("inpaint", with_mask, "png", store) == likeness_of("inpaint", others, "png", store)


def in_threads(works: Sequence[Callable[..., Any]], meeting: Meeting) -> list[Any]:
    """Do works as members of a meeting; what each made, or raised."""
    found: list[Any] = [None] * len(works)

    def member(number: int) -> None:
        with meeting.attended():
            try:
                found[number] = works[number]()
            except Exception as error:
                found[number] = error

    threads = [threading.Thread(target=member, args=(number,), daemon=True) for number in range(len(works))]
    for thread in threads:
        thread.start()
    meeting.preside()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return found


def test_a_meeting_computes_what_is_alike_at_once_and_waits_for_nobody_who_left() -> None:
    seen: list[tuple[int, ...]] = []

    def double(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return x * 2

    def ask(side: int, value: float) -> Tensor:
        return called(double, torch.full((1, 1, side, side), value))

    def twice() -> float:
        return float(ask(4, 1.0).sum() + ask(4, 2.0).sum())

    def never() -> None:
        raise ValueError("left early")

    found = in_threads([twice, lambda: ask(4, 3.0), lambda: ask(8, 1.0), never], Meeting(4))
    assert found[0] == 2 * 16 + 4 * 16
    assert torch.equal(found[1], torch.full((1, 1, 4, 4), 6.0))
    assert found[2].shape == (1, 1, 8, 8)
    assert isinstance(found[3], ValueError)
    assert sorted(seen) == [(1, 1, 4, 4), (1, 1, 8, 8), (2, 1, 4, 4)]


def test_a_network_that_refuses_one_picture_refuses_no_other() -> None:
    def picky(x: Tensor) -> Tensor:
        if bool((x < 0).any()):
            raise ValueError("too dark")
        return x + 1

    works = [lambda value=value: called(picky, torch.full((1, 1, 2, 2), value)) for value in (1.0, -1.0, 5.0)]
    found = in_threads(works, Meeting(3))
    assert float(found[0].max()) == 2.0
    assert isinstance(found[1], ValueError)
    assert float(found[2].max()) == 6.0


def test_one_who_loads_waits_for_nobody() -> None:
    """Two members of which one holds a lock while it tries a network: they would wait for each other."""
    lock = threading.Lock()

    def loads() -> float:
        with lock, apart():
            called(lambda x: x, torch.zeros(1, 1, 2, 2))
        return float(called(torch.exp, torch.zeros(1, 1, 2, 2)).max())

    assert in_threads([loads, loads, loads], Meeting(3)) == [1.0] * 3


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("restore", {"noise": 12.0}),
        ("restore", {"noise": 8.0, "ensemble": True, "strength": 0.8}),
        ("upscale", {}),
        ("upscale", {"denoise": 6.0, "scale": 2.0}),
        ("inpaint", {"seam": "feather"}),
        ("inpaint", {"model": "telea"}),
    ],
)
def test_together_is_alone_up_to_rounding(verb: str, options: dict[str, Any], tmp_path: Path) -> None:
    edit = edit_named(verb)
    given: list[dict[str, Any]] = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        path.write_bytes(photo(number, (48, 64)))
        arguments: dict[str, Any] = {"photo": Picture.open(path), "device": "cpu", **options}
        if options.get("model") == "telea":
            arguments.pop("device")
        if verb == "inpaint":
            mask = np.zeros((48, 64), bool)
            mask[16:28, 20:30] = True
            arguments["mask"] = mask
        given.append(arguments)
    works = [lambda arguments=arguments: verb_of(edit, arguments)(**arguments) for arguments in given]
    found = in_threads(works, Meeting(3))
    for made, arguments in zip(found, given, strict=True):
        assert isinstance(made, Picture), made
        alone = edit.load()(**arguments)
        assert made.size == alone.size
        assert np.abs(made.pixels - alone.pixels).max() <= DIFFERENCE
        assert dataclasses.asdict(made.file) == dataclasses.asdict(alone.file)
        assert {name: made.report[name] for name in ("model",)} == {"model": alone.report["model"]}


def test_a_real_worker_does_them_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Lane._together
    counts: list[int] = []

    def counted(lane: Lane, works: Sequence[Work]) -> Sequence[Work]:
        counts.append(len(works))
        return there(lane, works)

    monkeypatch.setattr(Lane, "_together", counted)
    store = Store(tmp_path / "work")
    jobs = Jobs(store, batch=4, grace=60)
    try:
        handles = []
        for number in range(4):
            with store.begin(f"{number}.png") as incoming:
                incoming.write(photo(number, (32, 40)))
                facts = FACTS | {"height": 32, "width": 40}
                handles.append(incoming.finish(facts).handle)
        noise = {"noise": 10}
        orders = [{"photo": {"file": handle}, **noise} for handle in handles]
        # One that the network refuses among them.
        refused = jobs.submit("restore", {"photo": {"file": put(store, data=b"no picture")}, **noise})
        jobs._records[refused.id].likeness = likeness_of("restore", orders[0], "png", store)
        made = [jobs.submit("restore", order) for order in orders[:3]]
        jobs.start()
        assert ended(jobs, refused).state == "failed"
        assert counts == [4]
        for number, job in enumerate(made):
            last = ended(jobs, job)
            assert last.state == "done", last.error
            written = Picture.open(store.path((last.result or {})["picture"]))
            mine = tmp_path / "mine.png"
            mine.write_bytes(library("restore", tmp_path, {"photo": photo(number, (32, 40)), "noise": 10.0}))
            # A file of 8 bits: what is next to a half may be rounded to the other side.
            assert np.abs(written.pixels - Picture.open(mine).pixels).max() <= DIFFERENCE + 1 / 255
    finally:
        jobs.close()
        store.close()
