"""Learning curves and loss terms."""

from textwrap import shorten

import pandas as pd

from pckd.analysis.describing import basis, scale_words, selecting_images
from pckd.analysis.figures.epochs import terms_plot
from pckd.analysis.figures.learning import learning_plot
from pckd.analysis.figures.style import COLOURS
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.epochs import TermCurve, learning_curves, term_curves
from pckd.analysis.numbers.ranking import completed, configurations
from pckd.analysis.parts import Part, Picture, Section
from pckd.analysis.terms import term_words
from pckd.analysis.words import listing, plain, sentence
from pckd.words import plural


def training(study: StudyResults) -> Section | None:
    """Progress from epoch to epoch."""
    if study.epochs.empty:
        return None
    curves = term_curves(study)
    parts: list[Part] = [_learning(study)]
    if curves:
        parts.append(_losses(study, curves))
    return Section("Training", parts)


def _learning(study: StudyResults) -> Picture:
    curves = learning_curves(study)
    unfinished = study.epochs[study.epochs["status"] != "completed"]
    emphasised = _emphasised(study)
    images = selecting_images(study)
    is_bold = study.kind == "search" or curves["case"].nunique() > len(COLOURS)
    bold = f"; bold: {listing(list(emphasised.values()))}" if is_bold and emphasised else ""
    left = unfinished["trial"].nunique()
    ended = (
        f" Thin grey with a marker: {plural(left, 'trial')} that did not complete." if left else ""
    )
    accuracy = f"top-1 accuracy on the {images} images after each epoch"
    caption = (
        "Learning curves of completed trials: mean over seeds, band from the lowest to the "
        f"highest seed{bold}.{ended} {basis(study, accuracy)}"
    )
    figure = learning_plot(curves, unfinished, emphasised, f"{images} top-1 accuracy (%)")
    return Picture("learning", caption, figure, curves)


def _emphasised(study: StudyResults) -> dict[str, str]:
    """The case that stands out where there are too many for a colour each, with its label."""
    if study.kind == "search":
        done = completed(configurations(study))
        return {} if done.empty else {str(done["case"].iloc[0]): "best configuration"}
    return {str(case): str(case) for case in study.completed["case"].head(1)}


def _losses(study: StudyResults, curves: list[TermCurve]) -> Picture:
    examples = list(dict.fromkeys(curve.example.label for curve in curves))
    several = len(examples) > 1
    seeds = max(len(curve.example.trials) for curve in curves)
    whose = f"Loss terms of {examples[0]}"
    others = ", and of others where it lacks them, as named above the panels" if several else ""
    caption = (
        f"{whose}{others}, each before its weight, mean over the steps of an epoch. "
        f"Line: mean over {plural(seeds, 'seed')}; band: from the lowest to the highest. "
        f"{sentence(scale_words(study))}"
    )
    titles = {
        _title(study, curve)
        + (f"\n{shorten(curve.example.label, 40)}" if several else ""): curve.line
        for curve in curves
    }
    values = [curve.line.assign(term=curve.term, case=curve.example.label) for curve in curves]
    return Picture("losses", caption, terms_plot(titles), pd.concat(values))


def _title(study: StudyResults, curve: TermCurve) -> str:
    if curve.weights is None:
        return "total"
    name = term_words(curve.term, study.labels)
    low, high = map(plain, curve.weights)
    return f"{name} (weight {low if low == high else f'{low} to {high}'})"
