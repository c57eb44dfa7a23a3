"""Teachers of a study: named by their hash, or trained once whoever wants them."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
import torch

from pckd.errors import InputError
from pckd.models import create_model
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.names import TEACHERS
from pckd.study.placement import Placement
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers, train_teacher
from pckd.study.trial import Trial
from pckd.training.evaluation import evaluate
from pckd.training.network_file import TrainedNetwork
from pckd.training.record import EpochRecord
from pckd.training.run_data import prepare_data
from pckd.training.teachers import FOLDER, TeacherCard, TeacherStore
from tests.processes import PROCESSES
from tests.study.plans import fixed_trials

PLACEMENT = Placement(torch.device("cpu"), 1)
RUN = {
    "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 16},
    "student": "resnet8",
    "teacher": {"model": "resnet8", "optimization": {"epochs": 2, "batch_size": 16}},
    "optimization": {"epochs": 1, "batch_size": 16},
}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "results")


def study(**run: Any) -> StudySpec:  # noqa: ANN401
    return validate(StudySpec, {"study": "small", "run": {**RUN, **run}}, "small")


@pytest.fixture
def make_card(storage: Storage) -> Callable[..., TeacherCard]:
    """Put a teacher with random weights into the store, as if it had been imported."""

    def make(
        model: str = "resnet8",
        class_names: tuple[str, ...] = ("0", "1", "2"),
        **changes: Any,  # noqa: ANN401
    ) -> TeacherCard:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            state = create_model(model, num_classes=len(class_names)).state_dict()
        network = TrainedNetwork(
            model=model,
            state=state,
            class_names=list(class_names),
            mean=[0.305, 0.305, 0.305],
            std=[0.376, 0.376, 0.376],
            image_size=[8, 8],
            data="digits",
            data_fingerprint="made",
            trial="file.pth",
            test_top1=33.0,
        )
        return TeacherStore(storage).add(replace(network, **changes), "file.pth")

    return make


def refusal(spec: StudySpec, storage: Storage) -> str:
    """Messages about the teachers before anything starts."""
    with pytest.raises(InputError) as caught:
        missing_teachers(spec, storage)
    assert "\n" not in str(caught.value)
    assert not storage.exists(TEACHERS + "/trials")
    return str(caught.value)


@pytest.mark.parametrize("digits", [8, 64])
def test_a_teacher_named_by_its_hash_is_taken_and_none_is_trained(
    storage: Storage, make_card: Callable[..., TeacherCard], digits: int
) -> None:
    card = make_card()
    make_card("resnet14")
    spec = study(teacher={"model": "resnet8", "hash": card.hash[:digits]})
    assert missing_teachers(spec, storage) == []
    (trial,) = fixed_trials(spec)
    assert run_trial(trial, storage, PLACEMENT) == "completed"
    row = ResultsStore(storage, "small").find("trials", trial.identity)
    assert row is not None
    assert row["teacher"] == card.hash
    assert row["config.teacher.hash"] == card.hash[:digits]


def test_an_imported_teacher_is_measured_once_on_the_images_of_a_study(
    storage: Storage, make_card: Callable[..., TeacherCard]
) -> None:
    card = make_card()
    spec = study(teacher={"model": "resnet8", "hash": card.hash})
    data = prepare_data(spec.base_run("small").data, "paper")
    network = TeacherStore(storage).load(card).network(PLACEMENT.device)
    measured = evaluate(network, data.test, data.mean, data.std).top1

    def column(seed: int) -> object:
        (trial,) = fixed_trials(spec.model_copy(update={"seeds": (seed,)}))
        run_trial(trial, storage, PLACEMENT)
        row = ResultsStore(storage, "small").find("trials", trial.identity)
        return None if row is None else row["teacher_test_top1"]

    assert column(0) == measured != card.test_top1
    (name,) = storage.names("teachers/accuracies")
    storage.write(f"teachers/accuracies/{name}", b'{"test_top1": 12.5}')
    assert column(1) == 12.5


def test_weights_have_a_card_for_each_data_set(
    storage: Storage, make_card: Callable[..., TeacherCard]
) -> None:
    first = make_card(class_names=tuple("021"))
    second = make_card(data="other", data_fingerprint="b" * 64, test_top1=44.0)
    again = make_card(data="other", data_fingerprint="b" * 64, test_top1=55.0)
    store = TeacherStore(storage)
    assert (again, store.cards()) == (second, [second, first])
    assert [store.load(card).class_names for card in (first, second)] == [
        ["0", "2", "1"],
        ["0", "1", "2"],
    ]
    assert store.load(second).test_top1 == 44.0


@pytest.mark.parametrize("own", [0, 1])
@pytest.mark.parametrize("known_by", ["name", "fingerprint"])
def test_a_study_takes_the_card_of_its_own_images(
    storage: Storage, make_card: Callable[..., TeacherCard], own: int, known_by: str
) -> None:
    of_digits: dict[str, object] = {"test_top1": 44.0}
    of_others: dict[str, object] = {"test_top1": 55.0}
    spec = study()
    (trial,) = fixed_trials(spec)
    fingerprint = prepare_data(trial.config.data, trial.config.protocol).fingerprint
    if known_by == "name":
        of_others |= {"data": "others", "data_fingerprint": "b" * 64}
    else:
        of_digits["data_fingerprint"] = fingerprint
    cards = [make_card(**values) for values in (of_digits, of_others)[:: 1 if own == 0 else -1]]
    spec = study(teacher={"model": "resnet8", "hash": cards[own].hash})
    (trial,) = fixed_trials(spec)
    assert missing_teachers(spec, storage) == []
    assert run_trial(trial, storage, PLACEMENT) == "completed"
    row = ResultsStore(storage, "small").find("trials", trial.identity)
    assert row is not None
    assert (row["teacher_test_top1"] == 44.0) == (known_by == "fingerprint")


def test_a_hash_that_is_not_there_is_said_with_those_that_are(
    storage: Storage, make_card: Callable[..., TeacherCard]
) -> None:
    spec = study(teacher={"model": "resnet8", "hash": "0" * 8})
    expected = f"{storage.root} holds no teacher whose hash begins with 00000000; it holds: "
    assert refusal(spec, storage) == f"{expected}none"
    card = make_card()
    assert refusal(spec, storage) == f"{expected}{card.hash[:12]} (resnet8, digits)"


def test_a_hash_with_a_wrong_digit_gets_the_near_one(
    storage: Storage, make_card: Callable[..., TeacherCard]
) -> None:
    card = make_card()
    wrong = "0" if card.hash[5] != "0" else "1"
    misspelt = card.hash[:5] + wrong + card.hash[6:12]
    said = refusal(study(teacher={"model": "resnet8", "hash": misspelt}), storage)
    assert said.endswith(f"; did you mean {card.hash[:12]} (resnet8, digits)?")


def test_a_beginning_that_several_share_is_refused(
    storage: Storage, make_card: Callable[..., TeacherCard]
) -> None:
    card = make_card()
    twin = replace(card, hash=card.hash[:10] + card.hash[10:][::-1])
    content = storage.read(f"{FOLDER}/{card.hash}.json").decode()
    storage.write(f"{FOLDER}/{twin.hash}.json", content.replace(card.hash, twin.hash).encode())
    said = refusal(study(teacher={"model": "resnet8", "hash": card.hash[:9]}), storage)
    assert said.startswith(f"2 teachers in {storage.root} have a hash that begins with ")
    assert card.hash[:12] in said
    assert twin.hash[:12] in said


def test_a_teacher_of_another_architecture_is_refused(
    storage: Storage, make_card: Callable[..., TeacherCard]
) -> None:
    card = make_card("resnet14")
    said = refusal(study(teacher={"model": "resnet8", "hash": card.hash}), storage)
    assert said == f"teacher {card.hash[:12]} is a resnet14, but teacher.model is resnet8"


@pytest.mark.parametrize(
    ("class_names", "sentence"),
    [
        (tuple("0123"), "tells 4 classes apart, but the images as selected have 3: "),
        (tuple("021"), "was trained on other classes than the images have: its class 1 is '2', "),
    ],
)
def test_a_teacher_of_other_classes_is_refused(
    storage: Storage,
    make_card: Callable[..., TeacherCard],
    class_names: tuple[str, ...],
    sentence: str,
) -> None:
    card = make_card(class_names=class_names)
    said = refusal(study(teacher={"model": "resnet8", "hash": card.hash}), storage)
    assert said.startswith(f"teacher {card.hash[:12]} (resnet8) {sentence}")


def test_a_hash_that_the_loss_does_not_need_is_not_looked_for(storage: Storage) -> None:
    off = {"kd": 0, "center_contrast": 0, "feature_alignment": 0, "center_alignment": 0}
    spec = study(teacher={"model": "resnet8", "hash": "0" * 8}, loss=off)
    assert missing_teachers(spec, storage) == []


def test_a_search_has_the_teachers_of_its_choices_and_weights(storage: Storage) -> None:
    """The run that it starts from needs none."""
    search = {
        "trials": 2,
        "parameters": {
            "loss.kd": {"low": 0.1, "high": 1.0},
            "teacher.model": {"choices": ["resnet8", "resnet14"]},
        },
    }
    run = {**RUN, "method": "cross_entropy"}
    spec = validate(StudySpec, {"study": "hunt", "run": run, "search": search}, "hunt")
    assert [trial.case for trial in missing_teachers(spec, storage)] == ["resnet8"]
    taught = {**spec.model_dump(), "run": {**run, "loss": {"kd": 1.0}, "protocol": "holdout"}}
    both = validate(StudySpec, taught, "hunt")
    assert [trial.case for trial in missing_teachers(both, storage)] == ["resnet8", "resnet14"]


def _train(root: str, trial: Trial, ready: Barrier, notes: str) -> None:
    """Train a teacher when all are ready, and note each epoch and the teacher."""

    def note(text: str) -> None:
        with Path(notes).open("a") as stream:
            stream.write(f"{text}\n")

    def slow_epoch(record: EpochRecord) -> None:
        note("epoch")
        time.sleep(0.3)

    ready.wait()
    note(train_teacher(trial, Storage(root), PLACEMENT, slow_epoch).hash)


def test_two_processes_train_a_missing_teacher_once(storage: Storage, tmp_path: Path) -> None:
    (trial,) = missing_teachers(study(), storage)
    ready, notes = PROCESSES.Barrier(2), tmp_path / "notes"
    arguments = (storage.root, trial, ready, str(notes))
    processes = [PROCESSES.Process(target=_train, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    (card,) = TeacherStore(storage).cards()
    assert notes.read_text().split() == ["epoch", "epoch", card.hash, card.hash]
    assert missing_teachers(study(), storage) == []


def _hold(root: str, held: Barrier) -> None:
    with Storage(root).lock("lock"):
        held.wait()
        signal.pause()


def test_the_lock_of_a_killed_process_is_free(storage: Storage) -> None:
    held = PROCESSES.Barrier(2)
    holder = PROCESSES.Process(target=_hold, args=(storage.root, held))
    holder.start()
    held.wait()
    assert holder.pid is not None

    def kill() -> None:
        os.kill(holder.pid or 0, signal.SIGKILL)

    with storage.lock("lock", on_wait=kill):
        holder.join(60)
    assert holder.exitcode == -signal.SIGKILL


def test_where_the_root_is_not_local_nobody_waits() -> None:
    storage = Storage("mock:///results")
    with storage.lock("lock"), storage.lock("lock", lambda: pytest.fail("waited")):
        assert not storage.exists("lock")


def test_a_teacher_whose_batches_the_workers_cannot_share_is_refused(storage: Storage) -> None:
    values = study(teacher={"model": "resnet8", "optimization": {"batch_size": 15}}).model_dump()
    shared = validate(StudySpec, {**values, "resources": {"workers": 2}}, "small")
    sentence = r"the recipe of the teacher, resnet8: .*batch_size is 15, which 2 workers cannot"
    with pytest.raises(InputError, match=sentence):
        missing_teachers(shared, storage)


@pytest.mark.parametrize(
    ("top1", "images", "is_at_chance"),
    [(6.0, 359, True), (10.5, 359, True), (14.0, 359, False), (10.5, 10_000, True)],
)
def test_a_teacher_is_at_chance_where_guessing_reaches_its_accuracy(
    make_card: Callable[..., TeacherCard], top1: float, images: int, is_at_chance: bool
) -> None:
    card = replace(make_card(), num_classes=10)
    assert card.is_at_chance(top1, images) == is_at_chance
