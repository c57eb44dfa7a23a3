"""Repositories of the Hugging Face hub as folders, listed afresh each time.

Its filesystem keeps the listings that it has seen, and so would miss what other processes write.
"""

from contextlib import suppress

from pyarrow import fs

MARKS = (
    *("blob_id", "xet_hash", "etag", "ETag", "sha", "checksum", "md5Hash"),
    *("LastModified", "last_modified", "updated", "modified", "created"),
)
"""Names under which filesystems of fsspec say which content a file has, or else when it got it."""


class _Fresh(fs.FSSpecHandler):  # type: ignore[misc]
    """A filesystem of fsspec whose memory of a folder is cleared before each request."""

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        """Say of each path what is there now."""
        for path in paths:
            self.fs.invalidate_cache(path)
        found: list[fs.FileInfo] = super().get_file_info(paths)
        return found

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        """List what is in a folder now."""
        self.fs.invalidate_cache(selector.base_dir)
        found: list[fs.FileInfo] = super().get_file_info_selector(selector)
        return found


def open_hub(uri: str) -> tuple[fs.FileSystem, str]:
    """Open a URI such as hf://datasets/NAME/REPOSITORY, and ask the hub for it.

    The question is asked in Python alone: a thread that waits for an answer within Arrow would end
    the process with an abort.
    """
    filesystem, path = fs.FileSystem.from_uri(uri)
    fresh = always_fresh(filesystem)
    with suppress(FileNotFoundError):
        fresh.handler.fs.info(path)
    return fresh, path


def always_fresh(filesystem: fs.PyFileSystem) -> fs.PyFileSystem:
    """Return a filesystem of fsspec without its memory of listings."""
    return fs.PyFileSystem(_Fresh(filesystem.handler.fs))


def content_marks(filesystem: fs.FileSystem, folder: str) -> dict[str, str]:
    """Say of each file in a folder which content it has, as far as fsspec knows.

    Its time alone, which pyarrow hands on, is missing for files on the hub.

    Returns:
        A mark for each path that changes with the content; none for other filesystems.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    handler = getattr(filesystem, "handler", None)
    if not isinstance(handler, fs.FSSpecHandler):
        return {}
    known = handler.fs.find(folder, maxdepth=1, detail=True)
    marks = {path: [info[name] for name in MARKS if info.get(name)] for path, info in known.items()}
    return {path: str(found[0]) for path, found in marks.items() if found}
