"""The ablation: what each component adds, and which effects are within noise."""

from itertools import groupby
from math import nan

import numpy as np
import pandas as pd

from pckd.analysis.describing import accuracy_words, basis, is_sequential, unadjusted
from pckd.analysis.figures.dots import DotPanel, DotRow, effects_plot
from pckd.analysis.figures.style import colour
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.comparison import same_task
from pckd.analysis.numbers.components import Effect, component_effects, effect_rows
from pckd.analysis.parts import Paragraph, Part, Picture, Section, Table
from pckd.analysis.words import MISSING, bounds, listing, signed, unbroken, verdict, without_repeats


def components(study: StudyResults) -> Section | None:
    """The effect of each component, where cases differ in it alone."""
    if study.kind != "cases" or study.trials.empty:
        return None
    effects = [effect for effect in component_effects(study) if effect.mean.count]
    if not effects:
        return None
    sentences: list[Part] = [
        Paragraph(_in_words(list(of_pair)))
        for _, of_pair in groupby(effects, key=lambda effect: effect.pair)
        if not is_sequential(study)  # the verdicts say it
    ]
    return Section("Components", [*sentences, _table(study, effects), _picture(study, effects)])


def _effect_words(study: StudyResults) -> str:
    return f"difference in {accuracy_words(study)}"


def _in_words(effects: list[Effect]) -> str:
    """List the effects beyond noise for a pair, and those within it."""
    groups: dict[str, list[str]] = {}
    for effect in effects:
        groups.setdefault(_kind(effect), []).append(f"{effect.component} ({_measured(effect)})")
    clauses = "; ".join(f"{kind}: {listing(found)}" for kind, found in groups.items())
    pair = effects[0].pair
    return f"{pair}, {clauses}." if pair else f"{clauses[:1].upper()}{clauses[1:]}."


def _kind(effect: Effect) -> str:
    words = verdict(effect.mean)
    return {"above, beyond noise": "helps", "below, beyond noise": "harms"}.get(words, words)


def _measured(effect: Effect) -> str:
    points = f"{signed(effect.mean.mean)} points"
    if not effect.mean.is_known:
        return points
    return f"{points}, {bounds(effect.mean.low, effect.mean.high)}"


def _table(study: StudyResults, effects: list[Effect]) -> Table:
    table = pd.concat([effect_rows(effect) for effect in effects], ignore_index=True)
    names = [f"{pair} {name}" for pair, name in zip(table["pair"], table["component"], strict=True)]
    is_first = np.array(without_repeats(names)) != ""
    shown = pd.DataFrame(
        {
            "pair": without_repeats([unbroken(pair) for pair in table["pair"]]),
            "component": table["component"].where(is_first, ""),
            "comparison": table["comparison"],
            "n": table["n"].map(str),
            "difference": table["difference"].map(signed),
            "95% interval": list(map(bounds, table["low"], table["high"])),
            "in words": table["verdict"],
            "paper": table["paper"].map(signed),
        }
    )
    hidden = [name for name in ("pair", "paper") if shown[name].isin([MISSING, ""]).all()]
    hidden += ["in words"] * is_sequential(study)
    shown = shown.drop(columns=hidden)
    if study.scale != "full":
        shown = shown.rename(columns={"paper": "paper (full scale)"})
    caption = (
        "What each component adds, in points of accuracy: the mean over all comparisons of two "
        "cases that differ in it alone, then each comparison; paired by seed, with the 95% "
        f"t-interval over n seeds, {unadjusted(study, 'rows')}. Paper: the same difference "
        f"of its numbers. {basis(study, _effect_words(study))}"
    )
    return Table("components", caption, table, shown)


def _picture(study: StudyResults, effects: list[Effect]) -> Picture:
    """One panel per component with one row per pair, or without pairs one panel for all."""
    names = list(dict.fromkeys(effect.component for effect in effects))
    panels: dict[str, list[DotRow]] = {}
    for effect in effects:
        title, label = (effect.component, effect.pair) if effect.pair else ("", effect.component)
        paper = effect.paper if same_task(study, study.trials) else nan
        shade = colour(names.index(effect.component))
        row = DotRow(label, effect.by_seed.tolist(), effect.mean, shade, paper)
        panels.setdefault(title, []).append(row)
    caption = (
        "What each component adds: mean over seeds with the 95% t-interval, and the seeds; an "
        f"interval that reaches over zero is within noise. {basis(study, _effect_words(study))}"
    )
    groups = [DotPanel(title, rows) for title, rows in panels.items()]
    return Picture("components", caption, effects_plot(groups, "difference in top-1 (points)"))
