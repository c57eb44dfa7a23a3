"""`pckd cluster` where no cluster is needed: what is refused, and what is sent."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ray._private.runtime_env import packaging

from pckd.cli import main
from pckd.distributed import jobs
from pckd.distributed.jobs import Job, Jobs
from pckd.errors import InputError

STUDY = "study: tiny\nrun: {data: digits, student: resnet8, teacher: resnet14}\n"
Pckd = Callable[..., tuple[int, str]]


@pytest.fixture(name="pckd")
def _pckd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Pckd:
    """Run a command in a tree with a study; its exit code, and its errors or else its output."""
    (tmp_path / "tiny.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "PCKD_RESULTS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["pckd", "cluster", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        output, errors = capsys.readouterr()
        return int(end.value.code or 0), errors or output

    return run


class _Client:
    """Takes a job as a cluster would."""

    def __init__(self, address: str) -> None:
        self.address = address

    def submit(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
        sent.append((self.address, list(arguments), folder, dict(environment)))
        return "raysubmit_1"

    def all(self) -> list[Job]:
        command = "study run a-study-of-a-long-name.yaml --results s3://bucket/results"
        started = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        return [
            Job("raysubmit_2", "PENDING", None, 0.0, command, "Job has not started yet."),
            Job("raysubmit_1", "SUCCEEDED", started, 1.5, command, "Job finished successfully."),
        ]


sent: list[tuple[str, list[str], Path, dict[str, str]]] = []


def test_a_study_is_sent_with_its_options_and_the_variables_of_pckd(
    pckd: Pckd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sent.clear()
    monkeypatch.setattr(jobs, "Jobs", _Client)
    monkeypatch.setenv("PCKD_CACHE", "/scratch")
    monkeypatch.setenv("PCKD_RESULTS", "s3://bucket/results")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    code, _ = pckd("submit", "tiny.yaml", "--set=loss.kd=2", "--retry-failed", "--no-follow")
    assert code == 0
    arguments = ["study", "run", "tiny.yaml", "--results", "s3://bucket/results"]
    arguments += ["--set=loss.kd=2", "--retry-failed", "--scale", "full"]
    address = "http://127.0.0.1:8265"
    assert sent == [(address, arguments, tmp_path, {"PCKD_CACHE": "/scratch"})]


def test_jobs_are_listed_also_those_that_have_not_started(
    pckd: Pckd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "Jobs", _Client)
    monkeypatch.setenv("COLUMNS", "120")
    code, text = pckd("status")
    assert code == 0
    waiting, done = (line.split() for line in text.splitlines() if line.startswith("raysubmit"))
    assert waiting[:4] == ["raysubmit_2", "PENDING", "-", "0.00"]
    assert done[:2] == ["raysubmit_1", "SUCCEEDED"]
    assert re.fullmatch(r"2026-01-0\d \d\d:04", " ".join(done[2:4]))
    assert done[4] == "1.50"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tiny.yaml"], "results root results is a folder of this machine: give --results a"),
        (["tiny.yaml", "--results", "../shared"], "results root ../shared is a folder of this"),
        (["tinny.yaml"], "tinny.yaml: there is no such study file"),
        (["tiny.yaml", "--set=loss.kdd=1"], "tiny.yaml, run: loss: kdd is not a known term"),
        (["{outside}"], "lies outside"),
        (
            ["tiny.yaml", "--results", "/shared", "--address", "10.0.0.1:6379"],
            "10.0.0.1:6379 is not the address of a Ray dashboard: give --address http://HOST:8265",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    pckd: Pckd, tmp_path_factory: pytest.TempPathFactory, arguments: list[str], sentence: str
) -> None:
    outside = tmp_path_factory.mktemp("elsewhere") / "tiny.yaml"
    outside.write_text(STUDY)
    code, error = pckd(*["submit", *(each.format(outside=outside) for each in arguments)])
    assert code == 2
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_where_no_cluster_is_it_says_so(pckd: Pckd) -> None:
    code, error = pckd("status", "--address", "http://127.0.0.1:1")
    assert code == 1
    place = "the Ray cluster at http://127.0.0.1:1"
    assert error == f"pckd: {place} cannot be reached: nothing answers there; is it up?\n"


@pytest.fixture(name="connected")
def _connected(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The client of a cluster that takes all jobs, without asking anyone."""
    monkeypatch.setattr(jobs, "JobSubmissionClient", lambda address: _Taking())
    return Jobs("http://cluster:8265")


def test_the_environment_of_the_caller_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a notebook, what comes later would go to that cluster too."""
    seen: list[str | None] = []

    def connect(address: str) -> _Taking:
        seen.append(os.environ.get("RAY_API_SERVER_ADDRESS"))
        return _Taking()

    monkeypatch.setattr(jobs, "JobSubmissionClient", connect)
    for before in ("http://mine:8265", None):
        monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
        if before:
            monkeypatch.setenv("RAY_API_SERVER_ADDRESS", before)
        Jobs("http://cluster:8265")
        assert os.environ.get("RAY_API_SERVER_ADDRESS") == before
    assert seen == ["http://cluster:8265"] * 2


class _Taking:
    def submit_job(self, **_: object) -> str:
        return "raysubmit_1"


@pytest.mark.parametrize("place", ["s3://KEY:SECRET@bucket/results", "ssh://:SECRET@host/"])
def test_secrets_do_not_reach_the_dashboard(connected: Jobs, place: str, tmp_path: Path) -> None:
    for arguments, environment in (([place], {}), ([], {"PCKD_CACHE": place})):
        with pytest.raises(InputError, match="holds a secret") as refused:
            connected.submit(arguments, tmp_path, environment)
        assert "SECRET" not in str(refused.value)
    bucket = "s3://bucket/results?endpoint_override=127.0.0.1:9000"
    assert connected.submit([bucket], tmp_path, {}) == "raysubmit_1"


def test_a_working_tree_that_is_too_large_is_a_sentence(
    connected: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(**_: object) -> None:
        monkeypatch.setattr(packaging, "GCS_STORAGE_MAX_SIZE", 2**20)
        try:
            packaging.upload_package_to_gcs("gcs://_ray_pkg_1.zip", bytes(2**21))
        except ValueError as error:  # as the head answers it
            raise RuntimeError(f"Request failed with status code 500: {error}.") from None

    monkeypatch.setattr(_Taking, "submit_job", staticmethod(refuse))
    with pytest.raises(InputError) as refused:
        connected.submit([], tmp_path, {})
    assert str(refused.value) == (
        "the working tree is 2.00MiB, and a cluster takes up to 1.00MiB: name what it does not "
        "need in .gitignore or .rayignore"
    )
