"""Parquet files, opened only if what they say of themselves fits their size, and read in parts.

A few flipped bytes can make a file promise lists and values without end, for which its reader takes
memory before it notices. So the footer is held against the file first, and rows are read some at a
time. What the footer says of a column is left to the reader, which refuses what is wrong: where
pyarrow is asked for it, a damaged one ends the process.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

MAGIC = b"PAR1"
TAIL = 8
"""Bytes at the end: the length of the footer, and the magic."""

ROWS = 2**14
"""Rows for which memory is taken at once, whatever the file promises."""


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
        _check_rows(file.metadata, size)
        return file


def read_columns(
    file: "parquet.ParquetFile", names: Sequence[str] | None = None
) -> "pyarrow.Table":
    """Read columns of an opened file, all by default.

    Raises:
        pyarrow.ArrowException: The file is damaged; `damage_named` turns it into one error.
    """
    import pyarrow

    schema = file.schema_arrow
    if names is not None:
        schema = pyarrow.schema([schema.field(name) for name in names], schema.metadata)
    batches = file.iter_batches(ROWS, columns=names, use_threads=False)
    return pyarrow.Table.from_batches(batches, schema)


def _check_rows(metadata: "parquet.FileMetaData", size: int) -> None:
    """Hold the number of rows against the size of the file."""
    rows = sum(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
    if rows != metadata.num_rows or not 0 <= rows <= size:
        raise DamagedParquetError(f"it promises {metadata.num_rows} rows in {size} bytes")
