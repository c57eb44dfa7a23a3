"""Selecting classes and images, and holding out a part."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pckd.data import ImageData, ImageSet, hold_out, limit_images, open_data, select_classes
from pckd.errors import InputError

MakeData = Callable[..., ImageData]


def positions(split: ImageSet) -> list[int]:
    """The places that the images had in the made data set, which its pixels tell."""
    return [int(value) for value in split.images[:, 0, 0, 0]]


def test_selected_classes_are_relabelled_in_the_order_given(make_data: MakeData) -> None:
    selected = select_classes(make_data([0, 1, 2, 3, 2, 1, 0], 4), [2, 0])
    assert selected.class_names == ("name 2", "name 0")
    assert positions(selected.train) == [0, 2, 4, 6]
    assert selected.train.labels.tolist() == [1, 0, 0, 1]
    assert positions(selected.test) == [0, 2]
    assert selected.test.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([0, 4], "class 4 is out of range: data set 'made' has classes 0 to 3"),
        ([-1], "class -1 is out of range"),
        ([1, 2, 1], "class 1 is selected more than once"),
        ([], "at least one"),
    ],
)
def test_classes_that_cannot_be_selected(
    make_data: MakeData, classes: list[int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        select_classes(make_data([0, 1, 2, 3], 4), classes)


def test_the_first_images_of_each_class_are_kept(make_data: MakeData) -> None:
    limited = limit_images(make_data([1, 0, 1, 1, 0, 2, 0, 2], 3), 2)
    assert positions(limited.train) == [0, 1, 2, 4, 5, 7]
    assert limited.train.labels.tolist() == [1, 0, 1, 0, 2, 2]
    assert len(limited.test) == 3


def test_the_first_images_are_kept_of_many(make_data: MakeData) -> None:
    labels = torch.randint(4, (256,), generator=torch.Generator().manual_seed(0)).tolist()
    of_class = [[i for i, other in enumerate(labels) if other == label] for label in range(4)]
    limited = limit_images(make_data(labels, 4), 20)
    assert positions(limited.train) == sorted(i for each in of_class for i in each[:20])


@pytest.mark.parametrize(
    ("number", "message"), [(2, "class 'name 1' has 1 training images"), (0, "1 or more")]
)
def test_limits_that_cannot_be_kept(make_data: MakeData, number: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        limit_images(make_data([0, 1, 0], 2), number)


def test_every_selection_has_its_own_fingerprint(make_data: MakeData) -> None:
    data = make_data([0, 1, 2] * 3, 3)
    selections = [
        data,
        select_classes(data, [0, 1]),
        select_classes(data, [1, 0]),
        select_classes(data, [0, 1, 2]),
        limit_images(data, 1),
        limit_images(data, 2),
        limit_images(select_classes(data, [0, 1]), 1),
        select_classes(limit_images(data, 1), [0, 1]),
    ]
    assert len({selection.fingerprint for selection in selections}) == len(selections)
    again = limit_images(select_classes(data, [0, 1]), 1)
    assert again.fingerprint == selections[6].fingerprint


labels_of_classes = st.integers(2, 4).flatmap(
    lambda num_classes: st.lists(
        st.integers(4, 20), min_size=num_classes, max_size=num_classes
    ).flatmap(
        lambda counts: st.permutations(
            [label for label, count in enumerate(counts) for _ in range(count)]
        )
    )
)


@given(labels=labels_of_classes, fraction=st.floats(0.2, 0.8), seed=st.integers(0, 2**32))
def test_the_held_out_part_is_stratified_and_disjoint(
    labels: list[int], fraction: float, seed: int
) -> None:
    images = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 1, 1)
    train = ImageSet(images, torch.tensor(labels))
    names = tuple(map(str, range(max(labels) + 1)))
    data = ImageData("made", train, train, names, (0, 0, 0), (1, 1, 1), "made")
    kept, held = hold_out(data, fraction, seed)
    assert sorted(positions(kept) + positions(held)) == list(range(len(labels)))
    for part in (kept, held):
        assert positions(part) == sorted(positions(part))
        assert part.labels.tolist() == [labels[position] for position in positions(part)]
    for label in range(len(names)):
        wanted = labels.count(label) * fraction
        assert abs(held.labels.tolist().count(label) - wanted) <= 0.5


def test_the_held_out_part_depends_on_the_seed_alone() -> None:
    data = open_data("digits")
    torch.manual_seed(1)
    _, first = hold_out(data, 0.1, seed=0)
    torch.manual_seed(2)
    _, again = hold_out(data, 0.1, seed=0)
    _, other = hold_out(data, 0.1, seed=1)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize(
    ("fraction", "seed", "message"),
    [
        (0.1, 0, "class 'name 0' has 4 training images"),
        (0.9, 0, "class 'name 0' has 4 training images"),
        (0.0, 0, "between 0 and 1"),
        (1.0, 0, "between 0 and 1"),
        (float("nan"), 0, "between 0 and 1"),
        (0.5, -1, "seed"),
    ],
)
def test_parts_that_cannot_be_held_out(
    make_data: MakeData, fraction: float, seed: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        hold_out(make_data([0] * 4 + [1] * 6, 2), fraction, seed)
