"""The folder of a run: its record, its weights, and what they are called.

run.yaml            recipe, all options, data, command, environment
checkpoint.pt       everything a run needs to go on
best.safetensors    the weights that validated best; best-PRODUCT.safetensors when a recipe has several
last.safetensors    the weights as they are now
log.csv  samples/  report.html  events.out.tfevents.*
"""

from __future__ import annotations

import functools
import math
import os
import platform
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from retouch import weights
from retouch.errors import TrainingError
from retouch.training.checkpoint import FILE
from retouch.training.recipe import Data, Evaluation, Recipe

RECORD = "run.yaml"


@dataclass(frozen=True)
class Record:
    """Everything that says what a run is, and replays it.

    Args:
        recipe: the recipe's name.
        data: where the pictures are.
        options: every option under its dotted name.
        command: what the user typed.
        reasons: option that the recipe chose → its value and why.
    """

    recipe: str
    data: str
    options: Mapping[str, Any]
    command: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)


def open_folder(run: Path, record: Record, data: Data, *, resume: bool) -> None:
    """Make the folder of a run and write down what it is.

    Args:
        run: the folder.
        record: what is written.
        data: the pictures, whose description is written too.
        resume: the folder must hold a run already, instead of none.

    Raises:
        TrainingError: There is a run that would be lost, or the folder cannot be written.
    """
    path = run / RECORD
    if not resume:
        check_free(run)
    text = {
        "recipe": record.recipe,
        "data": record.data,
        "command": shlex.join(record.command),
        "options": nested(record.options),
        **({"chosen": dict(record.reasons)} if record.reasons else {}),
        "environment": environment(),
        "training_pictures": _plain(data.train.describe()),
        "validation_pictures": _plain(data.validation.describe()) if data.validation is not None else None,
    }
    try:
        run.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        draft.write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise TrainingError(f"{run} cannot be written ({error.strerror}); choose another --out") from None


def check_free(run: Path) -> None:
    """Refuse a folder that holds a run.

    Args:
        run: the folder, which need not be there.

    Raises:
        TrainingError: There is a run that would be lost.
    """
    if not (run / RECORD).exists():
        return
    if not (run / FILE).is_file():
        raise TrainingError(
            f"{run} holds a run that has no checkpoint yet, or ended before its first; remove the folder "
            "if nothing writes to it any more, or choose another --out"
        )
    raise TrainingError(
        f"{run} holds a run already; go on with it (retouch train --resume {run}) or choose another --out"
    )


def read_record(run: Path) -> Record:
    """Read what a run is.

    Args:
        run: its folder.

    Returns:
        Its recipe, data and options.

    Raises:
        TrainingError: The folder holds no run, or its record is damaged.
    """
    path = run / RECORD
    try:
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Record(
            str(text["recipe"]),
            str(text["data"]),
            dict(text["options"]),
            tuple(shlex.split(str(text["command"]))),
            {str(name): str(reason) for name, reason in dict(text.get("chosen") or {}).items()},
        )
    except OSError:
        raise TrainingError(
            f"{run} holds no run ({RECORD} is missing); name the folder that --out made"
        ) from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path} is damaged ({error}); start the run anew") from None


def nested(options: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into nested mappings, as a person writes them in YAML."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        place = found
        *path, last = name.split(".")
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def environment() -> dict[str, Any]:
    """Say what the run is made with: versions, hardware, the commit of retouch when it is a checkout."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "commit": commit(),
    }


@functools.cache
def commit() -> str:
    """Name the commit of retouch that runs; empty when it is not a checkout."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def weights_path(run: Path, which: str, product: str, recipe: Recipe) -> Path:
    """Name the file of a product: ``best.safetensors``, or ``best-a-to-b.safetensors`` of several."""
    several = len(recipe.products()) > 1
    return run / (f"{which}-{product.replace('_', '-')}.safetensors" if several else f"{which}.safetensors")


def write_weights(
    run: Path,
    which: str,
    product: str,
    recipe: Recipe,
    network: nn.Module,
    card: weights.Card,
    evaluation: Evaluation | None,
) -> None:
    """Write the weights of a product as editing opens them.

    Args:
        run: the run's folder.
        which: ``best`` or ``last``.
        product: the network's name.
        recipe: what trained it.
        network: its weights.
        card: what the recipe says about it.
        evaluation: its quality.
    """
    metrics: tuple[dict[str, weights.JSON], ...] = (
        tuple(
            {"name": name, "value": value, "protocol": evaluation.protocol, "n": evaluation.count}
            for name, value in evaluation.metrics.items()
            if math.isfinite(value)
        )
        if evaluation
        else ()
    )
    card = replace(card, recipe=recipe.name, commit=commit(), metrics=metrics)
    weights.save(weights_path(run, which, product, recipe), network, card)


def weights_of(run: Path, recipe: Recipe) -> dict[str, Path]:
    """Find the weights that a run should be used by.

    Args:
        run: its folder.
        recipe: what trained it.

    Returns:
        Product → its best file, or its last when the run was never validated.
    """
    found: dict[str, Path] = {}
    for product in recipe.products():
        best = weights_path(run, "best", product, recipe)
        found[product] = best if best.is_file() else weights_path(run, "last", product, recipe)
    return found


def load_weights(run: Path, which: str, recipe: Recipe, networks: Mapping[str, nn.Module]) -> bool:
    """Put a run's saved weights into networks.

    Args:
        run: its folder.
        which: ``best`` or ``last``.
        recipe: what trained them.
        networks: changed in place.

    Returns:
        Whether there were such files.
    """
    paths = {product: weights_path(run, which, product, recipe) for product in recipe.products()}
    if not all(path.is_file() for path in paths.values()):
        return False
    for product, path in paths.items():
        networks[product].load_state_dict(dict(weights.read(path).tensors))
    return True


def settle(run: Path, which: str, recipe: Recipe, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Write into the cards of a run's weights how they are to be applied.

    Args:
        run: its folder.
        which: ``best`` or ``last``.
        recipe: what trained them.
        settings: product → settings, which replace those of the same name.
    """
    for product, found in settings.items():
        path = weights_path(run, which, product, recipe)
        contents = weights.read(path)
        if contents.card is not None:
            card = replace(contents.card, settings={**contents.card.settings, **found})
            weights.save(path, contents.tensors, card)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _plain(value: Any) -> Any:
    """Bring a description to what YAML's safe writer takes."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
