"""Refusals before anything is trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pckd.errors import InputError
from pckd.method import find_term, list_terms
from pckd.method.preparation import only_prepares
from pckd.models import Network, Outputs, create_model
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.planning import check_plan
from pckd.study.spec import StudySpec
from pckd.training.class_order import best_reordered_top1, reorder_classes
from pckd.training.config import DataConfig, RunConfig
from pckd.training.evaluation import evaluate
from pckd.training.named_teacher import named_teacher
from pckd.training.network_file import TrainedNetwork
from pckd.training.reach import untrained_parts
from pckd.training.run import Run
from pckd.training.run_checks import check_run, check_workers
from pckd.training.run_data import RunData, prepare_data
from pckd.training.task import task_of
from pckd.training.teachers import TeacherStore

PLAIN = {"kd": 0, "center_contrast": 0, "feature_alignment": 0, "center_alignment": 0}


@pytest.fixture
def oblong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Images of two classes, 16 pixels high and 24 wide."""
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    noise = np.random.default_rng(0)
    for name in ("train/cat/a", "train/dog/b", "test/cat/c", "test/dog/d"):
        file = tmp_path / f"images/{name}.png"
        file.parent.mkdir(parents=True)
        Image.fromarray(noise.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(file)
    return {"name": "folder", "root": str(tmp_path / "images")}


def test_images_that_are_turned_must_be_square(oblong: dict[str, object]) -> None:
    values = {"data": oblong, "student": "resnet8", "teacher": "resnet8"}
    with pytest.raises(
        InputError,
        match=r"16x24 pixels, and center_contrast and feature_alignment .* set data\.image_size",
    ):
        check_run(RunConfig.model_validate(values))
    check_run(RunConfig.model_validate({**values, "loss": {**PLAIN, "kd": 1}}))
    check_run(RunConfig.model_validate({**values, "data": {**oblong, "image_size": 16}}))


def test_a_study_refuses_them_while_it_is_planned(oblong: dict[str, object]) -> None:
    run = {"data": oblong, "student": "resnet8", "teacher": "resnet8"}
    with pytest.raises(InputError, match="16x24 pixels"):
        check_plan(validate(StudySpec, {"study": "x", "run": run}, "here"))


class Flat(Network):
    """A network with a stem and no stage."""

    classifier_name = "head"

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, num_classes)

    def forward(self, images: torch.Tensor) -> Outputs:
        stem = self.stem(images)
        features = stem.mean((2, 3))
        before_relu = (stem,) if self.shows_before_relu else ()
        return Outputs((stem,), features, self.head(features), before_relu)


@pytest.mark.parametrize("method", ["ft", "ab"])
@pytest.mark.parametrize("pair", [("flat", "resnet8"), ("resnet8", "flat")])
def test_terms_on_stages_need_networks_that_show_some(
    method: str, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pckd.models.names._registered", {"flat": Flat})
    values = {"data": "digits", "student": pair[0], "teacher": pair[1], "method": method}
    with pytest.raises(InputError, match=f"^flat shows no stage maps, on which {method} rest"):
        check_run(RunConfig.model_validate(values))
    check_run(RunConfig.model_validate({**values, "method": "kd"}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"decay_at": [30, 45]}, r"decay_at: \[30\.0, 45\.0\] must rise and lie between 0 and 1"),
        ({"epochs": 200_000}, "epochs is 200000: .*100000"),
    ],
)
def test_a_preparation_has_a_recipe(changes: dict[str, Any], sentence: str) -> None:
    pair = {"data": "digits", "student": "resnet8", "teacher": "resnet14", "method": "sskd"}
    config = RunConfig.model_validate({**pair, "loss": {"sskd": {"preparation": changes}}})
    with pytest.raises(InputError, match=rf"^loss\.sskd\.preparation: {sentence}$"):
        check_run(config)


def test_one_class_is_no_task() -> None:
    with pytest.raises(InputError, match="'digits' has one class, 3: a classifier needs two"):
        prepare_data(DataConfig(name="digits", classes=(3,)), "paper")


def test_the_names_of_selected_classes_are_said() -> None:
    data = prepare_data(DataConfig(name="digits", classes=(3, 1)), "paper")
    assert data.notices == ("classes 3, 1 are named 3, 1",)


def test_a_study_refuses_a_term_that_does_not_suit_its_networks() -> None:
    run = {"data": "digits", "student": "resnet8", "teacher": "vgg8"}
    cases = {"plain": {"method": "cross_entropy"}, "attention": {"method": "at"}}
    spec = validate(StudySpec, {"study": "x", "run": run, "cases": cases}, "here")
    with pytest.raises(InputError, match="study x, attention: at cannot be computed for this pair"):
        check_plan(spec)


@pytest.fixture
def kept(tmp_path: Path, data: RunData) -> Callable[..., TeacherStore]:
    """Keep a teacher of the run's images, some of its properties changed."""

    def keep(**changes: Any) -> TeacherStore:  # noqa: ANN401
        with torch.random.fork_rng():
            torch.manual_seed(0)
            state = create_model("resnet14", num_classes=3).state_dict()
        network = TrainedNetwork(
            model="resnet14",
            state=state,
            class_names=list(data.class_names),
            mean=list(data.mean),
            std=list(data.std),
            image_size=list(data.image_size),
            data="digits",
            data_fingerprint=data.fingerprint,
            trial="made",
            test_top1=50.0,
        )
        store = TeacherStore(Storage(tmp_path / "results"))
        store.add(replace(network, **changes), "made.pth")
        return store

    return keep


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"image_size": [16, 16]}, r"knows images of 16x16 pixels, but the run's are 8x8: set"),
        ({"mean": [0.5, 0.5, 0.5]}, r"knows images of mean 0\.500, 0\.500, 0\.500"),
        ({"std": [0.5, 0.5, 0.5]}, r"and deviation 0\.500, 0\.500, 0\.500, but the run's"),
    ],
)
def test_a_teacher_of_other_images_is_refused(
    config: RunConfig,
    kept: Callable[..., TeacherStore],
    changes: dict[str, object],
    sentence: str,
) -> None:
    store = kept(**changes)
    teacher = {"model": "resnet14", "hash": store.cards()[0].hash}
    named = RunConfig.model_validate({**config.model_dump(), "teacher": teacher})
    with pytest.raises(InputError, match=sentence):
        named_teacher(named, store)


def test_a_teacher_of_nearly_the_same_normalisation_suits(
    config: RunConfig, data: RunData, kept: Callable[..., TeacherStore]
) -> None:
    store = kept(mean=[value + 0.002 for value in data.mean])
    teacher = {"model": "resnet14", "hash": store.cards()[0].hash}
    named = RunConfig.model_validate({**config.model_dump(), "teacher": teacher})
    assert named_teacher(named, store) == store.cards()[0]


def test_classes_in_another_order_are_found_and_put_right(data: RunData) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_model("resnet8", num_classes=3)
        network.train()
        network(data.train.images.float() / 255)  # type: ignore[attr-defined]
        network.eval()
    names = list(data.class_names)
    before = best_reordered_top1(network, data)
    reorder_classes(network, names, [names[2], names[0], names[1]])
    turned = evaluate(network, data.test, data.mean, data.std).top1
    assert best_reordered_top1(network, data) == before >= turned
    reorder_classes(network, [names[2], names[0], names[1]], names)
    assert evaluate(network, data.test, data.mean, data.std).top1 <= before


@pytest.mark.parametrize("given", [["0", "1"], ["0", "1", "x"], ["0", "1", "1"]])
def test_names_that_are_not_those_of_the_images_are_refused(given: list[str]) -> None:
    network = create_model("resnet8", num_classes=3)
    with pytest.raises(InputError, match="which are not those of the images"):
        reorder_classes(network, given, ["0", "1", "2"])


def test_a_last_batch_of_one_image_trains(config: RunConfig) -> None:
    values = {
        **config.model_dump(),
        "student": "mobilenetv2",  # one place is left at its last BatchNorm
        "teacher": None,
        "loss": PLAIN,
        "optimization": {"epochs": 1, "batch_size": 19},
    }
    run_of = RunConfig.model_validate(values)
    data = prepare_data(run_of.data, run_of.protocol)
    assert len(data.train) % 19 == 1
    Run(run_of, data, None, torch.device("cpu")).train_epoch()


def test_parts_of_one_image_are_refused(config: RunConfig) -> None:
    recipe = {"batch_size": 4, "accumulation": 4}
    values = {**config.model_dump(), "teacher": None, "loss": PLAIN, "optimization": recipe}
    with pytest.raises(InputError, match=r"batches of 4 images into parts of one"):
        check_run(RunConfig.model_validate(values))


@pytest.mark.parametrize(
    ("on", "sentence"),
    [
        ("feature_alignment", "no term trains the weight of the classifier or the bias of the"),
        ("at", "no term trains the weight of the classifier or the bias of the classifier of"),
        ("center_alignment", "no term trains stages of the student, which stays at chance"),
    ],
)
def test_weights_that_train_no_classifier_are_refused(
    config: RunConfig, on: str, sentence: str
) -> None:
    loss = {**PLAIN, "cross_entropy": 0, on: 1}
    values = {**config.model_dump(), "loss": loss, "teacher": "resnet8"}
    with pytest.raises(InputError, match=sentence):
        check_run(RunConfig.model_validate(values))
    check_run(RunConfig.model_validate({**values, "loss": {**loss, "kd": 1}}))


def test_every_term_alone_can_be_asked_what_it_trains(config: RunConfig, data: RunData) -> None:
    untrained = {}
    for name in list_terms():
        if only_prepares(find_term(name)):
            continue
        values = {**config.model_dump(), "teacher": "resnet8", "preview": {"strategy": "none"}}
        loss = {**PLAIN, "cross_entropy": 0, name: 1}
        run = RunConfig.model_validate({**values, "loss": loss})
        untrained[name] = untrained_parts(run, task_of(run, data))
    assert {name for name, parts in untrained.items() if not parts} == {
        *("cross_entropy", "dist", "dkd", "kd", "mld", "nkd", "sskd"),
    }


def test_workers_do_not_wait_for_a_bias_that_nothing_trains(config: RunConfig) -> None:
    loss = {**PLAIN, "cross_entropy": 0, "center_contrast": 1}
    contrast = RunConfig.model_validate({**config.model_dump(), "loss": loss})
    check_run(contrast)
    check_workers(contrast, 1)
    with pytest.raises(InputError, match=r"bias of the classifier .* 2 workers would wait"):
        check_workers(contrast, 2)
