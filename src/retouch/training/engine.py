"""The training loop: it carries out a recipe and owns everything that no paper writes about."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from retouch.errors import Diverged, InputError, TrainingError
from retouch.progress import Progress, ProgressCallback
from retouch.training import files, options
from retouch.training.average import Average
from retouch.training.checkpoint import FILE, read_state, remove_drafts, write_state
from retouch.training.distributed import Group, group, losing
from retouch.training.journal import Journal
from retouch.training.recipe import Batch, Data, Engine, Evaluation, Recipe, Telling, named
from retouch.training.signals import Stop, listening
from retouch.training.step import Stepper, finite


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Args:
        run: its folder.
        seen: images learned from.
        seconds: time spent, the time before an interruption included.
        weights: product → the file with its best weights.
        metrics: the last evaluation.
    """

    run: Path
    seen: int
    seconds: float
    weights: dict[str, Path]
    metrics: dict[str, float]


def train(
    recipe: Recipe,
    data: str,
    out: str | Path,
    *,
    command: Sequence[str] = (),
    relaunched: bool = False,
    progress: ProgressCallback | None = None,
) -> Outcome:
    """Train networks by a recipe, from the beginning.

    Under torchrun every process calls this with the same arguments; the first one writes the files.

    Args:
        recipe: what to learn, and how, with all its options.
        data: a folder, a table, or ``synthetic:…``.
        out: the folder of the run; it must not hold one yet.
        command: what the user typed, for the record.
        relaunched: an earlier attempt of this very run may have left something in the folder: its checkpoint,
            from which the run goes on, or the beginning of a run, which begins anew.
        progress: called after every step, on the first process; an exception from it stops the run
            with a checkpoint.

    Returns:
        Where the weights are, and how good.

    Raises:
        DataError: There is nothing to learn from.
        TrainingError: The folder holds a run already, the device is not there, or another process has gone.
        InputError: The recipe leaves something open that it does not choose.
        Diverged: The losses are no longer numbers; the message says what to change.
        Cancelled: The run was stopped, after a checkpoint.
    """
    recipe, reasons = recipe.fitted(str(data))
    record = files.Record(recipe.name, str(data), options.flat(recipe), tuple(command), reasons)
    return _run(recipe, record, Path(out), resume=False, relaunched=relaunched, progress=progress)


def resume(
    out: str | Path,
    recipes: Sequence[type[Recipe]],
    *,
    changes: Mapping[str, object] | None = None,
    progress: ProgressCallback | None = None,
) -> Outcome:
    """Go on with a run from its last checkpoint; on a CPU, exactly as if it had never stopped.

    Args:
        out: the folder of the run.
        recipes: the recipes there are.
        changes: options to change, such as ``{"engine.images": 400_000}`` to train for longer.
        progress: as for :func:`train`.

    Returns:
        Where the weights are, and how good.

    Raises:
        TrainingError: The folder holds no run, its checkpoint is damaged, or a change does not fit it.
        Diverged: The losses are no longer numbers; the message says what to change.
        Cancelled: The run was stopped, after a checkpoint.
    """
    record = files.read_record(Path(out))
    recipe = options.changed(options.changed(named(recipes, record.recipe)(), record.options), changes or {})
    record = replace(record, options=options.flat(recipe))
    return _run(recipe, record, Path(out), resume=True, relaunched=False, progress=progress)


def _run(
    recipe: Recipe,
    record: files.Record,
    out: Path,
    *,
    resume: bool,
    relaunched: bool,
    progress: ProgressCallback | None,
) -> Outcome:
    engine = recipe.engine
    if not engine.batch:
        raise InputError(
            "engine.batch is 0, which leaves it to a recipe that does not choose it; give at least 1"
        )
    with ExitStack() as stack:
        processes = stack.enter_context(group(engine.device))
        stack.enter_context(_own_mathematics(engine))
        stop = stack.enter_context(listening())
        stack.enter_context(losing(stop))
        data = recipe.data(record.data)
        # The first process says for all: another machine may see a checkpoint that is just being written.
        resume = processes.any(processes.leads and (resume or (relaunched and (out / FILE).is_file())))
        if processes.leads and not resume:
            files.open_folder(out, record, data, resume=relaunched)
            remove_drafts(out)
        processes.wait()
        loop = Loop(recipe, data, processes, out, stop)
        if resume:
            loop.restore(read_state(out))
            # Only now is it known that the options fit: those of a run that does not begin are not kept.
            if processes.leads:
                remove_drafts(out)
                files.open_folder(out, record, data, resume=True)
        since = loop.seen if resume or relaunched else None
        journal = Journal.opened(out, engine, since=since) if processes.leads else None
        if journal is not None:
            stack.callback(journal.close)
        return loop.carry_out(journal, progress)


@contextmanager
def _own_mathematics(engine: Engine) -> Iterator[None]:
    """Set threads and random numbers for the run, and give them back at its end."""
    threads = torch.get_num_threads()
    gpus = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    benchmark = torch.backends.cudnn.benchmark
    try:
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(engine.seed)
            torch.backends.cudnn.benchmark = bool(gpus)
            if engine.threads:
                torch.set_num_threads(engine.threads)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.benchmark = benchmark


class Loop:
    """A run in memory: networks, averages, optimisers, and how far it is.

    Args:
        recipe: what to learn.
        data: from what.
        processes: with whom.
        out: the folder of the run.
        stop: tells when the user wants it to stop.
    """

    def __init__(self, recipe: Recipe, data: Data, processes: Group, out: Path, stop: Stop) -> None:
        engine = recipe.engine
        self.recipe, self.engine, self.data, self.processes, self.out = recipe, engine, data, processes, out
        self.stop = stop
        self.networks: dict[str, nn.Module] = {
            name: network.to(processes.device).train() for name, network in recipe.networks().items()
        }
        if engine.sync_batch_norm and processes.world > 1 and processes.device.type == "cuda":
            self.networks = {
                name: nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
                for name, network in self.networks.items()
            }
        self.averages = (
            {name: Average(self.networks[name], engine.average) for name in recipe.averaged_products()}
            if engine.average
            else {}
        )
        self.memory = recipe.memory()
        self.stepper = Stepper(recipe, self.networks, self.memory, processes)
        # Networks start alike everywhere; from here on every process draws its own dropout.
        if processes.rank:
            torch.manual_seed(engine.seed + 1_000_003 * processes.rank)
        self.per_step = engine.batch * engine.accumulate * processes.world
        self.total = engine.images or recipe.length(len(data.train))
        self.validate_every = engine.validate_every or max(self.total // 20, self.per_step)
        self.save_every = engine.save_every or self.validate_every
        self.seen = 0
        self.seconds = 0.0
        self.stopping = False
        self.between_steps = True
        self.measured = -1
        self.best: float | None = None
        self.metrics: dict[str, float] = {}
        self.evaluation: Evaluation | None = None

    def carry_out(self, journal: Journal | None, progress: ProgressCallback | None) -> Outcome:
        """Take all steps that are left, then write the weights.

        Args:
            journal: where the first process writes; None on the others.
            progress: the caller's callback.

        Returns:
            What the run came to.
        """
        begun, before, resumed_at = time.monotonic(), self.seconds, self.seen
        stream = self.data.stream(
            batch=self.engine.batch,
            seed=self.engine.seed,
            rank=self.processes.rank,
            world=self.processes.world,
            start=self.seen,
            workers=self.engine.workers,
        )
        try:
            while self.seen < self.total and not self._out_of_time():
                self._step(list(islice(stream, self.engine.accumulate)), journal, progress)
                self.seconds = before + time.monotonic() - begun
                if journal is not None:
                    journal.waited = float(getattr(stream, "waited", 0.0))
                self._after_step(journal)
            if resumed_at < self.seen < self.total:
                self._end_early(journal)
        except BaseException as error:
            # A checkpoint takes all processes; they are here together only when they stop together.
            together = self.processes.world == 1 or self.stopping
            # A step that broke off has moved some networks and not others: the checkpoint before it stays.
            if together and not self.processes.any(
                not self.between_steps or isinstance(error, Diverged) or not finite(self.networks.values())
            ):
                self.save()
            raise
        finally:
            if hasattr(stream, "close"):
                stream.close()
        return self._finish(journal)

    def _step(self, batches: list[Batch], journal: Journal | None, progress: ProgressCallback | None) -> None:
        self.between_steps = False
        told = self.stepper.step(batches, self.seen, self.total)
        if isinstance(self.memory, Telling):
            told |= self.memory.told()
        for name, average in self.averages.items():
            average.follow(self.networks[name], self.per_step, self.seen + self.per_step)
        self.seen += self.per_step
        self.between_steps = True
        if journal is not None:
            journal.add(told, self.per_step)
            if progress is not None:
                with self._held():
                    progress(Progress("training", self.seen, self.total, facts=journal.facts))

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep back what the first process raises until all processes can stop together."""
        try:
            yield
        except BaseException as error:
            if self.processes.world == 1:
                raise
            self.stop.error = error

    def _after_step(self, journal: Journal | None) -> None:
        if self._due(self.engine.log_every):
            if journal is not None:
                with self._held():
                    journal.write(self.seen, self.seconds)
            self._stop_together()
        if self._due(self.validate_every) or self.seen >= self.total:
            self._validate(journal)
        if self._due(self.save_every) or self.seen >= self.total:
            self.save()
        steps = self.seen // self.per_step
        # Asking the other processes costs a round trip: not at every step.
        if self.processes.world == 1 or steps % 10 == 0:
            self._stop_together()

    def _end_early(self, journal: Journal | None) -> None:
        """Measure and save when the time is up, as after the last image."""
        if self.measured != self.seen:
            self._validate(journal)
        self.save()

    def _stop_together(self) -> None:
        if self.processes.any(self.stop.wanted):
            self.stopping = True
            self.stop.raise_cancelled(self.out, self.seen, self.total)

    def _due(self, every: int) -> bool:
        return self.seen // every > (self.seen - self.per_step) // every

    def _out_of_time(self) -> bool:
        limit = 60.0 * self.engine.minutes
        steps = self.seen // self.per_step
        if not limit or (self.processes.world > 1 and steps % 10):
            return False
        return self.processes.any(self.seconds >= limit)

    def _validate(self, journal: Journal | None) -> None:
        """Measure on the first process, while the others wait, with random numbers of its own."""
        self.measured = self.seen
        if journal is not None:
            with self._held():
                journal.write(self.seen, self.seconds)
        if self.data.validation is not None and self.processes.leads:
            evaluation = self.evaluated(self.edited_networks())
            self.metrics, self.evaluation = evaluation.metrics, evaluation
            if journal is not None:
                journal.evaluated(self.seen, evaluation)
            name, better = self.recipe.judge
            value = evaluation.metrics.get(name)
            # NaN, once it was the best, would stay it: nothing is lower or higher.
            if (
                value is not None
                and not math.isnan(value)
                and (self.best is None or (value < self.best if better == "lowest" else value > self.best))
            ):
                self.best = value
                self._write_weights("best", evaluation)
        self.processes.wait()

    def edited_networks(self) -> dict[str, nn.Module]:
        """Give the networks as editing will use them: averaged where the run averages."""
        return {**self.networks, **{name: average.network for name, average in self.averages.items()}}

    def evaluated(self, networks: Mapping[str, nn.Module]) -> Evaluation:
        """Measure networks on the validation examples and leave no trace in the run."""
        training = {name: network.training for name, network in networks.items()}
        device = self.processes.device
        try:
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
                torch.manual_seed(self.engine.seed)
                for network in networks.values():
                    network.eval()
                with self.stepper.autocast():
                    return self.recipe.validate(networks, self.data, device)
        finally:
            for name, network in networks.items():
                network.train(training[name])

    def save(self) -> None:
        """Write the checkpoint, and the weights as they are now.

        Raises:
            Diverged: The weights are not numbers; the earlier checkpoint stays.
        """
        if not finite(self.networks.values()):
            raise Diverged(
                f"after {self.seen} images the weights hold NaN or infinite values; resume from the last "
                f"checkpoint in {self.out} with a lower learning rate, "
                "engine.clip=1 or engine.precision=float32"
            )
        mine = {"random": torch.get_rng_state(), "memory": self.memory.state_dict()}
        if self.processes.device.type == "cuda":
            mine["random_cuda"] = torch.cuda.get_rng_state(self.processes.device)
        everyone = self.processes.gathered(mine)
        if self.processes.leads:
            write_state(
                self.out,
                {
                    "recipe": self.recipe.name,
                    "seen": self.seen,
                    "seconds": self.seconds,
                    "best": self.best,
                    "metrics": dict(self.metrics),
                    "networks": {name: network.state_dict() for name, network in self.networks.items()},
                    "averages": {name: average.state_dict() for name, average in self.averages.items()},
                    "optimisers": [mover.optimiser.state_dict() for mover in self.stepper.movers],
                    "processes": everyone,
                },
            )
            self._write_weights("last", self.evaluation)
        self.processes.wait()

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a checkpoint.

        Args:
            state: what :meth:`save` wrote.

        Raises:
            TrainingError: It is not of this recipe, or was made by another number of processes.
        """
        if len(state["processes"]) != self.processes.world:
            raise TrainingError(
                f"this run was trained by {len(state['processes'])} processes and now there are "
                f"{self.processes.world}; resume it with torchrun --nproc_per_node {len(state['processes'])}"
            )
        try:
            for name, network in self.networks.items():
                network.load_state_dict(state["networks"][name])
            for name, average in self.averages.items():
                average.load_state_dict(state["averages"][name])
            for mover, saved in zip(self.stepper.movers, state["optimisers"], strict=True):
                mover.restore(saved)
        except (RuntimeError, KeyError, ValueError) as error:
            raise TrainingError(
                f"the checkpoint in {self.out} does not fit these options ({str(error).splitlines()[0]}); "
                "resume without changing the networks, or start a new run"
            ) from error
        mine = state["processes"][self.processes.rank]
        self.memory.load_state_dict(mine["memory"])
        torch.set_rng_state(mine["random"])
        if "random_cuda" in mine and self.processes.device.type == "cuda":
            torch.cuda.set_rng_state(mine["random_cuda"], self.processes.device)
        self.seen, self.seconds, self.best = state["seen"], state["seconds"], state["best"]
        self.metrics = dict(state["metrics"])

    def _write_weights(self, which: str, evaluation: Evaluation | None) -> None:
        networks = self.edited_networks()
        for product in self.recipe.products():
            card = self.recipe.card(product)
            files.write_weights(
                self.out,
                which,
                product,
                self.recipe,
                networks[product],
                replace(card, images_seen=self.seen, seed=self.engine.seed),
                evaluation,
            )

    def _finish(self, journal: Journal | None) -> Outcome:
        """Decide how the weights are to be applied, and write that into their cards."""
        found: dict[str, Path] = {}
        if self.processes.leads:
            networks = self.edited_networks()
            for which in ("last", "best"):
                # The run is over and saved: its networks may take the best weights back.
                if self.data.validation is not None and files.load_weights(
                    self.out, which, self.recipe, networks
                ):
                    with torch.no_grad(), self.stepper.autocast():
                        settings = self.recipe.conclude(networks, self.data, self.processes.device)
                    files.settle(self.out, which, self.recipe, settings)
            found = files.weights_of(self.out, self.recipe)
            if journal is not None:
                journal.finish()
        self.processes.wait()
        return Outcome(self.out, self.seen, self.seconds, found, self.metrics)
