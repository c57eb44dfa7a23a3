"""The result tables: every column with its type and meaning, versioned.

`pckd.study.results_page` makes the page docs/results.md of them.
"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel, RootModel

from pckd.training.config import RunConfig

VERSION = 2
"""Version of all tables; goes up when a column changes its meaning or goes away."""

TIME = pa.timestamp("us", tz="UTC")
TEXT, INTEGER, REAL = pa.string(), pa.int64(), pa.float64()

Column = tuple[str, pa.DataType, str]

PARAMETERS = pa.list_(
    pa.struct(
        [("term", TEXT), ("label", TEXT), ("parameter", TEXT), ("value", REAL), ("text", TEXT)]
    )
)

TRIAL_COLUMNS: list[Column] = [
    ("study", TEXT, "name of the study"),
    ("trial", TEXT, "identity: hash of what is computed, with which images, code and seed"),
    ("case", TEXT, "name of the case, or the changed keys and values"),
    ("changes", TEXT, "JSON: the keys of the configuration that the plan sets, with their values"),
    ("method", TEXT, "name of the preset that the loss starts from"),
    (
        "terms",
        PARAMETERS,
        "each term that is on, with its name in figures: its parameters, the weight among them; "
        "value is null where a parameter is no number",
    ),
    ("seed", INTEGER, "of the student's weights and of the stream of views"),
    ("status", TEXT, "running (also when interrupted), completed, stopped or failed"),
    ("reason", TEXT, "why the trial was stopped or failed"),
    ("stop_rule", TEXT, "JSON: the rule by which the trial was stopped early; null otherwise"),
    ("notices", TEXT, "messages for the user, such as that a term does not apply"),
    ("epochs_planned", INTEGER, "full budget"),
    ("epochs_done", INTEGER, "budget spent"),
    ("evaluated_on", TEXT, "images behind last and best: holdout, or test (protocol paper)"),
    ("last_top1", REAL, "percent, after the last epoch done"),
    ("last_top5", REAL, "percent, after the last epoch done"),
    ("best_top1", REAL, "percent, the best of all epochs done"),
    ("best_epoch", INTEGER, "the first epoch that reached it"),
    ("test_top1", REAL, "percent, of the trained student on the test images, measured once"),
    ("test_top5", REAL, "percent, likewise"),
    ("network", TEXT, "content hash of the student that was kept, 64 hexadecimal digits"),
    ("teacher", TEXT, "content hash of the teacher, 64 hexadecimal digits"),
    ("teacher_test_top1", REAL, "percent, on the test images of the trial"),
    (
        "data_fingerprint",
        TEXT,
        "of pixels, labels and class names; names and sizes of files if they are streamed",
    ),
    ("train_images", INTEGER, "after limits and held-out split"),
    ("num_classes", INTEGER, "classes that the labels count"),
    ("started", TIME, "when the trial first ran"),
    ("updated", TIME, "when this row was written"),
    ("seconds", REAL, "of all epochs, without interruptions"),
    ("device", TEXT, "cpu or the name of the GPU"),
    ("host", TEXT, "name of the machine"),
    ("workers", INTEGER, "processes that trained together"),
    ("threads", INTEGER, "CPU threads of each"),
    ("code_version", TEXT, "hash of the code that all runs share and that decides numbers"),
    ("pckd", TEXT, "version"),
    ("torch", TEXT, "version"),
    ("python", TEXT, "version"),
    ("config", TEXT, "JSON: the whole RunConfig, from which the trial can be repeated"),
]

TERMS = pa.list_(pa.struct([("term", TEXT), ("weight", REAL), ("loss", REAL)]))

EPOCH_COLUMNS: list[Column] = [
    ("study", TEXT, "name of the study"),
    ("trial", TEXT, "identity of the trial"),
    ("epoch", INTEGER, "from 1"),
    ("evaluated_on", TEXT, "images behind top1 and top5: holdout, or test (protocol paper)"),
    ("top1", REAL, "percent"),
    ("top5", REAL, "percent"),
    ("loss_total", REAL, "weighted sum of the terms, mean over the steps of the epoch"),
    ("terms", TERMS, "each term that is on: its weight in this epoch, its mean without the weight"),
    ("learning_rate", REAL, "of SGD"),
    ("threshold", REAL, "t of Eq. 7"),
    ("easy_share", REAL, "percent of samples up to the threshold"),
    ("easy_weight", REAL, "mean weight of easy samples; null if there were none"),
    ("hard_weight", REAL, "mean weight of hard samples; null if there were none"),
    ("seconds", REAL, "of training and evaluation"),
    ("images_per_second", REAL, "training images, before their rotated copies"),
]

PROBE_COLUMNS: list[Column] = [
    ("study", TEXT, "name of the study"),
    ("probe", TEXT, "identity: hash of network, target, protocol and seed"),
    (
        "trial",
        TEXT,
        "identity of the run that trained the network; the file's name of a foreign one",
    ),
    ("role", TEXT, "student or teacher of the study; network: it was given as a file"),
    ("model", TEXT, "architecture of the network"),
    ("case", TEXT, "of the student's trial"),
    ("student_seed", INTEGER, "seed of the student's trial; null for a teacher"),
    ("network", TEXT, "content hash of the network"),
    ("data", TEXT, "name of the target data set"),
    ("classes", TEXT, "JSON: the target's classes, null if all"),
    ("data_fingerprint", TEXT, "of the target"),
    ("protocol", TEXT, "name of the protocol and its version"),
    ("seed", INTEGER, "of the probe"),
    ("top1", REAL, "percent, on the target's test images; null for a multi-label target"),
    (
        "mean_average_precision",
        REAL,
        "percent, over the classes of a multi-label target, without interpolation; null for others",
    ),
    ("train_images", INTEGER, "of the target"),
    ("test_images", INTEGER, "of the target"),
    ("weight_decay", REAL, "of the linear classifier, as used"),
    ("seconds", REAL, "features and classifier"),
    ("features_file", TEXT, "file of the cache, PCKD_CACHE, that keeps the features"),
    ("updated", TIME, "when this row was written"),
]

PLAN_COLUMNS: list[Column] = [
    ("study", TEXT, "name of the study"),
    ("trial", TEXT, "identity of the trial that is meant; null where the pair leaves the case out"),
    ("pair", TEXT, "name of the teacher-student pair; empty where the study lists none"),
    ("teacher_model", TEXT, "architecture of the pair's teacher; null without one"),
    ("student_model", TEXT, "architecture of the student"),
    ("case", TEXT, "name of the case, or the changed keys and values"),
    ("space", TEXT, "where each case is searched: the case whose search proposed it"),
    ("position", INTEGER, "of the case in the plan, or of a search's proposal, from 0"),
    ("seed", INTEGER, "of the trial"),
    ("changes", TEXT, "JSON: the keys that the case changes, with their values; not the pair's"),
    ("is_default", pa.bool_(), "of vary_one: every key has the value of the study file's run"),
]

VERDICT_COLUMNS: list[Column] = [
    ("study", TEXT, "name of the study"),
    ("verdict", TEXT, "identity: hash of what is compared"),
    ("candidate", TEXT, "name of its case"),
    ("reference", TEXT, "name of its case"),
    ("pair", TEXT, "name of the teacher-student pair; null where the study lists none"),
    ("teacher_model", TEXT, "architecture of the candidate's teacher"),
    ("student_model", TEXT, "architecture of the students"),
    ("name", TEXT, "better, worse, no difference, not clear, or go on: not settled yet"),
    ("sentence", TEXT, "the verdict in words"),
    ("reason", TEXT, "why no more seeds come although nothing is settled"),
    ("estimate", REAL, "points of test top-1, candidate minus reference, for early stopping"),
    (
        "low",
        REAL,
        "points, lower end of the repeated confidence interval; null where it is infinite",
    ),
    ("high", REAL, "points, upper end"),
    ("deviation", REAL, "points, standard deviation of the differences"),
    ("seeds", INTEGER, "differences that were used"),
    ("first_seed", INTEGER, "their seeds follow each other from here"),
    ("differences", pa.list_(REAL), "points, in the order of seeds"),
    ("smallest_difference", REAL, "points that would matter"),
    ("level", REAL, "probability of a false verdict over the whole study"),
    ("comparisons", INTEGER, "that share the level equally"),
    ("at_least", INTEGER, "seeds before the first look"),
    ("at_most", INTEGER, "seeds at the last look"),
    ("updated", TIME, "when this row was written"),
]


def _keys_of(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any, str]]:
    """The settings of a class with their types and descriptions, but for those of the loss."""
    for name, entry in model.model_fields.items():
        kind = _without_none(entry.annotation)
        if isinstance(kind, type) and issubclass(kind, RootModel):
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys_of(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind, entry.description or ""


def _without_none(annotation: Any) -> Any:  # noqa: ANN401
    if get_origin(annotation) in (Union, types.UnionType):
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def _arrow_type(kind: Any) -> pa.DataType:  # noqa: ANN401
    if get_origin(kind) is Annotated:
        return _arrow_type(get_args(kind)[0])
    if get_origin(kind) is tuple:
        return pa.list_(_arrow_type(get_args(kind)[0]))
    if get_origin(kind) is Literal:
        return TEXT
    return {bool: pa.bool_(), int: INTEGER, float: REAL, str: TEXT}[kind]


CONFIG_COLUMNS: list[Column] = [
    (name, _arrow_type(kind), description)
    for name, kind, description in _keys_of(RunConfig, "config.")
]
"""List one column for each leaf of `RunConfig`."""


def _schema(table: str, columns: list[Column]) -> pa.Schema:
    entries = [pa.field(name, kind, metadata={"about": about}) for name, kind, about in columns]
    return pa.schema(entries, metadata={"pckd.table": table, "pckd.version": str(VERSION)})


SCHEMAS: dict[str, pa.Schema] = {
    "trials": _schema("trials", TRIAL_COLUMNS + CONFIG_COLUMNS),
    "epochs": _schema("epochs", EPOCH_COLUMNS),
    "probes": _schema("probes", PROBE_COLUMNS),
    "plan": _schema("plan", PLAN_COLUMNS),
    "verdicts": _schema("verdicts", VERDICT_COLUMNS),
}

KEYS = {
    "trials": "trial",
    "epochs": "trial",
    "probes": "probe",
    "plan": "trial",
    "verdicts": "verdict",
}
"""The column that says to which trial, probe or verdict a row belongs; it names the row's file, but
for the plan's, which `pckd.study.plan_table` writes."""
