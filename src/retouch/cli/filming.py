"""A film of an edit's making, beside its picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retouch.cli.destination import Destination, check_folder
from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.image import Picture
    from retouch.image.film import Film
    from retouch.progress import Progress, ProgressCallback


@dataclass(frozen=True, slots=True)
class Filming:
    """What listens to an edit, and keeps frames if a film is wanted.

    Args:
        film: takes the frames; None when no film is wanted.
        path: where it is to be written.
        overwrite: a file that is there may be replaced.
    """

    film: Film | None
    path: Path
    overwrite: bool

    def beside(self, watch: ProgressCallback) -> ProgressCallback:
        """Tell another listener, and the film.

        Args:
            watch: told first, so that stopping costs no frame.
        """
        film = self.film
        if film is None:
            return watch

        def told(event: Progress) -> None:
            watch(event)
            film(event)

        return told

    def save(self, edit: str, made: Picture, output: Path) -> dict[str, object]:
        """Write the film, with the result as its last frame.

        It is written when the edit is done: of an edit that was stopped there is no film, as there is no
        picture.

        Args:
            edit: its name.
            made: the result.
            output: where that was written.

        Returns:
            What there is to tell; nothing when no film was wanted.

        Raises:
            InputError: The edit showed no picture of its progress.
            UnwritablePicture: The film cannot be written.
        """
        if self.film is None:
            return {}
        if not len(self.film):
            raise InputError(
                f"{edit} showed no picture of its making, so there is no film {self.path}; "
                f"the result is written to {output}; leave out --film"
            )
        self.film.add(made)
        self.film.save(self.path, overwrite=self.overwrite)
        return {"film": str(self.path.absolute()), "frames": len(self.film)}


def begun(destination: Destination) -> Filming:
    """Make ready for a film, if one is wanted.

    Args:
        destination: where the result and the film go.

    Raises:
        InputError: The film and the result are one file.
        OutputExists: The film is there and must not be replaced.
        UnwritablePicture: It cannot be written, or its ending names no kind of film.
    """
    path = destination.film
    if path is None:
        return Filming(None, Path(), destination.overwrite)
    from retouch.image.film import Film, check_film

    check_film(path, overwrite=destination.overwrite)
    check_folder(path.parent)
    if path.resolve() == destination.output.resolve():
        raise InputError(f"{path} is the output and the film; give the film a name of its own")
    return Filming(Film(), path, destination.overwrite)


def check_no_film(destination: Destination, folder: Path) -> None:
    """Refuse a film of many pictures.

    Args:
        destination: where the results go.
        folder: of the photos.

    Raises:
        InputError: A film is wanted.
    """
    if destination.film is not None:
        raise InputError(f"--film shows the making of one picture, and {folder} is a folder; give a file")
