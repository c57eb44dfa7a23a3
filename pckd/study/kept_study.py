"""Study files that are kept beside the results."""

from collections.abc import Mapping
from typing import Any

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.document import read_spec
from pckd.study.results import open_study
from pckd.study.spec import StudySpec
from pckd.study.study_file import changed_study


def kept_study(storage: Storage, study: str, changes: Mapping[str, Any]) -> StudySpec:
    """The study file that was kept beside the results of a study, with changes applied to it.

    A study has the name of its folder, also where that was copied or renamed.

    Args:
        storage: The results root.
        study: Its name.
        changes: Of `--set`, by dotted key.

    Raises:
        InputError: There is no such study, or a change does not fit it.
    """
    values = read_spec(open_study(storage, study))
    if not values:
        raise InputError(f"study {study} has no study file beside its results")
    named = {**values, "study": study}
    return validate(StudySpec, changed_study(named, changes), f"study {study}")
