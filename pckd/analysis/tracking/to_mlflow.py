"""Runs in MLflow: on its server, in a database, or in a folder."""

import logging
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from pckd.analysis.tracking.runs import TrialRun
from pckd.errors import InputError, first_line
from pckd.loudness import is_verbose

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

STATUSES = {"completed": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
"""MLflow's words for how a trial ended."""

SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "1",
}
"""Variables that MLflow reads. Left alone, it tries a silent server for a quarter of an hour, and
prints the address of each run."""

PARAMETERS = 100
METRICS = 1000
"""Number of each that MLflow takes in a request."""


class MlflowTracker:
    """The experiment of a study in MLflow, made where it is missing.

    Args:
        study: Its name, which the experiment has too.
        place: Address of a server or a database, or a folder for a database of SQLite; by default
            as MLFLOW_TRACKING_URI says, or as MLflow does without it.

    Raises:
        InputError: MLflow is not installed, or cannot open the place.
    """

    def __init__(self, study: str, place: str | None) -> None:
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise InputError("MLflow is not installed: pip install 'pckd[mlflow]'") from None
        if not is_verbose():
            logging.getLogger("mlflow").setLevel(logging.WARNING)
        for variable, value in SETTINGS.items():
            os.environ.setdefault(variable, value)
        try:
            self.client = MlflowClient(_address(place))
            found = self.client.get_experiment_by_name(study)
            self.experiment = found.experiment_id if found else self.client.create_experiment(study)
        except Exception as error:  # each store has errors of its own
            sentence = f"MLflow cannot open {place or 'its store'}: {first_line(error)}"
            raise InputError(shorten(sentence, 200, placeholder=" ...")) from error

    def holds(self, run: TrialRun) -> bool:
        """Return whether a run is there as it is now; one that is not whole lacks the tag."""
        return any(
            earlier.data.tags.get("updated") == run.tags["updated"]
            for earlier in self._earlier(run)
        )

    def log(self, run: TrialRun) -> None:
        """Write a run, in the place of an earlier state of it."""
        for earlier in self._earlier(run):
            self.client.delete_run(earlier.info.run_id)
        tags = {key: value for key, value in run.tags.items() if key != "updated"}
        began = _milliseconds(run.started)
        made = self.client.create_run(self.experiment, began, tags, run.name).info.run_id
        self._log_parameters(made, run.parameters)
        metrics = _metrics(run)
        while batch := list(islice(metrics, METRICS)):
            self.client.log_batch(made, metrics=batch)
        self.client.set_terminated(made, STATUSES[run.status], _milliseconds(run.ended))
        self.client.set_tag(made, "updated", run.tags["updated"])

    def _log_parameters(self, made: str, parameters: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        left = iter([Param(key, str(value)) for key, value in parameters.items()])
        while batch := list(islice(left, PARAMETERS)):
            self.client.log_batch(made, params=batch)

    def _earlier(self, run: TrialRun) -> "list[Run]":
        return list(self.client.search_runs([self.experiment], f"tags.identity = '{run.identity}'"))


def _address(place: str | None) -> str | None:
    """A place as MLflow takes it, which no longer keeps runs as files of a folder."""
    if place is None or "://" in place:
        return place
    Path(place).mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{Path(place).absolute()}/mlflow.db"


def _metrics(run: TrialRun) -> "Iterator[Metric]":
    """The metrics of each epoch at its step and at the time when it ended, then the trial's."""
    from mlflow.entities import Metric

    time = _milliseconds(run.started)
    for step, epoch in enumerate(run.epochs, start=1):
        time += round(1000 * epoch.get("seconds", 0.0))
        for key, value in epoch.items():
            yield Metric(key, value, time, step)
    for key, value in run.results.items():
        yield Metric(key, value, _milliseconds(run.ended), len(run.epochs))


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
