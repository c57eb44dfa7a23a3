"""Files below one root: a local folder or any pyarrow filesystem URI such as s3://bucket/results.

A write is atomic: a reader sees the old file, the new file or none, never half of one. On a local
disk `pckd.files` sees to that; object stores show an object only once its upload is complete.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from pyarrow import fs

from pckd.addresses import check_address, folder_of
from pckd.errors import InputError
from pckd.files import hold_lock, write_atomically
from pckd.files.remote import open_uri


class Storage:
    """A results root.

    Args:
        root: A folder, made when first written to, or a pyarrow filesystem URI.

    Raises:
        InputError: The URI is not one that pyarrow can open, or must not be shown; the bucket is
            not there or cannot be reached; or the path is empty, a file, or in no known home.
    """

    def __init__(self, root: str | Path) -> None:
        check_address(str(root), "results root")
        self.root = str(root) if "://" in str(root) else str(folder_of(root, "results root"))
        try:
            self.filesystem, self.base = _open(self.root)
        except (OSError, ValueError) as error:
            raise InputError(f"results root {root!s} cannot be opened: {error}") from error
        above = [self.base, *map(str, PurePosixPath(self.base).parents)] if self.is_local else []
        for path in above:
            if self.filesystem.get_file_info(path).type == fs.FileType.File:
                place = "is a file" if path == self.base else f"lies below {path}, a file"
                raise InputError(
                    f"results root {root!s} {place}; give a folder or a filesystem URI"
                )

    def __repr__(self) -> str:
        return f"Storage({self.root!r})"

    @property
    def is_local(self) -> bool:
        """Return whether the root is a folder of this machine."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def full_path(self, path: str) -> str:
        """Convert a path relative to the root, with slashes, to a path of the filesystem."""
        return str(PurePosixPath(self.base) / path)

    def exists(self, path: str) -> bool:
        """Return whether there is a file or folder at the path."""
        info = self.filesystem.get_file_info(self.full_path(path))
        return bool(info.type != fs.FileType.NotFound)

    def read(self, path: str) -> bytes:
        """Read the bytes of a file.

        Raises:
            FileNotFoundError: There is none.
        """
        with self.filesystem.open_input_stream(self.full_path(path)) as stream:
            return bytes(stream.read())

    def write(self, path: str, content: bytes) -> None:
        """Write a file, atomically and, on a local disk, durably; folders are made as needed."""
        if self.is_local:
            write_atomically(Path(self.full_path(path)), lambda stream: stream.write(content))
            return
        with self.filesystem.open_output_stream(self.full_path(path)) as stream:
            stream.write(content)

    def delete(self, path: str) -> None:
        """Delete a file; a missing one is no error."""
        with suppress(FileNotFoundError):  # another process may delete it at the same moment
            if self.exists(path):
                self.filesystem.delete_file(self.full_path(path))

    def delete_folder(self, folder: str) -> None:
        """Delete a folder with everything in it; a missing one is no error."""
        if self.exists(folder):
            self.filesystem.delete_dir(self.full_path(folder))

    def move(self, folder: str, new: str) -> None:
        """Rename a folder: at once on a local disk, file by file elsewhere."""
        if self.is_local:
            self.filesystem.move(self.full_path(folder), self.full_path(new))
            return
        selector = fs.FileSelector(self.full_path(folder), recursive=True)
        for info in self.filesystem.get_file_info(selector):
            if info.type == fs.FileType.File:
                target = self.full_path(new) + info.path.removeprefix(self.full_path(folder))
                self.filesystem.copy_file(info.path, target)
        self.filesystem.delete_dir(self.full_path(folder))

    @contextmanager
    def lock(self, path: str, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold a lock below a local root, for as long as the block runs.

        Other processes that want it wait; it is released when its holder exits, even if it is
        killed. On any other filesystem there is no lock: two processes may then do the same work
        at the same moment, and of what both write the later file stays.

        Args:
            path: Of a file that is made where it is missing, and stays.
            on_wait: Called before waiting for another holder.
        """
        if not self.is_local:
            yield
            return
        with hold_lock(Path(self.full_path(path)), on_wait):
            yield

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """List the names of the files directly in a folder, sorted; [] if there is no folder."""
        return sorted(
            name
            for name, is_file in self._entries(folder)
            if is_file and name.endswith(suffix) and not name.startswith(".")
        )

    def folders(self, folder: str = "") -> list[str]:
        """List the names of the folders directly in a folder, sorted; [] if there is none."""
        return sorted(name for name, is_file in self._entries(folder) if not is_file)

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        """List the names directly in a folder, and whether each is a file."""
        path = self.full_path(folder)
        if self.is_local:  # pyarrow asks for each file's size: four times as long
            with suppress(FileNotFoundError), os.scandir(path) as entries:
                return [(entry.name, entry.is_file()) for entry in entries]
            return []
        infos = self.filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return [(info.base_name, info.type == fs.FileType.File) for info in infos]


def _open(root: str) -> tuple[fs.FileSystem, str]:
    return open_uri(root) if "://" in root else fs.FileSystem.from_uri(root)
