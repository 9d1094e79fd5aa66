"""A process that does items of a batch: ``python -m retouch.batch.worker``.

It reads the work and then items as lines of JSON, and answers each with its row. It ends when its input does,
even in the middle of a picture: its driver is gone then, and another may have begun the same one. Ctrl-C is
not for it but for its driver, which then ends it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import IO

from retouch.batch.item import Item
from retouch.batch.work import Work


def main() -> None:
    """Do items until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What a library prints must not get between the answers.
    os.dup2(2, 1)
    questions: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin, questions), daemon=True).start()
    work = Work.of(json.loads(questions.get()))
    work.prepare()
    _answer(answers, {"ready": True})
    while True:
        _answer(answers, work(Item.of(json.loads(questions.get()))).plain())


def _listen(source: IO[str], questions: queue.SimpleQueue[str]) -> None:
    for line in source:
        questions.put(line)
    os._exit(0)


def _answer(answers: IO[str], said: object) -> None:
    try:
        answers.write(f"{json.dumps(said)}\n")
        answers.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
