"""Parts: a folder as a tar archive in files of limited size, with a digest of each."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

PART_BYTES = 60_000_000
"""Most bytes of a part."""
DIGESTS = "digests.json"


class DamagedError(Exception):
    """A part is missing, or is not as it was written."""


def split(source: Path, folder: Path, size: int = PART_BYTES) -> int:
    """Write a folder's files as parts, and the digest of each; returns the number of parts."""
    folder.mkdir(parents=True, exist_ok=True)
    digests: dict[str, str] = {}
    with TemporaryFile() as whole:
        with tarfile.open(fileobj=whole, mode="w") as archive:
            archive.add(source, arcname=".")
        whole.seek(0)
        while content := whole.read(size):
            name = f"part-{len(digests):03}"
            (folder / name).write_bytes(content)
            digests[name] = hashlib.sha256(content).hexdigest()
    (folder / DIGESTS).write_text(json.dumps(digests, indent=1))
    return len(digests)


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
