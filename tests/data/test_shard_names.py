"""The names of Parquet files are held against what they promise."""

import re

import pytest

from pckd.data.forms.shard_names import check_whole, split_of
from pckd.errors import InputError

FIRST, SECOND = "train-00000-of-00002.parquet", "train-00001-of-00002.parquet"
ALONE = "train-00000-of-00001.parquet"


@pytest.mark.parametrize(
    "names",
    [
        [ALONE],
        [FIRST, SECOND],
        [SECOND, FIRST],
        ["train-00000-of-00002-0b1.parquet", "train-00001-of-00002-9a3.parquet"],
        ["train.parquet"],
        ["train-cats.parquet", "train-dogs.parquet"],
        ["train-0-of-1.parquet"],
    ],
)
def test_whole_splits_pass(names: list[str]) -> None:
    check_whole("there", "train", names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([ALONE, FIRST, SECOND], "one says that there are 1, another that there are 2"),
        ([ALONE, FIRST], "one says that there are 1, another that there are 2"),
        ([ALONE, "train-00000-of-00001 (1).parquet"], r"belong together: .*\(1\)"),
        ([ALONE, "train-00000-of-00001 - Copy.parquet"], "belong together: .* - Copy"),
        (["train.parquet", "train (1).parquet"], r"belong together: train \(1\)"),
        ([ALONE, "train.parquet"], "do not belong together"),
        (["train.parquet", "train-more.parquet"], "do not belong together"),
        ([SECOND], "1 of the 2 files train-.*: missing are 00000"),
        (
            ["train-00000-of-00002-aa.parquet", "train-00000-of-00002-bb.parquet", SECOND],
            "more than once: train-00000-of-00002-aa.parquet, train-00000-of-00002-bb",
        ),
        ([ALONE, "train-00001-of-00001.parquet"], "train-00001-of-00001.parquet is beyond them"),
    ],
)
def test_what_does_not_belong_together_is_named(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_whole("there", "train", names)
    assert not re.search("\n", str(caught.value))


@pytest.mark.parametrize(
    ("name", "split"),
    [
        (ALONE, "train"),
        ("test.parquet", "test"),
        ("train (1).parquet", "train"),
        ("._train.parquet", None),
        ("train.parquet.part", None),
    ],
)
def test_names_say_of_which_split_a_file_is(name: str, split: str | None) -> None:
    assert split_of(name) == split
