"""Ways to compute the same: from the bank, in parts, in half precision, compiled."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pckd.errors import RunError
from pckd.models import Network
from pckd.training.bank import BankedTeacher
from pckd.training.building import Moment
from pckd.training.config import RunConfig
from pckd.training.numerics import keep_freed_memory
from pckd.training.record import EpochRecord
from pckd.training.run import Run
from pckd.training.run_data import RunData, prepare_data
from tests.training.conftest import tiny_config

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path))


def recipe(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"optimization": {"epochs": 3, "batch_size": 32, "learning_rate": 0.02} | changes}


def trained(
    config: RunConfig, teacher: Network, epochs: int = 2, bank_bytes: int | None = None
) -> tuple[list[EpochRecord], Run]:
    data = prepare_data(config.data, config.protocol)
    run = Run(config, data, teacher, CPU, bank_bytes=bank_bytes)
    return [run.train_epoch() for _ in range(epochs)], run


def weights(run: Run) -> torch.Tensor:
    return torch.cat([value.flatten() for value in run.student.parameters()]).detach()


def test_a_cold_a_warm_and_no_bank_give_the_same_bits(teacher: Network) -> None:
    config = tiny_config(bank=True)
    cold, first = trained(config, teacher)
    warm, second = trained(config, teacher)
    without, third = trained(config, teacher, bank_bytes=0)
    losses = [record.losses for record in cold]
    assert losses == [record.losses for record in warm] == [record.losses for record in without]
    assert torch.equal(weights(first), weights(second))
    assert torch.equal(weights(first), weights(third))


def test_trials_with_other_weights_find_the_views_in_the_bank(
    teacher: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tiny_config(bank=True), teacher)
    other = tiny_config(bank=True, loss={"kd": 2.0}, student="resnet14")
    data = prepare_data(other.data, other.protocol)
    run = Run(other, data, teacher, CPU)
    assert isinstance(run.teacher, BankedTeacher)

    def refuse(views: torch.Tensor) -> torch.Tensor:
        raise AssertionError("the teacher looked again")

    monkeypatch.setattr(run.teacher.teacher, "features", refuse)
    run.train_epoch()
    run.train_epoch()
    with pytest.raises(AssertionError, match="looked again"):
        run.train_epoch()


@pytest.mark.parametrize(
    "change",
    [
        {"views": {"crop_padding": 2, "flip": False}},
        {"views": {"crop_padding": 1, "flip": True}},
        {"loss": {"center_contrast": 0, "feature_alignment": 0}},
        {"protocol": "holdout"},
        {"data": {"name": "digits", "classes": [0, 2, 1], "images_per_class": 32}},
        recipe(precision="bf16"),
    ],
)
def test_other_views_images_or_precision_have_another_bank(
    teacher: Network, tmp_path: Path, change: dict[str, Any]
) -> None:
    for config in (tiny_config(bank=True), tiny_config(bank=True, **change)):
        trained(config, teacher, epochs=0)
    assert len(list(tmp_path.glob("banks/*.bank"))) == 2


def test_another_teacher_has_another_bank(teacher: Network, tmp_path: Path) -> None:
    trained(tiny_config(bank=True), teacher, epochs=0)
    with torch.no_grad():
        next(teacher.parameters()).view(-1)[0] += 1e-3
    trained(tiny_config(bank=True), teacher, epochs=0)
    assert len(list(tmp_path.glob("banks/*.bank"))) == 2


def test_the_bank_changes_the_loss_by_rounding_only(teacher: Network) -> None:
    (plain,), _ = trained(tiny_config(), teacher, epochs=1)
    (banked,), _ = trained(tiny_config(bank=True), teacher, epochs=1)
    assert banked.losses != plain.losses
    assert banked.losses == pytest.approx(plain.losses, rel=1e-3)


def test_the_gradients_of_parts_add_up_to_the_mean_over_the_parts(
    teacher: Network, data: RunData
) -> None:
    """Without what looks at a whole batch, parts change nothing: BatchNorm and the mean loss."""
    plain = {"preview": {"strategy": "none"}}
    whole, parts = (
        Run(tiny_config(**plain, **recipe(accumulation=count)), data, teacher, CPU)
        for count in (1, 3)
    )
    assert (whole.part_size, parts.part_size) == (32, 11)
    gradients = []
    for run in (whole, parts):
        run.module.eval()  # BatchNorm takes its running statistics
        batch = next(iter(run._batches(1)))
        losses = run._backward(batch, Moment(1, 1.0, 0))
        assert sum(share for share, _ in losses) == pytest.approx(1)
        gradients.append([value.grad for value in run.module.parameters()])
    assert len(losses) == 3
    for one, other in zip(*gradients, strict=True):
        assert one is not None
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_batch_in_parts_is_recorded_as_one_step(teacher: Network) -> None:
    (record,), _ = trained(tiny_config(**recipe(accumulation=4)), teacher, epochs=1)
    expected = sum(record.weights[term] * record.losses[term] for term in record.weights)
    assert record.losses["total"] == pytest.approx(expected, rel=1e-5)
    assert 0 < record.easy_share < 100


def test_bf16_learns_what_fp32_learns(teacher: Network) -> None:
    settings = recipe(epochs=10)["optimization"]
    exact, _ = trained(tiny_config(optimization=settings), teacher, epochs=10)
    half = {**settings, "precision": "bf16"}
    rounded, run = trained(tiny_config(optimization=half), teacher, epochs=10)
    assert rounded[0].losses != exact[0].losses
    assert rounded[0].losses["total"] == pytest.approx(exact[0].losses["total"], rel=0.05)
    assert rounded[-1].top1 > 75  # chance is 33
    assert all(value.dtype == torch.float32 for value in run.student.parameters())


def test_compiled_it_computes_the_same_and_keeps_its_names(
    teacher: Network, data: RunData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the translation itself left out, which takes minutes: what is traced runs as it is."""
    original = nn.Module.compile
    modes = []

    def traced(module: nn.Module, *, mode: str) -> None:
        modes.append(mode)
        original(module, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", traced)
    run = Run(tiny_config(**recipe(compile="reduce-overhead")), data, teacher, CPU)
    plain = Run(tiny_config(), data, teacher, CPU)
    assert run.student.state_dict().keys() == plain.student.state_dict().keys()
    compiled, eager = run.train_epoch().losses, plain.train_epoch().losses
    assert compiled == pytest.approx(eager, rel=1e-3)
    assert modes == ["reduce-overhead"] * 2  # student and teacher


def test_without_a_compiler_the_run_says_what_is_missing(
    teacher: Network, data: RunData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RunError, match=r"optimization\.compile is default, which needs a C\+\+"):
        Run(tiny_config(**recipe(compile="default")), data, teacher, CPU)


def test_features_beyond_half_precision_end_the_run_and_are_not_kept(
    teacher: Network, tmp_path: Path
) -> None:
    with torch.no_grad():
        for layer in teacher.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.fill_(1e3)
    data = prepare_data(tiny_config().data, "paper")
    run = Run(tiny_config(bank=True), data, teacher, CPU)
    with pytest.raises(RunError, match="half precision, which holds up to 65504: set bank to"):
        run.train_epoch()
    assert isinstance(run.teacher, BankedTeacher)
    bank = run.teacher.bank
    assert bank.features[bank.marks.bool()].isfinite().all()


class RecordingLibrary:
    """A C library that notes what its allocator is told."""

    def __init__(self) -> None:
        self.told: dict[int, int] = {}

    def mallopt(self, parameter: int, value: int) -> int:
        self.told[parameter] = value
        return 1


def test_the_allocator_is_told_to_return_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """M_TRIM_THRESHOLD is -1 and M_MMAP_THRESHOLD -3 in glibc's malloc.h."""
    library = RecordingLibrary()
    monkeypatch.setattr("pckd.training.numerics.ctypes.CDLL", lambda name: library)
    keep_freed_memory()
    assert library.told == {-1: 2**31 - 1, -3: 2**31 - 1}


def test_without_glibc_the_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pckd.training.numerics.ctypes.CDLL", lambda name: object())
    keep_freed_memory()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_nothing_in_a_step_waits_for_the_gpu(teacher: Network) -> None:
    gpu = torch.device("cuda", 0)
    config = tiny_config(bank=True)
    run = Run(config, prepare_data(config.data, config.protocol), teacher, gpu)
    batches = list(run._batches(1))
    for batch in batches:  # fills the bank, and what PyTorch sets up in a first step
        run._backward(batch, Moment(1, 1.0, 0))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches:
            run._backward(batch, Moment(1, 1.0, 0))
            run.optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
