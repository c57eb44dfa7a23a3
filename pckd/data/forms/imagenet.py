"""ImageNet-1k as the hub has it: Parquet files, whose test images have no labels."""

from functools import partial

from pckd.data.forms import parquet
from pckd.data.forms.base import Form

TEST_SPLITS = ("validation", "val", "valid", "test")
"""The validation images first: the labels of the test images are not published."""

LOOKED_FOR = "Parquet files train-*.parquet and validation-*.parquet"

SHARDS_FORM = Form(LOOKED_FOR, partial(parquet.find_shards, test_splits=TEST_SPLITS))
"""The files alone, whose images are not read."""

FORM = Form(LOOKED_FOR, partial(parquet.find, test_splits=TEST_SPLITS))
"""Images to be decoded into memory."""
