"""A worker that does several edits at once, as they say: ``python -m tests.studio.fake_together cpu``.

Their ``scale`` is what ``tolerance`` is to :mod:`tests.studio.fake_worker`. What it was asked is written to
``$FAKE_WORKER/asked``, a line each: how many at once, and their acts.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from retouch.studio.parent import Message, Parent
from tests.studio.fake_worker import HOME, done


def main() -> None:
    with (HOME / "starts").open("a", encoding="ascii") as starts:
        starts.write(f"{os.getpid()}\n")
    parent = Parent()
    parent.answer({"ready": True})
    for asked in parent:
        tasks = asked.get("together", [asked])
        with (HOME / "asked").open("a", encoding="ascii") as told:
            told.write(f"{len(tasks)} {' '.join(task['values'].get('scale', 'write') for task in tasks)}\n")
        threads = [threading.Thread(target=member, args=(parent, task)) for task in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def member(parent: Parent, task: Message) -> None:
    act = task["values"].get("scale", "write")
    if act == "die":
        time.sleep(0.3)  # the others have ended by then, or wait
        os.kill(os.getpid(), signal.SIGKILL)
    acting = {**task, "values": {**task["values"], "tolerance": act}}
    parent.answer({"began": True, "number": task["number"]})
    parent.answer({**done(acting, parent), "number": task["number"]})


if __name__ == "__main__":
    main()
