"""Figure 6: how easy and hard samples are weighted over the epochs."""

import pandas as pd

from pckd.analysis.describing import scale_words
from pckd.analysis.figures.weights import WeightCurves, weights_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.epochs import Example, over_seeds, weighted_examples
from pckd.analysis.parts import Picture, Section
from pckd.analysis.words import listing, sentence
from pckd.words import plural


def weights(study: StudyResults) -> Section | None:
    """Mean weight of easy and hard samples, and the share of easy ones."""
    examples = weighted_examples(study)
    if not examples:
        return None
    seeds = max(len(found.trials) for found in examples)
    caption = (
        f"As the paper's Figure 6, for {listing([found.label for found in examples])}: (a) mean "
        "weight of the samples up to (easy) and above (hard) the threshold of Eq. 7; (b) the share "
        f"of easy ones. Line: mean over {plural(seeds, 'seed')}; band: from the lowest to the "
        f"highest. {sentence(scale_words(study))}"
    )
    curves = [_curves(study, found) for found in examples]
    values = pd.concat([_values(item) for item in curves])
    return Section("Sample weights", [Picture("weights", caption, weights_plot(curves), values)])


def _curves(study: StudyResults, found: Example) -> WeightCurves:
    epochs = study.epochs[study.epochs["trial"].isin(found.trials)]
    return WeightCurves(
        found.label,
        over_seeds(epochs, "easy_weight"),
        over_seeds(epochs, "hard_weight"),
        over_seeds(epochs, "easy_share"),
    )


def _values(item: WeightCurves) -> pd.DataFrame:
    lines = {
        "easy_weight": item.easy_weight,
        "hard_weight": item.hard_weight,
        "easy_share": item.easy_share,
    }
    named = [line.assign(case=item.label, quantity=name) for name, line in lines.items()]
    return pd.concat(named)
