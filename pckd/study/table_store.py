"""The store that holds a table of a study."""

from pckd.storage import Storage
from pckd.study.names import TableName, confirm_name
from pckd.study.results import ResultsStore, open_study


def store_of(storage: Storage, study: str, table: TableName) -> ResultsStore:
    """Open the store that holds a table of a study.

    It is the study's own, but for the verdicts of a study that another one confirms. The plan of a
    study that kept none is made first.

    Raises:
        InputError: The root holds no such study.
    """
    own = open_study(storage, study)
    if table == "plan":
        from pckd.study.earlier_plan import ensure_plan

        ensure_plan(storage, study)
    if table == "verdicts" and not any(own.file_names(table)):
        return ResultsStore(storage, confirm_name(study))
    return own
