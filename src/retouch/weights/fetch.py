"""Fetching published weights: resumable, checked, from several places, or not at all when offline."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from retouch.errors import DownloadFailed, InputError, UnreadableWeights
from retouch.progress import Progress, ProgressCallback
from retouch.weights.read import read
from retouch.weights.registry import PUBLISHED, Published

TRIES = 5
"""How often one address is asked again while each try brings more of the file."""

TIMEOUT = 30.0
"""Seconds without a byte after which a connection is given up."""

_CHUNK = 1 << 18
_LARGEST = 16 << 30


@dataclass(frozen=True, slots=True)
class Fetched:
    """Published weights that are on this machine.

    Args:
        path: the file.
        sha256: its checksum.
        vouched: the checksum is the one in the registry; else it is that of the first download.
        downloaded: bytes that came over the network in this call; 0 when the file was there.
    """

    path: Path
    sha256: str
    vouched: bool
    downloaded: int


def home() -> Path:
    """The folder for fetched weights, which need not exist.

    ``RETOUCH_HOME`` says where it is; else it lies where the system keeps what can be fetched again.
    """
    if chosen := os.environ.get("RETOUCH_HOME"):
        return Path(chosen).expanduser() / "weights"
    if sys.platform == "win32":
        kept = os.environ.get("LOCALAPPDATA")
        cache = Path(kept) if kept else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        given = os.environ.get("XDG_CACHE_HOME", "")
        # The standard says to ignore a relative path here.
        cache = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return cache / "retouch" / "weights"


def place_of(item: Published) -> Path:
    """Say where published weights lie once they are fetched, or where to put them by hand."""
    suffix = PurePosixPath(urlsplit(item.urls[0]).path).suffix
    return home() / f"{item.name}{suffix}"


def fetched() -> dict[str, Path]:
    """List the published weights that are on this machine.

    Returns:
        Name → file, in the order of the registry.
    """
    places = {item.name: place_of(item) for item in PUBLISHED}
    return {name: place for name, place in places.items() if place.is_file()}


def is_offline() -> bool:
    """Tell whether ``RETOUCH_OFFLINE`` forbids every download."""
    return os.environ.get("RETOUCH_OFFLINE", "").strip().lower() not in ("", "0", "no", "false", "off")


def sha256_of(path: Path) -> str:
    """Compute the checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    item: Published, *, accept_licence: bool = False, progress: ProgressCallback | None = None
) -> Fetched:
    """Bring published weights onto this machine, unless they are there.

    Args:
        item: an entry of the registry.
        accept_licence: the person has seen ``item.licence`` and agrees; needed for a download.
        progress: told how many bytes are here. What came before a cancelled or broken download is
            kept, and the next one goes on from there.

    Returns:
        The file.

    Raises:
        InputError: The licence was not accepted; the message quotes it.
        DownloadFailed: No address gave the right file, or downloads are switched off.
    """
    place = place_of(item)
    if place.is_file():
        return _checked(item, place, place, downloaded=0)
    by_hand = f"get {item.urls[0]} in another way and put it at {place}"
    if is_offline():
        raise DownloadFailed(
            f"{item.name} is not on this machine and RETOUCH_OFFLINE forbids to fetch it; {by_hand}"
        )
    if not accept_licence:
        raise InputError(
            f"{item.name} is published under terms of its own: {item.licence}; add --accept-licence to "
            "accept them and fetch it"
        )
    complaints: list[str] = []
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # What an earlier try left may be of another file: then the first address is asked twice.
        again = item.urls[:1] if _draft(place).is_file() else ()
        for url in (*again, *item.urls):
            try:
                came = _download(item, url, _draft(place), progress)
                found = _checked(item, _draft(place), place, downloaded=came)
            except _Refused as error:
                complaints.append(f"{url}: {error}")
            else:
                _draft(place).replace(place)
                _origin(place).unlink(missing_ok=True)
                return found
    except OSError as error:
        if isinstance(error, DownloadFailed):
            raise
        reason = error.strerror or str(error)
        raise DownloadFailed(
            f"{item.name} cannot be kept in {place.parent} ({reason}); set RETOUCH_HOME"
        ) from error
    raise DownloadFailed(
        f"{item.name} could not be fetched ({'; '.join(complaints)}); try again later, or {by_hand}"
    )


class _Refused(Exception):
    """One address did not give the file."""


def _draft(place: Path) -> Path:
    return place.with_name(f".{place.name}.part")


def _origin(place: Path) -> Path:
    return place.with_name(f".{place.name}.from")


def _record(place: Path) -> Path:
    return place.with_name(f"{place.name}.sha256")


def _checked(item: Published, path: Path, place: Path, *, downloaded: int) -> Fetched:
    """Compare a file with its checksum; the first one without is written down."""
    found = sha256_of(path)
    record = _record(place)
    wanted = item.sha256
    if wanted is None and record.is_file():
        noted = re.match(r"[0-9a-f]{64}\b", record.read_text(encoding="utf-8", errors="replace"))
        wanted = noted.group() if noted else None
    if wanted is not None and found != wanted:
        if path == place:
            raise DownloadFailed(
                f"{place} is not the file that {item.name} should be (its sha256 is {found}, not {wanted}); "
                "delete it and fetch it again"
            )
        _forget(place)
        raise _Refused(f"what came has the sha256 {found}, not {wanted}")
    if wanted is None:
        try:
            read(path)
        except UnreadableWeights as error:
            if path == place:
                raise DownloadFailed(f"{error}") from None
            _forget(place)
            raise _Refused(f"what came is no weights file: {error}") from None
        record.write_text(f"{found}  {place.name}\n", encoding="utf-8")
    return Fetched(place, found, vouched=item.sha256 is not None, downloaded=downloaded)


def _forget(place: Path) -> None:
    _draft(place).unlink(missing_ok=True)
    _origin(place).unlink(missing_ok=True)


def _download(item: Published, url: str, draft: Path, progress: ProgressCallback | None) -> int:
    """Bring one address's file into the draft; the bytes that came."""
    came, complaint = 0, ""
    for _ in range(TRIES):
        before = came
        try:
            more, complete = _once(item, url, draft, progress)
            came += more
            if complete:
                return came
            complaint = "the connection broke off"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            complaint = f"{getattr(error, 'reason', None) or error}" or type(error).__name__
            if isinstance(error, urllib.error.HTTPError):
                with contextlib.closing(error):
                    complaint = f"the server answers {error.code} {error.reason}"
                break
        if came == before:
            break
    raise _Refused(complaint)


def _once(item: Published, url: str, draft: Path, progress: ProgressCallback | None) -> tuple[int, bool]:
    """Ask once: the bytes that came, and whether the draft is now complete."""
    here = draft.stat().st_size if draft.is_file() else 0
    validator = _validator_of(draft, url)
    headers = {"User-Agent": "retouch", "Accept-Encoding": "identity"}
    resuming = here > 0 and (validator is not None or item.sha256 is not None)
    if resuming:
        headers["Range"] = f"bytes={here}-"
        if validator:
            headers["If-Range"] = validator
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)  # noqa: S310 - the addresses are the registry's
    except urllib.error.HTTPError as error:
        if error.code == 416 and resuming:
            # Nothing after the last byte: the draft is whole already, or is of another file. The
            # checksum tells; without one it is fetched again from the start.
            error.close()
            if item.sha256 is not None and sha256_of(draft) == item.sha256:
                return 0, True
            draft.unlink()
            return _once(item, url, draft, progress)
        raise
    with answer:
        if urlsplit(answer.url).scheme not in ("http", "https") or answer.headers.get("Content-Encoding"):
            raise _Refused("the server answers in a form that was not asked for")
        length = answer.headers.get("Content-Length", "")
        coming = int(length) if length.isdecimal() else None
        start = 0
        if answer.status == 206:
            ranged = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
            if not resuming or ranged is None or int(ranged.group(1)) != here:
                raise _Refused("the server resumes at another place than it was asked to")
            start = here
        total = None if coming is None else start + coming
        _note_origin(draft, url, answer.headers)
        return _store(item, answer, draft, start, total, progress)


def _store(
    item: Published,
    answer: http.client.HTTPResponse,
    draft: Path,
    start: int,
    total: int | None,
    progress: ProgressCallback | None,
) -> tuple[int, bool]:
    wanted = item.size if item.size is not None else total
    if item.size is not None and total is not None and total != item.size:
        raise _Refused(f"the server offers {total:,} bytes and the file has {item.size:,}")
    here = start
    with draft.open("r+b" if start else "wb") as file:
        file.seek(start)
        while True:
            if progress is not None:
                progress(Progress(f"fetching {item.name}", here, wanted))
            try:
                data = answer.read(_CHUNK)
            except (http.client.HTTPException, TimeoutError, ConnectionError):
                break
            if not data:
                break
            here += len(data)
            if here > (_LARGEST if wanted is None else wanted):
                raise _Refused("the server sends more bytes than the file has")
            file.write(data)
    return here - start, here == wanted if wanted is not None else here > start


def _note_origin(draft: Path, url: str, headers: http.client.HTTPMessage) -> None:
    tag = headers.get("ETag", "")
    # A weak tag does not promise the same bytes, and cannot be resumed on.
    validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    note = json.dumps({"url": url, "validator": validator})
    draft.with_suffix(".from").write_text(note, encoding="utf-8")


def _validator_of(draft: Path, url: str) -> str | None:
    try:
        note = json.loads(draft.with_suffix(".from").read_text(encoding="utf-8"))
        same = note["url"] == url and isinstance(note["validator"], str)
        return note["validator"] or None if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
