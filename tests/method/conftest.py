"""Fixtures of the method's tests: the oracle and random batches."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from pckd.method import Side

Batch = tuple[Side, Side, Tensor]


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    """The same random numbers in every run."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The module `oracle.py` beside this file: the equations as loops over plain floats."""
    spec = spec_from_file_location("method_oracle", Path(__file__).with_name("oracle.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_batch(
    *,
    images: int = 5,
    copies: int = 4,
    classes: int = 3,
    student_width: int = 4,
    teacher_width: int = 4,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> Batch:
    """Outputs of a student and a teacher with random weights for random images, and the labels."""
    generator = torch.Generator().manual_seed(seed)

    def network(width: int) -> Side:
        shapes = ((images, copies, width), (images, copies, classes), (classes, width), (classes,))
        features, logits, centers, bias = (
            torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes
        )
        return Side(features, logits, centers, bias)

    labels = torch.randint(classes, (images,), generator=generator)
    return network(student_width), network(teacher_width), labels


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., Batch]:
    """`random_batch`: student, teacher and labels for given sizes and seed."""
    return random_batch
