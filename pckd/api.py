"""The Python interface to studies: made, run, opened, with their tables as frames."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study import results
from pckd.study.names import TableName
from pckd.study.planned_rows import planned_frame
from pckd.study.spec import StudySpec
from pckd.study.table_store import store_of
from pckd.training.scale import Scale

if TYPE_CHECKING:
    import pandas as pd

    from pckd.study.plan import Ended
    from pckd.training.student import Student


class Study:
    """A study that has results.

    Tables are read whenever they are asked for, so that a study can be followed while it runs.
    docs/results.md says what their columns mean.

    Args:
        storage: The results root.
        name: The study's name.

    Raises:
        InputError: The root holds no such study.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self.storage = storage
        self.name = name
        self.store = results.open_study(storage, name)

    def __repr__(self) -> str:
        return f"<study {self.name} in {self.storage.root}>"

    @property
    def trials(self) -> "pd.DataFrame":
        """One row per trial that the plan names; `table` has those of earlier plans, too."""
        return planned_frame(self.store)

    @property
    def epochs(self) -> "pd.DataFrame":
        """One row per epoch of these trials."""
        return planned_frame(self.store, "epochs")

    @property
    def probes(self) -> "pd.DataFrame":
        """One row per network, target data set, protocol and seed."""
        return self.table("probes")

    @property
    def plan(self) -> "pd.DataFrame":
        """One row per planned pair, case and seed."""
        return self.table("plan")

    @property
    def verdicts(self) -> "pd.DataFrame":
        """One row per comparison, of this study or of the one that confirms it."""
        return self.table("verdicts")

    def table(self, name: TableName) -> "pd.DataFrame":
        """Read a whole table, which holds the rows of earlier plans, code and images, too."""
        return store_of(self.storage, self.name, name).read(name)

    def configurations(self, case: str = "") -> "pd.DataFrame":
        """The configurations of a search, the best first: one row each, with its searched keys.

        They are ranked by `heldout_mean`: top-1 on held-out images after the last epoch, mean over
        the seeds, in percent.

        Args:
            case: Name of the case, in a study that searches in each of its cases.

        Raises:
            InputError: The study is no search, or searches in no such case.
        """
        from pckd.analysis.loading import load_study
        from pckd.analysis.numbers.ranking import configurations
        from pckd.study.earlier_plan import ensure_plan

        ensure_plan(self.storage, self.name)
        study = load_study(self.storage, self.name)
        if not study.spec.get("search"):
            raise InputError(f"study {self.name} is no search: compare its cases by their trials")
        spaces = {each.space: each for each in study.by_space()}
        if case not in spaces:
            known = ", ".join(filter(None, spaces))
            where = f"the cases {known}" if known else "no cases"
            raise InputError(f"study {self.name} searches in {where}, not in {case!r}")
        return configurations(spaces[case])

    def best(self, case: str = "") -> dict[str, Any]:
        """The best configuration of a search: each searched key, in full, with its value.

        Args:
            case: As of `configurations`.

        Raises:
            InputError: As of `configurations`; or none was trained to its end under all seeds.
        """
        ranked = self.configurations(case)
        ranked = ranked[ranked["status"] == "completed"]
        if ranked.empty:
            raise InputError(f"no configuration of study {self.name} is completed")
        row = self.store.row("trials", ranked["trials"].iloc[0][0])
        changes: dict[str, Any] = json.loads(row["changes"])
        return changes

    def student(self, trial: str) -> "Student":
        """Load the student that a trial trained.

        Args:
            trial: Identity of the trial, or its beginning.

        Raises:
            InputError: There is no such trial, or its student was not kept.
        """
        from pckd.study.paths import student_path
        from pckd.training.network_file import TrainedNetwork
        from pckd.training.network_path import kept_path
        from pckd.training.student import Student

        identity = self.store.trial_named(trial)
        path = kept_path(self.storage, student_path(self.name, identity))
        if not self.storage.exists(path):
            raise InputError(f"the student of trial {identity} was not kept: {path} is not there")
        return Student(TrainedNetwork.from_bytes(self.storage.read(path), path))


def open_study(place: str | Path) -> Study:
    """Open a study that has results.

    Args:
        place: ROOT/STUDY, such as `results/demo`; the root is a folder or a filesystem URI.

    Raises:
        InputError: There is no such study.
    """
    root, _, name = str(place).rstrip("/").rpartition("/")
    return Study(Storage(root or "."), name)


def make_study(values: Mapping[str, Any]) -> StudySpec:
    """Make a study from the keys and values that a study file would have.

    Raises:
        InputError: One sentence that names the key, the value and what is allowed.
    """
    spec = validate(StudySpec, dict(values), "the study")
    spec.base_run(f"study {spec.study}, run")
    return spec


def read_study(
    file: str | Path, changes: Mapping[str, Any] | None = None, scale: Scale = "full"
) -> StudySpec:
    """Read a study file.

    Args:
        file: Its path, or the name of a study that is installed or lies in ./studies.
        changes: New values by dotted key, such as {"loss.kd": 0.5, "seeds": [0, 1]}.
        scale: smoke takes the file's smoke block.

    Raises:
        InputError: One sentence that names the file, the key, the value and what is allowed.
    """
    from pckd.study.finding import find_study_file
    from pckd.study.study_file import read_study as read

    return read(find_study_file(str(file)), changes or {}, scale)


def run_study(
    study: StudySpec,
    results: str | Path = "results",
    *,
    address: str | None = None,
    retry_failed: bool = False,
) -> Study:
    """Run what is missing of a study on a Ray cluster, and show progress.

    Args:
        study: Of `make_study` or `read_study`.
        results: The results root, a folder or a filesystem URI.
        address: Of a Ray cluster; None starts one on this machine.
        retry_failed: Whether trials that failed run again.

    Raises:
        InputError: The study cannot run as it is written, not on this cluster, or runs already.
        RunError: A teacher or a preparation failed, or the study was interrupted.
    """
    from pckd.distributed import driver
    from pckd.progress import Display

    storage = Storage(results)
    driver.run_study(study, storage, Display(), address=address, retry_failed=retry_failed)
    return Study(storage, study.study)


def work_on_study(
    study: StudySpec, results: str | Path = "results", *, retry_failed: bool = False
) -> Study:
    """Train what is missing of a study in this process, without Ray, and show progress.

    Other processes may work on the same study at the same time.

    Args:
        study: Of `make_study` or `read_study`; no search, and no seeds until it is clear.
        results: The results root, a folder.
        retry_failed: Whether trials that failed run again.

    Raises:
        InputError: The study cannot run as it is written, or needs one process that directs it.
        RunError: A teacher or a preparation failed.
    """
    storage = Storage(results)
    show_work(study, storage, retry_failed=retry_failed)
    return Study(storage, study.study)


def show_work(spec: StudySpec, storage: Storage, *, retry_failed: bool) -> "list[Ended]":
    """Train what is missing of a study in this process, without Ray, and show its trials.

    Args:
        spec: The study.
        storage: The results root.
        retry_failed: Whether trials that failed run again.

    Returns:
        All trials of the study that have ended, here or elsewhere, now or before.

    Raises:
        InputError: As `pckd.study.work.begin_work`.
        RunError: Likewise.
    """
    from pckd.progress import Display, TrialsProgress
    from pckd.study.work import begin_work, end_work, work_on

    display = Display()
    plan = begin_work(spec, storage, display.say, retry_failed=retry_failed)
    with display.bars() as bars:
        progress = TrialsProgress(display, bars, spec.study, plan)
        work_on(spec, plan, storage, progress, retry_failed=retry_failed)
    end_work(spec, plan, storage, display.say)
    return plan.ended
