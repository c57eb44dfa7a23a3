"""Files that someone else put below the results root: named, left alone, never executed."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.document import changes_since
from pckd.study.execution import run_trial
from pckd.study.paths import checkpoint_path, network_path
from pckd.study.placement import Placement
from pckd.study.planning import make_plan
from pckd.study.results import ResultsStore, open_study
from pckd.study.spec import StudySpec
from pckd.study.study_file import read_study
from pckd.study.trial import Trial
from pckd.training.network_file import TrainedNetwork
from pckd.training.teachers import FOLDER, TeacherStore
from tests.study.plans import fixed_trials

CPU = Placement(torch.device("cpu"), 1)
PLAIN = dict.fromkeys(("kd", "center_contrast", "feature_alignment", "center_alignment"), 0)
RUN = {
    "data": {"name": "digits", "classes": [0, 1], "images_per_class": 16},
    "student": "resnet8",
    "loss": PLAIN,
    "optimization": {"epochs": 1, "batch_size": 32},
}


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture(name="mark")
def _mark(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.fixture(name="storage")
def _storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "results")


@pytest.fixture(name="spec")
def _spec() -> StudySpec:
    return validate(StudySpec, {"study": "tiny", "run": RUN}, "tiny")


@pytest.fixture(name="trial")
def _trial(spec: StudySpec) -> Trial:
    return fixed_trials(spec)[0]


def saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def hostile_contents(mark: Path) -> dict[str, bytes]:
    return {
        "pickle bomb": pickle.dumps(Bomb(mark)),
        "bomb saved by torch": saved({"run": Bomb(mark), "records": []}),
        "no checkpoint": saved({"run": {}, "records": [{"epoch": 1}]}),
        "other values": saved({"run": {"epoch": "x", "module": 3}, "records": []}),
        "text": b"hello",
        "nothing": b"",
        "truncated": saved({"run": {}, "records": []})[:-40],
    }


@pytest.mark.parametrize("kind", hostile_contents(Path()))
def test_a_hostile_checkpoint_fails_its_trial_and_stays(
    kind: str, mark: Path, storage: Storage, trial: Trial
) -> None:
    content = hostile_contents(mark)[kind]
    storage.write(checkpoint_path(trial), content)
    assert run_trial(trial, storage, CPU) == "failed"
    row = ResultsStore(storage, "tiny").find("trials", trial.identity)
    assert row is not None
    assert row["reason"].startswith(f"{checkpoint_path(trial)}: ")
    assert row["reason"].endswith("; delete it to train from the start")
    assert "\n" not in row["reason"]
    assert storage.read(checkpoint_path(trial)) == content
    assert not mark.exists()


@pytest.mark.parametrize("kind", hostile_contents(Path()))
def test_a_hostile_network_is_refused(kind: str, mark: Path) -> None:
    with pytest.raises(InputError, match=r"^student\.pt: [^\n]*$"):
        TrainedNetwork.from_bytes(hostile_contents(mark)[kind], "student.pt")
    assert not mark.exists()


def test_a_network_whose_weights_are_not_its_architectures_is_refused(
    storage: Storage, trial: Trial
) -> None:
    run_trial(trial, storage, CPU)
    network = TrainedNetwork.from_bytes(storage.read(network_path(trial)), "student")
    del network.state["conv1.weight"]
    with pytest.raises(InputError, match=r"does not fit the network: entry .* is missing"):
        network.network(torch.device("cpu"))


def test_a_damaged_card_hides_no_other_teacher(
    storage: Storage, trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    run_trial(trial, storage, CPU)
    store = TeacherStore(storage)
    network = TrainedNetwork.from_bytes(storage.read(network_path(trial)), "student")
    card = store.add(network)
    good = json.loads(storage.read(f"{FOLDER}/{card.hash}.json"))
    hostile = {
        "half": b'{"hash": ',
        "other": b'{"hash": "other"}',
        "list": b"[" * 100_000,
        "climbing": json.dumps({**good, "hash": "../../climbing"}).encode(),
    }
    for name, content in hostile.items():
        storage.write(f"{FOLDER}/{name}.json", content)
    assert store.cards() == [card]
    for name, content in hostile.items():
        assert f"{name}.json is damaged and left out" in caplog.text
        assert storage.read(f"{FOLDER}/{name}.json") == content


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"spec": 1}', b"[" * 100_000])
def test_a_damaged_copy_of_the_study_file_is_named(
    content: bytes, storage: Storage, spec: StudySpec
) -> None:
    storage.write("tiny/study.json", content)
    with pytest.raises(InputError, match=r"^tiny/study\.json [^\n]* move it away to go on$"):
        changes_since(spec, storage)
    assert storage.read("tiny/study.json") == content


def test_rows_that_nobody_could_have_written_do_not_stop_a_search(storage: Storage) -> None:
    parameters = {"loss.kd": {"low": 0.1, "high": 1.0}}
    run = {**RUN, "teacher": "resnet14", "data": {**RUN["data"], "holdout_fraction": 0.25}}  # type: ignore[dict-item]
    search = {"trials": 2, "parameters": parameters}
    spec = validate(StudySpec, {"study": "tiny", "run": run, "search": search}, "tiny")
    store = ResultsStore(storage, "tiny")
    for number, changes in enumerate(("{", "[1]", '{"loss.kd": "x"}', "[" * 100_000)):
        store.write("trials", f"row{number}", [{"trial": f"row{number}", "changes": changes}])
    store.write("trials", "empty", [{"trial": "empty", "status": "completed"}])
    storage.write("tiny/trials/damaged.parquet", b"PAR1 no more")
    plan = make_plan(spec, storage, retry_failed=False)
    assert (plan.done, plan.total) == (0, 2)
    assert plan.next_trial() is not None
    assert len(store.read("trials")) == 5
    assert storage.read("tiny/trials/damaged.parquet") == b"PAR1 no more"


def bombs(mark: Path) -> dict[str, str]:
    """Study files that would execute, climb or explode."""
    laughs = "l0: &l0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    return {
        "tag": f"study: !!python/object/apply:pathlib.Path.touch [{mark}]\nrun: {{}}\n",
        "module": "study: !!python/module:antigravity\nrun: {}\n",
        "climbing": f"study: ../../climbing\nrun: {json.dumps(RUN)}\n",
        "laughs": f"{laughs}study: x\nrun: {{loss: *l11}}\n",
        "laughs in seeds": f"{laughs}study: *l11\nrun: {{data: digits}}\n",
        "deep": f"study: x\nrun: {'[' * 1000}{']' * 1000}\n",
        "binary": "\x00\x01",
    }


@pytest.mark.parametrize("kind", bombs(Path()))
def test_a_hostile_study_file_is_one_sentence(kind: str, mark: Path, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(bombs(mark)[kind])
    with pytest.raises(InputError) as caught:
        read_study(file, {})
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert not mark.exists()


@pytest.mark.parametrize("name", ["..", "../outside", "tiny/../../outside", "/etc", ""])
def test_a_name_that_climbs_out_of_the_root_is_no_study(
    name: str, storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    ResultsStore(storage, "tiny").write("trials", "one", [{"trial": "one"}])
    with pytest.raises(InputError, match=r"holds no study .*; it holds: tiny"):
        open_study(storage, name)


def test_the_columns_of_a_hostile_table_are_cast_or_left_out(
    storage: Storage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = ResultsStore(storage, "tiny")
    store.write("trials", "good", [{"trial": "good"}])
    rows: dict[str, Any] = {"trial": ["bad"], "seed": ["../../x"], "status": [3]}
    pd.DataFrame(rows).to_parquet(tmp_path / "results/tiny/trials/bad.parquet")
    assert store.read("trials")["trial"].tolist() == ["good"]
    assert "tiny/trials/bad.parquet is damaged and left out" in caplog.text
