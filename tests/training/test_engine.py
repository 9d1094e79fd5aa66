"""The loop: lengths, logs, weights, averages, stops, and what it leaves behind."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from retouch import training, weights
from retouch.errors import Cancelled, Diverged, TrainingError
from retouch.progress import Progress
from retouch.training.average import Average
from retouch.training.checkpoint import read_state, write_state
from retouch.training.schedule import rate
from tests.training.line import LineRecipe, Slope, line


def scalars(run: Path, name: str) -> list[tuple[int, float]]:
    rows = [row.split(",") for row in (run / "log.csv").read_text().splitlines()[1:]]
    return [(int(row[0]), float(row[2])) for row in rows if row[1] == name]


def test_a_run_learns_and_leaves_its_files(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run = tmp_path / "run"
    outcome = training.train(
        line(images=400, batch=2), "4", run, command=["retouch", "train"], progress=seen.append
    )
    assert outcome.seen == 400
    assert outcome.metrics["error"] < 0.05
    assert [event.done for event in seen] == list(range(2, 401, 2))
    assert seen[-1].total == 400
    found = weights.read(outcome.weights["slope"])
    assert found.card is not None
    assert found.card.images_seen is not None
    assert found.card.metrics[0]["name"] == "error"
    assert abs(float(found.tensors["w"]) - 2.0) < 0.05
    record = yaml.safe_load((run / "run.yaml").read_text())
    assert record["options"]["engine"]["images"] == 400
    assert record["training_pictures"] == {"count": 4}
    images, square = scalars(run, "square")[0]
    assert images == 2
    assert square == pytest.approx(4 * (1 + 4) / 2)
    assert (run / "report.html").is_file()


def test_losses_before_an_evaluation_are_not_lost(tmp_path: Path) -> None:
    training.train(line(images=10, log_every=4, validate_every=5), "4", tmp_path / "run")
    assert [images for images, _ in scalars(tmp_path / "run", "square")] == [4, 5, 8, 10]


def test_length_is_the_recipes_unless_told(tmp_path: Path) -> None:
    assert training.train(line(images=0), "5", tmp_path / "run").seen == 5


def test_an_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    training.train(line(images=2), "4", tmp_path / "run")
    with pytest.raises(TrainingError, match="--resume"):
        training.train(line(images=2), "4", tmp_path / "run")


def test_accumulated_batches_make_the_step_of_one_large_batch(tmp_path: Path) -> None:
    training.train(line(images=4, batch=4), "4", tmp_path / "whole")
    training.train(line(images=4, batch=1, accumulate=4), "4", tmp_path / "parts")
    whole, parts = (read_state(tmp_path / name) for name in ("whole", "parts"))
    moments = [state["optimisers"][0]["state"][0]["exp_avg"] for state in (whole, parts)]
    # Least squares at w = 0 over x = 1…4: the slope of the loss is −4·mean(x²) = −4·7.5 = −30;
    # Adam's first moment after one step is (1 − β₁)·g = 0.5·(−30) = −15.
    assert moments[0].item() == pytest.approx(-15.0)
    assert moments[1].item() == pytest.approx(-15.0)


def test_clipping_bounds_the_gradient(tmp_path: Path) -> None:
    training.train(line(images=4, batch=4, clip=1.0), "4", tmp_path / "run")
    state = read_state(tmp_path / "run")
    assert state["optimisers"][0]["state"][0]["exp_avg"].item() == pytest.approx(-0.5, rel=1e-4)
    assert scalars(tmp_path / "run", "slope_gradient")[0][1] == pytest.approx(30.0)


def test_the_average_is_what_is_saved_and_follows_by_images() -> None:
    network = Slope()
    average = Average(network, half_life=10.0)
    with torch.no_grad():
        network.w.fill_(1.0)
    # Far into a run: after one half-life, half of the old weight (0) and half of the new (1).
    average.follow(network, images=10, seen=10_000)
    assert average.network.w.item() == pytest.approx(0.5)  # type: ignore[operator]
    # Early in a run the half-life is 5 % of the images seen: 0.5 ** (2 / 1) of the old remains.
    average.follow(network, images=2, seen=20)
    assert average.network.w.item() == pytest.approx(1.0 - 0.25 * 0.5)  # type: ignore[operator]


def test_statistics_are_averaged_with_the_weights_they_belong_to() -> None:
    network = torch.nn.BatchNorm2d(1)
    average = Average(network, half_life=10.0)
    assert network.running_mean is not None
    network.running_mean.fill_(4.0)
    network.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    average.follow(network, images=20, seen=10_000)
    state = average.state_dict()
    assert state["running_mean"].item() == pytest.approx(0.75 * 4.0)
    assert state["num_batches_tracked"].item() == 7


def test_an_averaged_run_saves_the_average(tmp_path: Path) -> None:
    run = tmp_path / "run"
    training.train(line(images=40, batch=4, average=1000.0), "4", run)
    state = read_state(run)
    saved = weights.read(run / "last.safetensors").tensors["w"].item()
    assert saved == pytest.approx(state["averages"]["slope"]["w"].item())
    assert saved != pytest.approx(state["networks"]["slope"]["w"].item())


def test_nan_stops_the_run_and_spares_the_checkpoint(tmp_path: Path) -> None:
    from dataclasses import replace

    run = tmp_path / "run"
    recipe = replace(line(images=100, save_every=2, validate_every=2), poison=7)
    with pytest.raises(Diverged, match=r"(?i)\bnan\b"):
        training.train(recipe, "9", run)
    state = read_state(run)
    assert state["seen"] == 6
    assert math.isfinite(state["networks"]["slope"]["w"].item())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_a_checkpoint(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def stop(progress: Progress) -> None:
        if progress.done == 5:
            os.kill(os.getpid(), number)

    with pytest.raises(Cancelled, match=r"5 of 100 images.*--resume"):
        training.train(line(images=100), "4", tmp_path / "run", progress=stop)
    assert read_state(tmp_path / "run")["seen"] == 5
    assert signal.getsignal(number) is before


def test_cancelling_from_the_callback_saves_too(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        training.train(line(images=100), "4", tmp_path / "run", progress=stop)
    assert read_state(tmp_path / "run")["seen"] == 3


def test_time_ends_a_run_like_its_last_image(tmp_path: Path) -> None:
    outcome = training.train(line(images=10**9, minutes=0.01), "4", tmp_path / "run")
    assert 0 < outcome.seen < 10**9
    assert (tmp_path / "run" / "report.html").is_file()


def test_the_callers_random_numbers_and_threads_are_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    training.train(line(images=4, threads=2), "4", tmp_path / "run")
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads


def test_a_longer_run_goes_on_where_the_shorter_ended(tmp_path: Path) -> None:
    run = tmp_path / "run"
    training.train(line(images=20), "4", run)
    outcome = training.resume(run, [LineRecipe], changes={"engine.images": 40})
    whole = training.train(line(images=40), "4", tmp_path / "whole")
    assert outcome.seen == whole.seen == 40
    assert read_state(run)["networks"] == read_state(tmp_path / "whole")["networks"]
    squares = scalars(run, "square")
    assert [images for images, _ in squares] == list(range(1, 41))


@pytest.mark.parametrize("damage", ["missing", "torn", "garbage", "record"])
def test_a_damaged_run_says_so(tmp_path: Path, damage: str) -> None:
    run = tmp_path / "run"
    training.train(line(images=2), "4", run)
    checkpoint = run / "checkpoint.pt"
    if damage == "missing":
        checkpoint.unlink()
    elif damage == "torn":
        checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    elif damage == "garbage":
        checkpoint.write_bytes(b"not a checkpoint")
    else:
        (run / "run.yaml").write_text("recipe: [", encoding="utf-8")
    with pytest.raises(TrainingError, match="run"):
        training.resume(run, [LineRecipe])


def test_a_checkpoint_carries_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    training.train(line(images=2), "4", tmp_path / "run")
    torch.save({"seen": Trap()}, tmp_path / "run" / "checkpoint.pt")
    with pytest.raises(TrainingError):
        training.resume(tmp_path / "run", [LineRecipe])
    assert not (tmp_path / "sprung").exists()


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"seen": 1, "networks": {}, "optimisers": [], "processes": []}
    write_state(tmp_path, whole)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match="No space left"):
        write_state(tmp_path, {"seen": 2})
    assert read_state(tmp_path) == whole
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="auto or cpu"):
        training.train(line(images=2, device="quantum"), "4", tmp_path / "run")


def test_schedules() -> None:
    assert rate("constant", 90, 100) == 1.0
    assert rate("linear", 50, 100) == 1.0
    assert rate("linear", 75, 100) == pytest.approx(0.5)
    assert rate("cosine", 75, 100) == pytest.approx(0.5)
    assert rate("cosine", 50, 100, hold=0.0) == pytest.approx(0.5)
    assert rate("linear", 4, 100, warmup=10) == pytest.approx(0.5)
    assert rate("linear", 200, 100) == 0.0


def test_time_that_is_up_leaves_weights_and_a_checkpoint(tmp_path: Path) -> None:
    outcome = training.train(line(images=10**9, minutes=0.002), "4", tmp_path / "run")
    assert outcome.weights["slope"].is_file()
    assert read_state(tmp_path / "run")["seen"] == outcome.seen
    assert outcome.metrics


def test_options_that_do_not_fit_leave_the_record_of_the_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    training.train(line(images=4), "4", run)
    before = (run / "run.yaml").read_bytes()
    with pytest.raises(TrainingError, match="does not fit"):
        training.resume(run, [LineRecipe], changes={"engine.average": 100.0, "engine.images": 8})
    assert (run / "run.yaml").read_bytes() == before
    assert training.resume(run, [LineRecipe], changes={"engine.images": 8}).seen == 8


def test_a_step_that_breaks_off_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch.training.step import Stepper

    whole = Stepper.step

    def broken(self: Stepper, batches: Any, seen: int, total: int) -> Any:
        told = whole(self, batches, seen, total)
        if seen == 5:
            raise KeyboardInterrupt
        return told

    monkeypatch.setattr(Stepper, "step", broken)
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        training.train(line(images=20, save_every=2), "4", run)
    assert read_state(run)["seen"] == 4


def test_a_resumed_run_takes_new_settings_of_its_optimiser(tmp_path: Path) -> None:
    run = tmp_path / "run"
    training.train(line(images=4), "4", run)
    training.resume(run, [LineRecipe], changes={"engine.images": 8, "adam.beta1": 0.25})
    assert read_state(run)["optimisers"][0]["param_groups"][0]["betas"] == (0.25, 0.999)


def test_an_evaluation_without_a_number_is_never_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = LineRecipe.validate
    found: list[float] = []

    def first_nan(self: LineRecipe, *given: Any) -> training.Evaluation:
        evaluation = measure(self, *given)
        found.append(math.nan if not found else evaluation.metrics["error"])
        evaluation.metrics["error"] = found[-1]
        return evaluation

    monkeypatch.setattr(LineRecipe, "validate", first_nan)
    training.train(line(images=8, validate_every=2), "4", tmp_path / "run")
    assert read_state(tmp_path / "run")["best"] == min(found[1:])


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    training.train(line(images=4), "4", run)
    (run / ".checkpoint-half").write_bytes(b"half")
    training.resume(run, [LineRecipe], changes={"engine.images": 8})
    assert not (run / ".checkpoint-half").exists()


def test_a_run_without_a_checkpoint_is_not_to_be_resumed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    training.train(line(images=2), "4", run)
    (run / "checkpoint.pt").unlink()
    with pytest.raises(TrainingError, match="no checkpoint yet"):
        training.train(line(images=2), "4", run)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    training.train(line(images=2), "4", tmp_path / "run")
    torch.save([1, 2], tmp_path / "run" / "checkpoint.pt")
    with pytest.raises(TrainingError, match="not the checkpoint"):
        training.resume(tmp_path / "run", [LineRecipe])
