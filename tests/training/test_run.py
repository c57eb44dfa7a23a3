"""A run: exact resume, one stream of views for a seed, honest failures, terms by name."""

import io

import pytest
import torch

from pckd.method import Needs
from pckd.models import Network
from pckd.training.building import build
from pckd.training.changes import changed_run
from pckd.training.config import RunConfig
from pckd.training.encoding import encode
from pckd.training.group import LocalGroup
from pckd.training.record import DivergedError, EpochRecord
from pckd.training.run import Run
from pckd.training.run_data import RunData

CPU = torch.device("cpu")
TIMES = ("seconds", "images_per_second")


def _numbers(record: EpochRecord) -> dict[str, object]:
    """An epoch without its wall-clock times."""
    names = [name for name in EpochRecord.__slots__ if name not in TIMES]
    return {name: getattr(record, name) for name in names}


def test_a_resumed_run_ends_with_the_same_bits(
    config: RunConfig, data: RunData, teacher: Network
) -> None:
    whole = Run(config, data, teacher, CPU)
    records = [_numbers(whole.train_epoch()) for _ in range(3)]

    first = Run(config, data, teacher, CPU)
    first.train_epoch()
    stream = io.BytesIO()
    torch.save(first.state(), stream)
    torch.rand(5)  # the global generator must not matter
    second = Run(config, data, teacher, CPU)
    second.load_state(torch.load(io.BytesIO(stream.getvalue()), weights_only=True))
    resumed = [_numbers(second.train_epoch()) for _ in range(2)]

    assert resumed == records[1:]
    for (name, value), other in zip(
        whole.plain_module.state_dict().items(),
        second.plain_module.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(value, other), name


def test_the_seed_alone_decides(config: RunConfig, data: RunData, teacher: Network) -> None:
    def losses(seed: int) -> dict[str, float]:
        torch.rand(seed + 1)
        run = Run(config.model_copy(update={"seed": seed}), data, teacher, CPU)
        return run.train_epoch().losses

    assert losses(3) == losses(3)
    assert losses(3) != losses(4)


def test_training_lowers_the_loss_and_classifies(
    config: RunConfig, data: RunData, teacher: Network
) -> None:
    longer = config.optimization.model_copy(update={"epochs": 12})
    run = Run(config.model_copy(update={"optimization": longer}), data, teacher, CPU)
    records = [run.train_epoch() for _ in range(12)]
    assert run.finished
    assert records[-1].losses["total"] < records[0].losses["total"]
    assert records[-1].top1 > 80  # chance is 33; three digits are easy


def test_every_active_term_is_recorded_by_name(
    config: RunConfig, data: RunData, teacher: Network
) -> None:
    record = Run(config, data, teacher, CPU).train_epoch()
    terms = {"cross_entropy", "kd", "center_contrast", "feature_alignment", "center_alignment"}
    assert record.losses.keys() == {"total"} | terms
    expected = sum(config.loss[term].weight * record.losses[term] for term in terms)
    assert record.weights == {term: config.loss[term].weight for term in terms}
    assert record.losses["total"] == pytest.approx(expected, rel=1e-5)


def test_statistics_of_easy_and_hard_samples(
    config: RunConfig, data: RunData, teacher: Network
) -> None:
    record = Run(config, data, teacher, CPU).train_epoch()
    assert 0 < record.easy_share < 100
    assert record.easy_weight == pytest.approx(1.0)
    assert record.hard_weight is not None
    assert 0 < record.hard_weight < 1
    assert record.threshold == pytest.approx(1.005)


@pytest.mark.parametrize("form", ["paper", "release"])
@pytest.mark.parametrize("strategy", ["preview", "none", "curriculum", "focal"])
def test_both_forms_and_all_strategies_train(
    config: RunConfig, data: RunData, teacher: Network, form: str, strategy: str
) -> None:
    changes = {
        "loss.center_contrast.form": form,
        "loss.center_contrast": 0.01,
        "preview.strategy": strategy,
    }
    changed = RunConfig.model_validate(changed_run(config.model_dump(), changes))
    record = Run(changed, data, teacher, CPU).train_epoch()
    assert all(torch.tensor(list(record.losses.values())).isfinite())


def test_a_diverged_loss_names_term_epoch_and_step(
    config: RunConfig, data: RunData, teacher: Network
) -> None:
    run = Run(config, data, teacher, CPU)
    run.train_epoch()
    with torch.no_grad():
        next(run.plain_module.objective.term("feature_alignment").parameters()).fill_(torch.nan)
    with pytest.raises(DivergedError) as failure:
        run.train_epoch()
    assert str(failure.value) == (
        "the loss term feature_alignment became nan in epoch 2, step 1 of 3"
    )


def test_outputs_that_are_not_finite_end_the_run_after_its_last_step_too(
    config: RunConfig, data: RunData, teacher: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(config, data, teacher, CPU)
    step = run.optimizer.step

    def ruin() -> None:
        step()
        if batches_left.pop() == 0:
            next(run.student.parameters()).data.fill_(torch.nan)

    batches_left = [0, 1, 2]
    monkeypatch.setattr(run.optimizer, "step", ruin)
    with pytest.raises(DivergedError, match=r"after epoch 1 .* NaN or infinite for .* images"):
        run.train_epoch()


def test_teacher_and_its_statistics_do_not_move(
    config: RunConfig, data: RunData, teacher: Network
) -> None:
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    Run(config, data, teacher, CPU).train_epoch()
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


def test_center_alignment_is_off_and_said_where_widths_differ(
    config: RunConfig, data: RunData, teacher: Network
) -> None:
    wider = config.model_copy(update={"student": "wrn_16_2"})
    run = Run(wider, data, teacher, CPU)
    assert "center_alignment is off for this pair" in run.notices[0]
    assert "center_alignment" not in run.train_epoch().losses


def test_terms_that_relate_images_say_that_they_see_parts_of_a_batch(
    config: RunConfig, data: RunData
) -> None:
    values = {**config.model_dump(exclude={"loss", "preview"}), "method": "rkd"}
    whole = RunConfig.model_validate(values)
    values["optimization"] = {**config.optimization.model_dump(), "accumulation": 2}
    parts = RunConfig.model_validate(values)
    assert not build(whole, data, LocalGroup()).notices
    (notice,) = build(parts, data, LocalGroup()).notices
    assert notice.startswith("rkd relates the images of each part of a batch")


def test_only_what_is_on_is_built(config: RunConfig, data: RunData) -> None:
    off = {"kd": 0, "center_contrast": 0, "feature_alignment": 0, "center_alignment": 0}
    plain = RunConfig.model_validate({**config.model_dump(), "loss": off})
    built = build(plain, data, LocalGroup())
    assert plain.loss.needs.copies == 1
    assert [name for name, _ in built.module.named_children()] == ["student", "objective"]
    assert not list(built.module.objective.parameters())


def test_encode_keeps_images_and_copies_apart(teacher: Network) -> None:
    views = torch.randn(2, 4, 3, 8, 8)
    teacher.eval()
    encoded = encode(teacher, views, Needs())
    alone = teacher(views[1, 2].unsqueeze(0))
    torch.testing.assert_close(encoded.features[1, 2], alone.features[0])
    torch.testing.assert_close(encoded.logits[1, 2], alone.logits[0])
