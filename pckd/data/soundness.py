"""Search for encoded images that cannot be used, without decoding those that look whole."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pckd.data.decoding import decode_image, flaw_of, open_image
from pckd.data.pixels import Flaw, check_header
from pckd.data.tracking import tracked

JPEG = b"\xff\xd8"
ENDS = {JPEG: b"\xff\xd9", b"\x89PNG": b"IEND\xaeB\x60\x82"}
"""First and last bytes of a JPEG and of a PNG: a file that is cut short lacks the last ones."""

TAIL = 32
"""Number of bytes searched for the end mark: some programs pad the file."""

CHUNK = 256
"""Number of files that a thread checks at once."""

LARGE = 2**20
"""Size in bytes from which a JPEG may have more pixels than are decoded."""


def flawed_files(root: Path, names: Sequence[str], description: str) -> list[tuple[str, Flaw]]:
    """Find the files that are missing, cut short or otherwise unusable, and say why.

    Of a JPEG the first and last bytes are read, of a PNG or a large JPEG the header too; a file is
    decoded only if these leave a doubt. A file whose middle is damaged passes.

    Args:
        root: The folder that the names are relative to.
        names: The files.
        description: What the progress bar says; it shows when standard error is a terminal.
    """

    def look_at(chunk: Sequence[str]) -> list[tuple[str, Flaw]]:
        flaws = ((name, find_flaw(root / name)) for name in chunk)
        return [(name, flaw) for name, flaw in flaws if flaw is not None]

    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
    with ThreadPoolExecutor() as pool:  # the files are waited for, not computed on
        found = pool.map(look_at, chunks)
        return [flaw for part in tracked(found, description, len(chunks)) for flaw in part]


def find_flaw(content: Path | bytes) -> Flaw | None:
    """Say why an encoded image cannot be used, or None if it looks whole; see `flawed_files`."""
    try:
        head, tail, size = _ends(content)
        if not _belong_together(head, tail):
            decode_image(content, None)
        elif not head.startswith(JPEG) or size > LARGE:
            with open_image(content) as image:
                check_header(image)
    except Exception as error:
        return flaw_of(error)
    return None


def _ends(content: Path | bytes) -> tuple[bytes, bytes, int]:
    """Return the first bytes, the last bytes and the size."""
    if isinstance(content, bytes):
        return content[:4], content[-TAIL:], len(content)
    with content.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(4)
        stream.seek(-min(TAIL, size), os.SEEK_END)
        return head, stream.read(), size


def _belong_together(head: bytes, tail: bytes) -> bool:
    return any(head.startswith(first) and last in tail for first, last in ENDS.items())
