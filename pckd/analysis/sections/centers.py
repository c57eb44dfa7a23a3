"""Figure 1: the category centres of teacher and students."""

from collections.abc import Sequence
from itertools import product

import pandas as pd

from pckd.analysis.describing import kept_epoch, scale_words
from pckd.analysis.figures.heat_maps import HeatMaps, heat_maps_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.centers import center_numbers, class_order, cosines
from pckd.analysis.numbers.pictures import LookedAt, networks, shown_students, wanted_students
from pckd.analysis.parts import Paragraph, Part, Picture, Section, Table
from pckd.analysis.words import MISSING, number, sentence
from pckd.words import plural


def centers(study: StudyResults) -> Section | None:
    """Heat maps of the category centres; what is not there of the pictures is said here."""
    if not wanted_students(study):
        return None
    parts: list[Part] = [Paragraph(text, is_warning=True) for text in _warnings(study)]
    students = shown_students(study)
    if students:
        items = networks(students)
        numbers = center_numbers(items)
        parts += [_picture(study, items, students[0].class_names), _table(study, numbers)]
    return Section("Category centres", parts)


def _warnings(study: StudyResults) -> list[str]:
    kept, wanted = study.pictures, wanted_students(study)
    shown = len(shown_students(study))
    found = [f"Left out: {sentence_}." for sentence_ in kept.damaged]
    if kept.outdated:
        files = plural(kept.outdated, "picture file")
        found.append(f"{files} of earlier settings or students are left out.")
    if shown < wanted:
        found.append(
            f"Pictures of {shown} of {plural(wanted, 'student')} are shown. The others are not "
            "trained or not looked at yet (run the study again), are the fifth and further ones, "
            "or tell other classes apart."
        )
    return found


def _picture(study: StudyResults, items: Sequence[LookedAt], class_names: Sequence[str]) -> Picture:
    order = class_order(items[0].centers)
    maps = [
        HeatMaps(item.label, item.centers[order], cosines(item.centers)[order][:, order])
        for item in items
    ]
    values = pd.concat([_values(item, class_names) for item in items])
    caption = (
        "As the paper's Figure 1 (a), category centres: the rows of the last layer's weight, one a "
        "class. Above: the centres themselves; below: the cosine of each pair of them, the "
        f"diagonal of ones in grey. Classes are sorted alike in all panels, so that like centres "
        f"of {items[0].label} stand side by side; each row of panels has one scale, which at most "
        f"1 in 100 values exceeds. {setting_words(study)}"
    )
    names = [class_names[label] for label in order]
    return Picture("centers", caption, heat_maps_plot(maps, names), values)


def _values(item: LookedAt, class_names: Sequence[str]) -> pd.DataFrame:
    """The cosines of all pairs; the centres themselves are in the picture file."""
    pairs = list(product(class_names, repeat=2))
    frame = pd.DataFrame(pairs, columns=["class", "other"])
    return frame.assign(network=item.label, cosine=cosines(item.centers).ravel())


def _table(study: StudyResults, numbers: pd.DataFrame) -> Table:
    shown = pd.DataFrame(
        {
            "network": numbers["network"],
            "width": numbers["width"].map(str),
            "cosine, nearest other class": numbers["nearest_cosine"].map(number),
            "likeness to the teacher, r": numbers["correlation"].map(number),
            "cosine, teacher's same class": numbers["same_class_cosine"].map(number),
        }
    )
    caption = (
        "Category centres in numbers: the cosine of a centre with the nearest one of another "
        "class, mean over classes (smaller: further apart); r, the correlation of the cosines of "
        "all pairs of classes with the teacher's (1: the same relations between classes); and the "
        "cosine of a centre with the teacher's of the same class, mean over classes, where both "
        f"are as wide. {MISSING}: nothing to compare. "
        f"{setting_words(study)}"
    )
    return Table("center-numbers", caption, numbers, shown)


def setting_words(study: StudyResults) -> str:
    """The sentences that end a caption of pictures: one student each, and on what scale."""
    students = shown_students(study)
    pair = f" of {students[0].pair}" if students[0].pair else ""
    return (
        f"One student{pair} each (seed {students[0].seed}, weights of the {kept_epoch(study)} "
        f"epoch), so there is no interval. {sentence(scale_words(study))}"
    )
