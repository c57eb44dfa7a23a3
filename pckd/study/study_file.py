"""Reading study files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pckd.errors import InputError
from pckd.nested import with_changes
from pckd.plugins import load_files
from pckd.settings import read_yaml, validate
from pckd.study.names import CONFIRM, LONGEST, SMOKE
from pckd.study.spec import StudySpec
from pckd.training.changes import changed_run
from pckd.training.config import RunConfig
from pckd.training.scale import Scale

FILLED = ("cases", "grid", "vary_one", "search", "pairs", "seeds", "plugins", "probe", "confirm")
"""Keys of a study file that say nothing where they hold nothing; others have defaults below."""


def read_study(path: Path, changes: Mapping[str, Any], scale: Scale = "full") -> StudySpec:
    """Read a study file, with the changes of its smoke block and of `--set` applied to it.

    A key that the study itself does not have, such as loss.kd, means the run's. The file's plug-ins
    are imported.

    Args:
        path: The study file.
        changes: Of `--set`, by dotted key; they come last.
        scale: smoke takes the file's smoke block, and gives the study a name of its own, so that
            its results never lie among full ones.

    Raises:
        InputError: One sentence that names the file, the key, the value and what is allowed.
    """
    values = read_yaml(path)
    source = str(path)
    _check_filled(values, changes, source)
    if scale == "smoke":
        source = f"{path} at smoke scale"
        values = _at_smoke_scale(values, path)
    values = changed_study(values, changes)
    load_files(plugin_files(path, values.get("plugins")))
    spec = validate(StudySpec, values, source)
    _check_name(spec.study, source)
    spec.base_run(f"{source}, run")
    if spec.smoke and scale == "full":
        read_study(path, {}, "smoke")  # a mistake there is told today
    return spec


def plugin_files(path: Path, plugins: object) -> list[Path]:
    """The plug-ins that a study file names; what is no list of names is refused with the rest.

    Args:
        path: The study file, from whose folder they are named.
        plugins: The value of its key.
    """
    names = plugins if isinstance(plugins, (list, tuple)) else ()
    return [path.parent / name for name in names if isinstance(name, str)]


def changed_study(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a study file with some changed by dotted key; loss.kd and run.loss.kd are one.

    Raises:
        InputError: A key leads through something that is not a mapping.
    """
    of_run = {key.removeprefix("run."): value for key, value in changes.items() if _is_of_run(key)}
    of_study = {key: value for key, value in changes.items() if not _is_of_run(key)}
    changed = with_changes(values, of_study)
    if isinstance(changed.get("run"), dict):
        changed["run"] = changed_run(changed["run"], of_run)
    return changed


def _check_name(study: str, source: str) -> None:
    """Refuse a name to which pckd could add no ending, or has added one.

    Raises:
        InputError: It is too long, or that of a confirmation.
    """
    if len(study) > LONGEST:
        raise InputError(
            f"{source}: the name of the study has {len(study)} letters, more than {LONGEST}"
        )
    if study.removesuffix(SMOKE).endswith(CONFIRM):
        raise InputError(
            f"{source}: {study}: names that end with {CONFIRM} are for studies that confirm another"
        )


def _check_filled(values: Mapping[str, Any], changes: Mapping[str, Any], source: str) -> None:
    """Refuse keys with nothing beside or below them, which would mean that they are not there.

    Raises:
        InputError: There is one that `--set` does not fill; the sentence begins with `source`.
    """
    is_set = {key.partition(".")[0] for key in changes}
    for key, value in values.items():
        if key not in is_set and (value is None or (key in FILLED and value in ({}, []))):
            raise InputError(f"{source}: {key} is empty: write something below it, or leave it out")


def _at_smoke_scale(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    block = values.get("smoke")
    if not isinstance(block, Mapping) or not block:
        raise InputError(f"{path}: there is no smoke scale: the file has no block smoke")
    for key in ("study", "scale", "smoke"):
        if key in block:
            raise InputError(f"{path}: smoke.{key} cannot be changed: --scale smoke sets it")
    own = {"study": f"{values.get('study')}{SMOKE}", "scale": "smoke"}
    try:
        return changed_study(values, {**block, **own})
    except InputError as error:
        raise InputError(f"{path}, smoke: {error}") from None


def _is_of_run(key: str) -> bool:
    return key.removeprefix("run.").partition(".")[0] in RunConfig.model_fields
