"""A sweep's process that knows the made-up verb with a latent alone."""

from __future__ import annotations

from retouch.sweep.worker import main
from tests.cli import traced

if __name__ == "__main__":
    with traced.in_catalog():
        main()
