"""Figure 7: the easiest and hardest images of a class, and what they count."""

from collections.abc import Iterator, Sequence

import pandas as pd

from pckd.analysis.figures.examples import ExampleRow, examples_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.pictures import shown_students, wanted_students
from pckd.analysis.parts import Paragraph, Picture, Section
from pckd.analysis.pictures import StudentPictures
from pckd.analysis.sections.centers import setting_words
from pckd.analysis.words import listing, number

TITLE = "Easiest and hardest images"


def examples(study: StudyResults) -> Section | None:
    """The images of the students that weight their samples."""
    students = shown_students(study) if wanted_students(study) else []
    if not students:
        return None
    weighted = [item for item in students if str(item.arrays["strategy"]) != "none"]
    if not weighted:
        text = "No student that was looked at weights its samples: every weight is 1."
        return Section(TITLE, [Paragraph(text)])
    return Section(TITLE, [_picture(study, weighted)])


def _picture(study: StudyResults, students: Sequence[StudentPictures]) -> Picture:
    arrays = students[0].arrays
    name = students[0].class_names[int(arrays["example_label"])]
    shares = listing([_share_words(item) for item in students])
    caption = (
        f"As the paper's Figure 7, training images of the class '{name}': the easiest and the "
        "hardest for the trained student, with the weight v that they have at the threshold of "
        "the last epoch, and their difficulty \N{GREEK SMALL LETTER GAMMA} (Eq. 5): the cross "
        "entropy of the image as it is, the student in eval mode, over the mean of "
        f"{int(arrays['mean_images']):,} training images of all classes instead of that of a "
        f"batch. Frames are blue up to the threshold and vermillion above it: {shares}. "
        f"{setting_words(study)}"
    )
    rows = [row for item in students for row in _rows(item, with_case=len(students) > 1)]
    values = pd.concat([_values(item) for item in students])
    return Picture("examples", caption, examples_plot(rows), values)


def _rows(item: StudentPictures, *, with_case: bool) -> Iterator[ExampleRow]:
    arrays, case = item.arrays, f"{item.case}: " if with_case else ""
    count = len(arrays["example_images"]) // 2
    for name, part in (("easiest", slice(0, count)), ("hardest", slice(-count, None))):
        yield ExampleRow(
            title=f"{case}{name}",
            images=arrays["example_images"][part],
            difficulties=arrays["example_difficulty"][part].tolist(),
            weights=arrays["example_weight"][part].tolist(),
            threshold=float(arrays["threshold"]),
        )


def _share_words(item: StudentPictures) -> str:
    gamma, easy = item.arrays["example_difficulty"], float(item.arrays["threshold"])
    return (
        f"{int((gamma > easy).sum()):,} of all {len(gamma):,} images of the class are above "
        f"{number(easy)} ({item.case})"
    )


def _values(item: StudentPictures) -> pd.DataFrame:
    """All training images of the class, the easiest first."""
    arrays = item.arrays
    return pd.DataFrame(
        {
            "case": item.case,
            "position": arrays["example_positions"],
            "difficulty": arrays["example_difficulty"],
            "weight": arrays["example_weight"],
            "is_easy": arrays["example_difficulty"] <= float(arrays["threshold"]),
        }
    )
