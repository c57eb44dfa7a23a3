"""Synthetic studies: valid rows in a results store, without any training."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.document import write_spec
from pckd.study.plan import Planned, fixed_plan
from pckd.study.plan_table import write_plan
from pckd.study.results import ResultsStore
from pckd.study.rows import config_columns, evaluated_on
from pckd.study.spec import StudySpec
from pckd.study.term_rows import term_rows
from pckd.study.trial import Trial
from pckd.training.changes import written_out
from pckd.training.identity import identity_values

RUN: dict[str, Any] = {
    "data": {"name": "digits", "classes": [0, 1, 2, 3, 4, 5]},
    "teacher": "resnet20",
    "student": "resnet8",
    "optimization": {"epochs": 3},
}
START = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class StudyBuilder:
    """Writes a study and its rows as the trials themselves would."""

    storage: Storage
    spec: StudySpec
    minutes: int = field(default=0, init=False)
    proposed: list[Planned] = field(default_factory=list, init=False)
    """By a search."""

    @property
    def store(self) -> ResultsStore:
        return ResultsStore(self.storage, self.spec.study)

    def respecify(self, **changes: Any) -> None:  # noqa: ANN401
        """Change the study's file, as if its driver had started with it."""
        self.spec = validate(StudySpec, {**self.spec.model_dump(mode="json"), **changes}, "test")
        write_spec(self.spec, self.storage)
        self.proposed = [item for item in self.proposed if self._allows(item.changes)]
        self._write_plan()

    def _write_plan(self) -> None:
        planned = self.proposed if self.spec.search else fixed_plan(self.spec, self.planned_trial)
        write_plan(self.storage, self.spec, planned)

    def _allows(self, point: Mapping[str, Any]) -> bool:
        return self.spec.search is not None and self.spec.search.allows(dict(point))

    def planned_trial(
        self, spec: StudySpec, case: str, changes: Mapping[str, Any], seed: int, code: str = "code1"
    ) -> Trial:
        """A trial with an identity that needs no images: of its settings and its code."""
        changes = written_out(changes)
        config = spec.run_config({**changes, "seed": seed}, "test")
        text = json.dumps(identity_values(config, config.loss.active), sort_keys=True) + code
        identity = hashlib.sha256(text.encode()).hexdigest()[:12]
        return Trial(spec.study, case, changes, config, identity)

    def trial(
        self,
        case: str,
        changes: Mapping[str, Any],
        seed: int,
        top1: float = 50.0,
        status: str = "completed",
        **columns: Any,  # noqa: ANN401
    ) -> str:
        """Write a trial and its epochs.

        Args:
            case: Its name.
            changes: Keys that its case (and pair) sets.
            seed: Of the run.
            top1: Test accuracy; the selecting images give 1 less with the last weights, 2 more
                with the best.
            status: A stopped trial has done one epoch, a failed one none.
            columns: Further columns, replacing the ones made here.

        Returns:
            The identity.
        """
        self.minutes += 1
        code = str(columns.get("code_version", "code1"))
        trial = self.planned_trial(self.spec, case, changes, seed, code)
        config, identity = trial.config, trial.identity
        if self._allows(trial.changes):
            self.proposed.append(Planned(trial, "", len(self.proposed), trial.changes))
            self._write_plan()
        planned = config.optimization.epochs
        done = {"completed": planned, "running": 1, "stopped": 1, "failed": 0}[status]
        measured = done > 0
        row: dict[str, Any] = {
            "study": self.spec.study,
            "trial": identity,
            "case": case,
            "changes": json.dumps(trial.changes),
            "method": config.method,
            "terms": term_rows(config.loss.model_dump(mode="json")),
            "seed": seed,
            "status": status,
            "reason": "the loss term kd became nan" if status == "failed" else None,
            "epochs_planned": planned,
            "epochs_done": done,
            "evaluated_on": evaluated_on(config),
            "last_top1": top1 - 1 if measured else None,
            "best_top1": top1 + 2 if measured else None,
            "best_epoch": 1 if measured else None,
            "test_top1": top1 if status == "completed" else None,
            "teacher": "t1" if config.needs_teacher else None,
            "teacher_test_top1": 95.0 if config.needs_teacher else None,
            "train_images": 1000,
            "num_classes": 6,
            "started": START + timedelta(minutes=self.minutes),
            "updated": START + timedelta(minutes=self.minutes, seconds=30),
            "seconds": 2.5 * done,
            "device": "cpu",
            "host": "host",
            "workers": 1,
            "threads": 1,
            "code_version": "code1",
            "pckd": "0.1.0",
            "torch": "2",
            "python": "3.11",
            "config": config.model_dump_json(),
            **config_columns(config),
            **columns,
        }
        self.store.write("trials", identity, [row])
        terms = {name: settings.weight for name, settings in config.loss.active.items()}
        epochs = [
            self._epoch(identity, epoch, top1 - 1 - 5 * (planned - epoch), terms)
            for epoch in range(1, row["epochs_done"] + 1)
        ]
        self.store.write("epochs", identity, epochs)
        return identity

    def _epoch(
        self, trial: str, epoch: int, top1: float, terms: Mapping[str, float]
    ) -> dict[str, Any]:
        return {
            "study": self.spec.study,
            "trial": trial,
            "epoch": epoch,
            "evaluated_on": "test",
            "top1": top1,
            "loss_total": 3.0 / epoch,
            "terms": [
                {"term": term, "weight": weight, "loss": 1.0 / epoch}
                for term, weight in terms.items()
            ],
            "threshold": 1.005**epoch,
            "easy_share": 50.0 + epoch,
            "easy_weight": 1.0,
            "hard_weight": 0.3 / epoch,
            "seconds": 2.5,
        }

    def probe(self, trial: str, top1: float | None, **columns: Any) -> None:  # noqa: ANN401
        """Write the probe of a student on the classes that it never saw."""
        row = {
            "study": self.spec.study,
            "trial": trial,
            "role": "student",
            "model": "resnet8",
            "case": "",
            "data": "digits",
            "classes": "[6, 7, 8, 9]",
            "protocol": "exact v1",
            "seed": 0,
            "top1": top1,
            "train_images": 500,
            "test_images": 200,
            "updated": START,
            **columns,
        }
        name = "-".join(str(row[key]) for key in ("trial", "role", "seed", "data"))
        self.store.write("probes", name, [{"probe": name, **row}])


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "results")


@pytest.fixture
def new_study(storage: Storage) -> Callable[..., StudyBuilder]:
    """Make a study without trials: keys of its file, over a run on digits."""

    def make(study: str = "demo", **keys: Any) -> StudyBuilder:  # noqa: ANN401
        spec = validate(StudySpec, {"study": study, "run": RUN, **keys}, "test")
        builder = StudyBuilder(storage, spec)
        builder.respecify()
        return builder

    return make


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn but not rendered, for tests that look at numbers and words."""
    monkeypatch.setattr("pckd.analysis.report.save", lambda figure, form: b"")
