"""Damaged Parquet files are named, and take no more memory than their size allows."""

import io
import random
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pckd.files.parquet import DamagedParquetError, damage_named, open_parquet, read_columns


def written(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


TABLE = pa.table({"label": list(range(200)), "name": [f"image {n}" for n in range(200)]})
WHOLE = written(TABLE)


def read(content: bytes) -> pa.Table:
    with damage_named():
        return read_columns(open_parquet(pa.BufferReader(content)))


def test_a_whole_file_is_read() -> None:
    assert read(WHOLE).equals(TABLE)
    assert read(written(TABLE.slice(0, 0))).num_rows == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:-8] + (2**31).to_bytes(4, "little") + b"PAR1",
        WHOLE[:-8] + (len(WHOLE) - 4).to_bytes(4, "little") + b"PAR1",
    ],
)
def test_what_has_no_footer_of_its_own_is_refused(content: bytes) -> None:
    with pytest.raises(DamagedParquetError, match="no footer that fits its size"):
        read(content)


def test_rows_that_no_file_of_this_size_can_hold_are_refused() -> None:
    constant = written(pa.table({"label": pa.array([0] * 10**6)}))
    assert len(constant) < 10**6
    with pytest.raises(DamagedParquetError, match=f"1000000 rows in {len(constant)} bytes"):
        read(constant)


HISTOGRAMS = """
import io, sys
import pyarrow as pa, pyarrow.parquet as pq
from pckd.files.parquet import DamagedParquetError, damage_named, open_parquet, read_columns

stream = io.BytesIO()
pq.write_table(pa.table({"name": ["a", None, "b"]}), stream)
whole, refused = stream.getvalue(), 0
for place in range(len(whole) - int.from_bytes(whole[-8:-4], "little") - 8, len(whole) - 8):
    for value in (0x19, 0x26, 0x36):
        content = whole[:place] + bytes([value]) + whole[place + 1 :]
        try:
            with damage_named():
                read_columns(open_parquet(pa.BufferReader(content)))
        except DamagedParquetError as error:
            refused += "histogram" in str(error)
print(refused)
"""


def test_a_column_s_damaged_statistics_do_not_end_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", HISTOGRAMS], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 0


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes_raise_nothing_else(seed: int) -> None:
    stream = random.Random(seed)
    for _ in range(200):
        content = bytearray(WHOLE)
        for _ in range(stream.randint(1, 6)):
            content[stream.randrange(len(content))] = stream.randrange(256)
        try:
            read(bytes(content))
        except DamagedParquetError as error:
            assert "\n" not in str(error)
