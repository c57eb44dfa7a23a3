"""A trial: one run of a study, with its identity."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pckd.errors import InputError
from pckd.plugins import Plugin, load_plugins, loaded_plugins
from pckd.study.spec import StudySpec
from pckd.training.changes import written_out
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.run_checks import check_run, check_workers


@dataclass(frozen=True, slots=True)
class Trial:
    """One RunConfig with one seed, to be trained once."""

    study: str
    case: str
    """Name of the case, or the changed keys and values."""
    changes: dict[str, Any] = field(hash=False)
    """The keys of the run that the plan sets."""
    config: RunConfig
    identity: str
    space: str = ""
    """Name of the case whose search proposed it; empty where no case is searched."""

    def __str__(self) -> str:
        """Label of the trial for people: pair, case and seed."""
        teacher = f"{self.config.teacher.model} -> " if self.config.teacher else ""
        return f"{teacher}{self.config.student}, {self.case}, seed {self.config.seed}"


def make_trial(
    spec: StudySpec, case: str, changes: dict[str, Any], seed: int, space: str = ""
) -> Trial:
    """Make the trial of a study's run with some keys changed, under one seed.

    Args:
        spec: The study.
        case: Name of the case.
        changes: By dotted key.
        seed: Of the trial.
        space: Name of the case whose search proposed it, if any.

    Raises:
        InputError: The changed run is not valid, or its data set cannot be opened or does not
            suit it, or the study's workers cannot share its batches.
    """
    source = f"study {spec.study}, {case or 'run'}"
    changes = written_out(changes)
    config = spec.run_config({**changes, "seed": seed}, source)
    try:
        check_run(config)
        check_workers(config, spec.resources.workers)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    return Trial(spec.study, case, changes, config, run_identity(config), space)


def trial_to_json(trial: Trial) -> str:
    """The trial as text, with this process's plug-ins, for other processes."""
    values = {**asdict(trial), "config": trial.config.model_dump(mode="json")}
    return json.dumps({"plugins": loaded_plugins(), "trial": values})


def trial_from_json(text: str) -> Trial:
    """The trial that `trial_to_json` wrote; its plug-ins are imported.

    Raises:
        InputError: A plug-in cannot be imported in this process.
    """
    sent = json.loads(text)
    load_plugins(Plugin(*each) for each in sent["plugins"])
    values = sent["trial"]
    return Trial(**{**values, "config": RunConfig.model_validate(values["config"])})


def describe_changes(changes: dict[str, Any]) -> str:
    """Name a case by its changes: `kd=0.5, growth_rate=1.01`; other keys in full."""
    return ", ".join(f"{_short(key)}={value}" for key, value in changes.items())


def describe_point(changes: dict[str, Any]) -> str:
    """Name a case by values that a search proposed, to four digits."""
    return describe_changes(
        {
            key: float(f"{value:.4g}") if isinstance(value, float) else value
            for key, value in changes.items()
        }
    )


def _short(key: str) -> str:
    return key.removeprefix("loss.").removesuffix(".weight").removeprefix("preview.")
