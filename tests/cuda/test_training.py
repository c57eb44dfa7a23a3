"""Whole runs on a GPU: the CPU's losses in fp32, finite ones in bf16, compiled and with a bank."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.material import Pair, images, make_teacher, run_config
from pckd.training.run import Run

PAIR = Pair("small", "resnet20", "resnet8")
METHODS = ("pckd", "kd", "crd", "nst", "rkd", "reviewkd")
"""PCKD, and a method of each kind: logits, memory, maps, relations, learned parts."""
FASTEST = {"precision": "bf16", "compile": "reduce-overhead"}


def _losses(device: torch.device, **changes: Any) -> dict[str, float]:  # noqa: ANN401
    data = images(128, None)
    run = Run(run_config(PAIR, **changes), data, make_teacher(PAIR.teacher, data), device)
    return dict(run.train_epoch().losses)


@pytest.mark.parametrize("method", METHODS)
def test_the_losses_are_those_of_the_cpu(method: str, gpu: torch.device) -> None:
    assert _losses(gpu, method=method) == pytest.approx(
        _losses(torch.device("cpu"), method=method), rel=1e-3
    )


@pytest.mark.parametrize("changes", [{"bank": False}, {"bank": True}])
def test_bf16_compiled_is_finite(
    changes: dict[str, Any], gpu: torch.device, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path))
    losses = _losses(gpu, optimization=FASTEST, **changes)
    assert all(abs(value) < float("inf") for value in losses.values())
