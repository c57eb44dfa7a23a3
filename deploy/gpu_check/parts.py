"""Parts: a folder as a tar archive in files of limited size, with a digest of each."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

PART_BYTES = 60_000_000
"""Most bytes of a part."""
DIGESTS = "digests.json"


class DamagedError(Exception):
    """A part is missing, or is not as it was written."""


class _Pieces(io.RawIOBase):
    """A stream that ends a file where it would grow beyond a size, and starts the next."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        self.digests: dict[str, str] = {}
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self.waiting += content
        while len(self.waiting) >= self.size:
            self.end_part(self.size)
        return len(content)

    def end_part(self, size: int) -> None:
        """Write the first bytes that wait as a part."""
        content = bytes(self.waiting[:size])
        del self.waiting[:size]
        name = f"part-{len(self.digests):03}"
        (self.folder / name).write_bytes(content)
        self.digests[name] = hashlib.sha256(content).hexdigest()


def split(source: Path, folder: Path, size: int = PART_BYTES) -> int:
    """Write a folder's files as parts, and the digest of each; returns the number of parts."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _Pieces(folder, size)
    with tarfile.open(fileobj=pieces, mode="w|") as archive:
        archive.add(source, arcname=".")
    if pieces.waiting:
        pieces.end_part(size)
    (folder / DIGESTS).write_text(json.dumps(pieces.digests, indent=1))
    return len(pieces.digests)


def join(folder: Path, target: Path) -> None:
    """Unpack parts.

    Raises:
        DamagedError: One is missing or damaged; one sentence names it.
    """
    if not (folder / DIGESTS).exists():
        raise DamagedError(f"{folder} holds no {DIGESTS}: make it with the command pack")
    with tarfile.open(fileobj=io.BytesIO(b"".join(_checked(folder)))) as archive:
        archive.extractall(target, filter="data")


def _checked(folder: Path) -> Iterator[bytes]:
    for name, digest in json.loads((folder / DIGESTS).read_text()).items():
        path = folder / name
        content = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(content).hexdigest() != digest:
            raise DamagedError(f"{path} is {'damaged' if content else 'missing'}: carry it again")
        yield content
