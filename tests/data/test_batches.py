"""No batch has a single image."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from pckd.data import TrainingBatch, count_batches, split_batches


@given(images=st.integers(2, 300), size=st.integers(2, 80))
def test_batches_hold_all_images_in_their_order_and_none_is_alone(images: int, size: int) -> None:
    rows = torch.arange(images)
    batches = split_batches(rows, size)
    assert torch.equal(torch.cat(batches), rows)
    assert len(batches) == count_batches(images, size)
    assert all(len(batch) >= 2 for batch in batches)
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches[-1]) <= size + 1


def test_a_lone_image_joins_the_batch_before_it() -> None:
    assert [len(batch) for batch in split_batches(torch.arange(60), 59)] == [60]
    assert [len(batch) for batch in split_batches(torch.arange(61), 20)] == [20, 20, 21]
    assert [len(batch) for batch in split_batches(torch.arange(62), 20)] == [20, 20, 20, 2]


def test_the_parts_of_a_batch_have_no_lone_image_either() -> None:
    batch = TrainingBatch(
        torch.zeros(9, 3, 2, 2), torch.arange(9), torch.arange(9), torch.arange(9)
    )
    assert [len(part.labels) for part in batch.split(2)] == [2, 2, 2, 3]
    unnumbered = batch._replace(view_numbers=None)
    assert [part.view_numbers for part in unnumbered.split(2)] == [None] * 4
