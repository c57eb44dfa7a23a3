"""Bad input on the command line: one sentence, exit code 2, and nothing begun or written."""

import errno
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray
import yaml

from pckd.cli import main

RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}
LOW_HIGH = {"low": 0.1, "high": 1.0}
NO_TEACHER = dict.fromkeys(("kd", "center_contrast", "feature_alignment", "center_alignment"), 0.0)
STUDIES: dict[str, dict[str, object]] = {
    "good": {},
    "key": {"seads": [0]},
    "run_key": {"run": {**RUN, "loss": {"kdd": 1}}},
    "model": {"cases": {"KD": {"student": "resnt8"}}},
    "data": {"run": {**RUN, "data": "digts"}},
    "folder": {"run": {**RUN, "data": {"name": "cifar100", "root": "nowhere"}}},
    "teacher": {"run": {**RUN, "teacher": None}},
    "classes": {"run": {**RUN, "data": {"name": "digits", "classes": [0, 12]}}},
    "search": {"search": {"trials": 2, "parameters": {"loss.kdd": LOW_HIGH}}},
    "space": {"search": {"trials": 2, "parameters": {"loss.kd": LOW_HIGH}}},
    "seed": {"run": {**RUN, "teacher": None, "loss": NO_TEACHER}, "seeds": [-1]},
    "probe": {"probe": {"data": [{"name": "digits", "classes": [12]}]}},
}


@dataclass
class Ended:
    code: object
    out: str
    err: str


Pckd = Callable[..., Ended]


@pytest.fixture
def pckd_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Pckd:
    """Run the command line in this process, in a folder with some study files."""

    def no_ray(*arguments: object, **options: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PCKD_RESULTS", raising=False)
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ray, "init", no_ray)
    (tmp_path / "studies").mkdir()
    for name, changes in STUDIES.items():
        text = yaml.safe_dump({"study": "example", "run": RUN, **changes})
        (tmp_path / "studies" / f"{name}.yaml").write_text(text)
    (tmp_path / "studies" / "no_yaml.yaml").write_text("run: {data: [digits\nseeds: [0]\n")
    (tmp_path / "file").write_text("neither a folder nor a network")

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["pckd", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return Ended(caught.value.code, captured.out, captured.err)

    return run


DISTILL = ("distill", "--data", "digits", "--student", "resnet8", "--teacher", "resnet20")
STUDY = ("study", "run")


def sampler(value: str) -> tuple[str, ...]:
    return "--dry-run", "--set", f"search.sampler={value}"


SAMPLERS = r"search\.sampler \w+ with options \{'\w+': [^:]+\}: .*"

BAD: dict[tuple[str, ...], str] = {
    (*STUDY, "no_yaml"): r"studies/no_yaml\.yaml: is not YAML \(line 2\): .*",
    (*STUDY, "goood"): r".*no study named goood; did you mean good\?.*",
    (*STUDY, "other/study.yaml"): r"other/study\.yaml: there is no such study file",
    (*STUDY, "key"): r"studies/key\.yaml: seads is not a known key; .* did you mean seeds.*",
    (*STUDY, "run_key"): r"studies/run_key\.yaml, run: loss: kdd is not a known term; .* kd, .*",
    (*STUDY, "model"): r"study example, KD: student: model 'resnt8' .* did you mean resnet8.*",
    (*STUDY, "data"): r"studies/data\.yaml, run: data\.name: data set 'digts' .* digits\?.*",
    (*STUDY, "folder"): r".*data set 'cifar100' has no folder .*nowhere.*",
    (*STUDY, "teacher"): r"studies/teacher\.yaml, run: teacher is missing: name one, .*",
    (*STUDY, "classes"): r".*class 12 is out of range: .* 0 to 9",
    (*STUDY, "search"): r".*loss: kdd is not a known term.*",
    (*STUDY, "space", *sampler("{name: tpe, options: {n_startup_trials: ten}}")): SAMPLERS,
    (*STUDY, "space", *sampler("{name: tpe, options: {gamma: 3}}")): SAMPLERS,
    (*STUDY, "space", *sampler("{name: nsga2, options: {population_size: 1}}")): SAMPLERS,
    (*STUDY, "space", *sampler("{name: qmc, options: {qmc_type: sobool}}")): SAMPLERS,
    (*STUDY, "space", "--set", "search.seed=4294967296"): r".*search\.seed is 4294967296: .*",
    (*STUDY, "probe"): r".*class 12 is out of range: .* 0 to 9",
    ("probe", "good", "--data", "digits", "--gpus", "2"): r"--gpus: .* 2\.0 is neither a share .*",
    (*STUDY, "good", "--set", "loss.kd"): r"--set loss\.kd: write KEY=VALUE, .*",
    (*STUDY, "good", "--set", "loss.kdd=1"): r"studies/good\.yaml, run: loss: kdd is not .*",
    (*STUDY, "good", "--set", "seed=3"): r".*seeds.*",
    (*STUDY, "good", "--results", "file"): r"results root file is a file; .*",
    (*STUDY, "good", "--results", "file/below"): r"results root file/below .*",
    (*STUDY, "good", "--results", "nowhere://x"): r"results root nowhere://x cannot be opened: .*",
    (*DISTILL, "--set", "loss.kdd=1"): r"the command line: loss: kdd is not a known term; .*",
    (*DISTILL, "--set", "loss"): r"--set loss: write KEY=VALUE, .*",
    (*DISTILL, "--set", "loss.kd=nan"): r"the command line: loss\.kd\.weight .*nan.*",
    (*DISTILL, "--set", "student=8"): r"the command line: student.* 8.*",
    (*DISTILL, "--set", "data.classes=[0, 12]"): r".*class 12 is out of range: .* 0 to 9",
    (*DISTILL, "--student", "resnt8"): r"the command line: student: model 'resnt8' .*resnet8.*",
    (*DISTILL, "--teacher", "wrn_40"): r"the command line: teacher\.model: model 'wrn_40' .*",
    (*DISTILL, "--data", "cifar10"): r"the command line: data\.name: .* did you mean cifar100.*",
    (*DISTILL, "--data", "cifar100", "--data-root", "nowhere"): r".* no folder .*nowhere.*",
    DISTILL[:5]: r"the command line: teacher is missing: .*",
    DISTILL[:3]: r"the command line: student is missing.*",
    ("probe", "./x", "--data", "digits", "--set", "data.x=1"): r"--data digits: data is not .*",
    ("teacher", "train", "resnet8", "--data", "digts"): r"the command line: data\.name: .*digits.*",
    ("study", "status", "example"): r".*results holds no study 'example'; it holds: none",
    ("results", "show", "example"): r".*results holds no study 'example'; .*",
    ("report", "example"): r".*results holds no study 'example'; .*",
    ("probe", "example", "--data", "digits"): r".*results holds no study 'example'; .*",
    ("probe", "example", "--data", "digts"): r"--data digts: name: .* did you mean digits\?.*",
    ("probe", "good", "--data", "digits", "--arch", "resnet8"): r"--arch .* write \./good .*",
    ("probe", "./nothing.pt", "--data", "digits"): r"nothing\.pt: there is no such file",
    ("probe", "./file", "--data", "digits"): r"file: cannot be read as a .*; name .* with --arch",
    ("probe", "./file", "--data", "digits", "--arch", "resnt8"): r"model 'resnt8' .*resnet8.*",
    ("probe", "./file", "--data", "digits", "--arch", "resnet8"): r"checkpoint file is damaged .*",
    ("probe", "./file", "--data", "digits", "--arch", "resnet8", "--trained-on", "digits"): (
        r"no normalisation is published for data set 'digits', .*"
    ),
    (*STUDY, ""): r"FILE\|NAME is empty: see pckd study run --help",
    ("study", "status", " "): r"STUDY is empty: see pckd study status --help",
    ("report", ""): r"STUDY is empty: see pckd report --help",
    ("results", "show", ""): r"STUDY is empty: see pckd results show --help",
    ("evaluate", "", "--data", "digits"): r"FILE is empty: see pckd evaluate --help",
    (*STUDY, "good", "--results", ""): r"--results is empty: see pckd study run --help",
    (*STUDY, "good", "--set", ""): r"--set is empty: see pckd study run --help",
    ("evaluate", "nothing.pt", "--data", "digits"): r"nothing\.pt: there is no such file",
    ("evaluate", "file", "--data", "digits"): r"file: cannot be read as a checkpoint.*",
}


@pytest.mark.parametrize(("arguments", "sentence"), BAD.items(), ids=[" ".join(a) for a in BAD])
def test_bad_input_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, pckd_command: Pckd, tmp_path: Path
) -> None:
    ended = pckd_command(*arguments)
    assert re.fullmatch(rf"pckd: {sentence}\n", ended.err)
    assert (ended.code, ended.out) == (2, "")
    assert {path.name for path in tmp_path.iterdir()} <= {"studies", "file", "cache"}


@pytest.mark.parametrize("study", ["classes", "search", "seed"])
def test_bad_input_leaves_earlier_results_where_they_are(
    study: str, pckd_command: Pckd, tmp_path: Path
) -> None:
    earlier = tmp_path / "results" / "example" / "study.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text('{"version": 1, "spec": {}}')
    assert pckd_command("study", "run", study, "--fresh").code == 2
    assert [path for path in tmp_path.glob("results/**/*") if path.is_file()] == [earlier]


def test_the_options_that_a_sentence_advises_exist(pckd_command: Pckd) -> None:
    advice = pckd_command(*DISTILL, "--data", "cifar100", "--data-root", "nowhere").err
    text = pckd_command("distill", "--help").out
    assert set(re.findall(r"--[a-z-]+", advice)) <= set(re.findall(r"--[a-z-]+", text))


def test_an_interruption_says_how_to_go_on(
    pckd_command: Pckd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pckd.study.results.open_study", interrupt)
    ended = pckd_command("study", "status", "example")
    assert ended.err == "pckd: interrupted; run the same command again to go on\n"
    assert ended.code == 1


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/ro/a"),
            2,
            "/ro/a: permission denied",
        ),
        (OSError(errno.EROFS, "Read-only file system", "/ro/a"), 2, "/ro/a: read-only file system"),
        (FileExistsError(errno.EEXIST, "File exists", "a"), 2, "a: file exists"),
        (FileNotFoundError(errno.ENOENT, "No usable folder"), 2, "No usable folder"),
        (
            OSError(errno.EFBIG, "File too large", "results/x.pt"),
            1,
            "results/x.pt: file too large, beyond what ulimit -f or the file system allows; run "
            "the same command again to go on",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "results/x.parquet"),
            1,
            "results/x.parquet: no space left on device; run the same command again to go on",
        ),
    ],
)
def test_only_what_may_be_over_by_then_is_worth_the_same_command(
    pckd_command: Pckd,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    code: int,
    sentence: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("pckd.storage.Storage", fail)
    ended = pckd_command("study", "list")
    assert (ended.code, ended.err) == (code, f"pckd: {sentence}\n")


def test_an_empty_root_holds_no_studies(pckd_command: Pckd, tmp_path: Path) -> None:
    assert pckd_command("study", "list").code == 0
    ended = pckd_command("study", "list", "--json")
    assert (ended.code, json.loads(ended.out), ended.err) == (0, [], "")
    assert not (tmp_path / "results").exists()


def test_the_models_are_listed_as_json(pckd_command: Pckd) -> None:
    ended = pckd_command("models", "--json", "wrn_16*")
    assert (ended.code, ended.err) == (0, "")
    assert {row["name"]: row["parameters"] for row in json.loads(ended.out)} == {
        "wrn_16_1": 180_916,
        "wrn_16_2": 703_284,
    }


def test_the_installed_command_ends_with_the_code(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("pckd")), "study", "run", "nothing.yaml"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "pckd: nothing.yaml: there is no such study file\n"


def test_letters_that_the_terminal_lacks_are_written_as_escapes(
    pckd_command: Pckd, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    monkeypatch.setattr(sys, "stderr", terminal)
    assert pckd_command(*STUDY, "größe β").code == 2
    terminal.seek(0)
    assert "no study named gr\\xf6\\xdfe \\u03b2" in terminal.read()


def test_a_closed_stream_is_written_to_unseen(
    pckd_command: Pckd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert pckd_command("models", "wrn_16*").code == 0
    assert sys.stdout is not None


def test_a_folder_that_is_gone_is_said(
    pckd_command: Pckd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    ended = pckd_command("models")
    assert ended.code == 2
    assert ended.err == "pckd: the current folder was deleted: change to one that exists\n"


def test_a_user_without_a_home_is_given_one_where_pckd_needs_none(
    pckd_command: Pckd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def homeless() -> Path:
        if "HOME" in os.environ:
            return Path(os.environ["HOME"])
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("HOME")
    assert pckd_command("study", "list").code == 0
    assert Path.home().is_dir()
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("PCKD_CACHE")
    monkeypatch.setattr("pckd.storage.Storage", lambda _: Path.home())
    ended = pckd_command("study", "list")
    assert ended.code == 2
    assert ended.err.startswith("pckd: there is no home folder: set HOME, or PCKD_CACHE")
