"""The table `verdicts`: what the comparisons of a study say, kept and in words."""

from collections.abc import Callable

from pckd.storage import Storage
from pckd.study.clear_plan import UntilClearPlan
from pckd.study.plan import Plan
from pckd.study.results import ResultsStore
from pckd.study.verdict_words import verdict_sentence


def keep_verdicts(study: str, plan: Plan, storage: Storage, say: Callable[[str], None]) -> None:
    """Replace the table `verdicts` by what is known now, one file per comparison, and say it.

    Args:
        study: Its name.
        plan: Of the study; one without comparisons has no verdicts, whatever it had before.
        storage: The results root.
        say: Is told each verdict in a sentence.
    """
    store = ResultsStore(storage, study)
    standings = plan.verdicts if isinstance(plan, UntilClearPlan) else []
    rows = [comparison.row(standing) for comparison, standing in standings]
    several = len({row["pair"] for row in rows}) > 1
    for row in rows:
        of_pair = f"{row['pair']}: " if several else ""
        row["sentence"] = of_pair + verdict_sentence(row)
        store.write("verdicts", row["verdict"], [row])
        say(f"{study}: {row['sentence']}")
    for name in set(store.file_names("verdicts")[0]) - {row["verdict"] for row in rows}:
        storage.delete(store.path("verdicts", name))
