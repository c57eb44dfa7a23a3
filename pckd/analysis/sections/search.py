"""A search: its best configuration, the ranking, slices and parallel coordinates."""

import pandas as pd

from pckd.analysis.describing import basis, kept_weights
from pckd.analysis.figures.parallel import parallel_plot
from pckd.analysis.figures.slices import slices_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.ranking import TOP_SHARE, completed, configurations, top_count
from pckd.analysis.parts import Paragraph, Part, Picture, Section, Table
from pckd.analysis.search_space import SearchedKey, parameters
from pckd.analysis.sections.carried import carried_over
from pckd.analysis.statistics import Interval, mean_interval
from pckd.analysis.words import bounds, listing, number, plain
from pckd.words import plural

ROWS_SHOWN = 20
HELDOUT_ACCURACY = "top-1 accuracy on the held-out images after the last epoch, mean over seeds"


def search(study: StudyResults) -> Section | None:
    """Results of a search."""
    if study.kind != "search" or study.trials.empty:
        return None
    ranked = configurations(study)
    searched = parameters(study.spec["search"], study.labels)
    done = completed(ranked)
    parts: list[Part] = [Paragraph(_counts(ranked))]
    if not done.empty:
        parts.append(Paragraph(_best(study, done)))
        parts.append(_table(study, ranked, searched))
    if carried := carried_over(study, ranked):
        parts.insert(1, Paragraph(carried))
    drawn = ranked[ranked["status"].isin(["completed", "stopped"])]
    if drawn["heldout_mean"].notna().any():
        parts += _pictures(study, ranked, searched)
    return Section(f"Search of {study.space}" if study.space else "Search", parts)


def _counts(ranked: pd.DataFrame) -> str:
    counts = ranked["status"].value_counts()
    statuses = [
        status
        for status in ("completed", "smaller budget", "stopped", "failed", "running")
        if status in counts
    ]
    words = listing([f"{counts[status]} {status}" for status in statuses])
    if "completed" not in counts:
        return f"No configuration has completed all its seeds ({words})."
    return (
        f"{plural(len(ranked), 'configuration')} tried: {words}. Only those that completed all "
        "seeds with the full budget are ranked."
    )


def _best(study: StudyResults, done: pd.DataFrame) -> str:
    best = done.iloc[0]
    trials = study.trials[study.trials["trial"].isin(best["trials"])]
    heldout = Interval(
        best["heldout_mean"], best["heldout_low"], best["heldout_high"], best["seeds"]
    )
    test = mean_interval(trials["test_top1"])
    return (
        f"Best of {len(done)}: {best['case']}. Held-out {_with_interval(heldout)}; on the test "
        f"images, which the search never saw, {_with_interval(test)} "
        f"({plural(test.count, 'seed')}, {kept_weights(study)}). The held-out figure was picked "
        "as the highest and so flatters; the test figure was not."
    )


def _with_interval(interval: Interval) -> str:
    known = f" (95% interval {bounds(interval.low, interval.high)})" if interval.is_known else ""
    return f"{number(interval.mean)}%{known}"


def _table(study: StudyResults, ranked: pd.DataFrame, searched: list[SearchedKey]) -> Table:
    keys = [parameter.key for parameter in searched]
    done = completed(ranked)
    head = done.head(ROWS_SHOWN)
    shown = pd.DataFrame(
        {
            "rank": head["rank"].map(str),
            "n": head["seeds"].map(str),
            "held-out, last": head["heldout_mean"].map(number),
            "95% interval": list(map(bounds, head["heldout_low"], head["heldout_high"])),
            **{key: head[key].map(plain) for key in keys},
        }
    )
    all_shown = len(head) == len(done)
    which = f"All {len(done)}" if all_shown else f"The best {len(head)} of {len(done)}"
    caption = (
        f"{which} completed configurations, ranked by held-out accuracy in percent, which the "
        "searcher maximises: mean over n seeds with the 95% t-interval. The CSV file also has "
        "those that did not complete. "
        f"{basis(study, HELDOUT_ACCURACY)}"
    )
    return Table(study.part("ranking"), caption, ranked.drop(columns="trials"), shown)


def _pictures(
    study: StudyResults, ranked: pd.DataFrame, searched: list[SearchedKey]
) -> list[Picture]:
    counts = ranked["status"].value_counts()
    top = plural(top_count(int(counts.get("completed", 0))), "configuration")
    stopped = int(counts.get("stopped", 0))
    early = f" Grey: {stopped} stopped early, at the accuracy then reached." if stopped else ""
    ending = f"Orange: the best {TOP_SHARE:.0%} ({top}).{early} {basis(study, HELDOUT_ACCURACY)}"
    return [
        Picture(
            study.part("parallel"),
            f"All configurations: a line each, through its parameters to its accuracy. {ending}",
            parallel_plot(ranked, searched, "held-out\ntop-1 (%)"),
        ),
        Picture(
            study.part("slices"),
            f"Accuracy against each parameter; the others vary too. {ending}",
            slices_plot(ranked, searched, "held-out top-1 (%)"),
        ),
    ]
