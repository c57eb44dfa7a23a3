"""Ray Tune's events, passed on to the display."""

from typing import Any

from ray import tune

from pckd.progress import TrialsProgress
from pckd.study.trial import Trial, trial_from_json


class ProgressCallback(tune.Callback):
    """Tells the display what Tune's trials do."""

    def __init__(self, progress: TrialsProgress) -> None:
        self.progress = progress

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: Tune writes its callbacks to disk, and a display cannot be written."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ANN401
        """A trial started, or goes on after its process died."""
        started = _trial(trial)
        if started.identity not in self.progress.running:
            self.progress.start(started)

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Any],
        trial: Any,  # noqa: ANN401
        result: dict[str, Any],
        **info: Any,  # noqa: ANN401
    ) -> None:
        """A trial reported an epoch, or its outcome."""
        if "status" not in result:
            self.progress.epoch(_trial(trial), result["epoch"], result["top1"])

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ANN401
        """A trial ended by itself or was stopped."""
        self._end(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ANN401
        """A trial's process died more often than allowed."""
        self._end(trial)

    def _end(self, trial: Any) -> None:  # noqa: ANN401
        """Show what the plan was last told; nothing for a trial that was interrupted."""
        for ended, outcome in self.progress.plan.ended[-1:]:
            if ended.identity == _trial(trial).identity:
                self.progress.end(ended, outcome)


def _trial(trial: Any) -> Trial:  # noqa: ANN401
    return trial_from_json(trial.config["trial"])
