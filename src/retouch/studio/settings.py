"""What the owner of a studio decides when it is started."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a studio listens, who may use it, and how much.

    Args:
        host: the address to bind; one that other machines reach needs a token.
        port: the port to bind.
        token: what a visitor must know; None for a studio that only this machine reaches.
        names: further names under which visitors reach the studio, as behind a reverse proxy.
        folder: where files are kept meanwhile; a temporary folder when None.
        devices: where edits are computed.
        workers: processes for each device.
        batch: edits that a process may compute together; 1 for one after the other.
        page: people get the page; without it, only programs are answered, and told more of how it goes.
        grace: seconds that edits and the collecting of their results may go on after the order to end.
        weights: folders from which visitors may name weights files.
        upload_bytes: the largest file that may be uploaded.
        pixels: the largest picture that may be uploaded; the library's own limit when None.
        json_bytes: the largest body of any other request.
        folder_bytes: files beyond this total are removed, the longest unused first.
        waiting: edits that may wait in the queue of a device.
        silence: seconds without a byte after which a slow body is refused.
        pace: bytes a second that a body must keep up on average once ``silence`` seconds were waited for it.
    """

    host: str = "127.0.0.1"
    port: int = 8700
    token: str | None = None
    names: tuple[str, ...] = ()
    folder: Path | None = None
    devices: tuple[str, ...] = ("cpu",)
    workers: int = 1
    batch: int = 1
    page: bool = True
    grace: float = 0.0
    weights: tuple[Path, ...] = ()
    upload_bytes: int = 200 * MEGABYTE
    pixels: int | None = None
    json_bytes: int = 8 * 2**20  # a drawing's, as retouch.image.drawing reads it
    folder_bytes: int = 10_000 * MEGABYTE
    waiting: int = 1000
    silence: float = 15.0
    pace: float = 2000.0

    @property
    def address(self) -> str:
        """The address of the page, as a person types it; with the token where one is needed."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    @property
    def local(self) -> bool:
        """Whether only this machine reaches the studio."""
        return is_loopback(self.host) and not self.names

    def knows(self, host: str) -> bool:
        """Whether a name in a request's ``Host`` is the studio's own.

        A page of another site can make its own name lead to this machine (DNS rebinding), and would then be
        allowed to read what the studio answers. It cannot do so with a number.

        Args:
            host: a name or a number, without a port.
        """
        host = host.lower().rstrip(".")
        if host in {"localhost", self.host.lower(), *(name.lower() for name in self.names)}:
            return True
        try:
            number = ipaddress.ip_address(host)
        except ValueError:
            return not is_loopback(self.host) and host == socket.gethostname().lower()
        return number.is_loopback or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone.

    Args:
        host: a name or a number.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
