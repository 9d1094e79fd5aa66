"""The command line: parsing, printing and exit codes; every edit's command is made from the catalog.

Exit codes: 0 done; 1 an error inside retouch, or not enough memory; 2 the command or a file it
names cannot be used; 130 stopped by Ctrl-C or SIGTERM. Nothing is left half-written in any of them.
"""

from __future__ import annotations

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
        # Importing the parser takes a tenth of a second, in which Ctrl-C may come, too.
        from retouch.cli.app import reported

        return reported(list(sys.argv[1:] if tokens is None else tokens))
    except KeyboardInterrupt:
        sys.stderr.write("retouch: error: cancelled by Ctrl-C\n")
        return 130
