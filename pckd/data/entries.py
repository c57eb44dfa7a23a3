"""Entries of the catalogue: where a data set is looked for and how it is downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Generic, Protocol
from urllib.error import URLError

from pckd.data.forms.base import Form, Found, RawData, Source
from pckd.data.place import FileStamp, Place, open_place
from pckd.data.seeking import seek
from pckd.errors import InputError

Colour = tuple[float, float, float]

Normalisation = tuple[Colour, Colour]
"""Mean and standard deviation by channel, for pixels in 0..1."""


class Entry(Protocol):
    """A data set of the catalogue."""

    @property
    def normalisation(self) -> Normalisation | None:
        """Published mean and standard deviation, or None: computed from the training images."""

    def locate(self, name: str, root: Path | str | None, download: bool) -> tuple[str, Source]:
        """Return where the data set lies, for messages, and its source, or raise InputError."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A data set that an installed package brings along; it needs no root and no download.

    Attributes:
        package: The package's name; its version stands for the files' stamps.
        read: Reads the data set.
        normalisation: Published mean and standard deviation, if any.
    """

    package: str
    read: Callable[[], RawData]
    normalisation: Normalisation | None = None

    def locate(self, name: str, root: Path | str | None, download: bool) -> tuple[str, Source]:
        """Return the package and the source; root and download do not matter."""
        release = f"{self.package} {version(self.package)}"
        return release, Source([FileStamp(release, 0, 0)], self.read)


@dataclass(frozen=True, slots=True)
class Download:
    """Download of the official files: the archive's address, and a function that unpacks it.

    The function raises OSError or RuntimeError, or an InputError that says what to do.
    """

    url: str
    fetch: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Stored(Generic[Found]):
    """A data set in a folder of the user.

    Attributes:
        forms: The forms in which it may lie there, tried in this order.
        folders: Folders below the root that are looked into besides the root itself.
        normalisation: Published mean and standard deviation, if any.
        download: How to get it, if it can be downloaded.
        advice: How else to come by one of the forms, for messages.
    """

    forms: tuple[Form[Found], ...]
    folders: tuple[str, ...]
    normalisation: Normalisation | None = None
    download: Download | None = None
    advice: str = ""

    def locate(self, name: str, root: Path | str | None, download: bool) -> tuple[str, Found]:
        """Find the data set below the root, after downloading it if it is not there and may be.

        Raises:
            InputError: If there is no root, nothing is found, or the download fails.
        """
        if root is None:
            raise InputError(
                f"data set '{name}' needs a folder: set data.root to the one that holds "
                f"{self._looked_for()}{self._advice('that folder')}"
            )
        place = open_place(root)
        if place.is_file():
            raise InputError(f"data.root is the file {place}: name the folder that holds it")
        found = seek(place, self.folders, self.forms)
        if found is None and download:
            self._fetch(name, place)
            found = seek(place, self.folders, self.forms)
        if found is None:
            seen = f"looked there and in {', '.join(self.folders)} below it"
            problem = f"is not in {place} ({seen})" if place.exists() else f"has no folder {place}"
            raise InputError(
                f"data set '{name}' {problem}: data.root must hold {self._looked_for()}"
                f"{self._advice(str(place))}"
            )
        return str(place), found

    def _fetch(self, name: str, place: Place) -> None:
        if self.download is None:
            raise InputError(
                f"data set '{name}' is not in {place} and cannot be downloaded: place there "
                f"{self._looked_for()}{self._advice(str(place))}"
            )
        if place.local is None:
            raise InputError(f"cannot download data set '{name}' to {place}: give a local folder")
        archive = place.local / self.download.url.rpartition("/")[2]
        try:
            self.download.fetch(place.local)
        except (OSError, RuntimeError, HTTPException) as error:
            unusable = archive.exists() and isinstance(error, (URLError, RuntimeError))
            other = f"; the {archive.name} that lies there has another checksum" if unusable else ""
            raise InputError(
                f"cannot download data set '{name}' ({error}): place {archive.name} from "
                f"{self.download.url} in {place} and try again, or unpack it there{other}"
            ) from error

    def _looked_for(self) -> str:
        return ", or ".join(form.looked_for for form in self.forms)

    def _advice(self, where: str) -> str:
        if self.advice:
            return f"; {self.advice}"
        if self.download is None:
            return ""
        return f"; data.download=true fetches it, or unpack {self.download.url} in {where}"
