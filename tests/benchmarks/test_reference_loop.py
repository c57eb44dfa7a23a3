"""The reference loop and the product compute the same, step by step, on the same views."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.reference_loop import ReferenceLoop
from pckd.data import TrainingPass, rotated_copies
from pckd.method import Needs
from pckd.models import Network, create_model
from pckd.training.building import Distillation, Moment, Views, build
from pckd.training.config import RunConfig
from pckd.training.encoding import encode
from pckd.training.group import LocalGroup
from pckd.training.run import Run
from pckd.training.run_data import RunData, prepare_data

CPU = torch.device("cpu")


def tiny_config(
    learning_rate: float = 0.02,
    *,
    bank: bool = False,
    teacher: str = "resnet14",
    **loss: Any,  # noqa: ANN401
) -> RunConfig:
    values = {
        "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 8},
        "student": "resnet8",
        "teacher": teacher,
        "loss": {"feature_alignment": {"width": 2}, **loss},
        "preview": {"growth_rate": 1.02},
        "views": {"crop_padding": 1},
        "optimization": {"epochs": 3, "batch_size": 8, "learning_rate": learning_rate},
        "seed": 3,
        "bank": bank,
    }
    return RunConfig.model_validate(values)


def views_of(config: RunConfig, data: RunData, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The views that the product draws in an epoch."""
    views = config.views
    training = TrainingPass(
        config.seed, epoch, config.optimization.batch_size, views.crop_padding, views.flip
    )
    for batch in data.train.training_batches(training):
        copies = rotated_copies(batch.images, rotations=4, mean=data.mean, std=data.std)
        yield copies, batch.labels


def terms_with(teacher_name: str) -> set[str]:
    """All terms of Eq. 8; centre alignment only where resnet8 is as wide as its teacher."""
    return set(tiny_config().loss) - (set() if teacher_name == "resnet14" else {"center_alignment"})


def make_teacher(name: str = "resnet14") -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return create_model(name, num_classes=3).eval().requires_grad_(False)


def reference_of(config: RunConfig, module: Distillation, teacher: Network) -> ReferenceLoop:
    """The reference loop with the weights of the product's module."""
    loop = ReferenceLoop(config, deepcopy(module.student), deepcopy(teacher), CPU)
    loop.heads.to(next(module.parameters()).dtype)
    alignment, contrast = map(module.objective.term, ("feature_alignment", "center_contrast"))
    loop.heads["alignment"].load_state_dict(alignment.get_submodule("head").state_dict())
    loop.heads.load_state_dict(contrast.get_submodule("contrast").state_dict(), strict=False)
    return loop


@pytest.mark.parametrize("form", ["paper", "release"])
@pytest.mark.parametrize("teacher_name", ["resnet14", "wrn_16_2"])
def test_all_terms_are_the_products_in_float64_and_so_are_the_weights_after_six_steps(
    form: str, teacher_name: str
) -> None:
    config = tiny_config(teacher=teacher_name, center_contrast={"form": form})
    data = prepare_data(config.data, config.protocol)
    teacher = make_teacher(teacher_name).double()
    module = build(config, data, LocalGroup()).module.double().train()
    loop = reference_of(config, module, teacher)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    for epoch in (1, 2):
        for views, labels in views_of(config, data, epoch):
            views = views.double()
            expected = loop.step(views, labels, epoch)
            taught = encode(teacher, views, Needs())
            moment = Moment(epoch, threshold=1.02**epoch, seed=0)
            actual = module(Views(views), taught, labels, torch.arange(len(labels)), moment)
            optimizer.zero_grad()
            actual.total.backward()
            optimizer.step()
            found = {**actual.terms, "total": actual.total.detach()}
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    assert expected.keys() == {*terms_with(teacher_name), "total"}
    torch.testing.assert_close(
        dict(module.student.state_dict()), dict(loop.student.state_dict()), rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize(("bank", "learning_rate"), [(False, 0.02), (True, 0.0001)])
def test_a_run_trains_as_the_reference_loop_does(
    bank: bool, learning_rate: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a bank the rate is small: at large ones half precision's rounding grows in training."""
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path))
    config = tiny_config(learning_rate, bank=bank)
    data = prepare_data(config.data, config.protocol)
    teacher = make_teacher()
    run = Run(config, data, deepcopy(teacher), CPU)
    loop = reference_of(config, run.plain_module, teacher)
    for epoch in (1, 2, 3):
        losses = loop.train_epoch(views_of(config, data, epoch), epoch)
        record = run.train_epoch()
        assert record.losses["total"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    for name, value in loop.student.state_dict().items():
        torch.testing.assert_close(run.student.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_other_sample_weights_are_refused() -> None:
    config = RunConfig.model_validate(
        {**tiny_config().model_dump(), "preview": {"strategy": "focal"}}
    )
    with pytest.raises(ValueError, match="paper's preview strategy only"):
        ReferenceLoop(config, make_teacher("resnet8"), make_teacher(), CPU)
