"""`StudySpec`: a study file, validated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pckd.errors import InputError
from pckd.settings import Settings, near_misses, read_yaml, validate, with_changes
from pckd.study.pictures.config import PictureStage
from pckd.study.search_config import SearchConfig
from pckd.training.config import ModelName, RunConfig, Scale, changed_run
from pckd.transfer.protocols import ProbeStage

NAME = r"^[a-z0-9][a-z0-9_-]*$"
"""What the name of a study looks like."""

RESERVED = ("teachers", "runs", "networks")
"""Names below a results root that no study may take: teachers, single runs, and given networks."""

SMOKE = "-smoke"
"""What the name of a study ends with at smoke scale, and at no other."""


class Pair(Settings):
    """A teacher and a student."""

    teacher: ModelName | None = Field(
        None, description="architecture of the teacher; none where no case needs one"
    )
    student: ModelName = Field(description="architecture of the student")
    changes: dict[str, Any] = Field(
        default_factory=dict, description="keys of the run that differ for this pair alone"
    )

    def run_changes(self) -> dict[str, Any]:
        """What the pair changes in the run, by dotted key."""
        teacher = {} if self.teacher is None else {"teacher.model": self.teacher}
        return {**teacher, "student": self.student, **self.changes}


class Resources(Settings):
    """What one trial takes of the machines; it does not change the numbers."""

    workers: int = Field(1, ge=1, description="processes that train one student together")
    cpus_per_worker: int = Field(1, ge=1, description="CPU cores, and threads, of each")
    gpus_per_worker: float | Literal["auto"] = Field(
        0.0,
        description="GPU of each, 0 to 1; a share packs trials, auto measures the share they need",
    )
    bank_memory: float | None = Field(
        None,
        ge=0,
        description="GiB of each machine for what teachers say of views; half of it by default",
    )

    @field_validator("gpus_per_worker", mode="before")
    @classmethod
    def _share_or_auto(cls, value: object) -> object:
        if value != "auto" and not (isinstance(value, (int, float)) and 0 <= value <= 1):
            raise ValueError(f"{value!r} is neither a share of a GPU from 0 to 1 nor auto")
        return value

    @model_validator(mode="after")
    def _one_worker_is_measured(self) -> "Resources":
        if self.gpus_per_worker == "auto" and self.workers > 1:
            raise ValueError("gpus_per_worker auto is for one worker: several take a GPU each")
        return self

    @property
    def gpus(self) -> float:
        """GPUs of each worker; a share that has yet to be measured counts as a whole GPU."""
        return 1.0 if self.gpus_per_worker == "auto" else self.gpus_per_worker

    @property
    def bank_bytes(self) -> int | None:
        """`bank_memory` in bytes."""
        return None if self.bank_memory is None else int(self.bank_memory * 2**30)


class StudySpec(Settings):
    """A question with a plan of trials. Give one of cases, grid, vary_one and search, or none."""

    study: Annotated[str, Field(pattern=NAME, description="name")]
    source: str = Field("", description="the table or figure that this reproduces")
    run: dict[str, Any] = Field(description="the RunConfig that the plan starts from")
    cases: dict[str, dict[str, Any]] | None = Field(None, description="named changes")
    grid: dict[str, list[Any]] | None = Field(None, description="every combination")
    vary_one: dict[str, list[Any]] | None = Field(None, description="one key at a time")
    search: SearchConfig | None = Field(None, description="Optuna proposes")
    pairs: tuple[Pair, ...] = Field((), description="teacher-student pairs, times the plan")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="seeds, times the plan")
    resources: Resources = Field(
        default_factory=Resources, description="what one trial takes of the machines"
    )
    keep: Literal["last", "best", "none"] = Field(
        "last", description="the student that is kept: of the last or the best epoch, or none"
    )
    probe: ProbeStage | None = Field(None, description="starts when training is done")
    pictures: PictureStage | None = Field(None, description="likewise: Figures 1, 7 and 8")
    smoke: dict[str, Any] = Field(
        default_factory=dict, exclude=True, description="what --scale smoke changes, by dotted key"
    )

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_studies(cls, values: Any) -> Any:  # noqa: ANN401
        """Trials share what the teacher says; a searcher never sees the test images."""
        if not isinstance(values, dict) or not isinstance(values.get("run"), dict):
            return values
        defaults = {"bank": True, **({"protocol": "holdout"} if values.get("search") else {})}
        return {**values, "run": {**defaults, **values["run"]}}

    @field_validator("study")
    @classmethod
    def _free_name(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(f"{name!r} is reserved; choose another name")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> "StudySpec":
        plans = [name for name in ("cases", "grid", "vary_one", "search") if getattr(self, name)]
        if len(plans) > 1:
            raise ValueError(f"a study has one plan, not {' and '.join(plans)}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} repeat themselves")
        if "seed" in self.run:
            raise ValueError("run.seed is not for studies: list seeds under the key seeds")
        if self.search and self.search.parameters.keys() & {"protocol", "seed"}:
            raise ValueError("protocol and seed cannot be searched")
        if "scale" in self.planned_keys():
            raise ValueError("scale is the same for all trials of a study: see --scale")
        for pair in self.pairs:
            for key in pair.run_changes().keys() & self.planned_keys():
                raise ValueError(f"{key} is changed both by a pair and by the plan")
        if self.probe and self.keep == "none":
            raise ValueError("a probe needs the students: set keep to last or best")
        if self.pictures and self.keep == "none":
            raise ValueError("pictures need the students: set keep to last or best")
        if self.search and len(self.pairs) > 1:
            raise ValueError("a search takes one teacher-student pair: write a study for each")
        if self.search and self.run.get("protocol") != "holdout":
            raise ValueError(
                "search needs run.protocol holdout: a searcher must not see the test images"
            )
        return self

    @model_validator(mode="after")
    def _scale_in_the_name(self) -> "StudySpec":
        if self.study.endswith(SMOKE) and self.scale == "full":
            raise ValueError(f"{self.study}: names that end with {SMOKE} are for --scale smoke")
        if self.scale == "smoke" and not self.study.endswith(SMOKE):
            raise ValueError("scale cannot be smoke by itself: use --scale smoke")
        return self

    @property
    def scale(self) -> Scale:
        """The scale of all trials."""
        return "smoke" if self.run.get("scale") == "smoke" else "full"

    def planned_keys(self) -> set[str]:
        """The keys of the run that the plan sets, pairs apart."""
        of_cases = {key for changes in (self.cases or {}).values() for key in changes}
        searched = self.search.parameters if self.search else {}
        return of_cases.union(self.grid or {}, self.vary_one or {}, searched)

    def pair_changes(self) -> list[dict[str, Any]]:
        """The changes that each teacher-student pair makes; no change where none are listed."""
        return [pair.run_changes() for pair in self.pairs] or [{}]

    def probe_stage(self) -> ProbeStage | None:
        """The transfer stage; a target without a root lies where the run's images do.

        Raises:
            InputError: The run that the plan starts from is no valid one.
        """
        if self.probe is None:
            return None
        root = self.base_run(f"study {self.study}, run").data.root
        rooted = [
            target if target.root else target.model_copy(update={"root": root})
            for target in self.probe.data
        ]
        return self.probe.model_copy(update={"data": tuple(rooted)})

    def base_run(self, source: str) -> RunConfig:
        """The run that the plan starts from, with the first pair.

        Raises:
            InputError: It is no valid run; the sentence begins with `source`.
        """
        return self.run_config(self.pair_changes()[0], source)

    def run_config(self, changes: dict[str, Any], source: str) -> RunConfig:
        """The run with some keys changed.

        Raises:
            InputError: The result is no valid run; the sentence begins with `source`.
        """
        return validate(RunConfig, changed_run(self.run, changes), source)


def read_study(path: Path, changes: Mapping[str, Any], scale: Scale = "full") -> StudySpec:
    """Read a study file, with the changes of its smoke block and of `--set` applied to it.

    A key that the study itself does not have, such as loss.kd, means the run's.

    Args:
        path: The study file.
        changes: Of `--set`, by dotted key; they come last.
        scale: smoke takes the file's smoke block, and gives the study a name of its own, so that
            its results never lie among full ones.

    Raises:
        InputError: One sentence that names the file, the key, the value and what is allowed.
    """
    values = read_yaml(path)
    source = str(path)
    if scale == "smoke":
        source = f"{path} at smoke scale"
        values = _at_smoke_scale(values, path)
    spec = validate(StudySpec, _changed_study(values, changes), source)
    spec.base_run(f"{source}, run")
    return spec


def _at_smoke_scale(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    block = values.get("smoke")
    if not isinstance(block, Mapping) or not block:
        raise InputError(f"{path}: there is no smoke scale: the file has no block smoke")
    for key in ("study", "scale", "smoke"):
        if key in block:
            raise InputError(f"{path}: smoke.{key} cannot be changed: --scale smoke sets it")
    own = {"study": f"{values.get('study')}{SMOKE}", "scale": "smoke"}
    try:
        return _changed_study(values, {**block, **own})
    except InputError as error:
        raise InputError(f"{path}, smoke: {error}") from None


def _changed_study(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    of_run = {key: value for key, value in changes.items() if _is_run_key(key)}
    of_study = {key: value for key, value in changes.items() if not _is_run_key(key)}
    changed = with_changes(values, of_study)
    if isinstance(changed.get("run"), dict):
        changed["run"] = changed_run(changed["run"], of_run)
    return changed


def _is_run_key(key: str) -> bool:
    return key.partition(".")[0] in RunConfig.model_fields


def find_study_file(name: str) -> Path:
    """The study file that a command's FILE|NAME means: a path, or a name below ./studies.

    Raises:
        InputError: There is no such file.
    """
    given = Path(name)
    if given.suffix in (".yaml", ".yml") or "/" in name:
        if given.is_file():
            return given
        raise InputError(f"{name}: there is no such study file")
    path = Path("studies") / f"{name}.yaml"
    if path.is_file():
        return path
    known = sorted(file.stem for file in Path("studies").glob("*.yaml"))
    listed = f"; studies here: {', '.join(known)}" if known else ""
    raise InputError(f"there is no study file {path}{near_misses(name, known)}{listed}")
