"""Each trial's accuracy and losses as TensorBoard events, beside the tables."""

from pathlib import Path
from typing import Any

from ray import tune
from tensorboardX import SummaryWriter

from pckd.study.trial import trial_from_json


class EventsCallback(tune.Callback):
    """Writes the events of a study below one local folder, a folder each trial."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writers: dict[str, SummaryWriter] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: Tune writes its callbacks to disk, and open files cannot be written."""
        return {}

    def on_trial_result(self, *_: Any, trial: Any, result: dict[str, Any], **__: Any) -> None:  # noqa: ANN401
        """A trial reported an epoch, or its status."""
        if "status" in result:
            return
        if trial.trial_id not in self.writers:
            folder = self.folder / trial_from_json(trial.config["trial"]).identity
            self.writers[trial.trial_id] = SummaryWriter(str(folder), flush_secs=1)
        writer = self.writers[trial.trial_id]
        writer.add_scalar("top1", result["top1"], result["epoch"])
        for name, value in result["losses"].items():
            writer.add_scalar(f"loss/{name}", value, result["epoch"])

    def on_trial_complete(self, *_: Any, trial: Any, **__: Any) -> None:  # noqa: ANN401
        """A trial ended."""
        self._close(trial)

    def on_trial_error(self, *_: Any, trial: Any, **__: Any) -> None:  # noqa: ANN401
        """A trial's process died more often than allowed."""
        self._close(trial)

    def _close(self, trial: Any) -> None:  # noqa: ANN401
        writer = self.writers.pop(trial.trial_id, None)
        if writer is not None:
            writer.close()
