"""The teacher feature bank: a frozen teacher's features, one row per view, shared by trials.

Crops with padding 4, mirrored or not, are 162 views of an image; a row of the bank holds the
teacher's features of one of them and its rotations. Logits need no room: they are W f + b.
"""

import numpy as np
import torch
from torch import Tensor

from pckd.errors import RunError
from pckd.method import Side
from pckd.training.frozen_teacher import FrozenTeacher


class FeatureBank:
    """Rows of features, each with a mark, in memory that the processes of a machine share.

    A row counts only when its mark is set, and the mark is set after the row: whoever is killed
    between the two has written nothing. Two processes may write one row, they write the same.

    Args:
        features: float16 [rows, K, d].
        marks: uint8 [rows], 1 where the row counts.
    """

    def __init__(self, features: np.ndarray, marks: np.ndarray) -> None:
        self.features = torch.from_numpy(features)
        self.marks = torch.from_numpy(marks)

    def read(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Look rows up.

        Args:
            numbers: Of the views, int64 [B]; those beyond the bank's rows are never known.

        Returns:
            float16 [B, K, d], and bool [B]: where a row is known; elsewhere it has no meaning.
        """
        inside = numbers < len(self.marks)
        rows = torch.where(inside, numbers, 0)
        known = self.marks.index_select(0, rows).bool() & inside
        return self.features.index_select(0, rows), known

    def write(self, numbers: Tensor, features: Tensor) -> None:
        """Keep rows; those beyond the bank's are not kept.

        Args:
            numbers: Of the views, int64 [B].
            features: float16 [B, K, d].
        """
        inside = numbers < len(self.marks)
        self.features[numbers[inside]] = features[inside]
        self.marks[numbers[inside]] = 1


class BankedTeacher:
    """A teacher that computes each view's features once, then reads them from its bank.

    Features are rounded to half precision whether they come from the bank or not, and computed in
    chunks of one size, so that no other image of a batch can change their rounding: the content of
    the bank never changes a number, whoever filled it.

    Args:
        teacher: Computes what is missing.
        bank: Its bank.
        chunk: Images of each forward pass, K views each.
    """

    def __init__(self, teacher: FrozenTeacher, bank: FeatureBank, chunk: int) -> None:
        self.teacher = teacher
        self.bank = bank
        self.chunk = chunk
        self.overflowed = False

    def encode(self, views: Tensor, view_numbers: Tensor | None) -> Side:
        """See `Teacher`. Nothing waits for the device unless something is missing.

        Raises:
            ValueError: The views have no numbers.
        """
        if view_numbers is None:
            raise ValueError("a bank needs views that can be counted")
        features, known = self.bank.read(view_numbers)
        missing = (~known).nonzero().flatten()
        if len(missing):
            computed = self._compute(views[missing.to(views.device)]).cpu()
            fits = computed.isfinite().flatten(1).all(1)
            self.overflowed |= not fits.all()
            self.bank.write(view_numbers[missing][fits], computed[fits])
            features[missing] = computed
        if views.is_cuda:
            features = features.pin_memory().to(views.device, non_blocking=True)
        return self.teacher.judge(features)

    def check(self) -> None:
        """See `Teacher`.

        Raises:
            RunError: Some feature was beyond half precision. Said after the epoch: an error in the
                middle would leave the other ranks waiting for this one.
        """
        if self.overflowed:
            raise RunError(
                "the teacher's features are not finite in half precision, which holds up to 65504: "
                "set bank to false, or look at the teacher"
            )

    def _compute(self, views: Tensor) -> Tensor:
        """Features of views [N, K, 3, H, W], float16 [N, K, d]; the last chunk is filled up."""
        parts = [self.teacher.features(self._full(part)) for part in views.split(self.chunk)]
        return torch.cat(parts)[: len(views)].half()

    def _full(self, part: Tensor) -> Tensor:
        lacking = self.chunk - len(part)
        return torch.cat([part, part[:1].expand(lacking, *part.shape[1:])]) if lacking else part
