"""A study of 16 short trials with one teacher and one bank, against 16 runs of the peers' loop.

The trials differ in the weight of feature alignment and share their seed, so they draw the same
views: the first fills the bank, the others read it. Both sides pay for what a trial builds. Trials
follow each other in this process, those of the two sides in turn; Ray is not measured here.
"""

import torch

from benchmarks.clock import now
from benchmarks.contenders import fresh_banks, product_epoch, reference_epoch
from benchmarks.material import Pair, make_teacher, run_config
from benchmarks.pairs import Ratio, ratio
from pckd.models import Network
from pckd.training.config import RunConfig
from pckd.training.run_data import RunData

TRIALS = 16
BATCH = 32


def study_ratio(pair: Pair, data: RunData, device: torch.device, studies: int) -> Ratio:
    """The ratio of whole studies; each trial is one epoch of `data` in batches of 32."""
    teacher = make_teacher(pair.teacher, data)
    study_seconds(pair, data, teacher, device, trials=1)
    seconds = [study_seconds(pair, data, teacher, device, TRIALS) for _ in range(studies)]
    slow, fast = ([study[side] for study in seconds] for side in (0, 1))
    return ratio(f"study16_fp32_{pair.name}", slow, fast)


def study_seconds(
    pair: Pair, data: RunData, teacher: Network, device: torch.device, trials: int
) -> tuple[float, float]:
    """The seconds of one study: of the peers' loop, and of the product with a fresh bank."""
    slow = fast = 0.0
    with fresh_banks():
        for trial in range(trials):
            config = trial_config(pair, trial)
            started = now(device)
            reference_epoch(config, data, teacher, device)()
            between = now(device)
            product_epoch(config, data, teacher, device)()
            slow += between - started
            fast += now(device) - between
    return slow, fast


def trial_config(pair: Pair, trial: int) -> RunConfig:
    """The run of a trial: they differ in a weight only."""
    return run_config(
        pair,
        bank=True,
        loss={"feature_alignment": 1.0 + trial},
        optimization={"batch_size": BATCH},
    )
