"""The plan of a study in its results store: what is planned, for others to join rows with.

The whole plan is one file, which each run of the study replaces; a search that goes on adds a file
a proposal, until the study has ended and the whole is written again.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import product

from pckd.storage import Storage
from pckd.study.plan import Planned, cases, pair_names
from pckd.study.results import ResultsStore
from pckd.study.rows import plan_row
from pckd.study.spec import StudySpec
from pckd.study.table_files import Row

TABLE = "plan"
WHOLE = "plan"
"""The file of the whole plan."""


def write_plan(
    storage: Storage, spec: StudySpec, planned: Sequence[Planned], name: str = WHOLE
) -> None:
    """Replace the plan of a study by one file.

    It is written before files of the plan before go: a crash in between loses nothing.
    """
    store = ResultsStore(storage, spec.study)
    earlier = plan_files(storage, spec.study)
    store.write(TABLE, name, [*map(plan_row, planned), *_left_out(spec)])
    for other in earlier:
        if other != name:
            storage.delete(store.path(TABLE, other))


def add_to_plan(storage: Storage, planned: Sequence[Planned]) -> None:
    """Add what a search has proposed to the plan of its study."""
    store = ResultsStore(storage, planned[0].trial.study)
    store.write(TABLE, f"{planned[0].position:06d}", [plan_row(item) for item in planned])


def plan_files(storage: Storage, study: str) -> list[str]:
    """The names of the files of a study's plan; none where it was never written."""
    own, _ = ResultsStore(storage, study).file_names(TABLE)
    return own


def _left_out(spec: StudySpec) -> Iterator[Row]:
    """A row without a trial for each case that a pair is without, under each seed."""
    named = zip(pair_names(spec), spec.pairs, strict=True)
    for (position, (case, changes)), (name, pair), seed in product(
        enumerate(cases(spec)), named, spec.seeds
    ):
        if case in pair.without:
            yield {
                "study": spec.study,
                "trial": None,
                "pair": name,
                "teacher_model": pair.teacher,
                "student_model": pair.student,
                "case": case,
                "position": position,
                "seed": seed,
                "changes": json.dumps(changes),
                "is_default": False,
            }
