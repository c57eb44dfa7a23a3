"""The table `verdicts`: what the comparisons of a study say, kept and in words."""

from collections.abc import Callable

from pckd.storage import Storage
from pckd.study.clear_plan import UntilClearPlan
from pckd.study.plan import Plan
from pckd.study.results import ResultsStore
from pckd.study.verdict_words import verdict_sentence


def keep_verdicts(plan: Plan, storage: Storage, say: Callable[[str], None]) -> None:
    """Replace the table `verdicts` by what is known now, one file per comparison, and say it.

    Args:
        plan: Of the study; one without comparisons has no verdicts.
        storage: The results root.
        say: Is told each verdict in a sentence.
    """
    if not isinstance(plan, UntilClearPlan):
        return
    store = ResultsStore(storage, plan.study)
    rows = [comparison.row(standing) for comparison, standing in plan.verdicts]
    for row in rows:
        row["sentence"] = verdict_sentence(row)
        store.write("verdicts", row["verdict"], [row])
        say(f"{plan.study}: {row['sentence']}")
    for name in set(store.file_names("verdicts")[0]) - {row["verdict"] for row in rows}:
        storage.delete(store.path("verdicts", name))
