"""Number of trials that share a GPU; stand-ins for three calls of PyTorch play the GPU."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pckd.errors import RunError
from pckd.study import packing
from pckd.study.estimate import untrained_run, untrained_teacher
from pckd.study.packing import MARGIN, gpu_share, peak_gpu_memory, train_briefly
from pckd.study.placement import Placement
from pckd.training.config import RunConfig
from pckd.training.run_data import prepare_data

GIB = 2**30
CPU = Placement(torch.device("cpu"), 1)


@pytest.fixture(name="config")
def _config() -> RunConfig:
    return RunConfig.model_validate(
        {
            "data": {"name": "digits", "classes": [0, 1, 2]},
            "student": "resnet8",
            "teacher": {"model": "resnet14"},
            "views": {"crop_padding": 1, "flip": False},
            "optimization": {"batch_size": 16},
        }
    )


@given(total=st.integers(GIB, 200 * GIB), part=st.floats(0.01, 0.89))
def test_as_many_trials_as_the_share_allows_fit_and_one_more_would_not(
    total: int, part: float
) -> None:
    peak = max(1, int(total * part))
    share = gpu_share(peak, total)
    trials = int(1 / share)
    assert 0 < share * trials <= 1
    assert trials * peak <= total * (1 - MARGIN)
    assert (trials + 1) * peak > int(total * (1 - MARGIN))


@pytest.mark.parametrize(
    ("peak", "share"), [(30, 0.3333), (22.5, 0.25), (90, 1.0), (46, 1.0), (0.01, 0.01)]
)
def test_shares_are_what_ray_can_count(peak: float, share: float) -> None:
    assert gpu_share(int(peak * GIB), 100 * GIB) == share


def test_a_trial_that_fills_the_margin_is_refused() -> None:
    with pytest.raises(
        RunError, match=r"^one trial takes 95\.0 GiB of a GPU's 100\.0 GiB, of which 10%"
    ):
        gpu_share(95 * GIB, 100 * GIB)


def test_an_untrained_teacher_s_features_are_as_small_as_a_trained_one_s(
    config: RunConfig,
) -> None:
    """A student learns from them: the features of deep networks without it are above 1e5."""
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    teacher = untrained_teacher("resnet110", prepare_data(config.data, config.protocol))
    with torch.no_grad():
        assert teacher(images).features.abs().max() < 100


def test_training_briefly_takes_three_steps_and_keeps_all_images(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    def remembered(config: RunConfig, placement: Placement) -> object:
        runs.append(untrained_run(config, placement))
        return runs[-1]

    steps: list[int] = []
    monkeypatch.setattr(packing, "untrained_run", remembered)
    monkeypatch.setattr(torch.optim.SGD, "step", lambda *_, **__: steps.append(1))
    train_briefly(config, CPU)
    assert len(steps) == 3
    assert len(runs[0].data.train) > 3 * 16


def test_the_peak_counts_what_pytorch_does_not(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (70 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 8 * GIB)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda _: 9 * GIB)
    assert peak_gpu_memory(config, CPU) == (11 * GIB, 80 * GIB)  # 2 GiB are the context's


def test_a_trial_that_fills_a_whole_gpu_is_a_sentence(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(packing, "train_briefly", full)
    with pytest.raises(RunError, match="one trial takes more than a whole GPU: CUDA out of memory"):
        peak_gpu_memory(config, CPU)
