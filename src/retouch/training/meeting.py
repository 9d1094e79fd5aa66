"""How the machines of a run agree on an attempt: by small files in the run's folder, which all of them see.

The first machine names each attempt. The others wait for a name that they have not used, so that none joins
an attempt that is ending; any machine can say that an attempt is over, so that none waits for one that died.

attempt.json        {"name": …}: the attempt of now, written by the first machine
NAME-joined-1       machine 1 takes part in it
NAME-over.json      it is over: empty to be followed by another, {"final": why} for good, {"done": true} done
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from retouch.errors import TrainingError

FOLDER = ".attempts"
WAIT = 1800.0
"""Seconds that a machine waits for the first one to begin an attempt."""

_NAMED = "attempt.json"
_TICK = 0.2
_LONG = 30.0


class Meeting:
    """What one machine sees and says.

    Args:
        run: the run's folder, which need not be there yet.
        machines: how many machines there are.
        machine: this one's number; 0 leads.

    Raises:
        TrainingError: The folder cannot be written.
    """

    def __init__(self, run: Path, machines: int, machine: int) -> None:
        self._folder = run / FOLDER if machines > 1 else None
        self._machine = machine
        self._last = ""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{self._folder} cannot be written ({error.strerror}); all machines need the run's folder"
            ) from error
        # What this machine began before its launcher died is over, and the others shall know.
        left = str(_read(self._folder / _NAMED).get("name", ""))
        if left and (machine == 0 or self._joined(left).exists()):
            self._say_over(left, {})

    def next_attempt(self, heed: Callable[[], None], tell: Callable[[str], None]) -> str | None:
        """Name a new attempt, or wait for the first machine to.

        Args:
            heed: called again and again while waiting; may raise.
            tell: called with a sentence for a person when it takes long.

        Returns:
            The attempt's name; None when the run is done.

        Raises:
            TrainingError: Another machine gave up, or the first one does not begin.
        """
        if self._folder is None:
            return uuid.uuid4().hex
        state = self._state(self._last)
        if state.get("final"):
            raise TrainingError(f"the run ended on another machine: {state['final']}")
        if self._machine == 0:
            self._last = uuid.uuid4().hex
            _write(self._folder / _NAMED, {"name": self._last})
            return self._last
        began, told = time.monotonic(), False
        while True:
            state = self._state(self._last)
            if state.get("final"):
                raise TrainingError(f"the run ended on another machine: {state['final']}")
            if state.get("done"):
                return None
            name = str(_read(self._folder / _NAMED).get("name", ""))
            if name and name != self._last and not self._over(name).exists():
                self._last = name
                _write(self._joined(name), {})
                return name
            waited = time.monotonic() - began
            if waited > WAIT:
                raise TrainingError(
                    f"the first machine began nothing new in {self._folder.parent} for {WAIT / 60:.0f} min; "
                    "start the same command there, with --machine 0"
                )
            if waited > _LONG and not told:
                tell("waiting for the first machine")
                told = True
            heed()
            time.sleep(_TICK)

    def over(self) -> bool:
        """Say whether any machine ended the attempt without finishing the run."""
        return self._folder is not None and self._over(self._last).exists() and not self.done()

    def done(self) -> bool:
        """Say whether the first machine finished the run."""
        return self._folder is not None and bool(self._state(self._last).get("done"))

    def end(self, final: str = "") -> None:
        """Say that the attempt is over on this machine, and so everywhere; a run that has ended stays so.

        Args:
            final: why no other shall follow; empty when one shall.
        """
        if self._folder is not None and not self._state(self._last).keys() & {"final", "done"}:
            self._say_over(self._last, {"final": final} if final else {})

    def finish(self) -> None:
        """Say that the run is done."""
        if self._folder is not None and self._machine == 0:
            for path in self._folder.glob("*-*"):
                path.unlink(missing_ok=True)
            self._say_over(self._last, {"done": True})

    def _state(self, name: str) -> dict[str, object]:
        return _read(self._over(name)) if name else {}

    def _say_over(self, name: str, state: dict[str, object]) -> None:
        if name and state:
            _write(self._over(name), state)
        elif name:
            # Nothing is overwritten: the first machine may be writing at this moment that the run is done.
            with contextlib.suppress(OSError):
                self._over(name).touch(exist_ok=False)

    def _over(self, name: str) -> Path:
        return self._within(f"{name}-over.json")

    def _joined(self, name: str) -> Path:
        return self._within(f"{name}-joined-{self._machine}")

    def _within(self, name: str) -> Path:
        if self._folder is None:
            raise TypeError("one machine alone has nothing to agree on")
        return self._folder / name.replace("/", "_")


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: dict[str, object]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(path)
