"""``python -m retouch.cli`` is the command ``retouch``."""

from __future__ import annotations

import sys

from retouch.cli import main

if __name__ == "__main__":
    sys.exit(main())
