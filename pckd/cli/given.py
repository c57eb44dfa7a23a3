"""Settings that the options of a command describe."""

from collections.abc import Callable
from typing import Any

from pckd.errors import InputError
from pckd.settings import parse_assignments, validate
from pckd.training.changes import changed_run
from pckd.training.config import DataConfig, RunConfig
from pckd.training.outline import check_outline

COMMAND_LINE = "the command line"


def run_config(changes: dict[str, Any], assignments: list[str] | None) -> RunConfig:
    """The run that a command's options describe; options that were not given are None."""
    given = {key: value for key, value in changes.items() if value is not None}
    values = changed_run({}, {**given, **parse_assignments(assignments or [])})
    check_outline(values, COMMAND_LINE)
    return validate(RunConfig, values, COMMAND_LINE)


def data_changes(data: str | None, root: str | None, *, download: bool) -> dict[str, Any]:
    """The keys that --data, --data-root and --download stand for; None where one was not given."""
    return {"data": data, "data.root": root, "data.download": download or None}


def data_config(changes: dict[str, Any], assignments: list[str] | None, command: str) -> DataConfig:
    """The data set that a command's options describe.

    Args:
        changes: Of `data_changes`.
        assignments: What --set says.
        command: The command's name, for the message.

    Raises:
        InputError: It is no valid data section, or --set names keys of other sections.
    """
    given = {key: value for key, value in changes.items() if value is not None}
    values = changed_run({}, {**given, **parse_assignments(assignments or [])})
    config = validate(DataConfig, values.pop("data"), f"{COMMAND_LINE}, data")
    if values:
        raise InputError(f"{COMMAND_LINE}: {command} takes data.* keys only, not {min(values)}")
    return config


def say_of_images(config: DataConfig, say: Callable[[str], None]) -> None:
    """Say what was noticed of images that this process has opened, such as splits not used."""
    from pckd.data import data_notices

    for notice in data_notices(config.name, config.root):
        say(f"{config.name}: {notice}")
