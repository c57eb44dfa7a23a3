"""Encoded images that are damaged, found without decoding those that look whole."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pckd.data.decoding import decode_image
from pckd.data.tracking import tracked

ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND\xaeB\x60\x82"}
"""What a JPEG and a PNG begin and end with: a file that is cut short lacks its end."""

TAIL = 32
"""Bytes in which the end is looked for: some programs pad it."""

CHUNK = 256
"""Files that a thread looks at in one go."""


def damaged_files(root: Path, names: Sequence[str], description: str) -> list[str]:
    """Return the names of the files that are missing, cut short or no images.

    Of a JPEG or PNG the first and last bytes are read; only what these leave in doubt is decoded.
    A file whose middle is damaged passes.

    Args:
        root: The folder that the names are relative to.
        names: The files.
        description: What the progress bar says; it shows when standard error is a terminal.
    """
    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
    with ThreadPoolExecutor() as pool:  # the files are waited for, not computed on
        found = pool.map(lambda chunk: [n for n in chunk if not is_whole(root / n)], chunks)
        return [name for part in tracked(found, description, len(chunks)) for name in part]


def is_whole(content: Path | bytes) -> bool:
    """Whether an encoded image is there, is not cut short, and is one; see `damaged_files`."""
    try:
        ends = (content[:4], content[-TAIL:]) if isinstance(content, bytes) else _ends(content)
        return _belong_together(*ends) or decode_image(content, None).size > 0
    except Exception:  # Pillow has no common error: OSError, SyntaxError, struct.error ...
        return False


def _ends(file: Path) -> tuple[bytes, bytes]:
    with file.open("rb") as stream:
        head = stream.read(4)
        stream.seek(-min(TAIL, os.fstat(stream.fileno()).st_size), os.SEEK_END)
        return head, stream.read()


def _belong_together(head: bytes, tail: bytes) -> bool:
    return any(head.startswith(first) and last in tail for first, last in ENDS.items())
