"""Division of images into batches, none of them with a single image."""

from torch import Tensor


def split_batches(rows: Tensor, size: int) -> list[Tensor]:
    """Cut rows into batches of `size`; the last may have fewer.

    A single image that would be left over joins the batch before it: BatchNorm has no variance of
    one.

    Args:
        rows: [N, ...], cut along the first dimension.
        size: Images of a batch, 1 or more.
    """
    starts = [size * batch for batch in range(1, count_batches(len(rows), size))]
    return list(rows.tensor_split(starts))


def count_batches(images: int, size: int) -> int:
    """Count the batches that `split_batches` makes."""
    left_over = images % size == 1 and images > size
    return -(-images // size) - left_over
