"""The bank: rows that count or do not, and a teacher whose numbers do not depend on it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pckd.method import Needs
from pckd.models import create_model
from pckd.training.bank import BankedTeacher, FeatureBank
from pckd.training.frozen_teacher import FrozenTeacher

CPU = torch.device("cpu")
ROWS, COPIES, WIDTH = 12, 2, 3


def empty_bank(rows: int = ROWS, copies: int = COPIES, width: int = WIDTH) -> FeatureBank:
    features = np.zeros((rows, copies, width), np.float16)
    return FeatureBank(features, np.zeros(rows, np.uint8))


@given(st.lists(st.lists(st.integers(0, ROWS + 3), min_size=1, max_size=6)))
def test_it_knows_what_was_written_and_nothing_else(batches: list[list[int]]) -> None:
    bank, written = empty_bank(), set()
    for numbers in batches:
        rows = torch.tensor(numbers, dtype=torch.float16).view(-1, 1, 1).expand(-1, COPIES, WIDTH)
        bank.write(torch.tensor(numbers), rows)
        written |= {number for number in numbers if number < ROWS}
    everything = torch.arange(ROWS + 4)
    features, known = bank.read(everything)
    assert known.tolist() == [number in written for number in range(ROWS + 4)]
    for number in written:
        assert (features[number] == number).all()


def test_a_row_without_its_mark_does_not_count() -> None:
    bank = empty_bank()
    bank.features[5] = 1.0  # its writer was killed before it set the mark
    _, known = bank.read(torch.tensor([4, 5]))
    assert not known.any()


@pytest.fixture(name="frozen")
def _frozen() -> FrozenTeacher:
    torch.manual_seed(0)
    network = create_model("resnet14", num_classes=3)
    return FrozenTeacher(network, CPU, "fp32", "off", Needs())


Seen = Callable[[FeatureBank, list[int]], Tensor]


@pytest.fixture(name="seen")
def _seen(frozen: FrozenTeacher) -> Seen:
    """The logits that a banked teacher gives views of one image each."""
    views = torch.randn(ROWS, COPIES, 3, 8, 8, generator=torch.Generator().manual_seed(1))

    def logits(bank: FeatureBank, numbers: list[int]) -> Tensor:
        teacher = BankedTeacher(frozen, bank, chunk=5)
        return teacher.encode(views[numbers], torch.tensor(numbers)).logits

    return logits


def test_what_the_bank_holds_and_who_filled_it_changes_no_bit(
    frozen: FrozenTeacher, seen: Seen
) -> None:
    width = frozen.centers.shape[1]
    batch = [7, 2, 9, 0, 4, 11]
    first = seen(empty_bank(width=width), batch)
    for already in ([], [2], [0, 9, 11], [4, 7, 2, 0, 9, 1], list(range(ROWS))):
        bank = empty_bank(width=width)
        if already:
            seen(bank, already)
        assert torch.equal(seen(bank, batch), first)
    small = empty_bank(rows=3, width=width)
    assert torch.equal(seen(small, batch), first)
    assert torch.equal(seen(small, batch), first)


def test_a_view_is_looked_at_once(
    frozen: FrozenTeacher, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = empty_bank(width=frozen.centers.shape[1])
    first = seen(bank, [1, 2, 3])

    def refuse(views: Tensor) -> Tensor:
        raise AssertionError("the teacher was asked again")

    monkeypatch.setattr(frozen, "features", refuse)
    assert torch.equal(seen(bank, [3, 1]), first[[2, 0]])
    with pytest.raises(AssertionError, match="asked again"):
        seen(bank, [3, 4])


def test_half_precision_changes_features_by_less_than_its_step(
    frozen: FrozenTeacher, seen: Seen
) -> None:
    views = torch.randn(ROWS, COPIES, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    plain = frozen.encode(views, None)
    banked = BankedTeacher(frozen, empty_bank(width=plain.features.shape[-1]), chunk=4)
    rounded = banked.encode(views, torch.arange(ROWS))
    torch.testing.assert_close(rounded.features, plain.features, rtol=2**-11, atol=2**-24)
    torch.testing.assert_close(rounded.logits, plain.logits, rtol=1e-3, atol=1e-3)
    assert not torch.equal(rounded.features, plain.features)


def test_views_without_numbers_are_refused(frozen: FrozenTeacher) -> None:
    banked = BankedTeacher(frozen, empty_bank(), chunk=4)
    with pytest.raises(ValueError, match="counted"):
        banked.encode(torch.zeros(1, COPIES, 3, 8, 8), None)
