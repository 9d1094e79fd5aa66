"""Two files that are one network: OpenVINO's .xml, and the .bin with its numbers."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from retouch.errors import UnwritablePicture
from retouch.image import write


def put_pair(paths: tuple[Path, Path], contents: tuple[bytes, bytes], *, overwrite: bool) -> None:
    """Let both files appear, so that at no moment one is there beside the other of another network.

    A network without its numbers is refused by OpenVINO, but with wrong ones it is computed. The .bin
    therefore appears first, and before it is replaced the old .xml is removed.

    Args:
        paths: of the .xml and the .bin.
        contents: of both.
        overwrite: replace files that are there.

    Raises:
        OutputExists: one is there and may not be replaced.
        UnwritablePicture: the disk refuses.
    """
    network, numbers = paths
    if not overwrite:
        write.put_all({numbers: contents[1], network: contents[0]}, overwrite=False)
        return
    finals = [Path(os.path.realpath(path)) for path in paths]
    drafts = [final.with_name(f".retouch-{secrets.token_hex(8)}.tmp") for final in finals]
    try:
        # What can be refused is done before the old network is touched.
        write.put_all(dict(zip(drafts, contents, strict=True)), overwrite=False)
        for draft, final in zip(drafts, finals, strict=True):
            if final.exists():
                draft.chmod(final.stat().st_mode & 0o7777)
        finals[0].unlink(missing_ok=True)
        for draft, final in reversed(list(zip(drafts, finals, strict=True))):
            draft.replace(final)
    except UnwritablePicture:
        raise
    except OSError as error:
        raise UnwritablePicture(
            f"{network!s:.200} cannot be written ({error.strerror or error}); choose another path"
        ) from None
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
