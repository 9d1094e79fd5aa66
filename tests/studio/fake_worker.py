"""A worker that does what its orders say, without torch: ``python -m tests.studio.fake_worker cpu``.

``tolerance`` of a ``fill`` is what it does: write, report, stop when asked, be stuck, die, or fail. While the
file ``$FAKE_WORKER/broken`` exists it does not start, and ``wait`` ends when there is ``$FAKE_WORKER/go``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from retouch.studio.parent import Message, Parent

HOME = Path(os.environ.get("FAKE_WORKER", "."))  # doctests import this module without it


def main() -> None:
    with (HOME / "starts").open("a", encoding="ascii") as starts:
        starts.write(f"{os.getpid()} {sys.argv[1]}\n")
    if (HOME / "broken").exists():
        sys.exit("no such device")
    parent = Parent()
    parent.answer({"ready": True})
    for task in parent:
        if (HOME / "die-first").exists():
            (HOME / "die-first").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        parent.answer({"began": True, "number": task["number"]})
        parent.answer({**done(task, parent), "number": task["number"]})


def done(task: Message, parent: Parent) -> dict[str, Any]:
    act = task["values"].get("tolerance", "write")
    reports = 0
    end = time.monotonic() + 30
    while act in ("wait", "many") and time.monotonic() < end:
        reports += 1
        parent.report({"number": task["number"], "progress": progress(reports)})
        if parent.is_stopped(task["number"]):
            return {"stopped": True}
        if (act == "wait" and (HOME / "go").exists()) or (act == "many" and reports == 5000):
            break
        time.sleep(0.01 if act == "wait" else 0)
    if act == "stuck":
        time.sleep(30)
    if act == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "leave":
        sys.stderr.write("the disk is on fire\n")
        sys.stderr.flush()
        os._exit(3)
    if act == "fail":
        return {"failed": {"type": "EmptyMask", "detail": "the mask is empty; draw one"}}
    if act == "bug":
        return {
            "failed": {"type": "InternalError", "detail": "a bug; report it", "traceback": "secret line 7"}
        }
    if act == "garbage":
        os.write(parent._answers.fileno(), b"not JSON\n")
        time.sleep(30)
    made = Path(task["room"]) / f"result.{task['format']}"
    made.write_bytes(repr(sorted(task["values"].items())).encode())
    facts = {"kind": "picture", "width": 1, "height": 1, "mode": "L", "bits": 8, "format": "PNG"}
    return {"done": {"facts": facts, "still": False, "report": {}, "companions": [], "seconds": 0.0}}


def progress(number: int) -> dict[str, object]:
    facts = {"loss": 1.5}
    return {
        "stage": "working",
        "done": number,
        "total": None,
        "fraction": None,
        "facts": facts,
        "preview": None,
    }


if __name__ == "__main__":
    main()
