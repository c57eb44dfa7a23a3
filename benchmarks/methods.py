"""How long a step of each method takes, against the same method in the peers' manner."""

from copy import deepcopy

import torch

from benchmarks.clock import now
from benchmarks.contenders import fresh_banks, product_epoch
from benchmarks.material import Pair, make_teacher
from benchmarks.pairs import Measurement, Ratio, interleave, ratio
from benchmarks.reference_method_loop import METHODS, MethodLoop
from pckd.models import Network, create_model
from pckd.training.config import RunConfig
from pckd.training.run_data import RunData


def method_ratios(
    pair: Pair, data: RunData, device: torch.device, rounds: int, methods: tuple[str, ...] = METHODS
) -> list[Ratio]:
    """`method_NAME` for each method, and `method_bank_NAME` where a bank serves.

    Args:
        pair: The networks.
        data: The images; each measurement is one epoch of them.
        device: Where to compute.
        rounds: How often each is measured.
        methods: Their names.
    """
    teacher = make_teacher(pair.teacher, data)
    ratios = []
    for method in methods:
        with fresh_banks():
            contenders = {"reference": _reference(_run(pair, method), data, teacher, device)}
            contenders["method"] = product_epoch(_run(pair, method), data, teacher, device)
            banked = _run(pair, method, bank=True)
            if not banked.loss.needs.beyond_a_bank:
                contenders["method_bank"] = product_epoch(banked, data, teacher, device)
            seconds = interleave(contenders, rounds)
        slow = seconds.pop("reference")
        ratios += [ratio(f"{name}_{method}", slow, fast) for name, fast in seconds.items()]
    return ratios


def _reference(
    config: RunConfig, data: RunData, teacher: Network, device: torch.device
) -> Measurement:
    """One epoch of the peers' loop."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        student = create_model(config.student, num_classes=data.num_classes)
        loop = MethodLoop(config, student, deepcopy(teacher), data, device)

    def measure() -> float:
        started = now(device)
        loop.train_epoch()
        return now(device) - started

    return measure


def _run(pair: Pair, method: str, *, bank: bool = False) -> RunConfig:
    values = {"data": "cifar100", "student": pair.student, "teacher": pair.teacher}
    return RunConfig.model_validate({**values, "method": method, "bank": bank})
