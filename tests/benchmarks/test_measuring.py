"""The measurements run, on networks small enough for a test; no speed is asserted."""

import torch

from benchmarks.contenders import CPU, product_epoch, reference_epoch
from benchmarks.loader import loader_ratio
from benchmarks.material import Pair, images, make_teacher, run_config
from benchmarks.rounding import rounding_error
from benchmarks.steps import step_ratios
from benchmarks.study16 import study_seconds, trial_config
from pckd.data import normalise

TINY = Pair("tiny", "resnet14", "resnet8")


def test_steps_give_a_ratio_for_each_way() -> None:
    ratios = step_ratios(TINY, images(4, None), CPU, rounds=2)
    assert [each.name for each in ratios] == [
        "step_fp32_tiny",
        "step_bank_fp32_tiny",
        "step_bank_bf16_tiny",
    ]
    assert all(len(each.of_pairs) == 2 and min(each.of_pairs) > 0 for each in ratios)


def test_a_study_charges_both_sides() -> None:
    data = images(4, None)
    teacher = make_teacher(TINY.teacher, data)
    slow, fast = study_seconds(TINY, data, teacher, CPU, trials=2)
    assert slow > 0
    assert fast > 0


def test_the_trials_of_the_study_differ_in_one_weight() -> None:
    first, second = (trial_config(TINY, trial).model_dump() for trial in (0, 1))
    assert first["loss"].pop("feature_alignment") != second["loss"].pop("feature_alignment")
    assert first == second


def test_measuring_leaves_torchs_global_generator_alone() -> None:
    data = images(4, None)
    teacher = make_teacher(TINY.teacher, data)
    before = torch.random.get_rng_state()
    reference_epoch(run_config(TINY), data, teacher, CPU)
    product_epoch(run_config(TINY), data, teacher, CPU)()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_teachers_features_stay_finite_in_evaluation_mode() -> None:
    data = images(8, None)
    teacher = make_teacher("resnet56", data)
    pixels, _ = next(data.train.evaluation_batches(8))
    features = teacher(normalise(pixels, data.mean, data.std)).features
    assert features.abs().max() < 100


def test_rounding_to_fp16_leaves_a_small_error() -> None:
    error = rounding_error(TINY, images(8, None))
    assert 0 < error.loss < 1e-5
    assert 0 < error.gradient < 1e-4


def test_the_loader_is_measured() -> None:
    ratio, rate = loader_ratio(images(16, None), rounds=1)
    assert ratio.name == "loader"
    assert rate > 0
