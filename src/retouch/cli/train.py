"""``retouch train``: carry out a recipe, or go on with a run that was stopped."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from retouch import catalog
from retouch.cli import recipes
from retouch.cli.printing import DEFAULT, Printing, Result, one_line
from retouch.cli.watch import Watch, told
from retouch.cli.words import minutes
from retouch.errors import InputError, RetouchError
from retouch.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from retouch.training import Outcome, Recipe

TRAINING = Group("Training", sort_key=1)
TOGETHER = Group("Several processes", sort_key=2)

OWN = (
    *("data", "out", "config", "preset", "resume", "time_budget", "dry_run", "list", "help"),
    *("processes", "machines", "machine", "master", "relaunches"),
)
"""The options of the command, which a misspelt option of a recipe may have meant."""

INTERNAL = 1
"""The exit code of an error inside retouch, or of the machine, that another try may not meet."""

PATIENCE = 60.0
"""Seconds between lines of progress where there is no terminal to show a bar."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command line asks for.

    Args:
        recipe: its name, None when it was not given.
        values: the recipe's options, unread.
        data: the training pictures.
        out: the run's folder.
        config: a file of options.
        preset: a named set of options.
        resume: the folder of the run to go on with.
    """

    recipe: str | None
    values: Mapping[str, str]
    data: str | None
    out: Path | None
    config: Path | None
    preset: str | None
    resume: Path | None


def train(
    *words: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    data: Annotated[
        str | None,
        Parameter(
            name=["--data", "--data_path"],
            group=TRAINING,
            help="Folder of training pictures, tar archives, a .csv table, or synthetic:NAME.",
        ),
    ] = None,
    out: Annotated[
        Path | None, Parameter(group=TRAINING, help="Folder of the run; made, and never overwritten.")
    ] = None,
    config: Annotated[
        Path | None, Parameter(group=TRAINING, help="YAML file of options, or an earlier run's run.yaml.")
    ] = None,
    preset: Annotated[
        str | None, Parameter(group=TRAINING, help="Named set of options; the recipe's help lists them.")
    ] = None,
    resume: Annotated[
        Path | None, Parameter(group=TRAINING, help="Go on with the run in this folder instead.")
    ] = None,
    time_budget: Annotated[
        str | None,
        Parameter(group=TRAINING, help="Stop after so long, as at the end: 12h, 90m, 1h30m; engine.minutes."),
    ] = None,
    dry_run: Annotated[
        bool, Parameter(group=TRAINING, negative="", show_default=False, help="Only say what would be done.")
    ] = False,
    list_: Annotated[
        bool,
        Parameter(
            name="--list",
            group=TRAINING,
            negative="",
            show_default=False,
            help="List the recipes and their presets.",
        ),
    ] = False,
    processes: Annotated[
        int | None,
        Parameter(
            group=TOGETHER,
            help="Train in so many processes on this machine, one for each GPU; when one dies, all start "
            "again from the last checkpoint.",
        ),
    ] = None,
    machines: Annotated[
        int,
        Parameter(group=TOGETHER, help="How many machines train together; start the same command on each."),
    ] = 1,
    machine: Annotated[
        int, Parameter(group=TOGETHER, help="This machine's number, from 0; the first one leads.")
    ] = 0,
    master: Annotated[
        str,
        Parameter(group=TOGETHER, metavar="HOST:PORT", help="Where the others find the first machine."),
    ] = "",
    relaunches: Annotated[
        int, Parameter(group=TOGETHER, help="How often they are started again without a new checkpoint.")
    ] = 3,
    printing: Printing = DEFAULT,
) -> Result | None:
    """Train a network on your pictures: ``retouch train RECIPE --data DATA --out RUN``."""
    if {"--help", "-h"} & set(words):
        return _help([word for word in words if not word.startswith("-")][:1])
    if list_:
        return _list()
    with _first_process_speaks(printing):
        name, values = recipes.split(words)
        if time_budget is not None:
            if "engine.minutes" in values:
                raise InputError("--time-budget and --engine.minutes are both given; give one of them")
            values["engine.minutes"] = str(minutes(time_budget))
        wish = Wish(name, values, data, out, config, preset, resume)
        plan = _resumed(wish) if resume is not None else _fresh(wish)
        if dry_run:
            return plan.described()
        if processes is not None:
            from retouch.cli.launch import Launch, launch

            launch(wish, plan, Launch(processes, machines, machine, master, relaunches), printing)
            return None
        if machines > 1:
            raise InputError(
                f"--machines is {machines} and --processes is missing; say how many each machine has"
            )
        outcome = plan.carried_out(printing)
        return _result(outcome) if _rank() == 0 else None


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that can begin.

    Args:
        recipe: with all its options.
        data: the training pictures.
        out: the run's folder; None when it is only to be described.
        changes: options that differ from those of the run to go on with; None for a new run.
        command: the command line, for the record.
    """

    recipe: Recipe
    data: str
    out: Path | None
    changes: Mapping[str, object] | None
    command: tuple[str, ...] = ()

    def carried_out(self, printing: Printing) -> Outcome:
        """Train."""
        from retouch import training
        from retouch.training import lifeline
        from retouch.training.launch import RELAUNCHED

        lifeline.tie()
        if self.out is None:
            raise InputError("--out is missing; name the folder of the run, or add --dry-run to see the plan")
        speaks = _rank() == 0 and not (printing.quiet or printing.json)
        if speaks and self.changes is None:
            for name, reason in self.recipe.fitted(self.data)[1].items():
                print(f"chosen: {name} {one_line(reason)}", file=sys.stderr, flush=True)
        with Watch(self.recipe.name, bar=speaks) as watch:
            progress: ProgressCallback = watch
            if speaks and not sys.stderr.isatty():
                progress = Lines(watch)
            if self.changes is None:
                return training.train(
                    self.recipe,
                    self.data,
                    self.out,
                    command=self.command,
                    relaunched=os.environ.get(RELAUNCHED) == "1",
                    progress=progress,
                )
            return training.resume(self.out, catalog.recipes(), changes=self.changes, progress=progress)

    def described(self) -> Result:
        """Say what the run would be: a file that --config takes, with the findings as remarks."""
        import torch
        import yaml

        from retouch.training import flat
        from retouch.training.files import nested

        recipe, reasons = (self.recipe, {}) if self.changes is not None else self.recipe.fitted(self.data)
        pictures = recipe.data(self.data)
        with torch.random.fork_rng(devices=[]):
            counts = {
                name: sum(weight.numel() for weight in network.parameters())
                for name, network in recipe.networks().items()
            }
        engine = recipe.engine
        step = engine.batch * engine.accumulate * int(os.environ.get("WORLD_SIZE", "1"))
        images = engine.images or recipe.length(len(pictures.train))
        steps = -(-images // step)
        held = len(pictures.validation) if pictures.validation is not None else 0
        options = flat(recipe)
        remarks = [
            f"{len(pictures.train):,} training and {held:,} validation pictures",
            *(f"{name}: {count:,} parameters" for name, count in counts.items()),
            f"{images:,} images in {steps:,} steps of {step}, "
            f"{images / max(1, len(pictures.train)):,.3g} times through the training pictures",
            *(f"chosen: {name} {reason}" for name, reason in reasons.items()),
        ]
        record = {"recipe": recipe.name, "data": self.data, "options": nested(options)}
        text = yaml.safe_dump(record, sort_keys=False, allow_unicode=True).rstrip()
        facts = {
            "recipe": recipe.name,
            "data": self.data,
            "options": options,
            "parameters": counts,
            "training_pictures": len(pictures.train),
            "validation_pictures": held,
            "images": images,
            "step": step,
            "steps": steps,
            "chosen": reasons,
        }
        return Result(facts, "\n".join([*(f"# {one_line(line)}" for line in remarks), text]))


class Lines:
    """Report a run in a log file: a line a minute instead of a bar.

    Args:
        watch: called with every event, too; it stops the run on Ctrl-C.
    """

    def __init__(self, watch: ProgressCallback) -> None:
        self._watch = watch
        self._started = self._last = time.monotonic()
        self._first: int | None = None

    def __call__(self, event: Progress) -> None:
        """Print a line when a minute has passed.

        Args:
            event: what the engine reports.
        """
        self._watch(event)
        now = time.monotonic()
        if self._first is None:
            self._first = event.done
        if now - self._last < PATIENCE or event.total is None:
            return
        self._last = now
        pace = (event.done - self._first) / (now - self._started)
        left = f", {_duration((event.total - event.done) / pace)} left" if pace > 0 else ""
        print(f"{event.done:,} of {event.total:,} images{left}, {told(event)}", file=sys.stderr, flush=True)


def _fresh(wish: Wish) -> Plan:
    """Put a new run together: defaults, then preset, then file, then command line."""
    from retouch.training import changed
    from retouch.training.recipe import named

    changes: dict[str, object] = {}
    filed, record = recipes.read_config(wish.config) if wish.config else ({}, {})
    name = wish.recipe or record.get("recipe")
    if name is None:
        known = ", ".join(recipe.name for recipe in catalog.recipes())
        raise InputError(f"no recipe is given; name one of {known}, as in: retouch train pix2pix --help")
    kind = named(catalog.recipes(), name)
    if wish.preset:
        changes |= recipes.preset_of(kind, wish.preset)
    values = recipes.read_values(kind, wish.values, OWN)
    source = wish.data or record.get("data")
    if source is None:
        raise InputError("--data is missing; give a folder of training pictures, or synthetic:facades")
    try:
        # With the options of the command line: only together need they make sense.
        recipe = changed(kind(), {**changes, **filed, **values})
    except InputError as error:
        changed(kind(), {**changes, **values})  # raises what is not the fault of the file
        raise InputError(f"{wish.config}: {error}") from None
    return Plan(recipe, source, wish.out, None, _command(wish))


def _resumed(wish: Wish) -> Plan:
    """Take up a run; what the command line repeats of it must be the same."""
    from retouch.training import changed
    from retouch.training.files import read_record
    from retouch.training.recipe import named

    run = wish.resume
    if run is None:
        raise TypeError("there is no run to resume")
    if wish.preset:
        raise InputError("--preset is for new runs; --resume keeps the options of the run")
    record = read_record(run)
    for option, given, kept in (
        ("the recipe", wish.recipe, record.recipe),
        ("--data", wish.data, record.data),
        ("--out", wish.out, run),
    ):
        if given is not None and str(given) != str(kept):
            raise InputError(
                f"{option} is {given} but the run in {run} has {kept}; leave it out with --resume"
            )
    kind = named(catalog.recipes(), record.recipe)
    filed = recipes.read_config(wish.config)[0] if wish.config else {}
    changes = {**filed, **recipes.read_values(kind, wish.values, OWN)}
    recipe = changed(changed(kind(), record.options), changes)
    return Plan(recipe, record.data, run, changes)


def _help(names: Sequence[str]) -> Result | None:
    if names:
        from retouch.training.recipe import named

        kind = named(catalog.recipes(), names[0])
        options = [
            {"name": item.name, "values": item.values, "default": item.default, "help": item.help}
            for item in recipes.described(kind)
        ]
        facts = {"recipe": kind.name, "summary": kind.summary, "presets": kind.presets(), "options": options}
        return Result(facts, recipes.help_of(kind))
    from retouch.cli.app import build

    build().help_print(["train"])
    return None


def _list() -> Result:
    known = catalog.recipes()
    facts: list[dict[str, object]] = [
        {"name": item.name, "task": item.task, "summary": item.summary, "presets": item.presets()}
        for item in known
    ]
    return Result({"recipes": facts}, "\n".join(map(recipes.summary_of, known)))


def _command(wish: Wish) -> tuple[str, ...]:
    """Write the command line down as it can be typed again."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    each = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
    start, launched = ["retouch"], []
    if "RETOUCH_ATTEMPT" in os.environ:
        launched = ["--processes", str(each), *(["--machines", str(world // each)] if world > each else [])]
    elif world > 1:
        machines = ["--nnodes", str(world // each)] if world > each else []
        start = ["torchrun", *machines, "--nproc_per_node", str(each), "-m", "retouch.cli"]
    return (*start, "train", *said(wish), *launched)


def said(wish: Wish) -> list[str]:
    """Say on a command line what it asked for.

    Args:
        wish: what was asked for.

    Returns:
        The words after ``retouch train``, but for what is the launcher's.
    """
    own: dict[str, Any] = {
        name: getattr(wish, name) for name in ("data", "out", "config", "preset", "resume")
    }
    given = {name: value for name, value in own.items() if value is not None} | dict(wish.values)
    pairs = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    return [*([wish.recipe] if wish.recipe else []), *pairs]


def _result(outcome: Outcome) -> Result:
    report = outcome.run / "report.html"
    warned = _warnings(outcome.run)
    facts = {
        "run": str(outcome.run.absolute()),
        "images": outcome.seen,
        "seconds": round(outcome.seconds, 3),
        "weights": {name: str(path.absolute()) for name, path in outcome.weights.items()},
        "metrics": outcome.metrics,
        "report": str(report.absolute()) if report.is_file() else None,
        "warnings": warned,
    }
    figures = [f"{name} {value:.4g}" for name, value in outcome.metrics.items()]
    notes = ", ".join([f"{outcome.seen:,} images", _duration(outcome.seconds), *figures])
    lines = [f"warning: {one_line(message)}" for message in warned]
    lines += [f"{one_line(str(path))} ({notes})" for path in outcome.weights.values()]
    if report.is_file():
        lines.append(one_line(str(report)))
    return Result(facts, "\n".join(lines))


def _warnings(run: Path) -> list[str]:
    try:
        lines = (run / "warnings.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return list(dict.fromkeys(line.partition("\t")[2] or line for line in lines if line.strip()))


@contextmanager
def _first_process_speaks(printing: Printing) -> Iterator[None]:
    """Keep the other processes quiet about what is not theirs: what all find wrong, and the end of one.

    Those that a launcher started are all quiet: it says what became of the run.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        from retouch.cli.app import explain

        name, message, code = explain(error)
        noted = "RETOUCH_ATTEMPT" in os.environ and _noted(error, name, message, code)
        if noted and printing.debug:
            traceback.print_exc()
        if noted and _rank() == 0:
            raise SystemExit(code) from error
        if _rank() == 0:
            raise
        try:
            time.sleep(_turn(error))
        except KeyboardInterrupt:
            raise SystemExit(code) from error
        if noted or isinstance(error, RetouchError | KeyboardInterrupt):
            raise SystemExit(code) from error
        raise


def _noted(error: BaseException, name: str, message: str, code: int) -> bool:
    from retouch.training.distributed import Apart
    from retouch.training.lifeline import note

    return note(name, message, code, again=code == INTERNAL or isinstance(error, Apart))


def _turn(error: BaseException) -> float:
    """Seconds for which the first process may be about to say why it ends.

    torchrun ends all processes as soon as one has ended: this one must not be quicker, even on a busy machine
    where it has only lost the others because the first one is ending.
    """
    from retouch.training.distributed import Apart

    if not isinstance(error, Apart):
        return 3.0
    return 0.0 if error.told else 20.0


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
