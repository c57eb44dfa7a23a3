import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.paths import network_path
from pckd.study.placement import Placement
from pckd.study.probe_task import ProbeTask, missing_tasks
from pckd.study.probing import check_targets, probe_tasks
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers, train_teacher
from pckd.study.trial import Trial
from pckd.training.config import DataConfig
from pckd.training.network_file import TrainedNetwork
from pckd.training.teachers import FOLDER as TEACHERS
from pckd.training.teachers import TeacherCard
from pckd.transfer.probe import probe
from pckd.transfer.protocols import PROTOCOLS
from pckd.transfer.stage import ProbeStage
from pckd.transfer.target import open_target
from tests.study.plans import fixed_trials

CPU = torch.device("cpu")
NEW_DIGITS = DataConfig(name="digits", classes=(6, 7, 8, 9), images_per_class=40)
STAGE = ProbeStage(data=(NEW_DIGITS, DataConfig(name="digits")), seeds=(0, 1))
OFF = {"loss.center_contrast": 0, "loss.feature_alignment": 0, "loss.center_alignment": 0}
ONE_EPOCH = {"epochs": 1, "batch_size": 32}
SPEC = {
    "study": "small",
    "run": {
        "data": {"name": "digits", "classes": [0, 1, 2, 3, 4, 5], "images_per_class": 40},
        "student": "resnet8",
        "teacher": {"model": "resnet8", "optimization": ONE_EPOCH},
        "optimization": ONE_EPOCH,
        "views": {"crop_padding": 1, "flip": False},
    },
    "cases": {"KD": OFF, "plain": {**OFF, "loss.kd": 0}},
    "seeds": [0, 1],
}


@dataclass
class Finished:
    """A study of four trained students and the teacher of two of them."""

    storage: Storage
    teacher: TeacherCard
    trials: list[Trial]

    @property
    def store(self) -> ResultsStore:
        return ResultsStore(self.storage, "small")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("probing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCKD_CACHE", str(folder / "cache"))
        storage, placement = Storage(folder / "results"), Placement(CPU, 1)
        spec = validate(StudySpec, SPEC, "here")
        cards = [
            train_teacher(trial, storage, placement) for trial in missing_teachers(spec, storage)
        ]
        trials = fixed_trials(spec)
        for trial in trials:
            assert run_trial(trial, storage, placement) == "completed"
        yield Finished(storage, cards[0], trials)


@pytest.fixture
def tasks(study: Finished) -> list[ProbeTask]:
    return probe_tasks(study.storage, "small", STAGE)


def test_each_student_and_each_teacher_is_probed_once_a_target_and_seed(
    study: Finished, tasks: list[ProbeTask]
) -> None:
    networks = {
        (network.trial, network.role, network.case, network.student_seed, network.path)
        for network in (task.network for task in tasks)
    }
    assert networks == {
        *(
            (
                trial.identity,
                "student",
                trial.case,
                trial.config.seed,
                f"small/networks/{trial.identity}.safetensors",
            )
            for trial in study.trials
        ),
        (study.teacher.recipe, "teacher", "", None, f"{TEACHERS}/{study.teacher.hash}.safetensors"),
    }
    assert len(tasks) == 5 * 2 * 2
    assert len({task.identity for task in tasks}) == len(tasks)
    assert all(study.storage.exists(task.network.path) for task in tasks)
    assert {task.network.model for task in tasks} == {"resnet8"}
    assert probe_tasks(study.storage, "small", STAGE) == tasks


def test_probes_of_one_network_stand_together(tasks: list[ProbeTask]) -> None:
    paths = [task.network.path for task in tasks]
    assert paths == sorted(paths, key=paths.index)
    assert [task.target for task in tasks[:4]] == [STAGE.data[0]] * 2 + [STAGE.data[1]] * 2


def test_a_target_named_twice_is_probed_once(study: Finished, tasks: list[ProbeTask]) -> None:
    twice = STAGE.model_copy(update={"data": STAGE.data * 2})
    assert probe_tasks(study.storage, "small", twice) == tasks


@pytest.mark.parametrize("status", ["running", "stopped", "failed"])
def test_only_completed_trials_are_probed(
    study: Finished, tasks: list[ProbeTask], status: str
) -> None:
    trial = study.trials[0].identity
    row = study.store.find("trials", trial)
    assert row is not None
    try:
        study.store.write("trials", trial, [{**row, "status": status}])
        fewer = probe_tasks(study.storage, "small", STAGE)
    finally:
        study.store.write("trials", trial, [row])
    assert fewer == [task for task in tasks if task.network.trial != trial]


def test_students_of_earlier_plans_are_not_probed(study: Finished, tasks: list[ProbeTask]) -> None:
    first, *others = [trial.identity for trial in study.trials]
    study.store.write("plan", "plan", [{"trial": trial} for trial in others])
    try:
        planned = probe_tasks(study.storage, "small", STAGE)
    finally:
        study.storage.delete(study.store.path("plan", "plan"))
    assert planned == [task for task in tasks if task.network.trial != first]


def test_a_study_that_has_trained_nothing_has_no_probes(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    ResultsStore(storage, "fresh").write_document("study.json", {})
    assert probe_tasks(storage, "fresh", STAGE) == []
    with pytest.raises(InputError, match="no study 'small'; it holds: fresh"):
        probe_tasks(storage, "small", STAGE)


@pytest.fixture(scope="module")
def probed(study: Finished) -> list[ProbeTask]:
    """All probes of the new digits, run; one of them stands for those that were interrupted."""
    stage = STAGE.model_copy(update={"data": (NEW_DIGITS,)})
    tasks = probe_tasks(study.storage, "small", stage)
    for task in tasks[:1]:
        task.run(study.storage, CPU, threads=1)
    assert missing_tasks(study.storage, tasks) == tasks[1:]
    for task in tasks[1:]:
        task.run(study.storage, CPU, threads=1)
    return tasks


def test_nothing_is_missing_after_a_run(study: Finished, probed: list[ProbeTask]) -> None:
    assert missing_tasks(study.storage, probed) == []
    crd = [replace(task, protocol="crd") for task in probed]
    assert missing_tasks(study.storage, crd) == crd
    file = Path(study.storage.full_path(f"small/probes/{probed[0].identity}.parquet"))
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[:100])
        assert missing_tasks(study.storage, probed) == [probed[0]]
    finally:
        file.write_bytes(whole)


def test_rows_can_be_read_with_plain_pandas(study: Finished, probed: list[ProbeTask]) -> None:
    rows = pd.read_parquet(study.storage.full_path("small/probes"))
    assert len(rows) == len(probed) == 10
    assert set(rows["protocol"]) == {"exact v1"}
    assert set(rows["data"]) == {"digits"}
    assert set(rows["classes"]) == {"[6, 7, 8, 9]"}
    assert rows["top1"].between(60, 100).all()  # chance is 25: no network has seen these digits
    assert rows.groupby("role").size().to_dict() == {"student": 8, "teacher": 2}
    assert rows.loc[rows["role"] == "teacher", "student_seed"].isna().all()
    teacher, student = (rows[rows["role"] == role].iloc[0] for role in ("teacher", "student"))
    assert teacher["trial"] == study.teacher.recipe
    trials = pd.read_parquet(study.storage.full_path("small/trials")).set_index("trial")
    assert trials.loc[student["trial"], "case"] == student["case"]
    assert trials.loc[student["trial"], "seed"] == student["student_seed"]


def test_a_row_is_what_the_probe_alone_finds(study: Finished, probed: list[ProbeTask]) -> None:
    task = probed[-1]
    network = TrainedNetwork.from_bytes(study.storage.read(task.network.path), "here")
    alone = probe(network, task.target, task.protocol, task.seed, CPU)
    row = study.store.find("probes", task.identity)
    assert row is not None
    for column in ("top1", "train_images", "test_images", "weight_decay", "data_fingerprint"):
        assert row[column] == getattr(alone, column)


def test_an_identity_follows_all_that_decides_the_number(
    tasks: list[ProbeTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks[0]
    assert re.fullmatch("[0-9a-f]{12}", task.identity)
    others = [
        replace(task, target=NEW_DIGITS.model_copy(update={"classes": (6, 7, 9, 8)})),
        replace(task, target=NEW_DIGITS.model_copy(update={"images_per_class": 9})),
        replace(task, images="0" * 64),
        replace(task, protocol="crd"),
        replace(task, seed=7),
        replace(task, network=tasks[-1].network),
    ]
    identities = {task.identity, *(other.identity for other in others)}
    monkeypatch.setitem(PROTOCOLS, "exact", replace(PROTOCOLS["exact"], version=2))
    assert len({*identities, task.identity}) == len(others) + 2


def test_a_student_that_was_trained_again_is_probed_again(study: Finished) -> None:
    trial = study.trials[0]
    row, file = study.store.find("trials", trial.identity), network_path(trial)
    assert row is not None
    kept = TrainedNetwork.from_bytes(study.storage.read(file), file)
    assert row["network"] == kept.content_hash()
    first = probe_tasks(study.storage, "small", STAGE)
    try:
        study.store.write("trials", trial.identity, [{**row, "network": "0" * 64}])
        again = probe_tasks(study.storage, "small", STAGE)
    finally:
        study.store.write("trials", trial.identity, [row])
    changed = {task.identity for task in again} ^ {task.identity for task in first}
    assert len(changed) == 2 * 2 * 2  # before and after, of two targets and two seeds
    assert all(task.identity in changed for task in again if task.network.trial == trial.identity)


def test_rows_that_do_not_name_the_students_content_are_probed_too(study: Finished) -> None:
    trial = study.trials[0].identity
    row = study.store.find("trials", trial)
    assert row is not None
    try:
        study.store.write("trials", trial, [{**row, "network": None}])
        tasks = probe_tasks(study.storage, "small", STAGE)
    finally:
        study.store.write("trials", trial, [row])
    assert {task.network.content for task in tasks if task.network.trial == trial} == {trial}


def test_a_file_of_other_weights_is_not_probed(study: Finished, tasks: list[ProbeTask]) -> None:
    other = replace(tasks[0], network=replace(tasks[0].network, content="0" * 64))
    with pytest.raises(InputError, match=r"safetensors: its weights are not those of student \w+$"):
        other.run(study.storage, torch.device("cpu"), 1)


def test_targets_are_checked_as_the_networks_will_see_them() -> None:
    good = ProbeStage(data=(NEW_DIGITS,), protocol="hsakd")
    (images,) = check_targets(good, [8, 8]).values()
    assert images == open_target(NEW_DIGITS, 16).fingerprint  # crops see twice the size
    bad = ProbeStage(data=(DataConfig(name="digits", classes=(12,)),))
    with pytest.raises(InputError, match="class 12 is out of range"):
        check_targets(bad, [8, 8])


def test_another_copy_of_a_target_is_probed_again(study: Finished, tmp_path: Path) -> None:
    target = DataConfig(name="folder", root=str(tmp_path))
    noise = np.random.default_rng(0)

    def identities() -> set[str]:
        open_target.cache_clear()
        stage = ProbeStage(data=(target,))
        return {task.identity for task in probe_tasks(study.storage, "small", stage)}

    def write(name: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file)

    for name in ("train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/dog/d.png"):
        write(name)
    before = identities()
    assert identities() == before
    write("train/cat/a.png")
    assert not identities() & before


def test_an_identity_does_not_follow_what_decides_nothing(tasks: list[ProbeTask]) -> None:
    moved = NEW_DIGITS.model_copy(update={"root": "elsewhere", "holdout_seed": 3})
    assert replace(tasks[0], target=moved).identity == tasks[0].identity


def test_an_unknown_protocol_has_no_identity(tasks: list[ProbeTask]) -> None:
    with pytest.raises(InputError, match="protocol 'exakt' is not known; did you mean exact"):
        _ = replace(tasks[0], protocol="exakt").identity


def test_networks_that_are_gone_are_named(study: Finished, tasks: list[ProbeTask]) -> None:
    gone = replace(tasks[0], network=replace(tasks[0].network, path="small/networks/gone.pt"))
    with pytest.raises(InputError, match=r"no longer holds small/networks/gone\.pt, the student"):
        gone.run(study.storage, CPU, threads=1)
    card = Path(study.storage.full_path(f"{TEACHERS}/{study.teacher.hash}.json"))
    content = card.read_bytes()
    try:
        card.unlink()
        with pytest.raises(InputError, match=f"the teacher {study.teacher.hash} of study small"):
            probe_tasks(study.storage, "small", STAGE)
    finally:
        card.write_bytes(content)


def test_an_accuracy_can_be_recomputed_from_the_features_that_were_kept(
    study: Finished, probed: list[ProbeTask]
) -> None:
    row = study.store.find("probes", probed[0].identity)
    assert row is not None
    kept = torch.load(Path(os.environ["PCKD_CACHE"]) / row["features_file"], weights_only=True)
    (train,), test = kept["train"].double().numpy(), kept["test"].double().numpy()
    regression = LogisticRegression(C=1 / (row["weight_decay"] * len(train)), max_iter=20_000)
    fitted = make_pipeline(StandardScaler(), regression).fit(train, kept["train_labels"].numpy())
    recomputed = 100 * fitted.score(test, kept["test_labels"].numpy())
    assert row["top1"] == pytest.approx(recomputed, abs=1e-9)
