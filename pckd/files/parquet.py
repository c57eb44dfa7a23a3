"""Parquet files, opened only if what they say of themselves fits their size.

A few flipped bytes can make a file promise lists and rows without end, for which its reader takes
memory before it notices. So the footer is held against the file first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow import parquet

MAGIC = b"PAR1"
TAIL = 8
"""Bytes at the end: the length of the footer, and the magic."""

LARGEST_EXPANSION = 2**14
"""Bytes that one byte may become; compression by zstd or gzip gives less, even of constants."""


class DamagedParquetError(Exception):
    """A file that is no Parquet, or does not hold what it says; the message says what is wrong."""


@contextmanager
def damage_named() -> Iterator[None]:
    """Turn what reading a damaged file raises, in many ways, into one error.

    Raises:
        DamagedParquetError: The block raised something else than FileNotFoundError.
    """
    import pyarrow

    try:
        yield
    except FileNotFoundError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise DamagedParquetError(lines[0]) from error


def open_parquet(stream: Any) -> "parquet.ParquetFile":  # noqa: ANN401
    """Open a Parquet file after a look at its footer.

    Args:
        stream: A pyarrow file that can seek (untyped: pyarrow ships no types).

    Raises:
        DamagedParquetError: The file is no Parquet, or promises more than it can hold.
    """
    from pyarrow import parquet

    with damage_named():
        size = stream.size()
        stream.seek(max(0, size - TAIL))
        tail = stream.read(TAIL)
        footer = int.from_bytes(tail[:4], "little")
        if tail[4:] != MAGIC or footer > size - TAIL - len(MAGIC):
            raise DamagedParquetError("it has no footer that fits its size")
        # An element of a list, and a character of a text, takes a byte of the footer or more.
        limits = {"thrift_container_size_limit": footer, "thrift_string_size_limit": footer}
        file = parquet.ParquetFile(stream, **limits)
        _check_promises(file.metadata, size)
        return file


def _check_promises(metadata: "parquet.FileMetaData", size: int) -> None:
    """Hold the rows and the bytes of all columns against the size of the file."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    rows = sum(group.num_rows for group in groups)
    if rows != metadata.num_rows or not 0 <= rows <= size:
        raise DamagedParquetError(f"it promises {metadata.num_rows} rows in {size} bytes")
    for group in groups:
        for column in (group.column(number) for number in range(group.num_columns)):
            packed, unpacked = column.total_compressed_size, column.total_uncompressed_size
            if not (0 <= packed <= size and 0 <= unpacked <= LARGEST_EXPANSION * max(packed, 1)):
                raise DamagedParquetError(
                    f"column {column.path_in_schema} promises {unpacked} bytes, packed in {packed}"
                )
