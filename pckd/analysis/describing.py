"""Description of a study in words, for its header and for every caption."""

from pckd.analysis.loading import StudyResults
from pckd.analysis.paper import paper_scale
from pckd.analysis.settings import setting
from pckd.analysis.words import listing, number, numbers_range, plain

STATUSES = ("completed", "stopped", "failed", "running")


def unique(study: StudyResults, key: str) -> list[object]:
    """The values that a dotted key of the configuration takes, in the order of the trials."""
    values = [setting(settings, key) for settings in study.trials["settings"]]
    return list({plain(value): value for value in values}.values())


def selecting_images(study: StudyResults) -> str:
    """The images behind last and best accuracy: held-out, test, or both."""
    names = {"holdout": "held-out", "test": "test"}
    found = [names.get(str(name), str(name)) for name in study.trials["evaluated_on"].unique()]
    return listing(found) or "held-out"


def data_words(study: StudyResults) -> str:
    """`digits (classes 0 to 5), 972 training images`."""
    names = listing([plain(name) for name in unique(study, "data.name")])
    kept = [value for value in unique(study, "data.classes") if isinstance(value, list)]
    classes = f" ({listing([classes_words(item) for item in kept])})" if kept else ""
    images = study.trials["train_images"].dropna()
    return f"{names}{classes}, {numbers_range(images)} training images"


def classes_words(classes: list[int]) -> str:
    """`classes 0 to 5`, `class 3`; where there are gaps `classes 1, 4`, of many `10 classes`."""
    first, last, count = classes[0], classes[-1], len(classes)
    if count == 1:
        return f"class {first}"
    if count > 2 and classes == list(range(first, last + 1)):
        return f"classes {first} to {last}"
    return f"classes {plain(classes)}" if count < 5 else f"{count} classes"


def epochs_words(study: StudyResults) -> str:
    """`3 epochs`; a range where trials differ."""
    planned = study.trials["epochs_planned"].dropna()
    words = numbers_range(planned)
    return f"{words} epoch" if words == "1" else f"{words} epochs"


def seeds_words(study: StudyResults) -> str:
    """`seeds 0, 1 and 2`."""
    seeds = sorted({int(seed) for seed in study.trials["seed"]})
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listing([str(seed) for seed in seeds])}"


def scale_words(study: StudyResults) -> str:
    """`trained on digits, 1,347 training images, for 3 epochs, with seeds 0, 1 and 2`."""
    return f"trained on {data_words(study)}, for {epochs_words(study)}, with {seeds_words(study)}"


def scale_label(study: StudyResults) -> str:
    """`smoke scale`, which stands in every caption; empty at full scale."""
    return "" if study.scale == "full" else f"{study.scale} scale"


def labelled(study: StudyResults, caption: str) -> str:
    """A caption with the scale before it, if that is not full."""
    label = scale_label(study)
    return f"[{label}] {caption}" if label else caption


def first_case(study: StudyResults) -> str:
    """The case from which differences are taken, in words."""
    return "the pair's first case" if study.spec.get("pairs") else "the first case"


def kept_epoch(study: StudyResults) -> str:
    """The epoch whose weights students kept: `best` or `last`."""
    return "best" if study.spec.get("keep") == "best" else "last"


def kept_weights(study: StudyResults) -> str:
    """The weights that were tested: `last weights`, or those of the best epoch."""
    return "last weights" if kept_epoch(study) == "last" else "weights of the best epoch"


def accuracy_words(study: StudyResults) -> str:
    """The accuracy of the trained students, in words."""
    return f"top-1 accuracy on the test images with the {kept_weights(study)}"


def is_sequential(study: StudyResults) -> bool:
    """Return whether its cases took seeds until it was clear: plain intervals are too narrow."""
    return bool(study.spec.get("until_clear"))


def unadjusted(study: StudyResults, number_of: str) -> str:
    """The words that say for what plain intervals are not adjusted.

    Args:
        study: The study.
        number_of: What a table lists.
    """
    looks = ", nor for looking after each seed, as the verdicts are" * is_sequential(study)
    return f"not adjusted for the number of {number_of}{looks}"


def basis(study: StudyResults, accuracy: str) -> str:
    """The sentence that ends a caption: what is shown, on which data, budget and seeds."""
    return f"Shown is the {accuracy}; {scale_words(study)}."


def differences_from_paper(study: StudyResults) -> list[str]:
    """Differences between the study and the experiment that its source names."""
    data, scale = paper_scale(study.source)
    names = [str(name) for name in unique(study, "data.name")]
    images = study.trials["train_images"].dropna()
    classes = study.trials["num_classes"].dropna()
    a_class = numbers_range(images / classes)
    whole = number(scale.train_images, 0)
    paper_a_class = number(scale.train_images / scale.classes, 0)
    facts = {
        f"data: {listing(names)} instead of {data}": names != [data],
        f"classes: {numbers_range(classes)} of {scale.classes:,}": (classes != scale.classes).any(),
        f"training images: {numbers_range(images)} of {whole}, {a_class} a class instead of "
        f"{paper_a_class}": (images != scale.train_images).any(),
        f"epochs: {numbers_range(study.trials['epochs_planned'].dropna())} instead of "
        f"{scale.epochs}": (study.trials["epochs_planned"] != scale.epochs).any(),
        f"protocol: {listing([plain(name) for name in unique(study, 'protocol')])} instead of "
        "paper": unique(study, "protocol") != ["paper"],
        "scale: smoke": study.scale == "smoke",
    }
    return [words for words, differs in facts.items() if differs]


def status_counts(study: StudyResults) -> dict[str, int]:
    """Count the trials by status; statuses without trials are left out."""
    # A student without a teacher stands beside each teacher, and is one trial all the same.
    counts = study.trials.drop_duplicates("trial")["status"].value_counts()
    return {status: int(counts[status]) for status in STATUSES if status in counts}


def progress_words(study: StudyResults) -> str:
    """Progress of the study: trials by status, and those that have not started."""
    counts = status_counts(study)
    names = {"running": "running or interrupted", "stopped": "stopped early"}
    parts = [f"{count:,} {names.get(status, status)}" for status, count in counts.items()]
    missing = not_started(study)
    if missing and study.kind == "search":
        parts.append(f"{missing:,} not started (or proposed twice)")
    elif missing:
        parts.append(f"{missing:,} not started")
    return listing(parts) or "no trials"


def not_started(study: StudyResults) -> int:
    """Planned trials without a row; of a search, those that Optuna proposed twice among them."""
    planned = study.planned_trials
    return 0 if planned is None else max(0, planned - study.trials["trial"].nunique())


def is_unfinished(study: StudyResults) -> bool:
    """Return whether trials are missing, running or failed; early stopping is an end too."""
    ended = study.trials["status"].isin(["completed", "stopped"])
    return not_started(study) > 0 or not bool(ended.all())
