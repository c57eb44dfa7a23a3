"""Figure 8: the penultimate features of teacher and students."""

from collections.abc import Sequence

import pandas as pd

from pckd.analysis.figures.embedding import Embedding, embedding_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.features import (
    NEIGHBOURS,
    SEED,
    embedding,
    feature_numbers,
    perplexity,
)
from pckd.analysis.numbers.pictures import LookedAt, networks, shown_students, wanted_students
from pckd.analysis.parts import Picture, Section, Table
from pckd.analysis.sections.centers import setting_words
from pckd.analysis.words import number, numbers_range, plain


def features(study: StudyResults) -> Section | None:
    """The features in the plane, and how well classes lie apart in numbers."""
    students = shown_students(study) if wanted_students(study) else []
    if not students:
        return None
    items = networks(students)
    numbers = feature_numbers(items)
    picture = _picture(study, items, numbers, students[0].class_names)
    return Section("Penultimate features", [picture, _table(study, numbers)])


def _picture(
    study: StudyResults,
    items: Sequence[LookedAt],
    numbers: pd.DataFrame,
    class_names: Sequence[str],
) -> Picture:
    seen = [
        Embedding(item.label, f"silhouette {value}", embedding(item.features), item.labels)
        for item, value in zip(items, numbers["silhouette"].map(number), strict=True)
    ]
    images = len(items[0].labels)
    classes = len(set(items[0].labels.tolist()))
    caption = (
        f"As the paper's Figure 8, penultimate features of {images:,} test images of {classes} "
        "classes in the plane, by t-SNE: Euclidean distance, perplexity "
        f"{plain(perplexity(images))}, from the principal components, seed {SEED}. Axes have no "
        "unit, and distances between clusters mean little: the silhouette (\N{MINUS SIGN}1 to 1) "
        f"is that of the features themselves. {setting_words(study)}"
    )
    values = pd.concat(
        [
            pd.DataFrame(item.places, columns=["x", "y"]).assign(
                network=network.label, label=item.labels
            )
            for network, item in zip(items, seen, strict=True)
        ]
    )
    names = values["label"].map(dict(enumerate(class_names)))
    figure = embedding_plot(seen, class_names)
    return Picture("features", caption, figure, values.assign(**{"class": names}))


def _table(study: StudyResults, numbers: pd.DataFrame) -> Table:
    shown = pd.DataFrame(
        {
            "network": numbers["network"],
            "width": numbers["width"].map(str),
            "silhouette": numbers["silhouette"].map(number),
            "nearest neighbours (%)": numbers["neighbours"].map(number),
        }
    )
    caption = (
        f"Penultimate features in numbers, on {numbers_range(numbers['images'])} test images and "
        "all dimensions, by Euclidean distance: mean silhouette, and the share of images whose "
        f"class most of their {NEIGHBOURS} nearest other images have. {setting_words(study)}"
    )
    return Table("feature-numbers", caption, numbers, shown)
