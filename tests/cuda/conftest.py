"""The GPU that the tests of this folder need; without one they are skipped."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(name="gpu")
def _gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """The first GPU, calculating in full fp32."""
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    yield torch.device("cuda", 0)
