"""Folders that hold data sets: local ones, and those behind a pyarrow filesystem URI."""

from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from pckd.addresses import check_address, folder_of
from pckd.errors import InputError
from pckd.files.remote import open_uri


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Stamp of a file, which shows whether it has changed.

    Attributes:
        location: Where it is.
        size: Bytes.
        modified: Nanoseconds since 1970; of a local file those of its status, which a program
            cannot set back when it writes another content.
        mark: What its filesystem says of its content, such as a hash, if anything.
    """

    location: str
    size: int
    modified: int
    mark: str = ""

    @property
    def key(self) -> tuple[str | int, ...]:
        """All that shows a change, as JSON can write it."""
        known = (self.location, self.size, self.modified)
        return (*known, self.mark) if self.mark else known

    @classmethod
    def of(cls, file: Path) -> "FileStamp":
        """Return the stamp of a local file; a missing file has size -1.

        Raises:
            InputError: It is a pipe or a device, which could be read for ever.
        """
        try:
            status = file.stat()
        except FileNotFoundError:
            return cls(str(file), -1, 0)
        if not (S_ISREG(status.st_mode) or S_ISDIR(status.st_mode)):
            raise InputError(f"{file} is no file but a pipe or a device: move it away")
        return cls(str(file), status.st_size, status.st_ctime_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A folder on a pyarrow filesystem, which need not exist.

    Attributes:
        filesystem: The `pyarrow.fs.FileSystem` (untyped: pyarrow ships no types).
        path: The folder's path on that filesystem.
    """

    filesystem: Any
    path: str

    @property
    def local(self) -> Path | None:
        """The folder as a local path, or None if it lies elsewhere."""
        return Path(self.path) if self.filesystem.type_name == "local" else None

    def __str__(self) -> str:
        return self.path if self.local else f"{self.filesystem.type_name}://{self.path}"

    def below(self, folder: str) -> "Place":
        """Return the place of a folder below this one; the empty name is this one."""
        return Place(self.filesystem, f"{self.path}/{folder}") if folder else self

    def exists(self) -> bool:
        """Return whether there is a folder here."""
        from pyarrow.fs import FileType

        return bool(self.filesystem.get_file_info(self.path).type == FileType.Directory)

    def is_file(self) -> bool:
        """Return whether there is a file here instead of a folder."""
        from pyarrow.fs import FileType

        return bool(self.filesystem.get_file_info(self.path).type == FileType.File)

    def files(self) -> list[FileStamp]:
        """Return the files directly in the folder by name; none if it does not exist."""
        from pyarrow.fs import FileSelector

        from pckd.files.hub import content_marks

        entries = self.filesystem.get_file_info(FileSelector(self.path, allow_not_found=True))
        files = [entry for entry in entries if entry.is_file]
        if self.local:
            stamps = [FileStamp.of(Path(entry.path)) for entry in files]
        else:
            marks = content_marks(self.filesystem, self.path) if files else {}
            stamps = [
                FileStamp(file.path, file.size, file.mtime_ns or 0, marks.get(file.path, ""))
                for file in files
            ]
        return sorted(stamps, key=lambda stamp: stamp.location)


def open_place(root: Path | str) -> Place:
    """Return the place of a local path or of a URI such as s3://bucket/folder.

    Raises:
        InputError: If the URI holds a secret, or names an unknown filesystem or one that cannot be
            reached; or the path is empty, or in no known home.
    """
    from pyarrow.fs import LocalFileSystem

    check_address(str(root), "data root")
    if "://" not in str(root):
        return Place(LocalFileSystem(), str(folder_of(root, "data root")))
    try:
        filesystem, path = open_uri(str(root))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot open the data root {root}: {error}") from error
    return Place(filesystem, path.rstrip("/"))
