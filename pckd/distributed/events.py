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

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Any],
        trial: Any,  # noqa: ANN401
        result: dict[str, Any],
        **info: Any,  # noqa: ANN401
    ) -> None:
        """A trial reported an epoch."""
        if "status" in result:
            return
        identity = trial_from_json(trial.config["trial"]).identity
        with SummaryWriter(str(self.folder / identity), flush_secs=1) as writer:
            writer.add_scalar("top1", result["top1"], result["epoch"])
            for name, value in result["losses"].items():
                writer.add_scalar(f"loss/{name}", value, result["epoch"])
