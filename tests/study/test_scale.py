"""`--scale smoke`: a study of its own, small, and never taken for a full one."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.document import DOCUMENT, write_spec
from pckd.study.results import ResultsStore
from pckd.study.rows import config_columns
from pckd.study.spec import StudySpec
from pckd.study.study_file import read_study
from pckd.study.teachers import missing_teachers
from tests.study.plans import fixed_trials

VALUES = {
    "study": "example",
    "run": {"data": "digits", "teacher": "resnet20", "student": "resnet8"},
    "vary_one": {"loss.kd": [0.5, 2.0]},
    "seeds": [0, 1, 2],
}
SMOKE = {
    "data.images_per_class": 20,
    "optimization": {"epochs": 1},
    "teacher.optimization.epochs": 1,
    "vary_one": {"loss.kd": [2.0]},
    "seeds": [0],
    "resources.workers": 2,
}

Read = Callable[..., StudySpec]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a study file and read it at a scale."""

    def write_and_read(
        scale: str = "smoke",
        assigned: dict[str, Any] | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> StudySpec:
        path = tmp_path / "example.yaml"
        path.write_text(yaml.safe_dump({**VALUES, "smoke": SMOKE, **changes}))
        return read_study(path, assigned or {}, scale)  # type: ignore[arg-type]

    return write_and_read


def test_the_block_changes_the_run_and_the_study(read: Read) -> None:
    spec = read()
    assert (spec.study, spec.scale, spec.seeds, spec.resources.workers) == (
        *("example-smoke", "smoke", (0,), 2),
    )
    trials = fixed_trials(spec)
    assert [trial.case for trial in trials] == ["default", "kd=2.0"]
    assert {trial.config.data.images_per_class for trial in trials} == {20}
    assert {trial.config.optimization.epochs for trial in trials} == {1}


def test_full_does_not_look_at_the_block(read: Read) -> None:
    spec = read("full")
    assert (spec.study, spec.scale, spec.seeds) == ("example", "full", (0, 1, 2))
    assert len(fixed_trials(spec)) == 9


def test_what_set_says_comes_after_the_block(read: Read) -> None:
    spec = read(assigned={"optimization.epochs": 2, "seeds": [4]})
    (first, _) = fixed_trials(spec)
    assert (first.config.optimization.epochs, first.config.seed) == (2, 4)


def test_the_scale_is_part_of_every_identity_and_a_column(read: Read) -> None:
    """The same numbers of epochs and images do not make a smoke trial a full one."""
    smoke = fixed_trials(read(smoke={"seeds": [0]}))
    full = fixed_trials(read("full", seeds=[0]))
    assert [trial.case for trial in smoke] == [trial.case for trial in full]
    assert not {trial.identity for trial in smoke} & {trial.identity for trial in full}
    assert config_columns(smoke[0].config)["config.scale"] == "smoke"


def test_the_teacher_is_of_the_same_scale(read: Read, tmp_path: Path) -> None:
    storage = Storage(tmp_path / "results")
    (smoke,) = missing_teachers(read(smoke={"seeds": [0]}), storage)
    (full,) = missing_teachers(read("full"), storage)
    assert (smoke.config.scale, full.config.scale) == ("smoke", "full")
    assert smoke.identity != full.identity


def test_what_is_kept_of_the_study_says_the_scale_but_not_the_block(
    read: Read, tmp_path: Path
) -> None:
    storage = Storage(tmp_path / "results")
    write_spec(read(), storage)
    document = ResultsStore(storage, "example-smoke").read_document(DOCUMENT)
    assert document is not None
    assert document["spec"]["run"]["scale"] == "smoke"
    assert "smoke" not in document["spec"]
    assert not storage.exists("example")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no block": ({"smoke": {}}, r": there is no smoke scale: the file has no block smoke"),
    "a block that is none": ({"smoke": [1]}, r": there is no smoke scale: .*"),
    "unknown study key": (
        {"smoke": {"sead": [0]}},
        r" at smoke scale: sead is not a known key; .* did you mean seeds.*",
    ),
    "unknown run key": (
        {"smoke": {"optimization.epoch": 1}},
        r" at smoke scale, run: optimization\.epoch is not a known key; .*",
    ),
    "a key below a number": (
        {"smoke": {"seeds.first": 1}},
        r", smoke: seeds\.first: seeds is \[0, 1, 2\], with no keys below it",
    ),
    "a name": ({"smoke": {"study": "other"}}, r": smoke\.study cannot be changed: .*"),
    "a scale": ({"smoke": {"scale": "full"}}, r": smoke\.scale cannot be changed: .*"),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_bad_block_is_refused_in_a_sentence(
    changes: dict[str, Any], sentence: str, read: Read, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read(**changes)
    assert re.fullmatch(re.escape(str(tmp_path / "example.yaml")) + sentence, str(caught.value))


def test_a_mistake_in_the_block_is_told_at_full_scale_too(read: Read) -> None:
    with pytest.raises(InputError, match=r"smoke scale, run: optimization\.epoch is not"):
        read(scale="full", smoke={"optimization.epoch": 1})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"study": "mine-smoke"}, "names that end with -smoke are for --scale smoke"),
        ({"run": {**VALUES["run"], "scale": "smoke"}}, "use --scale smoke"),  # type: ignore[dict-item]
        ({"vary_one": {"scale": ["full", "smoke"]}}, "scale is the same for all trials"),
    ],
)
def test_a_full_study_cannot_pass_for_a_smoke_study_nor_hold_one(
    changes: dict[str, Any], sentence: str, read: Read
) -> None:
    with pytest.raises(InputError, match=sentence):
        read("full", **changes)
