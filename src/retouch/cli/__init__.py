"""The command line: parsing, printing and exit codes; every edit's command is made from the catalog.

Exit codes: 0 done; 1 an error inside retouch, or not enough memory; 2 the command or a file it
names cannot be used; 130 stopped by Ctrl-C or SIGTERM. Nothing is left half-written in any of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        tokens: the words after ``retouch``; the process's own when None.

    Returns:
        The exit code: 0, 1, 2 or 130.
    """
    try:
        if tokens is None and "--debug" not in sys.argv:
            _keep_stderr_for_ourselves()
        # Importing the parser takes a tenth of a second, in which Ctrl-C may come, too.
        from retouch.cli.app import reported

        return reported(list(sys.argv[1:] if tokens is None else tokens))
    except KeyboardInterrupt:
        sys.stderr.write("retouch: error: cancelled by Ctrl-C\n")
        return 130


def _keep_stderr_for_ourselves() -> None:
    """Send what C code prints on descriptor 2 nowhere, and our own lines where it led.

    libtiff describes a damaged file there by itself, around the one line that we say about it.
    """
    try:
        ours = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
    except OSError:
        return  # descriptor 2 is closed: nothing to keep
    sys.stderr = ours
