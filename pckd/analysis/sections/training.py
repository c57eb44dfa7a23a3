"""Learning curves and loss terms."""

import pandas as pd

from pckd.analysis.describing import basis, scale_words, selecting_images
from pckd.analysis.figures.epochs import terms_plot
from pckd.analysis.figures.learning import learning_plot
from pckd.analysis.figures.style import COLOURS
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.progress import (
    Example,
    example,
    learning_curves,
    loss_columns,
    over_seeds,
)
from pckd.analysis.numbers.ranking import completed, configurations
from pckd.analysis.parts import Part, Picture, Section
from pckd.analysis.settings import weight_of
from pckd.analysis.words import listing, plain, plural, sentence


def training(study: StudyResults) -> Section | None:
    """What happened from epoch to epoch."""
    if study.epochs.empty:
        return None
    found = example(study)
    parts: list[Part] = [_learning(study)]
    if found is not None:
        parts.append(_terms(study, found))
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


def _terms(study: StudyResults, found: Example) -> Picture:
    epochs = study.epochs[study.epochs["trial"].isin(found.trials)]
    columns = loss_columns(epochs)
    terms = {column: over_seeds(epochs, column) for column in columns}
    titles = {_title(study, found, column): terms[column] for column in columns}
    caption = (
        f"Loss terms of {found.label}, each before its weight, mean over the steps of an epoch. "
        f"Line: mean over {plural(len(found.trials), 'seed')}; band: from the lowest to the "
        f"highest. {sentence(scale_words(study))}"
    )
    values = pd.concat([line.assign(term=column) for column, line in terms.items()])
    return Picture("losses", caption, terms_plot(titles), values)


def _title(study: StudyResults, found: Example, column: str) -> str:
    term = column.removeprefix("loss_")
    if term == "total":
        return "total"
    settings = study.trials.loc[study.trials["trial"].isin(found.trials), "settings"].iloc[0]
    return f"{term.replace('_', ' ')} (weight {plain(weight_of(settings, term))})"
