"""State dicts of networks in tests."""

import torch
from torch import Tensor

State = dict[str, Tensor]


def same(one: State, other: State) -> bool:
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)
