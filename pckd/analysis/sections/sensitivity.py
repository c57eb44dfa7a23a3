"""One key at a time: does it matter?"""

import pandas as pd

from pckd.analysis.describing import accuracy_words, basis, kept_epoch
from pckd.analysis.figures.sensitivity import sensitivity_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.sensitivity import Sensitivity, sensitivities
from pckd.analysis.parts import Paragraph, Part, Picture, Section, Table
from pckd.analysis.words import bounds, number, plain, signed, unbroken, without_repeats
from pckd.words import plural


def sensitivity(study: StudyResults) -> Section | None:
    """For each key: a panel, a table, and the answer in a sentence."""
    if study.kind != "vary_one" or study.trials.empty:
        return None
    items = sensitivities(study)
    if not items:
        nothing = "No trial has completed, so nothing can be said of any key."
        return Section("Sensitivity", [Paragraph(nothing)])
    parts: list[Part] = [Paragraph(_answer(item)) for item in items]
    for pair in dict.fromkeys(item.pair for item in items):
        parts.append(_picture(study, [item for item in items if item.pair == pair], pair))
    return Section("Sensitivity", [*parts, _table(study, items)])


def _answer(item: Sensitivity) -> str:
    """Say whether the key matters, as far as the seeds can tell."""
    known = [item.pair, *([item.name] if item.name != item.key else [])]
    beside = ", ".join(filter(None, known))
    start = f"{item.key}{f' ({beside})' if beside else ''}"
    if item.spread is None:
        return f"{start}: not answered; no seed has completed two values or more."
    gap = item.spread.difference
    values = [plain(value) for value in item.summary["value"]]
    facts = (
        f"over {', '.join(values)} the best ({values[item.spread.best]}) and the worst "
        f"({values[item.spread.worst]}) mean lie {number(gap.mean)} points apart"
    )
    if not gap.is_known:
        return f"{start}: not answered; {facts}, but one seed cannot tell that from noise."
    most = min(100.0, gap.high)
    measured = f"95% interval {bounds(max(0.0, gap.low), most)}, {plural(gap.count, 'seed')}"
    if gap.excludes_zero:
        return f"{start}: sensitive; {facts} ({measured}), which is beyond noise."
    return (
        f"{start}: no effect beyond noise; {facts} ({measured}). Effects of up to "
        f"{number(most)} points are not ruled out."
    )


def _picture(study: StudyResults, items: list[Sensitivity], pair: str) -> Picture:
    caption = (
        f"{f'{pair}. ' if pair else ''}Accuracy against one key at a time, the others at their "
        "defaults: mean over seeds with the 95% t-interval, and the seeds. "
        f"{basis(study, accuracy_words(study))}"
    )
    place = list(dict.fromkeys(study.trials["pair"])).index(pair)
    name = f"sensitivity-{place + 1}" if pair else "sensitivity"
    return Picture(name, caption, sensitivity_plot(items, "test top-1 accuracy (%)"))


def _table(study: StudyResults, items: list[Sensitivity]) -> Table:
    table = pd.concat([item.summary.assign(pair=item.pair, key=item.key) for item in items])
    shown = pd.DataFrame(
        {
            "pair": without_repeats([unbroken(pair) for pair in table["pair"]]),
            "key": without_repeats(table["key"].tolist()),
            "value": [
                f"{plain(value)} (default)" if is_default else plain(value)
                for value, is_default in zip(table["value"], table["is_default"], strict=True)
            ],
            "n": table["n"].map(str),
            f"test, {kept_epoch(study)}": table["mean"].map(number),
            "95% interval": list(map(bounds, table["low"], table["high"])),
            "difference from default": table["difference"].map(signed),
            "95% interval of difference": list(
                map(bounds, table["difference_low"], table["difference_high"])
            ),
        }
    )
    caption = (
        "Top-1 accuracy in percent, mean over n seeds with the 95% t-interval; differences from "
        "the default are paired by seed. The interval of best minus worst in the sentences above "
        "is Tukey's, with seeds as blocks, and allows for having picked the two. "
        f"{basis(study, accuracy_words(study))}"
    )
    shown = shown if study.spec.get("pairs") else shown.drop(columns="pair")
    first = ["pair", "key"]
    return Table("sensitivity", caption, table[[*first, *table.columns.drop(first)]], shown)
