"""How long a step of each method takes, against the same method in the peers' manner."""

from collections.abc import Callable
from copy import deepcopy

import torch

from benchmarks.clock import now
from benchmarks.contenders import fresh_banks, product_epoch
from benchmarks.material import Pair, make_teacher
from benchmarks.pairs import Measurement, Ratio, interleave, ratio
from benchmarks.reference_method_loop import METHODS, MethodLoop
from benchmarks.reference_preparations import PREPARED, PreparationLoop
from pckd.models import Network, create_model
from pckd.training.config import RunConfig
from pckd.training.preparing import Preparing
from pckd.training.run_data import RunData


def method_ratios(
    pair: Pair, data: RunData, device: torch.device, rounds: int, methods: tuple[str, ...] = METHODS
) -> list[Ratio]:
    """`method_NAME` for each method, and `method_bank_NAME` where a bank serves.

    What is prepared first has `method_preparation_NAME` too: a step of the preparation.

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
            if banked.loss.needs.teacher and not banked.loss.needs.beyond_a_bank:
                contenders["method_bank"] = product_epoch(banked, data, teacher, device)
            seconds = interleave(contenders, rounds)
        slow = seconds.pop("reference")
        ratios += [ratio(f"{name}_{method}", slow, fast) for name, fast in seconds.items()]
        if method in PREPARED:
            ratios.append(_preparation_ratio(_run(pair, method), data, teacher, device, rounds))
    return ratios


def _preparation_ratio(
    config: RunConfig, data: RunData, teacher: Network, device: torch.device, rounds: int
) -> Ratio:
    """A step of a method's preparation against the peers'."""
    loop = PreparationLoop(config, _new_student(config, data), deepcopy(teacher), data, device)
    preparing = Preparing(config, config.method, data, deepcopy(teacher), device)
    both = {"reference": loop.train_epoch, "method": preparing.train_epoch}
    seconds = interleave({name: _timed(train, device) for name, train in both.items()}, rounds)
    return ratio(f"method_preparation_{config.method}", seconds["reference"], seconds["method"])


def _reference(
    config: RunConfig, data: RunData, teacher: Network, device: torch.device
) -> Measurement:
    """One epoch of the peers' loop."""
    loop = MethodLoop(config, _new_student(config, data), deepcopy(teacher), data, device)
    return _timed(loop.train_epoch, device)


def _new_student(config: RunConfig, data: RunData) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return create_model(config.student, num_classes=data.num_classes)


def _timed(train: Callable[[], object], device: torch.device) -> Measurement:
    def measure() -> float:
        started = now(device)
        train()
        return now(device) - started

    return measure


def _run(pair: Pair, method: str, *, bank: bool = False) -> RunConfig:
    values = {"data": "cifar100", "student": pair.student, "teacher": pair.teacher}
    return RunConfig.model_validate({**values, "method": method, "bank": bank})
