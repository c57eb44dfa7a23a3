"""Survey of a data set: splits, classes, sizes, modes, and anything odd about them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pckd.data.building import flaw_problems, label_problems, too_large
from pckd.data.catalogue import find_entry
from pckd.data.class_names import alike
from pckd.data.forms.base import RawData, RawSplit
from pckd.data.forms.files import is_system
from pckd.data.tracking import tracked
from pckd.data.words import listed
from pckd.survey.facts import ImageFacts, facts_of

SPLITS = ("training", "test")
"""Names of the splits in messages; data sets call them `train` and `test`."""

CHUNK = 64
"""Number of images that a thread examines at once."""

Place = tuple[str, str, object]
"""Place of an image: its split, its name, its label."""


@dataclass(frozen=True, slots=True, eq=False)
class SplitSurvey:
    """Findings in one split.

    Attributes:
        name: training or test.
        raw: Its images before decoding, and their labels.
        counts: Images of each class, by label.
        facts: Of each image.
    """

    name: str
    raw: RawSplit
    counts: Sequence[int]
    facts: Sequence[ImageFacts]

    def tally(self, attribute: str) -> dict[str, int]:
        """Count the images by a property, the most frequent value first."""
        values = Counter(str(getattr(facts, attribute)) for facts in self.facts)
        return {value: count for value, count in values.most_common() if value}

    def with_property(self, attribute: str) -> list[str]:
        """Return the names of the images that have a property."""
        return [
            name
            for name, facts in zip(self.raw.names, self.facts, strict=True)
            if getattr(facts, attribute)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Findings in a data set.

    Attributes:
        data: Its name.
        where: Where it lies.
        class_names: The position is the label.
        splits: Training and test images.
        problems: Why it cannot be used; nothing if it can.
        oddities: What is worth a look, though it can be used.
    """

    data: str
    where: str
    class_names: Sequence[str]
    splits: Sequence[SplitSurvey]
    problems: Sequence[str]
    oddities: Sequence[str]


def survey_data(
    name: str, root: Path | str | None, *, download: bool, image_size: int | None
) -> Survey:
    """Examine every image of a data set.

    Args:
        name: Of the catalogue.
        root: The folder or URI that holds it.
        download: Whether to fetch it if it is missing.
        image_size: Height and width that images are to be resized to, or None.

    Raises:
        InputError: There is no such name, nothing is found, or what is found is incomplete.
    """
    where, source = find_entry(name).locate(name, root, download)
    raw = source.read()
    splits = [
        _look_at(split_name, split, raw)
        for split_name, split in zip(SPLITS, (raw.train, raw.test), strict=True)
    ]
    problems = [problem for split in splits for problem in _problems(split, raw.class_names)]
    sizes = {size for split in splits for size in split.tally("size")}
    if image_size is None and len(sizes) > 1:
        problems.append(
            f"images have {len(sizes)} sizes ({listed(sorted(sizes))}): set data.image_size"
        )
    problems += too_large([*raw.train.contents, *raw.test.contents], image_size)
    if len(raw.class_names) == 1:
        problems.append("there is one class: a classifier needs two")
    used = {stamp.location for stamp in source.files}
    oddities = [
        *source.notices,
        *alike(raw.class_names),
        *_shared_images(splits),
        *_odd_properties(splits),
        *_passed_over(used),
    ]
    return Survey(name, where, raw.class_names, splits, problems, oddities)


def _look_at(name: str, split: RawSplit, raw: RawData) -> SplitSurvey:
    starts = range(0, len(split.contents), CHUNK)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        parts = pool.map(
            lambda start: [facts_of(content) for content in split.contents[start : start + CHUNK]],
            starts,
        )
        shown = tracked(parts, f"looking at {name} images", len(starts))
        facts = [facts for part in shown for facts in part]
    labels, classes = split.labels, len(raw.class_names)
    if labels.ndim == 2:
        counts = (labels == 1).sum(0)
    else:
        counts = np.bincount(labels[(labels >= 0) & (labels < classes)], minlength=classes)
    return SplitSurvey(name, split, counts.tolist(), facts)


def _problems(split: SplitSurvey, class_names: Sequence[str]) -> list[str]:
    flawed = [
        (name, facts.flaw)
        for name, facts in zip(split.raw.names, split.facts, strict=True)
        if facts.flaw is not None
    ]
    return [
        *label_problems(split.name, split.raw, class_names),
        *flaw_problems(f"{split.name} images", flawed),
    ]


def _odd_properties(splits: Sequence[SplitSurvey]) -> list[str]:
    said = {
        "is_transparent": "have transparent pixels, through which white shows",
        "is_turned": "are turned as their files say",
        "is_constant": "have a single colour",
        "is_profiled": "have a colour profile other than sRGB, which is not applied",
    }
    return [
        f"{len(names)} of {len(split.facts)} {split.name} images {text}: {listed(names)}"
        for split in splits
        for attribute, text in said.items()
        if (names := split.with_property(attribute))
    ]


def _shared_images(splits: Sequence[SplitSurvey]) -> list[str]:
    """List the images that occur in the data set more than once."""
    places: dict[str, list[Place]] = defaultdict(list)
    for split in splits:
        for name, label, facts in zip(
            split.raw.names, split.raw.labels.tolist(), split.facts, strict=True
        ):
            if facts.flaw is None:
                places[facts.digest].append((split.name, name, label))
    repeated = [found for found in places.values() if len(found) > 1]
    kinds: Mapping[str, list[str]] = {
        "the same image is for training and for testing": _first_two(repeated, 0),
        "the same image has two labels": _first_two(repeated, 2),
        "the same image stands there more than once": [_pair(found) for found in repeated],
    }
    return [
        f"{text}: {pairs[0]}" + (f", and {len(pairs) - 1} more" if pairs[1:] else "")
        for text, pairs in kinds.items()
        if pairs
    ]


def _first_two(repeated: Sequence[Sequence[Place]], part: int) -> list[str]:
    """Return the images whose places differ in a part: 0 the split, 2 the label."""
    pairs = []
    for found in repeated:
        others = [place for place in found if place[part] != found[0][part]]
        if others:
            pairs.append(_pair([found[0], others[0]]))
    return pairs


def _pair(found: Sequence[Place]) -> str:
    return f"{found[0][1]} and {found[1][1]}"


def _passed_over(used: set[str]) -> list[str]:
    """List the files that lie beside the used ones and are not used."""
    folders = {Path(location).parent for location in used if Path(location).is_absolute()}
    others = [
        file
        for folder in sorted(folders)
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.is_file() and str(file) not in used and not is_system(file.name)
    ]
    if not others:
        return []
    kinds = Counter(file.suffix or "no ending" for file in others)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return [f"{len(others)} files are passed over ({counts}), such as {others[0]}"]
