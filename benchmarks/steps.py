"""Time of a step, against the peers' loop: plain, with a warm bank, with bf16."""

from typing import Any

import torch

from benchmarks.contenders import fresh_banks, product_epoch, reference_epoch
from benchmarks.material import Pair, make_teacher, run_config
from benchmarks.pairs import Ratio, interleave, ratio
from pckd.training.run_data import RunData

WAYS: dict[str, dict[str, Any]] = {
    "step_fp32": {},
    "step_bank_fp32": {"bank": True},
    "step_bank_bf16": {"bank": True, "optimization": {"precision": "bf16"}},
}
"""Changes in a run, by the name of the figure."""


def step_ratios(pair: Pair, data: RunData, device: torch.device, rounds: int) -> list[Ratio]:
    """The ratios of one pair of networks; each measurement is one epoch of `data`."""
    teacher = make_teacher(pair.teacher, data)
    contenders = {"reference": reference_epoch(run_config(pair), data, teacher, device)}
    with fresh_banks():
        for name, changes in WAYS.items():
            contenders[name] = product_epoch(run_config(pair, **changes), data, teacher, device)
        seconds = interleave(contenders, rounds)
    slow = seconds["reference"]
    return [ratio(f"{name}_{pair.name}", slow, seconds[name]) for name in WAYS]
